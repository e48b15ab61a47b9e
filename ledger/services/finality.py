"""Answers that no reorg can take back: a permit counts only where it also held at the newest final block.

Invariant: this only turns permits into denials. What is denied at the head stays denied, so a withdrawal counts at once
while a grant waits until it is final.
"""

from collections.abc import Sequence

from ledger.domain.consent import Consent
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.directory import Dataset, Engine, Institution, Study, Terms
from ledger.domain.events import Block
from ledger.domain.policy import Request
from ledger.domain.projection import Subject
from ledger.errors import MirrorLagging
from ledger.services.context import Context
from ledger.services.past import Past


def final_number(context: Context, block: Block) -> int:
    """The number of the newest block that is final where ``block`` is the head."""
    return block.number - context.limits.confirmations


def withhold(
    context: Context, block: Block, request: Request, subjects: Sequence[bytes], decisions: list[Decision], at: int
) -> None:
    """Turn every permit that does not hold at the newest final block too into a denial, in place.

    Only subjects whose facts changed since are decided again: with the same facts at the same instant the answer is
    the same. Where the Directory changed, that is everybody.

    Args:
        context: The ports.
        block: The block that the decisions are of.
        request: What was asked.
        subjects: Whom about.
        decisions: One a subject, in order.
        at: Their instant, seconds UTC.

    Raises:
        MirrorLagging: The chain took the block back while this was asked.
    """
    final = final_number(context, block)
    if final >= block.number:
        return
    changed = _changed(context, final, block.number)
    past: Past | None = None
    for place, subject in enumerate(subjects):
        held = decisions[place]
        if not held.permitted or (changed is not None and subject not in changed):
            continue
        past = past or Past(context, request, final)
        if not past.decide(subject, at).permitted:
            decisions[place] = Decision(Outcome.DENY, Reason.NOT_FINAL, held.consent, held.version, held.valid_until)
    # Read last: had the block been taken back meanwhile, the changes above might be those of another branch.
    if context.mirror.block_at(block.number) != block:
        raise MirrorLagging(f"the chain took back block {block.number} while this was asked; ask again")


def _changed(context: Context, since: int, until: int) -> set[bytes] | None:
    """Whom the facts of some blocks are about; None: everybody, as the Directory changed."""
    subjects: set[bytes] = set()
    for fact in context.mirror.facts_changed(since, until):
        match fact:
            case Consent():
                subjects.add(fact.subject)
            case Subject():
                subjects.add(fact.id)
            case Institution() | Study() | Engine() | Dataset() | Terms():
                return None
    return subjects
