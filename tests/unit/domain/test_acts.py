"""The stored form of acts: what goes in comes out, and nothing else is taken for an act."""

import json
from typing import get_args

import msgspec
import pytest

from ledger.domain import acts
from ledger.domain.acts import Act, dump, load
from ledger.errors import InvalidInput
from tests.unit.domain.cases import SCOPE

KINDS = get_args(Act)
_VALUES = {
    bytes: b"\x00\xff" * 16,
    int: (1 << 40) - 1,
    str: 'Süd "1"\n',
    bool: True,
}


def example(kind):
    """An act of a kind with every field set."""
    values = {}
    for field in msgspec.structs.fields(kind):
        if field.name == "scope":
            values["scope"] = SCOPE
        elif field.name == "diseases":
            values["diseases"] = ((1, 2), (3,))
        elif field.name == "proof":
            values["proof"] = (b"\x01" * 32, b"\x02" * 32)
        elif field.name == "accesses":
            group = acts.Accesses(study=b"\x02" * 32, engine=b"\x03" * 32, entries=bytes(7) + b"\x09" * 33)
            values["accesses"] = (group,)
        else:
            values[field.name] = _VALUES[field.type]
    return kind(**values)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_act_comes_back_as_it_was(kind):
    act = example(kind)
    assert load(dump(act)) == act
    assert type(load(dump(act))) is kind
    assert dump(load(dump(act))) == dump(act)


def test_every_kind_has_its_own_tag_and_place():
    tags = {json.loads(dump(example(kind)))["act"] for kind in KINDS}
    assert len(tags) == len(KINDS)
    assert {kind.contract for kind in KINDS} == {"Directory", "ConsentRegistry", "AuditAnchor"}
    assert len({(kind.contract, kind.function) for kind in KINDS}) == len(KINDS)
    unsigned = {kind.__name__ for kind in KINDS if "signature" not in kind.__struct_fields__}
    assert unsigned == {kind.__name__ for kind in KINDS if kind.admin} | {"RecoveryCompletion"}


def test_acts_about_a_subject_name_it():
    for kind in KINDS:
        assert ("subject" in kind.__struct_fields__) is (kind in get_args(acts.SubjectAct))


def test_acts_do_not_change():
    act = example(acts.Withdrawal)
    with pytest.raises(AttributeError):
        act.id = b""


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"act":"consent"}',
        b'{"act":"payment","id":"AA=="}',
        dump(example(acts.Withdrawal))[:-1],
        dump(example(acts.Withdrawal)).replace(b'"signer"', b'"signor"'),
        dump(example(acts.Withdrawal))[:-1] + b',"note":"x"}',
        dump(example(acts.StudyTransition)).replace(b"1099511627775", b'"soon"', 1),
    ],
    ids=range(10),
)
def test_other_bytes_are_no_act(stored):
    with pytest.raises(InvalidInput, match="not a stored act"):
        load(stored)
