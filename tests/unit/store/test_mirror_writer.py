"""Between projecting a batch and writing it others may write: then nothing of the batch is."""

import pytest

from ledger.errors import WrongState
from ledger.store import mirror_writer
from tests.fakes.chain import FakeChain
from tests.fakes.histories import History
from tests.support.stores import open_store


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path}/mirror.db")
    yield store
    store.close()


@pytest.mark.parametrize("start", ["empty", "further on"])
def test_a_batch_that_was_projected_on_what_is_no_longer_there_is_not_written(store, monkeypatch, start):
    chain, history = FakeChain(), History(21)
    chain.mine(*history.opening())
    for _ in range(3):
        chain.mine(*history.block())
    first = chain.first_block
    fence = store.mirror.lease("a", at=0, seconds=60)
    expect = None
    if start == "further on":
        expect = store.mirror.take(
            chain.blocks(first, first), chain.events_between(first, first), fence=fence, expect=None
        )
        first += 1
    blocks, events = chain.blocks(first, first + 1), chain.events_between(first, first + 1)
    project = mirror_writer.take

    def overtaken(*arguments):
        projected = project(*arguments)
        with monkeypatch.context() as patch:
            patch.setattr(mirror_writer, "take", project)
            store.mirror.take(blocks[:1], chain.events_between(first, first), fence=fence, expect=expect)
        return projected

    monkeypatch.setattr(mirror_writer, "take", overtaken)
    with pytest.raises(WrongState):
        store.mirror.take(blocks, events, fence=fence, expect=expect)
    assert store.mirror.cursor().block == blocks[0]


def test_a_lease_that_ends_while_a_batch_is_projected_writes_nothing(store, monkeypatch):
    chain, history = FakeChain(), History(22)
    chain.mine(*history.opening())
    fence = store.mirror.lease("a", at=0, seconds=10)
    project = mirror_writer.take

    def late(*arguments):
        projected = project(*arguments)
        store.mirror.lease("b", at=20, seconds=10)
        return projected

    monkeypatch.setattr(mirror_writer, "take", late)
    first = chain.first_block
    with pytest.raises(WrongState):
        store.mirror.take(chain.blocks(first, first), chain.events_between(first, first), fence=fence, expect=None)
    assert store.mirror.cursor() is None
