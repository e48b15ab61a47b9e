"""What is seen of a page of rows: whatever is not plain is handed over, and nothing plain says another thing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.audit import Kind
from ledger.domain.identifiers import to_hex
from ledger.services.fsck_page import TELLING, look
from ledger.transparency import canonical
from ledger.transparency.edge import Edge
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tiles import WIDTH

LOG, OTHER = b"\x0a" * 32, b"\x0b" * 32
PARTY = to_hex(b"\x0c" * 32)
NO_LEAF = bytes(32)


def document(index, **more):
    entry = {"index": index, "time": 5, "log": to_hex(LOG), "kind": Kind.COMPLETED.value, "decision": PARTY}
    return {**entry, "study": PARTY, "engine": PARTY, **more}


def row(index, data, *, leaf=None, key=None, count=None, decision=b"\x0c" * 32):
    return index, data, leaf or leaf_hash(data), key, count, decision


def seen(rows, told=None):
    (page,) = look(LOG, [rows], told or {})
    return page


entries = st.builds(
    document,
    st.integers(0, 9),
    log=st.sampled_from([to_hex(LOG), to_hex(LOG), to_hex(OTHER)]),
    kind=st.sampled_from([*map(str, Kind), "another"]),
    decision=st.sampled_from([PARTY, PARTY, None, to_hex(OTHER), "x", 5]),
    time=st.sampled_from([5, 5, 6, "5", None]),
)
forms = st.sampled_from([b"%b", b"%b", b"%b", b" %b", b"%b ", b"[%b]", b"\xff%b", b"%b%%"])
columns = st.sampled_from([b"\x0c" * 32, b"\x0c" * 32, OTHER, None, b""])


@given(st.lists(st.tuples(entries, forms, columns), min_size=1, max_size=9))
def test_what_is_not_handed_over_says_what_stands_beside_it(drawn):
    rows = [
        row(index, form.replace(b"%b", canonical.encode(entry)), decision=column)
        for index, (entry, form, column) in enumerate(drawn)
    ]
    page = seen(rows)
    close = {one.place for one in page.close}
    for place, (index, data, _, _, _, column) in enumerate(rows):
        if place not in close:
            said = json.loads(data)
            named = None if said["decision"] is None or len(said["decision"]) != len(PARTY) else said["decision"]
            assert (said["index"], said["log"], said["time"]) == (index, to_hex(LOG), page.times[place])
            assert said["kind"] not in TELLING
            assert column == (named and bytes.fromhex(named[2:]))
    for one in page.close:
        assert (one.index, one.document, one.decision) == (rows[one.place][0], rows[one.place][1], rows[one.place][5])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=9, unique=True).map(sorted))
def test_a_row_that_does_not_follow_is_a_jump(indices):
    page = seen([row(index, canonical.encode(document(index))) for index in indices])
    assert page.first == indices[0]
    assert page.jumps == [
        (place, index) for place, index in enumerate(indices) if place and index != indices[place - 1] + 1
    ]
    assert page.close == []


@pytest.mark.parametrize("count", [1, WIDTH - 1, WIDTH])
def test_the_root_is_that_of_a_full_tile(count):
    data = [canonical.encode(document(index)) for index in range(count)]
    page = seen([row(index, one) for index, one in enumerate(data)])
    leaves = [leaf_hash(one) for one in data]
    edge, _ = Edge().extend(leaves)
    assert page.leaves == b"".join(leaves)
    assert page.leaf(count - 1) == leaves[-1]
    assert page.root == (edge.root() if count == WIDTH else b"")


def test_another_leaf_a_key_and_a_count_are_told_of():
    data = [canonical.encode(document(index)) for index in range(4)]
    rows = [row(0, data[0], key="a", count=2), row(1, data[1], leaf=NO_LEAF), row(2, data[2], key=""), row(3, data[3])]
    page = seen(rows)
    assert page.changed == [1]
    assert page.starts == [(0, "a", 2), (2, "", None)]


@pytest.mark.parametrize(
    "told", [(leaf_hash(b""), PARTY, PARTY), (None, to_hex(OTHER), PARTY), (None, PARTY, to_hex(OTHER))]
)
def test_an_access_of_which_the_chain_tells_another_thing_is_handed_over(told):
    data = [canonical.encode(document(index)) for index in range(2)]
    rows = [row(index, one) for index, one in enumerate(data)]
    alike = {1: (leaf_hash(data[1]), PARTY, PARTY), 7: told}
    assert (seen(rows, alike).told, seen(rows, alike).close) == ([1], [])
    leaf, *parties = told
    page = seen(rows, {1: (leaf or leaf_hash(data[1]), *parties)})
    assert [one.index for one in page.close] == [1]
