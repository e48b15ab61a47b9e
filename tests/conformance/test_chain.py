"""The ports ChainReader, ChainWriter and SignatureChecker, held on every chain that we run on."""

import contextlib
import itertools
import time

import msgspec
import pytest
import rlp
from coincurve import PrivateKey
from eth_utils import keccak
from trie import HexaryTrie

from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.node import NonceTaken, Reverted
from ledger.chain.opening import Chain, deploy_rpc, open_embedded, open_rpc
from ledger.chain.rpc import RpcNode
from ledger.domain import events
from ledger.domain.accesses import pack_entries
from ledger.domain.acts import (
    Accesses,
    Anchoring,
    EngineRevocation,
    InstitutionAdmission,
    InstitutionSuspension,
    SignerAddition,
    SignerRemoval,
    StudyProposal,
)
from ledger.domain.consent import pack_diseases
from ledger.domain.decision import Outcome, Reason
from ledger.domain.vocabulary import FOREVER, Purpose, Use
from ledger.errors import BadSignature, ConfigurationError, InvalidInput, LedgerUnreachable, MirrorDiverged, NotFound
from ledger.verify.mpt import read_trie
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.scene import NOTHING, Patient, Scene, any_scope, fresh


class SystemClock:
    def now(self) -> int:
        return int(time.time())


@pytest.fixture(scope="module", params=["embedded", "anvil"])
def home_and_chain(request, tmp_path_factory):
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        chain = open_embedded(home, SystemClock())
        yield home, chain
        chain.close()
        return
    if find_anvil() is None:
        pytest.skip(MISSING)
    anvil = Anvil(home / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, home, SystemClock())
    yield home, chain
    chain.close()
    anvil.stop()


@pytest.fixture(scope="module")
def chain(home_and_chain) -> Chain:
    return home_and_chain[1]


@pytest.fixture(scope="module")
def scene(chain) -> Scene:
    return Scene(chain, chain.reader.head().timestamp).found()


@pytest.fixture
def patient(scene) -> Patient:
    patient = Patient()
    scene.must(scene.enrolment(patient))
    return patient


def events_in(chain, outcome):
    return [logged.event for logged in chain.reader.events_of(outcome.block_hash)]


def test_blocks_are_linked_and_asked_for_in_every_way(chain, scene):
    head = chain.reader.head()
    blocks = chain.reader.blocks(0, head.number)
    assert [block.number for block in blocks] == list(range(head.number + 1))
    assert all(child.parent == parent.hash for parent, child in itertools.pairwise(blocks))
    assert all(child.timestamp >= parent.timestamp for parent, child in itertools.pairwise(blocks))
    assert blocks[-1] == head == chain.reader.block(head.number) == chain.reader.block_by_hash(head.hash)
    assert 0 < chain.reader.first_block <= head.number


def test_what_is_not_there_is_not_found(chain):
    with pytest.raises(NotFound):
        chain.reader.block(10**6)
    with pytest.raises(NotFound):
        chain.reader.block_by_hash(fresh())
    with pytest.raises(NotFound):
        chain.reader.events_of(fresh())
    with pytest.raises(NotFound):
        chain.reader.receipt_proof(fresh())
    with pytest.raises(NotFound):
        chain.reader.header(10**6)
    assert chain.writer.outcome(fresh()) is None


def test_headers_hash_to_their_block(chain, scene):
    for block in chain.reader.blocks(0, chain.reader.head().number):
        header = chain.reader.header(block.number)
        assert keccak(header) == block.hash
        assert rlp.decode(header)[0] == block.parent


def test_founding_events_say_what_was_done(chain, scene):
    found = [logged.event for logged in chain.reader.events_between(0, chain.reader.head().number)]
    admitted = next(e for e in found if isinstance(e, events.InstitutionAdmitted) and e.id == scene.institution)
    assert (admitted.name, admitted.signer, admitted.number) == ("Krankenhaus Süd", scene.institution_key, 1)
    proposed = next(e for e in found if isinstance(e, events.StudyProposed) and e.id == scene.study)
    assert proposed.title == "Survival under treatment \N{GREEK SMALL LETTER ALPHA}"
    assert (proposed.uses, proposed.required_terms, proposed.diseases) == (1, 1, ())
    states = [e.state for e in found if isinstance(e, events.StudyStateChanged) and e.id == scene.study]
    assert states == [2, 3]
    assert any(isinstance(e, events.EngineRegistered) and e.name == "OpenDP" for e in found)
    assert any(isinstance(e, events.TermsPublished) and e.uri == "terms/1" for e in found)


