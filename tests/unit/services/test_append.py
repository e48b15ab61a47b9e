"""The sequencer: an index once, a key one receipt, and every receipt holds."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.errors import InvalidInput, NotReady, Replayed
from ledger.identity.seals import FileLogKeys
from ledger.services import append
from ledger.services.append import LONGEST_KEY, Appender, _Job
from ledger.services.drafts import MOST_ENTRY_BYTES
from ledger.store.audit import SqlLogWriter
from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.jws import kid_of
from ledger.transparency.proofs import verify_consistency, verify_inclusion
from ledger.transparency.receipt import open_append
from ledger.transparency.tree import Tree, consistency_proof, inclusion_proof
from tests.fakes.chain import FakeClock
from tests.support.stores import open_store

LOG = b"\x0a" * 32
OTHER_LOG = b"\x0b" * 32


class Desk:
    """A store on disk, keys on disk, and sequencers over them."""

    def __init__(self, folder):
        self.url = f"sqlite:///{folder / 'ledger.sqlite'}"
        self.folder = folder
        self.clock = FakeClock()
        self.open()

    def open(self):
        self.store = open_store(self.url)
        self.audit = self.store.audit
        self.keys = FileLogKeys(self.folder / "keys")
        self.appender = Appender(self.audit, self.clock, self.keys)

    def restart(self):
        self.store.close()
        self.open()

    def check(self, appended, log=LOG):
        """Every receipt, its checkpoint and its place in the log hold."""
        receipt = open_append(appended.receipt, self.keys.published)
        leaves = [stored.leaf for stored in appended.entries]
        assert (receipt.log, receipt.index) == (log, appended.entries[0].index)
        assert receipt.promises(leaves)
        head = verify_checkpoint(receipt.checkpoint, [self.keys.note_signer(log).verifier], log)
        for place, stored in enumerate(appended.entries):
            assert stored.index == receipt.index + place
            path = inclusion_proof(self.audit.nodes(log), stored.index, head.size)
            verify_inclusion(stored.leaf, stored.index, head.size, path, head.root)
            held = self.audit.entry(log, stored.index)
            assert held == stored
            assert leaf_hash(held.canonical) == stored.leaf

    def tree(self, log=LOG):
        """The tree recomputed from the entries' bytes, which must be dense."""
        entries = list(self.audit.entries(log, 0, self.audit.size(log)))
        assert [entry.index for entry in entries] == list(range(len(entries)))
        tree = Tree()
        for entry in entries:
            document = canonical.decode_object(entry.canonical)
            assert (document["index"], document["log"]) == (entry.index, "0x" + log.hex())
            tree.append(leaf_hash(entry.canonical))
        return tree


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def entry(number=0, **facts):
    return NewEntry(Kind.ACCESSED, f"engine:{number}", facts={"number": number, **facts})


# --- one after the other ----------------------------------------------------------------------------------------------


def test_entries_get_dense_indexes_and_receipts_that_hold(desk):
    for number in range(20):
        appended = desk.appender.append(LOG, f"key-{number}", [entry(number)] * (1 + number % 3))
        desk.check(appended)
    size = desk.audit.size(LOG)
    assert size == sum(1 + number % 3 for number in range(20))
    newest = desk.audit.checkpoint(LOG)
    assert (newest.size, newest.root) == (size, desk.tree().root())


def test_every_checkpoint_extends_the_one_before(desk):
    heads = []
    for number in range(12):
        note = desk.appender.append(LOG, f"key-{number}", [entry(number)]).checkpoint
        heads.append(verify_checkpoint(note, [desk.keys.note_signer(LOG).verifier], LOG))
    for first, second in pairwise(heads):
        proof = consistency_proof(desk.audit.nodes(LOG), first.size, second.size)
        verify_consistency(first.size, second.size, first.root, second.root, proof)


def test_logs_are_apart(desk):
    first = desk.appender.append(LOG, "key", [entry()])
    second = desk.appender.append(OTHER_LOG, "key", [entry()])
    assert [one.entries[0].index for one in (first, second)] == [0, 0]
    desk.check(first)
    desk.check(second, OTHER_LOG)


