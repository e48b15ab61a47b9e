"""The checker page judges the terms of datasets as ``ledger.domain`` does, and as the vectors of DUOS do."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.domain.data_use import match
from ledger.domain.data_use_forms import StudyPurpose, parse_dataset, parse_purpose
from ledger.domain.directory import Dataset, DatasetState
from ledger.domain.ontology import Ancestry
from ledger.domain.release import UNLIMITED, judge, write_document
from ledger.domain.vocabulary import FOREVER, Use
from ledger.errors import InvalidInput
from ledger.services import custody, decide
from ledger.services.submit import submit
from ledger.snapshot import snapshot
from ledger.verify.report import Status
from tests.support.datasets import built, exported, house, register, start_study
from tests.unit.domain import test_data_use, test_data_use_laws, test_duos_vectors, test_release

__all__ = ["built", "house"]

NOW = 1_800_000_000
LUNG, CANCER = 8903, 5070


def duties(obligations):
    return [{"id": duty.id, "properties": dict(duty.properties)} for duty in obligations]


# --- one dataset and one purpose --------------------------------------------------------------------------------------


def matched(terms, purpose, at, ontology):
    """What ours says, in the words of the page; None where a form is refused."""
    try:
        found = match(parse_dataset(terms), parse_purpose(purpose), at, ontology)
    except InvalidInput:
        return None
    until = FOREVER if found.valid_until is None else min(found.valid_until, FOREVER)
    return {
        "outcome": found.outcome.value,
        "codes": sorted(found.reasons),
        "obligations": duties(found.obligations),
        "until": until,
    }


def check_matches(page, asked):
    """Ask both of each (terms, purpose, instant, ontology); gives what they say."""
    jobs = [
        {
            "terms": terms,
            "purpose": purpose,
            "at": at,
            "ancestors": {code: sorted(ontology.ancestors(code)) for code in ontology._parents},
        }
        for terms, purpose, at, ontology in asked
    ]
    answers = [one and {**one, "codes": sorted(one["codes"])} for one in page.run(jobs)]
    ours = [matched(*one) for one in asked]
    for one, said, expected in zip(asked, answers, ours, strict=True):
        assert said == expected, one[:3]
    return ours


def test_every_cell_of_the_tables(page):
    modifiers = [{}, {"NMDS": True}, {"CC": True}, {"CC": None}]
    modifiers += [{name: value} for name, (value, *_) in test_data_use.FACTS.items() for value in (value, None)]
    facts = {json.dumps(one): one for _, *groups in test_data_use.FACTS.values() for one in itertools.chain(*groups)}
    base = itertools.product(test_data_use.DATASETS.values(), test_data_use.USES.values(), modifiers)
    asked = [({**dataset, "modifiers": more}, use, NOW, test_data_use.ONTOLOGY) for dataset, use, more in base]
    asked += [
        ({"permission": "NRES", "modifiers": more}, {"use": "general", **said}, NOW, test_data_use.ONTOLOGY)
        for more, said in itertools.product(modifiers, facts.values())
    ]
    assert {one["outcome"] for one in check_matches(page, asked)} == {"permit", "deny", "abstain"}


@pytest.mark.skipif(not test_duos_vectors.CASES, reason=test_duos_vectors.NO_VECTORS)
def test_the_vectors_of_duos(page):
    vectors = [case.values[0] for case in test_duos_vectors.CASES]
    documents = [(test_duos_vectors.dataset_of(one), test_duos_vectors.purpose_of(one)) for one in vectors]
    asked = [(*both, NOW, test_duos_vectors.ontology_of(one)) for both, one in zip(documents, vectors, strict=True)]
    assert len(check_matches(page, asked)) == len(vectors)


@settings(max_examples=10, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_terms_and_purposes(page, data):
    one = st.tuples(
        test_data_use_laws.datasets,
        test_data_use_laws.purposes,
        st.integers(1_767_225_600, 1_830_000_000),
        st.just(test_data_use_laws.ONTOLOGY),
    )
    check_matches(page, data.draw(st.lists(one, min_size=20, max_size=60)))


# --- documents as the chain has them ----------------------------------------------------------------------------------

VALUES = [
    None, True, False, 0, -0.0, 1, -1, 1.0, 1.5, 12_000, 12_001, 2**53, -(2**70), 253_402_300_799, 253_402_300_800,
    -62_135_596_801, "", " ", "\x1c", "\x85", "\ufeff", "\ud800", "é", "x" * 1000, "x" * 1001, "😀" * 1000, "GRU",
    "gru", "DS", "GRU-CC", "PUB", "DUO_0000006", "DUO:00000044", "http://purl.obolibrary.org/obo/DUO_0000029",
    "MONDO_0005070", "DE", "2027-02-28", "2027-02-29", "2028-02-29", "0000-01-01", "0001-01-01T00:30+01:00",
    "9999-12-31T23:59:60Z", "2027-01-31T10:00:00+10:75", "2027-01-31T10:00-23:59", "2027-01-31T24:00:00Z",
    "2027-01-31 10:00:00.123456789Z", "1960-01-01T00:00:00.5Z", "9999-12-31T23:59:59-00:01", [], [""], [None],
    ["DE", "DE"], ["MONDO:0005070"], ["GRU", "HMB"], ["PUB", "DUO:0000029"], {}, {"months": 1},
    {"months": 1, "granted": "2026-12-31"}, {"months": 0, "granted": NOW}, {"months": 12_000, "granted": "2026-12-31"},
    {"months": 26, "granted": "1960-12-30T01:02:03Z"}, {"months": 1.0}, {"from": "2026-01-01", "until": ""},
    {"from": NOW, "until": NOW + 5}, {"from": NOW + 1}, {"from": "", "to": ""},
]  # fmt: skip
MODIFIERS = [*test_data_use.FACTS, "RU", "DUO_0000044", "DUO:0000014", "XYZ", "é"]
KEYS = ["permission", "diseases", "modifiers", "use", "", "__proto__", "é", *StudyPurpose.__struct_fields__]
values = st.sampled_from(VALUES)
modifiers = st.dictionaries(st.sampled_from(MODIFIERS), values, max_size=2)
odd_terms = st.fixed_dictionaries(
    {"permission": st.sampled_from(["NRES", "GRU", "DS"]) | values},
    optional={"modifiers": modifiers | modifiers | values, "diseases": values, "more": values},
)
odd_purposes = st.dictionaries(st.sampled_from(KEYS[3:]), values, max_size=3)


def written(said):
    """A document's bytes: canonical where that is possible, else what another writer would make of it."""
    try:
        return write_document(said)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


