import hashlib
from dataclasses import replace

import msgspec
import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain.eip712 import Domains
from ledger.domain.acts import InstitutionSuspension, Withdrawal, dump
from ledger.errors import InvalidInput
from tests.support.strategies_chain import ADMIN, SIGNED

DOMAINS = Domains(31337, {"ConsentRegistry": b"\x01" * 20, "Directory": b"\x02" * 20, "AuditAnchor": b"\xff" * 20})


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.__name__)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_digests_equal_those_of_eth_account(kind, data):
    act = data.draw(SIGNED[kind])
    document = DOMAINS.typed_data(act)
    through_json = msgspec.json.decode(msgspec.json.encode(document))
    for form in (document, through_json):
        signable = encode_typed_data(full_message=form)
        assert keccak(b"\x19" + signable.version + signable.header + signable.body) == DOMAINS.digest(act)


def test_a_digest_is_bound_to_chain_contract_and_content():
    act = Withdrawal(subject=b"\x01" * 32, id=b"\x02" * 32, signer=b"\x03" * 20)
    others = [
        Domains(31338, {"ConsentRegistry": b"\x01" * 20}).digest(act),
        Domains(31337, {"ConsentRegistry": b"\x02" * 20}).digest(act),
        DOMAINS.digest(msgspec.structs.replace(act, id=b"\x03" * 32)),
    ]
    assert DOMAINS.digest(act) not in others
    assert len(set(others)) == 3
    same = msgspec.structs.replace(act, signature=b"\x01" * 65)
    assert DOMAINS.digest(same) == DOMAINS.digest(act)


@pytest.mark.parametrize("kind", ADMIN, ids=lambda kind: kind.__name__)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_consortium_acts_are_named_by_their_stored_form(kind, data):
    act = data.draw(ADMIN[kind])
    assert DOMAINS.digest(act) == hashlib.sha256(dump(act)).digest()
    with pytest.raises(InvalidInput):
        DOMAINS.typed_data(act)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("SignerAddition", {"until": 1 << 40}),
        ("SignerAddition", {"capacity": -1}),
        ("SignerAddition", {"subject": b"short"}),
        ("ConsentAct", {"version": 1 << 24}),
        ("StudyProposal", {"diseases": ((1 << 32,),)}),
        ("Anchoring", {"size": 1 << 64}),
    ],
)
@settings(max_examples=1, deadline=None)
@given(data=st.data())
def test_fields_that_do_not_fit_are_refused(kind, changes, data):
    strategy = next(strategy for act, strategy in SIGNED.items() if act.__name__ == kind)
    act = msgspec.structs.replace(data.draw(strategy), **changes)
    with pytest.raises(InvalidInput):
        DOMAINS.digest(act)


@pytest.mark.parametrize(
    "changes",
    [
        {"effect": 256},
        {"recipient_kind": -1},
        {"recipient": bytes(31)},
        {"purposes": 1 << 16},
        {"categories": 1 << 32},
        {"valid_from": -1},
        {"valid_until": 1 << 40},
        {"data_until": 1 << 64},
        {"diseases": 1 << 160},
        {"diseases": -1},
        {"terms": bytes(33)},
    ],
    ids=str,
)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_a_scope_that_does_not_fit_its_words_is_refused(changes, data):
    kind = next(kind for kind in SIGNED if kind.__name__ == "ConsentAct")
    act = data.draw(SIGNED[kind])
    with pytest.raises(InvalidInput):
        DOMAINS.digest(msgspec.structs.replace(act, scope=replace(act.scope, **changes)))


def test_suspensions_are_consortium_acts():
    assert InstitutionSuspension(id=bytes(32), state=2).admin
