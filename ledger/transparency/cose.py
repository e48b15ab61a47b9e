"""COSE receipts: an entry's inclusion proof under a signed root, in CBOR (RFC 9942, RFC9162_SHA256).

A receipt is a COSE_Sign1 whose payload is the root and is left out: whoever checks computes the root from the entry
and the path, and the signature must fit it.

Invariant: nothing in a receipt is believed; a wrong entry, index or path gives another root, which nobody signed.

Source: https://www.rfc-editor.org/rfc/rfc9942
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import cbor2
from cryptography.exceptions import InvalidSignature

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.hashing import is_hash, leaf_hash
from ledger.transparency.note import NoteSigner, VerifierKey
from ledger.transparency.proofs import root_from_inclusion

MEDIA_TYPE: Final = 'application/cose; cose-type="cose-sign1"'
FIRST_BYTE: Final = b"\xd2"
"""Tag 18, with which a COSE_Sign1 begins."""
MOST_BYTES: Final = 1 << 14

_SIGN1: Final = 18
_ALG, _KID, _VDS, _VDP = 1, 4, 395, 396
_EDDSA, _RFC9162_SHA256, _INCLUSION = -8, 1, -1
_PROTECTED_FIELDS: Final = frozenset({_ALG, _KID, _VDS})
_MOST_PATH: Final = 63


@dataclass(frozen=True, slots=True)
class CoseReceipt:
    """What a receipt says.

    Attributes:
        size: Size of the tree.
        index: The entry's place in it, from 0.
        path: Its inclusion proof, hashes of 32 bytes.
        key_id: The id (4 bytes) of the log's key, as its notes have it.
        signature: 64 bytes.
    """

    size: int
    index: int
    path: tuple[bytes, ...]
    key_id: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The receipt's bytes, in CBOR's deterministic form."""
        proof = _dump([self.size, self.index, list(self.path)])
        parts = [_protected(self.key_id), {_VDP: {_INCLUSION: [proof]}}, None, self.signature]
        return _dump(cbor2.CBORTag(_SIGN1, parts))

    @classmethod
    def decode(cls, data: bytes) -> "CoseReceipt":
        """What a receipt says; nothing is verified.

        Raises:
            ProofInvalid: It is no receipt of this kind.
        """
        try:
            protected, unprotected, payload, signature = _load(data, cbor2.CBORTag).value
            (proof,) = unprotected[_VDP][_INCLUSION]
            size, index, path = _load(proof, list)
            header = _load(protected, dict)
            key_id = header[_KID]
        except (ProofInvalid, LookupError, TypeError, ValueError, AttributeError) as problem:
            raise ProofInvalid("not a COSE receipt with one inclusion proof (RFC 9942)") from problem
        if header.get(_VDS) != _RFC9162_SHA256 or header.get(_ALG) != _EDDSA or set(header) != _PROTECTED_FIELDS:
            raise ProofInvalid("COSE receipt: not of an RFC 9162 log with SHA-256, signed with EdDSA")
        if payload is not None:
            raise ProofInvalid("COSE receipt: it brings a root along; the root must come from the entry and the path")
        numbers = type(size) is int and type(index) is int
        if not numbers or not isinstance(path, list) or len(path) > _MOST_PATH or not all(map(is_hash, path)):
            raise ProofInvalid("COSE receipt: the proof is a size, an index and hashes of 32 bytes")
        receipt = cls(size, index, tuple(path), key_id, signature)
        if receipt.encode() != data:
            raise ProofInvalid("COSE receipt: not in CBOR's one deterministic form, or with more in it than was signed")
        return receipt

    def verify(self, entry: bytes, keys: Sequence[VerifierKey]) -> VerifierKey:
        """The log's key that signed the root over the entry.

        Args:
            entry: The canonical bytes of the entry.
            keys: The log's keys, from a source that is trusted.

        Raises:
            ProofInvalid: The entry is not at this place of a tree that the key signed.
            CannotCheck: No key is given.
        """
        if not keys:
            raise CannotCheck("no key of the log is given to check the receipt's signature with")
        try:
            root = root_from_inclusion(leaf_hash(entry), self.index, self.size, list(self.path))
        except InvalidInput as problem:
            raise ProofInvalid(f"COSE receipt: {problem}") from problem
        for key in keys:
            if key.key_id == self.key_id:
                try:
                    key.public.verify(self.signature, _signed(self.key_id, root))
                except InvalidSignature as problem:
                    raise ProofInvalid("COSE receipt: the log's key did not sign a root over this entry") from problem
                return key
        raise ProofInvalid(f"COSE receipt: signed with key {self.key_id.hex()}, which is none of those given")


def issue(signer: NoteSigner, size: int, index: int, path: Sequence[bytes], root: bytes) -> CoseReceipt:
    """Sign a root for one entry. The caller must have seen that the path leads from the entry to the root.

    Args:
        signer: The log's key.
        size: Size of the tree.
        index: The entry's place.
        path: Its inclusion proof.
        root: The root of the tree, 32 bytes.
    """
    key_id = signer.verifier.key_id
    return CoseReceipt(size, index, tuple(path), key_id, signer.private.sign(_signed(key_id, root)))


def _protected(key_id: bytes) -> bytes:
    return _dump({_ALG: _EDDSA, _KID: key_id, _VDS: _RFC9162_SHA256})


def _signed(key_id: bytes, root: bytes) -> bytes:
    """The Sig_structure of RFC 9052, section 4.4."""
    return _dump(["Signature1", _protected(key_id), b"", root])


def _dump(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


def _load(data: Any, kind: type) -> Any:
    if not isinstance(data, bytes) or len(data) > MOST_BYTES:
        raise ProofInvalid(f"CBOR: bytes were to stand here, at most {MOST_BYTES}")
    stream = BytesIO(data)
    try:
        value = cbor2.load(stream)
    except (cbor2.CBORError, RecursionError) as problem:
        raise ProofInvalid(f"CBOR: malformed: {problem}") from problem
    if not isinstance(value, kind) or stream.read(1):
        raise ProofInvalid(f"CBOR: a {kind.__name__} was to stand here, and nothing behind it")
    return value
