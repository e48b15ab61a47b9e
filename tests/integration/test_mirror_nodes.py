"""Several nodes of one chain, of which some are away or lie; and a node behind a WebSocket."""

import threading
import time

import pytest

from ledger.bootstrap import Ledger, open_ledger
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc, open_rpc
from ledger.chain.websocket import HeadWatch
from ledger.config import Settings
from ledger.errors import LedgerUnreachable, NodesDisagree, NotReady
from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Limits, Mirror, Standing
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.crooked import CrookedNode
from tests.support.scene import Patient, Scene
from tests.support.stores import open_store

WAIT = 60
TOP = 1 << 40


class SystemClock:
    def now(self) -> int:
        return int(time.time())


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A node with the contracts, and a consortium to act in."""
    if find_anvil() is None:
        pytest.skip(MISSING)
    home = tmp_path_factory.mktemp("nodes")
    anvil = Anvil(home / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, home, SystemClock())
    yield anvil, home, Scene(chain, chain.reader.head().timestamp).found()
    chain.close()
    anvil.stop()


@pytest.fixture
def crooked(ground):
    node = CrookedNode(ground[0].url)
    yield node
    node.stop()


@pytest.fixture
def opened(ground, tmp_path):
    """Opens a ledger over the given addresses, with a database of its own."""
    ledgers: list[Ledger] = []

    def open_over(*urls: str) -> Ledger:
        database = f"sqlite:///{tmp_path}/{len(ledgers)}.db"
        ledgers.append(open_ledger(Settings(home=ground[1], rpc_url=",".join(urls), database_url=database)))
        return ledgers[-1]

    yield open_over
    for ledger in ledgers:
        ledger.close()


def granted(ground) -> None:
    """A patient and their consent, in two blocks."""
    scene, patient = ground[2], Patient()
    scene.must(scene.enrolment(patient))
    scene.must(scene.consent(patient))


def another_hash(method, result):
    """Of every block but the newest: the story that this node tells has another past."""
    if method == "eth_getBlockByNumber" and result:
        return result | {"hash": "0x" + "66" * 32}
    return result


def assert_equals_a_fresh_replay(ground, ledger: Ledger, tmp_path) -> None:
    chain = open_rpc(ground[0].url, ground[1], SystemClock())
    store = open_store(f"sqlite:///{tmp_path}/fresh.db")
    Mirror(chain.reader, store.mirror, SystemClock()).catch_up()
    assert ledger.store.mirror.cursor() == store.mirror.cursor()
    assert verify_mirror(chain.reader, ledger.store.mirror).cursor == store.mirror.cursor()
    store.close()
    chain.close()


def test_nothing_is_served_of_what_a_second_node_contradicts(ground, crooked, opened, tmp_path):
    ledger = opened(ground[0].url, crooked.url)
    ledger.catch_up()
    ledger.ready()
    held = ledger.store.mirror.cursor()
    granted(ground)
    crooked.lie = another_hash
    for _ in range(2):
        with pytest.raises(NodesDisagree):
            ledger.catch_up()
        with pytest.raises(NotReady, match="Find out which"):
            ledger.ready()
    assert ledger.store.mirror.cursor() == held
    crooked.lie = lambda _method, result: result
    ledger.catch_up()
    ledger.ready()
    assert_equals_a_fresh_replay(ground, ledger, tmp_path)


def test_a_node_that_leaves_out_the_events_of_a_block_is_found_out_by_its_own_header(ground, crooked, opened, tmp_path):
    ledger, scene = opened(crooked.url), ground[2]
    ledger.catch_up()
    held = ledger.store.mirror.cursor()
    crooked.lie = lambda method, result: [] if method == "eth_getLogs" else result
    scene.must(scene.enrolment(Patient()))
    with pytest.raises(LedgerUnreachable, match="left out"):
        ledger.catch_up()
    assert ledger.store.mirror.cursor() == held
    crooked.lie = lambda _method, result: result
    ledger.catch_up()
    assert_equals_a_fresh_replay(ground, ledger, tmp_path)


def test_the_next_node_is_asked_while_the_first_is_away(ground, crooked, opened, tmp_path):
    ledger = opened(crooked.url, ground[0].url)
    ledger.catch_up()
    crooked.away = True
    granted(ground)
    ledger.catch_up()
    ledger.ready()
    assert_equals_a_fresh_replay(ground, ledger, tmp_path)


def test_a_node_that_was_away_is_followed_again_when_it_is_back(ground, crooked, opened, tmp_path):
    ledger = opened(crooked.url)
    ledger.catch_up()
    crooked.away = True
    granted(ground)
    with pytest.raises(LedgerUnreachable):
        ledger.catch_up()
    assert isinstance(ledger.mirror.trouble, LedgerUnreachable)
    crooked.away = False
    ledger.catch_up()
    assert ledger.mirror.trouble is None
    assert_equals_a_fresh_replay(ground, ledger, tmp_path)


def test_history_joins_the_present_without_a_seam(ground, tmp_path):
    """Blocks are mined while history is read: ranges end, single blocks begin, and nothing is lost between."""
    anvil, home, _ = ground
    chain = open_rpc(anvil.url, home, SystemClock())
    store = open_store(f"sqlite:///{tmp_path}/seam.db")
    limits = Limits(first_span=2, most_span=3)
    mirror = Mirror(chain.reader, store.mirror, SystemClock(), confirmations=3, limits=limits)
    for _ in range(6):
        mirror.step()
        granted(ground)
    assert mirror.catch_up().standing is Standing.CAUGHT_UP
    whole = open_store(f"sqlite:///{tmp_path}/whole.db")
    Mirror(chain.reader, whole.mirror, SystemClock()).catch_up()
    assert store.mirror.blocks_in(0, TOP) == whole.mirror.blocks_in(0, TOP)
    assert store.mirror.events_in(0, TOP) == whole.mirror.events_in(0, TOP)
    store.close()
    whole.close()
    chain.close()


def test_a_node_behind_a_websocket_is_read_like_any_other(ground, opened, tmp_path):
    ledger = opened(ground[0].url.replace("http", "ws"))
    granted(ground)
    ledger.catch_up()
    ledger.ready()
    assert_equals_a_fresh_replay(ground, ledger, tmp_path)


def test_new_blocks_are_told_over_a_websocket(ground):
    told = threading.Event()
    watch = HeadWatch(ground[0].url.replace("http", "ws"), told.set)
    assert told.wait(WAIT), "the subscription did not begin"
    told.clear()
    ground[0].ask("anvil_mine", "0x1")
    assert told.wait(WAIT), "a new block was not told"
    watch.close()


def test_a_watch_whose_node_is_away_waits_and_ends_when_told():
    watch = HeadWatch("ws://127.0.0.1:9", lambda: None, longest_pause=0.05)
    watch.close()
    assert not watch._thread.is_alive()
