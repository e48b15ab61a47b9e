"""Several processes over one database: what one accepts counts at all others from the next question on.

Two ledgers stand for two processes: they share nothing but the database and the chain's files. No thread of theirs
runs, so the chain stands still throughout, as it does when its node is down.
"""

import json
import threading
from functools import partial

import pytest

from api.authzen.consent import ConsentPolicy
from api.hot.questions import hot_routes
from ledger import bootstrap
from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.decision import Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.wording import request_to_json
from ledger.errors import ConfigurationError
from ledger.identity.principal import Principal, Role
from ledger.services.decide import look
from ledger.services.submit import submit
from tests.fakes.chain import FakeClock
from tests.fixtures_store import empty_postgresql_url, postgresql_server, sqlite_url
from tests.support.house import NOW
from tests.support.scene import Patient, Scene

__all__ = ["empty_postgresql_url", "postgresql_server", "sqlite_url"]
PATIENTS = 24


@pytest.fixture(params=["sqlite_url", "empty_postgresql_url"])
def workers(request, tmp_path, monkeypatch):
    """Two open ledgers, the patients, and what makes their acts."""
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: FakeClock(NOW))
    settings = Settings(home=tmp_path, database_url=request.getfixturevalue(request.param))
    with open_ledger(settings) as first:
        scene = Scene(first.chain, NOW).found()
        patients = [Patient() for _ in range(PATIENTS)]
        scene.must(*[scene.enrolment(patient) for patient in patients])
        consents = [scene.consent(patient) for patient in patients]
        scene.must(*consents)
        first.catch_up()
        with open_ledger(settings, writable=False) as second:
            second.catch_up()
            yield first, second, scene, list(zip(patients, consents, strict=True))


def by_look(ledger, request, subjects):
    """The permitted of some subjects, as the service has it."""
    return set(look(ledger.context, request, subjects).permitted)


def by_hot_route(compact, ledger, request, subjects):
    """The same, as the API answers it to the engine."""
    said = request_to_json(request)
    body = {
        **{name: said[name] for name in ("study", "operation", "categories")},
        "subjects": [to_hex(subject) for subject in subjects],
        "record": False,
        "compact": compact,
    }
    asked = hot_routes(ledger, ConsentPolicy(ledger.context))["/v1/decisions"]
    who = Principal(Role.ENGINE, request.engine, frozenset(), NOW)
    document = json.loads(asked(who, json.dumps(body).encode()).run())
    if not compact:
        return {subject for subject, one in zip(subjects, document["decisions"], strict=True) if is_permit(one)}
    kinds = document["compact"]["kinds"]
    return {s for s, place in zip(subjects, document["compact"]["of"], strict=True) if is_permit(kinds[place])}


def one_by_one(ledger, request, subjects):
    """The same, a question each."""
    return {subject for subject in subjects if by_hot_route(False, ledger, request, [subject])}


def is_permit(one):
    return one["outcome"] == "permit"


WAYS = [by_look, partial(by_hot_route, True), partial(by_hot_route, False), one_by_one]


def test_no_worker_permits_after_another_accepted_a_withdrawal(workers):
    first, second, scene, given = workers
    request = scene.request()
    everybody = [patient.subject for patient, _ in given]
    for way in WAYS:
        assert way(first, request, everybody) == set(everybody)
    accepted: set[bytes] = set()
    wrong: list[bytes] = []
    asked = [0] * 2 * len(WAYS)
    stop = threading.Event()

    def ask(place: int, ledger, way) -> None:
        while not (stop.is_set() and asked[place]):
            before = set(accepted)  # accepted before the question was asked
            wrong.extend(before & way(ledger, request, everybody))
            asked[place] += 1

    threads = [
        threading.Thread(target=ask, args=(place, (first, second)[place % 2], WAYS[place // 2]))
        for place in range(len(asked))
    ]
    for thread in threads:
        thread.start()
    try:
        for place, (patient, consent) in enumerate(given):
            taker = (first, second)[place % 2]
            submit(taker.context, [scene.withdrawal(patient, consent.id)])
            accepted.add(patient.subject)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong
    assert all(asked)
    for ledger in (first, second):
        answer = look(ledger.context, request, everybody)
        assert {decision.reason for decision in answer.decisions} == {Reason.PENDING_WITHDRAWAL}
        assert [way(ledger, request, everybody) for way in WAYS] == [set()] * len(WAYS)


def test_several_workers_ask_for_what_they_can_share(tmp_path):
    from api.worker import check_workers

    check_workers(Settings(home=tmp_path), 1)
    check_workers(Settings(home=tmp_path, rpc_url="http://node", database_url="postgresql://u@h/n"), 4)
    for settings in (
        Settings(home=tmp_path),
        Settings(home=tmp_path, rpc_url="http://node"),
        Settings(home=tmp_path, database_url="postgresql://u@h/n"),
    ):
        with pytest.raises(ConfigurationError, match="CONSENTRY_RPC_URL"):
            check_workers(settings, 2)