def test_a_grant_is_read_back_and_decided_and_withdrawn(chain, scene, patient):
    scope = any_scope(scene.terms, purposes=Purpose.DS | Purpose.HMB, diseases=pack_diseases([5233, 4992]), data_from=7)
    act = scene.consent(patient, scope=scope)
    chain.checker.check(act, patient.signer)
    transmission, outcome = scene.must(act)
    [recorded] = events_in(chain, outcome)
    assert recorded == events.ConsentRecorded(
        patient.subject, act.id, chain.writer.digest(act), 1, scope, FOREVER, 1, NOTHING, patient.signer
    )
    [logged] = chain.reader.events_of(outcome.block_hash)
    assert (logged.transaction, logged.block_hash, logged.log_index) == (transmission.hash, outcome.block_hash, 0)
    at = scene.now + 1000
    decision = chain.reader.decide(patient.subject, [act.id], scene.request(data_from=8), at)
    assert decision.reason is Reason.NOT_COVERED  # the study is general, the consent is for diseases
    broad = scene.consent(patient)
    scene.must(broad)
    both = [act.id, broad.id]
    decision = chain.reader.decide(patient.subject, both, scene.request(), at)
    assert (decision.outcome, decision.consent, decision.version) == (Outcome.PERMIT, broad.id, 1)
    before = chain.reader.head().number
    _, outcome = scene.must(scene.withdrawal(patient, broad.id))
    [withdrawn] = events_in(chain, outcome)
    assert (withdrawn.id, withdrawn.version, withdrawn.signer) == (broad.id, 1, patient.signer)
    assert chain.reader.decide(patient.subject, [act.id], scene.request(), at).outcome is Outcome.DENY
    assert chain.reader.decide(patient.subject, both, scene.request(), at, before).outcome is Outcome.PERMIT


def test_the_contract_gives_no_answer_from_other_consents_than_it_holds(chain, scene, patient):
    acts = [scene.consent(patient) for _ in range(2)]
    scene.must(*acts)
    ids = [act.id for act in acts]
    for wrong in ([], ids[:1], [ids[0], ids[0]], [ids[0], fresh()], [*ids, fresh()]):
        with pytest.raises(MirrorDiverged, match="other live consents"):
            chain.reader.decide(patient.subject, wrong, scene.request(), scene.now)
    assert chain.reader.decide(patient.subject, ids, scene.request(), scene.now).outcome is Outcome.PERMIT


def test_a_withdrawal_of_all_ends_every_consent_with_one_event(chain, scene, patient):
    acts = [scene.consent(patient) for _ in range(3)]
    scene.must(*acts)
    _, outcome = scene.must(scene.withdrawal_of_all(patient))
    [ended] = events_in(chain, outcome)
    assert (type(ended), ended.subject) == (events.AllWithdrawn, patient.subject)
    decision = chain.reader.decide(patient.subject, [], scene.request(), scene.now)
    assert decision.reason is Reason.NO_CONSENT


def test_an_unknown_subject_has_no_consent(chain, scene):
    decision = chain.reader.decide(fresh(), [], scene.request(), scene.now)
    assert (decision.reason, decision.consent, decision.version) == (Reason.SUBJECT_UNKNOWN, None, 0)
    assert decision.valid_until == FOREVER


def test_a_bad_act_in_a_batch_is_named_and_leaves_the_others(chain, scene):
    patients = [Patient() for _ in range(5)]
    scene.must(*[scene.enrolment(patient) for patient in patients])
    acts = [scene.consent(patient) for patient in patients]
    acts[2] = msgspec.structs.replace(acts[2], signature=acts[3].signature)
    acts[4] = scene.consent(patients[4], issued_at=0, deadline=1)
    _, outcome = scene.carry(*acts)
    assert outcome.succeeded
    assert outcome.refused == {
        chain.writer.digest(acts[2]): "ConsentRegistry__BadSignature",
        chain.writer.digest(acts[4]): "ConsentRegistry__DeadlinePassed",
    }
    kinds = [type(event).__name__ for event in events_in(chain, outcome)]
    assert kinds == ["ConsentRecorded", "ConsentRecorded", "ActRefused", "ConsentRecorded", "ActRefused"]


