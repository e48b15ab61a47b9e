"""The vault's keys in files: private, derived apart by use, and gone once destroyed."""

import stat

import pytest

from ledger.domain.vault import WrappedKey
from ledger.errors import ConfigurationError, NotFound, ProofInvalid
from ledger.identity.vault_keys import FileKeyVault

KEY = b"\x07" * 32


@pytest.fixture
def keys(tmp_path):
    return FileKeyVault(tmp_path / "vault")


def test_the_first_version_is_made_at_first_use_and_kept(keys, tmp_path):
    wrapped = keys.wrap(KEY, b"row")
    assert wrapped.version == 1
    assert KEY not in wrapped.data
    again = FileKeyVault(tmp_path / "vault")
    assert again.unwrap(wrapped, b"row") == KEY
    assert again.mac(1, b"text") == keys.mac(1, b"text")
    (file,) = (tmp_path / "vault").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_wrapped_key_opens_in_its_context_alone(keys):
    wrapped = keys.wrap(KEY, b"row")
    with pytest.raises(ProofInvalid):
        keys.unwrap(wrapped, b"another row")
    with pytest.raises(ProofInvalid):
        keys.unwrap(WrappedKey(1, wrapped.data[:-1] + bytes([wrapped.data[-1] ^ 1])), b"row")
    with pytest.raises(ProofInvalid):
        keys.unwrap(WrappedKey(1, b""), b"row")


def test_the_newest_version_wraps_and_older_ones_still_open(keys):
    old = keys.wrap(KEY, b"row")
    assert keys.rotate() == 2
    assert keys.versions() == [1, 2]
    assert keys.wrap(KEY, b"row").version == 2
    assert keys.unwrap(old, b"row") == KEY
    assert keys.mac(1, b"text") != keys.mac(2, b"text")


def test_a_destroyed_version_opens_nothing_for_any_process(keys, tmp_path):
    old = keys.wrap(KEY, b"row")
    other = FileKeyVault(tmp_path / "vault")
    assert other.unwrap(old, b"row") == KEY
    keys.rotate()
    keys.destroy(1)
    keys.destroy(1)
    assert other.versions() == [2]
    with pytest.raises(NotFound):
        other.unwrap(old, b"row")
    with pytest.raises(NotFound):
        other.mac(1, b"text")


def test_what_wraps_is_not_what_indexes(keys, tmp_path):
    keys.versions()
    (file,) = (tmp_path / "vault").iterdir()
    root = file.read_bytes()
    assert keys.mac(1, b"") not in (root, KEY)


def test_a_broken_file_is_an_error_and_not_replaced(keys, tmp_path):
    keys.versions()
    (file,) = (tmp_path / "vault").iterdir()
    file.write_bytes(b"short")
    with pytest.raises(ConfigurationError):
        keys.wrap(KEY, b"row")
    assert file.read_bytes() == b"short"
