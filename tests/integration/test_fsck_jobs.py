"""A log that is read by several processes: the same pages, the same findings, and no answer where one of them ends."""

import itertools
import shutil
import signal
import sqlite3
import threading
from types import SimpleNamespace

import psycopg
import pytest

from ledger.bootstrap import SystemClock
from ledger.domain.audit import Kind, NewEntry
from ledger.errors import NotReady
from ledger.identity.seals import FileLogKeys
from ledger.services.append import Appender
from ledger.services.fsck import Fault, check_log
from ledger.services.fsck_page import STRETCH
from ledger.store import scan_worker, scanning
from ledger.store.scan_worker import Stretch, Task
from ledger.transparency.tiles import WIDTH
from tests.fixtures_store import postgresql_server
from tests.support.stores import open_store
from tests.support.tampering import hand

__all__ = ["postgresql_server"]
LOG = b"\x0a" * 32
SIZE = 3 * STRETCH + 300
ANCHORED = SIZE - 40
TOLD = {7: "told as it is", STRETCH: "told as it is", STRETCH + 1: "told of another study", SIZE + 5: "not there"}
SECONDS = 60
_numbers = itertools.count()


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A log of more than three stretches in a file, and the keys to it."""
    home = tmp_path_factory.mktemp("past")
    store = open_store(f"sqlite:///{home / 'ledger.sqlite'}")
    _fill(store, home)
    store.close()
    return home


def _fill(store, home):
    appender = Appender(store.audit, SystemClock(), FileLogKeys(home / "keys"))
    for name, count in (("anchored", ANCHORED), ("newer", SIZE - ANCHORED)):
        entries = [_entry(number) for number in range(count)]
        for place in range(0, count, 2_000):
            appender.append(LOG, f"{name} {place}", entries[place : place + 2_000])


def _entry(number):
    party = f"0x{number + 1:064x}"
    return NewEntry(
        Kind.COMPLETED, "engine", study=party, engine=party, decision=party, facts={"run": "run", "outputs": []}
    )


class Copy:
    """A database with the log, and the ports that a check asks for."""

    def __init__(self, url, home):
        self.url = url
        self.store = open_store(url)
        self.address = self.store._database.address
        self.accesses = []
        for index, told in TOLD.items():
            entry = self.store.audit.entry(LOG, min(index, SIZE - 1))
            party = bytes.fromhex(f"{index + 1 if told == 'told as it is' else 9:064x}")
            access = SimpleNamespace(index=index, leaf=entry.leaf, study=party, engine=party)
            self.accesses.append((access, None))
        head = self.store.audit.checkpoint(LOG, ANCHORED)
        self.ports = SimpleNamespace(
            audit=self.store.audit,
            mirror=SimpleNamespace(heads_of=lambda _: [(head, None)], accesses_of=lambda _: self.accesses),
            log_keys=FileLogKeys(home / "keys"),
        )

    def found(self, scan=None):
        health = check_log(self.ports, LOG, scan=scan)
        return health.entries, health.findings

    def elsewhere(self, log, size, told):
        """A scan of which every page comes from another process."""
        with scanning.Process(Task(self.address, log)) as other:
            for first in range(0, size, STRETCH):
                last = min(first + STRETCH, size)
                yield from other.look(Stretch(first, last, {at: told[at] for at in told if first <= at < last}))


@pytest.fixture
def copy(past, tmp_path):
    shutil.copy(past / "ledger.sqlite", tmp_path / "ledger.sqlite")
    copy = Copy(f"sqlite:///{tmp_path / 'ledger.sqlite'}", past)
    yield copy
    copy.store.close()


@pytest.fixture(scope="module")
def past_on_a_server(tmp_path_factory, postgresql_server):
    home = tmp_path_factory.mktemp("server")
    name = f"jobs_{next(_numbers)}"
    with psycopg.connect(postgresql_server.format(name="postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE consentry_template')
    store = open_store(postgresql_server.format(name=name))
    _fill(store, home)
    store.close()
    return postgresql_server.format(name=name), home


ALWAYS = [(Fault.ACCESS, STRETCH + 1), (Fault.ACCESS, SIZE + 5)]
AT = STRETCH + 300
ATTACKS = [
    (f'UPDATE audit_entry SET leaf = zeroblob(32) WHERE "index" IN (5, {AT})', [(Fault.CHANGED, 5)]),
    (f'UPDATE audit_entry SET decision = leaf WHERE "index" = {AT}', [(Fault.COLUMN, AT)]),
    (f'UPDATE audit_entry SET key = NULL, count = NULL WHERE "index" >= {AT}', [(Fault.COLUMN, 6_000)]),
    (f'UPDATE audit_entry SET count = 50 WHERE "index" = {AT}', [(Fault.COLUMN, AT)]),
    (f'DELETE FROM audit_entry WHERE "index" BETWEEN {STRETCH - 1} AND {AT}', [(Fault.MISSING, STRETCH - 1)]),
    (f'DELETE FROM audit_entry WHERE "index" IN (3, {AT}, {SIZE - 2})', [(Fault.MISSING, AT), (Fault.MISSING, 3)]),
    (f'DELETE FROM audit_entry WHERE "index" >= {2 * STRETCH}', [(Fault.CUT, 2 * STRETCH)]),
    ('DELETE FROM tree_tile WHERE level = 0 AND "index" = 18', [(Fault.NODE, 18 * WIDTH)]),
    ('UPDATE audit_entry SET "index" = 1000000 WHERE "index" = 0', [(Fault.MISSING, 0)]),
    (
        (
            "UPDATE audit_entry SET canonical = CAST(replace(CAST(canonical AS TEXT), '\"time\"', '\"at\"') AS BLOB) "
            f'WHERE "index" IN ({AT}, 9)'
        ),
        [(Fault.CHANGED, 9)],
    ),
]


def test_an_untouched_log_has_the_same_findings_wherever_it_is_read(copy):
    here = copy.found()
    assert [(found.fault, found.index) for found in here[1]] == ALWAYS
    assert copy.found(copy.elsewhere) == here


@pytest.mark.parametrize(("attack", "named"), ATTACKS)
def test_an_attack_has_the_same_findings_in_the_same_order_wherever_it_is_read(copy, attack, named):
    with sqlite3.connect(copy.url.removeprefix("sqlite:///")) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(attack).rowcount
    here = copy.found()
    assert set(named) <= {(found.fault, found.index) for found in here[1]}
    assert copy.found(copy.elsewhere) == here


@pytest.fixture
def copy_on_a_server(past_on_a_server):
    url, home = past_on_a_server
    copy = Copy(url, home)
    yield copy
    copy.store.close()


def test_a_log_on_a_server_has_the_same_findings_wherever_it_is_read(copy_on_a_server):
    copy = copy_on_a_server
    sound = copy.found()
    assert [(found.fault, found.index) for found in sound[1]] == ALWAYS
    assert copy.found(copy.elsewhere) == sound
    with hand(copy.url) as connection:
        connection.exec_driver_sql(f'DELETE FROM audit_entry WHERE "index" IN (3, {AT})')
        connection.exec_driver_sql(f'UPDATE audit_entry SET decision = leaf WHERE "index" = {AT + 9}')
    attacked = copy.found()
    assert {(Fault.MISSING, 3), (Fault.MISSING, AT), (Fault.COLUMN, AT + 9)} <= {
        (f.fault, f.index) for f in attacked[1]
    }
    assert copy.found(copy.elsewhere) == attacked


def test_another_process_cannot_write(copy, copy_on_a_server):
    for address in (copy.address, copy_on_a_server.address):
        with scan_worker.opened(address) as (execute, broken), pytest.raises(broken, match=r"read-?only"):
            execute("CREATE TABLE more (number INTEGER)", ())


class Shared:
    """A scan by two processes, of which this one looks at rows only when the other was asked for some."""

    def __init__(self, copy, monkeypatch, then=lambda _: None):
        self._audit, self._asked = copy.store.audit, threading.Event()
        self.by_other = self.by_this = 0
        look = scanning.Process.look

        def watched(process, stretch):
            then(process._process)
            self._asked.set()
            pages = look(process, stretch)
            self.by_other += len(pages)
            return pages

        monkeypatch.setattr(scanning.Process, "look", watched)
        self.scan = scanning.scanning(self, copy.address, 2, least=0)

    def rows(self, *asked):
        assert self._asked.wait(SECONDS)
        for rows in self._audit.rows(*asked):
            self.by_this += 1
            yield rows


def test_two_processes_share_a_log_and_see_each_page_once(copy, monkeypatch):
    shared = Shared(copy, monkeypatch)
    assert copy.found(shared.scan) == copy.found()
    assert shared.by_other
    assert shared.by_this + shared.by_other == -(-SIZE // WIDTH)


def test_entries_that_are_appended_meanwhile_are_no_finding(copy, past, monkeypatch):
    before = copy.found()
    appended = []

    def append(_process):
        if not appended:
            appender = Appender(copy.store.audit, SystemClock(), FileLogKeys(past / "keys"))
            appended.append(appender.append(LOG, "meanwhile", [_entry(1)] * (2 * STRETCH)))

    assert copy.found(Shared(copy, monkeypatch, append).scan) == before
    assert copy.store.audit.size(LOG) == SIZE + 2 * STRETCH


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_log_of_which_a_process_ended_is_not_called_sound(copy, monkeypatch, number):
    with pytest.raises(NotReady, match=r"ended|broke off"):
        copy.found(Shared(copy, monkeypatch, lambda process: process.send_signal(number)).scan)


def test_a_log_of_which_a_process_ended_while_it_was_waited_for_is_not_called_sound(copy, monkeypatch):
    receive, stopped = scanning.receive, []

    def stop(process):
        process.send_signal(signal.SIGSTOP)
        stopped.append(process)

    def kill(stream, kind):
        stopped[0].kill()
        return receive(stream, kind)

    monkeypatch.setattr(scanning, "receive", kill)
    with pytest.raises(NotReady, match="ended too early"):
        copy.found(Shared(copy, monkeypatch, stop).scan)


def test_a_log_that_another_process_cannot_read_is_not_called_sound(copy, monkeypatch):
    monkeypatch.setattr(copy, "address", copy.address.replace("ledger.sqlite", "nothing.sqlite"))
    with pytest.raises(NotReady):
        copy.found(Shared(copy, monkeypatch).scan)


def test_a_short_log_and_one_job_start_no_process(copy, monkeypatch):
    monkeypatch.delattr(scanning, "Process")
    assert copy.found(copy.store.scan(2)) == copy.found(scanning.scanning(copy.store.audit, copy.address, 1, least=0))
