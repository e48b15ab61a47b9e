import dataclasses

import eth_abi
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain import artifacts, calldata
from ledger.chain.gas import limit
from ledger.chain.transactions import MOST_GAS
from ledger.domain import acts
from ledger.domain.consent import Scope
from ledger.domain.policy import Request
from ledger.errors import InvalidInput
from tests.support.strategies_chain import ADMIN, SIGNED, ids, uints

ALL = {**SIGNED, **ADMIN}
WRAPPED = (
    acts.RecoveryProposal,
    acts.RecoveryObjection,
    acts.RecoveryCompletion,
    acts.StudyProposal,
    acts.EngineRegistration,
    acts.DatasetRegistration,
    acts.DatasetAmendment,
    acts.Anchoring,
)
"""Kinds whose function takes one struct."""


def plain(value):
    """An act's fields in order, as eth_abi takes them."""
    if isinstance(value, Scope):
        return tuple(getattr(value, name) for name in Scope.__slots__)
    if isinstance(value, acts.Accesses):
        return tuple(getattr(value, name) for name in value.__struct_fields__)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def packed(*values):
    """Values in one word, from the lowest bit, each with its width."""
    return sum(value << sum(bits for _, bits in values[:place]) for place, (value, _) in enumerate(values))


def fields(act):
    if isinstance(act, acts.RecoveryProposal):  # deadline and signature stand beside the recovery
        *recovery, deadline, signature = (getattr(act, name) for name in act.__struct_fields__)
        return tuple(recovery), deadline, signature
    if isinstance(act, acts.ConsentAct):
        s = act.scope
        masks = ((s.purposes, 16), (s.conditions, 16), (s.operations, 16), (s.categories, 32))
        times = ((s.valid_from, 40), (s.valid_until, 40), (act.version, 24), (act.issued_at, 40))
        rights = packed((s.effect, 8), (s.recipient_kind, 8), *masks, *times)
        limits = packed((s.data_from, 40), (s.data_until, 40), (s.diseases, 160))
        words = (act.subject, act.id, s.recipient, s.terms, rights, limits, act.form, act.deadline)
        return (*words, act.signer, act.signature)
    return tuple(plain(getattr(act, name)) for name in act.__struct_fields__)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_call_data_equals_eth_abi(kind, data):
    batched = kind in calldata.BATCHED
    some = data.draw(st.lists(ALL[kind], min_size=1, max_size=3 if batched else 1))
    signature = calldata.SIGNATURES[kind.function]
    types = signature[signature.index("(") :]
    wrapped = kind in WRAPPED
    if batched:
        values = ([fields(act) for act in some],)
    elif wrapped:
        values = (fields(some[0]),)
    else:
        values = fields(some[0])
    expected = eth_abi.encode([types], [values])
    if kind is not acts.InstitutionSuspension:
        expected = expected[32:]  # arguments are a tuple without the offset that a dynamic one has inside another
    assert calldata.encode(some) == calldata.SELECTORS[kind.function] + expected


@given(
    subject=ids,
    study=ids,
    engine=ids,
    operation=uints(16),
    categories=uints(32),
    at=uints(40),
    consents=st.lists(ids, max_size=3),
)
def test_decide_equals_eth_abi(subject, study, engine, operation, categories, at, consents):
    request = Request(study, engine, operation, categories, 5, 6)
    expected = eth_abi.encode(
        ["bytes32", "(bytes32,bytes32,uint16,uint32,uint40,uint40)", "uint40", "bytes32[]"],
        [subject, (study, engine, operation, categories, 5, 6), at, consents],
    )
    assert calldata.encode_decide(subject, request, at, consents)[4:] == expected


@given(ALL[acts.ConsentAct], st.sampled_from(["effect", "purposes", "categories", "diseases", "valid_until"]))
def test_a_field_too_wide_for_its_place_is_refused(act, name):
    wide = msgspec.structs.replace(act, scope=dataclasses.replace(act.scope, **{name: 1 << 160}))
    with pytest.raises(InvalidInput, match="does not fit"):
        calldata.encode([wide])


def test_signatures_are_those_of_the_artifacts():
    compiled = {
        name: signature
        for contract in ("Directory", "ConsentRegistry", "AuditAnchor")
        for name, signature in artifacts.load(contract).signatures("function")
    }
    assert {name: compiled[name] for name in calldata.SIGNATURES} == dict(calldata.SIGNATURES)
    for kind in ALL:
        names = [name for name, _ in artifacts.load(kind.contract).signatures("function")]
        assert kind.function in names


def test_acts_that_do_not_go_together_are_refused():
    suspension = acts.InstitutionSuspension(id=bytes(32), state=1)
    revocation = acts.EngineRevocation(id=bytes(32))
    for wrong in ([], [suspension, suspension], [suspension, revocation]):
        with pytest.raises(InvalidInput):
            calldata.encode(wrong)


def test_gas_limits_stay_within_what_a_transaction_may_have():
    withdrawal = acts.Withdrawal(subject=bytes(32), id=bytes(32), signer=bytes(20), signature=bytes(65))
    assert limit([withdrawal], b"") == MOST_GAS
    assert limit([withdrawal] * 2, b"") < limit([withdrawal] * 3, b"") < limit([withdrawal] * 3, b"\x01") < MOST_GAS
    assert limit([withdrawal] * 10_000, b"") == MOST_GAS
