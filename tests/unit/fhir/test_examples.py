"""The resources that others wrote: what becomes of each, written by hand from what its authors say that it means.

A resource becomes the consents that are named here, and answers the sample questions as they say; or it is refused,
at the elements that are named.
"""

import pytest

from ledger.domain.vocabulary import CATEGORY_TERMS, RecipientKind
from ledger.fhir.known import Known
from ledger.fhir.outcome import Severity, outcome_of
from ledger.fhir.read import read
from tests.unit.fhir.cases import answer, asked, day, pcf, refusals, resource_of_others, short

CLINIC = bytes([5]) * 32
F001 = Known(recipients={"Organization/f001": (RecipientKind.INSTITUTION, CLINIC)})
CARE = {"uses": ["clinical-care"]}
GIVEN = (day("2022-06-13"), None)


def permit(**limits):
    return {"effect": "permit", "conditions": []} | limits


def deny(**limits):
    return {"effect": "deny"} | limits


PROVISION = "Consent.provision"
NESTED = "Consent.provision.provision[0]"
TYPE = f"{PROVISION}.type"

# HL7's own twelve. Eight have a root provision that names something and does not say permit or deny: under OPTIN it
# may be the rule or an exception to it, which are contrary.
HL7_REFUSED = {
    "consent-example": {TYPE},
    "consent-example-Emergency": {TYPE},
    "consent-example-grantor": {TYPE, f"{PROVISION}.actor[1].reference"},
    "consent-example-notAuthor": {TYPE, f"{PROVISION}.actor"},  # names the custodian alone
    "consent-example-notOrg": {f"{PROVISION}.actor[0].reference"},  # until somebody says who f001 is
    "consent-example-notThem": {TYPE, f"{PROVISION}.actor[0].reference"},  # a nurse is no recipient here
    "consent-example-notThis": {f"{PROVISION}.data"},
    "consent-example-notTime": {TYPE},
    "consent-example-pkb": {
        TYPE,
        f"{PROVISION}.securityLabel[0]",
        f"{PROVISION}.actor[0].reference",
        *(f"{PROVISION}.provision[{place}].type" for place in range(11)),
    },
    "consent-example-signature": {
        TYPE,
        f"{PROVISION}.actor[0].reference",
        f"{NESTED}.actor[0].role",
        f"{NESTED}.class[0]",
        f"{NESTED}.code[0]",
        f"{NESTED}.code[1]",
    },
    "consent-example-smartonfhir": {TYPE, NESTED},  # one resource type is not all medications
}
PCF_TAKEN = {
    "ex-consent-basic-treat": [permit(purposes=["clinical-care"], validity=GIVEN)],
    "ex-consent-basic-treat-infant": [permit(purposes=["clinical-care"], validity=GIVEN)],
    "ex-consent-basic-ink": [permit(purposes=["clinical-care"], validity=GIVEN)],
    "ex-consent-expired-treat": [permit(purposes=["clinical-care"], validity=(GIVEN[0], day("2023-01-01")))],
    "ex-consent-basic-reject": [deny(purposes=["clinical-care"])],
    "ex-consent-basic-research": [permit(purposes=["health-research"], validity=(day("2023-06-24"), None))],
    "ex-consent-intermediate-timeframe": [
        permit(purposes=["clinical-care"], validity=GIVEN, data_window=(day("2022-01-01"), day("2023-01-01")))
    ],
    "ex-consent-intermediate-not-timeframe": [
        permit(purposes=["clinical-care"], validity=GIVEN),
        deny(purposes=["clinical-care"], data_window=(day("2022-01-01"), day("2023-01-01"))),
    ],
    # Deny all but breaking the glass: no question to a ledger is that.
    "ex-dissent-intermediate-break-glass": [deny()],
}
PCF_REFUSED = {
    "ex-consent-intermediate-authoredby": {f"{PROVISION}.data"},
    "ex-consent-intermediate-not-authoredby": {f"{NESTED}.data"},
    "ex-consent-intermediate-encounter": {f"{PROVISION}.data"},
    "ex-consent-intermediate-not-encounter": {f"{NESTED}.data"},
    "ex-consent-intermediate-data": {f"{PROVISION}.data"},
    "ex-consent-intermediate-not-data": {f"{NESTED}.data"},
    "ex-consent-intermediate-purpose": {f"{PROVISION}.purpose[0]", f"{PROVISION}.actor[0].reference"},
    "ex-consent-advanced-normal": {f"{PROVISION}.securityLabel[0]"},
    "ex-consent-advanced-normal-restricted": {f"{PROVISION}.securityLabel[0]", f"{PROVISION}.securityLabel[1]"},
    "ex-consent-advanced-normal-not-restricted": {f"{PROVISION}.securityLabel[0]", f"{NESTED}.securityLabel[0]"},
    "ex-consent-advanced-normal-focused-restricted": {
        f"{PROVISION}.securityLabel[0]",
        f"{NESTED}.securityLabel[0]",
        f"{NESTED}.actor[0].reference",
    },
    "ex-consent-advanced-normal-focused-psy": {
        f"{PROVISION}.securityLabel[0]",
        f"{NESTED}.securityLabel[0]",
        f"{NESTED}.actor[0].reference",
    },
    "ex-consent-advanced-normal-focused-psy-or-sdv": {
        f"{PROVISION}.securityLabel[0]",
        f"{NESTED}.securityLabel[0]",
        f"{NESTED}.securityLabel[1]",
        f"{NESTED}.actor[0].reference",
    },
    "ex-consent-advanced-normal-break-glass-restricted": {f"{PROVISION}.securityLabel[0]"},
}
CLINICAL = [term.name for term in CATEGORY_TERMS if term.name != "genomics"]
EVERY = [term.name for term in CATEGORY_TERMS]
BROAD = permit(purposes=["health-research"], data_window=(day("2020-09-01"), day("2025-09-01")))
LONG = (day("2020-09-01"), day("2050-09-01"))
MII = {
    "Example_MII_Consent_Einwilligung.xml": [BROAD | {"categories": EVERY, "validity": LONG}],
    # Leave to store and process clinical data ends in 2025 here, so its use does; that of samples goes on.
    "Example_MII_Consent_Einwilligung_2.xml": [
        BROAD | {"categories": EVERY, "validity": BROAD["data_window"]},
        BROAD | {"categories": ["genomics"], "validity": LONG},
    ],
}


