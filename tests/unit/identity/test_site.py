from pathlib import Path

import pytest

from ledger.config import Settings
from ledger.errors import ConfigurationError
from ledger.identity.site import relying_party


def party(**changes):
    return relying_party(Settings(home=Path("/nowhere"), **changes))


def test_by_default_the_site_is_where_people_reach_the_service():
    assert party().id == "localhost"
    assert party().origins == {"http://localhost:8400"}
    assert party(public_url="https://consent.example.org").id == "consent.example.org"
    assert party(public_url="https://consent.example.org").origins == {"https://consent.example.org"}


@pytest.mark.parametrize("url", ["http://consent.example.org", "http://127.0.0.1:8400", "https://192.0.2.7"])
def test_where_browsers_give_no_passkeys_there_is_no_origin(url):
    assert party(public_url=url).origins == frozenset()


def test_a_domain_can_have_pages_on_several_hosts():
    named = party(rp_id="example.org", origins="https://a.example.org,https://example.org")
    assert named.id == "example.org"
    assert named.origins == {"https://a.example.org", "https://example.org"}


@pytest.mark.parametrize(
    "origin",
    [
        "http://a.example.org",
        "https://example.com",
        "https://a.example.org/",
        "https://notexample.org",
        "a.example.org",
    ],
)
def test_an_origin_outside_the_domain_is_refused(origin):
    with pytest.raises(ConfigurationError, match="CONSENTRY_ORIGINS"):
        party(rp_id="example.org", origins=origin)
