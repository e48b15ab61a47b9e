"""The power fails while the mirror is written: what is left is a whole mirror of fewer blocks, and goes on from there.

The mirror's writes do not wait for the disk, so that any part of SQLite's write-ahead log may be gone afterwards. The
log is cut at every frame, and torn inside of some, and what is left is opened as after a reboot.
"""

import pytest

from ledger.services.mirror_verify import verify_mirror
from ledger.services.sync import Limits, Mirror, Standing
from ledger.store.store import Store
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.support.stores import open_store

HEADER, FRAME_HEADER = 32, 24
CUTS = 25


def follower(chain: FakeChain, store: Store) -> Mirror:
    return Mirror(chain, store.mirror, FakeClock(), limits=Limits(first_span=3, most_span=3))


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """A chain, and the files of a mirror of it before and after it was taken in."""
    chain, history = FakeChain(), History(3)
    chain.mine(*history.opening())
    for _ in range(24):
        chain.mine(*history.block(most=4))
    path = tmp_path_factory.mktemp("disk") / "mirror.sqlite"
    open_store(f"sqlite:///{path}").close()
    before = path.read_bytes()
    store = open_store(f"sqlite:///{path}")
    follower(chain, store).catch_up()
    wal = path.with_name(f"{path.name}-wal").read_bytes()
    assert path.read_bytes() == before, "nothing was taken from the log into the database meanwhile"
    cursor = store.mirror.cursor()
    store.close()
    return chain, before, wal, cursor


def rebooted(folder, database: bytes, wal: bytes) -> Store:
    for left in folder.glob("mirror.sqlite*"):
        left.unlink()
    (folder / "mirror.sqlite").write_bytes(database)
    (folder / "mirror.sqlite-wal").write_bytes(wal)
    return open_store(f"sqlite:///{folder / 'mirror.sqlite'}")


def test_after_a_power_loss_the_mirror_is_whole_and_goes_on(ground, tmp_path):
    chain, before, wal, cursor = ground
    frame = FRAME_HEADER + int.from_bytes(wal[8:12], "big")
    frames = (len(wal) - HEADER) // frame
    heights = []
    for cut in range(0, frames, max(1, frames // CUTS)):
        for torn in (0, frame // 2):
            store = rebooted(tmp_path, before, wal[: HEADER + cut * frame + torn])
            verify_mirror(chain, store.mirror)
            found = store.mirror.cursor()
            heights.append(found.block.number if found else -1)
            assert follower(chain, store).catch_up().standing is Standing.CAUGHT_UP
            assert store.mirror.cursor() == cursor
            store.close()
    assert heights == sorted(heights)
    assert len(set(heights)) > 4, "the cuts fell between the same transactions"
