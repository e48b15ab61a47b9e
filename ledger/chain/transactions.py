"""Signed legacy transactions (EIP-155): every EVM chain takes them, priced or not.

Source: https://eips.ethereum.org/EIPS/eip-155
"""

from dataclasses import dataclass

from coincurve import PrivateKey

from ledger.chain import rlp
from ledger.chain.hashing import keccak

MOST_GAS = 16_777_216
"""Gas limit of one transaction (EIP-7825)."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction: its hash and raw bytes."""

    hash: bytes
    raw: bytes


def sign(key: PrivateKey, *, chain_id: int, nonce: int, gas_price: int, gas: int, to: bytes, data: bytes) -> Signed:
    """Sign a transaction without value.

    Args:
        key: The sender's key.
        chain_id: EIP-155 chain id.
        nonce: The sender's nonce.
        gas_price: In wei.
        gas: The gas limit.
        to: The contract (20 bytes), or empty to create one.
        data: Call data or creation code.
    """
    fields = [rlp.integer(nonce), rlp.integer(gas_price), rlp.integer(gas), to, b"", data]
    digest = keccak(rlp.encode([*fields, rlp.integer(chain_id), b"", b""]))
    signature = key.sign_recoverable(digest, hasher=None)
    v = signature[64] + 35 + 2 * chain_id
    raw: bytes = rlp.encode(
        [
            *fields,
            rlp.integer(v),
            signature[:32].lstrip(b"\0"),
            signature[32:64].lstrip(b"\0"),
        ]
    )
    return Signed(keccak(raw), raw)


def created_address(sender: bytes, nonce: int) -> bytes:
    """The address (20 bytes) of the contract that ``sender`` creates with its transaction ``nonce``."""
    return keccak(rlp.encode([sender, rlp.integer(nonce)]))[12:]
