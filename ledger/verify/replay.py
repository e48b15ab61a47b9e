"""Deciding again, from what the chain shows in a bundle.

Invariants: a decision is recomputed by ``ledger.domain.policy.decide`` and ``ledger.domain.release.judge`` from proved
events alone; an answer that is stricter than the chain is accepted only with a reason for it: an act that was still on
its way, an erasure, or an ontology that took a permit back. A decision under another version of the rules is not
computed again, and never passes.
"""

from collections import Counter
from collections.abc import Sequence

from ledger.domain.data_use import Obligation
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import POLICY_VERSION, decide
from ledger.domain.projection import World
from ledger.domain.release import Release, judge, restrict
from ledger.domain.vocabulary import FOREVER
from ledger.errors import CannotCheck, MirrorDiverged, ProofInvalid
from ledger.provenance import bundle as form
from ledger.transparency.receipt import Duty
from ledger.verify.bundle import Bundle
from ledger.verify.decisions import Case, members_of
from ledger.verify.events import Placed

_BY_TERMS = frozenset({Reason.DATA_USE_DENIED, Reason.DATA_USE_UNKNOWN})


def check_replay(bundle: Bundle, cases: Sequence[Case], history: Sequence[Placed]) -> str:
    """Decide everything again, each at its block.

    Raises:
        ProofInvalid: A decision comes out differently; the message names it.
        CannotCheck: Rows were erased, or rest on an ontology or on other rules, and all others come out the same.
    """
    world = World()
    waiting = iter(history)
    ahead = next(waiting, None)
    decided = pending = contested = 0
    ours = [case for case in cases if case.receipt.policy == POLICY_VERSION]
    for case in sorted(ours, key=lambda item: item.receipt.block_number):
        while ahead is not None and ahead.block <= case.receipt.block_number:
            try:
                world.apply(ahead.event)
            except (MirrorDiverged, ValueError) as problem:
                raise ProofInvalid(f"{form.CONSENTS}, block {ahead.block}: {problem}") from problem
            ahead = next(waiting, None)
        counts = _replay(bundle, case, world)
        decided += counts.total()
        pending += counts[Reason.PENDING_WITHDRAWAL] + counts[Reason.NOT_FINAL] + counts[Reason.ERASED]
        contested += counts[Reason.ONTOLOGY_DISAGREES]
    detail = f"{decided} decisions of {len(ours)} questions come out the same"
    if pending:
        detail += f"; {pending} of them were denied for an act on its way to the chain, or not final, or an erasure"
    erased = sum(len(case.erased) for case in ours)
    lost = [f"{erased} rows were erased"] if erased else []
    if contested:
        lost.append(f"{contested} abstained by an ontology that is not in the bundle")
    if len(ours) < len(cases):
        lost.append(f"{len(cases) - len(ours)} questions were decided by another version of the rules")
    if lost:
        raise CannotCheck(f"{detail}; {' and '.join(lost)}, which cannot be computed again")
    return detail


def _replay(bundle: Bundle, case: Case, world: World) -> Counter[Reason]:
    """Replay one question; counts its rows by what they said."""
    what = f"{form.DECISIONS}, decision {case.line.decision}"
    ask = _Asked(case, world)
    given: list[Decision] = []
    answers: list[Decision] = []
    until = FOREVER
    for member in members_of(bundle, case):
        said = Decision(Outcome(member.outcome), Reason(member.reason), member.consent, member.version)
        again = ask.about(member.subject)
        given.append(said)
        if said.reason in {Reason.PENDING_WITHDRAWAL, Reason.NOT_FINAL} and again.permitted:
            again = again._replace(outcome=Outcome.DENY, reason=said.reason, obligations=())
        if said.reason is Reason.ERASED:
            again = Decision(Outcome.DENY, Reason.ERASED)
        if said.reason is Reason.ONTOLOGY_DISAGREES and (again.permitted or again.reason in _BY_TERMS):
            again = Decision(Outcome.ABSTAIN, Reason.ONTOLOGY_DISAGREES, valid_until=case.receipt.valid_until)
        answers.append(again)
        until = min(until, again.valid_until)
        if again._replace(valid_until=FOREVER, codes=(), obligations=()) != said:
            raise ProofInvalid(
                f"{what}: on subject {to_hex(member.subject)} it said {said.outcome.name.lower()} "
                f"({said.reason.code}); the chain says {again.outcome.name.lower()} ({again.reason.code})"
            )
    if not _sums_up(case, given, answers, until):
        raise ProofInvalid(f"{what}: the receipt does not sum up its rows")
    return Counter(said.reason for said in given)


class _Asked:
    """A question, put again to what the chain shows: the patients' rule, then the data-use layer."""

    def __init__(self, case: Case, world: World) -> None:
        self._case = case
        self._world = world
        self._setting = world.setting(case.request)
        self._releases: dict[bytes, Release] = {}

    def about(self, subject: bytes) -> Decision:
        """The decision on one subject."""
        request, setting, at = self._case.request, self._setting, self._case.receipt.at
        found = decide(request, setting, self._world.consents(subject), at)
        if not found.permitted:
            return found
        held = self._world.subject(subject)
        assert setting.study is not None  # a permit needs a study, and a subject that is enrolled
        assert held is not None
        release = self._releases.get(held.custodian)
        if release is None:
            release = judge(request, setting.study, held.custodian, self._world.datasets(), at, None)
            self._releases[held.custodian] = release
        return restrict(found, release)


def _sums_up(case: Case, given: Sequence[Decision], answers: Sequence[Decision], until: int) -> bool:
    """Whether the receipt says what its rows say together; where rows are erased, whether it does not contradict them.

    Args:
        case: The decision.
        given: What the rows say.
        answers: What the chain says of them, codes and obligations included.
        until: The first instant at which time alone could change any of the answers.
    """
    receipt = case.receipt
    outcomes = {said.outcome for said in given}
    reasons = {said.reason.code for said in given}
    if case.erased:
        return (
            receipt.outcome in _sums(outcomes, others=True)
            and reasons <= set(receipt.reasons)
            and receipt.valid_until <= until
        )
    used = sorted({(said.consent, said.version) for said in given if said.consent is not None})
    return (
        receipt.outcome in _sums(outcomes, others=False)
        and receipt.reasons == tuple(sorted(reasons) or ["no_subjects"])
        and receipt.valid_until == until
        and [(item.consent, item.version) for item in receipt.consents] in (used, [])
        and list(receipt.codes) == sorted({code for again in answers for code in again.codes})
        and list(map(_plain, receipt.obligations))
        == sorted({_plain(duty) for again in answers for duty in again.obligations})
    )


def _sums(outcomes: set[Outcome], *, others: bool) -> set[str]:
    """What a receipt may say of rows with these outcomes, and of ``others`` that are not shown.

    It says permit if anybody permits, abstain if there is nothing else to say, and deny otherwise.
    """
    if Outcome.PERMIT in outcomes:
        return {"permit"}
    alone = "abstain" if outcomes == {Outcome.ABSTAIN} else "deny"
    if not others:
        return {alone}
    return {"permit", "deny"} if Outcome.DENY in outcomes else {"permit", "deny", "abstain"}


def _plain(duty: Duty | Obligation) -> tuple[str, tuple[tuple[str, str], ...]]:
    return duty.id, tuple(sorted(duty.properties.items()))
