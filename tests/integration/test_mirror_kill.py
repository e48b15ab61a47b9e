"""Kill -9 while the mirror is written, twenty times: afterwards it equals a fresh replay."""

import random
import time

import pytest

from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Mirror
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.support.killing import PROCESSES
from tests.support.mirroring import BLOCKS, follower, mirror_without_end
from tests.support.stores import open_store

KILLS = 20


def long_chain() -> FakeChain:
    chain, history = FakeChain(), History(7)
    chain.mine(*history.opening())
    for _ in range(BLOCKS):
        chain.mine(*history.block(most=12))
    return chain


@pytest.mark.slow
def test_twenty_kills_leave_a_true_mirror(tmp_path):
    chance = random.Random(42)
    chain, url = long_chain(), f"sqlite:///{tmp_path}/mirror.db"
    heights = []
    for kill in range(KILLS):
        sign_of_life = tmp_path / f"alive-{kill}"
        worker = PROCESSES.Process(target=mirror_without_end, args=(chain, url, sign_of_life))
        worker.start()
        while not sign_of_life.exists():
            assert worker.is_alive(), "the worker ended by itself"
            time.sleep(0.002)
        time.sleep(chance.uniform(0.0, 0.3))
        assert worker.is_alive(), "the worker ended by itself"
        worker.kill()
        worker.join()
        store = open_store(url)
        verify_mirror(chain, store.mirror)
        cursor = store.mirror.cursor()
        heights.append(cursor.block.number if cursor else 0)
        store.close()
    assert len(set(heights)) > 1, "every kill hit the same moment"

    store, fresh = open_store(url), open_store(f"sqlite:///{tmp_path}/fresh.db")
    follower(chain, store).catch_up()
    Mirror(chain, fresh.mirror, FakeClock()).catch_up()
    top = 1 << 40
    assert store.mirror.cursor() == fresh.mirror.cursor()
    assert store.mirror.blocks_in(0, top) == fresh.mirror.blocks_in(0, top)
    assert store.mirror.events_in(0, top) == fresh.mirror.events_in(0, top)
    assert store.mirror.intervals_in(0, top) == fresh.mirror.intervals_in(0, top)
    store.close()
    fresh.close()
