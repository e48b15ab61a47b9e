"""The index finds everybody it was made of and nobody else, however ids fall on slots; cards lie on cache lines."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.snapshot import index as module
from ledger.snapshot.columns import LINE
from ledger.snapshot.index import CARD, PLACE, PLAIN, Index, PackedIds

SUBJECTS = st.binary(min_size=32, max_size=32)


def index_of(ids):
    cards = Index.blank(len(ids))
    cards["id"] = np.frombuffer(b"".join(ids), np.uint64).reshape(-1, 4)
    cards["plain"] = 1
    return Index(cards)


@pytest.mark.parametrize("hashed", [hash, lambda _: -1, lambda subject: subject[0] % 3 - 2], ids=["hash", "one", "end"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.binary(min_size=32, max_size=32), unique=True, max_size=40),
    absent=st.binary(min_size=32, max_size=32),
)
def test_everybody_is_found_and_nobody_else(monkeypatch, hashed, ids, absent):
    monkeypatch.setattr(module, "hash", hashed, raising=False)
    index = index_of(ids)
    asked = [*ids, absent]
    expected = [*range(len(ids)), ids.index(absent) if absent in ids else None]
    assert [index.find(subject) for subject in asked] == expected
    packed = np.frombuffer(b"".join(asked), np.uint64).reshape(-1, 4)
    assert index.find_all(asked, packed).tolist() == [-1 if place is None else place for place in expected]
    assert [index.id(place) for place in range(len(ids))] == ids


def test_a_card_is_one_cache_line_and_changes_say_so():
    index = index_of([bytes([place]) * 32 for place in range(9)])
    assert CARD.itemsize == LINE
    assert index.cards.ctypes.data % LINE == 0
    index.change(3)
    for place in range(9):
        card = index.card(bytes([place]) * 32)
        assert (card[PLACE], card[PLAIN]) == (place, place != 3)


def test_ids_are_cut_as_bytes_are():
    ids = [bytes([place]) * 32 for place in range(9)]
    packed, whole = PackedIds(index_of(ids)), b"".join(ids)
    assert len(packed) == len(whole)
    assert packed[64:128] == whole[64:128]
    assert packed[256:999] == whole[256:999]