def test_every_example_is_in_a_table():
    assert len(HL7_REFUSED) + 1 == 12
    assert len(PCF_TAKEN) + len(PCF_REFUSED) == 23
    assert not set(PCF_TAKEN) & set(PCF_REFUSED)


@pytest.mark.parametrize("name", HL7_REFUSED)
def test_an_hl7_example_that_is_refused(name):
    reading = read(resource_of_others("fhir-r4", f"{name}.json"))
    assert reading.drafts == ()
    assert refusals(reading) == HL7_REFUSED[name]
    pointed = {place for issue in outcome_of(reading.issues)["issue"] for place in issue.get("expression", [])}
    assert HL7_REFUSED[name] <= pointed


def test_the_hl7_opt_out_denies_everything():
    reading = read(resource_of_others("fhir-r4", "consent-example-Out.json"))
    assert [short(draft.scope) for draft in reading.drafts] == [deny()]
    assert answer(reading, asked()) == answer(reading, asked(study=CARE)) == "denied_by_subject"


def test_the_hl7_deny_of_one_organization():
    """Opting in permits no research, for it names no purpose; the deny stands."""
    reading = read(resource_of_others("fhir-r4", "consent-example-notOrg.json"), F001)
    assert [short(draft.scope) for draft in reading.drafts] == [deny(recipient={"institution": "0x" + CLINIC.hex()})]
    assert answer(reading, asked(study={"institution": "0x" + CLINIC.hex()})) == "denied_by_subject"
    assert answer(reading, asked()) == "no_consent"


@pytest.mark.parametrize("name", PCF_TAKEN)
def test_a_pcf_example_that_is_taken(name):
    reading = read(pcf(name))
    assert [short(draft.scope) for draft in reading.drafts] == PCF_TAKEN[name]
    assert not refusals(reading)


def test_what_is_never_asked_is_said():
    reading = read(pcf("ex-consent-basic-treat"))
    told = {issue.expression for issue in reading.issues if issue.severity is Severity.INFORMATION}
    assert told == {f"{PROVISION}.purpose[1]", f"{PROVISION}.purpose[2]"}  # payment and operations


