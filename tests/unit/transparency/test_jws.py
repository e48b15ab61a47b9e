"""JWS and keys: joserfc agrees on what is good, RFC 8037 gives the vectors, and all else is refused."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet as JoserfcKeySet
from joserfc.jwk import OctKey, OKPKey

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.canonical import encode
from ledger.transparency.encoding import from_base64url, to_base64url
from ledger.transparency.jws import MAX_JWS_SIZE, sign_jws, verify_jws
from ledger.transparency.keys import KeySet, SigningKey, thumbprint

# RFC 9864 prefers the name Ed25519 for the same algorithm; readers of today know EdDSA (RFC 8037).
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")

TYPE = "consentry-test+jws"
PAYLOAD = {"a": 1, "b": ["é", None, True]}
RFC8037_D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
RFC8037_X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
RFC8037_KID = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def compact(header, payload, key):
    message = f"{to_base64url(header)}.{to_base64url(payload)}"
    return f"{message}.{to_base64url(key.sign(message.encode()))}"


def header_of(key, **changes):
    return {"alg": "EdDSA", "kid": key.kid, "typ": TYPE} | changes


def test_key_and_thumbprint_are_those_of_rfc_8037():
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(from_base64url(RFC8037_D)))
    assert key.kid == thumbprint(key.public) == RFC8037_KID
    assert KeySet([key.public]).jwks["keys"][0]["x"] == RFC8037_X


def test_the_signature_is_that_of_rfc_8037():
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(from_base64url(RFC8037_D)))
    message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    assert to_base64url(key.sign(message)) == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@settings(deadline=None, max_examples=30)
@given(st.dictionaries(st.text(st.characters(max_codepoint=127)), st.integers(0, 9) | st.text("aé😀"), max_size=4))
def test_what_is_signed_verifies_here_and_in_joserfc(payload):
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
    keys = KeySet([key.public])
    jws = sign_jws(payload, key, TYPE)
    assert verify_jws(jws, keys, TYPE) == payload
    foreign = joserfc_jws.deserialize_compact(jws, JoserfcKeySet.import_key_set(keys.jwks), algorithms=["EdDSA"])
    assert json.loads(foreign.payload) == payload
    assert foreign.headers() == header_of(key)


def test_what_joserfc_signs_in_this_form_verifies_here(private, key, keys):
    foreign = joserfc_jws.serialize_compact(
        header_of(key), encode(PAYLOAD), OKPKey.import_key(private), algorithms=["EdDSA"]
    )
    assert verify_jws(foreign, keys, TYPE) == PAYLOAD


def test_every_character_counts(key, keys):
    jws = sign_jws(PAYLOAD, key, TYPE)
    for place, char in enumerate(jws):
        for other in {"A", "B", ".", "=", "-"} - {char}:
            with pytest.raises(ProofInvalid):
                verify_jws(jws[:place] + other + jws[place + 1 :], keys, TYPE)
        with pytest.raises(ProofInvalid):
            verify_jws(jws[:place] + jws[place + 1 :], keys, TYPE)


@pytest.mark.parametrize(
    "changes",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "Ed25519"},
        {"alg": "eddsa"},
        {"typ": "consentry-other+jws"},
        {"typ": None},
        {"kid": None},
        {"kid": 1},
        {"kid": ""},
        {"crit": ["b64"], "b64": False},
        {"jku": "https://example.org/keys"},
        {"extra": 1},
    ],
)
def test_a_header_that_says_anything_else_is_refused_though_it_is_signed(changes, key, keys):
    with pytest.raises(ProofInvalid):
        verify_jws(compact(encode(header_of(key, **changes)), encode(PAYLOAD), key), keys, TYPE)


def test_a_header_in_another_order_or_short_of_a_field_is_refused(key, keys):
    for header in (b'{"typ":"%b","alg":"EdDSA","kid":"%b"}' % (TYPE.encode(), key.kid.encode()), b"{}", b"[]", b"x"):
        with pytest.raises(ProofInvalid):
            verify_jws(compact(header, encode(PAYLOAD), key), keys, TYPE)


def test_a_public_key_used_as_a_shared_secret_is_refused(key, keys):
    secret = OctKey.import_key(key.public.public_bytes_raw())
    forged = joserfc_jws.serialize_compact(header_of(key, alg="HS256"), encode(PAYLOAD), secret, algorithms=["HS256"])
    with pytest.raises(ProofInvalid, match="EdDSA"):
        verify_jws(forged, keys, TYPE)


def test_a_key_brought_along_is_not_trusted(stranger, key, keys):
    forger = SigningKey(stranger)
    with pytest.raises(ProofInvalid, match="not among the 1 trusted"):
        verify_jws(sign_jws(PAYLOAD, forger, TYPE), keys, TYPE)
    with pytest.raises(ProofInvalid, match="does not verify"):
        verify_jws(compact(encode(header_of(key)), encode(PAYLOAD), forger), keys, TYPE)
    own = {**header_of(forger), "jwk": KeySet([forger.public]).jwks["keys"][0]}
    with pytest.raises(ProofInvalid, match="nothing else"):
        verify_jws(compact(encode(own), encode(PAYLOAD), forger), keys, TYPE)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"b":1,"a":2}', b'{"a":1.0}', b'{"a":1,"a":1}', b"\xff"])
def test_a_payload_that_is_no_canonical_object_is_refused_though_it_is_signed(payload, key, keys):
    with pytest.raises(ProofInvalid, match="canonical JSON object"):
        verify_jws(compact(encode(header_of(key)), payload, key), keys, TYPE)


@pytest.mark.parametrize("jws", ["", ".", "..", "a.b", "a.b.c.d", "é.é.é", "\ud800..", "A" * (MAX_JWS_SIZE + 1)])
def test_what_is_not_a_jws_is_refused(jws, keys):
    with pytest.raises(ProofInvalid):
        verify_jws(jws, keys, TYPE)


def test_old_receipts_verify_after_a_rotation(key, stranger):
    jws = sign_jws(PAYLOAD, key, TYPE)
    rotated = KeySet([SigningKey(stranger).public, key.public])
    assert verify_jws(jws, KeySet.from_jwks(rotated.jwks), TYPE) == PAYLOAD


def test_without_a_key_nothing_is_known(key):
    with pytest.raises(CannotCheck):
        verify_jws(sign_jws(PAYLOAD, key, TYPE), KeySet([]), TYPE)


def test_what_has_no_canonical_form_is_not_signed(key):
    with pytest.raises(InvalidInput, match="float"):
        sign_jws({"share": 0.5}, key, TYPE)


def test_a_jwks_keeps_keys_and_passes_over_other_types(key, keys):
    document = json.loads(json.dumps(keys.jwks))
    document["keys"].append({"kty": "RSA", "n": "AQAB", "e": "AQAB"})
    read = KeySet.from_jwks(document)
    assert len(read) == 1
    assert key.kid in read
    assert read.jwks == keys.jwks
    assert "d" not in keys.jwks["keys"][0]


@pytest.mark.parametrize(
    "changes", [{"kid": "other"}, {"d": RFC8037_D}, {"x": "AAAA"}, {"x": None}, {"x": "*"}, {"kty": "EC"}, {"x": 1}]
)
def test_a_jwk_that_was_changed_is_refused(changes, keys):
    with pytest.raises(InvalidInput):
        KeySet.from_jwks({"keys": [keys.jwks["keys"][0] | changes]})


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": ["x"]}])
def test_what_is_not_a_jwks_is_refused(document):
    with pytest.raises(InvalidInput, match="not a JWKS"):
        KeySet.from_jwks(document)
