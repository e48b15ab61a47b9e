"""Every cell of permission, use and modifier, against tables that were written from the rule's text, not from its code.

P permits, D denies, A abstains. The tables are read by a few lines below; ``min`` over "DAP" is the rule that one
violation denies, else one unknown abstains.
"""

import itertools

import pytest

from ledger.domain.data_use import ACCEPTED, match
from ledger.domain.data_use_forms import StudyUse, parse_dataset, parse_purpose
from ledger.domain.duo_terms import Modifier, Permission
from ledger.domain.moments import read_moment
from ledger.domain.ontology import Ancestry

# 1 disease <- 10 cancer <- 11 lung cancer; 1 <- 20 heart disease
ONTOLOGY = Ancestry(
    {
        "MONDO:0000001": (),
        "MONDO:0000010": ("MONDO:0000001",),
        "MONDO:0000011": ("MONDO:0000010",),
        "MONDO:0000020": ("MONDO:0000001",),
    },
    "test",
)
ANY_DISEASE, CANCER, LUNG_CANCER, HEART_DISEASE = (f"MONDO:{number:07d}" for number in (1, 10, 11, 20))
UNHEARD_OF = "MONDO:9999999"
AS_OF = "2026-06-01"

DATASETS = {
    "NRES": {"permission": "NRES"},
    "GRU": {"permission": "GRU"},
    "HMB": {"permission": "HMB"},
    "DS": {"permission": "DS", "diseases": [CANCER]},
    "POA": {"permission": "POA"},
    "none": {},
    "two": {"permission": ["GRU", "HMB"]},
}
USES = {
    "general": {"use": "general"},
    "biomedical": {"use": "biomedical"},
    "disease itself": {"use": "disease", "diseases": [CANCER]},
    "disease inside": {"use": "disease", "diseases": [LUNG_CANCER, CANCER]},
    "disease outside": {"use": "disease", "diseases": [HEART_DISEASE]},
    "disease wider": {"use": "disease", "diseases": [ANY_DISEASE]},
    "disease half outside": {"use": "disease", "diseases": [LUNG_CANCER, HEART_DISEASE]},
    "disease unheard of": {"use": "disease", "diseases": [UNHEARD_OF]},
    "disease half unheard of": {"use": "disease", "diseases": [LUNG_CANCER, UNHEARD_OF]},
    "disease outside and unheard of": {"use": "disease", "diseases": [HEART_DISEASE, UNHEARD_OF]},
    "disease unnamed": {"use": "disease"},
    "disease empty": {"use": "disease", "diseases": []},
    "ancestry": {"use": "ancestry"},
    "methods": {"use": "methods"},
    "methods inside": {"use": "methods", "diseases": [LUNG_CANCER]},
    "methods outside": {"use": "methods", "diseases": [HEART_DISEASE]},
    "methods unheard of": {"use": "methods", "diseases": [UNHEARD_OF]},
    "clinical-care": {"use": "clinical-care"},
    "unsaid": {},
}


def table(text):
    """Rows of a name and letters, under a heading of columns."""
    heading, *lines = [line for line in text.splitlines() if line.strip()]
    columns = heading.split()
    rows = {}
    for line in lines:
        words = line.split()
        rows[" ".join(words[: -len(columns)])] = dict(zip(columns, words[-len(columns) :], strict=True))
    return rows


PERMITTED = table("""
                                NRES GRU HMB DS  POA none two
general                         P    P   D   D   D   A    A
biomedical                      P    P   P   D   D   A    A
disease itself                  P    P   P   P   D   A    A
disease inside                  P    P   P   P   D   A    A
disease outside                 P    P   P   D   D   A    A
disease wider                   P    P   P   D   D   A    A
disease half outside            P    P   P   D   D   A    A
disease unheard of              P    P   P   A   D   A    A
disease half unheard of         P    P   P   A   D   A    A
disease outside and unheard of  P    P   P   D   D   A    A
disease unnamed                 A    A   A   A   D   A    A
disease empty                   A    A   A   A   D   A    A
ancestry                        P    P   D   D   P   A    A
methods                         P    P   P   P   P   A    A
methods inside                  P    P   P   P   P   A    A
methods outside                 P    P   P   P   P   A    A
methods unheard of              P    P   P   P   P   A    A
clinical-care                   P    D   D   D   D   A    A
unsaid                          A    A   A   A   A   A    A
""")
WITH_CC = table("""
                                NRES GRU HMB DS  POA none two
clinical-care                   P    P   P   P   P   A    A
""")
# Of these two the use itself is a fact. Not in the table: satisfied.
NMDS = table("""
                                NRES GRU HMB DS  POA none two
methods                         D    D   D   D   D   D    D
methods inside                  D    D   D   P   D   D    D
methods outside                 D    D   D   D   D   D    D
methods unheard of              D    D   D   A   D   D    D
unsaid                          A    A   A   A   A   A    A
""")
NPOA = table("""
                                said-no said-yes unsaid
ancestry                        D       D        D
unsaid                          A       D        A
other                           P       D        A
""")

