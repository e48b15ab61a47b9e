"""The key-encryption keys of the vault in files: the stand-in for a key management service.

Each version is one file of 32 random bytes; from it two keys are derived (HKDF-SHA256), one that wraps data keys with
AES-256-GCM and one that makes blind indexes. Files are read at each use and never kept, so that a version that another
process destroys is gone here too.

Source: https://www.rfc-editor.org/rfc/rfc5869 and https://doi.org/10.6028/NIST.SP.800-38D
"""

import hmac
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.domain.vault import WrappedKey
from ledger.errors import NotFound, ProofInvalid
from ledger.identity.secret_file import KEY_BYTES, create, secret_of, shred

_NONCE_BYTES = 12


class FileKeyVault:
    """Implements ``ports.KeyVault`` on a folder.

    Args:
        folder: Where the versions are; the first is made at first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def versions(self) -> list[int]:
        """As ``KeyVault.versions``."""
        found = sorted(int(path.stem) for path in self._folder.glob("[0-9]*.key"))
        if not found:
            secret_of(self._path(1), _fresh)
            return [1]
        return found

    def wrap(self, key: bytes, context: bytes) -> WrappedKey:
        """As ``KeyVault.wrap``."""
        version = self.versions()[-1]
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return WrappedKey(version, nonce + AESGCM(self._derived(version, b"wrap")).encrypt(nonce, key, context))

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """As ``KeyVault.unwrap``."""
        nonce, data = wrapped.data[:_NONCE_BYTES], wrapped.data[_NONCE_BYTES:]
        try:
            return AESGCM(self._derived(wrapped.version, b"wrap")).decrypt(nonce, data, context)
        except (InvalidTag, ValueError) as problem:
            raise ProofInvalid(
                f"a key of the vault cannot be unwrapped: its row was changed or moved, or version {wrapped.version} "
                "of the key-encryption key is another one; restore it from a backup"
            ) from problem

    def mac(self, version: int, message: bytes) -> bytes:
        """As ``KeyVault.mac``."""
        return hmac.digest(self._derived(version, b"index"), message, "sha256")

    def rotate(self) -> int:
        """As ``KeyVault.rotate``."""
        version = self.versions()[-1] + 1
        while not create(self._path(version), _fresh()):
            version += 1
        return version

    def destroy(self, version: int) -> None:
        """As ``KeyVault.destroy``."""
        shred(self._path(version))

    def _derived(self, version: int, use: bytes) -> bytes:
        path = self._path(version)
        if not path.exists():
            raise NotFound(f"version {version} of the vault's key is destroyed or missing: what it wrapped is gone")
        root = secret_of(path, _fresh)
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"consentry.vault/1 " + use).derive(root)

    def _path(self, version: int) -> Path:
        return self._folder / f"{version:04d}.key"


def _fresh() -> bytes:
    return secrets.token_bytes(KEY_BYTES)
