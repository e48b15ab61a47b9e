"""Where a matcher is tempted to say yes: edges of time, empty lists, nulls, terms given up, and no ontology."""

from datetime import UTC, date, datetime

import pytest

from ledger.domain.data_use import Match, MatchOutcome, Obligation, match
from ledger.domain.data_use_forms import DatasetTerms, StudyPurpose, StudyUse, parse_dataset, parse_purpose
from ledger.domain.duo_terms import Permission
from ledger.domain.moments import read_moment
from ledger.domain.ontology import Ancestry, NoOntology
from ledger.errors import InvalidInput

CANCER, LUNG_CANCER = "MONDO:0004992", "MONDO:0008903"
ONTOLOGY = Ancestry({CANCER: (), LUNG_CANCER: (CANCER,)}, "test")
NAMED = ["COL", "RS", "GS", "US", "PS", "IS"]
EVERYTHING = {
    "use": "general", "topics": [CANCER], "user": "u", "project": "p", "institution": "i", "nonprofit": True,
    "commercial": False, "genotypes": True, "ancestry": False, "recipient_region": "DE", "processing_region": "DE",
    "ethics_approval": {"from": "2020-01-01", "until": "2030-01-01"}, "agreements": ["ada"],
    "undertakings": ["PUB", "RTN"], "publication_date": "2029-01-01",
}  # fmt: skip


def ask(modifiers, purpose=EVERYTHING, as_of="2026-06-01", permission="GRU", ontology=ONTOLOGY):
    terms = parse_dataset({"permission": permission, "modifiers": modifiers})
    found = match(terms, parse_purpose(purpose), None if as_of is None else read_moment(as_of), ontology)
    return found.outcome.value, found.reasons


@pytest.mark.parametrize(
    ("granted", "months", "as_of", "outcome"),
    [
        ("2026-01-01", 12, "2026-12-31T23:59:59Z", "permit"),
        ("2026-01-01", 12, "2027-01-01", "deny"),
        ("2026-01-31", 1, "2026-02-27T23:59:59Z", "permit"),  # a month from 31 January is over with 28 February
        ("2026-01-31", 1, "2026-02-28", "deny"),
        ("2024-01-31", 1, "2024-02-28", "permit"),
        ("2024-01-31", 1, "2024-02-29", "deny"),
        ("2024-02-29", 12, "2025-02-28", "deny"),
        ("2026-01-01T12:00:00Z", 1, "2026-02-01T11:59:59Z", "permit"),
        ("2026-01-01T12:00:00Z", 1, "2026-02-01T12:00:00Z", "deny"),
        ("2026-01-01T00:00:00+02:00", 1, "2026-01-31T22:00:00Z", "deny"),  # 31 December in UTC, and a month
        ("2026-06-01", 0, "2026-06-01", "deny"),
    ],
)
def test_a_time_limit_ends_on_the_calendar(granted, months, as_of, outcome):
    assert ask({"TS": {"months": months, "granted": granted}}, as_of=as_of)[0] == outcome


@pytest.mark.parametrize("limit", [{}, {"months": 12}, {"granted": "2026-01-01"}, {"months": 12, "granted": None}])
def test_a_time_limit_of_which_something_is_not_known_is_unknown(limit):
    assert ask({"TS": limit}) == ("abstain", ("TS",))


@pytest.mark.parametrize("modifier", ["TS", "IRB"])
def test_without_a_time_what_depends_on_time_is_unknown(modifier):
    modifiers = {"TS": {"TS": {"months": 12, "granted": "2026-01-01"}}, "IRB": {"IRB": True}}[modifier]
    assert ask(modifiers)[0] == "permit"
    assert ask(modifiers, as_of=None) == ("abstain", (modifier,))
    assert ask({}, as_of=None)[0] == "permit"


def test_an_answer_says_until_when_it_holds():
    terms = parse_dataset(
        {"permission": "GRU", "modifiers": {"IRB": True, "TS": {"months": 1, "granted": "2026-06-01"}}}
    )
    approval = {"from": "2026-06-10", "until": "2026-06-20"}
    purpose = parse_purpose({"use": "general", "ethics_approval": approval})
    for as_of, outcome, until in [
        ("2026-06-01", "deny", "2026-06-10"),
        ("2026-06-10", "permit", "2026-06-20"),
        ("2026-06-20", "deny", "2026-07-01"),
        ("2026-07-01", "deny", None),
    ]:
        found = match(terms, purpose, read_moment(as_of), ONTOLOGY)
        assert (found.outcome, found.valid_until) == (outcome, until and read_moment(until))
    assert match(terms, purpose, None, ONTOLOGY).valid_until is None
    free = match(parse_dataset({"permission": "GRU"}), purpose, 0, ONTOLOGY)
    assert (free.outcome, free.valid_until) == ("permit", None)


def test_the_time_may_be_a_date_of_python():
    terms = parse_dataset({"permission": "GRU", "modifiers": {"TS": {"months": 1, "granted": "2026-06-01"}}})
    purpose = StudyPurpose(use=StudyUse.GENERAL)
    assert match(terms, purpose, date(2026, 6, 30), ONTOLOGY).outcome is MatchOutcome.PERMIT
    assert match(terms, purpose, datetime(2026, 7, 1, tzinfo=UTC), ONTOLOGY).outcome is MatchOutcome.DENY
    with pytest.raises(InvalidInput, match="milliseconds"):
        match(terms, purpose, 1_800_000_000_000, ONTOLOGY)


@pytest.mark.parametrize("modifier", NAMED)
def test_a_list_that_names_nobody_is_satisfied_by_nobody(modifier):
    outcome, reasons = ask({modifier: []})
    assert outcome == ("abstain" if modifier == "COL" else "deny")
    assert reasons == (modifier,)
    assert ask({modifier: []}, purpose={"use": "general"}) == ("abstain", (modifier,))


