"""A ``.tlog-proof``: one entry's index, its inclusion proof and a signed head, in one text file (C2SP tlog-proof).

Invariant: nothing in the file is believed. The leaf is computed from the entry that the checker holds, and the head
counts only with the signatures that the checker asks for.

Source: https://c2sp.org/tlog-proof
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.checkpoint import Checkpoint, verify_checkpoint
from ledger.transparency.encoding import from_base64, to_base64
from ledger.transparency.hashing import is_hash, leaf_hash
from ledger.transparency.note import VerifierKey
from ledger.transparency.proofs import verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
MOST_CHARACTERS = 1 << 17
_MOST_PATH = 63


@dataclass(frozen=True, slots=True)
class TlogProof:
    """What a proof file says.

    Attributes:
        index: The entry's place in the log, from 0.
        path: Its inclusion proof, hashes of 32 bytes.
        note: The signed checkpoint, with the cosignatures of witnesses where it has them.
        extra: Opaque bytes that nothing signs.
    """

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes | None = None

    def __str__(self) -> str:
        """The file's text."""
        extra = [] if self.extra is None else [f"extra {to_base64(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(to_base64, self.path), "", self.note]
        return "\n".join(lines)

    @classmethod
    def parse(cls, text: str) -> "TlogProof":
        """What a file says; nothing is verified.

        Raises:
            ProofInvalid: It is not a proof file.
        """
        head, blank, note = text.partition("\n\n")
        lines = head.split("\n")
        if len(text) > MOST_CHARACTERS or not blank or lines.pop(0) != HEADER:
            raise ProofInvalid(f"not a proof file: its first line is {HEADER}, and a blank line parts it from its head")
        try:
            extra = from_base64(lines.pop(0).removeprefix("extra ")) if lines[0].startswith("extra ") else None
            index = lines.pop(0).removeprefix("index ")
            path = tuple(from_base64(line) for line in lines)
        except (InvalidInput, IndexError) as problem:
            raise ProofInvalid(f"proof file: malformed: {problem}") from problem
        if not (index.isascii() and index.isdigit()) or len(path) > _MOST_PATH or not all(map(is_hash, path)):
            raise ProofInvalid("proof file: it needs a line with the index, then the hashes of the path")
        proof = cls(int(index), path, note, extra)
        if str(proof) != text:
            raise ProofInvalid("proof file: not written in the one form of its index and path")
        return proof

    def verify(self, entry: bytes, keys: Sequence[VerifierKey], log: bytes) -> Checkpoint:
        """The head that holds the entry.

        Args:
            entry: The canonical bytes of the entry.
            keys: Trusted keys of the log.
            log: Its id, 32 bytes.

        Raises:
            ProofInvalid: The head is not the log's, or does not hold the entry at this index.
            CannotCheck: No key is given.
        """
        checkpoint = verify_checkpoint(self.note, keys, log)
        verify_inclusion(leaf_hash(entry), self.index, checkpoint.size, list(self.path), checkpoint.root)
        return checkpoint
