"""An entry that is put together from pieces is the canonical form of its document, and refused where that is."""

from collections import OrderedDict
from enum import IntEnum, StrEnum

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.audit import Kind, NewEntry
from ledger.errors import InvalidInput
from ledger.services.drafts import MOST_ENTRY_BYTES, drafts_of
from ledger.transparency import canonical
from tests.unit.transparency.test_canonical import KEYS, TEXT, VALUES

LOG = b"\x0a" * 32
NUMBERS = st.integers(0, canonical.MAX_INTEGER)
# What could be taken for the places that are left open.
MISLEADING = st.sampled_from(['"index":0', ',"index":0,', ',"time":0}', "index", "time", "\\", '"', "}"])
NAMES = MISLEADING | st.sampled_from(["", "0x" + "ab" * 32, "0x" + "00" * 32, "0xAB"]) | TEXT
ENTRIES = st.builds(
    NewEntry,
    kind=st.sampled_from(Kind),
    actor=NAMES,
    study=NAMES,
    engine=NAMES,
    operation=NAMES,
    decision=NAMES,
    block=st.none() | st.tuples(NUMBERS, NAMES),
    facts=st.none() | st.dictionaries(KEYS | MISLEADING, VALUES | MISLEADING, max_size=5),
)


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    RED = "red"


@settings(deadline=None)
@given(ENTRIES, st.binary(min_size=32, max_size=32), NUMBERS, NUMBERS)
def test_a_draft_in_its_place_is_the_documents_canonical_form(entry, log, index, time):
    document = entry.document(log=log, index=index, time=time)
    assert drafts_of([entry], log).at(index, time) == [canonical.encode(document)]
    assert canonical.encode(document) == rfc8785.dumps(document)


@settings(deadline=None, max_examples=20)
@given(st.lists(ENTRIES, min_size=1, max_size=5), NUMBERS, NUMBERS)
def test_entries_are_placed_next_to_each_other_as_each_alone(entries, first, time):
    alone = [drafts_of([entry], LOG).at(index, time)[0] for index, entry in enumerate(entries, first)]
    assert drafts_of(entries, LOG).at(first, time) == alone


@pytest.mark.parametrize(
    ("decision", "named"),
    [("0x" + "ab" * 32, b"\xab" * 32), ("", None), ("0xAB", None), ("0x" + "00" * 32, None), ("red", None)],
)
def test_a_draft_names_its_decision_where_it_is_one(decision, named):
    assert drafts_of([NewEntry(Kind.STARTED, "service", decision=decision)], LOG).decisions() == [named]


def _deep(levels):
    return {} if levels == 1 else {"a": _deep(levels - 1)}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"facts": {"epsilon": 0.5}}, r"\$\.facts\.epsilon: a float"),
        ({"facts": {"a": [OrderedDict()]}}, r"\$\.facts\.a\[0\]: OrderedDict"),
        ({"facts": {"é": 1}}, r"\$\.facts: the key"),
        ({"facts": _deep(canonical.MAX_DEPTH)}, "nested deeper"),
        ({"facts": {"a": "\ud800"}}, "surrogate"),
        ({"actor": "\ud800"}, "surrogate"),
        ({"block": (2**53, "0x00")}, r"\$\.block\.number: an integer beyond"),
        ({"operation": 0.5}, r"\$\.operation: a float"),
        # Equal to what was just encoded and kept, and yet not of its type.
        ({"operation": Word.RED}, r"\$\.operation: Word"),
        ({"actor": Word.RED}, r"\$\.actor: Word"),
        ({"decision": Word.RED}, r"\$\.decision: Word"),
        ({"block": (Number.ONE, "red")}, r"\$\.block\.number: Number"),
    ],
)
def test_what_has_no_canonical_form_is_refused_by_its_path(fields, path):
    plain = {"actor": "red", "operation": "red", "decision": "red", "block": (1, "red")}
    good, entry = NewEntry(Kind.STARTED, **plain), NewEntry(Kind.STARTED, **{**plain, **fields})
    drafts_of([good], LOG)
    for entries in ([entry], [good, entry], [good, entry, good]):
        with pytest.raises(InvalidInput, match=path):
            drafts_of(entries, LOG)
    with pytest.raises(InvalidInput, match=path):
        canonical.encode(entry.document(log=LOG, index=0, time=0))


def test_the_largest_entry_is_taken_and_one_byte_more_is_refused():
    def sized(size):
        return NewEntry(Kind.STARTED, "service", facts={"a": "x" * size})

    room = MOST_ENTRY_BYTES - len(drafts_of([sized(0)], LOG).at(0, 0)[0])
    largest, small = sized(room), sized(0)
    assert len(drafts_of([small, largest], LOG).at(0, 0)[1]) == MOST_ENTRY_BYTES
    with pytest.raises(InvalidInput, match="larger than"):
        drafts_of([small, sized(room + 1)], LOG)
