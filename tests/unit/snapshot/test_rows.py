"""Which rows hold an instant, and until when: what is kept says the same as what is found anew."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.snapshot.rows import ALIVE, ALWAYS, NEVER, Rows

TIMES = st.sampled_from([ALWAYS, 0, 1, 5, 6, 7, 1 << 39, NEVER])
INSTANTS = st.integers(0, 8)


def rows_of(validity):
    since, until = (np.array(times, np.int64) for times in zip(*validity, strict=True))
    count = len(validity)
    ones = np.ones(count, np.uint32)
    return Rows(ones, since, until, ones, np.zeros((count, 32), np.uint8), np.full(count, ALIVE, np.uint32))


@given(st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=12), st.lists(INSTANTS, min_size=1, max_size=12))
@settings(deadline=None)
def test_whatever_was_asked_before_a_window_holds_its_instant(validity, instants):
    rows, part = rows_of(validity), slice(0, len(validity))
    for at in instants:
        window = rows.window_of(part, at)
        assert window.begin <= at < window.end
        assert window.valid.tolist() == [since <= at < until for since, until in validity]
        ahead = min((time for each in validity for time in each if time > at), default=NEVER)
        assert window.end == ahead
        assert ahead == NEVER or ahead in validity[window.turns]
        chosen = np.array([place % 2 == 0 for place in range(len(validity))])
        expected = min((time for each in validity[::2] for time in each if time > at), default=NEVER)
        assert rows.next_turn(part, at, chosen) == expected
