"""A token is let in only when everything about it holds; each test changes one thing."""

import base64
import hashlib
import hmac
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from ledger.errors import Forbidden, Unauthenticated
from ledger.identity.keys import FixedKeys
from ledger.identity.principal import SCOPES_OF, Role, Scope
from ledger.identity.tokens import TokenChecker
from tests.support.issuing import CURVE, ENGINE, ISSUER, JWKS, KEY, NOW, OTHER, Stopped, public


def claims(**changes):
    plain = {
        "iss": ISSUER,
        "aud": "consentry",
        "sub": "0x" + ENGINE.hex(),
        "role": "engine",
        "scope": "decision:check cohort:read",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 600,
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def sign(payload=None, key=KEY, **header):
    fields = {"alg": "EdDSA", "kid": "one", "typ": "at+jwt", **header}
    return jwt.encode({k: v for k, v in fields.items() if v is not None}, payload or claims(), key, [fields["alg"]])


def raw(header, payload, signature=b""):
    parts = [json.dumps(header).encode(), json.dumps(payload).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@pytest.fixture
def checker():
    return TokenChecker(FixedKeys(JWKS), issuer=ISSUER, audience="consentry", clock=Stopped())


def test_a_good_token_says_who_and_what(checker):
    who = checker.check(sign())
    assert (who.role, who.id, who.expires) == (Role.ENGINE, ENGINE, NOW + 600)
    assert who.scopes == {Scope.DECISION_CHECK, Scope.COHORT_READ}
    assert who.actor == "engine:0x" + ENGINE.hex()


def test_one_audience_of_several_is_enough(checker):
    assert checker.check(sign(claims(aud=["other", "consentry"]))).id == ENGINE


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"aud": "another"}, "audience"),
        ({"aud": ["another"]}, "audience"),
        ({"aud": None}, "audience"),
        ({"iss": "http://evil.example"}, "issuer"),
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": None}, "issuer"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "expired"),
        ({"exp": "soon"}, "expired"),
        ({"nbf": NOW + 31}, "time has not come"),
        ({"iat": NOW + 31}, "future"),
        ({"sub": None}, "who it is for"),
        ({"sub": "alice"}, "who it is for"),
        ({"role": "admin"}, "roles"),
        ({"role": None}, "roles"),
        ({"role": ["engine"]}, "roles"),
        ({"scope": ["decision:check"]}, "scopes"),
    ],
)
def test_a_wrong_claim_is_refused(checker, changes, says):
    with pytest.raises(Unauthenticated, match=says):
        checker.check(sign(claims(**changes)))


@pytest.mark.parametrize("seconds", [0, 29])
def test_clocks_may_differ_a_little(checker, seconds):
    assert checker.check(sign(claims(exp=NOW - seconds, nbf=NOW + seconds, iat=NOW + seconds))).role is Role.ENGINE


def test_no_algorithm_is_refused(checker):
    with pytest.raises(Unauthenticated, match="EdDSA"):
        checker.check(raw({"alg": "none", "kid": "one", "typ": "JWT"}, claims()))
    with pytest.raises(Unauthenticated, match="EdDSA"):
        checker.check(raw({"kid": "one"}, claims()))


def test_a_public_key_is_not_taken_for_an_hmac_secret(checker):
    secret = json.dumps(public(KEY, "one")).encode()
    for material in (secret, base64.urlsafe_b64decode(public(KEY, "one")["x"] + "=")):
        token = raw({"alg": "HS256", "kid": "one", "typ": "JWT"}, claims())
        message = token.rsplit(".", 1)[0]
        tag = base64.urlsafe_b64encode(hmac.digest(material, message.encode(), hashlib.sha256)).rstrip(b"=").decode()
        with pytest.raises(Unauthenticated, match="EdDSA"):
            checker.check(f"{message}.{tag}")
    with pytest.raises(Unauthenticated, match="EdDSA"):
        checker.check(sign(key=OctKey.import_key("s" * 32), alg="HS256"))


def test_an_algorithm_that_is_not_pinned_is_refused_though_its_key_is_published(checker):
    with pytest.raises(Unauthenticated, match="not signed with EdDSA"):
        checker.check(sign(key=CURVE, alg="ES256", kid="curve"))


