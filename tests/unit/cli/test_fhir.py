"""``consentry fhir import`` by itself: what each resource becomes, in words, and refusals that are seen."""

import json

import pytest

from ledger.cli.fhir_words import plain
from ledger.domain.vocabulary import KNOWN_CATEGORIES, Category, Condition, Purpose
from ledger.fhir.read import form_of
from ledger.fhir.times import LAST_WRITABLE
from tests.support.command import run
from tests.unit.domain.cases import AT, OTHER, deny, scope
from tests.unit.fhir.cases import purpose, r4

RESEARCH = r4({"type": "permit", "purpose": purpose("HRESCH")})
UNSAID = r4({"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "Observation/1"}}]})


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    def fhir(*documents, options=()):
        paths = []
        for place, document in enumerate(documents):
            paths.append(tmp_path / f"{place}.json")
            paths[-1].write_text(json.dumps(document))
        return run(monkeypatch, capsys, "fhir", "import", *paths, *options)

    return fhir


def test_in_words(command):
    code, out, _ = command(RESEARCH, r4({"type": "deny"}))
    assert code == 0
    assert "Permits health and medical research; by anybody; on all data" in out
    assert "Denies" in out
    assert "Consent.provision" not in out.splitlines()[0]


def test_a_refused_deny_is_said_aloud(command):
    code, out, err = command(RESEARCH, UNSAID)
    assert code == 1
    assert "it denies something, and nothing of it was taken: see to it" in out
    assert "error: Consent.provision.data: " in err
    assert "Permits" in out


def test_in_json_one_line_a_resource(command):
    code, out, _ = command(RESEARCH, UNSAID, options=("--json",))
    assert code == 1
    first, second = map(json.loads, out.splitlines())
    assert (first["refused"], first["patient"], first["form"]) == (False, "Patient/1", "0x" + form_of(RESEARCH).hex())
    assert first["resource"] == RESEARCH
    (draft,) = first["drafts"]
    assert (draft["expression"], draft["state"], draft["scope"]["terms"]) == ("Consent.provision", "active", None)
    assert (second["refused"], second["says_deny"], second["drafts"]) == (True, True, [])
    (issue,) = [one for one in second["outcome"]["issue"] if one["severity"] == "error"]
    assert issue["expression"] == ["Consent.provision.data"]


def test_with_its_text_a_draft_is_whole(command):
    _, out, _ = command(RESEARCH, options=("--json", "--terms", "0x" + "07" * 32))
    (draft,) = json.loads(out)["drafts"]
    assert draft["scope"]["terms"] == "0x" + "07" * 32


ID = "0x" + "04" * 32


@pytest.mark.parametrize(
    ("documents", "options", "says"),
    [
        ([RESEARCH], ("--signer", "0x" + "11" * 20), "--subject"),
        ([RESEARCH], ("--subject", "0x12"), "--subject"),
        ([RESEARCH], ("--subject", ID, "--subject", ID), "once"),
        ([RESEARCH, r4({"type": "deny"}, patient={"reference": "Patient/2"})], ("--subject", ID), "several patients"),
        ([RESEARCH], ("--subject", f"Patient/2={ID}", "--signer", "0x" + "11" * 20), "Patient/1"),
        ([RESEARCH], ("--subject", ID, "--signer", "0x" + "11" * 20, "--url", "http://ledger.example"), "https"),
        ([{"resourceType": "Bundle"}], (), "no resource"),
    ],
)
def test_wrong_usage(command, documents, options, says):
    code, _, err = command(*documents, options=options)
    assert (code, says in err) == (2, True), err


def test_the_file_that_cannot_be_read_is_named(command, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    code, out, err = command(RESEARCH, options=(str(broken),))
    assert (code, out) == (2, "")
    assert f"{broken}: not JSON" in err


WHOLE = (
    "Permits every use; by anybody; on all data; recorded at any time; by every kind of computation; "
    "tolerating all that it may need; valid at any time."
)
NARROW = (
    "without money, companies, transfer abroad and the like; valid from 2027-01-15T08:00:00Z until before "
    "2027-01-15T08:00:05Z."
)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (scope(), WHOLE),
        (scope(conditions=0, valid_from=AT, valid_until=AT + 5), NARROW),
        (scope(conditions=Condition.RECONTACT, recipient_kind=3, recipient=OTHER), "tolerating being contacted again"),
        (scope(recipient_kind=3, recipient=OTHER), "by study 0x0606"),
        (scope(recipient_kind=2, recipient=OTHER), "by institution 0x0606"),
        (scope(categories=Category.GENOMICS), "on genes and DNA;"),
        (scope(categories=KNOWN_CATEGORIES), "on all of 16 kinds known today"),
        (scope(categories=KNOWN_CATEGORIES & ~Category.GENOMICS), "everything known today but genes and DNA"),
        (scope(purposes=Purpose.DS, diseases=5070), "(MONDO:0005070)"),
        (scope(valid_from=LAST_WRITABLE + 1), f"valid from second {LAST_WRITABLE + 1}"),
        (deny().scope, "Denies every use"),
        (deny().scope, "whatever it needs"),
        (deny(conditions=Condition.COMMERCIAL_USE).scope, "where it needs use to make money"),
    ],
)
def test_a_scope_in_plain_words(made, words):
    assert words in plain(made)


def test_help_says_what_import_does_to_the_ledger(monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "fhir", "import", "--help")
    assert code == 0
    assert "Only signatures change consents" in " ".join(out.split())
