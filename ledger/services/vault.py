"""The vault: which person a subject is, as their custodian knows them, sealed under a key of its own.

Envelope encryption: every write draws a fresh data key, encrypts the record with AES-256-GCM, and wraps the data key
under the newest version of the key-encryption key. Both are bound to the row's subject and custodian, so that rows
cannot be swapped. A local reference is found by its blind index (HMAC under the same version), never by a scan.

Invariants: what is stored has one length for all records of up to a block of 256 bytes; a local reference belongs to
one subject of its custodian; whoever destroys the row, or the key's version, destroys record and index alike.

Source: https://doi.org/10.6028/NIST.SP.800-38D (GCM), https://doi.org/10.6028/NIST.SP.800-57pt1r5 (key wrapping)
"""

from contextlib import suppress
from dataclasses import dataclass

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.domain.vault import LocalRecord, SealedRecord, normal_reference
from ledger.errors import Conflict, NotFound, NotReady, ProofInvalid
from ledger.ports import Entropy, KeyVault, VaultStore

_KEY_BYTES = 32
_NONCE_BYTES = 12
_BLOCK = 256
_BATCH = 500
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Vault:
    """The vault of all custodians. Who may ask for which custodian's rows is the caller's affair.

    Args:
        rows: Where the sealed rows are.
        keys: The key-encryption keys.
        entropy: Where data keys and nonces come from.
    """

    rows: VaultStore
    keys: KeyVault
    entropy: Entropy

    def put(self, custodian: bytes, subject: bytes, record: LocalRecord) -> None:
        """Keep a record, in place of the one before.

        Raises:
            InvalidInput: A field is malformed.
            Conflict: Another subject of the custodian has this reference.
            WrongState: The subject was erased.
        """
        record = record.normal()
        for _ in range(_TRIES):
            holder = self.find(custodian, record.reference)
            if holder not in (None, subject):
                raise Conflict("another subject has this local reference; erase or change that one first")
            with suppress(NotFound):  # a rotation destroyed the key between its naming and its use
                if self.rows.put(self._sealed(custodian, subject, record)):
                    return
        raise NotReady("the vault's key is being rotated again and again; try later")

    def get(self, custodian: bytes, subject: bytes) -> LocalRecord | None:
        """The record of a custodian's subject; None where there is none (any more).

        Raises:
            ProofInvalid: The row was changed, or its key is not the one that wrapped it.
            NotFound: Its key was destroyed.
        """
        row = self.rows.get(subject)
        while row is not None and row.custodian == custodian:
            try:
                return self._opened(row)
            except NotFound:
                before, row = row, self.rows.get(subject)
                if row == before:  # no rotation has moved it meanwhile: it is lost
                    raise
        return None

    def find(self, custodian: bytes, reference: str) -> bytes | None:
        """The subject with a local reference; None where the custodian has none.

        Raises:
            InvalidInput: The reference is malformed.
        """
        reference = normal_reference(reference)
        while True:
            versions = self.keys.versions()
            indexes = []
            for version in versions:
                with suppress(NotFound):
                    indexes.append(self._index(version, custodian, reference))
            row = self.rows.find(custodian, indexes)
            if row is not None:
                return row.subject
            if self.keys.versions() == versions:  # else a rotation may have moved it past us
                return None

    def rotate(self) -> int:
        """Bring all rows under a new version of the key, and destroy the older ones; returns the number of rows.

        What lies in old backups, or in parts of disks that were written over elsewhere, cannot be read after this. A
        rotation that was interrupted is finished by the next one: until then both versions live.
        """
        newest = self.keys.rotate()
        self.rows.set_newest(newest)
        moved = 0
        while rows := self.rows.older(newest, _BATCH):
            for row in rows:
                moved += self.rows.replace(row, self._sealed(row.custodian, row.subject, self._opened(row)))
        for version in self.keys.versions():
            if version < newest:
                self.keys.destroy(version)
        return moved

    def _sealed(self, custodian: bytes, subject: bytes, record: LocalRecord) -> SealedRecord:
        key = self.entropy.token(_KEY_BYTES)
        nonce = self.entropy.token(_NONCE_BYTES)
        text = msgspec.json.encode(record)
        padded = text + b" " * (-len(text) % _BLOCK)  # the length of a name is a hint, too
        context = _context(custodian, subject)
        wrapped = self.keys.wrap(key, context)
        return SealedRecord(
            subject=subject,
            custodian=custodian,
            index=self._index(wrapped.version, custodian, record.reference),
            key=wrapped,
            data=nonce + AESGCM(key).encrypt(nonce, padded, context),
        )

    def _opened(self, row: SealedRecord) -> LocalRecord:
        context = _context(row.custodian, row.subject)
        key = self.keys.unwrap(row.key, context)
        try:
            text = AESGCM(key).decrypt(row.data[:_NONCE_BYTES], row.data[_NONCE_BYTES:], context)
        except (InvalidTag, ValueError) as problem:
            raise ProofInvalid("a row of the vault was changed; restore it from a backup") from problem
        return msgspec.json.decode(text, type=LocalRecord)

    def _index(self, version: int, custodian: bytes, reference: str) -> bytes:
        return self.keys.mac(version, b"consentry.vault-index/1\x00" + custodian + reference.encode())


def _context(custodian: bytes, subject: bytes) -> bytes:
    return b"consentry.vault/1\x00" + custodian + subject
