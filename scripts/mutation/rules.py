"""Puts mutants of the pure rules and of their vocabulary to the tests, in this process: there they take seconds.

The tests of the rules run on whatever code they are given, those of the vocabulary on whatever text.
"""

import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType

from mutation.compiler import ROOT, Compiler, NotCompiledError
from mutation.operators import SRC, Mutant
from mutation.trials import EMPTY, UselessSuitesError, Verdict

CONTRACT = "Rules"
LIBRARIES = SRC / "libraries"


def _tests(name: str) -> ModuleType:
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return import_module(f"tests.unit.contracts.{name}")


class RulesBench:
    """A compiler, and the tests as functions."""

    def __init__(self) -> None:
        self._compiler = Compiler()

    def verdicts(self, mutants: Sequence[Mutant]) -> Iterator[Verdict]:
        """The verdict on each mutant of a library.

        Raises:
            UselessSuitesError: a test fails on the libraries as they are, or does not on empty ones.
        """
        code = self._compiler.creation_code(CONTRACT, {})
        failing = set(failing_rules(code)) | set(failing_words({}))
        passing = names("test_rules") - set(failing_rules(EMPTY))
        passing |= names("test_vocabulary") - set(failing_words({path.name: "" for path in LIBRARIES.iterdir()}))
        if failing | passing:
            raise UselessSuitesError(sorted(failing | passing))
        yield from map(self._verdict, mutants)

    def _verdict(self, mutant: Mutant) -> Verdict:
        path = SRC / mutant.source
        text = mutant.applied_to(path.read_text(encoding="utf-8"))
        by = next(failing_words({path.name: text}), None)
        if by is None:
            try:
                code = self._compiler.creation_code(CONTRACT, {mutant.source: text})
            except NotCompiledError:
                return Verdict(mutant, "uncompiled")
            by = next(failing_rules(code), None)
        return Verdict(mutant, "killed", by) if by else Verdict(mutant, "survived")


def names(module: str) -> set[str]:
    """What the tests of a module are called."""
    return {name for name in vars(_tests(module)) if name.startswith("test_")}


def failing_rules(code: str) -> Generator[str]:
    """The tests of the rules that fail on this code."""
    tests = _tests("test_rules")
    for name in sorted(names("test_rules")):
        try:
            getattr(tests, name)(tests.Rules(code.removeprefix("0x")))
        except Exception:  # noqa: BLE001 - an assertion, or whatever a wrong answer leads to
            yield name


def failing_words(changed: dict[str, str]) -> Generator[str]:
    """The tests of the vocabulary that fail where these libraries, by file name, have another text."""
    tests = _tests("test_vocabulary")
    with tempfile.TemporaryDirectory() as folder:
        for path in LIBRARIES.iterdir():
            text = changed.get(path.name, path.read_text(encoding="utf-8"))
            (Path(folder) / path.name).write_text(text, encoding="utf-8")
        vars(tests)["LIBRARIES"] = Path(folder)
        for name in sorted(names("test_vocabulary")):
            test = getattr(tests, name)
            try:
                for values in product(*(mark.args[1] for mark in getattr(test, "pytestmark", []))):
                    test(*values)
            except Exception:  # noqa: BLE001 - an assertion, or a text that is no longer an expression
                yield name
