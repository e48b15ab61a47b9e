"""Laws of matching that hold for every dataset and study: restricting and forgetting never open anything."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.data_use import match
from ledger.domain.data_use_forms import parse_dataset, parse_purpose
from ledger.domain.ontology import Ancestry, NoOntology

CODES = ["MONDO:0000001", "MONDO:0000002", "MONDO:0000003", "MONDO:0000004", "MONDO:0000009"]
ONTOLOGY = Ancestry({CODES[0]: (), CODES[1]: (CODES[0],), CODES[2]: (CODES[1],), CODES[3]: (CODES[0],)}, "test")
BETTER = ["deny", "abstain", "permit"]

codes = st.lists(st.sampled_from(CODES), max_size=3)
people = st.lists(st.sampled_from(["ada", "emmy"]), max_size=2)
days = st.sampled_from(["2026-01-01", "2026-02-28", "2026-06-01", "2027-01-01"])
truth = st.sampled_from([True, False, None])
regions = st.sampled_from(["DE", "de-by", "FR", "EU", "EEA", "NO", "US"])

VALUES = {
    **dict.fromkeys(["NPU", "NCU", "NPUNCU", "NMDS", "GSO", "NPOA", "IRB", "PUB", "RTN", "CC"], st.just(True)),
    **dict.fromkeys(["COL", "US", "PS", "IS"], people),
    "RS": codes,
    "GS": st.lists(regions, max_size=2),
    "MOR": days,
    "TS": st.fixed_dictionaries({}, optional={"months": st.integers(0, 24), "granted": days}),
}
# few at a time: of many, one is always violated, and then nothing else shows
modifiers = st.lists(st.sampled_from(sorted(VALUES)), unique=True, max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: st.none() | VALUES[name] for name in names})
)
permissions = st.sampled_from(["NRES", "GRU", "HMB", "DS", "POA", None, ["GRU", "POA"], "GRU-CC"])
datasets = st.fixed_dictionaries({"permission": permissions, "diseases": st.none() | codes, "modifiers": modifiers})
purposes = st.fixed_dictionaries(
    {"use": st.sampled_from(["general", "biomedical", "disease", "ancestry", "methods", "clinical-care", None])},
    optional={
        "diseases": codes,
        "topics": codes,
        "user": st.sampled_from(["ada", "kurt"]),
        "project": st.sampled_from(["ada", "kurt"]),
        "institution": st.sampled_from(["ada", "kurt"]),
        "nonprofit": truth,
        "commercial": truth,
        "genotypes": truth,
        "ancestry": truth,
        "recipient_region": regions,
        "processing_region": regions,
        "ethics_approval": st.fixed_dictionaries({}, optional={"from": days, "until": days}),
        "agreements": people,
        "undertakings": st.lists(st.sampled_from(["PUB", "RTN"]), max_size=2),
        "publication_date": days,
    },
)
moments = st.none() | st.integers(1_767_225_600, 1_830_000_000)  # 2026 and 2027


def ask(dataset, purpose, as_of, ontology=ONTOLOGY):
    return match(parse_dataset(dataset), parse_purpose(purpose), as_of, ontology)


def rank(*question):
    return BETTER.index(ask(*question).outcome)


def without(modifiers, name):
    return {key: value for key, value in modifiers.items() if key != name}


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments)
def test_a_modifier_never_opens_and_only_cc_widens(dataset, purpose, as_of):
    for name in dataset["modifiers"]:
        before = {**dataset, "modifiers": without(dataset["modifiers"], name)}
        if name == "CC" and purpose["use"] == "clinical-care":
            assert rank(before, purpose, as_of) <= rank(dataset, purpose, as_of)
        elif name == "CC":
            assert ask(before, purpose, as_of) == ask(dataset, purpose, as_of)
        else:
            assert rank(dataset, purpose, as_of) <= rank(before, purpose, as_of)


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments)
def test_a_fact_that_is_forgotten_never_opens(dataset, purpose, as_of):
    told = rank(dataset, purpose, as_of)
    for fact in purpose:
        if fact == "publication_date":
            continue  # a moratorium binds who has planned nothing yet, so to plan nothing is no fault
        left = ask(dataset, {key: value for key, value in purpose.items() if key != fact}, as_of)
        assert told == BETTER.index("permit") or left.outcome != "permit", fact
    assert told == BETTER.index("permit") or ask(dataset, purpose, None).outcome != "permit"


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments)
def test_what_stands_in_a_dataset_that_becomes_null_never_opens(dataset, purpose, as_of):
    told = ask(dataset, purpose, as_of).outcome
    for name in dataset["modifiers"]:
        left = ask({**dataset, "modifiers": {**dataset["modifiers"], name: None}}, purpose, as_of)
        assert told == "permit" or left.outcome != "permit" or name == "CC"
    for part in ("permission", "diseases", "modifiers"):
        left = ask({**dataset, part: None}, purpose, as_of)
        opened = told != "permit" and left.outcome == "permit"
        assert not opened


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments)
def test_an_ontology_that_is_missing_never_opens(dataset, purpose, as_of):
    if ask(dataset, purpose, as_of, NoOntology()).outcome == "permit":
        assert ask(dataset, purpose, as_of).outcome == "permit"
    if ask(dataset, purpose, as_of, NoOntology()).outcome == "deny":
        assert ask(dataset, purpose, as_of).outcome == "deny"


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments)
def test_the_answer_is_the_worst_of_the_answers_on_each_modifier(dataset, purpose, as_of):
    cc = {name: value for name, value in dataset["modifiers"].items() if name == "CC"}
    alone = [cc, *({**cc, name: value} for name, value in dataset["modifiers"].items())]
    worst = min(rank({**dataset, "modifiers": one}, purpose, as_of) for one in alone)
    assert rank(dataset, purpose, as_of) == worst


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments)
def test_reasons_and_obligations_fit_the_outcome(dataset, purpose, as_of):
    found = ask(dataset, purpose, as_of)
    assert bool(found.reasons) == (found.outcome != "permit")
    assert len(set(found.reasons)) == len(found.reasons)
    if found.outcome == "permit":
        assert {one.id for one in found.obligations} == {"PUB", "RTN", "MOR", "TS"} & set(dataset["modifiers"])
    else:
        assert found.obligations == ()


@settings(max_examples=400, deadline=None)
@given(datasets, purposes, moments.filter(lambda moment: moment is not None))
def test_until_its_end_an_answer_does_not_change(dataset, purpose, as_of):
    found = ask(dataset, purpose, as_of)
    end = 1_900_000_000 if found.valid_until is None else found.valid_until
    assert end > as_of
    for later in {as_of + 1, (as_of + end) // 2, end - 1}:
        if as_of < later < end:
            assert ask(dataset, purpose, later) == found
