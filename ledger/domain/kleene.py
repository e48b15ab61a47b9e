"""Three-valued logic: true, false, and None for what is not known.

Invariants: unknown is never yes. In a condition None counts as false, which refuses; a negation must go through
``negation``, because Python's ``not None`` would turn unknown into yes.

Source: https://plato.stanford.edu/entries/logic-manyvalued/ (Kleene's strong logic)
"""

from collections.abc import Iterable
from typing import TypeAlias

Truth: TypeAlias = bool | None


def negation(truth: Truth) -> Truth:
    """The contrary; what is unknown stays unknown."""
    return None if truth is None else not truth


def all_of(truths: Iterable[Truth]) -> Truth:
    """Whether all hold: one that is false decides, else one that is unknown does.

    Of nothing at all it is unknown: who names nothing has not shown anything.
    """
    found = set(truths)
    if False in found:
        return False
    return None if None in found or not found else True
