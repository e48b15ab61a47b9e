"""Programs that follow a chain. Made to be killed."""

import os
import signal
from pathlib import Path

from ledger.chain.opening import open_rpc
from ledger.services.sync import Limits, Mirror
from ledger.store.database import Database
from tests.fakes.chain import FakeChain, FakeClock
from tests.support.stores import open_store

BLOCKS = 400


def follower(chain: FakeChain, store) -> Mirror:
    return Mirror(chain, store.mirror, FakeClock(), confirmations=50, limits=Limits(first_span=3, most_span=3))


def mirror_without_end(chain: FakeChain, url: str, sign_of_life: Path) -> None:
    """Follow the chain to its head, go back half-way, and again."""
    store = open_store(url)
    sign_of_life.touch()
    while True:
        follower(chain, store).catch_up()
        fence = store.mirror.lease("mirror", at=FakeClock().at, seconds=30)
        store.mirror.roll_back(chain.first_block + BLOCKS // 2, fence=fence)


def die_between_writes(url: str, home: Path, database: str, after: str) -> None:
    """Follow a node's chain from where the mirror stands; end like a crash as soon as a table's rows are written.

    The cursor was moved and the rows are there, but the transaction is not committed.

    Args:
        url: The node.
        home: Where the chain's contracts are named.
        database: Of the mirror.
        after: The table after whose rows the process ends.
    """
    insert = Database.insert

    def insert_and_die(self, connection, table, columns, rows) -> None:
        insert(self, connection, table, columns, rows)
        if table.name == after and rows:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.insert = insert_and_die
    chain = open_rpc(url, home, FakeClock())
    Mirror(chain.reader, open_store(database).mirror, FakeClock()).catch_up()


def lead_without_end(chain: FakeChain, url: str, sign_of_life: Path) -> None:
    """Take the lease, write the first blocks, and hold both until killed."""
    store = open_store(url)
    Mirror(chain, store.mirror, FakeClock(), holder="leader", limits=Limits(first_span=2, most_span=2)).step()
    sign_of_life.touch()
    signal.pause()
