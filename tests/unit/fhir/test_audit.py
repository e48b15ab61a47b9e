"""AuditEvents against the profiles that IHE wrote: what each says must be there, and what must not."""

import json
import os
from pathlib import Path

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from ledger.domain.audit import Kind, NewEntry
from ledger.fhir.audit import Row, audit_events

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")) / "balp"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the IHE profiles are not here")
LOG, ENGINE, STUDY, DECISION = b"\x0a" * 32, "0x" + "0b" * 32, "0x" + "0c" * 32, "0x" + "0d" * 32
ROOT = "0x" + "0f" * 32
ROWS = [
    Row("0x" + "01" * 32, permitted=True, reason="permit", consent="0x" + "1c" * 32),
    Row("0x" + "02" * 32, permitted=False, reason="no_consent", consent=None),
]
FACTS = {
    Kind.DECISION: {"outcome": "permit", "cohort": {"root": ROOT, "size": 2}, "excluded": {"no_consent": 1}},
    Kind.COMPLETED: {"run": "r", "outputs": []},
    Kind.ACCESSED: {},
    Kind.DISCLOSED: {"recipient": "institution:0x" + "77" * 32},
}


def entry(kind, **changes):
    fields = {"actor": f"engine:{ENGINE}", "study": STUDY, "engine": ENGINE, "decision": DECISION}
    fields |= {"block": (7, "0x" + "0e" * 32), "facts": FACTS.get(kind, {})} | changes
    return NewEntry(kind=kind, **fields).document(log=LOG, index=3, time=1_700_000_000)


def events(kind, rows=ROWS, **changes):
    return list(audit_events(entry(kind, **changes), {STUDY: "Lung"}, rows, ROOT))


def profile(event):
    return event.get("meta", {}).get("profile", [""])[0].rpartition("BasicAudit.")[2]


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("rows", [None, ROWS])
def test_each_kind_makes_valid_fhir(kind, rows):
    made = events(kind, rows)
    assert made
    for event in made:
        AuditEvent.model_validate(event)
    assert len({event["id"] for event in made}) == len(made)


def test_each_row_is_an_event_of_its_own():
    permit, deny = events(Kind.DECISION)
    assert (permit["outcome"], "outcomeDesc" in permit) == ("0", False)
    assert (deny["outcome"], deny["outcomeDesc"]) == ("8", "deny: no_consent")
    assert [one["entity"][0]["what"]["identifier"]["value"] for one in (permit, deny)] == [row.subject for row in ROWS]
    assert len(events(Kind.COMPLETED)) == 1, "only whoever permits is read"
    assert [profile(event) for event in events(Kind.DISCLOSED)] == [
        "PrivacyDisclosure.Source",
        "PrivacyDisclosure.Recipient",
    ]


def test_without_rows_nobody_is_named():
    made = [event for kind in Kind for event in events(kind, None)]
    text = json.dumps(made)
    assert not any(row.subject in text for row in ROWS)
    assert ROOT in text


@pytest.mark.parametrize(("outcome", "code"), [("permit", "0"), ("deny", "8"), ("abstain", "8"), ("maybe", "8")])
def test_unknown_is_never_a_permit(outcome, code):
    (event,) = events(Kind.DECISION, None, facts={"outcome": outcome})
    assert event["outcome"] == code


def test_an_entry_of_odd_facts_is_still_an_event():
    for facts in ({}, {"cohort": 3, "excluded": None}, {"recipient": 5}, {"run": []}):
        for kind in Kind:
            for event in events(kind, None, facts=facts):
                AuditEvent.model_validate(event)


@needs_data
@pytest.mark.parametrize("kind", [Kind.DECISION, Kind.COMPLETED, Kind.ACCESSED, Kind.DISCLOSED])
@pytest.mark.parametrize("rows", [None, ROWS])
def test_the_profiles_are_met(kind, rows):
    for event in events(kind, rows):
        name = profile(event)
        assert name
        for wanted in ("Read", name) if name == "PatientRead" else (name,):
            assert list(broken(event, wanted)) == []


@needs_data
def test_the_checker_of_profiles_sees_what_is_broken():
    for number, change in enumerate(
        (
            lambda event: event.pop("subtype"),
            lambda event: event.update(action="R"),
            lambda event: event["agent"][0].pop("network"),
            lambda event: event["agent"][1].update(altId="x"),
            lambda event: event["agent"].pop(3),
            lambda event: event["source"]["observer"]["identifier"].update(value="somebody else"),
            lambda event: event["entity"].pop(0),
            lambda event: event["subtype"][0].update(code="AuthZ-Weather"),
        )
    ):
        event = json.loads(json.dumps(events(Kind.DECISION)[0]))
        change(event)
        assert list(broken(event, "AuthZconsent")), number


def broken(event, name):
    """What a profile's differential demands of an event and does not find: cardinality, patterns, slices, source."""
    elements = json.loads((DATA / f"StructureDefinition-IHE.BasicAudit.{name}.json").read_text())["differential"][
        "element"
    ]
    slices = {one["id"]: patterns(elements, one["id"]) for one in elements if "sliceName" in one}
    for one in elements:
        steps = one["id"].split(".")[1:]
        found = reach([event], steps, slices) if steps else [event]
        holders = reach([event], steps[:-1], slices) if steps else []
        for holder in holders:
            count = len(reach([holder], steps[-1:], slices, "AuditEvent" + "".join(f".{step}" for step in steps[:-1])))
            if count < one.get("min", 0) or count > float(one.get("max", "inf").replace("*", "inf")):
                yield f"{one['id']}: {count} times"
        for key, wanted in one.items():
            if key.startswith("pattern") and "sliceName" not in one:
                yield from (f"{one['id']}: {value}" for value in found if not matches(value, wanted))
        for rule in one.get("constraint", []):
            if rule["key"] == "val-audit-source":
                yield from (
                    f"{one['id']}: {rule['human']}" for value in found if value["who"] != event["source"]["observer"]
                )
        if one.get("binding", {}).get("valueSet", "").endswith("AuthZsubTypeVS"):
            codes = json.loads((DATA / "CodeSystem-AuthZsubType.json").read_text())
            known = {(codes["url"], concept["code"]) for concept in codes["concept"]}
            yield from (f"{one['id']}: {value}" for value in found if (value["system"], value["code"]) not in known)


def patterns(elements, slice_id):
    """What makes an item one of a slice: its patterns or its type's; the slice without is that of the REST reads."""
    found = {
        element["id"][len(slice_id) :].removeprefix("."): value
        for element in elements
        if element["id"] in (slice_id, f"{slice_id}.type")
        for key, value in element.items()
        if key.startswith("pattern")
    }
    return found or {"": {"system": "http://hl7.org/fhir/restful-interaction"}}


def reach(values, steps, slices, path="AuditEvent"):
    for step in steps:
        name = step.partition(":")[0]
        items = [item for value in values if name in value for item in as_list(value[name])]
        path = f"{path}.{step}"
        if ":" in step:
            wanted = slices[path]
            items = [i for i in items if all(matches(i if not at else i.get(at, {}), w) for at, w in wanted.items())]
        values = items
    return values


def as_list(value):
    return value if isinstance(value, list) else [value]


def matches(value, pattern):
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(
            key in value and matches(value[key], item) for key, item in pattern.items()
        )
    if isinstance(pattern, list):
        return isinstance(value, list) and all(any(matches(one, item) for one in value) for item in pattern)
    return value == pattern
