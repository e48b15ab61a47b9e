"""Classes made ``quick`` stay what they were: frozen values."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, fields, replace

import pytest

from ledger.domain.consent import Consent, Scope
from ledger.domain.events import ConsentRecorded, Logged
from ledger.domain.values import quick

SCOPE = Scope(*range(1, 14))
VALUES = [
    SCOPE,
    Consent(b"s", b"i", 1, SCOPE, 1, 9),
    ConsentRecorded(b"s", b"i", b"d", 1, SCOPE, 9, 1, b"f", b"k"),
    Logged(ConsentRecorded(b"s", b"i", b"d", 1, SCOPE, 9, 1, b"f", b"k"), 5, b"h", 0, b"t", b"a", (b"x",), b""),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_quick_value_is_frozen_and_told_apart_by_what_it_holds(value):
    kind = type(value)
    name = fields(value)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, b"other")
    with pytest.raises(FrozenInstanceError):
        delattr(value, name)
    assert type(value) is kind
    assert not hasattr(value, "__dict__")
    for twin in (kind(*(getattr(value, field.name) for field in fields(value))), copy.copy(value), replace(value)):
        assert twin == value
        assert hash(twin) == hash(value)
    assert pickle.loads(pickle.dumps(value)) == value
    assert replace(value, **{name: b"other"}) != value
    assert getattr(value, name) != b"other"


def test_what_is_left_out_takes_its_default_and_what_is_missing_is_an_error():
    @quick
    @dataclass(frozen=True, slots=True)
    class Pair:
        first: int
        second: int = 2

    assert (Pair(1).first, Pair(1).second, Pair(first=1, second=5).second) == (1, 2, 5)
    assert repr(Pair(1)).endswith("Pair(first=1, second=2)")
    with pytest.raises(TypeError, match="first"):
        Pair()
    with pytest.raises(TypeError):
        Pair(1, 2, 3)
