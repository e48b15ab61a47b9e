"""ChainReader on top of any node: events of our contracts, headers, proofs, and the contract's own decision."""

from collections.abc import Iterable, Sequence

from ledger.chain import artifacts, receipts
from ledger.chain.abi import Words
from ledger.chain.calldata import encode_decide
from ledger.chain.decoding import decode
from ledger.chain.deployment import Deployment
from ledger.chain.hashing import keccak
from ledger.chain.node import Node, RawLog, Reverted
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block, Logged
from ledger.domain.policy import Request
from ledger.errors import MirrorDiverged, NotFound
from ledger.ports import ReceiptProof

_OTHER_CONSENTS = ("ConsentRegistry__NotAllConsents", "ConsentRegistry__NotALiveConsent")


class Reader:
    """The port ChainReader.

    Args:
        node: The chain.
        deployment: The contracts on it; finished.
    """

    def __init__(self, node: Node, deployment: Deployment) -> None:
        assert deployment.first_block is not None
        self._node = node
        self._contracts = deployment.contracts
        self._addresses = frozenset(self._contracts.values())
        self._first_block = deployment.first_block

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self._node.chain_id

    @property
    def contracts(self) -> dict[str, bytes]:
        """Address (20 bytes) of Directory, ConsentRegistry, AuditAnchor."""
        return dict(self._contracts)

    @property
    def first_block(self) -> int:
        """The block in which the first of the contracts was deployed."""
        return self._first_block

    def head(self) -> Block:
        """The newest block."""
        return self._node.head()

    def block(self, number: int) -> Block:
        """The block at a height of the canonical chain."""
        return self._node.block(number)

    def block_by_hash(self, hash: bytes) -> Block:
        """The block with this hash, canonical or not."""
        return self._node.block_by_hash(hash)

    def blocks(self, first: int, last: int) -> list[Block]:
        """Headers of an inclusive range, in one batch."""
        return self._node.blocks(first, last)

    def witness(self, block: Block) -> bool:
        """Whether all nodes have this block at its height; False where one cannot say now.

        Raises:
            NodesDisagree: One of them has another block there.
        """
        return self._node.witness(block)

    def events_between(self, first: int, last: int) -> list[Logged]:
        """Events of our contracts in an inclusive range of final blocks, in chain order."""
        return _decoded(self._node.logs_between(first, last, self._addresses))

    def events_of(self, block_hash: bytes) -> list[Logged]:
        """Events of our contracts in one block, asked for by hash, in order; NotFound when the node lost it."""
        return _decoded(self._node.logs_of(block_hash, self._addresses))

    def header(self, number: int) -> bytes:
        """The RLP of a block's header; its keccak-256 is the block hash."""
        return self._node.header(number)

    def receipt_proof(self, transaction: bytes) -> ReceiptProof:
        """The receipt of a mined transaction, with its proof.

        Raises:
            NotFound: No block holds the transaction.
            MirrorDiverged: The node's receipts do not match its header.
        """
        receipt = self._node.receipt(transaction)
        if receipt is None:
            raise NotFound(f"no block holds the transaction 0x{transaction.hex()}")
        header = self._node.header(receipt.block_number)
        return receipts.prove(header, self._node.receipts_of(receipt.block_hash), receipt)

    def receipt_nodes(self, number: int) -> tuple[bytes, ...]:
        """All nodes of the receipts trie of a block.

        Raises:
            NotFound: There is no such block.
            MirrorDiverged: The node's receipts do not match its header.
        """
        header = self._node.header(number)
        return receipts.all_nodes(header, self._node.receipts_of(keccak(header)), number)

    def decide(
        self, subject: bytes, consents: Sequence[bytes], request: Request, at: int, block: int | None = None
    ) -> Decision:
        """The ConsentRegistry's own view of a decision, at a block (default: the newest).

        Raises:
            MirrorDiverged: ``consents`` are not the ids of all live consents that the contract holds of the subject.
        """
        data = encode_decide(subject, request, at, sorted(consents))
        try:
            answer = Words(self._node.call(self._contracts["ConsentRegistry"], data, block=block))
        except Reverted as problem:
            if artifacts.error_names().get(problem.data[:4]) not in _OTHER_CONSENTS:
                raise
            raise MirrorDiverged(
                f"the contract holds other live consents of subject 0x{subject.hex()} than the {len(consents)} given; "
                "rebuild the mirror from the chain"
            ) from problem
        version = answer.uint(3, 24)
        return Decision(
            outcome=Outcome(answer.uint(0, 8)),
            reason=Reason(answer.uint(1, 8)),
            consent=answer.fixed(2) if version else None,
            version=version,
            valid_until=answer.uint(4, 40),
        )


def _decoded(logs: Iterable[RawLog]) -> list[Logged]:
    return [event for log in logs if (event := decode(log)) is not None]
