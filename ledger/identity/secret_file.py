"""Secret keys in files that only the service's user can read.

Invariants: a key is whole on disk before anything uses it; two processes that start together end with the same one; a
file that does not hold a whole key is an error, never replaced.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from ledger.errors import ConfigurationError

KEY_BYTES = 32


def secret_of(path: Path, make: Callable[[], bytes]) -> bytes:
    """The key in a file, made at first use.

    Args:
        path: The file.
        make: Makes a fresh key of 32 bytes.

    Raises:
        ConfigurationError: The file holds something else.
    """
    if not path.exists():
        create(path, make())
    raw = path.read_bytes()
    if len(raw) != KEY_BYTES:
        raise ConfigurationError(f"{path.name} is not a key of {KEY_BYTES} bytes; restore it from a backup")
    return raw


def create(path: Path, key: bytes) -> bool:
    """Write a key; False when the file is there already, which then holds."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def shred(path: Path) -> None:
    """Overwrite a key with zeros and remove its file; nothing happens where it is gone already.

    A disk that writes elsewhere (flash, copy on write, snapshots) may keep the old bytes: there, use a key service.
    """
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
