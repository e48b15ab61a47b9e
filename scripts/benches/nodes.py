"""An anvil of the bench's own, with Consentry's contracts on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.bootstrap import SystemClock
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from tests.support.anvil import MISSING, Anvil, find_anvil

ROOM = "--gas-limit=2000000000"  # of a block: what fits into one is the network's choice, not ours
NEWEST_STATE = "--prune-history"  # alone; else anvil copies its whole state at every block, as no other node does

__all__ = ["MISSING", "NEWEST_STATE", "Anvil", "deployed", "find_anvil"]


@contextmanager
def deployed(home: Path, *arguments: str) -> Iterator[Anvil]:
    """A node with the contracts deployed from the keys under ``home``.

    Args:
        home: For keys and logs.
        arguments: Anvil's own; without any it mines each transaction as it comes.
    """
    anvil = Anvil(home / "anvil", ROOM, *arguments)
    try:
        ring = KeyRing(home / "keys")
        for name in (CONSORTIUM, RELAYER):
            anvil.fund(address_of(ring.named(name)))
        deploy_rpc(anvil.url, home, SystemClock()).close()
        yield anvil
    finally:
        anvil.stop()
