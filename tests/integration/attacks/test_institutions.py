"""A custodian against its own patients, an institution against another, a guardian against time, staff on paper.

What such a key can do by right is public, with its name on it: each test that succeeds says in which event.
"""

from hashlib import sha256

import msgspec
from coincurve import PrivateKey

from ledger.domain import events
from ledger.domain.accesses import pack_entries
from ledger.domain.acts import Accesses, Anchoring, InstitutionAdmission
from ledger.domain.vocabulary import FOREVER, Capacity
from ledger.transparency.tree import Tree
from tests.support.scene import Patient, fresh
from tests.support.stage import Attempt, Stage

FORM = b"\x0f" * 32


def leaf(number: int) -> bytes:
    """A leaf hash."""
    return sha256(b"\x00entry %d" % number).digest()


def anchoring(log: bytes, tree: Tree, size: int, since: int) -> Anchoring:
    """The unsigned head of a tree at a size, with the proof that it extends the one at ``since``."""
    proof = tree.consistency_proof(since, size) if 0 < since < size else []
    return Anchoring(log=log, size=size, root=tree.root(size), proof=tuple(proof), accesses=())


def test_a_wrong_first_signer_is_public_and_the_custodians(guarded: Stage):
    """The custodian names whom it likes, once a subject. Whoever reads the event sees the custodian and the key."""
    invented = Patient()
    act = guarded.scene.enrolment(invented, first_signer=guarded.signer("custodian"))
    [event] = guarded.send("custodian", act).events
    assert (event.custodian, event.signer) == (guarded.scene.institution, guarded.signer("custodian"))


def test_a_subject_is_enrolled_once_whoever_comes_second(guarded: Stage):
    for scene in (guarded.scene, guarded.other):
        again = scene.enrolment(Patient(guarded.victim.subject, PrivateKey()))
        attempt = guarded.send("stranger", again)
        assert (attempt.changed_nothing, attempt.refusal) == (True, "ConsentRegistry__SubjectKnown")


def test_another_institution_cannot_enrol_in_the_custodians_name(guarded: Stage):
    act = msgspec.structs.replace(guarded.scene.enrolment(Patient()), signature=b"")
    attempt = guarded.send("other institution", guarded.signed(act, "other institution"))
    assert (attempt.changed_nothing, attempt.refusal) == (True, "ConsentRegistry__BadSignature")


def test_staff_sign_in_their_own_capacity_with_a_form_for_all_to_see(guarded: Stage):
    scene, victim = guarded.scene, guarded.victim
    act = scene.consent(victim, signer=guarded.signer("staff"))
    attempt = guarded.send("custodian", guarded.signed(act, "staff"))
    assert (attempt.changed_nothing, attempt.refusal) == (True, "ConsentRegistry__FormMissing")
    act = msgspec.structs.replace(act, form=FORM)
    [event] = guarded.send("custodian", guarded.signed(act, "staff")).events
    assert (event.capacity, event.form, event.signer) == (Capacity.STAFF, FORM, guarded.signer("staff"))
    assert guarded.send("custodian", scene.withdrawal(victim, act.id)).events, "and the patient can end it"


def test_a_guardian_before_and_after_the_window_is_nobody(guarded: Stage):
    scene, victim = guarded.scene, guarded.victim
    for name in ("guardian of the past", "guardian to come", "removed proxy"):
        for act in (
            scene.consent(victim, signer=guarded.signer(name)),
            msgspec.structs.replace(scene.withdrawal(victim, guarded.permit.id), signer=guarded.signer(name)),
            msgspec.structs.replace(scene.withdrawal_of_all(victim), signer=guarded.signer(name)),
        ):
            attempt = guarded.send(name, guarded.signed(act, name))
            assert (attempt.changed_nothing, attempt.refusal) == (True, "ConsentRegistry__NoAuthority")


def test_a_guardians_consent_ends_with_the_authority_even_if_the_scope_says_forever(guarded: Stage):
    end = guarded.scene.now + 86_400
    ward, guardian = Patient(), Patient()
    enrolment = guarded.scene.enrolment(ward, first_signer=guardian.signer, capacity=int(Capacity.GUARDIAN), until=end)
    guarded.scene.must(enrolment)
    act = guarded.scene.signed(guarded.scene.consent(ward, signer=guardian.signer), guardian)
    [event] = guarded.send("stranger", act).events
    assert (event.valid_until, event.scope.valid_until) == (end, FOREVER)


def test_an_institution_cannot_fork_shorten_or_repeat_its_own_log(guarded: Stage):
    """Only what extends the anchored head is taken; which head stands, its institution signed."""
    log, honest, forged = fresh(), Tree(), Tree()
    signer = guarded.signer("custodian")
    guarded.scene.must(InstitutionAdmission(id=log, name="its second log", signer=signer))
    for number in range(5):
        honest.append(leaf(number))
        forged.append(leaf(number if number != 2 else 99))

    def send(act: Anchoring) -> Attempt:
        return guarded.send("custodian", guarded.signed(act, "custodian"))

    [head] = send(anchoring(log, honest, 3, 0)).events
    assert (head.log, head.size, head.previous_size) == (log, 3, 0)
    for act in (
        anchoring(log, forged, 5, 3),
        anchoring(log, forged, 3, 3),
        anchoring(log, honest, 2, 2),
        anchoring(log, honest, 3, 3),
        msgspec.structs.replace(anchoring(log, honest, 5, 3), proof=()),
        msgspec.structs.replace(anchoring(log, honest, 5, 3), root=fresh()),
    ):
        assert send(act).changed_nothing
    [head] = send(anchoring(log, honest, 5, 3)).events
    assert (head.size, head.previous_size, head.root) == (5, 3, honest.root(5))


def test_accesses_come_only_with_a_head_and_for_registered_engines(guarded: Stage):
    log, tree = fresh(), Tree()
    guarded.scene.must(InstitutionAdmission(id=log, name="its second log", signer=guarded.signer("custodian")))
    tree.append(leaf(0))
    entries = pack_entries([(0, leaf(0))])
    accesses = Accesses(study=guarded.scene.study, engine=guarded.scene.engine, entries=entries)
    for wrong in (
        msgspec.structs.replace(accesses, engine=fresh()),
        msgspec.structs.replace(accesses, entries=pack_entries([(1, leaf(0))])),
        msgspec.structs.replace(accesses, entries=entries + entries),
        msgspec.structs.replace(accesses, entries=entries[:39]),
        msgspec.structs.replace(accesses, entries=b""),
    ):
        act = msgspec.structs.replace(anchoring(log, tree, 1, 0), accesses=(wrong,))
        assert guarded.send("custodian", guarded.signed(act, "custodian")).changed_nothing
    act = msgspec.structs.replace(anchoring(log, tree, 1, 0), accesses=(accesses,))
    head, recorded = guarded.send("relayer", guarded.signed(act, "custodian")).events
    assert isinstance(head, events.HeadAnchored)
    assert (recorded.log, recorded.engine, recorded.entries) == (log, guarded.scene.engine, entries)


def test_an_institution_cannot_write_into_anothers_log_or_use_its_engine_for_a_study(guarded: Stage):
    tree = Tree()
    tree.append(leaf(0))
    act = anchoring(guarded.other.institution, tree, 1, 0)
    assert guarded.send("custodian", guarded.signed(act, "custodian")).refusal == "AuditAnchor__BadSignature"
    answer = guarded.ask(guarded.scene.request(engine=guarded.other.engine))
    assert answer.reason.code == "engine_of_another_institution"
