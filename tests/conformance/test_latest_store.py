"""The latest act and erasure: what anybody committed before the question is in the answer, whoever asks at once."""

import threading
import time

import pytest

from ledger.domain.acts import WithdrawalOfAll
from ledger.errors import NotReady
from ledger.ports import Latest
from tests.support.stores import open_store

ASKERS = 6
ACTS = 40


@pytest.fixture
def stores(url):
    """Two stores on one database, as two processes have them."""
    ours, theirs = open_store(url), open_store(url)
    yield ours, theirs
    ours.close()
    theirs.close()


def accept(store, number):
    act = WithdrawalOfAll(bytes([1]) * 32, number.to_bytes(32, "big"), number, bytes(20), b"")
    return store.outbox.accept([(number.to_bytes(32, "big"), act)], at=number)[0].sequence


def erase(store, number):
    subject = number.to_bytes(32, "big")
    return store.erasures.destroy(subject, id=f"e{number}", custodian=bytes(32), actor="a", at=1).number


def test_the_latest_is_told_of_both_stores(stores):
    ours, theirs = stores
    assert ours.latest.now() == Latest(0, 0)
    for number in (1, 2):
        for asker, writer in ((ours, theirs), (ours, ours), (theirs, ours)):
            act = accept(writer, number * 10 + (asker is ours) + 2 * (writer is ours))
            assert asker.latest.now().act == act
            assert asker.latest.now().act == act
        erasure = erase(theirs, number)
        assert {store.latest.now() for store in stores} == {Latest(act, erasure)}


def test_nobody_is_told_less_than_was_there_when_they_asked(stores):
    ours, _ = stores
    done = [0]
    wrong = []
    asked = [0] * ASKERS
    stop = threading.Event()

    def ask(place):
        while not (stop.is_set() and asked[place]):
            before = done[0]
            told = ours.latest.now().act
            if told < before:
                wrong.append((before, told))
            asked[place] += 1

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(ASKERS)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, ACTS + 1):
            done[0] = accept(stores[number % 2], number)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert all(asked)
    assert ours.latest.now().act == done[0]


def test_a_question_under_way_is_not_for_those_who_came_later(stores, monkeypatch):
    ours, _ = stores
    database = ours.latest._ask._database
    if database.sqlite:
        pytest.skip("SQLite is asked by one at a time")
    rows = [[(1, 0)], [(2, 0)]]
    asked = []
    begun, go_on = threading.Event(), threading.Event()

    def slow(_statement):
        given = rows[len(asked)]
        asked.append(1)
        begun.set()
        assert go_on.wait(60)
        return given

    monkeypatch.setattr(database, "ask", slow)
    told = {}

    def ask(name):
        told[name] = ours.latest.now().act

    first = threading.Thread(target=ask, args=("first",))
    first.start()
    assert begun.wait(60)
    later = [threading.Thread(target=ask, args=(name,)) for name in ("second", "third")]
    for thread in later:
        thread.start()
    deadline = time.monotonic() + 60
    while len(ours.latest._ask._changed._waiters) < len(later):  # both wait for the next question
        assert time.monotonic() < deadline
        time.sleep(0.005)
    go_on.set()
    for thread in (first, *later):
        thread.join()
    assert told == {"first": 1, "second": 2, "third": 2}
    assert len(asked) == 2


def test_whoever_waits_asks_for_itself_where_a_question_failed(stores, monkeypatch):
    ours, _ = stores
    sequence = accept(ours, 1)
    asking = ours.latest._ask
    real, broken = asking._database.ask, []

    def once(statement):
        if not broken:
            broken.append(1)
            raise NotReady("gone")
        return real(statement)

    if asking._database.sqlite:
        asking.now()
        asking._cursor.connection.close()  # as if it broke
        sequence = accept(ours, 2)
    else:
        monkeypatch.setattr(asking._database, "ask", once)
    with pytest.raises(NotReady):
        ours.latest.now()
    assert ours.latest.now().act == sequence


def test_the_state_changes_with_each_commit_of_anybody_and_with_nothing_else(stores):
    ours, theirs = stores
    if not ours.local:
        assert ours.latest.state() is None
        return
    state = ours.latest.state()
    if state is None:
        pytest.skip("the index of the write-ahead log cannot be read here")
    seen = [state]
    for number, writer in enumerate((theirs, ours, theirs), 1):
        accept(writer, number)
        seen.append(ours.latest.state())
        assert ours.outbox.waiting(10)  # to read is no commit
        assert theirs.latest.now().act == ours.latest.now().act
        assert ours.latest.state() == seen[-1]
    assert len(set(seen)) == len(seen)