def test_time_is_the_clocks_and_stays_when_repeated(desk):
    first = desk.appender.append(LOG, "key", [entry()])
    desk.clock.at += 1000
    again = desk.appender.append(LOG, "key", [entry()])
    assert again == first
    assert canonical.decode_object(first.entries[0].canonical)["time"] == desk.clock.at - 1000


# --- the same key -----------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_receipts_across_a_restart(desk):
    first = desk.appender.append(LOG, "key", [entry(1), entry(2)])
    desk.appender.append(LOG, "later", [entry(3)])
    assert desk.appender.append(LOG, "key", [entry(1), entry(2)]) == first
    desk.restart()
    assert desk.appender.append(LOG, "key", [entry(1), entry(2)]) == first
    assert desk.audit.size(LOG) == 3


@pytest.mark.parametrize(
    "other",
    [[entry(9)], [entry(1)], [entry(1), entry(2), entry(3)], [entry(2), entry(1)], [entry(1), entry(2, more="")]],
    ids=["another", "fewer", "more", "order", "a fact more"],
)
def test_the_same_key_with_other_entries_is_refused(desk, other):
    desk.appender.append(LOG, "key", [entry(1), entry(2)])
    with pytest.raises(Replayed):
        desk.appender.append(LOG, "key", other)
    assert desk.audit.size(LOG) == 2
    desk.restart()
    with pytest.raises(Replayed):
        desk.appender.append(LOG, "key", other)


def test_keys_that_look_like_each_others_places_do_not_clash(desk):
    first = desk.appender.append(LOG, "key", [entry(1), entry(2)])
    second = desk.appender.append(LOG, "key#1", [entry(3)])
    third = desk.appender.append(LOG, "key#1#0", [entry(4)])
    assert [row.index for one in (first, second, third) for row in one.entries] == [0, 1, 2, 3]


# --- one group --------------------------------------------------------------------------------------------------------


def group(desk, *jobs):
    """Write jobs as one group, as they form when their callers wait for the log together."""
    made = [_Job(LOG, key, entries) for key, entries in jobs]
    desk.appender._write(LOG, made)
    assert all(job.done for job in made)
    return made


def test_a_group_shares_one_checkpoint_and_repeats_give_the_same_receipts(desk):
    made = group(desk, ("a", [entry(1)]), ("b", [entry(2)]), ("c", [entry(3)]))
    assert len({job.note for job in made}) == 1
    for job, number in zip(made, (1, 2, 3), strict=True):
        again = desk.appender.append(LOG, job.key, [entry(number)])
        assert (again.entries, again.checkpoint) == (job.stored, job.note)
        desk.check(again)


def test_a_group_asks_for_the_key_of_receipts_once_and_the_next_takes_up_a_new_one(desk, monkeypatch):
    asked = []
    current = FileLogKeys.receipts.fget
    monkeypatch.setattr(FileLogKeys, "receipts", property(lambda keys: asked.append(1) or current(keys)))
    desk.appender.append(LOG, "before", [entry(0)])
    first = group(desk, ("a", [entry(1)]), ("b", [entry(2)] * 3), ("before", [entry(0)]))
    assert len(asked) == 2
    desk.keys.rotate(desk.clock.at)
    second = group(desk, ("c", [entry(3)]))
    kids = {kid_of(desk.appender._receipt(job)) for job in first}
    assert len(kids) == 1
    assert kids.isdisjoint({kid_of(desk.appender._receipt(job)) for job in second})


def test_the_same_key_twice_in_a_group_is_written_once(desk):
    first, other, twin = group(desk, ("a", [entry(1)]), ("b", [entry(2)]), ("a", [entry(1)]))
    assert (first.problem, twin.problem) == (None, None)
    assert (twin.stored, twin.note) == (first.stored, first.note)
    assert desk.audit.size(LOG) == 2
    assert other.stored[0].index == 1


@pytest.mark.parametrize("before", [False, True], ids=["in the group", "in the log"])
def test_a_clash_in_a_group_harms_its_neighbours_not(desk, before):
    if before:
        desk.appender.append(LOG, "a", [entry(1)])
    jobs = [("a", [entry(1)]), ("b", [entry(2)]), ("a", [entry(9)]), ("a", [entry(1), entry(2)]), ("c", [entry(3)])]
    first, second, clash, longer, last = group(desk, *jobs)
    assert isinstance(clash.problem, Replayed)
    assert isinstance(longer.problem, Replayed)
    assert [job.problem for job in (first, second, last)] == [None] * 3
    assert [job.stored[0].index for job in (first, second, last)] == [0, 1, 2]
    assert desk.audit.checkpoint(LOG).root == desk.tree().root()


