"""A consent as a value: its scope, its state, and the words of its JSON form.

Invariants: every mask is "any" (all ones) or lies within the vocabulary; windows are half open and not empty; a
consent by disease names its diseases and is a permit. ``Scope.check`` refuses everything else, exactly where the
contract does (``ConsentRegistry.record``), so that what the service accepts the chain does too.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from ledger.domain.values import quick
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_CONDITIONS,
    KNOWN_OPERATIONS,
    KNOWN_PURPOSES,
    Capacity,
    Effect,
    Purpose,
    RecipientKind,
)
from ledger.errors import InvalidInput, UnknownCode

MOST_DISEASES = 5
ZERO_ID = bytes(32)
_EFFECTS = frozenset(Effect)
_RECIPIENT_KINDS = frozenset(RecipientKind)
_BY_DISEASE = int(Purpose.DS)  # a plain number: flags compute ten times as slow


class ConsentState(IntEnum):
    """Withdrawn is terminal."""

    ACTIVE = 1
    WITHDRAWN = 2


@quick
@dataclass(frozen=True, slots=True)
class Scope:
    """What a consent allows or forbids; the fields, widths and units of ``types/Scope.sol``."""

    effect: int
    recipient_kind: int
    recipient: bytes
    purposes: int
    conditions: int
    operations: int
    categories: int
    valid_from: int
    valid_until: int
    data_from: int
    data_until: int
    diseases: int
    terms: bytes

    def disease_codes(self) -> frozenset[int]:
        """The Mondo numbers packed in ``diseases``."""
        return frozenset(unpack_diseases(self.diseases))

    def check(self) -> None:
        """Refuse a scope that the contract would refuse for its form.

        Raises:
            UnknownCode: A value or bit is outside the vocabulary.
            InvalidInput: A set, window, recipient or disease list makes no sense.
        """
        _member(self.effect, _EFFECTS, "effect")
        _member(self.recipient_kind, _RECIPIENT_KINDS, "recipient kind")
        _mask(self.purposes, ANY16, KNOWN_PURPOSES, "purposes")
        _mask(self.conditions, ANY16, KNOWN_CONDITIONS, "conditions")
        _mask(self.operations, ANY16, KNOWN_OPERATIONS, "operations")
        _mask(self.categories, ANY32, KNOWN_CATEGORIES, "categories")
        deny = self.effect == Effect.DENY
        if self.purposes == 0:
            raise _empty("purposes")
        if self.operations == 0:
            raise _empty("operations")
        if self.categories == 0:
            raise _empty("categories")
        if deny and self.conditions == 0:
            raise InvalidInput("a deny with no conditions can never match; name some, or say any")
        _window(self.valid_from, self.valid_until, "validity")
        _window(self.data_from, self.data_until, "data window")
        if (self.recipient_kind == RecipientKind.ANY) != (self.recipient == ZERO_ID) or len(self.recipient) != 32:
            raise InvalidInput("recipient must be named for an institution or a study, and only then")
        by_disease = self.purposes != ANY16 and bool(self.purposes & _BY_DISEASE)
        if by_disease != (self.diseases != 0):
            raise InvalidInput("diseases must be named with the purpose disease-research, and only then")
        if deny and self.diseases:
            raise InvalidInput("a deny cannot be limited to diseases; deny health-research instead")
        if self.diseases >> 160 or self.diseases < 0:
            raise InvalidInput(f"at most {MOST_DISEASES} diseases can be named")
        if len(self.terms) != 32 or self.terms == ZERO_ID:
            raise InvalidInput("terms must be the SHA-256 of the text that was shown")


@quick
@dataclass(frozen=True, slots=True)
class Consent:
    """One version of one consent, as the chain holds it.

    ``valid_until`` is the effective end: the scope's, cut to the signer's authority for guardians and proxies.
    ``terms_version`` is what the Directory published the text as. ``state`` is as of the block that was read.
    """

    subject: bytes
    id: bytes
    version: int
    scope: Scope
    terms_version: int
    valid_until: int
    capacity: Capacity = Capacity.SELF
    state: ConsentState = ConsentState.ACTIVE

    def is_understood(self) -> bool:
        """Whether every value that decides has a meaning here; of a withdrawn consent none decides.

        False for what the contracts never record: a damaged row, or a code that a later version knows. It must deny,
        for it may be the very consent that forbids.
        """
        if self.state is ConsentState.WITHDRAWN:
            return True
        try:
            self.scope.check()
        except InvalidInput:
            return False
        return (
            self.state is ConsentState.ACTIVE
            and self.version > 0
            and self.terms_version > 0
            and 0 <= self.valid_until <= self.scope.valid_until
        )


def live_ids(consents: Iterable[Consent]) -> list[bytes]:
    """The ids of those that are not withdrawn, ascending: what the contract's own view of a decision is asked with."""
    return sorted(consent.id for consent in consents if consent.state is ConsentState.ACTIVE)


def pack_diseases(codes: Iterable[int]) -> int:
    """Pack up to five Mondo numbers (1 to 2^32-1) into 160 bits, ascending, lowest bits first.

    Raises:
        InvalidInput: More than five, or one out of range.
    """
    ordered = sorted(set(codes))
    if len(ordered) > MOST_DISEASES:
        raise InvalidInput(f"at most {MOST_DISEASES} diseases can be named, not {len(ordered)}")
    packed = 0
    for place, code in enumerate(ordered):
        if not 0 < code < 1 << 32:
            raise InvalidInput(f"a disease is a Mondo number between 1 and {(1 << 32) - 1}, not {code}")
        packed |= code << (32 * place)
    return packed


def unpack_diseases(packed: int) -> list[int]:
    """The Mondo numbers in ``packed``; zero words are no disease."""
    return [code for place in range(MOST_DISEASES) if (code := packed >> (32 * place) & 0xFFFF_FFFF)]


def _member(value: int, kinds: frozenset[IntEnum], name: str) -> None:
    if value not in kinds:
        raise UnknownCode(f"{name} {value} is not in the vocabulary")


def _mask(mask: int, anything: int, known: int, name: str) -> None:
    if not 0 <= mask <= anything or (mask != anything and mask & ~known):
        raise UnknownCode(f"{name} {mask:#x} has bits outside the vocabulary; write {anything:#x} for any")


def _empty(name: str) -> InvalidInput:
    return InvalidInput(f"{name} is empty, which means none; name some, or say any")


def _window(start: int, end: int, name: str) -> None:
    if not 0 <= start < end <= FOREVER:
        raise InvalidInput(f"the {name} must start before it ends, in seconds from 0 to {FOREVER}")
