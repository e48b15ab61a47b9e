"""The Ed25519 keys that sign receipts and checkpoints, in files that only the service's user can read.

Invariants: a key is whole on disk before it signs anything; old receipt keys stay published, so that receipts keep
verifying after a rotation; the newest key (the last by name) signs, and a process that runs takes it up with the next
receipt, so that a retired key signs nothing new; a secret that is derived here outlives rotations.
"""

import hmac
import json
import os
import secrets
import threading
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import ConfigurationError, Conflict, InvalidInput
from ledger.identity.secret_file import create, secret_of, sync_folder
from ledger.transparency.checkpoint import origin_of
from ledger.transparency.keys import Ending, KeySet, SigningKey
from ledger.transparency.note import NoteSigner, VerifierKey

_ENDINGS: Final = "endings.json"


class FileLogKeys:
    """Implements ``services.context.LogKeys`` on a folder.

    Args:
        folder: Where the keys are, or are made at first use.
    """

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "logs"
        self._receipts_folder = folder / "receipts"
        self._secret_file = folder / "secret.key"
        self._signers: dict[bytes, tuple[int, list[NoteSigner]]] = {}
        self._lock = threading.Lock()
        secret_of(next(iter(self._files()), self._receipts_folder / "0001.key"), _fresh)
        self._read()

    @property
    def receipts(self) -> SigningKey:
        """The key that signs receipts now."""
        self._refresh()
        return self._current

    @property
    def published(self) -> KeySet:
        """All keys that ever signed receipts, with the ends of the retired ones."""
        self._refresh()
        return self._published

    def note_signer(self, log: bytes) -> NoteSigner:
        """The key of one log's checkpoints, made at first use."""
        return self._note_signers(log)[-1]

    def note_keys(self, log: bytes) -> list[VerifierKey]:
        """As ``LogKeys.note_keys``."""
        return [signer.verifier for signer in self._note_signers(log)]

    def next_note_signer(self, log: bytes) -> NoteSigner:
        """As ``LogKeys.next_note_signer``."""
        return NoteSigner(origin_of(log), _key(self._next(log)))

    def adopt_note_signer(self, log: bytes) -> None:
        """As ``LogKeys.adopt_note_signer``."""
        path = self._next(log)
        path.rename(path.with_suffix(".key"))
        sync_folder(path.parent)

    def _note_signers(self, log: bytes) -> list[NoteSigner]:
        first = self._notes / f"{log.hex()}.key"
        with self._lock:
            seen, signers = self._signers.get(log, (0, []))
            if not signers or self._notes.stat().st_mtime_ns != seen:
                _key(first)
                seen = self._notes.stat().st_mtime_ns  # first: what changes while this reads is read again
                paths = [first, *sorted(self._notes.glob(f"{log.hex()}.*.key"))]
                signers = [NoteSigner(origin_of(log), _key(path)) for path in paths]
                self._signers[log] = seen, signers
            return signers

    def _next(self, log: bytes) -> Path:
        return self._notes / f"{log.hex()}.{len(self._note_signers(log)) + 1:04d}.next"

    def secret(self, purpose: str) -> bytes:
        """As ``LogKeys.secret``."""
        return hmac.digest(secret_of(self._secret_file, lambda: secrets.token_bytes(32)), purpose.encode(), sha256)

    def rotate(self, now: int, *, stolen_since: int | None = None) -> str:
        """Let a fresh key sign receipts from now on, here and in every process that uses this folder.

        Args:
            now: Seconds UTC; the old key's end.
            stolen_since: Where the old key was stolen: from when on, at the latest, it may have been in other hands.

        Returns:
            The new key's id.

        Raises:
            InvalidInput: The theft lies in the future.
            Conflict: Another process rotates at the same time.
        """
        if stolen_since is not None and stolen_since > now:
            raise InvalidInput("a theft is in the past; give the first instant at which it may have happened")
        with self._lock:
            old = self._files()[-1]
            path = self._receipts_folder / f"{int(old.stem) + 1:04d}.key"
            if not create(path, _fresh()):
                raise Conflict("another process rotates this key now; look at consentry keys list")
            endings = _read_endings(self._receipts_folder) | {SigningKey(_key(old)).kid: Ending(now, stolen_since)}
            _write_endings(self._receipts_folder, endings)
        self._read()
        return self._current.kid

    def _refresh(self) -> None:
        """Read the folder again where it changed: two looks at the disk's memory, microseconds."""
        if _mark(self._receipts_folder) != self._seen:
            self._read()

    def _read(self) -> None:
        with self._lock:
            seen = _mark(self._receipts_folder)  # first: what changes while this reads is read again
            keys = [SigningKey(_key(path)) for path in self._files()]
            self._published = KeySet((key.public for key in keys), _read_endings(self._receipts_folder))
            self._current, self._seen = keys[-1], seen

    def _files(self) -> list[Path]:
        return sorted(self._receipts_folder.glob("[!.]*.key"))


def _fresh() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes_raw()


def _key(path: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(secret_of(path, _fresh))


def _mark(folder: Path) -> tuple[int, int]:
    """Something that is another after each change: new files touch the folder, new endings are a new file."""
    try:
        endings = (folder / _ENDINGS).stat().st_ino
    except FileNotFoundError:
        endings = 0
    return folder.stat().st_mtime_ns, endings


def _read_endings(folder: Path) -> dict[str, Ending]:
    try:
        held = json.loads((folder / _ENDINGS).read_bytes())
        return {kid: Ending(**ending) for kid, ending in held.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as problem:
        raise ConfigurationError(f"{_ENDINGS} does not say when keys ended; restore it from a backup") from problem


def _write_endings(folder: Path, endings: dict[str, Ending]) -> None:
    draft = folder / f".{_ENDINGS}.{secrets.token_hex(8)}"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({kid: {"exp": one.exp, "revoked_at": one.revoked_at} for kid, one in endings.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / _ENDINGS)