documents = st.one_of(
    st.sampled_from([b"", b"{", b"[]", b"null", b"\xff", b'{"a":1,"a":1}', b"\xef\xbb\xbf{}", b"[" * 5000, b" {}"]),
    st.binary(max_size=8),
)
sound_terms = test_release.terms.map(write_document)
any_terms = sound_terms | odd_terms.map(written) | odd_terms.map(written) | documents
any_purpose = st.sampled_from(test_release.PURPOSES).map(lambda said: write_document(said) if said else b"")
any_purpose = any_purpose | odd_purposes.map(written) | documents
closures = st.sampled_from([(), ((LUNG, CANCER),), ((LUNG,), (5267, 1))])
questions = st.fixed_dictionaries(
    {
        "uses": st.integers(1, 63).map(Use),
        "diseases": closures,
        "purpose": any_purpose,
        "datasets": st.lists(st.tuples(any_terms, st.sampled_from([1, 1, 1, 2]), st.booleans()), max_size=3),
        "named": st.none() | st.none() | st.integers(0, 3),
    }
)
OWN, OTHER = test_release.CUSTODIAN, test_release.ANOTHER


def hexed(data):
    return "0x" + data.hex()


@settings(max_examples=60, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(questions, min_size=20, max_size=60))
def test_any_documents(page, asked):
    jobs, ours = [], []
    for one in asked:
        study = test_release.study(one["uses"], one["diseases"])
        study = test_release.replace(study, purpose=one["purpose"])
        datasets = [
            Dataset(bytes([9, place]) * 16, OTHER if is_foreign else OWN, terms, state=DatasetState(state))
            for place, (terms, state, is_foreign) in enumerate(one["datasets"])
        ]
        named = None if one["named"] is None else bytes([9, one["named"]]) * 16
        release = judge(test_release.asked(named), study, OWN, datasets, NOW, None)
        ours.append(None if release is UNLIMITED else release)
        shown = {
            hexed(held.id): {
                "custodian": hexed(held.custodian),
                "terms": hexed(held.terms),
                "closed": held.state is DatasetState.CLOSED,
            }
            for held in datasets
        }
        told = {"uses": int(study.uses), "diseases": study.diseases, "purpose": hexed(study.purpose)}
        job = {"study": told, "datasets": shown, "custodian": hexed(OWN), "at": NOW}
        jobs.append(job if named is None else {**job, "dataset": hexed(named)})
    for said, release, job in zip(page.run(jobs), ours, jobs, strict=True):
        assert said == (
            release
            and {
                "outcome": release.outcome.name.lower(),
                "reason": release.reason.code,
                "codes": list(release.codes),
                "obligations": duties(release.obligations),
                "until": min(release.valid_until, FOREVER),
            }
        ), job


