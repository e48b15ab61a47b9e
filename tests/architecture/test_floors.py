"""The house stands as drawn: imports go down, the pure rooms touch nothing, the error tree is the tree."""

import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger import errors

ROOT = Path(__file__).parents[2]
PURE = ("domain", "transparency", "provenance", "fhir", "services")
IMPURE = (
    "web3", "eth_account", "eth_tester", "eth", "sqlalchemy", "sqlmodel", "alembic", "fastapi", "starlette", "httpx",
    "psycopg", "uvicorn", "typer", "opendp",
)  # fmt: skip
STANDARD = {
    "os",
    "time",
    "random",
    "secrets",
    "pathlib",
    "socket",
    "subprocess",
    "sqlite3",
    "urllib",
    "http",
    "asyncio",
}


def modules_of(room: str) -> list[Path]:
    """The source files of a room, or of a room that is one file."""
    folder = ROOT / "ledger" / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in a process of its own: it sets the logging of the whole process up anew."""
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_contracts_on_imports_hold():
    run = lint_imports(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 broken" in run.stdout


def test_a_broken_contract_would_be_seen(tmp_path):
    """The same contracts, and a file that breaks one of them."""
    house = tmp_path / "ledger"
    for package in (house, house / "domain", house / "store"):
        package.mkdir()
        (package / "__init__.py").write_text("")
    (house / "domain" / "policy.py").write_text("import ledger.store\n")
    (tmp_path / ".importlinter").write_text(
        "[importlinter]\nroot_package = ledger\n\n"
        "[importlinter:contract:1]\nname = down\ntype = layers\nlayers =\n  ledger.store\n  ledger.domain\n"
    )
    run = lint_imports(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "ledger.domain.policy -> ledger.store" in run.stdout


def test_the_pure_rooms_load_no_library_of_the_world_outside():
    """In a fresh interpreter: nothing that they import, directly or not, is a database, a chain or the web."""
    names = [name_of(path) for room in (*PURE, "ports") for path in modules_of(room)]
    code = f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tops = {module.partition(".")[0] for module in loaded.split()}
    assert "ledger" in tops
    assert not tops & set(IMPURE)


ALLOWED = {"values.py": frozenset({"exec"}), "flat.py": frozenset({"eval"})}
"""They write functions of a class's own field names, as ``dataclasses`` does: ``__init__``, and the row of values."""


@pytest.mark.parametrize("path", [path for room in (*PURE, "ports") for path in modules_of(room)], ids=name_of)
def test_a_pure_module_names_no_clock_chance_or_file(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            forbidden = {"open", "print", "input", "exec", "eval"} - ALLOWED.get(path.name, frozenset())
            assert node.func.id not in forbidden, f"{path.name} calls {node.func.id}"
    assert not imported & (STANDARD | set(IMPURE))


def test_nothing_happens_at_import(tmp_path):
    """No room opens a connection, starts a thread or reads the environment when it is only imported."""
    code = (
        "import sys, os, socket, threading\n"
        "def refuse(*_, **__): raise AssertionError('a socket at import')\n"
        "socket.socket.connect = refuse\n"
        "import ledger.bootstrap, ledger.chain.opening, ledger.store.store\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert not os.listdir('.'), os.listdir('.')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


# --- errors -----------------------------------------------------------------------------------------------------------


def drawn_tree() -> dict[str, str]:
    """Each error of the drawing with the one that it hangs under."""
    parents, above = {}, []
    for line in inspect.getdoc(errors).splitlines():
        found = re.fullmatch(r"    ([ │├└─]*)([A-Z]\w+)(?: +.*)?", line)
        if not found:
            continue
        depth = len(found[1]) // 4
        del above[depth:]
        parents[found[2]] = above[-1] if above else ""
        above.append(found[2])
    return parents


def test_the_error_tree_is_as_drawn():
    classes = {
        name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    }
    real = {name: kind.__mro__[1].__name__ if name != "ConsentryError" else "" for name, kind in classes.items()}
    assert drawn_tree() == real
    assert issubclass(errors.ConsentryError, Exception)


def test_every_error_says_what_it_is_and_what_is_drawn_beside_it():
    for name in drawn_tree():
        assert inspect.getdoc(getattr(errors, name)), name


@pytest.mark.parametrize(
    "room", ["domain", "transparency", "fhir", "services", "snapshot", "identity", "chain", "store", "gate"]
)
def test_no_room_raises_a_bare_foreign_error(room):
    """``raise ValueError(..)`` gets out of a room only where something in the same module translates it."""
    for path in modules_of(room):
        tree = ast.parse(path.read_text())
        caught = {
            name.id
            for node in ast.walk(tree)
            if isinstance(node, ast.ExceptHandler) and node.type is not None
            for name in ast.walk(node.type)
            if isinstance(name, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                raised = node.exc.func.id
                if raised in {"Exception", "ValueError", "TypeError", "RuntimeError", "OSError", "LookupError"}:
                    assert raised in caught, f"{path.name}:{node.lineno} raises {raised}, which nothing here catches"


def test_every_module_of_the_house_can_be_imported():
    for room in (*PURE, "chain", "store", "snapshot", "identity", "gate", "verify"):
        for path in modules_of(room):
            if "migrations" not in path.parts:
                importlib.import_module(name_of(path))
