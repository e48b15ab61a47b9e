"""Every act that changes a contract, by everybody who may not do it, in the rightful one's name and in their own.

Each attempt must leave no event but its refusal. Who may do it does it last: the attack failed for want of the right
and of nothing else, and the event tells whose act it was. A new kind of act without a line in ``RIGHTS`` fails here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

import msgspec
import pytest

from ledger.chain import artifacts
from ledger.domain import acts as kinds
from ledger.domain.accesses import pack_entries
from ledger.domain.acts import Act
from ledger.domain.vocabulary import FOREVER, Capacity
from tests.support.scene import fresh
from tests.support.stage import Attempt, Stage

FORM = b"\x0f" * 32
NOBODY = "nobody"


@dataclass(frozen=True)
class Right:
    """How an act looks, unsigned, as the rightful one would make it, and who else may do it in their own name.

    ``holder`` is whose signature, or for the consortium's acts whose account, the contract asks for.
    """

    make: Callable[[Stage], Act]
    holder: str
    also: frozenset[str] = frozenset()


def enrolment(stage: Stage) -> Act:
    return msgspec.structs.replace(stage.scene.enrolment(stage.victim), subject=fresh(), signature=b"")


def consent(stage: Stage) -> Act:
    return stage.scene.consent(stage.victim, form=FORM)


def withdrawal(stage: Stage) -> Act:
    """Of an id that was never granted, so that the rightful one changes nothing that stands."""
    return stage.scene.withdrawal(stage.victim, fresh())


def withdrawal_of_all(stage: Stage) -> Act:
    return stage.scene.withdrawal_of_all(stage.victim)


def addition(stage: Stage) -> Act:
    act = stage.addition("stranger", Capacity.PROXY, 0, FOREVER)
    return msgspec.structs.replace(act, new_signer=fresh()[:20])


def removal(stage: Stage) -> Act:
    return kinds.SignerRemoval(
        subject=stage.victim.subject,
        id=fresh(),
        old_signer=stage.signer("guardian of the past"),
        deadline=stage.scene.deadline,
        signer=stage.victim.signer,
    )


def proposal(stage: Stage) -> kinds.StudyProposal:
    return kinds.StudyProposal(
        id=fresh(),
        institution=stage.scene.institution,
        title="study",
        uses=1,
        conditions=0,
        required_terms=1,
        ethics=fresh(),
        ethics_until=FOREVER,
        diseases=(),
        deadline=stage.scene.deadline,
    )


def approval(stage: Stage) -> kinds.StudyApproval:
    proposed = proposal(stage)
    stage.scene.must(stage.signed(proposed, "custodian"))
    return kinds.StudyApproval(id=proposed.id, reviewer=stage.scene.reviewer, deadline=stage.scene.deadline)


def transition(stage: Stage) -> Act:
    approved = approval(stage)
    stage.scene.must(stage.signed(approved, "reviewer"))
    return kinds.StudyTransition(id=approved.id, from_state=2, to_state=3, deadline=stage.scene.deadline)


def registration(stage: Stage) -> kinds.EngineRegistration:
    return kinds.EngineRegistration(
        id=fresh(),
        institution=stage.scene.institution,
        name="engine",
        signer=stage.signer("engine"),
        operations=1,
        deadline=stage.scene.deadline,
    )


def revocation(stage: Stage) -> Act:
    registered = registration(stage)
    stage.scene.must(stage.signed(registered, "custodian"))
    return kinds.EngineRevocation(id=registered.id)


def recovery(stage: Stage) -> kinds.RecoveryProposal:
    return kinds.RecoveryProposal(
        subject=stage.victim.subject,
        id=fresh(),
        custodian=stage.scene.institution,
        new_signer=fresh()[:20],
        capacity=int(Capacity.SELF),
        since=0,
        until=FOREVER,
        form=FORM,
        deadline=stage.scene.deadline,
    )


def objection(stage: Stage) -> Act:
    proposed = recovery(stage)
    stage.scene.must(stage.signed(proposed, "custodian"))
    return kinds.RecoveryObjection(subject=proposed.subject, id=proposed.id, signer=stage.victim.signer)


def completion(stage: Stage) -> Act:
    """While signers can still object: nobody has the right. After that everybody has; the contract's tests wait."""
    proposed = recovery(stage)
    stage.scene.must(stage.signed(proposed, "custodian"))
    asked = {name: getattr(proposed, name) for name in kinds.RecoveryCompletion.__struct_fields__}
    return kinds.RecoveryCompletion(**asked)


def dataset(stage: Stage) -> kinds.DatasetRegistration:
    return kinds.DatasetRegistration(
        id=fresh(), custodian=stage.scene.institution, terms=b'{"permission":"GRU"}', deadline=stage.scene.deadline
    )


def dataset_amendment(stage: Stage) -> Act:
    registered = dataset(stage)
    stage.scene.must(stage.signed(registered, "custodian"))
    terms, deadline = b'{"permission":"NRES"}', stage.scene.deadline
    return kinds.DatasetAmendment(id=registered.id, version=2, terms=terms, deadline=deadline)


def dataset_closure(stage: Stage) -> Act:
    registered = dataset(stage)
    stage.scene.must(stage.signed(registered, "custodian"))
    return kinds.DatasetClosure(id=registered.id)


def anchoring(stage: Stage) -> Act:
    """The first head of a log of the custodian's that no test else uses: an institution admitted for it."""
    log = fresh()
    signer = stage.signer("custodian")
    stage.scene.must(kinds.InstitutionAdmission(id=log, name="its second log", signer=signer))
    entries = pack_entries([(0, fresh())])
    accesses = (kinds.Accesses(study=stage.scene.study, engine=stage.scene.engine, entries=entries),)
    return kinds.Anchoring(log=log, size=1, root=fresh(), proof=(), accesses=accesses)


