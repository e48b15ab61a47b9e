"""The German broad consent, code by code: what stands together, what stays closed, and what cannot be said."""

import re

import pytest

from ledger.fhir import mii
from ledger.fhir.outcome import Severity
from ledger.fhir.read import read
from tests.unit.fhir.cases import DATA, answer, asked, concept, day, purpose, r4, refusals, short

PREFIX = "2.16.840.1.113883.3.1937.777.24.5.3."
GIVEN = "2020-09-01"
SHORT = {"start": GIVEN, "end": "2025-08-31"}
LONG = {"start": GIVEN, "end": "2050-08-31"}
COLLECTED = (day(GIVEN), day("2025-09-01"))
USED = (day(GIVEN), day("2050-09-01"))
USE = {8: LONG, 7: LONG, 6: SHORT}
SAMPLES = {22: LONG, 20: LONG, 19: SHORT}


def code(number):
    return concept(mii.SYSTEM, f"{PREFIX}{number}")


def broad(periods, denied=(), **changes):
    """A broad consent: for each code that is permitted its period, and the codes that are denied."""
    nested = [{"type": "permit", "period": period, "code": [code(number)]} for number, period in periods.items()]
    nested += [{"type": "deny", "period": LONG, "code": [code(number)]} for number in denied]
    return r4({"type": "deny", "period": LONG, "provision": nested}, **({"dateTime": GIVEN} | changes))


def undated():
    """Neither the consent nor its leave to collect says since when."""
    resource = broad(USE | {6: {"end": "2025"}}, dateTime=None)
    del resource["provision"]["period"]
    return resource


def becomes(resource):
    reading = read(resource)
    assert refusals(reading) == set()
    made = [short(draft.scope) for draft in reading.drafts]
    for one in made:
        if isinstance(one.get("categories"), list) and len(one["categories"]) > 1:
            one["categories"] = f"{len(one['categories'])}{' with' if 'genomics' in one['categories'] else ''}"
    return made


def permit(**limits):
    return {
        "effect": "permit",
        "purposes": ["health-research"],
        "conditions": [],
        "categories": "15",
        "validity": USED,
        "data_window": COLLECTED,
    } | limits


RESEARCH = ["health-research", "ancestry-research", "methods-development"]


def deny(**limits):
    return {"effect": "deny", "purposes": RESEARCH, "categories": "15", "validity": USED} | limits


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (broad(USE), [permit()]),
        (broad({1: LONG} | {6: LONG}), [permit(conditions=["linkage"], data_window=USED)]),
        (broad(USE | {7: SHORT}), [permit(validity=COLLECTED)]),
        (broad(USE | {45: LONG}), [permit(data_window=(None, COLLECTED[1]))]),
        (broad({8: LONG, 7: LONG, 45: LONG}), [permit(data_window=(None, COLLECTED[0]))]),
        (broad(USE | {49: LONG}), [permit(conditions=["transfer-abroad"])]),
        (broad(USE | {49: SHORT}), [permit()]),  # abroad ends before the use does: it stays closed
        (broad(USE | {27: LONG, 28: LONG, 29: LONG, 9: LONG}), [permit(conditions=["recontact", "linkage"])]),
        (broad(USE | {26: LONG}), [permit(conditions=["recontact"])]),
        (broad(USE | {27: LONG, 28: LONG}), [permit()]),  # not every way of being contacted again
        (broad(SAMPLES), [permit(categories=["genomics"])]),
        (broad(SAMPLES | {51: LONG, 52: LONG}), [permit(categories=["genomics"], data_window=(None, COLLECTED[1]))]),
        (broad(SAMPLES | {51: LONG}), [permit(categories=["genomics"])]),
        (broad(USE | SAMPLES), [permit(categories="16 with")]),
        # Samples alone may go abroad; both together may be used at home.
        (broad(USE | SAMPLES | {55: LONG}),
         [permit(categories=["genomics"], conditions=["transfer-abroad"]), permit(categories="16 with")]),
        (broad(USE | {2: LONG, 13: LONG, 25: LONG, 46: LONG, 64: LONG}), [permit()]),
        (broad({}, denied=[8]), [deny()]),
        (broad({}, denied=[7]), [deny()]),
        (broad({}, denied=[22]), [deny(categories=["genomics"])]),
        (broad({}, denied=[6]), [deny(data_window=USED)]),
        (broad({}, denied=[45]), [deny(data_window=(None, COLLECTED[0]))]),
        (broad({}, denied=[46]), [deny(data_window=(None, COLLECTED[0]))]),
        (broad({}, denied=[49]), [deny(conditions=["transfer-abroad"])]),
        (broad({}, denied=[9]), [deny(conditions=["linkage"])]),
        (broad({}, denied=[29]), [{name: value for name, value in deny(conditions=["recontact"]).items()
                                   if name != "categories"}]),
        (broad(USE, denied=[22]), [permit(), deny(categories=["genomics"])]),
    ],
)  # fmt: skip
def test_what_the_codes_say_together(resource, expected):
    made = becomes(resource)
    if all(one["effect"] == "deny" for one in expected):
        assert made.pop(0)["effect"] == "deny"  # without a permit the base rule itself is a deny of research
    expected = [{name: value for name, value in one.items() if value != (None, None)} for one in expected]
    assert made == expected


