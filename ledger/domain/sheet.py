"""Decisions on many subjects in columns, where an object a subject would cost more than to decide.

Invariants: row ``n`` is the decision on the ``n``-th subject; what ``sheet[n]`` gives equals what deciding on that
subject alone gives. A kind is what decisions have in common: outcome, reason, codes and obligations.
"""

from collections.abc import Iterator, Sequence
from typing import Final, overload

from ledger.domain.decision import Decision

ID: Final = 32
MOST_KINDS: Final = 256


class Sheet(Sequence[Decision]):
    """The columns.

    Args:
        kinds: The kinds that there may be; their consents, versions and times say nothing.
        of: For each row, the place of its kind among ``kinds``.
        named: For each row 1 where a consent decided, else 0.
        consents: The ids of those consents, 32 bytes a row; of rows without one, anything.
        versions: Their versions; 0 without one.
        untils: Until when time alone leaves each row as it is, seconds UTC.
    """

    __slots__ = ("consents", "kinds", "named", "of", "untils", "versions")

    def __init__(
        self,
        kinds: Sequence[Decision],
        of: bytearray,
        named: bytearray,
        consents: bytearray,
        versions: list[int],
        untils: list[int],
    ) -> None:
        self.kinds = list(kinds)
        self.of = of
        self.named = named
        self.consents = consents
        self.versions = versions
        self.untils = untils

    @classmethod
    def of_one(cls, decision: Decision, size: int) -> "Sheet":
        """The same decision, by no consent, for ``size`` subjects."""
        return cls(
            [decision],
            bytearray(size),
            bytearray(size),
            bytearray(ID * size),
            [0] * size,
            [decision.valid_until] * size,
        )

    def __len__(self) -> int:
        return len(self.of)

    @overload
    def __getitem__(self, place: int) -> Decision: ...
    @overload
    def __getitem__(self, place: slice) -> list[Decision]: ...
    def __getitem__(self, place: int | slice) -> Decision | list[Decision]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        kind = self.kinds[self.of[place]]
        if place < 0:
            place += len(self)
        return Decision(
            kind.outcome,
            kind.reason,
            bytes(self.consents[ID * place : ID * place + ID]) if self.named[place] else None,
            self.versions[place],
            self.untils[place],
            kind.codes,
            kind.obligations,
        )

    def __setitem__(self, place: int, decision: Decision) -> None:
        self.of[place] = self._kind(decision)
        self.named[place] = decision.consent is not None
        if decision.consent is not None:
            self.consents[ID * place : ID * place + ID] = decision.consent
        self.versions[place], self.untils[place] = decision.version, decision.valid_until

    def is_permit(self, place: int) -> bool:
        """Whether a row permits."""
        return self.kinds[self.of[place]].permitted

    @property
    def flags(self) -> list[bool]:
        """For each row whether it permits."""
        permitted = [kind.permitted for kind in self.kinds]
        return [permitted[place] for place in self.of]

    @property
    def counts(self) -> list[tuple[Decision, int]]:
        """The kinds that there are, and how many rows are of each."""
        counted = [(kind, self.of.count(place)) for place, kind in enumerate(self.kinds)]
        return [(kind, count) for kind, count in counted if count]

    @property
    def permits(self) -> int:
        """How many rows permit."""
        return sum(count for kind, count in self.counts if kind.permitted)

    def rows(self) -> Iterator[tuple[Decision, bytes | None, int]]:
        """For each row its kind, and the consent that decided with its version; None and 0 without one."""
        for place, (of, named, version) in enumerate(zip(self.of, self.named, self.versions, strict=True)):
            yield self.kinds[of], bytes(self.consents[ID * place : ID * place + ID]) if named else None, version

    def _kind(self, decision: Decision) -> int:
        for place, kind in enumerate(self.kinds):
            if (kind.reason, kind.outcome, kind.codes, kind.obligations) == (
                decision.reason,
                decision.outcome,
                decision.codes,
                decision.obligations,
            ):
                return place
        assert len(self.kinds) < MOST_KINDS
        self.kinds.append(decision)
        return len(self.kinds) - 1
