"""What the hot routes write is, byte for byte, what the encoder gives for the document."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from api.authzen.consent import why
from api.decision_json import answer_json
from api.hot.words import answer_bytes, evaluation_bytes, one_bytes
from ledger.domain.data_use import Obligation
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.policy import Request
from ledger.domain.sheet import Sheet
from ledger.domain.vocabulary import FOREVER
from ledger.services.answer import Answer

encode = msgspec.json.encode
ids = st.binary(min_size=32, max_size=32)
times = st.integers(0, FOREVER)
blocks = st.builds(Block, number=times, hash=ids, parent=ids, timestamp=times)
obligations = st.lists(
    st.builds(Obligation, id=st.text(max_size=5), properties=st.just({"who": 'the "other"'})), max_size=2
)


@st.composite
def decisions(draw, free=True):
    consent = draw(st.none() | ids)
    return Decision(
        draw(st.sampled_from(Outcome)),
        draw(st.sampled_from(Reason)),
        consent,
        0 if consent is None else draw(st.integers(0, 1 << 24)),
        draw(times),
        tuple(draw(st.lists(st.text(max_size=4), max_size=1))) if free else (),
        tuple(draw(obligations)) if free else (),
    )


def answer(found, subjects, block):
    return Answer(Request(bytes(32), bytes(32), 1, 1), subjects, found, 1_700_000_000, block)


@given(decisions(), blocks)
def test_an_evaluation(decision, block):
    expected = {"decision": decision.permitted, "context": why(decision, block)}
    assert evaluation_bytes(decision, block) == encode(expected)


@given(decisions(), ids, blocks, st.booleans())
def test_an_answer_on_one(decision, subject, block, compact):
    made = answer([decision], [subject], block)
    assert answer_bytes(made, compact=compact) == encode(answer_json(made, compact=compact))
    assert one_bytes(subject, decision, made.at, block) == encode(answer_json(made, compact=False))


@given(st.lists(decisions(free=False), min_size=1, max_size=40), blocks, st.booleans())
def test_an_answer_in_columns(found, block, compact):
    sheet = Sheet.of_one(Decision(Outcome.DENY, Reason.SUBJECT_UNKNOWN), len(found))
    for place, decision in enumerate(found):
        sheet[place] = decision
    assert list(sheet) == found
    assert (sheet[-1], sheet[1:3]) == (found[-1], found[1:3])
    subjects = [place.to_bytes(32, "big") for place in range(len(found))]
    document = answer_json(answer(found, subjects, block), compact=compact)
    assert answer_bytes(answer(sheet, subjects, block), compact=compact) == encode(document)
