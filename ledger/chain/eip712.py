"""EIP-712 digests of every signed act, and the documents that wallets show.

The hot path packs the words itself; ``typed_data`` gives the same message as the JSON document of
``eth_signTypedData_v4``. Tests hold both equal to ``eth_account`` and to the contracts.

Source: https://eips.ethereum.org/EIPS/eip-712
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.chain import abi
from ledger.chain.hashing import keccak
from ledger.chain.messages import MESSAGES
from ledger.domain.acts import Act, dump
from ledger.errors import InvalidInput

VERSION = "1"
DOMAIN_FIELDS = "string name,string version,uint256 chainId,address verifyingContract"
_TYPE_HASHES = {kind: message.type_hash for kind, message in MESSAGES.items()}


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain of one contract on one chain.

    ``name`` is the contract's, such as ``ConsentRegistry``; ``address`` has 20 bytes.
    """

    name: str
    chain_id: int
    address: bytes

    @property
    def title(self) -> str:
        """The name that is signed."""
        return f"Consentry {self.name}"

    def separator(self) -> bytes:
        """The domain separator."""
        return keccak(
            keccak(f"EIP712Domain({DOMAIN_FIELDS})".encode())
            + keccak(self.title.encode())
            + keccak(VERSION.encode())
            + abi.uint(self.chain_id, 256)
            + abi.address(self.address)
        )


class Domains:
    """The domains of our contracts on one chain; makes digests and documents.

    Args:
        chain_id: EIP-155 chain id.
        contracts: Address (20 bytes) of each contract by name.
    """

    def __init__(self, chain_id: int, contracts: Mapping[str, bytes]) -> None:
        self.chain_id = chain_id
        self.by_name = {name: Domain(name, chain_id, address) for name, address in contracts.items()}
        self._prefixes = {name: b"\x19\x01" + domain.separator() for name, domain in self.by_name.items()}

    def digest(self, act: Act) -> bytes:
        """The act's identity: its EIP-712 digest, or for a consortium act the SHA-256 of its stored form.

        Raises:
            InvalidInput: A field does not fit its type.
        """
        if act.admin:
            return hashlib.sha256(dump(act)).digest()
        kind = type(act)
        return keccak(self._prefixes[act.contract] + keccak(_TYPE_HASHES[kind] + MESSAGES[kind].encode(act)))

    def typed_data(self, act: Act) -> dict[str, Any]:
        """The document that ``eth_signTypedData_v4`` takes; its digest is ``digest(act)``.

        Raises:
            InvalidInput: A consortium act, which is not signed as typed data.
        """
        return typed_data(act, self.by_name[act.contract])


def typed_data(act: Act, domain: Domain) -> dict[str, Any]:
    """The document that ``eth_signTypedData_v4`` takes.

    Raises:
        InvalidInput: A consortium act, which is not signed as typed data.
    """
    message = MESSAGES.get(type(act))
    if message is None:
        raise InvalidInput(f"a {type(act).__name__} is sent from the consortium's account, not signed as typed data")
    types = {"EIP712Domain": _fields(DOMAIN_FIELDS), message.name: _fields(message.fields)}
    types |= {name: _fields(fields) for name, fields in message.refers}
    return {
        "types": types,
        "primaryType": message.name,
        "domain": {
            "name": domain.title,
            "version": VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": "0x" + domain.address.hex(),
        },
        "message": message.values(act),
    }


def _fields(declaration: str) -> list[dict[str, str]]:
    return [dict(zip(("type", "name"), field.split(" "), strict=True)) for field in declaration.split(",")]
