from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.passkey import counts_on, is_point, read_registration
from ledger.domain.webauthn import MOST_AUTHENTICATOR_DATA, Assertion, RelyingParty
from ledger.errors import BadSignature, InvalidInput
from tests.support.passkey import AT, BE, BS, COSE_HEAD, ED, UP, UV, SoftPasskey, client_data

PARTY = RelyingParty("localhost", frozenset({"http://localhost:8400"}))
CHALLENGE = bytes(range(32))


@pytest.fixture(scope="module")
def passkey():
    return SoftPasskey(PARTY, counter=7)


def registered(passkey, authenticator_data=None, **changes):
    made = passkey.created(CHALLENGE, **changes)
    return read_registration(
        made["authenticator_data"] if authenticator_data is None else authenticator_data,
        made["client_data"],
        CHALLENGE,
        PARTY,
    )


def test_a_new_passkey_is_a_signer(passkey):
    credential = registered(passkey)
    assert (credential.id, credential.key) == (passkey.id, passkey.point)
    assert (credential.counter, credential.backed_up) == (7, True)
    assert credential.signer(b"\xee" * 20) == b"\xee" * 20 + passkey.point


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"origin": "http://localhost:1"}, "localhost:1"), ({"flags": UP}, "who was there"), ({"flags": UV}, "was there")],
    ids=str,
)
def test_a_registration_that_another_site_or_nobody_made_is_refused(passkey, changes, words):
    with pytest.raises(BadSignature, match=words):
        registered(passkey, **changes)


def test_an_answer_to_another_challenge_or_ceremony_is_refused(passkey):
    made = passkey.created(bytes(32))
    with pytest.raises(BadSignature, match="another challenge"):
        read_registration(made["authenticator_data"], made["client_data"], CHALLENGE, PARTY)
    other = client_data("webauthn.get", CHALLENGE, passkey.origin)
    with pytest.raises(BadSignature, match=r"webauthn\.get"):
        read_registration(made["authenticator_data"], other, CHALLENGE, PARTY)


def parts(passkey):
    data = passkey.created(CHALLENGE)["authenticator_data"]
    return data[:37], data[37:55], data[55 : 55 + len(passkey.id)], data[55 + len(passkey.id) :]


def test_only_an_es256_key_and_nothing_loose_is_taken(passkey):
    head, size, identity, cose = parts(passkey)
    rs256 = cose.replace(bytes.fromhex("0326"), bytes.fromhex("0327"), 1)
    off_curve = cose[:-1] + bytes((cose[-1] ^ 1,))
    for data, words in [
        (head + size + identity + rs256, "not ES256"),
        (head + size + identity + cose[:-1], "not ES256"),
        (head + size + identity, "not ES256"),
        (head + size + identity + off_curve, "not a point"),
        (head + size + identity + cose + b"\0", "end where its flags say"),
        (head + size[:-2] + b"\0\0" + cose, "credential id"),
        (head + size[:-2] + b"\x04\x00" + identity + cose, "credential id"),
        (head, "credential id"),
    ]:
        with pytest.raises(InvalidInput, match=words):
            registered(passkey, data)
    assert cose.startswith(COSE_HEAD)
    with_extensions = passkey.authenticator_data(UP | UV | AT | ED, size + identity + cose + b"\xa0")
    assert registered(passkey, with_extensions).id == passkey.id
    with pytest.raises(BadSignature, match="no new passkey"):
        registered(passkey, passkey.authenticator_data(UP | UV))


@given(
    identity=st.binary(min_size=1, max_size=1023),
    counter=st.integers(0, 2**32 - 1),
    aaguid=st.binary(min_size=16, max_size=16),
)
def test_a_registration_is_read_as_the_library_of_a_maker_of_authenticators_writes_it(identity, counter, aaguid):
    """The oracle is fido2: what it writes is read, and its reading of what the test's passkey writes is the same."""
    from fido2.cose import ES256
    from fido2.webauthn import AttestedCredentialData, AuthenticatorData

    key = SoftPasskey(PARTY, counter=counter, id=identity)
    cose = ES256.from_cryptography_key(key.key.public_key())
    flags = AuthenticatorData.FLAG(UP | UV | AT | BE | BS)
    made = AttestedCredentialData.create(aaguid, identity, cose)
    written = AuthenticatorData.create(sha256(PARTY.id.encode()).digest(), flags, counter, bytes(made))
    if len(written) > MOST_AUTHENTICATOR_DATA:
        return
    read = registered(key, bytes(written))
    assert (read.id, read.key, read.counter, read.backed_up) == (identity, key.point, counter, True)
    theirs = AuthenticatorData(key.created(CHALLENGE)["authenticator_data"])
    assert theirs.credential_data.credential_id == identity
    assert theirs.credential_data.public_key == cose
    assert theirs.counter == counter


def test_an_answer_that_we_take_the_library_takes(passkey):
    from fido2.cose import ES256
    from fido2.webauthn import AuthenticatorData, CollectedClientData

    answer = passkey.answer(CHALLENGE)
    Assertion.read(**answer).check(CHALLENGE, PARTY)
    said, data = CollectedClientData(answer["client_data"]), AuthenticatorData(answer["authenticator_data"])
    assert (said.type, said.challenge, said.origin) == ("webauthn.get", CHALLENGE, passkey.origin)
    assert data.is_user_verified()
    ES256.from_cryptography_key(passkey.key.public_key()).verify(data + said.hash, answer["signature"])


@given(st.integers(1, 2**256 - 1))
def test_points_of_the_curve_are_told_from_others(secret):
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    numbers = ec.derive_private_key(secret % (order - 1) + 1, ec.SECP256R1()).public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    assert is_point(x + y)
    assert not is_point(y + x)
    assert not is_point(x + y[:-1])
    assert not is_point(x + y + b"\0")


def test_coordinates_past_the_prime_and_zero_are_no_point():
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    root = pow(0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B, (prime + 1) // 4, prime)
    zero_x = bytes(32) + root.to_bytes(32, "big")
    assert is_point(zero_x)  # x = 0 is on the curve: the next one is the same x, written past the prime
    assert not is_point(prime.to_bytes(32, "big") + zero_x[32:])
    assert not is_point(bytes(64))


@pytest.mark.parametrize(
    ("held", "seen", "on"), [(0, 0, True), (0, 1, True), (4, 5, True), (5, 5, False), (5, 4, False), (5, 0, False)]
)
def test_a_counter_goes_on_or_stays_zero(held, seen, on):
    assert counts_on(held, seen) is on