RIGHTS: Mapping[type[Act], Right] = {
    kinds.Enrolment: Right(enrolment, "custodian"),
    kinds.ConsentAct: Right(consent, "victim", frozenset({"staff"})),
    kinds.Withdrawal: Right(withdrawal, "victim", frozenset({"staff"})),
    kinds.WithdrawalOfAll: Right(withdrawal_of_all, "victim", frozenset({"staff"})),
    kinds.SignerAddition: Right(addition, "victim"),
    kinds.SignerRemoval: Right(removal, "victim"),
    kinds.RecoveryProposal: Right(recovery, "custodian"),
    kinds.RecoveryObjection: Right(objection, "victim", frozenset({"staff"})),
    kinds.RecoveryCompletion: Right(completion, NOBODY),
    kinds.DatasetRegistration: Right(dataset, "custodian"),
    kinds.DatasetAmendment: Right(dataset_amendment, "custodian"),
    kinds.DatasetClosure: Right(dataset_closure, "custodian"),
    kinds.InstitutionAdmission: Right(
        lambda stage: kinds.InstitutionAdmission(id=fresh(), name="x", signer=stage.signer("stranger")), "consortium"
    ),
    kinds.InstitutionSuspension: Right(
        lambda stage: kinds.InstitutionSuspension(id=stage.other.institution, state=2), "consortium"
    ),
    kinds.ReviewerNaming: Right(
        lambda stage: kinds.ReviewerNaming(id=fresh(), name="x", signer=stage.signer("stranger"), active=True),
        "consortium",
    ),
    kinds.TermsPublication: Right(
        lambda _: kinds.TermsPublication(hash=fresh(), version=7, language="en", uri="x"), "consortium"
    ),
    kinds.StudyProposal: Right(proposal, "custodian"),
    kinds.StudyApproval: Right(approval, "reviewer"),
    kinds.StudyTransition: Right(transition, "custodian"),
    kinds.EngineRegistration: Right(registration, "custodian"),
    kinds.EngineRevocation: Right(revocation, "custodian"),
    kinds.Anchoring: Right(anchoring, "custodian"),
}
WITHOUT_AN_ACT = {"pauseGrants", "setAuthority"}
"""What only the AccessManager lets through; ``test_consortium.py`` attacks with it."""


def test_every_kind_of_act_has_a_right():
    assert set(RIGHTS) == set(get_args(Act))


def test_every_function_that_changes_a_contract_is_attacked():
    """Nothing that the contracts let anybody call is missing here."""
    changing = {
        entry["name"]
        for contract in ("Directory", "ConsentRegistry", "AuditAnchor")
        for entry in artifacts.load(contract).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }
    assert changing == {kind.function for kind in RIGHTS} | WITHOUT_AN_ACT


def is_signed(kind: type[Act]) -> bool:
    """Whether acts of this kind carry a signature."""
    return "signature" in kind.__struct_fields__


def attempts(stage: Stage, name: str, act: Act) -> list[Attempt]:
    """Somebody's tries at an act: unsigned and signed by them, named as it is and in their own name."""
    if act.admin or not is_signed(type(act)):
        return [stage.send(name, act)]
    tries = [stage.send(name, act), stage.send(name, stage.signed(act, name))]
    if "signer" in type(act).__struct_fields__ and not isinstance(act, kinds.EngineRegistration):
        own = msgspec.structs.replace(act, signer=stage.signer(name))
        if name not in RIGHTS[type(act)].also:
            tries.append(stage.send(name, stage.signed(own, name)))
    return tries


@pytest.mark.parametrize("kind", RIGHTS, ids=lambda kind: kind.__name__)
def test_nobody_does_it_but_who_may(guarded: Stage, kind: type[Act]):
    right = RIGHTS[kind]
    act = right.make(guarded)
    if is_signed(kind):
        act = msgspec.structs.replace(act, signature=b"")
    for name in guarded.keys:
        if name != right.holder:
            for attempt in attempts(guarded, name, act):
                assert attempt.changed_nothing, (name, attempt.events)
    if right.holder == NOBODY:
        return
    if kind is kinds.WithdrawalOfAll:
        return  # it would end what the other attacks are about; test_patient.py does it
    done = rightful(guarded, right, act)
    assert done.events, done.refusal


def rightful(stage: Stage, right: Right, act: Act) -> Attempt:
    """The act of the one who may, carried by a stranger where a signature is what counts; then undone if it must be."""
    if act.admin:
        done = stage.send("consortium", act)
        if isinstance(act, kinds.InstitutionSuspension):
            stage.scene.must(msgspec.structs.replace(act, state=1))
        return done
    if right.holder == "victim":
        signed = stage.scene.signed(act, stage.victim)
        done = stage.send("stranger", signed)
        [event] = done.events
        by = getattr(event, "by", None) or event.signer
        assert by == stage.victim.signer, "the event names who signed"
        if isinstance(act, kinds.ConsentAct):
            stage.scene.must(stage.scene.withdrawal(stage.victim, act.id))
        return done
    done = stage.send("stranger", stage.signed(act, right.holder))
    digest = stage.chain.writer.digest(act)
    named = [event.digest for event in done.events if hasattr(event, "digest")]
    assert isinstance(act, kinds.Anchoring) or digest in named, "the event names the signed message"
    return done
