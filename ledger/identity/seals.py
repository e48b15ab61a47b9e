"""The Ed25519 keys that sign receipts and checkpoints, in files that only the service's user can read.

Invariants: a key is whole on disk before it signs anything; old receipt keys stay published, so that receipts keep
verifying after a rotation (put a newer file beside the old one: the last by name signs).
"""

import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.identity.secret_file import secret_of
from ledger.transparency.checkpoint import origin_of
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.note import NoteSigner


class FileLogKeys:
    """Implements ``services.context.LogKeys`` on a folder.

    Args:
        folder: Where the keys are, or are made at first use.
    """

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "logs"
        self._receipts_folder = folder / "receipts"
        self._signers: dict[bytes, NoteSigner] = {}
        self._lock = threading.Lock()
        files = sorted(self._receipts_folder.glob("*.key")) or [self._receipts_folder / "0001.key"]
        keys = [SigningKey(_key(path)) for path in files]
        self.receipts = keys[-1]
        self.published = KeySet(key.public for key in keys)

    def note_signer(self, log: bytes) -> NoteSigner:
        """The key of one log's checkpoints, made at first use."""
        with self._lock:
            if log not in self._signers:
                self._signers[log] = NoteSigner(origin_of(log), _key(self._notes / f"{log.hex()}.key"))
            return self._signers[log]


def _key(path: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(
        secret_of(path, lambda: Ed25519PrivateKey.generate().private_bytes_raw())
    )
