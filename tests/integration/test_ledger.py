"""The ledger as it runs: threads that follow, relay and anchor, and answers that stop when they cannot be right."""

import threading
from dataclasses import replace

import pytest

from ledger import bootstrap, running
from ledger.bootstrap import Ledger, open_ledger
from ledger.config import Settings
from ledger.domain.outbox import ItemState
from ledger.errors import LedgerUnreachable, MirrorLagging, NotFound, NotReady, ReorgTooDeep, WrongState
from tests.support.house import NOW, STALENESS, House, build
from tests.support.scene import Patient, fresh
from tests.support.stores import open_store

LONG = 60.0
"""Seconds that a wait may take on a busy machine; what is waited for ends it at once."""


@pytest.fixture
def house(tmp_path):
    patients = [Patient() for _ in range(3)]
    house = House(tmp_path / "home", build(tmp_path / "home", patients), patients)
    yield house
    house.close()


def test_an_act_becomes_a_decision_by_the_threads_alone(house):
    patient = house.patients[0]
    grant = house.scene.consent(patient)
    house.ledger.start()
    (item,) = house.submit(grant)
    (settled,) = house.ledger.settled([item.digest], LONG)
    assert settled.state is ItemState.SEALED
    assert house.look(patient)[0].permitted
    (withdrawal,) = house.submit(house.scene.withdrawal(patient, grant.id))
    assert not house.look(patient)[0].permitted, "before the chain has it"
    house.ledger.settled([withdrawal.digest], LONG)
    assert not house.look(patient)[0].permitted, "and after"


def test_logs_are_anchored_by_the_threads_alone(house):
    house.ledger.settings = Settings(home=house.home, anchor_seconds=1)
    recorded = house.record(house.patients[0])
    house.ledger.start()
    waited = 0
    while house.context.mirror.head_of(recorded.log) is None and waited < LONG * 10:
        house.ledger._stop.wait(0.1)
        waited += 1
    assert house.context.mirror.head_of(recorded.log).size == 1


def test_waiting_for_an_act_that_nobody_handed_in(house):
    with pytest.raises(NotFound):
        house.ledger.settled([fresh()], 0)


def test_waiting_ends_when_the_time_is_over(house):
    (item,) = house.submit(house.scene.consent(house.patients[0]))
    (held,) = house.ledger.settled([item.digest], 0.05)
    assert held.state is ItemState.ACCEPTED


def test_a_ledger_is_not_ready_before_it_has_followed_the_chain(tmp_path, monkeypatch):
    with open_ledger(Settings(home=tmp_path)) as ledger:
        with pytest.raises(NotReady):
            ledger.ready()
        ledger.catch_up()
        ledger.ready()


def test_a_ledger_that_is_closed_leaves_the_mirror_to_the_next_at_once(tmp_path):
    settings = Settings(home=tmp_path)
    with open_ledger(settings) as ledger:
        ledger.start()
        assert ledger.keeper.wait_for(0, LONG)
        held = ledger.context.mirror.writer()
        assert held.expires_at > ledger.context.clock.now()
    store = open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    given_back = store.mirror.writer()
    store.close()
    assert given_back == replace(held, expires_at=0)


def test_a_node_that_does_not_answer_ends_answers_after_the_bound(house, monkeypatch):
    patient = house.patients[0]
    house.on_chain(house.scene.consent(patient))

    def away():
        raise LedgerUnreachable("the node does not answer")

    monkeypatch.setattr(house.ledger.mirror, "_reader", Away(house.context.reader, away))
    with pytest.raises(LedgerUnreachable):
        house.ledger.catch_up()
    house.clock.at += STALENESS
    assert house.look(patient)[0].permitted
    house.clock.at += 1
    with pytest.raises(MirrorLagging):
        house.look(patient)
    monkeypatch.undo()
    house.ledger.catch_up()
    assert house.look(patient)[0].permitted