_TS = {"months": 12, "granted": "2026-01-01"}
_IRB_NOW = {"from": "2026-01-01", "until": "2027-01-01"}
# The modifier's value, then facts of a study that satisfy it, that violate it, and that leave it unknown.
FACTS = {
    "RS": (
        [CANCER],
        [{"topics": [CANCER]}, {"topics": [LUNG_CANCER]}, {"topics": [LUNG_CANCER, CANCER]}],
        [{"topics": [HEART_DISEASE]}, {"topics": [ANY_DISEASE]}, {"topics": [LUNG_CANCER, HEART_DISEASE]}],
        [{}, {"topics": None}, {"topics": []}, {"topics": [UNHEARD_OF]}, {"topics": [LUNG_CANCER, UNHEARD_OF]}],
    ),
    "GSO": (True, [{"genotypes": True}], [{"genotypes": False}], [{}, {"genotypes": None}]),
    "NPU": (True, [{"nonprofit": True}], [{"nonprofit": False}], [{}, {"nonprofit": None}, {"commercial": False}]),
    "NCU": (True, [{"commercial": False}], [{"commercial": True}], [{}, {"commercial": None}, {"nonprofit": True}]),
    "NPUNCU": (
        True,
        [{"nonprofit": True, "commercial": False}],
        [
            {"nonprofit": False, "commercial": False},
            {"nonprofit": True, "commercial": True},
            {"nonprofit": False},
            {"commercial": True},
        ],
        [{}, {"nonprofit": True}, {"commercial": False}, {"nonprofit": None, "commercial": None}],
    ),
    "IRB": (
        True,
        [{"ethics_approval": _IRB_NOW}, {"ethics_approval": {"from": AS_OF, "until": "2026-06-02"}}],
        [
            {"ethics_approval": {"from": "2026-01-01", "until": "2026-05-31"}},
            {"ethics_approval": {"from": "2026-01-01", "until": AS_OF}},
            {"ethics_approval": {"from": "2026-06-02", "until": "2027-01-01"}},
            {"ethics_approval": {"until": "2026-05-31"}},
            {"ethics_approval": {"from": "2026-06-02"}},
        ],
        [
            {},
            {"ethics_approval": None},
            {"ethics_approval": {}},
            {"ethics_approval": {"from": "", "until": ""}},
            {"ethics_approval": {"from": "2026-01-01"}},
            {"ethics_approval": {"from": "2026-01-01", "until": None}},
            {"ethics_approval": {"until": "2027-01-01"}},
        ],
    ),
    "PUB": (True, [{"undertakings": ["PUB", "RTN"]}], [], [{}, {"undertakings": []}, {"undertakings": ["RTN"]}]),
    "RTN": (True, [{"undertakings": ["RTN"]}], [], [{}, {"undertakings": None}, {"undertakings": ["PUB"]}]),
    "COL": (
        ["ada", "emmy"],
        [{"agreements": ["emmy", "ada"]}, {"agreements": ["emmy", "ada", "sofia"]}],
        [],
        [{}, {"agreements": None}, {"agreements": []}, {"agreements": ["ada"]}, {"agreements": ["sofia"]}],
    ),
    "GS": (
        ["DE", "FR"],
        [
            {"recipient_region": "DE", "processing_region": "DE"},
            {"recipient_region": "de", "processing_region": "FR"},
            {"recipient_region": "DE-BY", "processing_region": "DE"},
        ],
        [
            {"recipient_region": "US", "processing_region": "DE"},
            {"recipient_region": "DE", "processing_region": "US"},
            {"recipient_region": "US"},
            {"processing_region": "US", "recipient_region": None},
        ],
        [
            {},
            {"recipient_region": "DE"},
            {"processing_region": "DE", "recipient_region": ""},
            {"recipient_region": "EU", "processing_region": "DE"},
        ],
    ),
    "MOR": (
        "2027-01-01",
        [{}, {"publication_date": None}, {"publication_date": "2027-01-01"}, {"publication_date": "2030-01-01"}],
        [{"publication_date": "2026-12-31"}, {"publication_date": "2026-12-31T23:59:59Z"}],
        [],
    ),
    "TS": (_TS, [{}], [], []),
    "US": (["ada"], [{"user": "ada"}], [{"user": "emmy"}, {"user": "Ada"}], [{}, {"user": None}, {"user": ""}]),
    "PS": (["p1"], [{"project": "p1"}], [{"project": "p2"}], [{}, {"user": "p1"}]),
    "IS": (["i1", "i2"], [{"institution": "i2"}], [{"institution": "i3"}], [{}, {"user": "i1", "project": "i1"}]),
    "CC": (True, [{}], [], []),
    "NMDS": (True, [{}], [], []),
    "NPOA": (True, [{"ancestry": False}], [{"ancestry": True}], [{}, {"ancestry": None}]),
}


