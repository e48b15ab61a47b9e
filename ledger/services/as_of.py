"""How things stood: the block that held at a moment, a subject as of a block, and decisions about the past.

Invariants: nothing here counts what waits in the outbox, as the chain of that block cannot know it; a block or moment
that the copy has not come to is refused, never answered with what is there. An answer about the past is a look.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.domain.consent import Consent
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.policy import Request
from ledger.domain.projection import Authority, Recovery
from ledger.errors import InvalidInput, MirrorLagging, NotFound
from ledger.ports import Interval
from ledger.services.answer import Answer
from ledger.services.context import Context
from ledger.services.past import Past


@dataclass(frozen=True, slots=True)
class Moment:
    """A block, and the instant (seconds UTC) that windows are read at."""

    block: Block
    at: int


@dataclass(frozen=True, slots=True)
class SubjectThen:
    """A subject as of a block: its signers in the order of the chain, its consents by id, its last recovery."""

    signers: tuple[Authority, ...]
    consents: tuple[Consent, ...]
    recovery: Recovery | None = None


def moment_of(context: Context, *, block: int | None = None, at: int | None = None) -> Moment:
    """The moment that a block or an instant names; of an instant, the last block that was there by then.

    Args:
        context: The ports.
        block: A block's number; windows are read at its timestamp.
        at: Seconds UTC, not in the future.

    Raises:
        InvalidInput: Both or neither are named, or the instant is still to come.
        NotFound: The chain of our contracts had not begun.
        MirrorLagging: The copy has not come that far.
    """
    if (block is None) == (at is None):
        raise InvalidInput("name either a block or an instant (at, seconds UTC)")
    cursor = context.mirror.cursor()
    if cursor is None:
        raise MirrorLagging("the copy of the chain has no block yet; try again later")
    if block is not None:
        if block > cursor.block.number:
            raise MirrorLagging(f"the copy has come to block {cursor.block.number}, not to {block}; try again later")
        found = _block(context, block)
        return Moment(found, found.timestamp)
    assert at is not None
    if at > context.clock.now():
        raise InvalidInput(f"{at} is still to come; ask about a moment that has passed")
    return Moment(_last_by(context, cursor.block, at), at)


def subject_as_of(context: Context, subject: bytes, block: Block) -> SubjectThen:
    """A subject as of a block.

    Raises:
        NotFound: It was not enrolled then.
    """
    consents = context.mirror.consents_at(subject, block.number)
    if consents is None:
        raise NotFound(f"the subject was not enrolled by block {block.number}")
    held = [one.fact for one in context.mirror.history("Authority", subject) if _holds(one, block.number)]
    last = [one.fact for one in context.mirror.history("Recovery", subject) if _holds(one, block.number)]
    recovery = last[-1] if last and isinstance(last[-1], Recovery) else None
    return SubjectThen(tuple(fact for fact in held if isinstance(fact, Authority)), consents, recovery)


def look_back(context: Context, request: Request, subjects: Sequence[bytes], moment: Moment) -> Answer:
    """What the answer was at a moment, by the chain alone; no record and no receipt.

    An erased subject is denied at every moment: nobody may learn any more what it once permitted.

    Raises:
        InvalidInput: A subject is named twice.
    """
    if len(set(subjects)) != len(subjects):
        raise InvalidInput("a subject is named twice; name each once")
    past = Past(context, request, moment.block.number)
    forgotten = context.forgotten.now()
    decisions = [
        Decision(Outcome.DENY, Reason.ERASED) if subject in forgotten else past.decide(subject, moment.at)
        for subject in subjects
    ]
    return Answer(request, subjects, decisions, moment.at, moment.block)


def _last_by(context: Context, newest: Block, at: int) -> Block:
    """The last block with ``timestamp <= at``: timestamps never fall, so halving finds it."""
    if newest.timestamp <= at:
        return newest
    low, high = context.reader.first_block, newest.number
    if low > high or _block(context, low).timestamp > at:
        raise NotFound(f"the contracts were not there yet at {at}")
    while high - low > 1:
        middle = (low + high) // 2
        if _block(context, middle).timestamp <= at:
            low = middle
        else:
            high = middle
    return _block(context, low)


def _block(context: Context, number: int) -> Block:
    found = context.mirror.block_at(number)
    if found is None:
        raise NotFound(f"block {number} lies before the contracts; the first one is {context.reader.first_block}")
    return found


def _holds(interval: Interval, block: int) -> bool:
    return interval.since <= block and (interval.until is None or block < interval.until)
