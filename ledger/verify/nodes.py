"""Whether a bundle's block is on the chain that several nodes follow: the one check that needs a network.

Invariant: a node is asked for what it holds at the block's height; that it knows a block of this hash would say
nothing, as nodes know orphans too.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from ledger.domain.identifiers import to_hex
from ledger.errors import CannotCheck, NotReady, ProofInvalid
from ledger.provenance.bundle import Manifest

LEAST = 2


class Node(Protocol):
    """A node of the chain, run by somebody whom the person who verifies chose."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a JSON-RPC call.

        Raises:
            NotReady: It cannot be reached, or refuses.
        """
        ...


def check_canonical(manifest: Manifest, block_hash: bytes | None, nodes: Sequence[Node]) -> str:
    """Every node has the trusted block at its height.

    Args:
        manifest: Says which block, of which chain.
        block_hash: The hash that the person who verifies gave; None: the manifest's own.
        nodes: At least two, so that no single one has to be trusted.

    Raises:
        ProofInvalid: A node follows another chain, or has another block there.
        CannotCheck: A node cannot be asked or has not come that far, or there are fewer than two.
    """
    number = manifest.trusted.number
    wanted = manifest.trusted.hash if block_hash is None else to_hex(block_hash)
    words: list[str] = []
    for node in nodes:
        try:
            chain = node.ask("eth_chainId")
            found = node.ask("eth_getBlockByNumber", hex(number), False)
            final = node.ask("eth_getBlockByNumber", "finalized", False)
        except NotReady as problem:
            raise CannotCheck(f"{node.name}: {problem}") from problem
        if chain != hex(manifest.chain.id):
            raise ProofInvalid(f"{node.name} follows chain {chain}, the bundle is of {hex(manifest.chain.id)}")
        if found is None:
            raise CannotCheck(f"{node.name} has not reached block {number}; ask again later")
        if _field(found, "hash") != wanted:
            raise ProofInvalid(f"{node.name} has another block {number}: {_field(found, 'hash')}, not {wanted}")
        height = _field(final, "number")
        is_final = isinstance(height, str) and height.startswith("0x") and int(height, 16) >= number
        words.append(f"{node.name} ({'final' if is_final else 'not final yet'})")
    if len({node.name for node in nodes}) < LEAST:
        raise CannotCheck(f"{', '.join(words)} has it; name a second node, so that you need not trust one alone")
    return f"block {number} is on the chain of {', '.join(words)}"


def _field(block: Any, name: str) -> Any:
    return block.get(name) if isinstance(block, dict) else None
