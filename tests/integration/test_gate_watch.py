"""A running computation hears of a withdrawal, and asks again; silence makes it ask too."""

import time

import pytest

from ledger.errors import ConsentDenied, Forbidden, LedgerUnreachable, WrongState
from ledger.gate import EngineIdentity, Gate, LedgerClient, Watch, watch
from tests.support.service import WAIT, Service, build_world, fresh_id

PATIENCE = 60


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    service = Service(tmp_path_factory.mktemp("watch"))
    yield build_world(service)
    service.close()


@pytest.fixture
def people(world):
    """Three who consent: subject, wallet, consent."""
    enrolled = world.enrol(3)
    acts = [world.consent(subject, wallet) for subject, wallet in enrolled]
    world.service.post("/v1/consents", {"acts": acts}, "institution", world.institution, 200, **WAIT)
    return [(*one, act["id"]) for one, act in zip(enrolled, acts, strict=True)]


@pytest.fixture
def client(world):
    url = f"http://127.0.0.1:{world.service.settings.port}"
    with LedgerClient(url, world.service.token("engine", world.engine)) as opened:
        yield opened


@pytest.fixture
def begin(world, client, people):
    """Starts a computation on the three."""
    gate = Gate(client, EngineIdentity(world.engine, "OpenDP", "1"), smallest_cohort=2)
    asked = (world.study, "differential-privacy", ("demographics", "outcomes"), [subject for subject, *_ in people])
    return lambda: gate.computation(*asked)


def withdraw(world, person):
    subject, wallet, consent = person
    act = world.withdrawal(subject, consent, wallet)
    world.service.post("/v1/withdrawals", {"acts": [act]}, "subject", subject, 202)


def heard(watching, run, **how):
    """What ``check`` says once it has heard."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        gone = watching.check(run, **how)
        if gone:
            return gone
        time.sleep(0.02)
    raise AssertionError("nothing was heard")


def test_a_withdrawal_ends_the_run_before_its_end(world, client, people, begin):
    with Watch(client) as watching, pytest.raises(ConsentDenied, match="withdrawn"), begin() as run:  # noqa: PT012
        assert watching.check(run) == frozenset()
        assert run.rechecks == []  # nothing was asked for nothing
        withdraw(world, people[0])
        heard(watching, run)


def test_a_run_may_go_on_without_who_withdrew(world, client, people, begin):
    with Watch(client) as watching, begin() as run:
        withdraw(world, people[0])
        assert heard(watching, run, drop=True) == {people[0][0]}
        asked = len(run.rechecks)
        assert watching.check(run) == frozenset()
        assert asked == 1


def test_others_withdrawals_ask_nothing(world, client, people, begin):
    ((subject, wallet),) = world.enrol(1)
    act = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 200, **WAIT)
    with Watch(client) as watching, begin() as run:
        withdraw(world, (subject, wallet, act["id"]))
        deadline = time.monotonic() + PATIENCE
        while subject not in watching.subjects:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert watching.check(run) == frozenset()
        assert run.rechecks == []


def test_silence_is_no_yes(client, begin, monkeypatch):
    with Watch(client) as watching, begin() as run:
        monkeypatch.setattr(watch, "SILENCE_SECONDS", -1.0)
        assert watching.check(run) == frozenset()
        assert len(run.rechecks) == 1


def test_a_watch_that_is_not_open_answers_nothing(client, begin):
    watching = Watch(client)
    with begin() as run, pytest.raises(WrongState, match="not open"):
        watching.check(run)


def test_a_watch_without_a_ledger_does_not_begin():
    with LedgerClient("http://127.0.0.1:9", "token") as nowhere, pytest.raises(LedgerUnreachable):
        Watch(nowhere, patience=0.5).__enter__()


def test_the_stream_is_taken_up_again_where_it_broke(world, client, people, begin):
    """The stream is cut under the watch; what came meanwhile is heard all the same."""
    with Watch(client) as watching, begin() as run:
        place = watching.place
        client._http._transport.close()
        withdraw(world, people[1])
        assert heard(watching, run, drop=True) == {people[1][0]}
        assert int(watching.place) > int(place)


def test_strangers_may_not_listen(world):
    url = f"http://127.0.0.1:{world.service.settings.port}"
    subject = fresh_id()
    with LedgerClient(url, world.service.token("subject", subject)) as stranger, pytest.raises(Forbidden):
        Watch(stranger, patience=2).__enter__()