def test_signers_come_and_go_and_all_can_be_withdrawn(chain, scene, patient):
    guardian = Patient()
    addition = SignerAddition(
        subject=patient.subject,
        id=fresh(),
        new_signer=guardian.signer,
        capacity=2,
        since=0,
        until=scene.now + 5000,
        form=NOTHING,
        deadline=scene.deadline,
        signer=patient.signer,
    )
    _, outcome = scene.must(scene.signed(addition, patient))
    [added] = events_in(chain, outcome)
    assert (added.signer, added.capacity, added.until, added.by) == (
        guardian.signer,
        2,
        scene.now + 5000,
        patient.signer,
    )
    act = scene.signed(scene.consent(patient, signer=guardian.signer), guardian)
    _, outcome = scene.must(act)
    [recorded] = events_in(chain, outcome)
    assert (recorded.valid_until, recorded.scope.valid_until) == (scene.now + 5000, FOREVER)
    everything = scene.withdrawal_of_all(patient)
    _, outcome = scene.must(everything)
    [ended] = events_in(chain, outcome)
    assert (ended.id, ended.digest) == (everything.id, chain.writer.digest(everything))
    removal = SignerRemoval(
        subject=patient.subject,
        id=fresh(),
        old_signer=guardian.signer,
        deadline=scene.deadline,
        signer=patient.signer,
    )
    _, outcome = scene.must(scene.signed(removal, patient))
    [removed] = events_in(chain, outcome)
    assert (removed.signer, removed.by) == (guardian.signer, patient.signer)


def test_a_study_of_diseases_keeps_its_closures(chain, scene):
    closures = ((5233, 4992, 1), (8903,), tuple(range(1, 40)))
    act = StudyProposal(
        id=fresh(),
        institution=scene.institution,
        title="",
        uses=Use.DISEASE,
        conditions=0,
        required_terms=1,
        ethics=fresh(),
        ethics_until=scene.now,
        diseases=closures,
        deadline=scene.deadline,
    )
    _, outcome = scene.must(chain.signer.sign(act, scene.institution_key))
    [proposed] = events_in(chain, outcome)
    assert (proposed.diseases, proposed.digest) == (closures, chain.writer.digest(act))


def test_heads_are_anchored_with_their_accesses(chain, scene):
    groups = tuple(
        Accesses(study=study, engine=scene.engine, entries=pack_entries([(0, fresh()), (2, fresh())]))
        for study in (scene.study, fresh())
    )
    act = Anchoring(log=scene.institution, size=3, root=fresh(), proof=(), accesses=groups)
    act = chain.signer.sign(act, scene.institution_key)
    chain.checker.check(act, scene.institution_key)
    _, outcome = scene.must(act)
    head, *recorded = events_in(chain, outcome)
    assert head == events.HeadAnchored(scene.institution, 3, act.root, 0, bytes(32))
    assert recorded == [
        events.AccessesRecorded(group.study, group.engine, scene.institution, group.entries) for group in groups
    ]
    again = chain.signer.sign(msgspec.structs.replace(act, root=fresh()), scene.institution_key)
    _, outcome = scene.carry(again)
    assert (outcome.succeeded, outcome.error) == (False, "AuditAnchor__SizeNotRising")


def test_a_failed_transaction_says_why(chain, scene):
    revocation = chain.signer.sign(EngineRevocation(id=fresh()), scene.institution_key)
    _, outcome = scene.carry(revocation)
    assert (outcome.succeeded, outcome.error) == (False, "Directory__EngineUnknown")
    _, outcome = scene.carry(InstitutionSuspension(id=fresh(), state=2))
    assert outcome.error == "Directory__InstitutionUnknown"


def test_what_became_of_several_transactions_is_told_in_their_order(chain, scene):
    patients = [Patient() for _ in range(2)]
    scene.must(*[scene.enrolment(patient) for patient in patients])
    forged = msgspec.structs.replace(scene.consent(patients[0]), signature=scene.consent(patients[1]).signature)
    partly, refused = scene.carry(scene.consent(patients[1]), forged)
    failed, why = scene.carry(chain.signer.sign(EngineRevocation(id=fresh()), scene.institution_key))
    assert list(refused.refused.values()) == ["ConsentRegistry__BadSignature"]
    names = [failed.hash, fresh(), partly.hash, failed.hash]
    assert chain.writer.outcomes(names) == [why, None, refused, why]
    assert chain.writer.outcomes([]) == []


def test_only_the_consortium_admits(chain, scene):
    act = InstitutionAdmission(id=fresh(), name="x", signer=scene.institution_key)
    assert chain.writer.sender_of(act) == chain.deployment.deployer
    assert chain.writer.sender_of(scene.withdrawal(Patient(), fresh())) != chain.deployment.deployer


def test_a_receipt_is_proved_against_its_header(chain, scene):
    patients = [Patient() for _ in range(3)]
    transmission, outcome = scene.must(*[scene.enrolment(patient) for patient in patients])
    proof = chain.reader.receipt_proof(transmission.hash)
    assert (proof.block_number, proof.transaction) == (outcome.block_number, transmission.hash)
    root = rlp.decode(chain.reader.header(proof.block_number))[5]
    nodes = [rlp.decode(node) for node in proof.nodes]
    assert HexaryTrie.get_from_proof(root, proof.key, nodes) == proof.receipt


