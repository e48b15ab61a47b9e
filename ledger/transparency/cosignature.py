"""Cosignatures: a witness's line under a checkpoint, with the time at which it saw the log at that size.

A witness signs only what extends the last head that it signed for the same log, so a head with the lines of enough
witnesses is the head that everybody is shown.

Invariant: a witness's key has a type of its own, so a log's key cannot stand in for a witness, nor a witness's for a
log.

Source: https://c2sp.org/tlog-cosignature
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.note import NamedKey, signature_line, split_note

_TYPE = b"\x04"


class WitnessKey(NamedKey):
    """A witness's public key."""

    __slots__ = ()
    type = _TYPE
    kind = "witness"


def cosign(name: str, private: Ed25519PrivateKey, text: str, at: int) -> str:
    """A witness's signature line for the text of a checkpoint, newline included.

    The caller must have seen that the checkpoint extends every one that it signed before for this log.

    Args:
        name: The witness's name.
        private: Its key.
        text: The note's text, its last newline included.
        at: Seconds UTC.
    """
    key = WitnessKey(name, private.public_key())
    return signature_line(name, key.key_id + at.to_bytes(8) + private.sign(_message(text, at)))


def cosigned(note: str, witnesses: Sequence[WitnessKey]) -> dict[str, int]:
    """The witnesses that signed a note, each with the time (seconds UTC) at which it did. Lines of others are ignored.

    Raises:
        ProofInvalid: Not a signed note, or the line of a known witness does not verify.
    """
    text, signatures = split_note(note)
    known = {(key.name, key.key_id): key for key in witnesses}
    found: dict[str, int] = {}
    for name, data in signatures:
        key = known.get((name, data[:4]))
        if key is None:
            continue
        at = int.from_bytes(data[4:12])
        try:
            key.public.verify(data[12:], _message(text, at))
        except InvalidSignature as problem:
            raise ProofInvalid(f"checkpoint: the cosignature of {name!r} does not belong to this head") from problem
        found[name] = at
    return found


@dataclass(frozen=True, slots=True)
class Quorum:
    """How many of which witnesses must have seen a head.

    Attributes:
        witnesses: Their keys; one of a name.
        needed: 1 to their number.

    Raises:
        InvalidInput: The number does not fit, or a witness stands there twice (one voice would count twice).
    """

    witnesses: tuple[WitnessKey, ...]
    needed: int

    def __post_init__(self) -> None:
        names = {key.name for key in self.witnesses}
        keys = {key.public.public_bytes_raw() for key in self.witnesses}
        if not len(names) == len(keys) == len(self.witnesses):
            raise InvalidInput("a witness stands in the list twice; each name and each key counts once")
        if not 1 <= self.needed <= len(self.witnesses):
            raise InvalidInput(f"{self.needed} of {len(self.witnesses)} witnesses cannot be asked for")

    def check(self, note: str) -> dict[str, int]:
        """The witnesses that signed, with their times.

        Raises:
            ProofInvalid: A line of one of them does not verify.
            CannotCheck: Fewer signed than are needed.
        """
        found = cosigned(note, self.witnesses)
        if len(found) < self.needed:
            raise CannotCheck(f"{len(found)} of {len(self.witnesses)} witnesses signed this head, {self.needed} needed")
        return found


def _message(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()
