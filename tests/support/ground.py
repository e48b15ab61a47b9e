"""Where a state machine plays: the contracts on a chain that can be taken back, told of acts, and asked.

Two of a kind: ``EvmGround`` in this process, fast, without blocks or transactions, and ``NodeGround`` on a real node.
Both say of an act only what came of it; what should have come is the machine's to know.
"""

import time
from collections.abc import Sequence
from typing import Protocol

import msgspec
from coincurve import PrivateKey

from ledger.chain import calldata
from ledger.chain.decoding import decode
from ledger.chain.hashing import keccak
from ledger.chain.keys import CONSORTIUM, KeyRing, address_of, sign_digest
from ledger.chain.opening import Chain
from ledger.chain.reader import Reader
from ledger.chain.transactions import sign
from ledger.domain.acts import Act
from ledger.domain.consent import live_ids
from ledger.domain.decision import Decision
from ledger.domain.events import Event
from ledger.domain.outbox import Item, ItemState
from ledger.domain.policy import Request
from ledger.domain.projection import World
from tests.support.anvil import Anvil
from tests.support.revm import ADMIN, RECOVERY_DELAY, Revm

PAUSE = keccak(b"pauseGrants(bool)")[:4]


def asked(reader: Reader, world: World, subject: bytes, request: Request, at: int) -> Decision:
    """The contract's answer; ``world`` is what its events told."""
    return reader.decide(subject, live_ids(world.consents(subject) or ()), request, at)


class Ground(Protocol):
    """The contracts, wherever they run."""

    now: int
    """The time of the next block, in seconds UTC."""

    def signed(self, act: Act, key: PrivateKey) -> Act:
        """The act with this key's signature, whoever it should be signed by."""
        ...

    def send(self, acts: Sequence[Act]) -> list[Event]:
        """One transaction with acts of one kind; what happened, refusals too. Nothing where it failed as a whole."""
        ...

    def pause(self, *, paused: bool) -> list[Event]:
        """Grants are paused or go on, by the consortium."""
        ...

    def wait(self, seconds: int) -> None:
        """Time passes."""
        ...

    def decide(self, world: World, subject: bytes, request: Request, at: int) -> Decision:
        """The contract's own view; ``world`` tells which consents to ask it about."""
        ...


class EvmGround(Revm):
    """In this process."""

    def __init__(self, now: int, recovery_delay: int = RECOVERY_DELAY) -> None:
        super().__init__(now, recovery_delay=recovery_delay)
        self.now = now

    def send(self, acts: Sequence[Act]) -> list[Event]:
        return self._call(acts[0].contract, calldata.encode(acts))

    def pause(self, *, paused: bool) -> list[Event]:
        return self._call("ConsentRegistry", PAUSE + int(paused).to_bytes(32, "big"))

    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.set_time(self.now)

    def decide(self, world: World, subject: bytes, request: Request, at: int) -> Decision:
        return asked(self._reader, world, subject, request, at)

    def _call(self, contract: str, data: bytes) -> list[Event]:
        to = "0x" + self.contracts[contract].hex()
        try:
            self._evm.message_call("0x" + ADMIN.hex(), to, calldata=data)
        except RuntimeError:  # reverted
            return []
        logged = [decode(self._raw(log)) for log in self._evm.result.logs]
        return [found.event for found in logged if found is not None]


class NodeGround:
    """On anvil: every act a mined transaction, at the block time that ``now`` says.

    Args:
        anvil: The node, with funded accounts of relayer and consortium.
        chain: The contracts on it.
        ring: The keys of the two accounts.
    """

    def __init__(self, anvil: Anvil, chain: Chain, ring: KeyRing) -> None:
        self.now = chain.reader.head().timestamp
        self._anvil, self._chain, self._ring = anvil, chain, ring
        self._sequence = 0
        self._state = anvil.ask("evm_snapshot")
        self._start = self.now

    def restart(self) -> "NodeGround":
        """Back to the state in which it was made."""
        assert self._anvil.ask("evm_revert", self._state)
        self._state = self._anvil.ask("evm_snapshot")
        self.now = self._start
        return self

    def signed(self, act: Act, key: PrivateKey) -> Act:
        return msgspec.structs.replace(act, signature=sign_digest(key, self._chain.writer.digest(act)))

    def send(self, acts: Sequence[Act]) -> list[Event]:
        writer = self._chain.writer
        items = []
        for act in acts:
            self._sequence += 1
            items.append(Item(self._sequence, writer.digest(act), act, ItemState.ACCEPTED, self.now))
        transmission = writer.prepare(items, writer.next_nonce(writer.sender_of(acts[0])))
        return self._mine(transmission.raw, transmission.hash)

    def pause(self, *, paused: bool) -> list[Event]:
        key, node = self._ring.named(CONSORTIUM), self._chain.node
        signed = sign(
            key,
            chain_id=node.chain_id,
            nonce=node.nonce(address_of(key)),
            gas_price=node.gas_price(),
            gas=200_000,
            to=self._chain.deployment.contracts["ConsentRegistry"],
            data=PAUSE + int(paused).to_bytes(32, "big"),
        )
        return self._mine(signed.raw, signed.hash)

    def wait(self, seconds: int) -> None:
        self.now += seconds

    def decide(self, world: World, subject: bytes, request: Request, at: int) -> Decision:
        return asked(self._chain.reader, world, subject, request, at)

    def _mine(self, raw: bytes, transaction: bytes) -> list[Event]:
        self._anvil.ask("evm_setNextBlockTimestamp", self.now)
        self._chain.node.send(raw)
        for _ in range(1000):  # what is awaited is the block, not a moment
            receipt = self._chain.node.receipt(transaction)
            if receipt is not None:
                assert self._chain.reader.block(receipt.block_number).timestamp == self.now
                return [logged.event for logged in self._chain.reader.events_of(receipt.block_hash)]
            time.sleep(0.01)
        raise AssertionError(f"no block holds {transaction.hex()}")
