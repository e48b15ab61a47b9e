"""The private statistics: right where there is next to no noise, bounded where there is, and told in the entry."""

import math
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from ledger.errors import ConfigurationError, InvalidInput, NotReady
from ledger.gate import Gate, opendp
from ledger.gate.opendp import PrivateStatistics
from tests.unit.gate.conftest import CATEGORIES, OPERATION, STUDY

LOUD = "1000000000000"
"""A loss so large that the noise rounds to nothing: then the arithmetic shows."""


@pytest.fixture
def table(subjects):
    return pd.DataFrame(
        {
            "subject": subjects,
            "age": [10, 200, *range(40, 58)],
            "weight": [None, *[Decimal("70.25")] * 19],
            "alive": [True, False, None, *[True] * 17],
        }
    )


@pytest.fixture
def compute(reach, identity, subjects, ledger):
    def compute(body):
        with Gate(reach(), identity).computation(STUDY, OPERATION, CATEGORIES, subjects) as run:
            held = body(run)
        return held, ledger.entries[-1]["facts"]["facts"]

    return compute


def test_the_mean_is_of_clamped_permitted_rows(compute, table):
    held, _ = compute(
        lambda run: PrivateStatistics(run, table, id_column="subject", rho=LOUD).mean(
            "age", "age", bounds=(18, 100), rho=LOUD
        )
    )
    assert held.value.value == Decimal((18 + 100 + sum(range(40, 53))) / 15).quantize(Decimal("0.01"))


def test_values_are_rounded_to_the_grid_and_missing_ones_left_out(compute, table):
    held, _ = compute(
        lambda run: PrivateStatistics(run, table, id_column="subject", rho=LOUD).mean(
            "weight", "weight", bounds=("30", "200"), rho=LOUD, unit="0.5"
        )
    )
    assert held.value.value == Decimal("70.0")


def test_a_value_beyond_every_integer_is_moved_to_the_bound(compute, table):
    table["weight"] = [Decimal(10) ** 30] * len(table)
    held, _ = compute(
        lambda run: PrivateStatistics(run, table, id_column="subject", rho=LOUD).mean(
            "weight", "weight", bounds=(30, 200), rho=LOUD
        )
    )
    assert held.value.value == 200


def test_the_proportion_leaves_out_who_is_not_known(compute, table):
    held, _ = compute(
        lambda run: PrivateStatistics(run, table, id_column="subject", rho=LOUD).proportion("alive", "alive", rho=LOUD)
    )
    assert held.value.value == Decimal(13 / 14).quantize(Decimal("0.0001"))


def test_the_count_is_of_permitted_rows(compute, table):
    held, _ = compute(
        lambda run: PrivateStatistics(run, table, id_column="subject", rho=LOUD).count("patients", rho=LOUD)
    )
    assert held.value.value == 15


def test_nothing_is_read_before_the_run_is_completed(compute, table):
    def body(run):
        held = PrivateStatistics(run, table, id_column="subject", rho="1").count("patients", rho="1")
        with pytest.raises(NotReady):
            _ = held.value
        return held

    held, _ = compute(body)
    assert held.value.rho == 1


def test_the_bound_is_kept_and_what_is_refused_draws_no_noise(compute, table):
    def body(run):
        statistics = PrivateStatistics(run, table, id_column="subject", rho="0.3")
        statistics.count("one", rho="0.1")
        statistics.count("two", rho="0.2")
        with pytest.raises(InvalidInput, match="what is left of"):
            statistics.count("three", rho="0.0000001")
        return statistics.loss

    loss, facts = compute(body)
    assert loss.rho == Decimal("0.3")
    assert [release["name"] for release in facts["releases"]] == ["one", "two"]


def test_the_entry_tells_bounds_noise_and_loss(compute, table):
    def body(run):
        statistics = PrivateStatistics(run, table, id_column="subject", rho="0.5", delta="0.00001")
        statistics.mean("age", "age", bounds=(18, 100), rho="0.2")

    _, facts = compute(body)
    (release,) = facts["releases"]
    total, count = release["noise"]
    assert (facts["rho"], facts["rho_bound"], facts["delta"], facts["accounting"]) == ("0.2", "0.5", "0.00001", "zcdp")
    assert release["bounds"] == ["18", "100"]
    assert (total["sensitivity"], count["sensitivity"]) == (41, 1)
    # zCDP of a Gaussian: rho = (sensitivity / scale)^2 / 2; both halves together must not lose more than was said.
    lost = sum((part["sensitivity"] / float(part["scale"])) ** 2 / 2 for part in (total, count))
    assert 0.1999 < lost <= 0.2 + 1e-12
    assert "46" not in str(facts), "no value of the data is a fact"


