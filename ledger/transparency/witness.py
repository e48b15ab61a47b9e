"""What a witness is asked, and when it signs (C2SP tlog-witness).

Invariant: a witness signs a head only if a key of that log signed it and a consistency proof leads to it from the last
head that the witness signed for this log. So two witnesses' lines under one head rule out that somebody else was shown
another log of that size.

Source: https://c2sp.org/tlog-witness
"""

from dataclasses import dataclass

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.encoding import from_base64, to_base64
from ledger.transparency.hashing import EMPTY_ROOT, MAX_SIZE, is_hash
from ledger.transparency.note import split_note
from ledger.transparency.proofs import verify_consistency

MOST_CHARACTERS = 1 << 17
_MOST_PATH = 63


@dataclass(frozen=True, slots=True)
class Head:
    """A head of any log.

    Attributes:
        origin: The log's name.
        size: Its entries.
        root: Their root, 32 bytes.
        text: What was signed.
    """

    origin: str
    size: int
    root: bytes
    text: str = ""

    @classmethod
    def parse(cls, note: str) -> "Head":
        """What a checkpoint of any log says; no signature is checked.

        Raises:
            ProofInvalid: Not a checkpoint.
        """
        text = split_note(note)[0]
        lines = text.split("\n")
        try:
            size, root = int(lines[1]), from_base64(lines[2])
        except (IndexError, ValueError, InvalidInput) as problem:
            raise ProofInvalid("checkpoint: it needs origin, size and root, one line each") from problem
        if not lines[0] or lines[1] != str(size) or not 0 <= size <= MAX_SIZE or not is_hash(root) or "" in lines[3:-1]:
            raise ProofInvalid("checkpoint: it needs origin, size and root, one line each, in their one form")
        return cls(lines[0], size, root, text)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to sign a checkpoint.

    Attributes:
        old: The size from which the proof leads.
        proof: The consistency proof, hashes of 32 bytes; empty where ``old`` is 0.
        note: The checkpoint, signed by its log.
    """

    old: int
    proof: tuple[bytes, ...]
    note: str

    def __str__(self) -> str:
        """The body of ``POST /add-checkpoint``."""
        return "\n".join([f"old {self.old}", *map(to_base64, self.proof), "", self.note])

    @classmethod
    def parse(cls, text: str) -> "Ask":
        """The request in a body; nothing is verified.

        Raises:
            InvalidInput: It is not one.
        """
        head, blank, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        size = first.removeprefix("old ")
        if not blank or first == size or not (size.isascii() and size.isdigit()) or size != str(int(size)):
            raise InvalidInput("write 'old' and a size, the hashes of the proof, a blank line, and the checkpoint")
        if len(text) > MOST_CHARACTERS or len(lines) > _MOST_PATH:
            raise InvalidInput(f"a proof has at most {_MOST_PATH} hashes, a request {MOST_CHARACTERS} characters")
        proof = tuple(map(from_base64, lines))
        if not all(map(is_hash, proof)):
            raise InvalidInput("each hash of the proof is 32 bytes in base64")
        return cls(int(size), proof, note)

    def head(self) -> Head:
        """The head asked about; no signature is checked.

        Raises:
            ProofInvalid: Not a checkpoint.
            InvalidInput: It is smaller than the size from which the proof leads.
        """
        head = Head.parse(self.note)
        if self.old > head.size:
            raise InvalidInput(f"the proof leads from {self.old} entries, the checkpoint has only {head.size}")
        return head

    def check_extends(self, head: Head, last: Head) -> None:
        """See that ``head`` extends ``last``, from which the proof leads.

        Raises:
            ProofInvalid: It does not.
        """
        if last.size == 0:
            if self.proof or (head.size == 0 and head.root != EMPTY_ROOT):
                raise ProofInvalid("from no entries at all there is nothing to prove: send no hashes")
            return
        verify_consistency(last.size, head.size, last.root, head.root, list(self.proof))
