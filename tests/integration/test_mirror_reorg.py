"""Reorgs of a real node: whatever the chain did, the mirror equals a fresh replay of it, or refuses to go on.

The mirror is on SQLite, and on a real PostgreSQL; what it is compared with is always on a new SQLite.
"""

import signal
import time

import pytest

from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import Chain, deploy_rpc
from ledger.chain.writer import Writer
from ledger.domain.consent import ConsentState
from ledger.domain.outbox import ItemState, Outcome
from ledger.errors import LedgerUnreachable, ReorgTooDeep
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Mirror, Standing
from ledger.store.store import Store
from tests.fixtures_store import empty_postgresql_url, postgresql_server, sqlite_url
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.killing import PROCESSES
from tests.support.mirroring import die_between_writes
from tests.support.scene import Patient, Scene, fresh
from tests.support.stores import open_store

__all__ = ["empty_postgresql_url", "postgresql_server", "sqlite_url"]
CONFIRMATIONS = 4
TOP = 1 << 40
WAIT = 120


class SystemClock:
    def now(self) -> int:
        return int(time.time())


@pytest.fixture(scope="module")
def node_home(tmp_path_factory):
    return tmp_path_factory.mktemp("reorg")


@pytest.fixture(scope="module")
def node(node_home):
    if find_anvil() is None:
        pytest.skip(MISSING)
    home = node_home
    anvil = Anvil(home / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, home, SystemClock())
    yield anvil, chain
    chain.close()
    anvil.stop()


@pytest.fixture
def anvil(node) -> Anvil:
    return node[0]


@pytest.fixture
def chain(node) -> Chain:
    return node[1]


@pytest.fixture(scope="module")
def scene(node) -> Scene:
    return Scene(node[1], node[1].reader.head().timestamp).found()


