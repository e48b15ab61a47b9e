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
    for folder in _FOLDERS:
        path = folder / f"{name}.json"
        if path.is_file():
            document = json.loads(path.read_bytes())
            code = document["bytecode"]
            return Artifact(name, tuple(document["abi"]), bytes.fromhex(code.removeprefix("0x")))
    raise ConfigurationError(
        f"the compiled contract {name} is missing from this installation; in a checkout, run scripts/compile_contracts"
    )


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
