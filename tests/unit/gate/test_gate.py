"""The order of a computation, and what happens when one of its steps cannot be done."""

import json

import httpx
import pytest

from ledger.errors import ConsentDenied, InvalidInput, LedgerUnreachable, NotReady, ProofInvalid, WrongState
from ledger.gate import Gate
from ledger.gate.held import State
from ledger.gate.plan import band
from tests.unit.gate.conftest import CATEGORIES, OPERATION, STUDY

AWAY = httpx.ConnectError("away")


def away() -> list[Exception]:
    return [AWAY] * 4  # one try and three more


def rows(subjects):
    return [{"subject": subject, "age": 40 + place} for place, subject in enumerate(subjects)]


def test_decides_starts_computes_confirms_completes_in_this_order(way, ledger, subjects):
    order = []
    ledger.before = order.append

    def body(run):
        order.append("body")
        return run.permitted(rows(subjects), id_column="subject")

    kept = way.run(body, subjects)

    assert [row["subject"] for row in kept] == subjects[:15]
    assert [name for name in order if name != "keys"] == [
        "cohort",
        "computation.started",
        "body",
        "cohort",
        "computation.completed",
    ]


def test_a_refused_request_computes_nothing_and_starts_nothing(way, ledger, subjects):
    ledger.refused = "operation_not_registered"
    with pytest.raises(ConsentDenied, match="operation_not_registered"):
        way.run(lambda _: pytest.fail("the body ran"), subjects)
    assert ledger.kinds() == ["decision"]


@pytest.mark.parametrize("permitted", [0, 10])
def test_too_small_a_cohort_is_withheld_before_it_starts(way, ledger, subjects, permitted):
    ledger.permitted = set(subjects[:permitted])
    with pytest.raises(ConsentDenied, match="fewer than 11"):
        way.run(lambda _: pytest.fail("the body ran"), subjects)
    assert ledger.kinds() == ["decision", "computation.withheld"]
    assert ledger.entries[-1]["facts"]["reason"] == "cohort_too_small"


def test_a_cohort_of_exactly_the_smallest_size_computes(way, ledger, subjects):
    ledger.permitted = set(subjects[:11])
    way.run(lambda _: None, subjects)
    assert ledger.kinds()[-1] == "computation.completed"


@pytest.mark.parametrize("step", ["cohort", "keys", "computation.started"])
def test_nothing_is_computed_when_the_ledger_is_away_before(way, ledger, subjects, step):
    ledger.fail(step, *away())
    with pytest.raises(LedgerUnreachable):
        way.run(lambda _: pytest.fail("the body ran"), subjects)
    assert "computation.completed" not in ledger.kinds()


@pytest.mark.parametrize("step", ["cohort", "computation.completed"])
def test_the_result_is_not_released_when_the_ledger_goes_away_between(way, ledger, subjects, step):
    held = []

    def body(run):
        held.append(run.hold("answer", 42, {"answer": "42"}))
        ledger.fail(step, *away())

    with pytest.raises(LedgerUnreachable):
        way.run(body, subjects)
    with pytest.raises(NotReady):
        _ = held[0].value
    assert "computation.failed" not in ledger.kinds(), "the completed entry may have arrived: no second story"


def test_a_held_result_is_read_after_the_completed_entry_and_not_before(way, subjects):
    held = []

    def body(run):
        held.append(run.hold("answer", 42, b"42"))
        with pytest.raises(NotReady, match="completed"):
            _ = held[0].value

    way.run(body, subjects)
    assert held[0].value == 42


def test_an_exception_is_entered_by_its_type_alone_and_raised_again(way, ledger, subjects):
    def body(run):
        run.permitted(rows(subjects), id_column="subject")
        raise ValueError(f"patient {subjects[0]} aged 93")

    with pytest.raises(ValueError, match="aged 93"):
        way.run(body, subjects)
    assert ledger.kinds() == ["decision", "computation.started", "computation.failed"]
    assert ledger.entries[-1]["facts"]["error"] == "ValueError"
    assert "93" not in json.dumps(ledger.entries[-1]["facts"]["error"])
    assert subjects[0] not in json.dumps(ledger.entries)


def test_an_exception_stays_itself_when_the_ledger_cannot_be_told(way, ledger, subjects):
    def body(_):
        ledger.fail("computation.failed", *away())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        way.run(body, subjects)
    assert any("could not be told" in note for note in caught.value.__notes__)


def test_a_withdrawal_in_flight_withholds_the_result(way, ledger, subjects):
    held = []

    def body(run):
        held.append(run.hold("answer", 42, b"42"))
        ledger.permitted.discard(subjects[3])

    with pytest.raises(ConsentDenied, match="withheld"):
        way.run(body, subjects)
    assert ledger.kinds() == ["decision", "computation.started", "decision", "computation.withheld"]
    with pytest.raises(ConsentDenied, match="withheld"):
        _ = held[0].value


def test_without_confirmation_the_result_stands_on_the_first_decision(way, ledger, subjects):
    way.run(lambda _: ledger.permitted.discard(subjects[3]), subjects, options={"confirm": False})
    assert ledger.kinds() == ["decision", "computation.started", "computation.completed"]


def test_a_recheck_finds_a_withdrawal_and_ends_the_run(way, ledger, subjects):
    def body(run):
        ledger.permitted.discard(subjects[3])
        run.recheck()

    with pytest.raises(ConsentDenied):
        way.run(body, subjects)
    assert ledger.kinds()[-1] == "computation.withheld"


