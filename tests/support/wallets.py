"""A contract wallet (ERC-1271) that signs what its owner's key signed."""

from coincurve import PrivateKey

from ledger.chain.keys import address_of
from ledger.chain.node import Node
from ledger.chain.transactions import created_address, sign

# isValidSignature(bytes32 hash, bytes signature): ecrecover(hash, v, r, s) == owner ? 0x1626ba7e : 0
_BEFORE_OWNER = bytes.fromhex(
    "600435600052"  # memory 0x00: the hash
    "60a43560001a602052"  # 0x20: v, the first byte behind r and s
    "6064356040526084356060526020600060806000"  # 0x40: r, 0x60: s; arguments of the call
    "60015afa50600051"  # the precompile at 1, and what it recovered
    "73"
)
_AFTER_OWNER = bytes.fromhex("14631626ba7e60e01b0260005260206000f3")


def creation_of(code: bytes) -> bytes:
    """Creation code that leaves ``code`` behind: PUSH2 size, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN."""
    return b"\x61" + len(code).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3") + code


def deploy_wallet(node: Node, payer: PrivateKey, owner: bytes) -> bytes:
    """Deploy a wallet for an owner (an address); gives the wallet's address."""
    account = address_of(payer)
    nonce = node.nonce(account)
    code = _BEFORE_OWNER + owner + _AFTER_OWNER
    creation = sign(
        payer,
        chain_id=node.chain_id,
        nonce=nonce,
        gas_price=node.gas_price(),
        gas=1_000_000,
        to=b"",
        data=creation_of(code),
    )
    node.send(creation.raw)
    return created_address(account, nonce)
