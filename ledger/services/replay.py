"""Asking again: a past decision, computed anew as of its block, from the copy and from the contract itself."""

from dataclasses import dataclass

from ledger.domain.audit import DecisionRecord, Member
from ledger.domain.consent import live_ids
from ledger.domain.decision import NOT_ON_CHAIN, OF_DATA_USE, Decision, Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import POLICY_VERSION, Request
from ledger.domain.wording import request_from_json
from ledger.errors import MirrorDiverged, NotFound, WrongState
from ledger.services.context import Context
from ledger.services.past import Past
from ledger.transparency import canonical
from ledger.transparency.cohort import Cohort, CohortProof
from ledger.transparency.receipt import open_decision

MOST_ASKED_OF_CHAIN = 25


@dataclass(frozen=True, slots=True)
class Difference:
    """A row whose answer comes out otherwise: the subject, what was said, and what comes out now."""

    subject: bytes
    said: str
    found: str


@dataclass(frozen=True, slots=True)
class Replay:
    """The outcome of a replay.

    ``pending`` rows were refused for an act that was not on the chain yet, or because the subject was erased; the chain
    of that block cannot show it, so they are counted apart. ``erased`` rows are gone, and cannot be replayed.
    ``asked_of_chain`` rows were also put to the contract's own view at the block.
    """

    record: DecisionRecord
    differences: tuple[Difference, ...]
    pending: int
    erased: int
    asked_of_chain: int
    chain_differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        """Whether every row came out as it was said."""
        return not self.differences and not self.chain_differences


def replay(context: Context, decision: str) -> Replay:
    """Compute a decision again as of its block.

    Args:
        context: The ports.
        decision: The decision's id, 0x-hex.

    Raises:
        NotFound: There is no such decision, or the copy does not reach back to its block.
        WrongState: It was made by another version of the rules, which is not here to compute it again.
    """
    record = context.audit.decision(decision)
    if record is None:
        raise NotFound(f"there is no decision {decision}")
    policy = open_decision(record.receipt, context.log_keys.published).policy
    if policy != POLICY_VERSION:
        raise WrongState(
            f"decision {decision} was made by the rules {policy!r} and this service knows {POLICY_VERSION!r}: whether "
            "it comes out the same cannot be said here; ask a service of the version that made it"
        )
    block = context.mirror.block_at(record.block_number)
    if block is None or block.hash != record.block_hash:
        raise NotFound(f"block {record.block_number} {to_hex(record.block_hash)} is not in the copy of the chain")
    request = request_of(record)
    past = Past(context, request, record.block_number)
    members = context.audit.members(decision)
    differences: list[Difference] = []
    on_chain: list[Difference] = []
    pending = asked = 0
    for member in members:
        if member.reason in NOT_ON_CHAIN:
            pending += 1
            continue
        _compare(member, past.decide(member.subject, record.at), differences)
        if asked < MOST_ASKED_OF_CHAIN:
            asked += 1
            ids = live_ids(context.mirror.consents_at(member.subject, record.block_number) or ())
            try:
                found = context.reader.decide(member.subject, ids, request, record.at, record.block_number)
            except MirrorDiverged as problem:
                on_chain.append(Difference(member.subject, Reason(member.reason).code, str(problem)))
            else:
                _compare_with_chain(member, found, on_chain)
    erased = len(context.audit.erased(decision))
    return Replay(record, tuple(differences), pending, erased, asked, tuple(on_chain))


def membership(context: Context, decision: str, subject: bytes) -> CohortProof:
    """The proof that a subject was, or was not, in the permitted set of a decision.

    Raises:
        NotFound: There is no such decision, or it did not consider the subject, or its opening was erased.
    """
    members = context.audit.members(decision)
    cohort = Cohort(
        [member.subject for member in members],
        [member.outcome == 1 for member in members],
        b"".join(member.salt for member in members),
        context.audit.erased(decision),
    )
    return cohort.prove(subject)


def request_of(record: DecisionRecord) -> Request:
    """The request that a record answers."""
    return request_from_json(canonical.decode_object(record.request))


def _compare_with_chain(member: Member, found: Decision, differences: list[Difference]) -> None:
    """The contract's view is the patients' rule alone: what the data-use layer refused, it must permit."""
    if member.reason not in OF_DATA_USE:
        _compare(member, found, differences)
    elif not found.permitted:
        differences.append(Difference(member.subject, Reason(member.reason).code, found.reason.code))


def _compare(member: Member, found: Decision, differences: list[Difference]) -> None:
    said = (member.outcome, member.reason, member.consent, member.version)
    now = (found.outcome.value, found.reason.value, found.consent, found.version)
    if said != now:
        differences.append(
            Difference(member.subject, Reason(member.reason).code, f"{found.reason.code} (version {found.version})")
        )
