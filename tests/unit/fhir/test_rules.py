"""What nested provisions become: by hand, and held to a reading of FHIR's nesting that shares no code with ours."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger.domain.consent import ConsentState
from ledger.domain.vocabulary import RecipientKind
from ledger.fhir import codes
from ledger.fhir.known import Known
from ledger.fhir.read import read, says_deny
from tests.unit.fhir.cases import (
    ACT_CODE,
    actor,
    answer,
    asked,
    concept,
    day,
    purpose,
    r4,
    r5,
    refusals,
    short,
)

CLINIC, STUDY = bytes([5]) * 32, bytes([6]) * 32
KNOWN = Known(
    recipients={
        "Organization/clinic": (RecipientKind.INSTITUTION, CLINIC),
        "ResearchStudy/1": (RecipientKind.STUDY, STUDY),
    },
    custodians=frozenset({"Organization/home"}),
)
DEFAULT = replace(KNOWN, deny_is_default=True)
HMB = ["health-research"]
RESEARCH = ["health-research", "ancestry-research", "methods-development"]
YEAR = {"start": "2022", "end": "2022"}
IN_2022 = (day("2022-01-01"), day("2023-01-01"))


def permit(**limits):
    return {"effect": "permit", "conditions": [], "purposes": HMB} | limits


def deny(**limits):
    return {"effect": "deny", "purposes": RESEARCH} | limits


EVERYTHING_DENIED = {"effect": "deny"}


def rule(kind, *nested, **elements):
    return {"type": kind} | elements | ({"provision": list(nested)} if nested else {})


def research(**elements):
    return {"type": "permit", "purpose": purpose("HRESCH")} | elements


PRIVACY = concept(codes.SCOPE, "patient-privacy")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (r4(research()), [permit()]),
        (r4(research(), dateTime="2022-06-01"), [permit(validity=(day("2022-06-01"), None))]),
        (r4(research(period={"start": "2021"}), dateTime="2022"), [permit(validity=(day("2021-01-01"), None))]),
        (r4(research(period=YEAR)), [permit(validity=IN_2022)]),
        (r4(research(period={"end": "2022-02"})), [permit(validity=(None, day("2022-03-01")))]),
        (r4(research(dataPeriod=YEAR)), [permit(data_window=IN_2022)]),
        (r4(rule("permit", purpose=purpose("HRESCH", "TREAT"))), [permit(purposes=[*HMB, "clinical-care"])]),
        (r4(rule("permit", purpose=purpose("HRESCH", "HPAYMT", "ETREAT"))), [permit()]),
        (r4(rule("permit", purpose=[{"system": codes.DUO, "code": "DUO_0000042"}])),
         [permit(purposes=["general-research"])]),
        (r4(rule("permit", purpose=[{"system": "http://purl.obolibrary.org/obo/",
                                     "code": "http://purl.obolibrary.org/obo/DUO_0000006"},
                                    {"system": codes.DUO, "code": "DUO:0000018"}])), [permit()]),
        (r4(research(actor=[actor("Organization/clinic"), actor("ResearchStudy/1", "PRCP")])),
         [permit(recipient={"institution": "0x" + CLINIC.hex()}), permit(recipient={"study": "0x" + STUDY.hex()})]),
        (r4(research(actor=[actor("Organization/home", "CST")])), "Consent.provision.actor"),
        (r4(research(actor=[actor("Organization/home", "CST"), actor("ResearchStudy/1")])),
         [permit(recipient={"study": "0x" + STUDY.hex()})]),
        (r4(rule("deny", actor=[actor("Organization/home", "CST"), actor("ResearchStudy/1")])), [deny()]),
        (r4(rule("deny", actor=[actor("Organization/9", "CST")]), organization=[{"reference": "Organization/9"}]),
         [deny()]),
        (r4(research(action=[concept(codes.ACTION, "access"), concept(codes.ACTION, "collect")])),
         [permit(operations=["record-access"])]),
        (r4(rule("deny", action=[concept(codes.ACTION, "access")])), [deny()]),
        (r4({"type": "permit", "purpose": purpose("HRESCH"), "class": [
            {"system": "http://hl7.org/fhir/resource-types", "code": "Condition"},
            {"system": "http://hl7.org/fhir/resource-types", "code": "Observation"}]}),
         [permit(categories=["diagnoses", "vitals", "social-history"])]),
        (r4({"type": "deny", "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]}),
         [deny(categories=["diagnoses", "mental-health", "reproductive-health", "substance-use", "outcomes"])]),
        (r4(rule("deny", code=[concept(codes.LOINC, "8716-3"), concept(codes.LOINC, "18748-4")])),
         [deny(categories=["vitals", "imaging"])]),
        (r4(research(code=[concept(codes.LOINC, "8716-3")])), "Consent.provision.code[0]"),
        (r4(research(securityLabel=[{"system": ACT_CODE, "code": "PSY"}])), "Consent.provision.securityLabel[0]"),
        (r4(rule("deny", securityLabel=[{"system": ACT_CODE, "code": "PSY"}])), [deny(categories=["mental-health"])]),
        (r4(rule("deny", code=[concept(codes.OWN_CATEGORY, "imaging")],
                 securityLabel=[{"system": ACT_CODE, "code": "PSY"}])), "Consent.provision"),
        (r4(rule("deny")), [deny()]),
        (r4(rule("deny"), scope=PRIVACY), [EVERYTHING_DENIED]),
        (r4(rule("deny", period=YEAR)), [deny(validity=IN_2022)]),
        (r4(rule("deny"), dateTime="2022-06-01"), [deny()]),
        # Denies inside a permit are limited as it, where they name nothing themselves.
        (r4(research(provision=[rule("deny", dataPeriod=YEAR)])), [permit(), deny(data_window=IN_2022)]),
        (r4(research(period=YEAR, provision=[rule("deny", purpose=purpose("TREAT"))])),
         [permit(validity=IN_2022), deny(purposes=["clinical-care"], validity=IN_2022)]),
        (r4(rule("permit", rule("deny", purpose=purpose("BIORCH")))), [deny(purposes=HMB)]),
        # The base rule of a policy code.
        (r4(None, policyRule=concept(ACT_CODE, "OPTOUT")), [deny()]),
        (r4({"provision": [rule("deny", dataPeriod=YEAR)]}, policyRule=concept(ACT_CODE, "OPTOUT")),
         [deny(), deny(data_window=IN_2022)]),
        (r4(research(), policyRule=concept(ACT_CODE, "OPTIN")), [permit()]),
        (r4(rule("deny", purpose=purpose("BIORCH")), policyRule=concept(ACT_CODE, "OPTOUT")),
         [deny(), deny(purposes=HMB)]),
        (r4(rule("deny", purpose=purpose("BIORCH")), policyRule=concept(ACT_CODE, "OPTIN")), [deny(purposes=HMB)]),
        (r4(None, policyRule=concept(ACT_CODE, "OPTIN")), "Consent.policyRule"),
        (r4(research(), policyRule=concept(ACT_CODE, "OPTINR")), "Consent.policyRule.coding[0]"),
        (r4(research(), policyRule=concept("urn:local", "no-research")), "Consent.policyRule.coding[0]"),
        (r4(research(), policyRule=concept(codes.POLICY_CODES, "cric")), [permit()]),
        (r4(research(), policyRule={"text": "No research at all."}), "Consent.policyRule"),
        (r4(rule("deny"), policyRule={"text": "No research at all."}), [deny()]),
        (r4(None), "Consent.provision"),
        (r4({"purpose": purpose("HRESCH")}), "Consent.provision.type"),
        # R5: the decision is the default, provisions are exceptions, and so on inwards.
        (r5("deny"), [EVERYTHING_DENIED]),
        (r5("deny", {"purpose": purpose("HRESCH")}), [permit()]),
        (r5("deny", {"purpose": purpose("HRESCH"), "period": {"start": "2020"}}, period=YEAR),
         [permit(validity=IN_2022)]),
        (r5("deny", {"purpose": purpose("BIORCH"), "provision": [{"dataPeriod": YEAR}]}),
         [permit(), deny(purposes=HMB, data_window=IN_2022)]),
        (r5("permit", {"purpose": purpose("HRESCH")}), [deny()]),
        (r5("permit", {"purpose": purpose("HRESCH")}, period=YEAR), [deny(validity=IN_2022)]),
        (r5("deny", {"purpose": purpose("HRESCH"), "resourceType": [
            {"system": "http://hl7.org/fhir/fhir-types", "code": "FamilyMemberHistory"}]}),
         [permit(categories=["family-history"])]),
        (r5("deny", {"purpose": purpose("HRESCH"), "actor": [{"reference": {"reference": "ResearchStudy/1"}}]}),
         [permit(recipient={"study": "0x" + STUDY.hex()})]),
        # Permits that hold together, each whole and both at once.
        (r5("deny", {"purpose": purpose("HRESCH"), "code": [concept(codes.OWN_CATEGORY, "imaging")]},
            {"purpose": purpose("HRESCH"), "code": [concept(codes.OWN_CATEGORY, "notes")], "period": YEAR}),
         [permit(categories=["imaging"]), permit(categories=["imaging", "notes"], validity=IN_2022)]),
        (r5("deny", {"purpose": purpose("HRESCH")}, {"purpose": purpose("POARCH"), "dataPeriod": YEAR}),
         [permit(), permit(purposes=["health-research", "ancestry-research"], data_window=IN_2022)]),
        (r5("deny", {"purpose": purpose("HRESCH"), "period": {"end": "2021"}},
            {"purpose": purpose("POARCH"), "period": {"start": "2022"}}),
         [permit(validity=(None, IN_2022[0])), permit(purposes=["ancestry-research"], validity=(IN_2022[0], None))]),
        (r5("deny", *({"purpose": purpose("HRESCH"), "period": {"start": f"{1971 + year}"}} for year in range(101))),
         "Consent.provision"),
        (r5("permit"), "Consent.decision"),
        (r5("perhaps"), "Consent.decision"),
        (r5("deny", category=[concept(codes.CATEGORY_CODES, "dnr")]), "Consent.category[0].coding[0]"),
        (r5("deny", category=[concept(codes.SCOPE, "research")]), [deny()]),
        (r5("deny", {}), "Consent.provision[0]"),
        (r5("permit", {"provision": [{"purpose": purpose("HRESCH")}]}), "Consent.provision[0].provision[0]"),
        # What nests in ways that are not said here.
        (r4(research(provision=[research()])), "Consent.provision.provision[0]"),
        (r4(research(provision=[rule("deny", research())])), "Consent.provision.provision[0].provision[0]"),
        (r4(research(provision=[{"dataPeriod": YEAR}])), "Consent.provision.provision[0].type"),
        (r4(rule("deny", rule("permit"))), "Consent.provision.provision[0]"),
        # An R4 deny with exceptions may be meant against other consents.
        (r4(rule("deny", research())), "Consent.provision"),
        # A deny of what nobody asks the ledger would be lost.
        (r4(rule("deny", purpose=purpose("HPAYMT"))), "Consent.provision"),
        (r4(rule("deny", action=[concept(codes.ACTION, "correct")])), "Consent.provision"),
        (r4(rule("permit", rule("deny", dataPeriod=YEAR), purpose=purpose("HPAYMT"))),
         {"Consent.provision", "Consent.provision.provision[0]"}),
        (r4(rule("permit", purpose=purpose("HPAYMT"))), "Consent.provision"),
    ],
)  # fmt: skip
def test_what_a_resource_becomes(resource, expected):
    reading = read(resource, KNOWN)
    if isinstance(expected, str):
        expected = {expected}
    if isinstance(expected, set):
        assert (reading.drafts, refusals(reading)) == ((), expected)
    else:
        assert refusals(reading) == set()
        assert [short(draft.scope) for draft in reading.drafts] == expected


def test_a_deny_that_is_the_default_leaves_its_permits():
    reading = read(r4(rule("deny", research(period={"start": "2020", "end": "2030"}), period=YEAR)), DEFAULT)
    assert [short(draft.scope) for draft in reading.drafts] == [permit(validity=IN_2022)]


def test_a_permit_is_no_wider_than_the_rule_around_it():
    imaging, vitals = (concept(codes.OWN_CATEGORY, name) for name in ("imaging", "vitals"))
    around = rule(
        "deny",
        research(code=[imaging, vitals]),
        code=[imaging],
        purpose=purpose("BIORCH", "TREAT"),
        actor=[actor("Organization/clinic")],
        action=[concept(codes.ACTION, "access")],
    )
    (draft,) = read(r4(around), DEFAULT).drafts
    assert short(draft.scope) == permit(
        categories=["imaging"], operations=["record-access"], recipient={"institution": "0x" + CLINIC.hex()}
    )


def test_permits_that_lie_outside_of_the_rule_around_them():
    late = rule("deny", research(period={"start": "2023"}), period=YEAR)
    assert refusals(read(r4(late), DEFAULT)) == {"Consent.provision.provision[0]"}


def test_a_resource_that_is_not_in_force():
    inactive = read(r4(rule("deny"), status="inactive"))
    assert [draft.state for draft in inactive.drafts] == [ConsentState.WITHDRAWN]
    assert answer(inactive, asked()) == "no_consent"
    for status in ("proposed", "draft", "rejected", "entered-in-error", "unknown", None):
        assert refusals(read(r4(rule("deny"), status=status))) == {"Consent.status"}


@pytest.mark.parametrize(
    ("changes", "expression"),
    [
        ({"modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}, "Consent.modifierExtension"),
        ({"implicitRules": "urn:x"}, "Consent.implicitRules"),
        ({"scope": concept(codes.SCOPE, "treatment")}, "Consent.scope"),
        ({"scope": concept(codes.SCOPE, "adr")}, "Consent.scope"),
        ({"scope": concept("urn:x", "research")}, "Consent.scope"),
        ({"scope": None}, "Consent.scope"),
        ({"mood": "glad"}, "Consent.mood"),
        ({"provision": None, "policyRule": None}, "Consent.provision"),
        ({"category": [concept(ACT_CODE, "EMRGONLY")]}, "Consent.category[0].coding[0]"),
        ({"verification": [{"verified": False}]}, "Consent.verification[0]"),
        ({"dateTime": "yesterday"}, "Consent.dateTime"),
        ({"dateTime": "2022-02-30"}, "Consent.dateTime"),
        ({"_dateTime": {"extension": [{"url": "urn:x"}]}}, "Consent.dateTime"),
        ({"dateTime": ""}, "Consent.dateTime"),
        ({"sourceAttachment": {"data": "?"}}, "Consent.sourceAttachment.data"),
        ({"sourceAttachment": {"data": "YQ=="}, "policy": [{"uri": "urn:t"}]}, "Consent"),
        ({"decision": "permit"}, "Consent.scope"),
    ],
)
def test_an_element_that_cannot_be_passed_over(changes, expression):
    known = Known(texts={"urn:t": bytes([7]) * 32})
    assert expression in refusals(read(r4(**({"provision": research()} | changes)), known))


@pytest.mark.parametrize(
    ("element", "expression"),
    [
        ({"modifierExtension": [{"url": "urn:x"}]}, ".modifierExtension"),
        ({"mood": 1}, ".mood"),
        ({"actor": None}, ".actor"),
        ({"actor": []}, ".actor"),
        ({"actor": {}}, ".actor"),
        ({"actor": [7]}, ".actor[0]"),
        ({"actor": [{"role": concept(codes.ROLE, "IRCP")}]}, ".actor[0]"),
        ({"actor": [actor("Organization/clinic", "AUT")]}, ".actor[0].role"),
        ({"actor": [actor("Organization/clinic") | {"role": {"text": "may not see it"}}]}, ".actor[0].role"),
        ({"actor": [actor("Practitioner/1")]}, ".actor[0].reference"),
        ({"actor": [actor("Organization/9", "CST")]}, ".actor[0].reference"),
        ({"actor": [{"reference": {"identifier": {"system": codes.OWN_STUDY, "value": "0x1"}}}]},
         ".actor[0].reference.identifier.value"),
        ({"period": {"start": "2023", "end": "2022"}}, ".period"),
        ({"period": {"end": "1969"}}, ".period"),
        ({"period": {"start": 2022}}, ".period.start"),
        ({"period": {"from": "2022"}}, ".period.from"),
        ({"period": []}, ".period"),
        ({"period": "2022"}, ".period"),
        ({"dataPeriod": {"start": "2022-13"}}, ".dataPeriod.start"),
        ({"dataPeriod": {"start": "2022-01-01T00:00:00"}}, ".dataPeriod.start"),
        ({"dataPeriod": {"start": "2022-01-01T00:00:00+15:00"}}, ".dataPeriod.start"),
        ({"purpose": [{"code": "HRESCH"}]}, ".purpose[0]"),
        ({"purpose": purpose("CLINTRCH")}, ".purpose[0]"),
        ({"purpose": purpose("DSRCH")}, ".purpose[0]"),
        ({"purpose": [{"system": codes.DUO, "code": "DUO:0000007"}]}, ".purpose[0]"),
        ({"action": [concept("urn:x", "use")]}, ".action[0]"),
        ({"action": [{"text": "use"}]}, ".action[0]"),
        ({"class": [{"system": "urn:ietf:bcp:13", "code": "application/pdf"}]}, ".class[0]"),
        ({"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Encounter"}]}, ".class[0]"),
        ({"code": [concept(codes.LOINC, "34133-9")]}, ".code[0]"),
        ({"code": [{"text": "all"}]}, ".code[0]"),
        ({"securityLabel": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]},
         ".securityLabel[0]"),
        ({"securityLabel": [{"system": ACT_CODE, "code": "SDV"}]}, ".securityLabel[0]"),
        ({"data": [{"meaning": "instance"}]}, ".data"),
        ({"provision": {"type": "deny"}}, ".provision"),
        ({"provision": []}, ".provision"),
        ({"type": "allow"}, ".type"),
        ({"type": ["permit"]}, ".type"),
    ],
    ids=str,
)  # fmt: skip
def test_a_provision_that_cannot_be_read(element, expression):
    for kind in ("permit", "deny"):
        provision = {"type": kind, "purpose": purpose("HRESCH")} | element
        assert "Consent.provision" + expression in refusals(read(r4(provision), KNOWN))


@pytest.mark.parametrize("value", [None, 7, [], "Consent", {}, {"resourceType": "Contract"}])
def test_what_is_no_consent(value):
    reading = read(value)
    assert (reading.refused, refusals(reading), reading.form) == (True, {"Consent"}, bytes(32))


def test_what_cannot_be_written_down_again():
    deep = research()
    for _ in range(2000):
        deep = rule("permit", deep)
    for odd in (r4(deep), r4(research(), id="\ud800")):
        assert read(odd).refused
    nested = research(provision=[rule("deny", rule("deny", rule("deny", rule("deny", rule("deny")))))])
    assert "deeper" in str(read(r4(nested)).issues[0])


@pytest.mark.parametrize(
    ("resource", "denies"),
    [
        (r4(research()), False),
        (r4(rule("deny")), True),
        (r4(research(provision=[rule("deny")])), True),
        (r4(None, policyRule=concept(ACT_CODE, "OPTOUT")), True),
        (r5("deny"), True),
        (r5("permit"), False),
        (r5("permit", {"purpose": purpose("HRESCH")}), True),
    ],
)
def test_whether_somebody_must_see_to_a_deny(resource, denies):
    assert says_deny(resource) is denies


# --- held to another reading ------------------------------------------------------------------------------------------

USES = ("general", "biomedical", "ancestry", "methods", "clinical-care")
ALLOWED = {"HRESCH": {"biomedical"}, "BIORCH": {"biomedical"}, "TREAT": {"clinical-care"}, "HPAYMT": set()}
FORBIDDEN = {
    "HRESCH": {"general", "biomedical", "ancestry", "methods"},
    "BIORCH": {"general", "biomedical"},
    "TREAT": {"clinical-care"},
    "HPAYMT": set(),
}
DAYS = {"2021": ("2021-01-01", "2022-01-01"), "2022": ("2022-01-01", "2023-01-01")}


@st.composite
def provisions(draw, kind, nested):
    made = {"type": kind}
    if draw(st.booleans()):
        made["purpose"] = purpose(
            *draw(st.lists(st.sampled_from(sorted(ALLOWED)), min_size=1, max_size=2, unique=True))
        )
    if draw(st.booleans()):
        year = draw(st.sampled_from(sorted(DAYS)))
        made["dataPeriod"] = {"start": year, "end": year}
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(["diagnoses", "imaging"]), min_size=1, unique=True))
        made["code"] = [concept(codes.OWN_CATEGORY, name) for name in names]
    if draw(st.booleans()):
        made["actor"] = [actor("Organization/clinic")]
    if nested and draw(st.booleans()):
        made["provision"] = [
            draw(provisions(draw(st.sampled_from(["deny", "deny", "permit"])), nested - 1))
            for _ in range(draw(st.integers(1, 2)))
        ]
    return made


def holds(provision, around, question, table):
    """Whether a provision is about a question, taking what it does not name from the one around it."""
    use, year, category, clinic = question
    named = {**{name: around[name] for name in around if name not in {"type", "provision"}}, **provision}
    if "purpose" in named and not any(use in table[one["code"]] for one in named["purpose"]):
        return False
    if "dataPeriod" in named and named["dataPeriod"]["start"] != year:
        return False
    if "code" in named and category not in {one["coding"][0]["code"] for one in named["code"]}:
        return False
    return clinic or "actor" not in named


def other_reading(root, question):
    """What the resource says of a question about one use, one year of data and one category."""
    denies = [one for one in root.get("provision", []) if one["type"] == "deny"]
    denies += [inner | {"x": 1} for one in denies for inner in one.get("provision", [])]
    if root["type"] == "deny" or any(holds(one, root, question, FORBIDDEN) for one in denies):
        return "denied_by_subject" if root["type"] != "deny" or holds(root, {}, question, FORBIDDEN) else "nothing"
    return "permitted" if "purpose" in root and holds(root, {}, question, ALLOWED) else "nothing"


QUESTIONS = [
    (use, year, category, clinic)
    for use in USES
    for year in DAYS
    for category in ("diagnoses", "imaging", "notes")
    for clinic in (True, False)
]


def in_full(question):
    use, year, category, clinic = question
    study = {"uses": [use], "institution": "0x" + (CLINIC if clinic else STUDY).hex()}
    return asked(data=DAYS[year], categories=[category], study=study)


ASKED = {question: in_full(question) for question in QUESTIONS}


@settings(deadline=None, max_examples=60)
@given(provisions("permit", 1) | provisions("deny", 0))
@example(
    rule(
        "permit",
        rule("deny", purpose=purpose("BIORCH")),
        purpose=purpose("HPAYMT"),
        dataPeriod={"start": "2021", "end": "2021"},
    )
)
def test_every_answer_is_the_one_that_another_reading_gives(root):
    reading = read(r4(root, scope=PRIVACY), KNOWN)
    for question in [] if reading.refused else QUESTIONS:
        said = answer(reading, ASKED[question])
        expected = other_reading(root, question)
        assert (said if said in {"permitted", "denied_by_subject"} else "nothing") == expected, (question, said)


EXTRA = st.sampled_from(
    [
        {"dataPeriod": {"start": "2022", "end": "2022"}},
        {"period": {"end": "2023"}},
        {"code": [concept(codes.OWN_CATEGORY, "diagnoses")]},
        {"code": [concept(codes.LOINC, "8716-3")]},
        {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Condition"}]},
        {"securityLabel": [{"system": ACT_CODE, "code": "PSY"}]},
        {"actor": [actor("Organization/clinic")]},
        {"actor": [actor("Practitioner/1")]},
        {"actor": [actor("Organization/home", "CST")]},
        {"action": [concept(codes.ACTION, "use")]},
        {"action": [concept(codes.ACTION, "access")]},
        {"data": [{"meaning": "instance"}]},
        {"modifierExtension": [{"url": "urn:x"}]},
        {"purpose": purpose("BIORCH")},
        {"provision": [rule("deny", dataPeriod=YEAR)]},
        {"provision": [research(period=YEAR)]},
        {"mood": "glad"},
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([("HRESCH",), ("HRESCH", "TREAT"), ("BIORCH", "HPAYMT")]), st.lists(EXTRA, max_size=4))
def test_a_limit_more_never_permits_more(purposes, extras):
    """Whatever is added to a permit, known here or not: it permits less, or the resource is refused."""
    plain = {"type": "permit", "purpose": purpose(*purposes)}
    limited = plain | {name: value for extra in extras for name, value in extra.items()}
    wide, narrow = read(r4(plain, scope=PRIVACY), KNOWN), read(r4(limited, scope=PRIVACY), KNOWN)
    assert not wide.refused
    for asking in [] if narrow.refused else ASKED.values():
        assert answer(narrow, asking) != "permitted" or answer(wide, asking) == "permitted"


JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}) | st.just([{}])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_resource_is_read_or_refused_and_never_breaks(data):
    resource = data.draw(
        st.sampled_from(
            [
                r4(research(provision=[rule("deny", dataPeriod=YEAR)], actor=[actor("Organization/clinic")])),
                r5("deny", {"purpose": purpose("HRESCH"), "code": [concept(codes.OWN_CATEGORY, "notes")]}),
                r4(None, policyRule=concept(ACT_CODE, "OPTOUT"), organization=[{"reference": "Organization/1"}]),
            ]
        )
    )
    resource = json.loads(json.dumps(resource))
    at = resource
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not at[key] or not isinstance(at[key], dict | list) or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(JUNK)
    reading = read(resource, KNOWN)
    assert reading.refused or not refusals(reading)


@settings(deadline=None, max_examples=60)
@given(provisions("permit", 1))
def test_r5_says_the_same_in_its_own_nesting(root):
    """A permit with denies inside is, in R5, a default of deny with an exception, with exceptions."""
    if "purpose" not in root or any(one["type"] == "permit" for one in root.get("provision", [])):
        return
    exception = {name: value for name, value in root.items() if name not in {"type", "provision"}}
    if "provision" in root:
        exception["provision"] = [
            {name: value for name, value in one.items() if name != "type"} for one in root["provision"]
        ]
    before, after = read(r4(root, scope=PRIVACY), KNOWN), read(r5("deny", exception), KNOWN)
    if {code["code"] for code in root["purpose"]} == {"HPAYMT"}:
        return  # an R4 permit of nothing that is asked here is refused, an R5 default without exceptions is a deny
    said = [(draft.scope.effect, short(draft.scope)) for draft in before.drafts]
    assert [(draft.scope.effect, short(draft.scope)) for draft in after.drafts] == said


def without_type(provision):
    """The provision as R5 writes it, where the nesting gives the effect."""
    nested = [without_type(one) for one in provision.get("provision", [])]
    made = {name: value for name, value in provision.items() if name not in {"type", "provision"}}
    return made | ({"provision": nested} if nested else {})


@settings(deadline=None, max_examples=60)
@given(st.lists(provisions("permit", 1), min_size=1, max_size=3))
def test_several_exceptions_to_a_default_of_deny(exceptions):
    nested = [inner for one in exceptions for inner in one.get("provision", [])]
    if any("purpose" not in one for one in exceptions) or any(one["type"] == "permit" for one in nested):
        return
    reading = read(r5("deny", *map(without_type, exceptions)), KNOWN)
    if reading.refused or any(draft.expression == "Consent.decision" for draft in reading.drafts):
        return  # refused; or nothing that is asked here is permitted, so that the default is a deny
    expected = {}
    for question in QUESTIONS:
        said = {other_reading(one, question) for one in exceptions}
        denied = "denied_by_subject" in said
        expected[question] = "denied_by_subject" if denied else "permitted" if "permitted" in said else "nothing"
        found = answer(reading, ASKED[question])
        assert (found if found in {"permitted", "denied_by_subject"} else "nothing") == expected[question], question
    # A question about two uses, years or categories at once is permitted only where each part of it is.
    whole = {"uses": ["biomedical", "clinical-care"], "institution": "0x" + CLINIC.hex()}
    both = asked(data=("2021-01-01", "2023-01-01"), categories=["diagnoses", "imaging"], study=whole)
    if answer(reading, both) == "permitted":
        parts = [one for one in QUESTIONS if one[0] in whole["uses"] and one[2] != "notes" and one[3]]
        assert {expected[one] for one in parts} == {"permitted"}
