"""The witness's side of tlog-witness: from the body of a request to the status and body of its answer.

Source: https://c2sp.org/tlog-witness
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.ports import Clock
from ledger.transparency.cosignature import WitnessKey, cosign
from ledger.transparency.note import VerifierKey, open_note
from ledger.transparency.witness import Ask, Head
from ledger.witness.memory import WitnessMemory

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    body: str
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness of known logs.

    Attributes:
        name: Its name in signature lines.
        private: Its Ed25519 key, used for nothing else.
        logs: The keys of each log that it watches, by origin.
        memory: The heads that it signed.
        clock: The time of its signatures.
    """

    name: str
    private: Ed25519PrivateKey
    logs: Mapping[str, Sequence[VerifierKey]]
    memory: WitnessMemory
    clock: Clock

    @property
    def key(self) -> WitnessKey:
        """Its public key."""
        return WitnessKey(self.name, self.private.public_key())

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer ``POST /add-checkpoint``: 200 with the signature line, or the status that says why not.

        Raises:
            NotReady: The memory cannot be used; nothing was signed.
        """
        try:
            ask = _read(body)
            head = self._signed(ask)
            self._advance(ask, head)
        except _Refusal as refusal:
            return refusal.answer
        return Answer(HTTPStatus.OK, cosign(self.name, self.private, head.text, self.clock.now()))

    def _signed(self, ask: Ask) -> Head:
        """The head asked about: of a log that this witness watches, and signed by it."""
        with _refusing(HTTPStatus.BAD_REQUEST):
            origin = Head.parse(ask.note).origin
            if origin not in self.logs:
                raise _Refusal(HTTPStatus.NOT_FOUND, f"this witness does not watch {origin}")
            head = ask.head()
        with _refusing(HTTPStatus.FORBIDDEN):
            open_note(ask.note, self.logs[origin])
        return head

    def _advance(self, ask: Ask, head: Head) -> None:
        """Remember the head, which provably extends the last one."""
        last = self.memory.last(head.origin)
        if ask.old != last.size or (head.size == last.size and head.root != last.root):
            raise _Refusal(HTTPStatus.CONFLICT, last.size)
        with _refusing(HTTPStatus.UNPROCESSABLE_ENTITY):
            ask.check_extends(head, last)
        if not self.memory.advance(last, head):
            raise _Refusal(HTTPStatus.CONFLICT, self.memory.last(head.origin).size)


class _Refusal(Exception):  # noqa: N818 - not an error: one of the protocol's answers
    """Ends the work with an answer that is not 200."""

    def __init__(self, status: HTTPStatus, why: object) -> None:
        self.answer = Answer(status, f"{why}\n", SIZE if status is HTTPStatus.CONFLICT else TEXT)


@contextmanager
def _refusing(status: HTTPStatus) -> Iterator[None]:
    try:
        yield
    except (InvalidInput, ProofInvalid, CannotCheck) as problem:
        raise _Refusal(status, problem) from problem


def _read(body: bytes) -> Ask:
    with _refusing(HTTPStatus.BAD_REQUEST):
        try:
            return Ask.parse(body.decode())
        except UnicodeDecodeError as problem:
            raise InvalidInput("a request is text in UTF-8") from problem