@pytest.fixture(params=["sqlite_url", "empty_postgresql_url"])
def database(request) -> str:
    """The address of the mirror's database."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def store(database):
    opened = open_store(database)
    yield opened
    opened.close()


@pytest.fixture
def patients(anvil, scene) -> list[Patient]:
    """Three patients with a consent each, enrolled below finality."""
    made = [Patient() for _ in range(3)]
    scene.must(*(scene.enrolment(patient) for patient in made))
    scene.must(*(scene.consent(patient) for patient in made))
    anvil.ask("anvil_mine", hex(CONFIRMATIONS + 8))
    return made


def follower(chain: Chain, store: Store) -> Mirror:
    return Mirror(
        chain.reader, store.mirror, SystemClock(), confirmations=CONFIRMATIONS, on_roll_back=store.outbox.unsettle
    )


def rows(store: Store) -> list:
    mirror = store.mirror
    return [mirror.blocks_in(0, TOP), mirror.events_in(0, TOP), mirror.intervals_in(0, TOP), mirror.cursor()]


def landed(writer: Writer, transaction: bytes) -> Outcome:
    """The outcome of a sent transaction: a node answers the sending before it has mined."""
    deadline = time.monotonic() + 30
    while (outcome := writer.outcome(transaction)) is None:
        assert time.monotonic() < deadline, "the transaction was not mined in 30 seconds"
        time.sleep(0.01)
    return outcome


def assert_equals_a_fresh_replay(chain: Chain, store: Store, tmp_path) -> None:
    fresh_store = open_store(f"sqlite:///{tmp_path}/fresh-{time.monotonic_ns()}.db")
    Mirror(chain.reader, fresh_store.mirror, SystemClock()).catch_up()
    assert rows(store) == rows(fresh_store)
    assert verify_mirror(chain.reader, store.mirror).cursor == store.mirror.cursor()
    fresh_store.close()


@pytest.mark.parametrize("depth", [1, CONFIRMATIONS - 1, CONFIRMATIONS])
def test_a_reorg_down_to_finality_is_followed(anvil, chain, scene, store, patients, tmp_path, depth):
    mirror = follower(chain, store)
    consents = [fresh() for _ in range(depth)]
    for consent in consents:  # one block each; the reorg takes them all back
        scene.must(scene.consent(patients[0], id=consent))
    mirror.catch_up()
    assert store.mirror.consent(patients[0].subject, consents[0]) is not None
    anvil.ask("anvil_reorg", depth, [])
    progress = mirror.catch_up()
    assert (progress.standing, progress.cursor.block) == (Standing.CAUGHT_UP, chain.reader.head())
    assert store.mirror.consent(patients[0].subject, consents[0]) is None
    assert_equals_a_fresh_replay(chain, store, tmp_path)


def test_a_reorg_below_finality_is_refused(anvil, chain, scene, store, patients):
    mirror = follower(chain, store)
    for _ in range(CONFIRMATIONS + 1):
        scene.must(scene.consent(patients[0]))
    mirror.catch_up()
    before = rows(store)
    anvil.ask("anvil_reorg", CONFIRMATIONS + 1, [])
    for _ in range(2):
        with pytest.raises(ReorgTooDeep):
            mirror.step()
    anvil.ask("anvil_mine", "0x3")
    with pytest.raises(ReorgTooDeep):
        mirror.step()
    assert isinstance(mirror.trouble, ReorgTooDeep)
    assert rows(store) == before


def test_the_same_transaction_in_another_block(anvil, chain, scene, store, patients, tmp_path):
    """Accepted once: sealed, taken back with its block, and sealed again where the transaction lands next."""
    mirror, writer = follower(chain, store), chain.writer
    act = scene.consent(patients[1])
    store.outbox.accept([(writer.digest(act), act)], at=0)
    sent = writer.prepare(store.outbox.waiting(1), writer.next_nonce(writer.sender_of(act)))
    store.outbox.record_transmission(sent, at=0)
    writer.send(sent)
    store.outbox.settle(sent, landed(writer, sent.hash))
    mirror.catch_up()
    first = store.mirror.history("Consent", act.subject, act.id)[0].since
    anvil.ask("anvil_reorg", 1, [])
    mirror.catch_up()
    assert store.mirror.consent(act.subject, act.id) is None
    assert store.outbox.item(writer.digest(act)).state is ItemState.SENT
    assert store.outbox.transmissions() == [sent]
    writer.send(sent)
    store.outbox.settle(sent, landed(writer, sent.hash))
    mirror.catch_up()
    (interval,) = store.mirror.history("Consent", act.subject, act.id)
    assert interval.since > first
    assert store.outbox.item(writer.digest(act)).block == interval.since
    assert_equals_a_fresh_replay(chain, store, tmp_path)


def test_a_withdrawal_that_was_taken_back_leaves_the_consent_as_it_was(anvil, chain, scene, store, patients, tmp_path):
    mirror, consent = follower(chain, store), fresh()
    scene.must(scene.consent(patients[2], id=consent))
    mirror.catch_up()
    held = store.mirror.history("Consent", patients[2].subject, consent)
    scene.must(scene.withdrawal(patients[2], consent))
    mirror.catch_up()
    assert store.mirror.consent(patients[2].subject, consent).state is ConsentState.WITHDRAWN
    anvil.ask("anvil_reorg", 1, [])
    mirror.catch_up()
    assert store.mirror.history("Consent", patients[2].subject, consent) == held
    assert_equals_a_fresh_replay(chain, store, tmp_path)


def test_a_mirror_that_was_away_during_the_reorg_finds_it(anvil, chain, scene, store, patients, tmp_path):
    scene.must(scene.consent(patients[0]))
    follower(chain, store).catch_up()
    anvil.ask("anvil_reorg", 2, [])
    scene.must(*(scene.consent(patient) for patient in patients))
    follower(chain, store).catch_up()
    assert_equals_a_fresh_replay(chain, store, tmp_path)


def test_a_node_that_went_back_is_waited_for_and_its_new_blocks_are_followed(
    anvil, chain, scene, store, patients, tmp_path
):
    mirror = follower(chain, store)
    snapshot = anvil.ask("evm_snapshot")
    scene.must(scene.consent(patients[0]))
    scene.must(scene.consent(patients[1]))
    before = mirror.catch_up().cursor
    anvil.ask("evm_revert", snapshot)
    assert mirror.step().standing is Standing.WAITING
    assert store.mirror.cursor() == before
    scene.must(scene.consent(patients[2]))
    mirror.catch_up()
    assert_equals_a_fresh_replay(chain, store, tmp_path)


def test_acts_that_were_taken_back_can_be_made_again(anvil, chain, scene, store, patients, tmp_path):
    mirror, act = follower(chain, store), scene.consent(patients[0])
    scene.must(act)
    mirror.catch_up()
    anvil.ask("anvil_reorg", 1, [])
    mirror.catch_up()
    scene.must(act)
    mirror.catch_up()
    assert store.mirror.consent(act.subject, act.id) is not None
    assert_equals_a_fresh_replay(chain, store, tmp_path)


@pytest.mark.parametrize("after", ["block", "event", "consent"])
def test_a_crash_between_the_writes_of_a_block_leaves_the_block_before(
    anvil, chain, scene, store, patients, tmp_path, node_home, database, after
):
    """The process is killed with rows written and the transaction open: nothing of it is there afterwards."""
    follower(chain, store).catch_up()
    before = rows(store)
    scene.must(scene.consent(patients[0]))
    arguments = (anvil.url, node_home, database, after)
    worker = PROCESSES.Process(target=die_between_writes, args=arguments)
    worker.start()
    worker.join(WAIT)
    assert worker.exitcode == -signal.SIGKILL
    assert rows(store) == before
    mirror = follower(chain, store)
    assert mirror.catch_up().standing is Standing.CAUGHT_UP
    assert_equals_a_fresh_replay(chain, store, tmp_path)


def test_a_node_that_is_away_is_trouble(tmp_path, store):
    if find_anvil() is None:
        pytest.skip(MISSING)
    home = tmp_path / "home"
    anvil = Anvil(home / "anvil")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    away = deploy_rpc(anvil.url, home, SystemClock())
    mirror = follower(away, store)
    mirror.catch_up()
    anvil.stop()
    with pytest.raises(LedgerUnreachable):
        mirror.step()
    assert isinstance(mirror.trouble, LedgerUnreachable)
    away.close()
