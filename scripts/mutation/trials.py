"""Puts mutants to the tests, in a copy of the project.

What was compiled is put where the tests of the copy look for it. The sources of the copy stay whole, so that forge
compiles its tests once.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutation.compiler import ROOT, Compiler, NotCompiledError
from mutation.operators import SRC, Mutant
from mutation.schemata import can_be_joined, joined, number_at

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or ROOT.parent / "shared" / "data")
# The executable itself: the script of its npm package loses the exit code.
_FORGE = str(next((ROOT / "contracts" / "node_modules" / "@foundry-rs").glob("forge-*/bin/forge"), "forge"))
_PYTEST = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header"]
TEST_SECONDS = 300
GROUP = 40  # mutants in one contract: more compile no faster
EMPTY = "0x00"  # the creation code of a contract without code


@dataclass(frozen=True)
class Suite:
    """A command that ends with 0 where every test passes.

    Attributes:
        name: What it is called in results.
        command: Its words.
        chooses: Whether it can choose a mutant among those of one contract.
    """

    name: str
    command: tuple[str, ...]
    chooses: bool


def _forge(path: str) -> Suite:
    options = ("--fail-fast", "--fuzz-runs", "32", "--code-size-limit", "1000000", "--match-path", path)
    return Suite(path, (_FORGE, "test", *options), chooses=True)


def _pytest(path: str, *options: str) -> Suite:
    return Suite(" ".join((path, *options)), (*_PYTEST, path, *options), chooses=False)


_MACHINE = _pytest("tests/integration/test_contract_machine.py", "-k", "evm")
_DECISIONS = _pytest("tests/conformance/test_decisions.py", "-k", "many_worlds")
# Of each contract, the likeliest to notice first.
SUITES = {
    "ConsentRegistry": [
        _forge("*/ConsentRegistry/{decide,enrol,record,recover,signers,storage,withdraw}.t.sol"),
        _forge("*/ConsentRegistry/withdrawAll.t.sol"),  # goes through every epoch, which takes seconds
        _forge("*/invariant/*"),
        _DECISIONS,
        _MACHINE,
    ],
    "AuditAnchor": [
        _forge("*/AuditAnchor/*"),
        _forge("*/invariant/Anchors*"),
        _pytest("tests/unit/contracts/test_consistency_vectors.py"),
        _MACHINE,
    ],
    "Directory": [_forge("*/Directory/*"), _forge("*/ConsentRegistry/*"), _DECISIONS, _MACHINE],
}


@dataclass(frozen=True)
class Verdict:
    """Of one mutant: ``killed`` and by what, ``survived``, ``uncompiled``, or ``undecided`` where one ran too long."""

    mutant: Mutant
    word: str
    by: str = ""


class UselessSuitesError(Exception):
    """These suites show nothing: what cannot run would kill everything, what cannot fail nothing."""


class Bench:
    """A compiler and a copy of the project.

    Args:
        folder: Where the copy is, or will be. What forge compiled there earlier is used again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._compiler = folder, Compiler()
        self._lay_out()
        self._texts = {str(path.relative_to(SRC)): path.read_text(encoding="utf-8") for path in SRC.rglob("*.sol")}

    def _lay_out(self) -> None:
        """Makes the copy that of the project as it is."""
        skipped = shutil.ignore_patterns("__pycache__")
        for name in ("ledger", "api", "tests", "contracts/src", "contracts/test", "contracts/artifacts"):
            shutil.rmtree(self._folder / name, ignore_errors=True)
            shutil.copytree(ROOT / name, self._folder / name, ignore=skipped)
        for name in ("pyproject.toml", "contracts/foundry.toml", "contracts/solc"):
            shutil.copy(ROOT / name, self._folder / name)
        modules = self._folder / "contracts" / "node_modules"
        if not modules.exists():
            modules.symlink_to(ROOT / "contracts" / "node_modules")
        # Minutes, the first time.
        subprocess.run([_FORGE, "build", "--silent"], cwd=self._folder / "contracts", check=True)

    def verdicts(self, contract: str, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
        """The verdict on each mutant of sources that go into the contract, the quick ones first.

        Raises:
            UselessSuitesError: a suite fails on the contract as it is, or does not on an empty one.
        """
        passed: dict[Mutant, list[Suite]] = {}
        joinable = [mutant for mutant in mutants if can_be_joined(self._texts[mutant.source], mutant)]
        for first in range(0, len(joinable), GROUP):
            for verdict in self._together(contract, joinable[first : first + GROUP]):
                if verdict.word == "survived":
                    passed[verdict.mutant] = [suite for suite in SUITES[contract] if suite.chooses]
                else:
                    yield verdict
        left = [mutant for mutant in mutants if mutant in passed or mutant not in joinable]
        if left:
            plain = self._compiler.creation_code(contract, {}, small=True)
            self._expect_use(contract, plain, SUITES[contract])
        for mutant in left:
            yield self._alone(contract, mutant, [s for s in SUITES[contract] if s not in passed.get(mutant, [])])

    def _together(self, contract: str, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
        """The verdicts of the suites that can choose."""
        texts = joined(self._texts, mutants)
        try:
            code = self._compiler.creation_code(contract, texts)
        except NotCompiledError as error:
            numbers = {number_at(texts[source], offset) for source, offset in error.places}
            refused = [mutants[number - 1] for number in numbers if number] or list(mutants)
            yield from (self._alone(contract, mutant, SUITES[contract]) for mutant in refused)
            left = [mutant for mutant in mutants if mutant not in refused]
            if left:
                yield from self._together(contract, left)
            return
        suites = [suite for suite in SUITES[contract] if suite.chooses]
        self._expect_use(contract, code, suites)
        for number, mutant in enumerate(mutants, 1):
            yield self._verdict(contract, mutant, code, suites, number)

    def _alone(self, contract: str, mutant: Mutant, suites: Sequence[Suite]) -> Verdict:
        text = mutant.applied_to(self._texts[mutant.source])
        try:
            code = self._compiler.creation_code(contract, {mutant.source: text}, small=True)
        except NotCompiledError:
            return Verdict(mutant, "uncompiled")
        return self._verdict(contract, mutant, code, suites)

    def _verdict(self, contract: str, mutant: Mutant, code: str, suites: Sequence[Suite], chosen: int = 0) -> Verdict:
        try:
            by = next(self._failing(contract, code, suites, chosen), None)
        except subprocess.TimeoutExpired:  # gas ends every loop: it is the machine that is busy
            return Verdict(mutant, "undecided")
        return Verdict(mutant, "killed", by) if by else Verdict(mutant, "survived")

    def _expect_use(self, contract: str, code: str, suites: Sequence[Suite]) -> None:
        """Raises unless every suite passes on this code, where no mutant is chosen, and fails on an empty contract."""
        every = {suite.name for suite in suites}
        useless = set(self._failing(contract, code, suites)) | (every - set(self._failing(contract, EMPTY, suites)))
        if useless:
            raise UselessSuitesError(sorted(useless))

    def _failing(self, contract: str, code: str, suites: Sequence[Suite], chosen: int = 0) -> Generator[str]:
        """The suites that fail on this code, one after the other; whoever wants only the first asks no further."""
        artifact = self._folder / "contracts" / "artifacts" / f"{contract}.json"
        untouched = (ROOT / "contracts" / "artifacts" / artifact.name).read_text(encoding="utf-8")
        artifact.write_text(json.dumps({**json.loads(untouched), "bytecode": code}), encoding="utf-8")
        try:
            for suite in suites:
                if not self._passes(suite, chosen):
                    yield suite.name
        finally:
            artifact.write_text(untouched, encoding="utf-8")

    def _passes(self, suite: Suite, chosen: int) -> bool:
        choice = ["--block-coinbase", f"0x{chosen:040x}"] if suite.chooses else []
        run = subprocess.Popen(
            [*suite.command, *choice],
            cwd=self._folder / "contracts" if suite.chooses else self._folder,
            env={**os.environ, "FOUNDRY_INVARIANT_RUNS": "16", "CONSENTRY_TEST_DATA": str(DATA)},
            start_new_session=True,  # forge's compiler must not stay behind
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return run.wait(TEST_SECONDS) == 0
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
