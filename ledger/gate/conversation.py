"""The conversations with the ledger, without I/O: what is asked in which order, and what is believed of the answers.

A conversation is a generator that yields calls and is sent replies; the sync and the async client only carry them.
So both have one protocol, one set of checks, and one place where they could be wrong.

Invariant: a conversation returns only what it could check. Whatever else happens, it raises.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from ledger.domain.audit import Kind
from ledger.errors import CannotCheck, ProofInvalid
from ledger.gate.answers import Appended, CohortAnswer, Look
from ledger.gate.checking import appended_of, cohort_of, keys_of, looks_of
from ledger.gate.problems import error_of
from ledger.gate.requests import CohortRequest
from ledger.transparency.keys import KeySet

_Result = TypeVar("_Result")
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request.

    ``key`` is its Idempotency-Key: with one, or by its method, it may be sent again. ``prefer`` is its Prefer header.
    """

    method: str
    path: str
    body: bytes = b""
    key: str = ""
    prefer: str = ""

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        return self.method in {"GET", "PUT", "DELETE"} or bool(self.key)  # RFC 9110 section 9.2.2


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP response."""

    status: int
    body: bytes


Talk = Generator[Call, Reply, _Result]
"""A conversation that ends with a result."""


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry that an engine appends; log, index and time are given to it by the ledger.

    ``facts`` hold strings, integers, booleans, lists and objects; a decimal number is a string.
    """

    kind: Kind
    study: str
    operation: str
    decision: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Its form in ``POST /v1/entries``."""
        return {
            "kind": self.kind.value,
            "study": self.study,
            "operation": self.operation,
            "decision": self.decision,
            "facts": dict(self.facts),
        }


class Conversation:
    """What a client knows of its ledger: the keys that receipts are checked against.

    Args:
        keys: Keys known beforehand, from a place that the network cannot change; None: those that the ledger
            publishes at its own address, taken on first use. Pinned keys are never replaced.
    """

    def __init__(self, keys: KeySet | None = None) -> None:
        self._pinned = keys is not None
        self._keys = keys
        self._heads: dict[bytes, tuple[int, bytes]] = {}

    def get(self, path: str) -> Talk[bytes]:
        """Any document of the API, unchecked."""
        return (yield from _ask(Call("GET", path)))

    def put(self, path: str, document: Any) -> Talk[bytes]:
        """Put something in its place."""
        return (yield from _ask(Call("PUT", path, _encoder.encode(document))))

    def delete(self, path: str) -> Talk[bytes]:
        """Delete something."""
        return (yield from _ask(Call("DELETE", path)))

    def post(self, path: str, document: Any, key: str, wait: int = 0) -> Talk[bytes]:
        """Any other act of the API; the answer is unchecked."""
        prefer = f"wait={wait}" if wait else ""
        return (yield from _ask(Call("POST", path, _encoder.encode(document), key, prefer)))

    def cohort(self, request: CohortRequest, key: str) -> Talk[CohortAnswer]:
        """A cohort decision, recorded, with its receipt checked."""
        body = yield from _ask(Call("POST", "/v1/cohorts", _encoder.encode(request.document()), key))
        keys = yield from self._known_keys()
        try:
            return cohort_of(body, request, keys)
        except ProofInvalid:
            if self._pinned:
                raise
        # The receipt may have been signed with a key that the ledger took into use since: look once.
        keys = yield from self._known_keys(again=True)
        return cohort_of(body, request, keys)

    def looks(self, request: CohortRequest) -> Talk[list[Look]]:
        """Answers on single subjects, not recorded: to show to people, not to act on."""
        document = {**request.document(), "record": False}
        body = yield from _ask(Call("POST", "/v1/decisions", _encoder.encode(document)))
        return looks_of(body)

    def append(self, drafts: Sequence[EntryDraft], key: str) -> Talk[Appended]:
        """Entries into the log of the engine's institution, with receipt and checkpoint checked.

        The same key with the same entries appends once, however often it is sent.
        """
        document = {"entries": [draft.document() for draft in drafts]}
        body = yield from _ask(Call("POST", "/v1/entries", _encoder.encode(document), key))
        keys = yield from self._known_keys()
        try:
            appended = appended_of(body, len(drafts), keys)
        except ProofInvalid:
            if self._pinned:
                raise
            keys = yield from self._known_keys(again=True)
            appended = appended_of(body, len(drafts), keys)
        self._remember(appended)
        return appended

    def _known_keys(self, *, again: bool = False) -> Talk[KeySet]:
        if self._keys is None or again:
            self._keys = keys_of((yield from _ask(Call("GET", "/.well-known/jwks.json"))))
        if not len(self._keys):
            raise CannotCheck("the ledger publishes no receipt keys, so that nothing it says could be held to it later")
        return self._keys

    def _remember(self, appended: Appended) -> None:
        """Two heads of one size must have one root; else the log shows different people different logs."""
        head = appended.checkpoint
        size, root = self._heads.get(head.log, (0, b""))
        if head.size == size and head.root != root:
            raise ProofInvalid(
                f"append: the log signed two different heads of {size} entries; keep both, tell an auditor"
            )
        if head.size > size:
            self._heads[head.log] = (head.size, head.root)


def _ask(call: Call) -> Talk[bytes]:
    reply = yield call
    if not 200 <= reply.status < 300:
        raise error_of(reply.status, reply.body)
    return reply.body
