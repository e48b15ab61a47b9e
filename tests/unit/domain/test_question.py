"""A question asked offline: what it leaves out is said, and what it says wrongly is an error."""

import pytest

from ledger.domain.directory import EngineState, InstitutionState, StudyState
from ledger.domain.question import NAMELESS, consents_from_json, question_from_json
from ledger.domain.vocabulary import FOREVER, Category, Condition, Operation, Use
from ledger.domain.wording import scope_to_json
from ledger.errors import InvalidInput
from tests.unit.domain.cases import AT, OTHER, SCOPE, STUDY, SUBJECT, TERMS, scope

PLAIN = {"at": AT, "operation": "synthetic-data", "categories": ["imaging"], "study": {"uses": ["biomedical"]}}
ID = "0x" + SUBJECT.hex()
WORDS = scope_to_json(SCOPE)


def with_study(**changes):
    return PLAIN | {"study": {"uses": ["biomedical"]} | changes}


def test_what_the_plainest_question_means():
    question = question_from_json(PLAIN)
    request, setting = question.request, question.setting
    assert (question.at, question.subject, question.terms) == (AT, None, {})
    assert (request.operation, request.categories) == (Operation.SYNTHETIC_DATA, Category.IMAGING)
    assert (request.data_from, request.data_until) == (0, FOREVER)
    assert (setting.study.uses, setting.study.conditions, setting.study.required_terms) == (Use.BIOMEDICAL, 0, 0)
    assert (setting.study.state, setting.study.ethics_until) == (StudyState.ACTIVE, FOREVER)
    assert setting.engine.institution == setting.study.institution == setting.institution.id == NAMELESS
    assert setting.engine.operations == request.operation


def test_a_question_in_full():
    question = question_from_json(
        {
            "at": 5,
            "subject": ID,
            "operation": "record-access",
            "categories": ["genomics", "notes"],
            "data_window": {"from": 1, "until": 2},
            "study": {
                "id": "0x" + STUDY.hex(),
                "institution": "0x" + OTHER.hex(),
                "title": "a title",
                "uses": ["disease"],
                "conditions": ["recontact"],
                "diseases": ["MONDO:0000001", ["MONDO:0000002", "MONDO:0000003"]],
                "required_terms": 2,
                "ethics_until": 9,
                "state": "suspended",
            },
            "engine": {
                "id": ID,
                "institution": ID,
                "operations": ["record-access", "synthetic-data"],
                "state": "revoked",
            },
            "institution": {"state": "suspended"},
            "terms": [{"hash": "0x" + TERMS.hex(), "version": 3}],
        }
    )
    study, engine = question.setting.study, question.setting.engine
    assert (study.id, study.institution, study.title) == (STUDY, OTHER, "a title")
    assert (study.diseases, study.conditions) == (((1,), (2, 3)), Condition.RECONTACT)
    assert (study.required_terms, study.ethics_until, study.state) == (2, 9, StudyState.SUSPENDED)
    assert (engine.id, engine.institution, engine.state) == (SUBJECT, SUBJECT, EngineState.REVOKED)
    assert engine.operations == Operation.RECORD_ACCESS | Operation.SYNTHETIC_DATA
    assert question.setting.institution.state is InstitutionState.SUSPENDED
    assert (question.subject, question.version_of(TERMS), question.version_of(OTHER)) == (SUBJECT, 3, 1)
    assert (question.request.study, question.request.engine) == (STUDY, SUBJECT)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (None, "must be an object"),
        ([PLAIN], "must be an object"),
        ({}, "misses"),
        (PLAIN | {"note": 1}, "note"),
        (PLAIN | {"at": "now"}, "at must be"),
        (PLAIN | {"at": True}, "at must be"),
        (PLAIN | {"at": -1}, "at must be"),
        (PLAIN | {"subject": "0x12"}, "subject"),
        (PLAIN | {"operation": "any"}, "operation"),
        (PLAIN | {"categories": "any"}, "categories"),
        (PLAIN | {"categories": []}, "category"),
        (PLAIN | {"data_window": {"from": 5, "until": 5}}, "window"),
        (PLAIN | {"study": None}, "study"),
        (PLAIN | {"study": {}}, "uses"),
        (PLAIN | {"engine": []}, "engine"),
        (PLAIN | {"engine": {"state": "broken"}}, "engine"),
        (PLAIN | {"engine": {"key": 1}}, "key"),
        (PLAIN | {"institution": {"state": 1}}, "institution"),
        (PLAIN | {"terms": {}}, "terms"),
        (PLAIN | {"terms": [{"hash": "0x" + TERMS.hex()}]}, "version"),
        (PLAIN | {"terms": [{"hash": "0x" + TERMS.hex(), "version": 0}]}, "version"),
        (with_study(uses=[]), "uses"),
        (with_study(uses="any"), "uses"),
        (with_study(conditions="any"), "conditions"),
        (with_study(uses=["disease"]), "disease"),
        (with_study(diseases=["MONDO:0000001"]), "disease"),
        (with_study(uses=["disease"], diseases=[[]]), "disease"),
        (with_study(uses=["disease"], diseases="MONDO:0000001"), "list"),
        (with_study(state="open"), "study"),
        (with_study(required_terms=-1), "required_terms"),
        (with_study(ethics_until="never"), "ethics_until"),
    ],
    ids=str,
)
def test_a_question_that_says_too_little_or_too_much(document, says):
    with pytest.raises(InvalidInput, match=says):
        question_from_json(document)


ABOUT = question_from_json(PLAIN | {"subject": ID, "terms": [{"hash": "0x" + TERMS.hex(), "version": 4}]})


def test_consents_in_every_form():
    (bare,) = consents_from_json(WORDS, ABOUT)
    assert (bare.subject, bare.id, bare.version, bare.scope) == (SUBJECT, (1).to_bytes(32, "big"), 1, SCOPE)
    assert (bare.terms_version, bare.valid_until) == (4, FOREVER)
    first, second = consents_from_json([WORDS, {"scope": WORDS, "valid_until": 9, "id": ID}], ABOUT)
    assert first.id != second.id == SUBJECT
    assert second.valid_until == 9
    act = {"act": "consent", "subject": ID, "id": ID, "version": 2, "scope": WORDS, "signer": "0x", "signature": "0x"}
    assert consents_from_json(act, ABOUT)[0].version == 2
    assert consents_from_json({"subject": ID, "consents": []}, ABOUT) == []


def test_a_consent_never_outlives_its_scope():
    words = scope_to_json(scope(valid_until=50))
    (one,) = consents_from_json({"scope": words, "valid_until": 60}, ABOUT)
    assert one.valid_until == 50


@pytest.mark.parametrize(
    "document",
    [
        None,
        7,
        "text",
        [7],
        {},
        {"scope": {}},
        {"scope": WORDS, "note": 1},
        {"scope": WORDS, "state": "dormant"},
        {"scope": WORDS, "version": 0},
        {"scope": WORDS, "version": True},
        {"scope": WORDS, "version": 1 << 24},
        {"scope": WORDS, "id": "0x12"},
        {"scope": WORDS, "valid_until": "never"},
        {"scope": WORDS, "subject": "0x" + OTHER.hex()},
        {"subject": "0x" + OTHER.hex(), "consents": []},
    ],
    ids=str,
)
def test_consents_that_are_refused(document):
    with pytest.raises(InvalidInput):
        consents_from_json(document, ABOUT)
