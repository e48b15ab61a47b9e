"""The committed contracts in an in-process EVM: real signed acts in, decoded events out.

It has no consensus and no blocks worth the name: an EVM, a block time, and the ledger's own encoding and decoding.
"""

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from coincurve import PrivateKey

from ledger.chain import abi, artifacts, calldata
from ledger.chain.decoding import decode
from ledger.chain.deployment import Deployment
from ledger.chain.eip712 import Domains
from ledger.chain.keys import sign_digest
from ledger.chain.node import RawLog
from ledger.chain.reader import Reader
from ledger.domain.acts import Act
from ledger.domain.consent import live_ids
from ledger.domain.decision import Decision
from ledger.domain.events import ActRefused, Event
from ledger.domain.policy import Request
from ledger.domain.projection import World

pyrevm = pytest.importorskip("pyrevm", reason="pyrevm has no wheel for this Python")

ADMIN = b"\xad" * 20
CHAIN_ID = 1
BATCH = 100
RECOVERY_DELAY = 100


class Revm:
    """The contracts, deployed; block time ``now`` in seconds UTC.

    Args:
        now: The first block time.
        patch: For each contract, bytes of its creation code to replace: to prove that a wrong contract is noticed.
        recovery_delay: Seconds to object to the recovery of a lost key.
    """

    def __init__(
        self,
        now: int,
        patch: Mapping[str, tuple[bytes, bytes]] | None = None,
        *,
        recovery_delay: int = RECOVERY_DELAY,
    ) -> None:
        self._evm = pyrevm.EVM()
        self._world = World()
        self._evm.set_balance(_text(ADMIN), 10**20)
        self._logs = 0
        self.set_time(now)
        manager = self._deploy("AccessManager", abi.address(ADMIN), patch)
        directory = self._deploy("Directory", abi.address(manager) + abi.uint(1, 32), patch)
        registry = self._deploy(
            "ConsentRegistry", abi.address(manager) + abi.address(directory) + abi.uint(recovery_delay, 40), patch
        )
        anchor = self._deploy("AuditAnchor", abi.address(directory), patch)
        addresses = {
            "AccessManager": manager,
            "Directory": directory,
            "ConsentRegistry": registry,
            "AuditAnchor": anchor,
        }
        deployment = Deployment(CHAIN_ID, bytes(32), ADMIN, (), addresses, first_block=0)
        self.contracts = deployment.contracts
        self.domains = Domains(CHAIN_ID, self.contracts)
        self._reader = Reader(self, deployment)

    def set_time(self, now: int) -> None:
        """Move the block time."""
        self._evm.set_block_env(pyrevm.BlockEnv(number=now, timestamp=now))

    def signed(self, act: Act, key: PrivateKey) -> Act:
        """The act with a signature of ``key``."""
        return msgspec.structs.replace(act, signature=sign_digest(key, self.domains.digest(act)))

    def play(self, acts: Sequence[Act]) -> list[Event]:
        """Send acts of one kind; none may be refused. Returns what happened."""
        happened: list[Event] = []
        size = BATCH if acts and type(acts[0]) in calldata.BATCHED else 1
        for start in range(0, len(acts), size):
            batch = acts[start : start + size]
            to = self.contracts[batch[0].contract]
            self._evm.message_call(_text(ADMIN), _text(to), calldata=calldata.encode(batch))
            for log in self._evm.result.logs:
                logged = decode(self._raw(log))
                assert logged is not None
                assert not isinstance(logged.event, ActRefused), logged.event
                self._world.apply(logged.event)
                happened.append(logged.event)
        return happened

    def decide(self, subject: bytes, request: Request, at: int) -> Decision:
        """The registry's own view, on the consents that its events tell of."""
        consents = live_ids(self._world.consents(subject) or ())
        return self._reader.decide(subject, consents, request, at)

    # --- the part of chain.node.Node that the reader's ``decide`` needs ---

    chain_id = CHAIN_ID

    def call(self, to: bytes, data: bytes, *, block: int | None = None) -> bytes:
        assert block is None, "only the newest state is kept"
        return bytes(self._evm.message_call(_text(ADMIN), _text(to), calldata=data, is_static=True))

    def _deploy(self, name: str, arguments: bytes, patch: Mapping[str, tuple[bytes, bytes]] | None) -> bytes:
        code = artifacts.load(name).bytecode
        if patch and name in patch:
            old, new = patch[name]
            assert code.count(old) >= 1, "the bytes to replace are not in the contract"
            assert len(old) == len(new)
            code = code.replace(old, new)
        return bytes.fromhex(self._evm.deploy(_text(ADMIN), code + arguments)[2:])

    def _raw(self, log) -> RawLog:
        self._logs += 1
        topics = tuple(bytes.fromhex(topic.removeprefix("0x")) for topic in log.topics)
        address = bytes.fromhex(log.address.removeprefix("0x"))
        return RawLog(address, topics, bytes(log.data[1]), 0, bytes(32), self._logs, bytes(32))


def _text(address: bytes) -> str:
    return "0x" + address.hex()