def test_a_blocks_trie_holds_every_receipt_of_it_and_no_other_node(chain, scene):
    transmission, outcome = scene.must(*[scene.enrolment(Patient()) for _ in range(3)])
    proof = chain.reader.receipt_proof(transmission.hash)
    nodes = chain.reader.receipt_nodes(outcome.block_number)
    assert set(proof.nodes) <= set(nodes)
    reading = read_trie(rlp.decode(chain.reader.header(proof.block_number))[5], nodes)
    assert reading.complete
    assert reading.leaves[proof.key] == proof.receipt


def test_sending_again_is_harmless_and_a_used_nonce_is_told(chain, scene, patient):
    transmission, outcome = scene.must(scene.consent(patient))
    sender = transmission.sender
    nonce = chain.writer.next_nonce(sender)
    with contextlib.suppress(NonceTaken):  # a node may say so of the very same transaction
        chain.writer.send(transmission)
    assert chain.writer.outcome(transmission.hash) == outcome
    assert chain.writer.next_nonce(sender) == nonce
    other = chain.writer.prepare(scene.items(scene.consent(patient)), nonce - 1)
    with pytest.raises(NonceTaken):
        chain.writer.send(other)
    assert chain.writer.outcome(other.hash) is None


def test_signatures_are_checked_before_anything_is_written(chain, scene):
    patient = Patient()
    act = scene.consent(patient)
    chain.checker.check(act, patient.signer)
    stranger = Patient()
    bad = [
        (act, stranger.signer),
        (msgspec.structs.replace(act, id=fresh()), patient.signer),
        (msgspec.structs.replace(act, signature=act.signature[:-1]), patient.signer),
        (msgspec.structs.replace(act, signature=b""), patient.signer),
        (msgspec.structs.replace(act, signature=bytes(65)), patient.signer),
        (msgspec.structs.replace(act, signature=act.signature[:64] + b"\x01"), patient.signer),
        (act, patient.signer[:19]),
        (act, chain.deployment.contracts["Directory"]),
        (act, bytes(19) + b"\x04" + b"key"),
    ]
    for wrong, signer in bad:
        with pytest.raises(BadSignature):
            chain.checker.check(wrong, signer)
    with pytest.raises(InvalidInput):
        chain.checker.check(InstitutionAdmission(id=fresh(), name="x", signer=patient.signer), patient.signer)


def test_calls_revert_with_their_data(chain):
    with pytest.raises(Reverted):
        chain.node.call(chain.deployment.contracts["Directory"], b"\xde\xad\xbe\xef")


def test_the_deployment_is_found_again_and_not_made_twice(home_and_chain):
    home, chain = home_and_chain
    nonce = chain.node.nonce(chain.deployment.deployer)
    if isinstance(chain.node, RpcNode):
        url = chain.node._rpc._url
        for again in (open_rpc(url, home, SystemClock()), deploy_rpc(url, home, SystemClock())):
            assert again.deployment == chain.deployment
            again.close()
        (home / "other").mkdir(exist_ok=True)
        with pytest.raises(NotFound):
            open_rpc(url, home / "other", SystemClock())
    else:
        again = open_embedded(home, SystemClock(), writable=False)
        assert again.deployment == chain.deployment
        again.close()
    assert chain.node.nonce(chain.deployment.deployer) == nonce


def test_a_chain_file_of_another_chain_is_refused(home_and_chain, tmp_path):
    home, chain = home_and_chain
    text = (home / "chain.json").read_text()
    genesis = chain.deployment.genesis.hex()
    (tmp_path / "chain.json").write_text(text.replace(genesis, genesis[::-1]))
    with pytest.raises(ConfigurationError, match="another"):
        reopen(chain, tmp_path)


def test_a_node_that_is_not_there_is_unreachable(tmp_path):
    with pytest.raises(LedgerUnreachable, match="is it running"):
        open_rpc("http://127.0.0.1:1", tmp_path, SystemClock())


def reopen(chain, home):
    if isinstance(chain.node, RpcNode):
        return open_rpc(chain.node._rpc._url, home, SystemClock())
    return open_embedded(home, SystemClock())


def test_keys_are_never_public_ones(chain):
    known = {address_of(PrivateKey(number.to_bytes(32, "big"))) for number in range(1, 11)}
    assert chain.deployment.deployer not in known
