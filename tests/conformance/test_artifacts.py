"""The committed artifacts are what the committed sources compile to, byte for byte."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
NAMES = [
    "AccessManager",
    "AuditAnchor",
    "ConsentRegistry",
    "Directory",
    "ERC7913P256Verifier",
    "ERC7913WebAuthnVerifier",
]


def compiler() -> ModuleType:
    """The command's module; it has no ending, as commands have none."""
    pytest.importorskip("solcx", reason="py-solc-x is not installed (extra: contracts)")
    loader = SourceFileLoader("compile_contracts", str(ROOT / "scripts" / "compile_contracts"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def artifact(name: str) -> dict:
    return json.loads((CONTRACTS / "artifacts" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_recompiling_gives_the_same_bytes():
    command = compiler()
    try:
        command.find_compiler()
    except command.NoCompilerError as error:
        pytest.skip(str(error))
    if not (CONTRACTS / "node_modules" / "@openzeppelin").is_dir():
        pytest.skip("OpenZeppelin is not installed: run `npm install --no-save` in contracts/")
    if shutil.which("node") is None:
        pytest.skip("there is no Node to run the compiler")
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "compile_contracts", "--check"], check=False, capture_output=True, text=True
    )
    assert check.returncode == 0, check.stderr


def test_a_changed_artifact_is_noticed(tmp_path, monkeypatch):
    command = compiler()
    fresh = {f"{name}.json": json.dumps(artifact(name), indent=1, sort_keys=True) + "\n" for name in NAMES}
    assert command.stale(fresh) == []
    for name, text in fresh.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "Directory.json").write_text(fresh["Directory.json"].replace("6", "7", 1), encoding="utf-8")
    (tmp_path / "AuditAnchor.json").unlink()
    (tmp_path / "Other.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(command, "ARTIFACTS", tmp_path)
    assert command.stale(fresh) == ["AuditAnchor.json", "Directory.json", "Other.json"]


def test_forge_compiles_with_the_same_settings():
    settings = compiler().SETTINGS
    forge = tomllib.loads((CONTRACTS / "foundry.toml").read_text(encoding="utf-8"))["profile"]["shipped"]
    assert forge["evm_version"] == settings["evmVersion"]
    assert forge["optimizer"] is settings["optimizer"]["enabled"]
    assert forge["optimizer_runs"] == settings["optimizer"]["runs"]
    assert forge["via_ir"] is settings["viaIR"]


def test_the_pinned_compiler_is_the_one_of_the_sources():
    command = compiler()
    package = json.loads((CONTRACTS / "package.json").read_text(encoding="utf-8"))
    assert package["devDependencies"]["solc"] == command.SOLC_VERSION
    for source in (CONTRACTS / "src").rglob("*.sol"):
        assert f"pragma solidity {command.SOLC_VERSION};" in source.read_text(encoding="utf-8"), source.name


def test_pins_name_no_place_to_download_from():
    lock = json.loads((CONTRACTS / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


@pytest.mark.parametrize("name", NAMES)
def test_artifacts_are_whole_and_fit_a_contract(name):
    found = artifact(name)
    assert found["contractName"] == name
    deployed = bytes.fromhex(found["deployedBytecode"].removeprefix("0x"))
    assert 0 < len(deployed) <= 24_576  # EIP-170
    assert len(bytes.fromhex(found["bytecode"].removeprefix("0x"))) <= 49_152  # EIP-3860
    assert "__$" not in found["bytecode"], "an unlinked library"
    assert not re.search(r"/(home|root|work|Users|tmp)/", json.dumps(found)), "a path of a machine"
