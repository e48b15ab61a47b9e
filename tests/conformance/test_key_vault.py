"""What every holder of key-encryption keys keeps to, the fake one too (``ports.KeyVault``)."""

from dataclasses import replace

import pytest

from ledger.errors import NotFound, ProofInvalid
from ledger.identity.vault_keys import FileKeyVault
from tests.fakes.vault import MemoryKeyVault

KEY = b"\x07" * 32


@pytest.fixture(params=("memory", "file"))
def keys(request, tmp_path):
    return MemoryKeyVault() if request.param == "memory" else FileKeyVault(tmp_path / "vault")


def test_there_is_always_a_version_that_wraps(keys):
    assert keys.versions() == [1]
    wrapped = keys.wrap(KEY, b"row")
    assert wrapped.version == 1
    assert KEY not in wrapped.data
    assert keys.unwrap(wrapped, b"row") == KEY


def test_a_wrapped_key_opens_in_its_context_and_version_alone(keys):
    wrapped = keys.wrap(KEY, b"row")
    keys.rotate()
    for other in (replace(wrapped, version=2), replace(wrapped, data=b""), replace(wrapped, data=bytes(60))):
        with pytest.raises(ProofInvalid):
            keys.unwrap(other, b"row")
    with pytest.raises(ProofInvalid):
        keys.unwrap(wrapped, b"another row")


def test_the_same_key_is_wrapped_differently_each_time(keys):
    assert keys.wrap(KEY, b"row") != keys.wrap(KEY, b"row")


def test_the_newest_version_wraps_and_older_ones_still_open(keys):
    old = keys.wrap(KEY, b"row")
    assert keys.rotate() == 2
    assert keys.versions() == [1, 2]
    assert keys.wrap(KEY, b"row").version == 2
    assert keys.unwrap(old, b"row") == KEY


def test_an_index_follows_from_version_and_message(keys):
    assert keys.versions() == [1]
    assert keys.mac(1, b"text") == keys.mac(1, b"text")
    assert len(keys.mac(1, b"text")) == 32
    keys.rotate()
    assert len({keys.mac(1, b"text"), keys.mac(2, b"text"), keys.mac(1, b"another")}) == 3


def test_a_destroyed_version_is_gone(keys):
    old = keys.wrap(KEY, b"row")
    keys.rotate()
    keys.destroy(1)
    keys.destroy(1)
    assert keys.versions() == [2]
    with pytest.raises(NotFound):
        keys.unwrap(old, b"row")
    with pytest.raises(NotFound):
        keys.mac(1, b"text")
    assert keys.rotate() == 3
