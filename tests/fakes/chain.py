"""A chain in memory that is built from domain events, block by block; it can fork, hide and lie."""

from collections.abc import Sequence
from hashlib import sha256

from ledger.domain.events import Block, Event, Logged
from ledger.domain.flat import encode
from ledger.errors import LedgerUnreachable, NotFound

REGISTRY = b"\xc0" * 20


class FakeChain:
    """``ports.ChainReader`` over blocks that a test builds.

    ``fault`` makes the next answers fail; ``shown`` hides blocks above a height, as a node does that is syncing.
    """

    chain_id = 31337

    def __init__(self, first_block: int = 3) -> None:
        self.first_block = first_block
        self.contracts = {"Directory": b"\xd0" * 20, "ConsentRegistry": REGISTRY, "AuditAnchor": b"\xa0" * 20}
        self.fault: Exception | None = None
        self.shown: int | None = None
        self.calls: list[str] = []
        self._blocks: list[Block] = []
        self._events: dict[bytes, list[Logged]] = {}
        self._known: dict[bytes, Block] = {}
        self._salt = 0
        for _ in range(first_block):
            self.mine()

    # --- building -----------------------------------------------------------------------------------------------------

    def mine(self, *events: Event) -> Block:
        """A further block with these events."""
        number = len(self._blocks)
        parent = self._blocks[-1].hash if self._blocks else bytes(32)
        seed = b"".join((parent, number.to_bytes(8, "big"), self._salt.to_bytes(8, "big"), *map(encode, events)))
        block = Block(number, sha256(seed).digest(), parent, 1_700_000_000 + number)
        self._blocks.append(block)
        self._known[block.hash] = block
        self._events[block.hash] = [
            Logged(
                event=event,
                block_number=number,
                block_hash=block.hash,
                log_index=2 * place,
                transaction=sha256(b"transaction" + seed).digest(),
                address=REGISTRY,
                topics=(sha256(type(event).__name__.encode()).digest(), place.to_bytes(32, "big")),
                data=encode(event),
            )
            for place, event in enumerate(events)
        ]
        return block

    def reorg(self, depth: int, blocks: Sequence[Sequence[Event]]) -> None:
        """Replace the last ``depth`` blocks by others with these events; the old ones stay known by hash."""
        self._salt += 1
        del self._blocks[len(self._blocks) - depth :]
        for events in blocks:
            self.mine(*events)

    # --- reading ------------------------------------------------------------------------------------------------------

    def head(self) -> Block:
        self._ask("head")
        return self._canonical[-1]

    def block(self, number: int) -> Block:
        self._ask("block")
        try:
            return self._canonical[number]
        except IndexError:
            raise NotFound(f"no block {number}") from None

    def block_by_hash(self, hash: bytes) -> Block:
        self._ask("block_by_hash")
        if hash not in self._known:
            raise NotFound("no such block")
        return self._known[hash]

    def blocks(self, first: int, last: int) -> list[Block]:
        self._ask("blocks")
        return self._canonical[first : last + 1]

    def events_between(self, first: int, last: int) -> list[Logged]:
        self._ask("events_between")
        return [logged for block in self._canonical[first : last + 1] for logged in self._events[block.hash]]

    def events_of(self, block_hash: bytes) -> list[Logged]:
        self._ask("events_of")
        if block_hash not in self._events:
            raise NotFound("no such block")
        return self._events[block_hash]

    def lose(self, block_hash: bytes) -> None:
        """Forget a block, as a node does that another branch replaced it on."""
        del self._events[block_hash]

    def header(self, number: int) -> bytes:
        raise LedgerUnreachable(f"a chain of domain events has no header {number}")

    def receipt_proof(self, transaction: bytes):
        raise LedgerUnreachable(f"a chain of domain events has no receipt of {transaction.hex()}")

    def receipt_nodes(self, number: int):
        raise LedgerUnreachable(f"a chain of domain events has no receipts in block {number}")

    def decide(self, subject, consents, request, at, block=None):
        raise LedgerUnreachable(f"a chain of domain events runs no contract: {subject, consents, request, at, block}")

    @property
    def _canonical(self) -> list[Block]:
        return self._blocks if self.shown is None else self._blocks[: self.shown + 1]

    def _ask(self, what: str) -> None:
        self.calls.append(what)
        if self.fault is not None:
            raise self.fault


class FakeClock:
    """``ports.Clock`` that stands until it is moved."""

    def __init__(self, at: int = 1_700_000_000) -> None:
        self.at = at

    def now(self) -> int:
        return self.at
