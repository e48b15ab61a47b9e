"""``consentry decide``: the ledger's rule on files, and exit codes that a script can trust."""

import json
import subprocess
import sys

import pytest

from ledger.domain.wording import scope_to_json
from ledger.fhir.write import Release, write
from tests.support.command import run
from tests.unit.domain.cases import AT, INSTITUTION, consent, deny
from tests.unit.fhir.cases import actor, purpose, r4, r5

QUESTION = {
    "at": AT,
    "operation": "differential-privacy",
    "categories": ["diagnoses"],
    "study": {"uses": ["biomedical"]},
}
RESEARCH = r4({"type": "permit", "purpose": purpose("HRESCH")})


@pytest.fixture
def decide(tmp_path, monkeypatch, capsys):
    def command(*documents, question=QUESTION, options=()):
        arguments = []
        for place, document in enumerate(documents):
            path = tmp_path / f"{place}.json"
            path.write_text(document if isinstance(document, str) else json.dumps(document))
            arguments += ["--consents", path]
        asked = tmp_path / "question.json"
        asked.write_text(question if isinstance(question, str) else json.dumps(question))
        code, out, err = run(monkeypatch, capsys, "decide", *arguments, "--request", asked, *options)
        return code, json.loads(out) if out else None, err

    return command


def test_a_permit(decide, tmp_path):
    code, answer, _ = decide(RESEARCH)
    assert code == 0
    (by,) = answer.pop("consents")
    assert answer == {"outcome": "permit", "reasons": ["permitted"], "valid_until": None}
    assert (by["version"], by["source"], by["expression"]) == (1, str(tmp_path / "0.json"), "Consent.provision")


def test_a_deny_of_another_file_wins(decide):
    code, answer, _ = decide(RESEARCH, r5("deny"))
    assert (code, answer["outcome"], answer["reasons"]) == (1, "deny", ["denied_by_subject"])
    assert answer["consents"][0]["expression"] == "Consent.decision"


def test_several_files_after_one_option(decide, tmp_path):
    (tmp_path / "no.json").write_text(json.dumps(r5("deny")))
    code, answer, _ = decide(RESEARCH, options=(tmp_path / "no.json",))
    assert (code, answer["reasons"]) == (1, ["denied_by_subject"])


def test_nothing_that_covers(decide):
    code, answer, _ = decide(RESEARCH, question=QUESTION | {"study": {"uses": ["ancestry"]}})
    assert (code, answer) == (
        1,
        {"outcome": "deny", "reasons": ["not_covered"], "consents": [], "valid_until": None},
    )


def test_the_forms_of_native_consents(decide):
    held = consent(3, data_until=100)
    scope = scope_to_json(held.scope)
    asked = QUESTION | {"data_window": {"until": 100}}
    answered = {"id": "0x" + "03" * 32, "version": 2, "state": "active", "scope": scope, "valid_until": AT + 5}
    for document in (scope, [scope], answered, {"subject": "0x" + "04" * 32, "consents": [answered]}):
        assert decide(document, question=asked)[0] == 0
        assert decide(document)[1]["reasons"] == ["not_covered"]
    _, answer, _ = decide(answered, question=asked)
    assert (answer["valid_until"], answer["consents"][0]["version"]) == (AT + 5, 2)
    assert decide(answered | {"state": "withdrawn"}, question=asked)[1]["reasons"] == ["no_consent"]
    assert decide(answered, question=asked | {"at": AT + 5})[1]["reasons"] == ["no_consent"]


@pytest.mark.parametrize("release", Release)
def test_what_the_ledger_wrote_as_fhir_decides_as_it_did(decide, release):
    permit, no = consent(3, terms_version=2), deny(4, categories=2)
    code, answer, _ = decide(write(permit, release), question=QUESTION | {"categories": ["demographics"]})
    assert (code, answer["consents"][0]["id"]) == (0, "0x" + "03" * 32)
    code, answer, _ = decide(write(permit, release), write(no, release))
    assert (code, answer["consents"][0]["id"]) == (1, "0x" + "04" * 32)
    stale = QUESTION | {"study": {"uses": ["biomedical"], "required_terms": 3}}
    assert decide(write(permit, release), question=stale)[1]["reasons"] == ["reconsent_required"]


