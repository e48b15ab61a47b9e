"""The power fails: SQLite's write-ahead log ends anywhere, and what was acknowledged before is there all the same.

What a disk holds after a power loss is what was synced, and any part of what was written since. So the files are taken
as they were, the log (``-wal``) is cut at each frame and inside frames, its last transaction is torn as a disk may tear
it, and each remainder is opened as after a reboot. That an append is acknowledged only once its frames are synced is
seen in the system calls.

Source: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from ledger.domain.audit import Kind, NewEntry, StoredEntry
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from ledger.services.fsck import check_log
from ledger.store.store import Store
from tests.fakes.chain import FakeClock
from tests.support.stores import open_store

LOG = b"\x0a" * 32
COUNTS = (1, 1, 3, 1, 12, 1, 2)
HEADER, FRAME_HEADER = 32, 24
DATABASE = "ledger.sqlite"
STRACE = shutil.which("strace")


def entries(number: int) -> list[NewEntry]:
    return [NewEntry(Kind.ACCESSED, "engine:0x01", facts={"append": number, "place": n}) for n in range(COUNTS[number])]


def key(number: int) -> str:
    return f"key-{number}"


@dataclass(frozen=True)
class Disk:
    """What lay on the disk: the database, its log, and how long that was at each acknowledgement.

    ``acknowledged`` holds, for each append, the length of the log in bytes and of the audit log in entries.
    """

    folder: Path
    database: bytes
    wal: bytes
    acknowledged: tuple[tuple[int, int], ...]
    rows: tuple[StoredEntry, ...]
    frame: int

    def frames(self) -> range:
        """Where frames start."""
        return range(HEADER, len(self.wal), self.frame)

    def promised(self, length: int) -> int:
        """Entries that were acknowledged when the log was no longer than this."""
        return max((size for at, size in self.acknowledged if at <= length), default=0)

    def opened(self, wal: bytes, database: bytes | None = None) -> Store:
        """The store after a reboot, from these files."""
        for left in self.folder.glob(f"{DATABASE}*"):
            left.unlink()
        (self.folder / DATABASE).write_bytes(self.database if database is None else database)
        (self.folder / f"{DATABASE}-wal").write_bytes(wal)
        return open_store(f"sqlite:///{self.folder / DATABASE}")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return FileLogKeys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def disk(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("disk")
    path, wal = folder / DATABASE, folder / f"{DATABASE}-wal"
    open_store(f"sqlite:///{path}").close()  # the schema is in the database; closing takes the log in
    store = open_store(f"sqlite:///{path}")
    before = path.read_bytes()
    appender = Appender(store.audit, FakeClock(), keys)
    acknowledged, size = [], 0
    for number, count in enumerate(COUNTS):
        appender.append(LOG, key(number), entries(number))
        size += count
        acknowledged.append((wal.stat().st_size, size))
    written = wal.read_bytes()
    page = int.from_bytes(written[8:12], "big")
    assert path.read_bytes() == before, "nothing was taken from the log into the database meanwhile"
    assert (len(written) - HEADER) % (FRAME_HEADER + page) == 0
    rows = tuple(store.audit.entries(LOG, 0, size))
    store.close()
    reboot = tmp_path_factory.mktemp("reboot")
    return Disk(reboot, before, written, tuple(acknowledged), rows, FRAME_HEADER + page)


def holds(store: Store, disk: Disk, keys: FileLogKeys, promised: int) -> int:
    """Check a log that was found after a reboot against what was promised; gives its size."""
    audit = store.audit
    size = audit.size(LOG)
    assert size >= promised, "an acknowledged entry is gone"
    assert size in {0, *(there for _, there in disk.acknowledged)}, "an append is there in part"
    found = list(audit.entries(LOG, 0, size))
    assert [row.index for row in found] == list(range(size))
    assert [row.canonical for row in found] == [row.canonical for row in disk.rows[:size]]
    health = check_log(SimpleNamespace(audit=audit, mirror=store.mirror, log_keys=keys), LOG)
    assert health.findings == []
    return size


def test_cut_at_every_frame_it_holds_exactly_what_was_acknowledged(disk, keys):
    seen = set()
    for cut in (0, *disk.frames(), len(disk.wal)):
        store = disk.opened(disk.wal[:cut])
        size = holds(store, disk, keys, disk.promised(cut))
        assert size == disk.promised(cut), "what was not acknowledged is not there either"
        store.close()
        seen.add(size)
    assert seen == {0, *(there for _, there in disk.acknowledged)}


@pytest.mark.parametrize("inside", ["in its header", "behind its header", "in its page", "before its end"])
def test_torn_within_any_frame_nothing_acknowledged_is_lost(disk, keys, inside):
    offset = {
        "in its header": 7,
        "behind its header": FRAME_HEADER,
        "in its page": disk.frame // 2,
        "before its end": disk.frame - 1,
    }[inside]
    for start in disk.frames()[:: 2 if inside == "in its page" else 4]:
        cut = start + offset
        for tail in (b"", bytes(disk.frame)):  # the file ends there, or was made longer before its bytes came
            store = disk.opened(disk.wal[:cut] + tail)
            assert holds(store, disk, keys, disk.promised(cut)) == disk.promised(cut)
            store.close()


def test_an_append_under_way_may_reach_the_disk_in_any_order(disk, keys):
    """Between two syncs a disk may write the frames as it likes: each is left out alone, with all others there."""
    start, end = disk.acknowledged[-2][0], disk.acknowledged[-1][0]
    for missing in range(start, end, disk.frame):
        for hole in (bytes(disk.frame), b"\xa5" * disk.frame):
            torn = disk.wal[:missing] + hole + disk.wal[missing + disk.frame : end]
            store = disk.opened(torn)
            assert holds(store, disk, keys, disk.promised(start)) == disk.promised(start)
            store.close()


def test_while_the_log_is_taken_into_the_database_every_page_may_be_torn(disk, keys):
    """The log is whole and synced before its pages are copied; so a copy in any state is mended from it."""
    store = disk.opened(disk.wal)
    store.close()  # the last to close takes the log in
    after = (disk.folder / DATABASE).read_bytes()
    page = disk.frame - FRAME_HEADER
    changed = [at for at in range(0, len(after), page) if after[at : at + page] != disk.database[at : at + page]]
    assert changed
    whole = disk.promised(len(disk.wal))
    for at in changed:
        for torn in (page, page // 2, 512):
            before = disk.database.ljust(at, b"\0")
            database = before[:at] + after[at : at + torn] + before[at + torn :]
            store = disk.opened(disk.wal, database)
            assert holds(store, disk, keys, whole) == whole
            store.close()


def test_whoever_sends_an_append_again_after_the_reboot_gets_one_entry(disk, keys):
    first = disk.acknowledged[0][0]
    for cut in range(first, len(disk.wal) + 1, 5 * disk.frame):
        store = disk.opened(disk.wal[:cut])
        appender = Appender(store.audit, FakeClock(), keys)
        for number in range(len(COUNTS)):
            appender.append(LOG, key(number), entries(number))
        assert holds(store, disk, keys, len(disk.rows)) == len(disk.rows)
        store.close()


TRACED = """
import sys
from pathlib import Path
from tests.integration.test_power_loss import COUNTS, LOG, DATABASE, entries, key
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from tests.support.stores import open_store
from tests.fakes.chain import FakeClock
folder = Path(sys.argv[1])
store = open_store(f"sqlite:///{folder / DATABASE}")
appender = Appender(store.audit, FakeClock(), FileLogKeys(folder / "keys"))
for number in range(len(COUNTS)):
    appender.append(LOG, key(number), entries(number))
    print(f"acknowledged {number}", flush=True)
"""


@pytest.mark.skipif(STRACE is None, reason="strace is not there: it shows the system calls")
def test_an_append_is_acknowledged_only_when_its_frames_are_synced(tmp_path):
    calls = tmp_path / "calls"
    only = "trace=openat,write,pwrite64,fsync,fdatasync"
    done = subprocess.run(
        [STRACE, "-f", "-y", "-s", "40", "-e", only, "-o", calls, sys.executable, "-c", TRACED, tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "ptrace" in done.stderr:
        pytest.skip(f"this machine does not let a process be traced: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    unsynced, acknowledged = 0, 0
    for line in calls.read_text().splitlines():
        call = re.search(r"(\w+)\((?:\d+<([^>]*)>)?", line)
        if call is None:
            continue
        name, path = call.groups()
        if name == "pwrite64" and path.endswith("-wal"):
            unsynced += 1
        elif name in {"fsync", "fdatasync"} and path.endswith("-wal"):
            unsynced = 0
        elif name == "write" and '"acknowledged ' in line:
            assert unsynced == 0, f"{unsynced} writes were not on the disk: {line}"
            acknowledged += 1
    assert acknowledged == len(COUNTS)