# Which facts of a study each modifier looks at.
SAYS = {
    "RS": {"topics"},
    "GSO": {"genotypes"},
    "NPU": {"nonprofit"},
    "NCU": {"commercial"},
    "NPUNCU": {"nonprofit", "commercial"},
    "NPOA": {"ancestry"},
    "IRB": {"ethics_approval"},
    "PUB": {"undertakings"},
    "RTN": {"undertakings"},
    "COL": {"agreements"},
    "GS": {"recipient_region", "processing_region"},
    "MOR": {"publication_date"},
    "TS": set(),
    "US": {"user"},
    "PS": {"project"},
    "IS": {"institution"},
    "CC": set(),
    "NMDS": set(),
}


def cell(modifier, kind, use, dataset):
    """The letter of one modifier, from the tables alone."""
    if modifier == "NMDS":
        return NMDS.get(use, {}).get(dataset, "P")
    if modifier == "NPOA":
        column = {"satisfied": "said-no", "violated": "said-yes", "unknown": "unsaid"}[kind]
        return NPOA[use if use in NPOA else "other"][column]
    return {"satisfied": "P", "violated": "D", "unknown": "A"}[kind]


def letter(found):
    return {"permit": "P", "deny": "D", "abstain": "A"}[found.outcome]


def ask(dataset, purpose, as_of=AS_OF, ontology=ONTOLOGY):
    return match(parse_dataset(dataset), parse_purpose(purpose), as_of and read_moment(as_of), ontology)


def with_modifiers(dataset, modifiers):
    return {**DATASETS[dataset], "modifiers": modifiers}


def expected_reasons(outcome, dataset, permitted, modifiers):
    names = {"none": ["permission"], "two": ["GRU", "HMB"]}.get(dataset, [dataset])
    found = [*((name, permitted) for name in names), *modifiers.items()]
    return {name for name, one in found if one == outcome} if outcome != "P" else set()


def check(dataset, use, modifiers, kinds, facts):
    permitted = (WITH_CC if "CC" in modifiers else PERMITTED).get(use, PERMITTED[use])[dataset]
    letters = {name: cell(name, kinds[name], use, dataset) for name in modifiers}
    outcome = min([permitted, *letters.values()], key="DAP".index)
    found = ask(with_modifiers(dataset, modifiers), {**USES[use], **facts})
    case = (dataset, use, modifiers, facts)
    assert letter(found) == outcome, case
    assert set(found.reasons) == expected_reasons(outcome, dataset, permitted, letters), case
    assert len(found.reasons) == len(set(found.reasons)), case
    return found


def test_the_tables_name_every_permission_use_and_modifier():
    assert set(FACTS) == {one.value for one in Modifier}
    assert {one.value for one in Permission} | {"none", "two"} == set(DATASETS)
    assert {one["use"] for one in USES.values() if one} == {one.value for one in StudyUse} == set(ACCEPTED)
    assert set(PERMITTED) == set(USES)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_permission_and_use(dataset, use):
    check(dataset, use, {}, {}, {})


@pytest.mark.parametrize("modifier", FACTS)
def test_permission_use_and_modifier(modifier):
    value, *columns = FACTS[modifier]
    cells = 0
    for kind, rows in zip(("satisfied", "violated", "unknown"), columns, strict=True):
        for facts, use, dataset in itertools.product(rows, USES, DATASETS):
            found = check(dataset, use, {modifier: value}, {modifier: kind}, facts)
            cells += 1
            permits = found.outcome == "permit"
            obliges = permits and modifier in {"PUB", "RTN", "MOR", "TS"}
            assert [one.id for one in found.obligations] == ([modifier] if obliges else [])
    assert cells >= len(USES) * len(DATASETS)


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("satisfied", {"months": 12, "granted": "2025-06-02"}),
        ("violated", {"months": 12, "granted": "2025-06-01"}),
        ("unknown", {"months": 12}),
        ("unknown", {"months": 12, "granted": None}),
        ("unknown", None),
    ],
)
def test_a_time_limit_with_every_permission_and_use(kind, limit):
    for use, dataset in itertools.product(USES, DATASETS):
        check(dataset, use, {"TS": limit}, {"TS": kind}, {})


# Where facts of the one say something of the other, the laws try the two together.
PAIRS = [(one, other) for one, other in itertools.combinations(sorted(SAYS), 2) if not SAYS[one] & SAYS[other]]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_modifiers_of_every_kind(first, second):
    kinds = ("satisfied", "violated", "unknown")
    for one, other in itertools.product(range(3), repeat=2):
        for facts, more in itertools.product(FACTS[first][1 + one], FACTS[second][1 + other]):
            if set(facts) & SAYS[second] or set(more) & SAYS[first]:
                continue
            for dataset, use in (("GRU", "general"), ("DS", "disease inside"), ("POA", "clinical-care")):
                modifiers = {first: FACTS[first][0], second: FACTS[second][0]}
                check(dataset, use, modifiers, {first: kinds[one], second: kinds[other]}, {**facts, **more})
