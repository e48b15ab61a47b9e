"""What an answer says of all its decisions is the same in columns as in a list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.data_use import Obligation
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.policy import Request
from ledger.domain.sheet import Sheet
from ledger.services.answer import Answer

REQUEST = Request(bytes(32), bytes(32), 1, 1)
DUTIES = ((), (Obligation("ethics", {}),), (Obligation("ethics", {}), Obligation("ack", {"to": "biobank"})))
TOLD = ("flags", "permitted", "excluded", "outcome", "reasons", "codes", "obligations", "valid_until")


@st.composite
def decisions(draw):
    consent = draw(st.none() | st.binary(min_size=32, max_size=32))
    return Decision(
        draw(st.sampled_from(Outcome)),
        draw(st.sampled_from(Reason)),
        consent,
        0 if consent is None else draw(st.integers(1, 9)),
        draw(st.integers(0, 2**40)),
        draw(st.sampled_from([(), ("DUO:0000018",), ("DUO:0000019", "DUO:0000018")])),
        draw(st.sampled_from(DUTIES)),
    )


def in_columns(listed):
    sheet = Sheet.of_one(Decision(Outcome.DENY, Reason.SUBJECT_UNKNOWN), len(listed))
    for place, decision in enumerate(listed):
        sheet[place] = decision
    return sheet


def answer(held):
    subjects = [place.to_bytes(32) for place in range(len(held))]
    return Answer(REQUEST, subjects, held, 7, Block(1, bytes(32), bytes(32), 7))


@given(st.lists(decisions(), max_size=12))
def test_columns_say_what_a_list_says(listed):
    plain, columns = answer(listed), answer(in_columns(listed))
    for name in TOLD:
        assert getattr(columns, name) == getattr(plain, name), name


@given(st.lists(decisions(), max_size=12))
def test_the_rows_of_columns_are_the_decisions(listed):
    rows = [(kind.outcome, kind.reason, consent, version) for kind, consent, version in in_columns(listed).rows()]
    assert rows == [(one.outcome, one.reason, one.consent, one.version) for one in listed]


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ([], Outcome.DENY),
        ([Outcome.DENY, Outcome.ABSTAIN], Outcome.DENY),
        ([Outcome.ABSTAIN, Outcome.ABSTAIN], Outcome.ABSTAIN),
        ([Outcome.ABSTAIN, Outcome.DENY, Outcome.PERMIT], Outcome.PERMIT),
    ],
)
def test_one_word_for_all(outcomes, word):
    assert answer([Decision(outcome, Reason.NO_CONSENT) for outcome in outcomes]).outcome is word
