"""Personal data: where it is kept sealed, who holds the keys, and how it is destroyed."""

from collections.abc import Sequence
from typing import Protocol

from ledger.domain.erasure import Erasure
from ledger.domain.vault import SealedRecord, WrappedKey


class KeyVault(Protocol):
    """Key-encryption keys, by version: a key management service, or its stand-in on this machine.

    A version that is destroyed is gone: what it wrapped cannot be read and what it indexed cannot be found any more,
    wherever copies of it lie.
    """

    def versions(self) -> list[int]:
        """The living versions, oldest first; the last one wraps."""
        ...

    def wrap(self, key: bytes, context: bytes) -> WrappedKey:
        """Encrypt a data key (32 bytes) under the newest version, bound to a context."""
        ...

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        """The data key; ProofInvalid when key or context are others, NotFound when the version is destroyed."""
        ...

    def mac(self, version: int, message: bytes) -> bytes:
        """HMAC-SHA256 of a message under a key of a version; NotFound when it is destroyed."""
        ...

    def rotate(self) -> int:
        """Make a new version and return it; the older ones live on until they are destroyed."""
        ...

    def destroy(self, version: int) -> None:
        """Destroy a version for good."""
        ...


class VaultStore(Protocol):
    """The sealed rows."""

    def put(self, row: SealedRecord) -> bool:
        """Insert or replace a subject's row.

        Returns:
            False, and nothing is written, when the row is sealed under an older version than ``set_newest`` named.

        Raises:
            Conflict: Another subject of the custodian has the same index.
            WrongState: The subject was erased.
        """
        ...

    def get(self, subject: bytes) -> SealedRecord | None:
        """A subject's row."""
        ...

    def find(self, custodian: bytes, indexes: Sequence[bytes]) -> SealedRecord | None:
        """The custodian's row with one of these blind indexes."""
        ...

    def set_newest(self, version: int) -> None:
        """From now on no row is taken under an older version than this one."""
        ...

    def older(self, version: int, limit: int) -> list[SealedRecord]:
        """Rows under older versions than this one."""
        ...

    def replace(self, old: SealedRecord, new: SealedRecord) -> bool:
        """Put ``new`` in the place of exactly ``old``; False when that is not there any more (changed, or erased)."""
        ...


class ErasureStore(Protocol):
    """Destroying personal data, and who it was done for."""

    def destroy(self, subject: bytes, *, id: str, custodian: bytes, actor: str, at: int) -> Erasure | None:
        """Destroy everything personal about a subject, in one transaction.

        These are the vault's row with its wrapped key and blind index, passkeys and invitation, and the subject's rows
        in decisions: subject, salt and answer go, the leaf stays in its place, so that every commitment still opens to
        its root.

        Returns:
            What was destroyed; None when the subject was erased before and nothing came up since.
        """
        ...

    def unlogged(self, subject: bytes | None = None) -> list[Erasure]:
        """Erasures (of a subject) whose entries are not all written, in order."""
        ...

    def logged(self, erasure: Erasure) -> None:
        """Its entries are written: forget which openings it destroyed."""
        ...

    def of(self, subject: bytes) -> list[Erasure]:
        """The erasures of a subject, in order."""
        ...

    def newest(self) -> int:
        """The number of the newest erasure, 0 when there is none; cheap enough to ask at every decision."""
        ...

    def subjects(self, after: int = 0) -> list[bytes]:
        """Subjects of erasures with a number over ``after``."""
        ...

    def scrub(self) -> None:
        """Take what was deleted out of the database's files too, as far as the database can.

        Raises:
            NotReady: The database is too busy now; call again.
        """
        ...
