"""The examples of docs/fhir.md work, and its tables name what the code has."""

import json
import re
from pathlib import Path

from ledger.domain.vocabulary import PURPOSE_TERMS, USE_TERMS, Purpose
from ledger.fhir import mii
from tests.support.command import run

TEXT = (Path(__file__).parents[3] / "docs" / "fhir.md").read_text("utf-8")
CONSENT, QUESTION, ANSWER = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL))


def test_the_example_answers_as_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("consent.json").write_text(json.dumps(CONSENT))
    Path("question.json").write_text(json.dumps(QUESTION))
    code, out, _ = run(monkeypatch, capsys, "decide", "--consents", "consent.json", "--request", "question.json")
    answer = json.loads(out)
    answer["consents"][0]["id"] = "0x…"
    assert (code, answer) == (0, ANSWER)


def test_the_words_and_numbers_of_the_tables():
    assert all(f"`{term.name}`" in TEXT for term in USE_TERMS)
    duo = {int(term.standard[4:]) for term in PURPOSE_TERMS if term.bit != Purpose.DS}
    named = re.search(r"\| DUO ([\d, ]+) \| the purpose", TEXT)
    assert {int(number) for number in named[1].split(", ")} == duo
    for material in mii.MATERIALS:
        assert re.search(rf"\b{material.use} with .*\b{material.process}\b", TEXT)
    assert {33, 36, 41, 56, 58, 65} <= mii.UNSAID