def test_an_entry_without_a_canonical_form_harms_its_neighbours_not(desk):
    jobs = [
        ("a", [entry(1)]),
        ("b", [entry(2), entry(epsilon=0.5)]),
        ("c", [entry(3)]),
        ("d", [entry(actor=[{}, b""])]),
    ]
    first, bad, last, worse = group(desk, *jobs)
    assert [type(job.problem) for job in (bad, worse)] == [InvalidInput] * 2
    assert (bad.stored, bad.note) == ((), "")
    assert [job.stored[0].index for job in (first, last)] == [0, 1]
    assert desk.audit.checkpoint(LOG).root == desk.tree().root()
    assert desk.appender.append(LOG, "b", [entry(2)]).entries[0].index == 2, "a refused append used up no key"


def test_a_store_that_fails_fails_the_group_and_leaves_nothing(desk, monkeypatch):
    desk.appender.append(LOG, "before", [entry()])

    def fails(*_):
        raise NotReady("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(SqlLogWriter, "checkpoint", fails)
        made = group(desk, ("a", [entry(1)]), ("b", [entry(2)]))
        assert [type(job.problem) for job in made] == [NotReady, NotReady]
        with pytest.raises(NotReady):
            desk.appender.append(LOG, "c", [entry(3)])
    assert desk.audit.size(LOG) == 1
    after = desk.appender.append(LOG, "a", [entry(1)])
    desk.check(after)
    assert after.entries[0].index == 1
    assert desk.audit.checkpoint(LOG).root == desk.tree().root()


def test_a_stop_in_the_midst_gives_nobody_an_empty_receipt(desk, monkeypatch):
    """The thread that writes for others is interrupted; who waits must not take silence for success."""

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Appender, "_sequence", interrupted)
    jobs = [_Job(LOG, key, [entry()]) for key in ("a", "b")]
    with pytest.raises(KeyboardInterrupt):
        desk.appender._write(LOG, jobs)
    assert all(job.done and job.problem is not None for job in jobs)


# --- many at once -----------------------------------------------------------------------------------------------------


