"""Rows: only those of permitted subjects, whatever the frame is made of."""

from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.gate import rows

FRAMES = {
    "pandas": lambda table: pd.DataFrame(table, columns=["id", "age"]),
    "polars": lambda table: pl.DataFrame(table, schema={"id": pl.String, "age": pl.Int64}, orient="row"),
    "list": lambda table: [{"id": identity, "age": age} for identity, age in table],
    "tuple": lambda table: tuple({"id": identity, "age": age} for identity, age in table),
}
IDS = st.sampled_from(["a", "b", "c", "d", "", None])
TABLES = st.lists(st.tuples(IDS, st.integers(0, 99)), min_size=1)
SALT = bytes(32)


@pytest.mark.parametrize("kind", FRAMES)
@given(table=TABLES, permitted=st.sets(st.sampled_from(["a", "b", "c", "d"])))
def test_exactly_the_rows_of_permitted_subjects_are_kept(kind, table, permitted):
    frame = FRAMES[kind](table)
    kept = rows.keep(frame, "id", permitted)
    assert type(kept) is type(frame)
    wanted = [(identity, age) for identity, age in table if identity in permitted]
    assert rows.column_of(kept, "age") == [age for _, age in wanted] if wanted else rows.count_of(kept) == 0
    assert rows.count_of(kept) == len(wanted)


@pytest.mark.parametrize("kind", FRAMES)
def test_a_kept_frame_does_not_write_into_the_whole_one(kind):
    frame = FRAMES[kind]([("a", 1), ("b", 2)])
    kept = rows.keep(frame, "id", {"a"})
    assert kept is not frame
    if kind == "pandas":
        kept.loc[:, "age"] = 9
        assert list(frame["age"]) == [1, 2]


@pytest.mark.parametrize("kind", FRAMES)
def test_a_missing_column_is_said(kind):
    with pytest.raises(InvalidInput, match="no column 'patient'"):
        rows.keep(FRAMES[kind]([("a", 1)]), "patient", {"a"})


@pytest.mark.parametrize("frame", [{"id": ["a"]}, "a", np.zeros((2, 2)), pd.Series(["a"]), [["a"]]], ids=str)
def test_what_cannot_be_filtered_is_refused(frame):
    with pytest.raises(InvalidInput, match="not a table that can be filtered"):
        rows.keep(frame, "id", {"a"})


@pytest.mark.parametrize("kind", ["pandas", "polars", "list"])
def test_the_commitment_binds_every_cell_the_order_and_the_salt(kind):
    make = FRAMES[kind]
    seen = {
        rows.commit(make([("a", 1), ("b", 2)]), SALT),
        rows.commit(make([("b", 2), ("a", 1)]), SALT),
        rows.commit(make([("a", 1), ("b", 3)]), SALT),
        rows.commit(make([("a", 1)]), SALT),
        rows.commit(make([("a", 1), ("b", 2)]), bytes([1] * 32)),
    }
    assert len(seen) == 5


def test_the_same_rows_commit_alike_in_every_frame():
    table = [("a", 1), ("b", 2)]
    assert len({rows.commit(make(table), SALT) for make in FRAMES.values()}) == 1


def test_a_number_and_its_text_differ_and_missing_values_are_one():
    def one(value):
        return rows.commit([{"x": value}], SALT)

    assert len({one(1), one("1"), one(1.0), one(True), one(None), one(2**60), one(date(2026, 1, 1))}) == 7
    assert one(None) == one(float("nan")) == one(np.nan) == one(pd.NA) == one(pd.NaT)
    assert one(np.int64(1)) == one(1)


def test_a_short_salt_is_refused():
    with pytest.raises(InvalidInput):
        rows.commit([], b"short")