def test_more_rows_a_patient_need_more_noise(compute, table):
    twice = pd.concat([table, table])

    def body(run):
        with pytest.raises(InvalidInput, match="2 rows"):
            PrivateStatistics(run, twice, id_column="subject", rho="1")
        PrivateStatistics(run, twice, id_column="subject", rho="1", contributions=2).count("n", rho="1")

    _, facts = compute(body)
    assert facts["contributions"] == 2
    assert float(facts["releases"][0]["noise"][0]["scale"]) >= 2 / math.sqrt(2)


def test_the_noise_is_there(compute, table):
    def body(run):
        statistics = PrivateStatistics(run, table, id_column="subject", rho="1")
        return [statistics.count(f"n{number}", rho="0.0001") for number in range(25)]

    held, _ = compute(body)
    drawn = [one.value.value for one in held]
    assert len(set(drawn)) > 5  # scale 70.7: draws that hardly differ do not happen
    assert all(value >= 0 for value in drawn)


@pytest.mark.parametrize("rho", [Decimal("0.01"), Decimal("0.5"), Decimal(2)])
def test_epsilon_is_no_more_than_the_textbook_bound_and_no_less_than_rho(rho):
    delta = Decimal("0.000001")
    textbook = float(rho) + 2 * math.sqrt(float(rho) * math.log(1 / float(delta)))
    epsilon = opendp.epsilon_of(rho, delta)
    assert float(rho) < float(epsilon) <= textbook + 1e-4
    assert opendp.epsilon_of(Decimal(0), delta) == 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda s: s.mean("m", "age", bounds=(5, 5), rho="0.1"),
        lambda s: s.mean("m", "age", bounds=(100, 18), rho="0.1"),
        lambda s: s.mean("m", "age", bounds=(0, 2**40), rho="0.1"),
        lambda s: s.mean("m", "age", bounds=(0.5, 1), rho="0.1"),
        lambda s: s.mean("m", "age", bounds=(0, 1), rho=0.1),
        lambda s: s.mean("m", "age", bounds=(0, 1), rho="0"),
        lambda s: s.mean("m", "age", bounds=(0, 1), rho="nan"),
        lambda s: s.mean("m", "subject", bounds=(0, 1), rho="0.1"),
        lambda s: s.mean("m", "nothing", bounds=(0, 1), rho="0.1"),
        lambda s: s.proportion("p", "age", rho="0.1"),
        lambda s: s.count("c", rho="-1"),
    ],
)
def test_what_makes_no_sense_is_refused_without_a_loss(compute, table, ask):
    def body(run):
        statistics = PrivateStatistics(run, table, id_column="subject", rho="1")
        with pytest.raises(InvalidInput):
            ask(statistics)
        return statistics.loss

    loss, _ = compute(body)
    assert loss.rho == 0


def test_what_opendp_refuses_is_said_in_our_words(compute, table, monkeypatch):
    def body(run):
        statistics = PrivateStatistics(run, table, id_column="subject", rho="1")
        refusal = opendp.library().OpenDPException("MakeMeasurement", "no")
        monkeypatch.setattr(statistics, "_context", lambda *_, **__: (_ for _ in ()).throw(refusal))
        with pytest.raises(InvalidInput, match="OpenDP refuses"):
            statistics.count("n", rho="0.5")
        return statistics.loss

    loss, _ = compute(body)
    assert loss.rho == Decimal("0.5"), "what was reserved stays spent"


def test_infinite_values_are_refused(compute, table):
    table["weight"] = np.inf

    def body(run):
        with pytest.raises(InvalidInput, match="finite"):
            PrivateStatistics(run, table, id_column="subject", rho="1").mean("w", "weight", bounds=(0, 9), rho="1")

    compute(body)


def test_a_missing_opendp_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opendp.prelude", None)
    with pytest.raises(ConfigurationError, match=r"consentry\[opendp\]"):
        opendp.library()
