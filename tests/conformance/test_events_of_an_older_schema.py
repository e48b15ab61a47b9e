"""Events that were written when they were kept decoded too are the same events afterwards, on both databases (0015)."""

import pytest
from alembic import command
from sqlalchemy import text

from ledger.domain.flat import encode
from ledger.store.database import Database
from ledger.store.migrate import configure
from tests.fakes.chain import FakeChain
from tests.fakes.histories import History
from tests.support.stores import open_store

BLOCK = "INSERT INTO block (number, hash, parent, timestamp, digest) VALUES (:number, :hash, :parent, :at, :hash)"
CURSOR = "INSERT INTO mirror_cursor (id, number, hash, digest) VALUES (1, :number, :hash, :hash)"
EVENT = (
    "INSERT INTO event (block_number, log_index, block_hash, transaction_hash, address, topics, data, body) "
    "VALUES (:number, :place, :block, :transaction, :address, :topics, :data, :body)"
)


@pytest.fixture
def chain():
    made, history = FakeChain(), History(14)
    made.mine(*history.opening())
    for _ in range(150):
        made.mine(*history.block())
    return made


@pytest.fixture(params=("sqlite_url", "empty_postgresql_url"))
def older(request, chain):
    """The address of a database of revision 0014 that holds the chain's blocks and events."""
    url = request.getfixturevalue(request.param)
    blocks = chain.blocks(chain.first_block, chain.head().number)
    database = Database(url)
    with database.writing() as connection:
        command.upgrade(configure(connection), "0014")
        rows = [
            {"number": block.number, "hash": block.hash, "parent": block.parent, "at": block.timestamp}
            for block in blocks
        ]
        connection.execute(text(BLOCK), rows)
        connection.execute(text(CURSOR), {"number": blocks[-1].number, "hash": blocks[-1].hash})
        connection.execute(
            text(EVENT),
            [
                {
                    "number": logged.block_number,
                    "place": logged.log_index,
                    "block": logged.block_hash,
                    "transaction": logged.transaction,
                    "address": logged.address,
                    "topics": b"".join(logged.topics),
                    "data": logged.data,
                    "body": encode(logged.event),
                }
                for logged in chain.events_between(blocks[0].number, blocks[-1].number)
            ],
        )
    database.close()
    return url


def test_they_are_read_again_from_their_logs(older, chain):
    store = open_store(older)
    try:
        first, last = chain.first_block, chain.head().number
        assert len(chain.events_between(first, last)) > 200
        assert store.mirror.events_in(first, last) == chain.events_between(first, last)
        cursor = store.mirror.cursor()
        assert cursor.block == chain.head()
        fence = store.mirror.lease("a", at=0, seconds=60)
        store.mirror.roll_back(last - 5, fence=fence)
        assert store.mirror.events_in(first, last) == chain.events_between(first, last - 5)
    finally:
        store.close()
