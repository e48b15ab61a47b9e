"""Deploys the contracts once, and knows them afterwards.

The creations are signed in advance with the consortium's key and consecutive nonces, which fixes their addresses; the
plan goes to ``home/chain.json`` (durable) before the first is sent. A process that dies half way finds the plan and
sends the same bytes again, so nothing is deployed twice. A plan of an older version, which lacks contracts of this one,
gets them added in the same way.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coincurve import PrivateKey

from ledger.chain import abi, artifacts
from ledger.chain.hashing import keccak
from ledger.chain.keys import address_of
from ledger.chain.node import Node, NonceTaken
from ledger.chain.transactions import MOST_GAS, created_address, sign
from ledger.errors import ConfigurationError, LedgerUnreachable, NotFound

CONTRACTS = ("Directory", "ConsentRegistry", "AuditAnchor")
P256_VERIFIER = "ERC7913P256Verifier"
PASSKEY_VERIFIER = "ERC7913WebAuthnVerifier"
_FIRST = ("AccessManager", *CONTRACTS)
_ORDER = (*_FIRST, P256_VERIFIER, PASSKEY_VERIFIER)
_SCHEMA = "consentry.chain/1"


class NotMinedYet(LedgerUnreachable):
    """The creations are sent, and no block holds them yet."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one ledger.

    Attributes:
        chain_id: EIP-155 chain id.
        genesis: The hash of block 0, which tells chains with the same id apart.
        deployer: The consortium's account (20 bytes).
        transactions: The signed creations, in order.
        addresses: Address (20 bytes) of each contract, the AccessManager and the verifiers of signatures included.
        first_block: The block of the first creation; None before all are mined.
    """

    chain_id: int
    genesis: bytes
    deployer: bytes
    transactions: tuple[bytes, ...]
    addresses: Mapping[str, bytes]
    first_block: int | None = None

    @property
    def contracts(self) -> dict[str, bytes]:
        """Address of Directory, ConsentRegistry and AuditAnchor."""
        return {name: self.addresses[name] for name in CONTRACTS}

    @property
    def lacking(self) -> list[str]:
        """The contracts of this version that an older one did not plan, in order of creation."""
        return [name for name in _ORDER if name not in self.addresses]


def plan(node: Node, key: PrivateKey, approvals_required: int, begun: Deployment | None = None) -> Deployment:
    """Sign the creations that are not planned yet with the next nonces of ``key``; sends nothing.

    Args:
        node: The chain.
        key: The consortium's key: admin of the AccessManager.
        approvals_required: How many reviewers approve a study; at least one.
        begun: A plan to add to.
    """
    deployer = address_of(key)
    nonce = node.nonce(deployer)
    known = {} if begun is None else dict(begun.addresses)
    missing = [name for name in _ORDER if name not in known]
    addresses = known | {name: created_address(deployer, nonce + place) for place, name in enumerate(missing)}
    arguments = {
        "AccessManager": abi.address(deployer),
        "Directory": abi.address(addresses["AccessManager"]) + abi.uint(approvals_required, 32),
        "ConsentRegistry": abi.address(addresses["AccessManager"]) + abi.address(addresses["Directory"]),
        "AuditAnchor": abi.address(addresses["Directory"]),
    }
    gas_price = node.gas_price()
    transactions = tuple(
        sign(
            key,
            chain_id=node.chain_id,
            nonce=nonce + place,
            gas_price=gas_price,
            gas=MOST_GAS // 2,
            to=b"",
            data=artifacts.load(name).bytecode + arguments.get(name, b""),
        ).raw
        for place, name in enumerate(missing)
    )
    if begun is not None:
        return replace(begun, transactions=begun.transactions + transactions, addresses=addresses)
    return Deployment(node.chain_id, node.block(0).hash, deployer, transactions, addresses)


def deploy(node: Node, key: PrivateKey, path: Path, *, approvals_required: int = 1) -> Deployment:
    """Deploy the contracts, or finish a deployment that was begun, or find it done.

    Args:
        node: The chain.
        key: The consortium's key; its account needs funds where the chain has a price.
        path: The file that keeps the deployment.
        approvals_required: How many reviewers approve a study; at least one.

    Raises:
        ConfigurationError: The file is of another chain, or something else was done with the planned nonces.
        NotMinedYet: The creations are sent but not all mined; try again.
        LedgerUnreachable: The node does not take them, such as from an account without funds.
    """
    deployment = load(path)
    if deployment is not None:
        _same_chain(node, deployment, path)
    if deployment is None or deployment.lacking:
        deployment = plan(node, key, approvals_required, deployment)
        _save(path, deployment)
    if deployment.first_block is not None:
        _checked(node, deployment, path, _FIRST)
    return _finish(node, deployment, path)


def find(node: Node, path: Path) -> Deployment:
    """The deployment that a file tells of.

    Raises:
        NotFound: There is none, or it is not finished.
        ConfigurationError: It is of another chain, or no contract stands at its addresses.
    """
    deployment = load(path)
    if deployment is None or deployment.first_block is None:
        raise NotFound(f"the contracts are not deployed ({path} does not say where); run consentry chain deploy")
    _same_chain(node, deployment, path)
    if deployment.lacking:
        raise NotFound(f"{path} names no {deployment.lacking[0]}; run consentry chain deploy again, which adds it")
    return _checked(node, deployment, path, _ORDER)


def load(path: Path) -> Deployment | None:
    """Read the file; None when there is none.

    Raises:
        ConfigurationError: It is not a deployment.
    """
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != _SCHEMA:
            raise ConfigurationError(f"{path} has schema {document['schema']!r}; this version reads {_SCHEMA!r}")
        addresses = {name: bytes.fromhex(document["contracts"][name][2:]) for name in _FIRST}
        addresses |= {name: bytes.fromhex(at[2:]) for name, at in document["contracts"].items()}
        return Deployment(
            chain_id=int(document["chain_id"]),
            genesis=bytes.fromhex(document["genesis"][2:]),
            deployer=bytes.fromhex(document["deployer"][2:]),
            transactions=tuple(bytes.fromhex(raw[2:]) for raw in document["transactions"]),
            addresses=addresses,
            first_block=document["first_block"],
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as problem:
        raise ConfigurationError(f"{path} is damaged; restore it from a backup: {problem!r}") from problem


def _finish(node: Node, deployment: Deployment, path: Path) -> Deployment:
    creations = zip(_ORDER, deployment.transactions, strict=True)
    unmade = [(name, raw, keccak(raw)) for name, raw in creations if not node.code(deployment.addresses[name])]
    for _, raw, transaction in unmade:
        if node.receipt(transaction) is None:
            try:
                node.send(raw)
            except NonceTaken as problem:
                if node.receipt(transaction) is None:
                    raise ConfigurationError(
                        f"the consortium's account was used for something else while {path} was carried out; "
                        f"remove the file to plan anew"
                    ) from problem
    for name, _, transaction in unmade:
        receipt = node.receipt(transaction)
        if receipt is None:
            raise NotMinedYet(f"the creation of {name} is sent, and no block holds it yet; try again")
        if not receipt.succeeded:
            raise ConfigurationError(f"the creation of {name} failed; remove {path} to plan anew")
    if deployment.first_block is None:
        first = node.receipt(keccak(deployment.transactions[0]))
        if first is None:
            raise NotMinedYet(f"the node does not know the creation of {_ORDER[0]} yet; try again")
        deployment = replace(deployment, first_block=first.block_number)
        _save(path, deployment)
    return _checked(node, deployment, path, _ORDER)


def _same_chain(node: Node, deployment: Deployment, path: Path) -> None:
    if node.chain_id != deployment.chain_id or node.block(0).hash != deployment.genesis:
        raise ConfigurationError(
            f"{path} tells of chain {deployment.chain_id} with genesis 0x{deployment.genesis.hex()}, "
            f"and the node has another; use the CONSENTRY_HOME that belongs to this chain"
        )


def _checked(node: Node, deployment: Deployment, path: Path, names: Sequence[str]) -> Deployment:
    for name in names:
        address = deployment.addresses[name]
        if not node.code(address):
            raise ConfigurationError(f"there is no {name} at 0x{address.hex()}, where {path} says that it is")
    return deployment


def _save(path: Path, deployment: Deployment) -> None:
    document = {
        "schema": _SCHEMA,
        "chain_id": deployment.chain_id,
        "genesis": "0x" + deployment.genesis.hex(),
        "deployer": "0x" + deployment.deployer.hex(),
        "contracts": {name: "0x" + address.hex() for name, address in deployment.addresses.items()},
        "first_block": deployment.first_block,
        "transactions": ["0x" + raw.hex() for raw in deployment.transactions],
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
