"""Dates are whole days, ends are inclusive, and what is written reads back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput
from ledger.fhir.times import LAST_WRITABLE, clip, span_of, text_of
from tests.unit.fhir.cases import day


@settings(deadline=None)
@given(st.integers(0, LAST_WRITABLE))
def test_what_is_written_reads_back(instant):
    assert span_of(text_of(instant)) == (instant, instant + 1)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2022", "2022-01-01", "2023-01-01"),
        ("2024", "2024-01-01", "2025-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("1969-12-31", "1969-12-31", "1970-01-01"),
        ("9999", "9999-01-01", None),
    ],
)
def test_a_date_is_all_of_it(text, start, end):
    assert span_of(text) == (day(start), LAST_WRITABLE + 1 if end is None else day(end))


def test_an_instant_has_its_zone():
    assert span_of("2022-06-01T02:00:00+02:00")[0] == day("2022-06-01")
    assert span_of("2022-05-31T14:30:00-09:30")[0] == day("2022-06-01")
    assert span_of("2022-06-01T00:00:00.999Z") == (day("2022-06-01"), day("2022-06-01") + 1)
    assert span_of("1960-06-01T00:00:00Z")[0] < 0


@pytest.mark.parametrize(
    "text",
    [
        "", "22", "2022-1", "2022-00", "2022-13", "2022-02-30", "2022-06-01T00:00", "2022-06-01T00:00:00",
        "2022-06-01T24:00:00Z", "2022-06-01T00:00:60Z", "2022-06-01T00:00:00+14:60", "2022-06-01T00:00:00+15:00",
        "2022-06-01 00:00:00Z", " 2022", "2022\n", "0000", "\u0662\u0660\u0662\u0662", "0001-01-01T00:00:00+14:00",
        None, 2022, ["2022"],
    ],
)  # fmt: skip
def test_what_is_no_date(text):
    with pytest.raises(InvalidInput):
        span_of(text)


def test_a_window_holds_what_it_can():
    assert (clip(-5), clip(5), clip(FOREVER + 5)) == (0, 5, FOREVER)
