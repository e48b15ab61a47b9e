"""The compiler, with a lighter optimizer than what is shipped is compiled with: the same behaviour, sooner.

One compiler stays for all: most of the time of a small compilation is the compiler's own start.
"""

import json
import subprocess
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_METADATA = {"appendCBOR": False, "bytecodeHash": "none"}


def _via_ir(steps: str, *, small: bool) -> dict[str, Any]:
    names = ("peephole", "inliner", "jumpdestRemover", "orderLiterals", "deduplicate", "cse", "constantOptimizer")
    yul = {"yul": True, "yulDetails": {"stackAllocation": True, "optimizerSteps": steps}}
    return {
        "evmVersion": "cancun",
        "viaIR": True,
        "optimizer": {"enabled": True, "runs": 1, "details": {**dict.fromkeys(names, small), **yul}},
        "metadata": _METADATA,
        "debug": {"debugInfo": []},
    }


_LEGACY = {"evmVersion": "cancun", "optimizer": {"enabled": True, "runs": 1}, "metadata": _METADATA}
# Small enough to be deployed (EIP-170).
SMALL: dict[str, dict[str, Any]] = {
    "ConsentRegistry": _via_ir("dhfoD[xarrscL]TvifDxuTLm:", small=True),
    "Directory": _via_ir("dhfoD[xarrscL]TvifDxuTLm:", small=True),
    "AuditAnchor": _LEGACY,
}
# Compiled in half the time, for who has no limit of size.
QUICK: dict[str, dict[str, Any]] = {
    "ConsentRegistry": _via_ir("vTLmu:", small=False),
    "Directory": _via_ir("vTLmu:", small=False),
    "AuditAnchor": _LEGACY,
    "Rules": {"evmVersion": "cancun", "optimizer": {"enabled": False}},
}


class NotCompiledError(Exception):
    """The compiler refuses the sources.

    Attributes:
        places: Where it says so: sources under ``contracts/src``, and offsets in their bytes.
    """

    def __init__(self, places: list[tuple[str, int]]) -> None:
        super().__init__(places)
        self.places = places


def compile_command() -> ModuleType:
    """The module of ``scripts/compile_contracts``, which has no ending."""
    loader = SourceFileLoader("compile_contracts", str(ROOT / "scripts" / "compile_contracts"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


class Compiler:
    """The pinned npm package, held open."""

    LOOP = (
        "const solc = require('solc');"
        "require('readline').createInterface({input: process.stdin})"
        ".on('line', line => process.stdout.write(solc.compile(line) + '\\n'));"
    )

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", "-e", self.LOOP], cwd=ROOT / "contracts", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._command = compile_command()

    def creation_code(self, contract: str, changed: Mapping[str, str], *, small: bool = False) -> str:
        """The creation code of a contract as hex.

        Args:
            contract: One of ``QUICK``.
            changed: Texts to compile instead of what is in ``contracts/src``, by the path there. What the contract does
                not import is left out.
            small: Whether the code must be small enough to be deployed.

        Raises:
            NotCompiledError: It does not compile.
        """
        path = self._command.TARGETS.get(contract, f"test/mocks/{contract}.sol")
        sources = self._command.collect_sources([path])
        sources |= {f"src/{name}": text for name, text in changed.items() if f"src/{name}" in sources}
        settings = (SMALL if small else QUICK)[contract]
        output = self._answer(
            {
                "language": "Solidity",
                "sources": {name: {"content": text} for name, text in sources.items()},
                "settings": {**settings, "outputSelection": {path: {contract: ["evm.bytecode.object"]}}},
            }
        )
        errors = [error for error in output.get("errors", []) if error["severity"] == "error"]
        if errors:
            places = [error["sourceLocation"] for error in errors if "sourceLocation" in error]
            raise NotCompiledError([(place["file"].removeprefix("src/"), place["start"]) for place in places])
        code: str = output["contracts"][path][contract]["evm"]["bytecode"]["object"]
        return "0x" + code

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer
