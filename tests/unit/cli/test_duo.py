"""``consentry duo`` and ``consentry ontology``: lines in, lines out, and what is loaded in between."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.cli import duo
from ledger.domain.duo_terms import TERMS
from tests.support.command import run as run_command

DOCUMENT = Path(__file__).parents[3] / "docs" / "data-use.md"
ONTOLOGY = (
    '{"terms": {"X:1": {"label": "cancer", "parents": []}, "X:2": {"label": "lung cancer", "parents": ["X:1", "X:0"]}}}'
)
CASE = {
    "dataset": {"permission": "DS", "diseases": ["X:1"], "modifiers": {"PUB": True, "MOR": "2027-01-01"}},
    "purpose": {"use": "disease", "diseases": ["X:2"], "undertakings": ["PUB"]},
    "as_of": "2026-06-01",
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CONSENTRY_HOME", str(tmp_path / "home"))

    def command(*arguments, lines=b""):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        return run_command(monkeypatch, capsys, *arguments)

    return command


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "ontology.json"
    path.write_text(ONTOLOGY)
    return path


def answers(printed):
    return [json.loads(line) for line in printed.splitlines()]


def test_without_an_ontology_a_disease_abstains_and_with_one_it_is_permitted(run, file):
    line = json.dumps(CASE).encode()
    code, out, err = run("duo", "match", lines=line)
    assert (code, answers(out)) == (0, [{"outcome": "abstain", "reasons": ["DS"], "obligations": []}])
    assert "no ontology is loaded" in err
    code, out, err = run("ontology", "load", file)
    assert code == 0
    assert "2 terms, 2 links to parents" in out
    assert "X:0" in err
    permitted = {
        "outcome": "permit",
        "reasons": [],
        "obligations": [
            {"id": "PUB", "properties": {}},
            {"id": "MOR", "properties": {"not_before": "2027-01-01"}},
        ],
    }
    code, out, _ = run("duo", "match", lines=line)
    assert (code, answers(out)) == (0, [permitted])


def test_a_file_may_be_named_for_once(run, file, tmp_path):
    code, out, _ = run("duo", "match", "--ontology", file, lines=json.dumps(CASE).encode())
    assert (code, answers(out)[0]["outcome"]) == (0, "permit")
    assert not (tmp_path / "home").exists()


def test_an_answer_that_time_ends_says_when(run):
    dataset = {"permission": "GRU", "modifiers": {"TS": {"months": 12, "granted": "2026-01-01"}}}
    case = {"dataset": dataset, "purpose": {"use": "general"}}
    lines = "\n".join(json.dumps({**case, "as_of": as_of}) for as_of in ("2026-06-01", 1_798_761_600, None))
    code, out, _ = run("duo", "match", lines=lines.encode())
    assert code == 0
    assert answers(out) == [
        {"outcome": "permit", "reasons": [], "obligations": [{"id": "TS", "properties": {"expires": "2027-01-01"}}]},
        {"outcome": "deny", "reasons": ["TS"], "obligations": []},
        {"outcome": "abstain", "reasons": ["TS"], "obligations": []},
    ]


def test_a_malformed_line_is_answered_in_its_place_and_the_command_fails_at_its_end(run, monkeypatch):
    monkeypatch.setattr(duo, "MOST_LINE", 300)
    good = json.dumps({"dataset": {"permission": "GRU"}, "purpose": {"use": "general"}}).encode()
    bad = [
        b"nonsense",
        b"[]",
        b"{}",
        b'{"dataset": {"permission": "GRU"}}',
        b'{"dataset": null, "purpose": {}}',
        b'{"dataset": {}, "purpose": "x"}',
        b'{"dataset": {}, "purpose": {}, "modifiers": {}}',
        b'{"dataset": {}, "purpose": {}, "as_of": "yesterday"}',
        b'{"dataset": {}, "purpose": {}, "as_of": true}',
        b'{"dataset": {"permission": "XYZ"}, "purpose": {}}',
        b'{"dataset": {}, "dataset": {"permission": "NRES"}, "purpose": {"use": "general"}}',
        b"\xff",
        good + b" " * 400,
        good[:-1] + b', "as_of": "\\ud800"}',
    ]
    lines = b"\n\n".join([part for one in bad for part in (good, one)]) + b"\n \n"
    code, out, _ = run("duo", "match", lines=lines)
    found = answers(out)
    assert code == 2
    assert len(found) == 2 * len(bad)
    assert [one["outcome"] for one in found[::2]] == ["permit"] * len(bad)
    assert all(set(one) == {"error"} and one["error"] for one in found[1::2])


def test_the_example_of_the_documentation_is_answered_as_it_stands_there(run, tmp_path):
    blocks = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    case, answer = blocks[:2]
    small = tmp_path / "small.json"
    small.write_text('{"MONDO:0004992": [], "MONDO:0005138": ["MONDO:0004992"]}')
    code, out, _ = run("duo", "match", "--ontology", small, lines=case.replace("\n", " ").encode())
    assert (code, answers(out)) == (0, [json.loads(answer)])


def test_no_case_is_no_answer(run):
    assert run("duo", "match") == (0, "", "")


def test_a_term_is_explained_in_plain_words(run):
    code, out, _ = run("duo", "explain", "DUO_0000006")
    assert code == 0
    assert out.startswith("HMB  DUO:0000006  permission\n")
    code, out, _ = run("duo", "explain", "RU")
    assert "Instead: Use GRU" in out
    code, out, _ = run("duo", "explain")
    assert out.count(" DUO:") == len(TERMS)
    code, _, err = run("duo", "explain", "XYZ")
    assert (code, "XYZ" in err) == (2, True)


def test_what_is_loaded_can_be_looked_at(run, file):
    code, _, err = run("ontology", "show")
    assert (code, "ontology load" in err) == (1, True)
    run("ontology", "load", file)
    code, out, _ = run("ontology", "show")
    assert "2 terms" in out
    code, out, _ = run("ontology", "show", "X_2")
    assert out == "X:2  lung cancer\n  is a  X:1  cancer\n  is a  X:0  (not held)\n"
    code, _, err = run("ontology", "show", "X:0")
    assert (code, "does not hold X:0" in err) == (1, True)


def test_a_cycle_is_refused_and_the_last_ontology_stays(run, file, tmp_path):
    run("ontology", "load", file)
    cyclic = tmp_path / "cyclic.json"
    cyclic.write_text('{"a": ["b"], "b": ["a"]}')
    code, _, err = run("ontology", "load", cyclic)
    assert (code, "a -> b -> a" in err) == (2, True)
    assert "2 terms" in run("ontology", "show")[1]


def test_the_commands_need_neither_chain_nor_database():
    code = "import sys, ledger.cli.duo, ledger.cli.ontology; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"web3", "eth", "sqlmodel", "sqlalchemy", "fastapi", "httpx", "cryptography"} & set(loaded)
