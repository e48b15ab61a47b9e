"""The form of a consent receipt: every scope has one, one receipt has one file, and nothing else is read as one."""

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings

from ledger.domain.consent import Scope
from ledger.domain.vocabulary import FOREVER
from ledger.domain.wording import scope_to_json
from ledger.errors import ProofInvalid
from ledger.provenance import consent_receipt as form
from ledger.transparency import canonical
from ledger.transparency.jws import sign_jws
from ledger.transparency.keys import KeySet, SigningKey
from tests.unit.domain.test_wording import scopes

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\x05" * 32))
CONSENT, DIGEST = b"\x01" * 32, b"\x02" * 32


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def receipt(scope: Scope, state: form.State = "accepted") -> form.ConsentReceipt:
    return form.ConsentReceipt(
        schema_version=form.SCHEMA,
        receipt_id=form.receipt_id(DIGEST, CONSENT, state),
        record_id=hexed(CONSENT),
        pii_principal_id=hexed(b"\x03" * 32),
        pii_processing=form.processing_of(scope, scope.valid_until, None),
        party_identification=[form.Party(party_id=hexed(b"\x04" * 32), party_role="controller", party_name="Süd")],
        event=form.Event(
            event_type="grant",
            event_state=state,
            event_time=7,
            version=1,
            signer="0x" + "c5" * 20,
            capacity=None,
            form=hexed(bytes(32)),
            digest=hexed(DIGEST),
            reason="",
        ),
        chain=None,
    )


@settings(max_examples=100, deadline=None)
@given(scopes())
def test_every_scope_can_be_said_signed_and_read_back(scope):
    told = receipt(scope)
    jws = form.sign(told, KEY)
    assert form.open_signed(jws, KeySet([KEY.public])) == told
    file = form.Issued(receipt=told, jws=jws, proof=None)
    assert form.from_json(form.to_json(file)) == file


@settings(max_examples=100, deadline=None)
@given(scopes())
def test_what_it_says_is_what_the_scope_says(scope):
    said, words = form.processing_of(scope, scope.valid_until, None), scope_to_json(scope)
    purposes = said.purposes if said.purposes == "any" else [one.purpose for one in said.purposes]
    assert (said.effect, purposes, said.diseases) == (words["effect"], words["purposes"], words.get("diseases", []))
    assert (said.conditions, said.pii_types) == (words["conditions"], words["categories"])
    assert (said.processing_methods, said.recipients) == (words["operations"], words["recipient"])
    assert said.privacy_notice.sha256 == words["terms"]
    assert (said.validity.start, said.validity.until) == (words["validity"]["from"], words["validity"]["until"])
    assert said.effective_until == (None if scope.valid_until == FOREVER else scope.valid_until)


def any_scope() -> Scope:
    return Scope(1, 1, bytes(32), 0xFFFF, 0, 0xFFFF, 0xFFFFFFFF, 0, FOREVER, 0, FOREVER, 0, b"\x09" * 32)


def test_the_same_receipt_is_the_same_bytes():
    one, two = receipt(any_scope()), receipt(any_scope())
    assert form.sign(one, KEY) == form.sign(two, KEY)
    data = form.to_json(form.Issued(receipt=one, jws=form.sign(one, KEY), proof=None))
    assert canonical.encode(canonical.decode(data[:-1])) + b"\n" == data


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("schema_version", "consentry.consent-receipt/2"),
        ("receipt_id", hexed(b"\x06" * 32)),
        ("record_id", hexed(b"\x06" * 32)),
        ("chain", {}),
        ("extra", 1),
        ("pii_principal_id", "Ann Example"),
    ],
)
def test_another_form_is_refused(part, value):
    document = msgspec.to_builtins(receipt(any_scope())) | {part: value}
    with pytest.raises(ProofInvalid):
        form.read(document)


def test_only_a_sealed_receipt_has_a_place_on_the_chain_and_it_must():
    with pytest.raises(ProofInvalid, match="sealed"):
        form.read(msgspec.to_builtins(receipt(any_scope(), "sealed")))


def test_a_receipt_of_another_kind_is_not_read_as_one():
    told = msgspec.to_builtins(receipt(any_scope()))
    with pytest.raises(ProofInvalid, match="typ"):
        form.open_signed(sign_jws(told, KEY, "consentry-decision+jws"), KeySet([KEY.public]))
