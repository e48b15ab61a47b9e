"""What is written reads back as the same consent; and who passes over our extension learns no more than it allows."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.vocabulary import (
    ACCEPTS,
    TOUCHES,
    Capacity,
    Category,
    Condition,
    Effect,
    Operation,
    Purpose,
    RecipientKind,
    Use,
)
from ledger.fhir.outcome import Severity
from ledger.fhir.read import read
from ledger.fhir.times import LAST_WRITABLE
from ledger.fhir.write import Release, write
from tests.unit.domain.cases import AT, SCOPE, SUBJECT, consent, deny
from tests.unit.domain.test_wording import scopes

IDS = st.binary(min_size=32, max_size=32).filter(any)


@st.composite
def consents(draw):
    scope = draw(scopes())
    return Consent(
        subject=draw(IDS),
        id=draw(IDS),
        version=draw(st.integers(1, (1 << 24) - 1)),
        scope=scope,
        terms_version=draw(st.integers(1, (1 << 32) - 1)),
        valid_until=draw(st.integers(0, scope.valid_until)),
        capacity=draw(st.sampled_from(Capacity)),
        state=draw(st.sampled_from(ConsentState)),
    )


def uses_of(scope, table):
    return {use for use in Use if scope.purposes & table[use]}


def says_no_more(inner, outer):
    """Whether all that a scope describes lies within another, dimension by dimension."""
    table = TOUCHES if outer.effect == Effect.DENY else ACCEPTS
    return (
        (outer.recipient_kind == RecipientKind.ANY or inner.recipient == outer.recipient)
        and uses_of(inner, table) <= uses_of(outer, table)
        and not inner.conditions & ~outer.conditions
        and not inner.operations & ~outer.operations
        and not inner.categories & ~outer.categories
        and outer.valid_from <= inner.valid_from
        and inner.valid_until <= outer.valid_until
        and outer.data_from <= inner.data_from
        and inner.data_until <= outer.data_until
    )


@pytest.mark.parametrize("release", Release)
@settings(deadline=None)
@given(consents())
def test_a_consent_reads_back_field_by_field(release, one):
    resource = json.loads(json.dumps(write(one, release)))
    reading = read(resource)
    assert [draft.native for draft in reading.drafts] == [one]
    assert reading.drafts[0].scope == one.scope
    assert reading.drafts[0].state is one.state
    assert reading.issues == ()


@pytest.mark.parametrize("release", Release)
@settings(deadline=None)
@given(consents())
def test_without_the_extension_it_says_no_more(release, one):
    resource = write(one, release)
    assert resource["modifierExtension"]
    reading = read({name: value for name, value in resource.items() if name != "modifierExtension"})
    effective = replace(one.scope, valid_until=one.valid_until)
    assert len(reading.drafts) <= 1
    for draft in reading.drafts:
        if draft.scope.effect == Effect.PERMIT:
            assert one.scope.effect == Effect.PERMIT
            assert says_no_more(draft.scope, effective)
        elif one.scope.effect == Effect.DENY:
            assert says_no_more(effective, draft.scope)
    if one.scope.effect == Effect.DENY and one.valid_until > one.scope.valid_from:
        assert reading.drafts


def test_a_permit_without_the_extension_is_still_a_permit():
    for release in Release:
        resource = write(PERMIT, release)
        (draft,) = read({name: value for name, value in resource.items() if name != "modifierExtension"}).drafts
        assert draft.scope == replace(PERMIT.scope, conditions=0, valid_until=PERMIT.valid_until)


PERMIT = consent(
    purposes=Purpose.HMB,
    conditions=Condition.RECONTACT,
    operations=Operation.DIFFERENTIAL_PRIVACY,
    categories=Category.DIAGNOSES | Category.GENOMICS,
    valid_from=AT,
    valid_until=AT + 10,
)
SAMPLES = {
    "permit": PERMIT,
    "permit of an institution": consent(recipient_kind=2, recipient=SUBJECT),
    "permit of a study": consent(recipient_kind=3, recipient=SUBJECT, data_from=10, data_until=20),
    "permit by disease": consent(purposes=Purpose.DS, diseases=5070),
    "permit beyond all dates": consent(valid_from=LAST_WRITABLE + 1),
    "deny": deny(),
    "narrow deny": deny(categories=Category.GENOMICS, valid_from=AT),
    "withdrawn": consent(state=ConsentState.WITHDRAWN),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_library_of_others_takes_what_is_written(name):
    r4b = pytest.importorskip("fhir.resources.R4B.consent")
    r5 = pytest.importorskip("fhir.resources.consent")
    for model, release in ((r4b.Consent, Release.R4), (r5.Consent, Release.R5)):
        resource = write(SAMPLES[name], release)
        held = model.model_validate(resource)
        assert json.loads(held.model_dump_json(exclude_none=True)) == resource


def test_the_elements_of_a_permit():
    resource = write(PERMIT, Release.R4)
    assert resource["status"] == "active"
    assert resource["scope"]["coding"][0]["code"] == "research"
    assert resource["provision"] == {
        "type": "permit",
        "period": {"start": "2027-01-15T08:00:00Z", "end": "2027-01-15T08:00:09Z"},
        "action": [{"coding": [{"system": "urn:consentry:fhir:operation", "code": "differential-privacy"}]}],
        "purpose": [
            {
                "system": "http://purl.obolibrary.org/obo/duo.owl",
                "code": "DUO:0000006",
                "display": "health and medical research",
            }
        ],
        "code": [
            {"coding": [{"system": "urn:consentry:fhir:category", "code": "diagnoses"}]},
            {"coding": [{"system": "urn:consentry:fhir:category", "code": "genomics"}]},
        ],
    }
    later = write(PERMIT, Release.R5)
    assert later["decision"] == "deny"
    (provision,) = later["provision"]
    assert provision == {name: value for name, value in resource["provision"].items() if name != "type"}


def test_a_deny_stands_as_a_deny_of_everything():
    for release in Release:
        resource = write(SAMPLES["narrow deny"], release)
        stripped = {name: value for name, value in resource.items() if name != "modifierExtension"}
        (draft,) = read(stripped).drafts
        assert draft.scope == deny(valid_from=AT, terms=SCOPE.terms).scope


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["status"], "inactive"),
        (["provision", "type"], "deny"),
        (["provision", "period", "end"], "2090-01-01"),
        (["provision", "purpose"], []),
        (["implicitRules"], "urn:x"),
        (["_status"], {"id": "a"}),
        (["patient", "identifier", "value"], "0x00"),
        (["id"], "other"),
    ],
)
def test_an_edit_beside_the_extension_is_seen(path, value):
    resource = json.loads(json.dumps(write(PERMIT, Release.R4)))
    at = resource
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    reading = read(resource)
    assert reading.drafts == ()
    assert [issue.expression for issue in reading.issues if issue.severity is Severity.ERROR] == [f"Consent.{path[0]}"]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"version":1', '"version":1.0'),
        lambda text: text.replace('"version":1', '"version":true'),
        lambda text: text.replace('"state":"active"', '"state":"dormant"'),
        lambda text: text.replace('"health-research"', '"all-research"'),
        lambda text: text + " ",
        lambda text: text.replace('"capacity":"self",', ""),
        lambda _: "[]",
        lambda _: "{",
        lambda _: 7,
    ],
)
def test_a_broken_extension_is_refused(change):
    resource = write(PERMIT, Release.R4)
    (extension,) = resource["modifierExtension"]
    resource["modifierExtension"] = [extension | {"valueString": change(extension["valueString"])}]
    reading = read(resource)
    assert reading.drafts == ()
    assert "Consent.modifierExtension" in {issue.expression for issue in reading.issues}