class Away:
    """A reader whose head cannot be asked for."""

    def __init__(self, reader, head):
        self._reader = reader
        self.head = head

    def __getattr__(self, name):
        return getattr(self._reader, name)


def test_a_reorg_below_finality_raises_the_alarm_and_its_end_ends_it(house, monkeypatch):
    patient = house.patients[0]
    house.on_chain(house.scene.consent(patient))

    def too_deep():
        raise ReorgTooDeep("the chain took back block 3")

    with monkeypatch.context() as patch:
        patch.setattr(house.ledger.mirror, "catch_up", too_deep)
        with pytest.raises(ReorgTooDeep):
            house.ledger.catch_up()
        with pytest.raises(ReorgTooDeep, match="block 3"):
            house.look(patient)
        with pytest.raises(ReorgTooDeep):
            house.ledger.ready()
    house.ledger.catch_up()
    assert house.look(patient)[0].permitted


def test_threads_with_nothing_to_do_look_again_once_anybody_committed_something(house, monkeypatch):
    ledger, (patient, *_) = house.ledger, house.patients
    if ledger.store.latest.state() is None:
        pytest.skip("what was committed cannot be seen here without asking")
    turns = {"relayer": 0, "feed": 0}
    run_once, follow = ledger.relayer.run_once, running.follow

    def counted(name, work):
        def counting(*given):
            turns[name] += 1
            return work(*given)

        return counting

    monkeypatch.setattr(ledger.relayer, "run_once", counted("relayer", run_once))
    monkeypatch.setattr(running, "follow", counted("feed", follow))

    def settle():
        before = None
        while before != turns:
            before = dict(turns)
            ledger._relay()
            ledger._tell()
            ledger.catch_up()

    ledger._bells["mirror"] = threading.Event()
    settle()
    idle = dict(turns)
    ledger._relay()
    ledger._tell()
    assert turns == idle
    grant = house.scene.consent(patient)
    house.submit(grant)
    settle()
    assert turns["relayer"] > idle["relayer"]
    assert turns["feed"] > idle["feed"]
    assert house.look(patient)[0].permitted
    told = ledger.store.revocations.newest()
    other = open_store(f"sqlite:///{house.home / 'ledger.sqlite'}")  # as another process
    try:
        withdrawal = house.scene.withdrawal(patient, grant.id)
        other.outbox.accept([(house.context.writer.digest(withdrawal), withdrawal)], at=NOW)
    finally:
        other.close()
    settle()
    assert ledger.store.revocations.newest() > told
    assert not house.look(patient)[0].permitted


def test_a_thread_that_fails_tries_again_and_says_so(house, caplog, monkeypatch):
    calls, again = [], threading.Event()

    def follow(_):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("once")
        again.set()
        return 0.01

    monkeypatch.setattr(Ledger, "_follow", follow)
    monkeypatch.setattr(running, "REST_SECONDS", 0.0)
    house.ledger.start()
    assert again.wait(LONG)
    assert "mirror failed; it will try again" in caplog.text


def test_everything_is_there_after_a_restart(house):
    patient, other = house.patients[:2]
    house.on_chain(house.scene.consent(patient))
    (waiting,) = house.submit(house.scene.consent(other))
    recorded = house.record(patient)
    house.restart()
    assert house.look(patient)[0].permitted
    assert house.context.outbox.item(waiting.digest) == waiting
    assert house.context.audit.decision(recorded.id).receipt == recorded.receipt
    house.seal()
    assert house.look(other)[0].permitted


def test_one_process_holds_the_embedded_chain_and_others_read_beside_it(house, monkeypatch):
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: house.clock)
    with pytest.raises(WrongState):
        open_ledger(Settings(home=house.home))
    with open_ledger(Settings(home=house.home), writable=False) as reader:
        assert reader.context.reader.head() == house.context.reader.head()
        reader.keeper.refresh()
        reader.keeper.confirm(reader.context.reader.head())
        assert reader.keeper.view().block == house.ledger.keeper.view().block
    assert house.clock.now() == NOW
