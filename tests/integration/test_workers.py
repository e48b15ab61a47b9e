"""Several processes over one database: what one accepts counts at all others from the next question on.

Two ledgers stand for two processes: they share nothing but the database and the chain's files. No thread of theirs
runs, so the chain stands still throughout, as it does when its node is down.
"""

import threading

import pytest

from ledger import bootstrap
from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.decision import Reason
from ledger.errors import ConfigurationError
from ledger.services.decide import look
from ledger.services.submit import submit
from tests.fakes.chain import FakeClock
from tests.fixtures_store import empty_postgresql_url, postgresql_server
from tests.support.house import NOW
from tests.support.scene import Patient, Scene

__all__ = ["empty_postgresql_url", "postgresql_server"]
PATIENTS = 24


@pytest.fixture
def workers(tmp_path, empty_postgresql_url, monkeypatch):
    """Two open ledgers, the patients, and what makes their acts."""
    monkeypatch.setattr(bootstrap, "SystemClock", lambda: FakeClock(NOW))
    settings = Settings(home=tmp_path, database_url=empty_postgresql_url)
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


def test_no_worker_permits_after_another_accepted_a_withdrawal(workers):
    first, second, scene, given = workers
    request = scene.request()
    everybody = [patient.subject for patient, _ in given]
    assert len(look(second.context, request, everybody).permitted) == PATIENTS
    accepted: set[bytes] = set()
    wrong: list[bytes] = []
    asked = [0]
    stop = threading.Event()

    def ask(ledger) -> None:
        while not stop.is_set():
            before = set(accepted)  # accepted before the question was asked
            permitted = set(look(ledger.context, request, everybody).permitted)
            wrong.extend(before & permitted)
            asked[0] += 1

    threads = [threading.Thread(target=ask, args=(ledger,)) for ledger in (first, second, second)]
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
    assert asked[0]
    for ledger in (first, second):
        answer = look(ledger.context, request, everybody)
        assert {decision.reason for decision in answer.decisions} == {Reason.PENDING_WITHDRAWAL}


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