def test_a_pinned_second_algorithm_uses_its_own_type_of_key_only():
    both = TokenChecker(
        FixedKeys(JWKS), issuer=ISSUER, audience="consentry", clock=Stopped(), algorithms=("EdDSA", "ES256")
    )
    assert both.check(sign(key=CURVE, alg="ES256", kid="curve")).id == ENGINE
    with pytest.raises(Unauthenticated, match="another type"):
        both.check(sign(key=CURVE, alg="ES256", kid="one"))
    with pytest.raises(Unauthenticated, match="another type"):
        both.check(sign(kid="curve"))


def test_an_unknown_key_a_wrong_key_and_no_key_are_refused(checker):
    with pytest.raises(Unauthenticated, match="does not publish"):
        checker.check(sign(kid="two"))
    with pytest.raises(Unauthenticated, match="signature"):
        checker.check(sign(key=OTHER))
    with pytest.raises(Unauthenticated, match="kid"):
        checker.check(sign(kid=None))


def test_a_key_inside_the_token_is_not_used(checker):
    with pytest.raises(Unauthenticated, match="signature"):
        checker.check(sign(key=OTHER, jwk=public(OTHER, "one")))


def test_a_receipt_is_not_a_token(checker):
    with pytest.raises(Unauthenticated, match="another kind"):
        checker.check(sign(typ="consentry-decision+jws"))


def test_every_changed_character_is_refused(checker):
    good = sign()
    for place in range(len(good) - 1):  # the last character of a signature has unused bits
        swapped = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        with pytest.raises(Unauthenticated):
            checker.check(swapped)


class Counting(FixedKeys):
    """The keys, and how often they were asked for."""

    asked = 0

    def key(self, kid):
        self.asked += 1
        return super().key(kid)


def test_a_checked_token_is_remembered_for_a_short_time_and_never_past_its_end():
    clock, keys = Stopped(), Counting(JWKS)
    checker = TokenChecker(keys, issuer=ISSUER, audience="consentry", clock=clock, remember=20)
    token = sign(claims(exp=NOW + 600))
    assert checker.check(token) == checker.check(token)
    assert keys.asked == 1
    clock.at += 20
    checker.check(token)
    assert keys.asked == 2
    short = sign(claims(exp=NOW + 25))
    checker.check(short)
    clock.at = NOW + 25 + 29
    long = TokenChecker(keys, issuer=ISSUER, audience="consentry", clock=clock, remember=10_000)
    long.check(short)
    clock.at = NOW + 25 + 30
    with pytest.raises(Unauthenticated, match="expired"):
        long.check(short)


def test_a_refused_token_is_not_remembered(checker):
    bad = sign(claims(aud="another"))
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            checker.check(bad)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_nested_header_is_refused_unread(checker, opening):
    header = base64.urlsafe_b64encode(b'{"alg":' + opening * 1000).rstrip(b"=").decode()
    with pytest.raises(Unauthenticated, match="not a signed JWT"):
        checker.check(f"{header}.e30.e30")


@pytest.mark.parametrize("junk", ["", ".", "..", "a.b.c", "a.b", "é.é.é", "W10.W10.W10", "x" * 9000, "\x00.\x00.\x00"])
def test_junk_is_refused(checker, junk):
    with pytest.raises(Unauthenticated):
        checker.check(junk)


def test_a_token_gives_no_more_than_its_role_may_hold(checker):
    who = checker.check(sign(claims(scope="directory:admit subject:read decision:check no:such")))
    assert who.scopes == {Scope.DECISION_CHECK}
    who.require(Scope.DECISION_CHECK)
    with pytest.raises(Forbidden, match="directory:admit"):
        who.require(Scope.DIRECTORY_ADMIT)


def test_every_role_has_scopes_and_only_stewards_admit():
    assert set(SCOPES_OF) == set(Role)
    assert [role for role, scopes in SCOPES_OF.items() if Scope.DIRECTORY_ADMIT in scopes] == [Role.STEWARD]
    assert {scope for scopes in SCOPES_OF.values() for scope in scopes} == set(Scope)
