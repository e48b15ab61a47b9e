"""The issuer's keys: fetched with restraint, refused when malformed, gone when taken back; the local issuer's file."""

import httpx
import pytest

from ledger.errors import ConfigurationError, InvalidInput, NotReady
from ledger.identity.issuer import LocalIssuer
from ledger.identity.keys import FetchedKeys, FixedKeys, read_jwks
from ledger.identity.principal import SCOPES_OF, Role, Scope
from ledger.identity.tokens import TokenChecker
from tests.support.issuing import ENGINE, ISSUER, JWKS, KEY, NOW, OTHER, Stopped, public


def test_the_local_issuer_makes_tokens_that_hold_and_keeps_its_key(tmp_path):
    path = tmp_path / "keys" / "issuer.jwk"
    first = LocalIssuer(path, issuer=ISSUER, audience="consentry")
    again = LocalIssuer(path, issuer=ISSUER, audience="consentry")
    assert first.jwks == again.jwks
    assert "d" not in first.jwks["keys"][0]
    assert path.stat().st_mode & 0o777 == 0o600
    checker = TokenChecker(FixedKeys(again.jwks), issuer=ISSUER, audience="consentry", clock=Stopped())
    who = checker.check(first.issue(Role.AUDITOR, ENGINE, now=NOW, seconds=60))
    assert who.scopes == SCOPES_OF[Role.AUDITOR]
    few = checker.check(first.issue(Role.AUDITOR, ENGINE, now=NOW, seconds=60, scopes=[Scope.AUDIT_READ]))
    assert few.scopes == {Scope.AUDIT_READ}
    with pytest.raises(InvalidInput, match="cannot hold"):
        first.issue(Role.ENGINE, ENGINE, now=NOW, seconds=60, scopes=[Scope.DIRECTORY_ADMIT])
    for seconds in (0, -1, 91 * 86400):
        with pytest.raises(InvalidInput, match="lasts"):
            first.issue(Role.ENGINE, ENGINE, now=NOW, seconds=seconds)


def test_a_broken_key_file_is_named_and_kept(tmp_path):
    path = tmp_path / "issuer.jwk"
    path.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"issuer\.jwk"):
        LocalIssuer(path, issuer=ISSUER, audience="consentry")
    assert path.read_text() == "{}"


class Issuer:
    """An issuer's JWKS address: real HTTP messages through httpx, without a socket."""

    def __init__(self, document):
        self.document, self.asked, self.status = document, 0, 200

    def client(self):
        return httpx.Client(transport=httpx.MockTransport(self._answer))

    def _answer(self, _):
        self.asked += 1
        return httpx.Response(self.status, json=self.document)


def test_keys_are_fetched_once_and_again_for_an_unknown_id_but_not_more_often_than_allowed():
    issuer, clock = Issuer(JWKS), Stopped()
    keys = FetchedKeys("https://issuer.example/jwks", clock, issuer.client())
    assert keys.key("one") is not None
    assert keys.key("one") is not None
    assert issuer.asked == 1
    assert [keys.key(f"made-up-{n}") for n in range(50)] == [None] * 50
    assert issuer.asked == 1
    issuer.document = {"keys": [*JWKS["keys"], public(OTHER, "two")]}
    clock.at += 30
    assert keys.key("two") is not None
    assert issuer.asked == 2


def test_a_key_taken_back_ends_and_an_issuer_away_for_long_lets_nobody_in():
    issuer, clock = Issuer(JWKS), Stopped()
    keys = FetchedKeys("https://issuer.example/jwks", clock, issuer.client())
    assert keys.key("one") is not None
    issuer.status = 500
    clock.at += 301
    assert keys.key("one") is not None
    clock.at += 3600
    with pytest.raises(NotReady, match="500"):
        keys.key("one")
    issuer.status, issuer.document = 200, {"keys": []}
    clock.at += 31
    assert keys.key("one") is None


@pytest.mark.parametrize(
    "document", [[], {}, {"keys": "x"}, {"keys": ["x"]}, {"keys": [public(KEY, "one") | {"x": "!"}]}]
)
def test_a_document_that_is_no_key_set_lets_nobody_in(document):
    with pytest.raises(ConfigurationError):
        read_jwks(document)
    with pytest.raises(NotReady):
        FetchedKeys("https://issuer.example/jwks", Stopped(), Issuer(document).client()).key("one")


def test_a_published_private_key_is_refused_and_foreign_keys_are_passed_over():
    with pytest.raises(ConfigurationError, match="private"):
        read_jwks({"keys": [{**KEY.as_dict(private=True), "kid": "one"}]})
    others = [{"kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB"}, {**public(KEY, "enc"), "use": "enc"}]
    assert read_jwks({"keys": [*others, {**public(KEY, "x"), "kid": 7}]}) == {}
