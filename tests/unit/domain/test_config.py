from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from ledger.config import Settings
from ledger.errors import ConfigurationError

HERE = Path("/somewhere")


def test_without_an_environment_everything_lives_in_the_working_folder():
    settings = Settings.read({}, HERE)
    assert settings == Settings(home=HERE / ".consentry")
    assert settings.url == "http://localhost:8400"
    assert settings.token_issuer == settings.url


def test_every_setting_can_be_set_and_is_documented():
    given, words = {}, {"anchor_mode": "heads"}
    for field in fields(Settings):
        value = words.get(field.name, "7" if field.type in (int, "int") else "text")
        given[f"CONSENTRY_{field.name.upper()}"] = value
        assert f"CONSENTRY_{field.name.upper()}" in Settings.__doc__, field.name
    settings = Settings.read(given, HERE)
    for field in fields(Settings):
        expected = ({"home": HERE / "text"} | words).get(field.name, 7 if field.type in (int, "int") else "text")
        assert getattr(settings, field.name) == expected, field.name


def test_an_absolute_home_and_public_addresses():
    settings = Settings.read(
        {"CONSENTRY_HOME": "/var/lib/consentry", "CONSENTRY_PUBLIC_URL": "https://consent.example", "PATH": "/bin"},
        HERE,
    )
    assert settings.home == Path("/var/lib/consentry")
    assert settings.url == settings.token_issuer == "https://consent.example"
    other = Settings.read({"CONSENTRY_ISSUER": "https://login.example"}, HERE)
    assert other.token_issuer == "https://login.example"


@pytest.mark.parametrize("value", ["-1", "1.5", "many", "0x10", " 7", "\u0667"])
def test_a_number_that_is_none(value):
    with pytest.raises(ConfigurationError, match="CONSENTRY_MOST_BATCH"):
        Settings.read({"CONSENTRY_MOST_BATCH": value}, HERE)


def test_empty_means_not_set():
    assert Settings.read({"CONSENTRY_PORT": "", "CONSENTRY_HOME": ""}, HERE) == Settings.read({}, HERE)


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings.read({}, HERE).port = 1
