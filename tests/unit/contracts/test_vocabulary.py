"""The masks and reasons of the Solidity libraries are those of the domain."""

import re
from enum import IntEnum
from pathlib import Path

import pytest

from ledger.domain import vocabulary
from ledger.domain.decision import Outcome, Reason

LIBRARIES = Path(__file__).parents[3] / "contracts" / "src" / "libraries"
CONSTANT = re.compile(r"uint(\d+) internal constant (\w+) =\s*([^;]+);")
FAMILIES: dict[str, type[IntEnum]] = {
    "EFFECT": vocabulary.Effect,
    "RECIPIENT_KIND": vocabulary.RecipientKind,
    "CAPACITY": vocabulary.Capacity,
    "PURPOSE": vocabulary.Purpose,
    "USE": vocabulary.Use,
    "CONDITION": vocabulary.Condition,
    "CATEGORY": vocabulary.Category,
    "OPERATION": vocabulary.Operation,
}
LANE = 16


def constants(name: str) -> dict[str, int]:
    """The constants of a Solidity library; their expressions use operators that mean the same in Python."""
    text = re.sub(r"//[^\n]*", "", (LIBRARIES / name).read_text(encoding="utf-8"))
    values: dict[str, int] = {}
    for width, constant, expression in CONSTANT.findall(text):
        plain = re.sub(r"\buint\d+\(", "(", " ".join(expression.split()))
        values[constant] = eval(plain, {"__builtins__": {}}, dict(values))
        assert 0 <= values[constant] < 1 << int(width), constant
    return values


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_has_the_same_members_and_values(family):
    prefix = family + "_"
    found = {
        name.removeprefix(prefix): value
        for name, value in constants("Vocabulary.sol").items()
        if name.startswith(prefix)
    }
    assert found == {member.name: member.value for member in FAMILIES[family]}


@pytest.mark.parametrize("name", ["ANY16", "ANY32", "FOREVER"])
def test_bounds(name):
    assert constants("Vocabulary.sol")[name] == getattr(vocabulary, name)


@pytest.mark.parametrize("name", ["PURPOSES", "USES", "CONDITIONS", "CATEGORIES", "OPERATIONS"])
def test_known_masks(name):
    assert constants("Vocabulary.sol")[f"KNOWN_{name}"] == getattr(vocabulary, f"KNOWN_{name}")


@pytest.mark.parametrize("name", ["ACCEPTS", "TOUCHES"])
def test_tables_of_uses(name):
    table = constants("Vocabulary.sol")[name]
    lanes = {use: table >> (LANE * index) & vocabulary.ANY16 for index, use in enumerate(vocabulary.Use)}
    assert lanes == getattr(vocabulary, name)
    assert table >> (LANE * len(vocabulary.Use)) == 0


def test_reasons_and_outcomes():
    found = constants("Reasons.sol")
    outcomes = {name.removeprefix("OUTCOME_"): value for name, value in found.items() if name.startswith("OUTCOME_")}
    reasons = {name: value for name, value in found.items() if not name.startswith("OUTCOME_")}
    assert outcomes == {outcome.name: outcome.value for outcome in Outcome if outcome is not Outcome.ABSTAIN}
    assert reasons == {reason.name: reason.value for reason in Reason if reason < 32}
