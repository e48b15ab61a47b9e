"""Signature bytes of passkeys: written and read back, and spoilt in every place."""

from hashlib import sha256

import eth_abi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.opening import LOCAL
from ledger.chain.passkeys import check_passkey, decode, encode, p256_holds
from ledger.domain.webauthn import Assertion
from ledger.errors import BadSignature
from tests.support.passkey import SoftPasskey

DIGEST = sha256(b"an act").digest()
KEY = SoftPasskey(LOCAL)
SIGNATURE = KEY.sign(DIGEST)
AUTH = ("uint256", "uint256", "uint256", "uint256", "bytes", "string")


def test_the_bytes_are_the_abi_encoding_of_the_contracts_struct():
    assertion = decode(SIGNATURE)
    type_at, challenge_at = assertion.places
    fields = (
        assertion.r,
        assertion.s,
        challenge_at,
        type_at,
        assertion.authenticator_data,
        assertion.client_data.decode(),
    )
    assert eth_abi.encode(AUTH, fields) == SIGNATURE
    assert encode(assertion) == SIGNATURE
    check_passkey(KEY.point, DIGEST, SIGNATURE, LOCAL)


@given(place=st.integers(0, len(SIGNATURE) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(place, bit):
    spoilt = bytearray(SIGNATURE)
    spoilt[place] ^= 1 << bit
    with pytest.raises(BadSignature):
        check_passkey(KEY.point, DIGEST, bytes(spoilt), LOCAL)


@given(st.integers(0, len(SIGNATURE) - 1), st.binary(min_size=1, max_size=64))
def test_nothing_can_be_cut_or_added(size, more):
    for spoilt in (SIGNATURE[:size], SIGNATURE + more, more + SIGNATURE):
        with pytest.raises(BadSignature):
            check_passkey(KEY.point, DIGEST, spoilt, LOCAL)


@given(st.binary(max_size=512))
def test_any_bytes_are_refused_and_nothing_else_happens(noise):
    with pytest.raises(BadSignature):
        check_passkey(KEY.point, DIGEST, noise, LOCAL)
    assert not p256_holds(KEY.point, DIGEST, noise)
    assert not p256_holds(noise[:64], DIGEST, SIGNATURE[:64])


@given(st.binary(max_size=1024), st.binary(max_size=1024), st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1))
def test_what_is_written_is_read_back(authenticator_data, client_data, r, s):
    assertion = Assertion(authenticator_data, client_data, r, s)
    assert decode(encode(assertion)) == assertion