@pytest.mark.parametrize("name", PCF_REFUSED)
def test_a_pcf_example_that_is_refused(name):
    reading = read(pcf(name))
    assert reading.drafts == ()
    assert refusals(reading) == PCF_REFUSED[name]


@pytest.mark.parametrize(
    ("name", "question", "expected"),
    [
        ("ex-consent-basic-treat", asked(study=CARE), "permitted"),
        ("ex-consent-basic-treat", asked(), "not_covered"),
        ("ex-consent-basic-treat", asked("2022-06-12", study=CARE), "no_consent"),
        ("ex-consent-basic-treat", asked(study=CARE | {"conditions": ["commercial-use"]}), "not_covered"),
        ("ex-consent-expired-treat", asked("2022-12-31", study=CARE), "permitted"),
        ("ex-consent-expired-treat", asked("2023-01-01", study=CARE), "no_consent"),
        ("ex-consent-basic-reject", asked(study=CARE), "denied_by_subject"),
        ("ex-consent-basic-reject", asked(study={"uses": ["clinical-care", "biomedical"]}), "denied_by_subject"),
        ("ex-consent-basic-reject", asked(), "no_consent"),
        ("ex-consent-basic-research", asked(), "permitted"),
        ("ex-consent-basic-research", asked(study={"uses": ["general"]}), "not_covered"),
        ("ex-consent-basic-research", asked(study=CARE), "not_covered"),
        ("ex-consent-intermediate-timeframe", asked(study=CARE), "permitted"),
        ("ex-consent-intermediate-timeframe", asked(data=("2022-12-31", "2023-01-02"), study=CARE), "not_covered"),
        ("ex-consent-intermediate-not-timeframe", asked(study=CARE), "denied_by_subject"),
        ("ex-consent-intermediate-not-timeframe", asked(data=("2021-01-01", "2022-01-01"), study=CARE), "permitted"),
        ("ex-consent-intermediate-not-timeframe", asked(data=("2021-01-01", "2022-01-02"), study=CARE),
         "denied_by_subject"),
        ("ex-dissent-intermediate-break-glass", asked(), "denied_by_subject"),
        ("ex-dissent-intermediate-break-glass", asked(study=CARE), "denied_by_subject"),
    ],
)  # fmt: skip
def test_a_pcf_example_answers(name, question, expected):
    assert answer(read(pcf(name)), question) == expected


@pytest.mark.parametrize("name", MII)
def test_an_mii_broad_consent(name):
    reading = read(resource_of_others("mii-consent", name))
    found = [short(draft.scope) for draft in reading.drafts]
    assert sorted(found, key=str) == sorted(MII[name], key=str)


FIRST, SECOND = MII
COLLECTED = ("2021-01-01", "2025-09-01")


@pytest.mark.parametrize(
    ("name", "question", "expected"),
    [
        (FIRST, asked(), "permitted"),
        (FIRST, asked("2050-08-31", COLLECTED), "permitted"),
        (FIRST, asked("2050-09-01", COLLECTED), "no_consent"),
        (FIRST, asked("2020-08-31", COLLECTED), "no_consent"),
        (FIRST, asked(categories=["diagnoses", "genomics"]), "permitted"),
        (FIRST, asked(data=("2019-01-01", "2021-01-01")), "not_covered"),  # nothing retrospective was agreed to
        (FIRST, asked(data=("2025-08-31", "2025-09-02")), "not_covered"),
        (FIRST, asked(study={"conditions": ["transfer-abroad"]}), "not_covered"),
        (FIRST, asked(study={"conditions": ["recontact"]}), "not_covered"),
        (FIRST, asked(study={"uses": ["ancestry"]}), "not_covered"),
        (FIRST, asked(study={"uses": ["disease"], "diseases": ["MONDO:0008903"]}), "permitted"),
        (SECOND, asked(categories=["diagnoses", "genomics"]), "permitted"),
        (SECOND, asked("2025-09-01", categories=["genomics"]), "permitted"),
        (SECOND, asked("2025-09-01"), "not_covered"),
    ],
)
def test_an_mii_broad_consent_answers(name, question, expected):
    assert answer(read(resource_of_others("mii-consent", name)), question) == expected
