"""ChainWriter on top of any node: signs, sends and follows the transactions that carry acts."""

from collections.abc import Sequence

from ledger.chain import artifacts, calldata, gas
from ledger.chain.decoding import REFUSED, decode
from ledger.chain.deployment import Deployment
from ledger.chain.eip712 import Domains
from ledger.chain.keys import RELAYER, KeyRing, address_of
from ledger.chain.node import Node, Receipt, Reverted
from ledger.chain.transactions import Signed, sign
from ledger.domain.acts import Act
from ledger.domain.events import ActRefused
from ledger.domain.outbox import Item, Outcome, Transmission
from ledger.errors import InvalidInput, LedgerUnreachable, NotFound

OUT_OF_GAS = "OutOfGas"
REVERTED = "Reverted"


class Writer:
    """The port ChainWriter.

    Args:
        node: The chain.
        deployment: The contracts on it; finished.
        ring: Holds the relayer's and the consortium's keys.
    """

    def __init__(self, node: Node, deployment: Deployment, ring: KeyRing) -> None:
        self._node = node
        self._contracts = deployment.contracts
        self._ring = ring
        self.domains = Domains(node.chain_id, self._contracts)
        self._gas_price: int | None = None
        self._relayer = address_of(ring.named(RELAYER))
        self._consortium = deployment.deployer

    def digest(self, act: Act) -> bytes:
        """The act's identity: its EIP-712 digest, or for consortium acts the SHA-256 of the stored form."""
        return self.domains.digest(act)

    def next_nonce(self, sender: bytes) -> int:
        """The next nonce of a sender, mined and known pending transactions counted.

        The price of gas is asked for with it, and holds for the transactions that are prepared until the next time.
        """
        self._gas_price = self._node.gas_price()
        return self._node.nonce(sender)

    def sender_of(self, act: Act) -> bytes:
        """The account (20 bytes) that must carry the act: the consortium's for its own acts, else the relayer's."""
        return self._consortium if act.admin else self._relayer

    def prepare(self, items: Sequence[Item], nonce: int) -> Transmission:
        """Sign one transaction that carries the items; all have the same contract function and sender.

        Raises:
            InvalidInput: They do not go together, or a field does not fit its type.
            NotFound: The sender's key is not kept here.
        """
        acts = [item.act for item in items]
        data = calldata.encode(acts)
        if len({act.contract for act in acts}) != 1:
            raise InvalidInput("one transaction carries acts for exactly one contract")
        sender = self.sender_of(acts[0])
        limit = gas.limit(acts, data) - items[0].sequence % 1024  # the same act, handed in again: another transaction
        signed = self._signed(sender, nonce, limit, self._contracts[acts[0].contract], data)
        return Transmission(signed.hash, sender, nonce, signed.raw, tuple(item.sequence for item in items))

    def send(self, transmission: Transmission) -> None:
        """Hand a transaction to the node; harmless when the node already has it.

        Raises:
            NodeRefused: The node does not take it.
            NonceTaken: A mined transaction, maybe this one, has its nonce.
            LedgerUnreachable: The node does not answer.
        """
        self._node.send(transmission.raw)

    def fill(self, sender: bytes, nonce: int) -> None:
        """Use a nonce up with an empty transaction of the sender to itself.

        Raises:
            NodeRefused: The node does not take it.
            NonceTaken: Another transaction has used it up.
            LedgerUnreachable: The node does not answer.
            NotFound: The sender's key is not kept here.
        """
        self._node.send(self._signed(sender, nonce, gas.EMPTY, sender, b"").raw)

    def outcome(self, transaction: bytes) -> Outcome | None:
        """What became of it; None while no block holds it."""
        return self.outcomes([transaction])[0]

    def outcomes(self, transactions: Sequence[bytes]) -> list[Outcome | None]:
        """As ``outcome``, of several transactions in one question."""
        if not transactions:
            return []
        receipts = self._node.receipts(transactions, REFUSED)
        return [None if receipt is None else self._outcome_of(receipt) for receipt in receipts]

    def _signed(self, sender: bytes, nonce: int, limit: int, to: bytes, data: bytes) -> Signed:
        return sign(
            self._ring.named(RELAYER) if sender == self._relayer else self._ring.held(sender),
            chain_id=self._node.chain_id,
            nonce=nonce,
            gas_price=self._node.gas_price() if self._gas_price is None else self._gas_price,
            gas=limit,
            to=to,
            data=data,
        )

    def _outcome_of(self, receipt: Receipt) -> Outcome:
        refused: dict[bytes, str] = {}
        for log in receipt.logs:
            if log.topics and log.topics[0] == REFUSED and log.address in self._contracts.values():
                logged = decode(log)
                assert logged is not None
                assert isinstance(logged.event, ActRefused)
                refused[logged.event.digest] = logged.event.reason
        return Outcome(
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
            succeeded=receipt.succeeded,
            refused=refused,
            error="" if receipt.succeeded else self._failure(receipt),
            gas=receipt.gas_used,
        )

    def _failure(self, receipt: Receipt) -> str:
        """Why a transaction failed, found by running it again on the state before its block.

        Many nodes keep recent states only; then the newest state must do, and what it says is a good guess.
        """
        asked = self._node.transaction(receipt.transaction)
        for block in (receipt.block_number - 1, None):
            try:
                self._node.call(asked.to, asked.data, sender=asked.sender, block=block, gas=asked.gas)
            except Reverted as problem:
                if problem.data:
                    return artifacts.error_names().get(problem.data[:4], "0x" + problem.data.hex())
            except (LedgerUnreachable, NotFound):
                continue
            break
        spent = receipt.gas_used > asked.gas - asked.gas // 32  # a callee leaves its caller a 64th
        return OUT_OF_GAS if spent else REVERTED