def test_sixteen_threads_append_to_one_log(desk):
    threads, each = 16, 12
    barrier = threading.Barrier(threads)

    def work(thread):
        barrier.wait()
        made = []
        for number in range(each):
            key, rows = f"{thread}-{number}", [entry(thread * 100 + number)] * (1 + number % 2)
            made.append((key, rows, desk.appender.append(LOG, key, rows)))
        return made

    with ThreadPoolExecutor(threads) as pool:
        made = [one for results in pool.map(work, range(threads)) for one in results]
    for _, _, appended in made:
        desk.check(appended)
        indexes = [stored.index for stored in appended.entries]
        assert indexes == list(range(indexes[0], indexes[0] + len(indexes))), "entries of one append lie together"
    indexes = sorted(stored.index for _, _, appended in made for stored in appended.entries)
    assert indexes == list(range(threads * each * 3 // 2))
    assert desk.audit.checkpoint(LOG).root == desk.tree().root()
    desk.restart()
    for key, rows, appended in made[::7]:
        assert desk.appender.append(LOG, key, rows) == appended


def test_sixteen_threads_with_one_key_write_once(desk):
    barrier = threading.Barrier(16)

    def work(_):
        barrier.wait()
        return desk.appender.append(LOG, "key", [entry(1)])

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(work, range(16)))
    assert all(one == made[0] for one in made)
    assert desk.audit.size(LOG) == 1


class Interrupted:
    """The turn of a job whose caller is interrupted while it waits: at once, or when the turn has just come."""

    def __init__(self, late):
        self.late, self.waits = late, threading.Event()
        self._taken, self._come = False, threading.Event()

    def acquire(self):
        if not self._taken:  # as every job does when it is made
            self._taken = True
            return
        self.waits.set()
        if self.late:
            self._come.wait(60)
        raise KeyboardInterrupt

    def release(self):
        self._come.set()


@pytest.mark.parametrize("late", [False, True])
def test_who_is_interrupted_while_it_waits_keeps_nobody_waiting(desk, monkeypatch, late):
    writes, go, turn = threading.Event(), threading.Event(), Interrupted(late)

    def anchored(_log):
        writes.set()
        go.wait(60)
        return 0

    appender = Appender(desk.audit, desk.clock, desk.keys, anchored)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(appender.append, LOG, "a", [entry(1)])
        assert writes.wait(60)
        with monkeypatch.context() as patched:
            patched.setattr(append, "_Job", lambda *given: _Job(*given, turn=turn))
            second = pool.submit(appender.append, LOG, "b", [entry(2)])
            assert turn.waits.wait(60)
        if not late:
            assert isinstance(second.exception(60), KeyboardInterrupt)
        third = pool.submit(appender.append, LOG, "c", [entry(3)])
        while appender._queues[LOG][-1:] == [] or appender._queues[LOG][-1].key != "c":
            assert not third.done()
        go.set()
        assert isinstance(second.exception(60), KeyboardInterrupt)
        for made in (first, third, pool.submit(appender.append, LOG, "d", [entry(4)])):
            desk.check(made.result(60))
    assert desk.audit.size(LOG) == 3, "what was interrupted before it was written is not written"


def test_two_processes_write_one_log(desk):
    """Each has its own sequencer and its own idea of the tree's edge."""
    other = Desk(desk.folder)
    for number in range(8):
        writer = desk if number % 2 else other
        writer.check(writer.appender.append(LOG, f"key-{number}", [entry(number)] * (1 + number % 3)))
    assert other.appender.append(LOG, "key-1", [entry(1)] * 2) == desk.appender.append(LOG, "key-1", [entry(1)] * 2)
    assert desk.audit.checkpoint(LOG).root == desk.tree().root()
    other.store.close()


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "entries"),
    [
        ("", [entry()]),
        ("k" * (LONGEST_KEY + 1), [entry()]),
        ("key", []),
        ("key", [entry(), entry(epsilon=0.5)]),
        ("key", [entry(blob="x" * MOST_ENTRY_BYTES)]),
        ("key", [replace(entry(), facts={1: "number as a name"})]),
    ],
    ids=["no key", "long key", "no entries", "a float", "too large", "a name that is no string"],
)
def test_malformed_appends_are_refused_and_write_nothing(desk, key, entries):
    with pytest.raises(InvalidInput):
        desk.appender.append(LOG, key, entries)
    assert desk.audit.size(LOG) == 0


def test_a_log_that_is_shorter_than_its_anchored_head_takes_nothing_until_it_is_whole_again(desk):
    held = {LOG: 3}
    desk.appender.anchored = lambda log: held.get(log, 0)
    with pytest.raises(NotReady, match="the chain holds 3 entries of this log, the store only 0"):
        desk.appender.append(LOG, "a", [entry()])
    assert desk.audit.size(LOG) == 0
    desk.check(desk.appender.append(OTHER_LOG, "a", [entry()]), OTHER_LOG)
    held[LOG] = 0
    desk.check(desk.appender.append(LOG, "a", [entry()]))
    held[LOG] = 1
    desk.check(desk.appender.append(LOG, "b", [entry()]))
    held[LOG] = 5  # the copy of the chain came further meanwhile
    with pytest.raises(NotReady):
        desk.appender.append(LOG, "c", [entry()])


@pytest.mark.parametrize(
    "besides",
    ["", "DELETE FROM checkpoint", "UPDATE checkpoint SET note = replace(note, '300', '301')"],
    ids=["tile", "tile and no head", "tile and another head"],
)
def test_nothing_is_signed_on_top_of_a_tree_that_was_changed_meanwhile(desk, besides):
    entries = [NewEntry(Kind.ADMINISTRATION, "service", facts={"number": number}) for number in range(300)]
    desk.appender.append(LOG, "before", entries)
    with closing(sqlite3.connect(desk.folder / "ledger.sqlite")) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        columns = 'log, level, "index", root, hashes'
        connection.execute(f"INSERT INTO tree_tile ({columns}) SELECT log, level, 1, root, hashes FROM tree_tile")
        connection.execute(besides)
        connection.commit()
    desk.restart()
    with pytest.raises(NotReady, match="fsck"):
        desk.appender.append(LOG, "after", entries[:1])
    assert desk.audit.size(LOG) == 300
