"""The Gate against a real service: embedded chain, SQLite, uvicorn, signed receipts."""

import asyncio
from contextlib import ExitStack

import pandas as pd
import pytest

from ledger.domain.audit import Kind
from ledger.errors import ConsentDenied, Forbidden, LedgerUnreachable, NotFound, Replayed, Unauthenticated
from ledger.gate import AsyncGate, AsyncLedgerClient, CohortRequest, EngineIdentity, Gate, LedgerClient
from ledger.gate.conversation import EntryDraft
from ledger.gate.opendp import PrivateStatistics, version
from tests.support.service import WAIT, Service, build_world, fresh_id

OPERATION = "differential-privacy"
CATEGORIES = ("demographics", "outcomes")
ENROLLED, CONSENTING = 14, 13


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    running = Service(tmp_path_factory.mktemp("gate"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def world(service):
    return build_world(service)


@pytest.fixture(scope="module")
def people(world):
    """Fourteen are enrolled; all but the last consent."""
    enrolled = world.enrol(ENROLLED)
    acts = [world.consent(subject, wallet) for subject, wallet in enrolled[:CONSENTING]]
    answer = world.service.post("/v1/consents", {"acts": acts}, "institution", world.institution, 200, **WAIT).json()
    assert {item["state"] for item in answer["items"]} == {"sealed"}
    return [(*one, act["id"]) for one, act in zip(enrolled, [*acts, {"id": ""}], strict=True)]


@pytest.fixture
def table(people):
    return pd.DataFrame({"subject": [subject for subject, *_ in people], "age": range(50, 50 + ENROLLED)})


def client(world, sub=None, kind=LedgerClient):
    token = world.service.token("engine", sub or world.engine)
    return kind(f"http://127.0.0.1:{world.service.settings.port}", token)


@pytest.fixture
def reach(world):
    """Clients that are closed after the test."""
    with ExitStack() as stack:
        yield lambda sub=None: stack.enter_context(client(world, sub))


def identity(world, engine=None):
    return EngineIdentity(engine or world.engine, "opendp", version())


def log(world):
    found = world.service.get(f"/v1/logs/{world.institution}/entries", "auditor", world.auditor, limit=1000)
    return [entry["document"] for entry in found["entries"]]


def test_a_computation_leaves_its_whole_story_in_the_log(world, reach, people, table):
    gate = Gate(reach(), identity(world))
    with gate.computation(world.study, OPERATION, CATEGORIES, list(table["subject"]), params={"k": 1}) as run:
        statistics = PrivateStatistics(run, table, id_column="subject", rho="1")
        count = statistics.count("patients", rho="1")
    assert run.subjects == {subject for subject, *_ in people[:CONSENTING]}
    assert count.value.value >= 0
    decision, started, confirmed, completed = log(world)[-4:]
    assert [entry["kind"] for entry in (decision, started, confirmed, completed)] == [
        "decision",
        "computation.started",
        "decision",
        "computation.completed",
    ]
    assert completed["index"] == run.completed.entries[0].index
    assert completed["decision"] == started["decision"] == decision["decision"] == run.cohort.decision
    assert completed["facts"]["cohort"]["root"] == decision["facts"]["cohort"]["root"]
    assert completed["facts"]["rechecks"] == [confirmed["decision"]]
    assert completed["facts"]["facts"]["rho"] == "1"


def test_the_async_gate_does_the_same(world, table):
    async def compute():
        async with client(world, kind=AsyncLedgerClient) as reached:
            gate = AsyncGate(reached, identity(world))
            async with gate.computation(world.study, OPERATION, CATEGORIES, "all") as run:
                return run, run.permitted(table, id_column="subject")

    run, kept = asyncio.run(compute())
    assert len(kept) == CONSENTING
    assert run.completed is not None


def test_subjects_of_a_custodian_can_be_asked_for(world, reach, people):
    request = CohortRequest.of(
        study=world.study,
        engine=world.engine,
        operation=OPERATION,
        categories=CATEGORIES,
        subjects={"custodian": world.institution},
        data_window=(0, 1_000_000_000),
    )
    answer = reach().cohort(request)
    assert answer.permitted == {subject for subject, *_ in people[:CONSENTING]}


def test_an_engine_of_another_operation_computes_nothing(world, reach, people, table):
    gate = Gate(reach(world.wrong_engine), identity(world, world.wrong_engine))
    before = len(log(world))
    with (
        pytest.raises(ConsentDenied, match="operation_not_registered"),
        gate.computation(world.study, OPERATION, CATEGORIES, list(table["subject"])),
    ):
        pytest.fail("the body ran")
    (denial,) = log(world)[before:]
    assert (denial["kind"], denial["engine"], denial["facts"]["outcome"]) == ("decision", world.wrong_engine, "deny")


def test_an_unknown_study_is_no_answer(world, reach, table):
    with (
        pytest.raises(NotFound),
        Gate(reach(), identity(world)).computation(fresh_id(), OPERATION, CATEGORIES, list(table["subject"])),
    ):
        pytest.fail("the body ran")


def test_an_engine_cannot_ask_in_the_name_of_another(world, reach, table):
    gate = Gate(client(world), identity(world, world.wrong_engine))
    with (
        pytest.raises(Forbidden),
        gate.computation(world.study, OPERATION, CATEGORIES, list(table["subject"])),
    ):
        pytest.fail("the body ran")


def test_a_bad_token_is_said(world, table):
    with (
        LedgerClient(f"http://127.0.0.1:{world.service.settings.port}", "nonsense") as reached,
        pytest.raises(Unauthenticated),
        Gate(reached, identity(world)).computation(world.study, OPERATION, CATEGORIES, list(table["subject"])),
    ):
        pytest.fail("the body ran")


def test_the_same_key_appends_once_and_another_entry_under_it_is_refused(world, reach, people):
    reached = reach()
    request = CohortRequest.of(
        study=world.study, engine=world.engine, operation=OPERATION, categories=CATEGORIES, subjects="all"
    )
    decision = reached.cohort(request).decision
    draft = EntryDraft(Kind.STARTED, world.study, OPERATION, decision, {"number": 1})
    first = reached.append([draft], "one-key")
    again = reach().append([draft], "one-key")
    assert first.entries == again.entries
    with pytest.raises(Replayed):
        reached.append([EntryDraft(Kind.STARTED, world.study, OPERATION, decision, {"number": 2})], "one-key")


def test_a_withdrawal_while_it_computes_withholds_the_result(world, reach, people, table):
    subject, wallet, consent = people[0]
    held = []

    def compute():
        gate = Gate(reach(), identity(world))
        with gate.computation(world.study, OPERATION, CATEGORIES, list(table["subject"])) as run:
            held.append(PrivateStatistics(run, table, id_column="subject", rho="1").count("patients", rho="1"))
            act = world.withdrawal(subject, consent, wallet)
            world.service.post("/v1/withdrawals", {"acts": [act]}, "subject", subject)

    with pytest.raises(ConsentDenied, match="withheld"):
        compute()
    assert log(world)[-1]["kind"] == "computation.withheld"
    with pytest.raises(ConsentDenied):
        _ = held[0].value


def test_a_service_that_is_gone_gives_no_rows(world, table):
    with (
        LedgerClient("http://127.0.0.1:9", "token", timeout=1) as reached,
        pytest.raises(LedgerUnreachable),
        Gate(reached, identity(world)).computation(world.study, OPERATION, CATEGORIES, list(table["subject"])),
    ):
        pytest.fail("the body ran")
