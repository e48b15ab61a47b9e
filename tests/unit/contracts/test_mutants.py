"""What ``scripts/mutate_contracts`` says of mutants that were tried: its exit code tells of survivors.

No contract is compiled here: the command goes on from results that stand in a file, and only reports.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMAND = ROOT / "scripts" / "mutate_contracts"


@pytest.fixture(scope="module", autouse=True)
def _commands_on_path():
    sys.path.insert(0, str(ROOT / "scripts"))
    yield
    sys.path.remove(str(ROOT / "scripts"))


def reported(folder: Path, words: dict) -> subprocess.CompletedProcess[str]:
    """The command's report where these mutants have these verdicts."""
    from mutation import results, trials

    lines = [results.line_of(trials.Verdict(mutant, word)) for mutant, word in words.items()]
    (folder / "results.jsonl").write_text("".join(lines), encoding="utf-8")
    words_of_command = [sys.executable, str(COMMAND), "--minutes", "0", "--folder", str(folder)]
    return subprocess.run(words_of_command, capture_output=True, text=True, check=False)


def every(source: str) -> list:
    from mutation import operators

    return list(operators.mutants(source))


def test_where_every_mutant_was_killed_or_does_not_compile_it_ends_with_success(tmp_path):
    first, second, *_ = every("AuditAnchor.sol")
    run = reported(tmp_path, {first: "killed", second: "uncompiled"})
    assert run.returncode == 0, run.stderr
    assert f"| `AuditAnchor.sol` | {len(every('AuditAnchor.sol'))} | 2 | 1 | 1 | 0 |" in run.stdout


def test_where_a_mutant_survived_it_names_it_and_ends_with_1(tmp_path):
    first, second, *_ = every("AuditAnchor.sol")
    run = reported(tmp_path, {first: "killed", second: "survived"})
    assert run.returncode == 1, run.stderr
    assert f"survived, not explained: {second} (line {second.line + 1})" in run.stdout


def test_a_survivor_that_the_document_explains_is_no_failure(tmp_path):
    document = (ROOT / "contracts" / "MUTATION.md").read_text(encoding="utf-8")
    explained = [mutant for mutant in every("types/Authority.sol") if str(mutant) in document]
    assert explained
    assert reported(tmp_path, dict.fromkeys(explained, "survived")).returncode == 0


def test_of_lines_that_read_alike_each_must_be_explained(capsys):
    from mutation import results, trials

    source = "ConsentRegistry.sol"
    alike = [m for m in every(source) if m.after.strip() == "if (reason == ACCEPTED) return reason;"]
    assert len(alike) > 1
    found = {mutant: trials.Verdict(mutant, "survived") for mutant in alike}
    said = f"- {alike[0]}\n"
    assert results.report(found, [source], said) == len(alike) - 1
    assert results.report(found, [source], said * len(alike)) == 0
