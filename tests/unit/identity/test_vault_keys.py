"""The vault's keys in files: private, the same for all processes; the rest is in the conformance suite."""

import stat

import pytest

from ledger.errors import ConfigurationError, NotFound
from ledger.identity.vault_keys import FileKeyVault

KEY = b"\x07" * 32


@pytest.fixture
def keys(tmp_path):
    return FileKeyVault(tmp_path / "vault")


@pytest.fixture
def file(keys, tmp_path):
    keys.versions()
    (found,) = (tmp_path / "vault").iterdir()
    return found


def test_the_file_is_for_its_user_alone_and_kept(keys, file, tmp_path):
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = FileKeyVault(tmp_path / "vault")
    assert again.unwrap(keys.wrap(KEY, b"row"), b"row") == KEY
    assert again.mac(1, b"text") == keys.mac(1, b"text")


def test_what_one_process_destroys_is_gone_for_every_other(keys, file, tmp_path):
    old = keys.wrap(KEY, b"row")
    other = FileKeyVault(tmp_path / "vault")
    assert other.unwrap(old, b"row") == KEY
    keys.rotate()
    keys.destroy(1)
    assert not file.exists()
    with pytest.raises(NotFound):
        other.unwrap(old, b"row")


def test_a_destroyed_file_was_written_over_first(keys, file, tmp_path):
    (tmp_path / "linked").hardlink_to(file)
    keys.destroy(1)
    assert (tmp_path / "linked").read_bytes() == bytes(32)


def test_a_broken_file_is_an_error_and_not_replaced(keys, file):
    file.write_bytes(b"short")
    with pytest.raises(ConfigurationError):
        keys.wrap(KEY, b"row")
    assert file.read_bytes() == b"short"
