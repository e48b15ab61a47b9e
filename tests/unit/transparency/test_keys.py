"""What signs is libsodium, what checks is OpenSSL: both must be RFC 8032 to the byte."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofInvalid
from ledger.transparency.keys import KeySet, SigningKey

RFC_8032 = [  # section 7.1: seed, public key, message, signature
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_the_vectors_of_the_rfc(seed, public, message, signature):
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))
    assert key.public.public_bytes_raw().hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=2_000))
def test_both_libraries_give_the_same_signature(seed, message):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert SigningKey(private).sign(message) == private.sign(message)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 8 * 64 - 1))
def test_what_was_signed_verifies_and_with_any_bit_changed_does_not(seed, message, bit):
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(seed))
    keys, signature = KeySet([key.public]), key.sign(message)
    keys.verify(key.kid, signature, message)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ProofInvalid):
        keys.verify(key.kid, bytes(changed), message)
