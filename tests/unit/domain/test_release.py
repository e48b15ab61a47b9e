"""The data-use layer: no dataset ever opens anything, and unknown is never yes (``ledger.domain.release``)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.data_use import Obligation
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.directory import Dataset, DatasetState, Study
from ledger.domain.ontology import Ancestry, NoOntology
from ledger.domain.policy import Request
from ledger.domain.release import (
    UNLIMITED,
    WORDS,
    judge,
    purposes_of,
    read_purpose,
    read_terms,
    restrict,
    write_document,
)
from ledger.domain.vocabulary import FOREVER, Use
from ledger.errors import InvalidInput

NOW = 1_800_000_000
CUSTODIAN, ANOTHER, STUDY = b"\x01" * 32, b"\x02" * 32, b"\x03" * 32
LUNG, CANCER, HEART = 8903, 5070, 5267
PERMIT = Decision(Outcome.PERMIT, Reason.PERMITTED, b"\x07" * 32, 2, NOW + 9)


def study(uses=Use.BIOMEDICAL, diseases=(), **purpose):
    document = write_document(purpose) if purpose else b""
    return Study(STUDY, ANOTHER, 1, "study", uses, 0, 1, bytes(32), FOREVER, diseases, purpose=document)


def dataset(number=1, custodian=CUSTODIAN, state=DatasetState.ACTIVE, **terms):
    return Dataset(bytes([9, number]) * 16, custodian, write_document(terms), state=state)


def asked(named=None):
    return Request(STUDY, b"\x05" * 32, 1, 1, dataset=named)


def answer(of, *datasets, named=None, ontology=None, at=NOW):
    return judge(asked(named), of, CUSTODIAN, datasets, at, ontology)


def why(release):
    return release.outcome, release.reason


DENIED = (Outcome.DENY, Reason.DATA_USE_DENIED)
UNKNOWN = (Outcome.ABSTAIN, Reason.DATA_USE_UNKNOWN)
PERMITTED = (Outcome.PERMIT, Reason.PERMITTED)


# --- which datasets are meant -----------------------------------------------------------------------------------------


def test_a_custodian_without_datasets_sets_no_limit():
    assert answer(study()) is UNLIMITED
    assert answer(study(), dataset(custodian=ANOTHER, permission="POA")) is UNLIMITED


def test_a_request_that_names_no_dataset_is_about_all_of_them():
    lax, strict = dataset(1, permission="HMB"), dataset(2, permission="POA")
    assert why(answer(study(), lax)) == PERMITTED
    assert why(answer(study(), lax, strict)) == DENIED
    assert why(answer(study(), lax, strict, named=lax.id)) == PERMITTED
    assert why(answer(study(), lax, strict, named=strict.id)) == DENIED


def test_a_dataset_that_is_named_must_be_one_of_the_custodian_and_open():
    assert why(answer(study(), named=b"\x09" * 32)) == (Outcome.DENY, Reason.DATASET_UNKNOWN)
    foreign = dataset(custodian=ANOTHER, permission="NRES")
    assert why(answer(study(), foreign, named=foreign.id)) == (Outcome.DENY, Reason.DATASET_OF_ANOTHER_CUSTODIAN)
    closed = dataset(state=DatasetState.CLOSED, permission="NRES")
    assert why(answer(study(), closed, named=closed.id)) == (Outcome.DENY, Reason.DATASET_NOT_ACTIVE)


def test_closing_a_dataset_opens_nothing():
    strict, lax = dataset(1, permission="POA"), dataset(2, permission="NRES")
    closed = replace(strict, state=DatasetState.CLOSED)
    assert why(answer(study(), closed)) == (Outcome.DENY, Reason.DATASET_NOT_ACTIVE)
    assert why(answer(study(), closed, lax)) == (Outcome.DENY, Reason.DATASET_NOT_ACTIVE)
    assert why(answer(study(), closed, lax, named=lax.id)) == PERMITTED


# --- what the study says ----------------------------------------------------------------------------------------------


def test_each_use_of_the_mask_has_its_word_and_must_be_allowed():
    assert {use.name.lower().replace("_", "-") for use in Use} == {word.value for word in WORDS.values()}
    assert set(WORDS) == set(Use)
    both = study(Use.BIOMEDICAL | Use.METHODS)
    assert [one.use.value for one in purposes_of(both)] == ["biomedical", "methods"]
    assert why(answer(study(Use.METHODS), dataset(permission="DS", diseases=["MONDO:0008903"]))) == PERMITTED
    assert why(answer(both, dataset(permission="DS", diseases=["MONDO:0008903"]))) == DENIED
    assert answer(both, dataset(permission="DS", diseases=["MONDO:0008903"])).codes == ("DS",)


def test_what_nobody_said_is_unknown_and_never_a_yes():
    limited = dataset(permission="HMB", modifiers={"NPU": True})
    assert why(answer(study(), limited)) == UNKNOWN
    assert answer(study(), limited).codes == ("NPU",)
    assert why(answer(study(nonprofit=True), limited)) == PERMITTED
    assert why(answer(study(nonprofit=False), limited)) == DENIED


def test_obligations_come_with_a_permit_and_with_nothing_else():
    published = dataset(permission="HMB", modifiers={"PUB": True, "MOR": "2030-01-01"})
    given = answer(study(undertakings=["PUB"]), published)
    assert given.obligations == (Obligation("PUB", {}), Obligation("MOR", {"not_before": "2030-01-01"}))
    assert answer(study(), published).obligations == ()
    decision = restrict(PERMIT, given)
    assert (decision.permitted, decision.consent, decision.version) == (True, PERMIT.consent, 2)
    assert decision.obligations == given.obligations
    again = dataset(2, permission="GRU", modifiers={"PUB": True})
    assert [duty.id for duty in answer(study(undertakings=["PUB"]), published, again).obligations] == ["PUB", "MOR"]


def test_an_answer_holds_until_the_first_of_its_edges():
    limited = dataset(permission="HMB", modifiers={"TS": {"months": 1, "granted": NOW}})
    ethics = dataset(2, permission="HMB", modifiers={"IRB": True})
    approved = study(ethics_approval={"from": NOW - 5, "until": NOW + 60})
    assert why(answer(approved, limited, ethics)) == PERMITTED
    assert answer(approved, limited, ethics).valid_until == NOW + 60
    assert why(answer(approved, limited, ethics, at=NOW + 60)) == DENIED
    assert restrict(PERMIT, answer(approved, limited, ethics)).valid_until == NOW + 9
    assert restrict(PERMIT._replace(valid_until=FOREVER), answer(approved, ethics)).valid_until == NOW + 60


# --- diseases ---------------------------------------------------------------------------------------------------------


def test_the_study_states_the_ancestors_of_its_diseases():
    of_cancer = dataset(permission="DS", diseases=[f"MONDO:{CANCER:07d}"])
    assert why(answer(study(Use.DISEASE, ((LUNG, CANCER),)), of_cancer)) == PERMITTED
    assert why(answer(study(Use.DISEASE, ((LUNG,),)), of_cancer)) == DENIED
    assert why(answer(study(Use.DISEASE, ((LUNG, CANCER), (HEART,))), of_cancer)) == DENIED


def test_a_topic_that_the_study_says_nothing_of_is_unknown():
    limited = dataset(permission="HMB", modifiers={"RS": [f"MONDO:{CANCER:07d}"]})
    assert why(answer(study(Use.DISEASE, ((LUNG, CANCER),), topics=[f"MONDO:{LUNG:07d}"]), limited)) == PERMITTED
    assert why(answer(study(topics=[f"MONDO:{LUNG:07d}"]), limited)) == UNKNOWN


def test_a_loaded_ontology_can_take_a_permit_back_and_never_gives_one():
    of_cancer = dataset(permission="DS", diseases=[f"MONDO:{CANCER:07d}"])
    stated = study(Use.DISEASE, ((LUNG, CANCER),))
    names = {number: f"MONDO:{number:07d}" for number in (LUNG, CANCER, HEART)}
    agrees = Ancestry({names[LUNG]: (names[CANCER],), names[CANCER]: ()}, "v1")
    denies = Ancestry({names[LUNG]: (), names[CANCER]: ()}, "v2")
    lacks = Ancestry({names[CANCER]: ()}, "v3")
    disagrees = (Outcome.ABSTAIN, Reason.ONTOLOGY_DISAGREES)
    assert why(answer(stated, of_cancer, ontology=agrees)) == PERMITTED
    assert why(answer(stated, of_cancer, ontology=denies)) == disagrees
    assert why(answer(stated, of_cancer, ontology=lacks)) == disagrees
    assert why(answer(stated, of_cancer, ontology=NoOntology())) == PERMITTED
    assert why(answer(study(Use.DISEASE, ((LUNG,),)), of_cancer, ontology=agrees)) == disagrees


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms",
    [
        b"",
        b"{",
        b"null",
        b'{"permission": "NRES"}',
        b'{"permission":"NRES","permission":"NRES"}',
        b'{"permission":"NRES","more":1}',
        b'{"permission":"EVERYTHING"}',
        b'{"modifiers":{},"permission":"NRES"}' + b" ",
        b"\xff",
        b'{"modifiers":{"US":["\\ud800"]},"permission":"NRES"}',
        b'{"diseases":"\\ud800","permission":"NRES"}',
        write_document({"permission": "NRES", "modifiers": {"US": [f"{place:0999d}" for place in range(9)]}}),
    ],
    ids=range(12),
)
def test_terms_that_are_not_in_their_form_deny(terms):
    with pytest.raises(InvalidInput):
        read_terms(terms)
    broken = replace(dataset(permission="NRES"), terms=terms)
    assert why(answer(study(), broken)) == DENIED
    assert why(answer(study(), dataset(2, permission="NRES"), broken)) == DENIED


@pytest.mark.parametrize("purpose", [b"{", b'{"nonprofit": true}', b'{"use":"general"}', b'{"diseases":[]}', b"[]"])
def test_a_purpose_that_is_not_in_its_form_denies(purpose):
    with pytest.raises(InvalidInput):
        read_purpose(purpose)
    assert why(answer(replace(study(), purpose=purpose), dataset(permission="NRES"))) == DENIED


def test_what_could_never_permit_is_refused_on_writing_alone():
    document = write_document({"permission": ["NRES", "GRU"]})
    assert read_terms(document).permissions
    with pytest.raises(InvalidInput, match="exactly one"):
        read_terms(document, strict=True)


def test_a_document_is_written_canonically():
    assert write_document({"b": ["é"], "a": True}) == '{"a":true,"b":["é"]}'.encode()


# --- laws -------------------------------------------------------------------------------------------------------------

MODIFIERS = (
    {}, {"NPU": True}, {"NCU": True}, {"GSO": True}, {"NMDS": True}, {"PUB": True}, {"IRB": True}, {"CC": True},
    {"TS": {"months": 1, "granted": NOW}}, {"GS": ["DE"]}, {"RS": ["MONDO:0005070"]}, {"US": []},
)  # fmt: skip
PURPOSES = (
    {}, {"nonprofit": True}, {"nonprofit": False, "commercial": True}, {"genotypes": True, "undertakings": ["PUB"]},
    {"ethics_approval": {"from": NOW - 1, "until": NOW + 9}}, {"recipient_region": "DE", "processing_region": "DE"},
)  # fmt: skip
terms = st.builds(
    lambda permission, modifiers: (
        {"permission": permission, "modifiers": modifiers}
        | ({"diseases": ["MONDO:0005070"]} if permission == "DS" else {})
    ),
    st.sampled_from(["NRES", "GRU", "HMB", "DS", "POA"]),
    st.sampled_from(MODIFIERS),
)
states = st.sampled_from([DatasetState.ACTIVE] * 3 + [DatasetState.CLOSED])
datasets = st.lists(st.tuples(terms, states), max_size=4).map(
    lambda drawn: [dataset(place, state=state, **said) for place, (said, state) in enumerate(drawn)]
)
studies = st.builds(
    lambda uses, purpose: study(uses, ((LUNG, CANCER),) if uses & Use.DISEASE else (), **purpose),
    st.integers(1, (1 << 6) - 1).map(Use),
    st.sampled_from(PURPOSES),
)


@given(of=studies, held=datasets, more=st.tuples(terms, states))
def test_registering_another_dataset_never_turns_a_no_into_a_yes(of, held, more):
    added = [*held, dataset(99, state=more[1], **more[0])]
    if answer(of, *added).outcome is Outcome.PERMIT:
        assert answer(of, *held).outcome is Outcome.PERMIT


@given(of=studies, held=datasets)
def test_leaving_the_dataset_out_opens_nothing(of, held):
    if held and answer(of, *held).outcome is Outcome.PERMIT:
        assert all(answer(of, *held, named=one.id).outcome is Outcome.PERMIT for one in held)


@given(of=studies, held=datasets, place=st.integers(0, 3))
def test_closing_a_dataset_never_turns_a_no_into_a_yes(of, held, place):
    closed = [replace(one, state=DatasetState.CLOSED) if at == place else one for at, one in enumerate(held)]
    if answer(of, *closed).outcome is Outcome.PERMIT:
        assert answer(of, *held).outcome is Outcome.PERMIT


@given(of=studies, held=datasets, outcome=st.sampled_from([Outcome.DENY, Outcome.PERMIT]))
def test_the_layer_only_ever_makes_a_decision_stricter(of, held, outcome):
    decision = PERMIT if outcome is Outcome.PERMIT else Decision(Outcome.DENY, Reason.NO_CONSENT)
    release = answer(of, *held)
    found = restrict(decision, release)
    assert found.valid_until <= decision.valid_until
    if not decision.permitted:
        assert found == decision
    elif found.permitted:
        assert release.outcome is Outcome.PERMIT
    else:
        assert (found.outcome, found.consent, found.obligations) == (release.outcome, None, ())


@given(of=studies, held=datasets, at=st.integers(NOW - 3, NOW + 3 * 31 * 86_400), later=st.integers(0, 40 * 86_400))
def test_nothing_changes_before_an_answer_ends(of, held, at, later):
    given_ = answer(of, *held, at=at)
    if at + later < given_.valid_until:
        assert why(answer(of, *held, at=at + later)) == why(given_)


@given(of=studies, held=datasets)
def test_the_order_of_the_datasets_does_not_matter(of, held):
    assert why(answer(of, *held)) == why(answer(of, *reversed(held)))
    assert answer(of, *held).codes == answer(of, *reversed(held)).codes
