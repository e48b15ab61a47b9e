"""Contracts that hold many mutants, as ``scripts/mutate_contracts`` makes them: nothing but the chosen one differs.

They are read as text here. The command itself runs the contracts' tests on each before it chooses a mutant.
"""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def _commands_on_path():
    sys.path.insert(0, str(ROOT / "scripts"))
    yield
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    src = ROOT / "contracts" / "src"
    return {str(path.relative_to(src)): path.read_text(encoding="utf-8") for path in src.rglob("*.sol")}


SOURCES = ["ConsentRegistry.sol", "base/SubjectRegistry.sol", "types/Authority.sol", "Directory.sol", "AuditAnchor.sol"]


@pytest.mark.parametrize("source", SOURCES)
def test_without_its_questions_and_copies_a_source_is_as_it_was(texts, source):
    from mutation import operators, schemata

    every = [mutant for mutant in operators.mutants(source) if schemata.can_be_joined(texts[source], mutant)]
    lines = schemata.joined(texts, every)[source].splitlines()
    questions = [line for line in lines if line.startswith("if (block.coinbase == address(")]
    assert len(questions) == len(every) > 0
    kept, copying = [], False
    for line in lines:
        if re.match(r"function \w+__\d+\(", line):
            copying = True
        if not copying and line not in questions:
            kept.append(line)
        copying = copying and line != "}"
    assert "\n".join(kept) == re.sub(r"\bpure\b", "view", texts[source]).rstrip("\n")


@pytest.mark.parametrize("source", SOURCES)
def test_a_copy_is_its_function_with_the_one_line_changed(texts, source):
    from mutation import operators, schemata

    for mutant in operators.mutants(source):
        lines = texts[source].splitlines()
        function = schemata.function_around(lines, mutant.line)
        if function is None:
            continue
        joined = schemata.joined(texts, [mutant])[source]
        [(name, body)] = re.findall(r"^function (\w+)__1\([^{]*\{\n(.*?)^\}$", joined, re.MULTILINE | re.DOTALL)
        expected = mutant.applied_to(texts[source])
        changed = "\n".join(expected.splitlines()[function.body : function.last])
        assert (name, body.rstrip("\n")) == (function.name, re.sub(r"\bpure\b", "view", changed))
        assert schemata.number_at(joined, joined.index("__1(", joined.index(f"function {name}__1(")) + 10) == 1


def test_what_is_outside_of_functions_cannot_be_joined(texts):
    from mutation import operators, schemata

    left = [
        mutant
        for mutant in operators.mutants("types/ConsentSlot.sol")
        if not schemata.can_be_joined(texts["types/ConsentSlot.sol"], mutant)
    ]
    assert left
    assert all(" constant " in mutant.before for mutant in left)
