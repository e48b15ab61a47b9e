"""The compiled contracts: read from the installed package, or from ``contracts/artifacts`` of a checkout."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ledger.chain.hashing import keccak
from ledger.errors import ConfigurationError

_FOLDERS = (Path(__file__).parent / "artifacts", Path(__file__).parents[2] / "contracts" / "artifacts")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract: its name, ABI (JSON form) and creation code without constructor arguments."""

    name: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes

    def signatures(self, kind: str) -> Iterator[tuple[str, str]]:
        """Name and canonical signature of every ``function``, ``event`` or ``error``."""
        for entry in self.abi:
            if entry["type"] == kind:
                yield entry["name"], f"{entry['name']}({','.join(_type(item) for item in entry['inputs'])})"


@cache
def load(name: str) -> Artifact:
    """The artifact of a contract.

    Args:
        name: Such as ``ConsentRegistry``.

    Raises:
        ConfigurationError: It is not there; the installation is incomplete.
    """
    document = _read(name)
    return Artifact(name, tuple(document["abi"]), bytes.fromhex(document["bytecode"].removeprefix("0x")))


@cache
def storage_slots(name: str) -> Mapping[str, bytes]:
    """The slot (32 bytes) of each variable of a contract."""
    return {one["label"]: int(one["slot"]).to_bytes(32, "big") for one in _layout(name)["storage"]}


@cache
def struct_member(name: str, struct: str, member: str) -> tuple[int, int]:
    """Where a member stands in its word of storage: offset from the lowest byte, and size, in bytes."""
    types = _layout(name)["types"]
    found = next(one for one in types[f"t_struct({struct})_storage"]["members"] if one["label"] == member)
    return found["offset"], int(types[found["type"]]["numberOfBytes"])


@cache
def error_names() -> Mapping[bytes, str]:
    """Name of every custom error of our contracts by its four-byte selector."""
    names = {}
    for contract in ("AccessManager", "Directory", "ConsentRegistry", "AuditAnchor"):
        for name, signature in load(contract).signatures("error"):
            names[keccak(signature.encode())[:4]] = name
    return names


def _type(item: Mapping[str, Any]) -> str:
    kind: str = item["type"]
    if kind.startswith("tuple"):
        return f"({','.join(_type(part) for part in item['components'])}){kind.removeprefix('tuple')}"
    return kind


def _layout(name: str) -> Mapping[str, Any]:
    layout: Mapping[str, Any] = _read(name)["storageLayout"]
    return layout


def _read(name: str) -> Mapping[str, Any]:
    for folder in _FOLDERS:
        path = folder / f"{name}.json"
        if path.is_file():
            document: Mapping[str, Any] = json.loads(path.read_bytes())
            return document
    raise ConfigurationError(
        f"the compiled contract {name} is missing from this installation; in a checkout, run scripts/compile_contracts"
    )
