"""A ledger over HTTP that lives in memory: it decides from a set of ids, keeps a real log, and signs real receipts.

It is given to the clients as their transport, so nothing opens a socket. ``fail`` makes answers fail at a place of the
conversation; ``twist`` changes an answer after its receipt was signed, as a proxy or a faulty server could.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import Request
from ledger.domain.wording import categories_of, operation_of, request_to_json, window_from_json
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, origin_of, write_checkpoint
from ledger.transparency.cohort import Cohort
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.note import NoteSigner
from ledger.transparency.receipt import AppendReceipt, DecisionReceipt, issue_append, issue_decision
from ledger.transparency.tree import Tree, root_of

AT = 1_800_000_000
LOG = b"\x11" * 32
Twist = Callable[[dict[str, Any]], None]


@dataclass
class HttpLedger:
    """The ledger.

    Args:
        permitted: Who permits: subject ids, 0x-hex. Tests change it to withdraw.
        refused: A reason that refuses every request, "" for none.
        seconds: For how long decisions hold.
    """

    permitted: set[str] = field(default_factory=set)
    refused: str = ""
    seconds: int = 3600

    def __post_init__(self) -> None:
        private = Ed25519PrivateKey.generate()
        self.signing = SigningKey(private)
        self.notes = NoteSigner(origin_of(LOG), Ed25519PrivateKey.generate())
        self.tree = Tree()
        self.entries: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        """Every request that arrived: what it was, and its Idempotency-Key."""
        self.faults: dict[str, deque[Exception | httpx.Response]] = {}
        self.twists: dict[str, Twist] = {}
        self._answers: dict[str, bytes] = {}
        self.before: Callable[[str], None] = lambda _: None
        """Called with the name of each request before it is answered."""

    @property
    def keys(self) -> KeySet:
        """What it publishes: the receipt key and the log's note key."""
        return KeySet([self.signing.public, self.notes.private.public_key()])

    @property
    def transport(self) -> httpx.MockTransport:
        """For both clients."""
        return httpx.MockTransport(self.answer)

    def kinds(self) -> list[str]:
        """The kinds of the log's entries."""
        return [entry["kind"] for entry in self.entries]

    def fail(self, name: str, *failures: Exception | httpx.Response) -> None:
        """Make the next answers to ``name`` (cohort, keys, or the kind of the entry) fail, in turn."""
        self.faults.setdefault(name, deque()).extend(failures)

    def twist(self, name: str, twist: Twist) -> None:
        """Change every answer to ``name``."""
        self.twists[name] = twist

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What httpx asks."""
        body = json.loads(request.content) if request.content else {}
        name, handler = self._route(request, body)
        key = request.headers.get("Idempotency-Key", "")
        self.calls.append((name, key))
        self.before(name)
        if self.faults.get(name):
            fault = self.faults[name].popleft()
            if isinstance(fault, Exception):
                raise fault
            return fault
        if key in self._answers:
            return httpx.Response(200, content=self._answers[key])
        document = handler(body)
        if name in self.twists:
            self.twists[name](document)
        content = json.dumps(document).encode()
        if key:
            self._answers[key] = content
        return httpx.Response(200, content=content)

    def _route(
        self, request: httpx.Request, body: dict[str, Any]
    ) -> tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        match request.url.path:
            case "/v1/cohorts":
                return "cohort", self._cohort
            case "/v1/decisions":
                return "looks", self._looks
            case "/v1/entries":
                return body["entries"][0]["kind"], self._append
            case "/.well-known/jwks.json":
                return "keys", lambda _: dict(self.keys.jwks)
        raise AssertionError(request.url.path)

    def _allows(self, subject: str) -> bool:
        return not self.refused and subject in self.permitted

    def _cohort(self, body: dict[str, Any]) -> dict[str, Any]:
        listed = body["subjects"] if isinstance(body["subjects"], list) else sorted(self.permitted)
        subjects = [bytes.fromhex(subject[2:]) for subject in listed]
        outcomes = [self._allows(subject) for subject in listed]
        commitment = Cohort(subjects, outcomes, bytes(16 * len(subjects))).commitment
        number = len(self.entries)
        identity = to_hex(number.to_bytes(32))
        out = outcomes.count(False)
        reason = self.refused or "no_consent"
        block = to_hex(sha256(b"block").digest())
        data_from, data_until = window_from_json(body.get("data_window"))
        asked: Any = {"listed": len(listed)} if isinstance(body["subjects"], list) else body["subjects"]
        signed = request_to_json(
            Request(
                bytes.fromhex(body["study"][2:]),
                bytes.fromhex(body["engine"][2:]),
                operation_of(body["operation"]),
                categories_of(body["categories"]),
                data_from,
                data_until,
            )
        ) | {"subjects": asked}
        receipt = DecisionReceipt(
            decision=identity,
            request=sha256(canonical.encode(signed)).digest(),
            at=AT,
            outcome="permit" if any(outcomes) else "deny",
            reasons=(reason,),
            consents=(),
            block_number=7,
            block_hash=sha256(b"block").digest(),
            policy="test/1",
            valid_until=AT + self.seconds,
            cohort=commitment,
        )
        self._enter(Kind.DECISION, body, {"permitted": outcomes.count(True)})
        return {
            "id": identity,
            "at": AT,
            "block": {"number": 7, "hash": block},
            "considered": len(listed),
            "permitted": {
                "count": outcomes.count(True),
                "subjects": [subject for subject in listed if self._allows(subject)],
            },
            "excluded": [{"reason": reason, "count": out, "suppressed": False}] if out else [],
            "commitment": {"size": commitment.size, "root": to_hex(commitment.root)},
            "valid_until": AT + self.seconds,
            "entry": {"log": to_hex(LOG), "index": number},
            "receipt": issue_decision(receipt, self.signing),
            "codes": [],
            "obligations": [],
        }

    def _looks(self, body: dict[str, Any]) -> dict[str, Any]:
        assert body["record"] is False
        return {
            "decisions": [
                {
                    "subject": subject,
                    "outcome": "permit" if self._allows(subject) else "deny",
                    "reason": "permitted" if self._allows(subject) else "no_consent",
                    "consent": None,
                    "version": 0,
                    "valid_until": AT + self.seconds,
                }
                for subject in body["subjects"]
            ]
        }

    def _append(self, body: dict[str, Any]) -> dict[str, Any]:
        leaves = [self._enter(Kind(entry["kind"]), entry, entry["facts"]) for entry in body["entries"]]
        root = root_of([leaf for _, leaf in leaves])
        note = write_checkpoint(Checkpoint(LOG, self.tree.size, self.tree.root()), [self.notes])
        receipt = issue_append(AppendReceipt(LOG, leaves[0][0], root, note, len(leaves)), self.signing)
        entries = [{"log": to_hex(LOG), "index": index, "leaf": to_hex(value)} for index, value in leaves]
        return {"entries": entries, "receipt": receipt, "checkpoint": note}

    def _enter(self, kind: Kind, body: dict[str, Any], facts: dict[str, Any]) -> tuple[int, bytes]:
        entry = NewEntry(
            kind,
            "engine:test",
            study=body["study"],
            operation=body["operation"],
            decision=body.get("decision", ""),
            facts=facts,
        )
        index = self.tree.size
        document = entry.document(log=LOG, index=index, time=AT)
        leaf = leaf_hash(canonical.encode(document))
        self.tree.append(leaf)
        self.entries.append(document)
        return index, leaf