def test_bundles_and_lines(decide):
    bundle = {"resourceType": "Bundle", "entry": [{"resource": RESEARCH}, {"resource": r4({"type": "deny"})}]}
    lines = "\n".join(json.dumps(one) for one in (RESEARCH, r4({"type": "deny"})))
    for documents in (bundle, lines):
        code, answer, _ = decide(documents)
        assert (code, answer["reasons"]) == (1, ["denied_by_subject"])
    assert "entry[1]" in decide(bundle)[1]["consents"][0]["source"]


def test_what_cannot_be_said_decides_nothing(decide):
    """One refused resource among good ones: it may be the one that forbids."""
    unsaid = r4({"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]})
    code, answer, err = decide(RESEARCH, unsaid)
    assert (code, answer) == (2, None)
    assert "Consent.provision.data" in err


@pytest.mark.parametrize(
    ("documents", "question", "says"),
    [
        (["{"], QUESTION, "not JSON"),
        (['{"resourceType": "Consent", "resourceType": "Consent"}'], QUESTION, "twice"),
        (["<Consent xmlns='http://hl7.org/fhir'>"], QUESTION, "not XML"),
        ([{"resourceType": "Observation"}], QUESTION, "read exactly"),
        ([{"resourceType": "Bundle", "entry": [{}]}], QUESTION, "read exactly"),
        ([[RESEARCH, 7]], QUESTION, "read exactly"),
        ([{"scope": {}}], QUESTION, "scope misses"),
        ([RESEARCH], "[]", "the question must be an object"),
        ([RESEARCH], {**QUESTION, "when": 1}, "when"),
        ([RESEARCH], {name: value for name, value in QUESTION.items() if name != "study"}, "study"),
        ([RESEARCH, RESEARCH], QUESTION, "twice"),
        ([RESEARCH, r4({"type": "deny"}, patient={"reference": "Patient/2"})], QUESTION, "several patients"),
    ],
)
def test_what_is_malformed_exits_2_and_says_nothing(decide, documents, question, says):
    code, answer, err = decide(*documents, question=question)
    assert (code, answer) == (2, None), err
    assert says in err
    assert "Traceback" not in err


def test_no_file(decide, tmp_path):
    code, _, err = decide(options=("--consents", tmp_path / "none.json"))
    assert (code, "cannot read" in err) == (2, True)


def test_references_and_texts_are_said_beside_the_files(decide):
    provision = {"type": "deny", "actor": [actor("Organization/1")]}
    study = QUESTION | {"study": {"uses": ["biomedical"], "institution": "0x" + INSTITUTION.hex()}}
    assert decide(r4(provision))[0] == 2
    options = ("--reference", "Organization/1=institution:0x" + INSTITUTION.hex())
    assert decide(r4(provision), question=study, options=options)[1]["reasons"] == ["denied_by_subject"]
    assert decide(r4(provision), options=options)[1]["reasons"] == ["no_consent"]
    for wrong in ("Organization/1", "Organization/1=hospital:0x" + INSTITUTION.hex(), "=institution:0x12"):
        assert decide(r4(provision), options=("--reference", wrong))[0] == 2
    text, hash_ = "https://example.org/form?v=2", "0x" + "07" * 32
    permit = RESEARCH | {"policy": [{"uri": text}]}
    newer = QUESTION | {
        "study": {"uses": ["biomedical"], "required_terms": 2},
        "terms": [{"hash": hash_, "version": 2}],
    }
    assert decide(permit, question=newer)[1]["reasons"] == ["reconsent_required"]
    assert decide(permit, question=newer, options=("--text", f"{text}={hash_}"))[0] == 0
    assert decide(permit, question=newer, options=("--terms", hash_))[0] == 0


def test_it_needs_no_chain_and_no_database(tmp_path):
    """In a fresh interpreter: the command loads neither, so that it starts at once and anywhere."""
    (tmp_path / "c.json").write_text(json.dumps(RESEARCH))
    (tmp_path / "q.json").write_text(json.dumps(QUESTION))
    code = (
        "import sys\nfrom ledger.cli.main import main\n"
        "sys.argv = ['consentry', 'decide', '--consents', 'c.json', '--request', 'q.json']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    environment = {"PYTHONPATH": str(tmp_path.cwd()), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["outcome"] == "permit"
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"web3", "eth", "eth_account", "coincurve", "sqlalchemy", "sqlmodel", "fastapi"}
