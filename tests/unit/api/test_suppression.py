"""Small counts are not told, and cannot be worked out from those that are."""

from hypothesis import given
from hypothesis import strategies as st

from api.routes.decisions import suppressed
from ledger.domain.decision import Reason

COUNTS = st.dictionaries(st.sampled_from(list(Reason)), st.integers(1, 40), max_size=6)


def test_a_small_count_takes_the_next_smallest_with_it():
    counts = {Reason.NO_CONSENT: 3, Reason.NOT_COVERED: 50, Reason.DENIED_BY_SUBJECT: 20}
    assert suppressed(counts, 11) == {Reason.NO_CONSENT, Reason.DENIED_BY_SUBJECT}


def test_large_counts_are_told():
    assert suppressed({Reason.NO_CONSENT: 11, Reason.NOT_COVERED: 50}, 11) == set()


@given(COUNTS)
def test_no_hidden_count_follows_from_the_total_and_the_told_ones(counts):
    hidden = suppressed(counts, 11)
    assert {reason for reason, count in counts.items() if count < 11} <= hidden
    assert len(hidden) != 1 or len(counts) == 1