def test_a_swallowed_denial_still_withholds(way, ledger, subjects):
    def body(run):
        ledger.permitted.discard(subjects[3])
        with pytest.raises(ConsentDenied):
            run.recheck()
        with pytest.raises(WrongState):
            run.permitted(rows(subjects), id_column="subject")

    with pytest.raises(ConsentDenied, match="not released"):
        way.run(body, subjects)
    assert ledger.kinds()[-1] == "computation.withheld"


def test_a_federated_round_drops_who_withdrew_and_goes_on(way, ledger, subjects):
    def body(run):
        ledger.permitted.discard(subjects[3])
        assert run.recheck(drop=True) == {subjects[3]}
        return run.permitted(rows(subjects), id_column="subject")

    kept = way.run(body, subjects)
    assert subjects[3] not in {row["subject"] for row in kept}
    assert len(kept) == 14
    assert len(ledger.entries[-1]["facts"]["rechecks"]) == 2


def test_dropping_below_the_smallest_cohort_withholds(way, ledger, subjects):
    def body(run):
        ledger.permitted -= set(subjects[:5])
        run.recheck(drop=True)

    with pytest.raises(ConsentDenied, match="fewer than 11"):
        way.run(body, subjects)
    assert ledger.kinds()[-1] == "computation.withheld"


def test_a_decision_that_ran_out_gives_no_rows_until_it_is_taken_again(way, ledger, subjects):
    ledger.seconds = 0

    def body(run):
        with pytest.raises(NotReady, match="recheck"):
            run.permitted(rows(subjects), id_column="subject")
        ledger.seconds = 3600
        run.recheck()
        return run.permitted(rows(subjects), id_column="subject")

    assert len(way.run(body, subjects)) == 15


def test_an_answer_that_was_changed_on_the_way_gives_nothing(way, ledger, subjects):
    ledger.twist("cohort", lambda answer: answer["permitted"]["subjects"].append(subjects[19]))
    with pytest.raises(ProofInvalid):
        way.run(lambda _: pytest.fail("the body ran"), subjects)


def test_the_completed_entry_has_the_lineage(way, ledger, subjects):
    def body(run):
        run.permitted(rows(subjects), id_column="subject")
        run.output("model", b"\x05" * 32)
        run.fact(k=10, noise="1.5")

    way.run(body, subjects, params={"depth": 3}, parents=["0x" + "ab" * 32])
    started, completed = ledger.entries[1]["facts"], ledger.entries[-1]["facts"]
    assert completed["engine"] == {"id": "0x" + "e1" * 32, "name": "opendp", "version": "1.2.3"}
    assert completed["parameters"] == started["parameters"] == {"depth": 3}
    assert completed["parents"] == ["0x" + "ab" * 32]
    assert completed["outputs"] == [{"name": "model", "sha256": "0x" + "05" * 32}]
    assert completed["facts"] == {"k": 10, "noise": "1.5"}
    assert completed["cohort"]["size"] == 20
    assert completed["inputs"][0]["rows"] == completed["cohort"]["permitted"] == "11-19"
    assert completed["run"] == started["run"]
    assert ledger.entries[-1]["decision"] == ledger.entries[1]["decision"] == "0x" + "00" * 32


def test_no_entry_names_a_subject_or_a_value(way, ledger, subjects):
    way.run(lambda run: run.permitted(rows(subjects), id_column="subject"), subjects)
    text = json.dumps(ledger.entries)
    assert not [subject for subject in subjects if subject in text]
    assert '"age"' not in text


def test_each_run_salts_its_inputs_afresh(way, ledger, subjects):
    for _ in range(2):
        way.run(lambda run: run.permitted(rows(subjects), id_column="subject"), subjects)
    first, second = (
        entry["facts"]["inputs"][0] for entry in ledger.entries if entry["kind"] == "computation.completed"
    )
    assert first["commitment"] != second["commitment"]


@pytest.mark.parametrize("value", [0.5, {"a": [0.5]}, object(), 2**60])
def test_parameters_that_have_no_one_written_form_are_refused_before_anything_is_asked(way, ledger, subjects, value):
    with pytest.raises(InvalidInput):
        way.run(lambda _: None, subjects, params={"value": value})
    assert ledger.calls == []


def test_a_run_is_over_after_its_block(reach, identity, subjects):
    with Gate(reach(), identity).computation(STUDY, OPERATION, CATEGORIES, subjects) as run:
        pass
    assert run.state is State.COMPLETED
    for act in (run.recheck, lambda: run.permitted([], id_column="x"), lambda: run.fact(a=1)):
        with pytest.raises(WrongState):
            act()


def test_the_decorator_returns_only_what_may_be_released(reach, identity, ledger, subjects):
    gate = Gate(reach(), identity)

    @gate.gated(study=STUDY, operation=OPERATION, categories=CATEGORIES)
    def mean_age(run, table, *, scale):
        """The docstring stays."""
        kept = run.permitted(table, id_column="subject")
        return scale * sum(row["age"] for row in kept) / len(kept)

    assert mean_age(subjects, rows(subjects), scale=2) == 2 * 47
    assert mean_age.__doc__ == "The docstring stays."
    ledger.fail("computation.completed", *away())
    with pytest.raises(LedgerUnreachable):
        mean_age(subjects, rows(subjects), scale=2)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "under 11"), (10, "under 11"), (11, "11-19"), (19, "11-19"), (20, "20-29"), (187, "180-189")],
)
def test_sizes_are_told_in_bands(count, words):
    assert band(count, 11) == words
