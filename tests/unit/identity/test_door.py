"""The settings of the door: complete, or refused."""

import pytest

from ledger.config import Settings
from ledger.errors import ConfigurationError
from ledger.identity.door import local_issuer, open_door
from ledger.identity.principal import Role

NOW = 1_800_000_000


class Stopped:
    def now(self):
        return NOW


def test_without_an_issuer_there_is_a_local_one(tmp_path):
    settings = Settings(home=tmp_path)
    door = open_door(settings, Stopped())
    token = local_issuer(settings).issue(Role.STEWARD, b"\x01" * 32, now=NOW, seconds=60)
    assert door.checker.check(token).role is Role.STEWARD
    assert door.issuer is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://issuer.example"},
        {"jwks_url": "https://issuer.example/jwks"},
        {"issuer": "https://issuer.example", "jwks_url": "http://issuer.example/jwks"},
        {"issuer": "https://issuer.example", "jwks_url": "file:///etc/keys"},
    ],
)
def test_half_a_setting_or_keys_over_an_open_line_are_refused(tmp_path, changes):
    with pytest.raises(ConfigurationError):
        open_door(Settings(home=tmp_path, **changes), Stopped())


def test_another_issuer_means_no_local_one(tmp_path):
    settings = Settings(home=tmp_path, issuer="https://issuer.example", jwks_url="https://issuer.example/jwks")
    assert open_door(settings, Stopped()).issuer is None
    with pytest.raises(ConfigurationError):
        local_issuer(settings)
    assert list(tmp_path.iterdir()) == []
