"""Signed notes: a text, a blank line and one signature line a key (C2SP signed-note, Ed25519).

Invariants:

- A note is read only with the keys that are trusted for it. Signature lines of unknown keys are ignored; a line of a
  known key that does not verify refuses the whole note.
- A key is known by its name and its key id together, and its id binds name, signature type and key.

Source: https://c2sp.org/signed-note
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.encoding import from_base64, to_base64

MAX_NOTE_SIZE = 65_536
"""The longest note that is read, in characters: hundreds of Ed25519 signatures, or a dozen post-quantum ones."""

_ED25519 = b"\x01"
_DASH = "\u2014 "
# Control characters other than the newline, and halves of surrogate pairs, which have no UTF-8.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_ODD_IN_NAME = re.compile(r"[\s+\x00-\x1f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class NamedKey:
    """A public key under the name by which notes call it; each kind of key signs with a type of its own.

    Attributes:
        name: Not empty, without white space and plus signs.
        public: The Ed25519 key.

    Raises:
        InvalidInput: The name cannot stand in a note.
    """

    type: ClassVar[bytes]
    kind: ClassVar[str]

    name: str
    public: Ed25519PublicKey

    def __post_init__(self) -> None:
        key_name(self.name)

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name || 0x0A || type || public key)."""
        return sha256(self.name.encode() + b"\n" + self._typed()).digest()[:4]

    def __str__(self) -> str:
        """The key as people hand it on: name+id+key."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(self._typed())}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key that ``str`` wrote.

        Raises:
            InvalidInput: It is no such key, or its id does not fit.
        """
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        data = from_base64(encoded)
        if len(data) != 33 or data[:1] != cls.type:
            raise InvalidInput(f"not a {cls.kind} key: it is written name+id+base64(0x{cls.type.hex()} and 32 bytes)")
        key = cls(name, Ed25519PublicKey.from_public_bytes(data[1:]))
        if key.key_id.hex() != key_id:
            raise InvalidInput(f"{cls.kind} key of {name!r}: the id {key_id!r} does not belong to this name and key")
        return key

    def _typed(self) -> bytes:
        return self.type + self.public.public_bytes_raw()


class VerifierKey(NamedKey):
    """A log's public key."""

    __slots__ = ()
    type = _ED25519
    kind = "verifier"


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A private key under the name by which notes call it."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key())

    def line(self, text: str) -> str:
        """The signature line for a note with ``text``, newline included."""
        return signature_line(self.name, self.verifier.key_id + self.private.sign(text.encode()))


def key_name(name: str) -> str:
    """The name of a key, once it can stand in a note.

    Raises:
        InvalidInput: It is empty, or holds white space or a plus sign.
    """
    if not name or _ODD_IN_NAME.search(name):
        raise InvalidInput(f"{name!r} is no key name: it must not be empty or hold spaces or a plus sign")
    return name


def signature_line(name: str, signature: bytes) -> str:
    """A signature line, newline included; ``signature`` begins with the 4 bytes of the key's id."""
    return f"{_DASH}{name} {to_base64(signature)}\n"


def sign_note(text: str, signers: Iterable[NoteSigner]) -> str:
    """The note of ``text``, signed by each signer in turn.

    Raises:
        InvalidInput: The text is empty, does not end in a newline or holds control characters, or nobody signs.
    """
    if not text.endswith("\n") or text.startswith("\n") or _CONTROL.search(text):
        raise InvalidInput("the text of a note ends in a newline and holds no other control characters")
    lines = "".join(signer.line(text) for signer in signers)
    if not lines:
        raise InvalidInput("a note needs at least one signature")
    return f"{text}\n{lines}"


def split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its signatures as (key name, 4 bytes key id and signature). Nothing is verified.

    Raises:
        ProofInvalid: Not a signed note.
    """
    if len(note) > MAX_NOTE_SIZE or _CONTROL.search(note):
        raise ProofInvalid(f"note: longer than {MAX_NOTE_SIZE} characters, or with control characters")
    text, blank, tail = note.rpartition("\n\n")
    if not blank or not text or not tail.endswith("\n"):
        raise ProofInvalid("note: it lacks the blank line, or signature lines that each end in a newline")
    return text + "\n", [_read_line(line) for line in tail[:-1].split("\n")]


def open_note(note: str, keys: Sequence[VerifierKey]) -> tuple[str, list[VerifierKey]]:
    """The text of a note, and the keys of ``keys`` that signed it: at least one.

    Args:
        note: The whole note.
        keys: The keys that are trusted to sign it.

    Raises:
        ProofInvalid: Not a signed note, no signature by a trusted key, or one that does not verify.
        CannotCheck: No key is given.
    """
    if not keys:
        raise CannotCheck("note: no verifier key is known; give the log's key to check its signature")
    text, signatures = split_note(note)
    message = text.encode()
    known = {(key.name, key.key_id): key for key in keys}
    signed: list[VerifierKey] = []
    for name, data in signatures:
        key = known.get((name, data[:4]))
        if key is None:
            continue
        try:
            key.public.verify(data[4:], message)
        except InvalidSignature as error:
            raise ProofInvalid(f"note: the signature of {name!r} does not belong to this text") from error
        signed.append(key)
    if not signed:
        raise ProofInvalid(f"note: not signed by any of {', '.join(repr(key.name) for key in keys)}")
    return text, signed


def _read_line(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        data = from_base64(encoded)
    except InvalidInput as error:
        raise ProofInvalid(f"note: malformed signature line {line!r}: {error}") from error
    if not line.startswith(_DASH) or not name or _ODD_IN_NAME.search(name) or len(data) < 5:
        raise ProofInvalid(f"note: malformed signature line {line!r}")
    return name, data
