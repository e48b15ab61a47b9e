r"""Checkpoints: a log's signed statement of its size and root, as a C2SP signed note.

The text is three lines, and there are no extension lines::

    consentry/<64 hex digits of the log id>
    <size>
    <root in base64>

Invariants:

- The origin names the log, so a checkpoint of one log cannot stand in for one of another.
- A checkpoint counts only if the log's own key, named like the origin, signed it; witnesses may add their lines.

Source: https://c2sp.org/tlog-checkpoint
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.encoding import from_base64, to_base64
from ledger.transparency.hashing import MAX_SIZE, is_hash
from ledger.transparency.note import NoteSigner, VerifierKey, open_note, sign_note, split_note

_PREFIX = "consentry/"


def origin_of(log: bytes) -> str:
    """The origin line of the log with this id of 32 bytes; also the name of its note key.

    Raises:
        InvalidInput: The id is not 32 bytes.
    """
    if not is_hash(log):
        raise InvalidInput("a log id is 32 bytes")
    return _PREFIX + log.hex()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        log: Id of the log, 32 bytes.
        size: Number of entries.
        root: Root of their tree, 32 bytes.

    Raises:
        InvalidInput: An attribute is out of range.
    """

    log: bytes
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not is_hash(self.log) or not is_hash(self.root) or not 0 <= self.size <= MAX_SIZE:
            raise InvalidInput("a checkpoint holds a log id and a root of 32 bytes and a size from 0 to 2^63 - 1")

    @property
    def origin(self) -> str:
        """The first line."""
        return origin_of(self.log)

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


def write_checkpoint(checkpoint: Checkpoint, signers: Sequence[NoteSigner]) -> str:
    """The signed note of ``checkpoint``.

    The caller must have seen that it extends every checkpoint signed before.

    Raises:
        InvalidInput: The log's own key (named like the origin) is not among the signers.
    """
    if all(signer.name != checkpoint.origin for signer in signers):
        raise InvalidInput(f"a checkpoint must be signed by the log's own key, named {checkpoint.origin}")
    return sign_note(checkpoint.text, signers)


def read_checkpoint(note: str) -> Checkpoint:
    """What a checkpoint says. **No signature is checked**: use ``verify_checkpoint`` before relying on it.

    Raises:
        ProofInvalid: Not a checkpoint of a Consentry log.
    """
    return _parse(split_note(note)[0])


def verify_checkpoint(note: str, keys: Sequence[VerifierKey], log: bytes) -> Checkpoint:
    """The checkpoint, once it is clear that ``log`` signed it.

    Args:
        note: The signed note.
        keys: Trusted keys: the log's own (several after a rotation), and those of witnesses if their lines count.
        log: Id of the log that is asked about, 32 bytes.

    Raises:
        ProofInvalid: Not a checkpoint, of another log, or not signed by the log's own key.
        CannotCheck: No key is given.
    """
    text, signed = open_note(note, keys)
    checkpoint = _parse(text)
    if checkpoint.log != log:
        raise ProofInvalid(f"checkpoint: it is of {checkpoint.origin}, not of {origin_of(log)}")
    if all(key.name != checkpoint.origin for key in signed):
        raise ProofInvalid(f"checkpoint: signed by witnesses alone, not by {checkpoint.origin} itself")
    return checkpoint


def _parse(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) != 4:
        raise ProofInvalid("checkpoint: the text must be origin, size and root, one line each, and no other line")
    origin, size, root, _ = lines
    if not size.isascii() or not size.isdigit():
        raise ProofInvalid(f"checkpoint: {size!r} is not a tree size")
    try:
        checkpoint = Checkpoint(bytes.fromhex(origin.removeprefix(_PREFIX)), int(size), from_base64(root))
    except (ValueError, InvalidInput) as error:
        raise ProofInvalid(f"checkpoint: malformed: {error}") from error
    if checkpoint.text != text:
        raise ProofInvalid("checkpoint: not written in the one form of its origin, size and root")
    return checkpoint
