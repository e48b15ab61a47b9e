"""Keys that the service keeps: the relayer's, the consortium's, and those of hosted institutions and reviewers.

One file a key under ``home/keys`` (folder 0700, files 0600), 64 hex digits, written to a temporary file and linked into
place, so that two first starts at once agree on one key. Keys are made at first need from the system's randomness.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec
from coincurve import PrivateKey
from coincurve.keys import PublicKey

from ledger.chain.eip712 import Domains
from ledger.chain.hashing import keccak
from ledger.domain.acts import Act
from ledger.errors import ConfigurationError, InvalidInput, NotFound

RELAYER = "relayer"
CONSORTIUM = "consortium"


def address_of(key: PrivateKey | PublicKey) -> bytes:
    """The account (20 bytes) of a key."""
    public = key.public_key if isinstance(key, PrivateKey) else key
    return keccak(public.format(compressed=False)[1:])[12:]


def sign_digest(key: PrivateKey, digest: bytes) -> bytes:
    """Sign a 32-byte digest: 65 bytes r, s (low), v (27 or 28)."""
    signature = key.sign_recoverable(digest, hasher=None)
    return signature[:64] + bytes((signature[64] + 27,))


class KeyRing:
    """The keys under one folder; signs acts and, inside this room, transactions.

    Args:
        folder: Where the key files are; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._known: dict[str, PrivateKey] = {}

    def named(self, name: str) -> PrivateKey:
        """The key of a role, made when it is not there yet.

        Raises:
            ConfigurationError: The file is not a key.
        """
        if name not in self._known:
            key = self._read(name)
            if key is None:
                self._write(name, PrivateKey(secrets.token_bytes(32)))
                key = self._read(name)
            assert key is not None
            self._known[name] = key
        return self._known[name]

    def create(self) -> bytes:
        """Make and keep a new key; returns its signer bytes (an address)."""
        key = PrivateKey(secrets.token_bytes(32))
        signer = address_of(key)
        self._write(signer.hex(), key)
        return signer

    def held(self, signer: bytes) -> PrivateKey:
        """The key of a signer that ``create`` made, or of one of the roles.

        Raises:
            NotFound: No such key is kept here.
            ConfigurationError: The file is not a key.
        """
        name = signer.hex()
        key = self._known.get(name) or self._read(name)
        if key is None:
            for role in (RELAYER, CONSORTIUM):
                candidate = self._read(role)
                if candidate is not None and address_of(candidate) == signer:
                    key = candidate
        if key is None or len(signer) != 20:
            raise NotFound(f"the key of 0x{name} is not kept here; sign with the wallet that has it")
        self._known[name] = key
        return key

    def _read(self, name: str) -> PrivateKey | None:
        path = self._folder / f"{name}.key"
        try:
            text = path.read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise ConfigurationError(f"cannot read the key file {path}: {problem.strerror}") from problem
        try:
            return PrivateKey(bytes.fromhex(text))
        except ValueError as problem:
            raise ConfigurationError(f"{path} does not hold a key; restore it from a backup") from problem

    def _write(self, name: str, key: PrivateKey) -> None:
        path = self._folder / f"{name}.key"
        draft = self._folder / f".{name}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(key.secret.hex() + "\n")
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key holds
                os.link(draft, path)
        finally:
            draft.unlink()
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class ActKeys:
    """Signs acts with kept keys (the port ActSigner).

    Args:
        ring: The keys.
        domains: The contracts that the acts are for.
    """

    def __init__(self, ring: KeyRing, domains: Domains) -> None:
        self._ring = ring
        self._domains = domains

    def sign(self, act: Act, signer: bytes) -> Act:
        """The act with its signature.

        Raises:
            NotFound: The key is not kept here.
            InvalidInput: A consortium act, which carries no signature.
        """
        if act.admin:
            raise InvalidInput(f"a {type(act).__name__} carries no signature; the consortium's account sends it")
        signature = sign_digest(self._ring.held(signer), self._domains.digest(act))
        return msgspec.structs.replace(act, signature=signature)

    def create(self) -> bytes:
        """Make and keep a new key; returns its signer bytes (an address)."""
        return self._ring.create()