# --- bundles ----------------------------------------------------------------------------------------------------------


def agreed(page, house):
    (report,) = page.agree([(*exported(house), None)])
    return report


def test_a_bundle_of_decisions_by_datasets(page, house):
    house.record(*house.patients)
    dataset = register(house, permission="GRU", modifiers={"NPU": True, "PUB": True, "MOR": "2030-01-01"})
    house.record(*house.patients)
    start_study(house, nonprofit=True, undertakings=["PUB"])
    house.record(*house.patients)
    terms = write_document({"permission": "HMB", "modifiers": {"TS": {"months": 1, "granted": NOW}}})
    house.on_chain(custody.amendment(house.context, dataset, terms, house.scene.deadline))
    house.record(*house.patients)
    start_study(house, uses=2)
    consent = house.scene.consent(house.patients[2])
    house.on_chain(consent)
    submit(house.context, [house.scene.withdrawal(house.patients[2], consent.id)])
    house.record(*house.patients)
    house.on_chain(custody.closure(house.context, dataset))
    house.record(*house.patients)
    report = agreed(page, house)
    assert report.exit_code == 0, report
    assert "18 decisions of 6 questions come out the same" in report.check("replay").detail


def test_a_bundle_with_an_abstention_by_a_loaded_ontology(page, house):
    register(house, permission="DS", diseases=[f"MONDO:{CANCER:07d}"])
    start_study(house, uses=4, diseases=((LUNG, CANCER),))
    house.ledger.keeper._ontology = Ancestry({f"MONDO:{number:07d}": () for number in (LUNG, CANCER)}, "sha")
    house.ledger.keeper._snapshot = None
    house.ledger.catch_up()
    house.record(house.patients[0])
    assert agreed(page, house).check("replay").status is Status.UNCHECKED


@pytest.mark.parametrize("terms", [{"permission": "POA"}, {"permission": "GRU", "modifiers": {"NPU": True}}])
def test_a_bundle_with_a_permit_that_the_terms_forbid(page, house, monkeypatch, terms):
    register(house, **terms)
    monkeypatch.setattr(snapshot, "restrict", lambda decision, _release: decision)
    house.record(house.patients[0])
    monkeypatch.undo()
    assert agreed(page, house).check("replay").status is Status.FAIL


def test_a_bundle_with_a_decision_by_another_version_of_the_rules(page, house, monkeypatch):
    house.record(*house.patients)
    monkeypatch.setattr(decide, "POLICY_VERSION", "consentry.policy/2")
    house.record(*house.patients)
    monkeypatch.undo()
    replayed = agreed(page, house).check("replay")
    assert replayed.status is Status.UNCHECKED
    assert "3 decisions of 1 questions come out the same; 1 questions were decided by another" in replayed.detail
