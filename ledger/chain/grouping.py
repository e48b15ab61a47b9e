"""Groups waiting acts into transactions without letting any overtake what it may depend on.

Acts about one subject keep their order; acts about no subject (the Directory's, anchorings) keep their place among all.
Within these bounds acts of one kind are gathered, so that a mixed stream still makes large batches. Pure.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.chain import gas
from ledger.chain.calldata import BATCHED
from ledger.domain.acts import Act
from ledger.domain.outbox import Item

_MOST_GAS = 15_000_000
"""Sum of the allowances in one transaction; the rest up to EIP-7825's limit is for its call data."""


@dataclass(slots=True)
class Group:
    """Items for one transaction, in order."""

    sender: bytes
    kind: type
    most: int
    items: list[Item] = field(default_factory=list)
    gas: int = 0


def group(items: Sequence[Item], batch: int, most: Mapping[int, int], sender_of: Callable[[Act], bytes]) -> list[Group]:
    """Group items, in an order in which the groups can be sent.

    Args:
        items: Waiting items, in order of acceptance.
        batch: Most items of a group.
        most: Items (by sequence) that failed in a larger group, with the most items of their next one.
        sender_of: The account that carries an act.
    """
    groups: list[Group] = []
    newest: dict[tuple[bytes, type], int] = {}
    last_of_subject: dict[bytes, int] = {}
    barrier = 0  # the first group that later items may still join
    for item in items:
        act = item.act
        kind = type(act)
        sender = sender_of(act)
        subject: bytes | None = getattr(act, "subject", None)
        bound = min(batch, most.get(item.sequence, batch))
        place = newest.get((sender, kind), -1)
        earliest = barrier if subject is None else max(barrier, last_of_subject.get(subject, 0))
        cost = gas.allowance(act)
        if kind not in BATCHED or place < earliest or not _fits(groups[place], bound, cost):
            place = len(groups)
            groups.append(Group(sender, kind, bound))
            newest[sender, kind] = place
        target = groups[place]
        target.items.append(item)
        target.gas += cost
        target.most = min(target.most, bound)
        if subject is None:
            barrier = len(groups)
        else:
            last_of_subject[subject] = place
    return groups


def _fits(target: Group, bound: int, cost: int) -> bool:
    return len(target.items) < min(target.most, bound) and target.gas + cost <= _MOST_GAS