def test_a_refusal_of_everything_is_a_deny():
    reading = read(r4({"type": "deny", "period": LONG}, dateTime=GIVEN))
    assert [short(draft.scope) for draft in reading.drafts] == [
        {"effect": "deny", "purposes": RESEARCH, "validity": USED}
    ]


NESTED = "Consent.provision.provision"


@pytest.mark.parametrize(
    ("resource", "expressions"),
    [
        (broad({8: LONG, 6: LONG}), {f"{NESTED}[0].code[0].coding[0]"}),  # use, without storing and processing
        (broad({8: LONG, 7: LONG}), {f"{NESTED}[0].code[0].coding[0]"}),  # use of nothing that may be collected
        (undated(), {f"{NESTED}[0].code[0].coding[0]"}),
        (broad({8: LONG, 7: LONG, 45: LONG}, dateTime=None), {f"{NESTED}[0].code[0].coding[0]"}),
        (broad(USE | {56: LONG}), {f"{NESTED}[3].code[0].coding[0]"}),  # a network that cannot be named here
        (broad(USE | {999: LONG}), {f"{NESTED}[3].code[0].coding[0]"}),
        (broad(USE | {"x": LONG}), {f"{NESTED}[3].code[0].coding[0]"}),
        (broad({}, denied=[2]), {f"{NESTED}[0].code[0].coding[0]"}),
        (broad({}, denied=[13]), {f"{NESTED}[0].code[0].coding[0]"}),
        (broad(USE | {1: SHORT}), {f"{NESTED}[3].code[0].coding[0]"}),  # one code in two periods
        (r4({"type": "deny", "code": [code(8)]}), {"Consent.provision"}),
        (r4({"type": "deny", "provision": [{"type": "permit", "code": [code(8)], "purpose": purpose("HRESCH")}]}),
         {f"{NESTED}[0]"}),
        (r4({"type": "deny", "provision": [{"type": "permit", "code": [code(8)],
                                            "provision": [{"type": "deny", "code": [code(9)]}]}]}), {f"{NESTED}[0]"}),
    ],
)  # fmt: skip
def test_what_cannot_be_said(resource, expressions):
    reading = read(resource)
    assert reading.drafts == ()
    assert refusals(reading) == expressions


def test_the_deny_around_is_the_default_and_nothing_more():
    reading = read(broad(USE))
    assert answer(reading, asked("2030-01-01", ("2021-01-01", "2021-02-01"))) == "permitted"
    assert answer(reading, asked("2030-01-01", ("2021-01-01", "2021-02-01"), study={"uses": ["methods"]})) == (
        "not_covered"
    )
    assert [issue.expression for issue in reading.issues if issue.severity is Severity.INFORMATION] == [
        "Consent.provision"
    ]


def test_every_code_of_the_code_system_has_its_place():
    """The tables name each code of the published system once, as a module, a part of the rule, or set aside."""
    path = DATA / "mii-consent" / "CodeSystem-MiiConsentPolicyCodeSystem.xml"
    if not path.exists():
        pytest.skip(f"no mii-consent under {DATA}: set CONSENTRY_TEST_DATA to the folder that holds it")
    published = {int(number) for number in re.findall(rf'<code value="{re.escape(PREFIX)}(\d+)"', path.read_text())}
    used = mii.RECONTACT.union(
        *({one.use, one.process, one.collect, one.abroad, one.linkage, *one.past} for one in mii.MATERIALS)
    )
    groups = [set(mii.MODULES), mii.UNSAID, mii.UNASKED, used]
    named = [number for group in groups for number in group]
    assert len(named) == len(set(named))
    assert set(named) <= published
    # Modules of single projects are not read: a resource that permits or denies one whole is refused.
    assert published - set(named) == {32, 35, 57, 59, 61, 63, 67, 78, 82, 85, 88, 91, 94, 96, 99, 102, 111, 120}
