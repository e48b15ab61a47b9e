"""Moments: what is read, what is refused, and months on the calendar."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.moments import add_months, read_moment, write_moment
from ledger.errors import InvalidInput

NOON = 1_767_268_800  # 2026-01-01T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00Z",
        "2026-01-01 12:00:00",
        "2026-01-01T12:00:00.000Z",
        "2026-01-01T12:00:00.999999Z",
        "2026-01-01T14:00:00+02:00",
        "2026-01-01T06:30:00-05:30",
        NOON,
        datetime(2026, 1, 1, 12, tzinfo=UTC),
        datetime(2026, 1, 1, 12),  # noqa: DTZ001 - without an offset it is UTC
    ],
)
def test_one_moment_has_many_spellings(text):
    assert read_moment(text) == NOON


def test_before_the_epoch_a_fraction_is_cut_downwards():
    assert read_moment("1969-12-31T23:59:59.5Z") == -1


def test_a_date_is_its_first_second():
    assert read_moment("2026-01-01") == read_moment(date(2026, 1, 1)) == NOON - 43_200


@pytest.mark.parametrize(
    "value",
    [
        "", "2026", "2026-1-1", "20260101", "2026-W01-1", "2026-02-30", "2026-13-01", "01/02/2026", "tomorrow",
        "2026-01-01T25:00:00Z", "2026-01-01T12:00:00.Z", "2026-01-01T12", "2026-01-01T12:00:00Z ", "\uff12026-01-01",
        "2026-01-01T12:00:00 Z", " 2026-01-01", "1767268800", True, None, 1.5, [], 1_767_268_800_000, -10**12,
        "0001-01-01T00:00:00+14:00", 253_402_300_800, "2026-01-01T12:00:00+10:75",
    ],
)  # fmt: skip
def test_what_names_no_second_is_refused(value):
    with pytest.raises(InvalidInput):
        read_moment(value)


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_what_is_written_reads_back(moment):
    assert read_moment(write_moment(moment)) == moment


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(0, 1200))
def test_months_keep_the_day_or_take_the_last_one(day, months):
    start = read_moment(day)
    end = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=add_months(start, months))).date()
    assert (end.year - day.year) * 12 + end.month - day.month == months
    assert end.day == min(day.day, monthrange(end.year, end.month)[1])


def test_months_keep_the_time_of_day_and_end_with_the_calendar():
    assert add_months(NOON, 1) == read_moment("2026-02-01T12:00:00Z")
    with pytest.raises(InvalidInput, match="9999"):
        add_months(read_moment("9999-12-01"), 1)
