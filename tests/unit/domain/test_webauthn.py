"""Every check on a ceremony refuses, with words of its own, what it is for; and lets through what is right."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.webauthn import ORDER, Assertion, AuthenticatorData, RelyingParty
from ledger.errors import BadSignature
from tests.support.passkey import AT, BE, BS, ED, UP, UV, SoftPasskey, client_data

PARTY = RelyingParty("consent.example.org", frozenset({"https://consent.example.org"}))
DIGEST = sha256(b"an act").digest()


@pytest.fixture(scope="module")
def passkey():
    return SoftPasskey(PARTY)


def test_an_answer_of_this_site_is_taken(passkey):
    answer = passkey.answer(DIGEST)
    assertion = Assertion.read(**answer)
    assertion.check(DIGEST, PARTY)
    data = answer["client_data"]
    type_at, challenge_at = assertion.places
    assert data[type_at:].startswith(b'"type":"webauthn.get"')
    assert data[challenge_at:].startswith(b'"challenge":"')
    assert assertion.message == answer["authenticator_data"] + sha256(data).digest()


def test_of_two_forms_of_a_signature_the_low_one_is_kept(passkey):
    high = passkey.answer(DIGEST, high=True)
    assertion = Assertion.read(**high)
    assert 0 < assertion.s <= ORDER // 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "webauthn.create"}, "asked for 'webauthn.create'"),
        ({"kind": "payment.get"}, "asked for 'payment.get'"),
        ({"challenge": bytes(32)}, "another challenge"),
        ({"origin": "https://evil.example"}, "evil.example"),
        ({"origin": "https://consent.example.org:444"}, "not a page of"),
        ({"origin": "http://consent.example.org"}, "not a page of"),
        ({"crossOrigin": True}, "inside another site"),
        ({"crossOrigin": "false"}, "inside another site"),
        ({"crossOrigin": True, "topOrigin": "https://consent.example.org"}, "inside another site"),
        ({"topOrigin": "https://consent.example.org"}, "inside another site"),
        ({"rp_id": "example.org"}, "for another site"),
        ({"flags": UV}, "somebody was there"),
        ({"flags": UP}, "who was there"),
        ({"flags": UP | UV | BS}, "contradict"),
        ({"flags": UP | UV | AT}, "new passkey"),
        ({"flags": UP | UV | ED}, "end where its flags say"),
    ],
    ids=str,
)
def test_each_fault_is_refused_in_its_own_words(passkey, changes, words):
    challenge = changes.pop("challenge", DIGEST)
    assertion = Assertion.read(**passkey.answer(challenge, **changes))
    with pytest.raises(BadSignature, match=words):
        assertion.check(DIGEST, PARTY)


@pytest.mark.parametrize("flags", [UP | UV, UP | UV | BE, UP | UV | BE | BS, UP | UV | 2 | 32], ids=str)
def test_the_flags_that_may_be_are_taken(passkey, flags):
    Assertion.read(**passkey.answer(DIGEST, flags=flags)).check(DIGEST, PARTY)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: data + b" x", "not JSON"),
        (lambda _: b"[" * 2000, "not JSON"),
        (lambda _: b"[]", "not a JSON object"),
        (lambda data: b"\xff" + data, "not JSON"),
        (lambda data: b"\xef\xbb\xbf" + data, "not JSON"),
        (lambda data: data[:-1] + b',"origin":"https://consent.example.org"}', "twice"),
        (lambda data: data.replace(b'"challenge":', b'"challenge": '), "as browsers write it"),
        (lambda data: data.replace(b'"webauthn.get"', b'"webauthn.\\u0067et"'), "as browsers write it"),
        (lambda data: b'{"more":{"challenge":"x"},' + data[1:], "as browsers write it"),
        (lambda data: data[:-1] + b',"more":"' + b"x" * 2048 + b'"}', "at most 2048"),
        (lambda _: b"{}", "asked for None"),
    ],
    ids=[
        "loose end",
        "deep",
        "array",
        "not text",
        "byte order mark",
        "twice",
        "space",
        "escape",
        "inner",
        "long",
        "empty",
    ],
)
def test_client_data_is_read_strictly(passkey, spoil, words):
    answer = passkey.answer(DIGEST)
    assertion = replace(Assertion.read(**answer), client_data=spoil(answer["client_data"]))
    with pytest.raises(BadSignature, match=words):
        assertion.check(DIGEST, PARTY)


def test_what_browsers_add_behind_the_known_members_is_left_alone(passkey):
    more = {"other_keys_can_be_added_here": "do not compare clientDataJSON against a template", "tokenBinding": {}}
    Assertion.read(**passkey.answer(DIGEST, **more)).check(DIGEST, PARTY)


@given(st.binary(max_size=80))
@example(b"")
@example(b"\x30\x00")
@example(bytes.fromhex("3006020101020101"))
@example(bytes.fromhex("3006020100020101"))
@example(bytes.fromhex("300702020001020101"))
@example(bytes.fromhex("3006020181020101"))
@example(bytes.fromhex("300602010102010100"))
@example(bytes.fromhex("300702010102010100"))
@example(bytes.fromhex("3081060201010201ff"))
def test_a_signature_is_der_with_two_numbers_of_the_group_or_refused(signature):
    """The oracle is the library's reader; ours narrows it to numbers that a signature can have."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    data = bytes(37)
    try:
        assertion = Assertion.read(data, b"{}", signature)
    except BadSignature:
        try:
            numbers = decode_dss_signature(signature)
        except ValueError:
            return
        assert not all(0 < number < ORDER for number in numbers)
        return
    r, s = decode_dss_signature(signature)
    assert encode_dss_signature(r, s) == signature
    assert 0 < r < ORDER
    assert 0 < s < ORDER
    assert (assertion.r, assertion.s) == (r, min(s, ORDER - s))


@given(r=st.integers(1, ORDER - 1), s=st.integers(1, ORDER - 1))
def test_every_signature_is_read(r, s):
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    assertion = Assertion.read(bytes(37), b"{}", encode_dss_signature(r, s))
    assert (assertion.r, assertion.s) == (r, min(s, ORDER - s))


@pytest.mark.parametrize("size", [0, 36, 1025])
def test_authenticator_data_of_another_length_is_refused(size):
    with pytest.raises(BadSignature, match="authenticator data has"):
        AuthenticatorData.read(bytes(size))


def test_extensions_are_carried_and_not_read(passkey):
    data = passkey.authenticator_data(UP | UV | ED, b"\xa0")
    assertion = Assertion(data, client_data("webauthn.get", DIGEST, passkey.origin), 1, 1)
    assertion.check(DIGEST, PARTY)
    with pytest.raises(BadSignature, match="end where its flags say"):
        replace(assertion, authenticator_data=passkey.authenticator_data(UP | UV, b"\xa0")).check(DIGEST, PARTY)
