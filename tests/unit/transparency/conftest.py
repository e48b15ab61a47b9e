"""Keys and logs of the transparency tests; every one of them is made up."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.transparency.checkpoint import origin_of
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.note import NoteSigner


@pytest.fixture
def log() -> bytes:
    return bytes(range(32))


@pytest.fixture
def private() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


@pytest.fixture
def stranger() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(b"\x08" * 32)


@pytest.fixture
def key(private) -> SigningKey:
    return SigningKey(private)


@pytest.fixture
def keys(key) -> KeySet:
    return KeySet([key.public])


@pytest.fixture
def note_signer(log, private) -> NoteSigner:
    return NoteSigner(origin_of(log), private)