@pytest.mark.parametrize(
    "modifier", ["NPU", "NCU", "NPUNCU", "NMDS", "GSO", "NPOA", "IRB", "PUB", "RTN", "MOR", "TS", *NAMED]
)
def test_a_modifier_that_is_null_is_unknown_and_one_that_is_false_is_absent(modifier):
    assert ask({modifier: None}) == ("abstain", (modifier,))
    assert ask({modifier: False}, purpose={"use": "general"}) == ("permit", ())


def test_modifiers_that_are_null_altogether_are_unknown():
    assert ask(None) == ("abstain", ("modifiers",))


def test_clinical_care_needs_a_cc_that_is_said():
    care = {"use": "clinical-care"}
    assert ask({"CC": True}, purpose=care) == ("permit", ())
    assert ask({"CC": None}, purpose=care) == ("abstain", ("GRU",))
    assert ask({"CC": False}, purpose=care) == ("deny", ("GRU",))
    assert ask({"CC": None}) == ("permit", ()), "elsewhere it changes nothing, known or not"
    assert ask({"CC": True}, permission="HMB") == ("deny", ("HMB",)), "it widens to clinical care alone"


@pytest.mark.parametrize("code", ["GRU-CC", "DUO:0000005", "RU", "DUO_0000014", "DUO:0000002"])
def test_a_term_that_was_given_up_abstains(code):
    assert ask({code: True})[0] == "abstain"
    assert ask({code: None})[0] == "abstain"
    assert ask({code: False})[0] == "permit"
    assert ask({}, permission=code)[0] == "abstain"
    assert ask({}, permission=["GRU", code])[0] == "abstain"
    assert ask({code: True, "NPU": True}, purpose={"use": "general", "nonprofit": False}) == ("deny", ("NPU",))


def test_one_permission_twice_is_one_and_two_are_none():
    assert ask({}, permission=["GRU", "DUO:0000042"])[0] == "permit"
    assert ask({}, permission=["GRU", "NRES"]) == ("abstain", ("NRES", "GRU"))
    assert ask({}, permission=[]) == ("abstain", ("permission",))
    assert ask({}, permission=None) == ("abstain", ("permission",))


def disease(dataset, purpose, ontology):
    terms = parse_dataset({"permission": "DS", **dataset})
    return match(terms, parse_purpose({"use": "disease", **purpose}), None, ontology).outcome.value


def test_a_disease_needs_an_ontology_even_where_it_is_named_itself():
    named = {"diseases": [CANCER]}
    assert disease(named, named, ONTOLOGY) == "permit"
    assert disease(named, named, NoOntology()) == "abstain"
    assert disease({"diseases": ["X:1"]}, {"diseases": ["X:1"]}, ONTOLOGY) == "abstain"


def test_diseases_that_were_not_said_are_unknown_and_none_are_none():
    named = {"diseases": [CANCER]}
    assert disease({}, named, ONTOLOGY) == "abstain"
    assert disease({"diseases": None}, named, ONTOLOGY) == "abstain"
    assert disease({"diseases": []}, named, ONTOLOGY) == "deny"
    assert disease({"diseases": []}, {"diseases": []}, ONTOLOGY) == "abstain"


def test_below_a_code_that_the_ontology_does_not_hold_may_lie_anything():
    assert disease({"diseases": ["MONDO:9999999"]}, {"diseases": [CANCER]}, ONTOLOGY) == "abstain"
    assert disease({"diseases": ["MONDO:9999999", CANCER]}, {"diseases": [LUNG_CANCER]}, ONTOLOGY) == "permit"


def test_a_topic_needs_no_ontology_where_it_is_named_itself():
    study = {"use": "general", "topics": ["EDAM:3400"]}
    assert ask({"RS": ["EDAM:3400"]}, study, ontology=NoOntology()) == ("permit", ())
    assert ask({"RS": ["EDAM:3400", CANCER]}, study) == ("permit", ())
    assert ask({"RS": [CANCER]}, study) == ("abstain", ("RS",))


def test_diseases_outside_of_ds_bind_nothing_and_excuse_nothing():
    dataset = {"permission": "GRU", "diseases": [CANCER], "modifiers": {"NMDS": True}}
    study = parse_purpose({"use": "methods", "diseases": [CANCER]})
    assert match(parse_dataset(dataset), study, None, ONTOLOGY) == Match(MatchOutcome.DENY, ("NMDS",))


def test_obligations_come_with_a_permit_alone():
    modifiers = {"RTN": True, "PUB": True, "MOR": "2027-01-01T12:00:00+02:00"}
    terms = parse_dataset({"permission": "GRU", "modifiers": modifiers})
    permitted = match(terms, parse_purpose(EVERYTHING), None, ONTOLOGY)
    assert permitted.obligations == (
        Obligation("PUB", {}),
        Obligation("RTN", {}),
        Obligation("MOR", {"not_before": "2027-01-01T10:00:00Z"}),
    )
    refused = match(terms, parse_purpose({**EVERYTHING, "publication_date": "2026-01-01"}), None, ONTOLOGY)
    assert (refused.outcome, refused.reasons, refused.obligations) == (MatchOutcome.DENY, ("MOR",), ())


def test_terms_of_nothing_and_a_purpose_of_nothing_abstain():
    assert match(DatasetTerms(), StudyPurpose(), None, NoOntology()).outcome is MatchOutcome.ABSTAIN
    only = DatasetTerms(permissions=frozenset({Permission.NRES}))
    assert match(only, StudyPurpose(), None, NoOntology()) == Match(MatchOutcome.ABSTAIN, ("NRES",))
