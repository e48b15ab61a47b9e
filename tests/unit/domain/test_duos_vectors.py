"""The vectors of DUOS, the matcher of the Broad Institute, and where ours is stricter.

Its answers are compared as they stand; where ours differs, ``STRICTER`` says why. It never differs towards yes.
"""

import json
import os
from pathlib import Path

import pytest

from ledger.domain.data_use import match
from ledger.domain.data_use_forms import parse_dataset, parse_purpose
from ledger.domain.ontology import Ancestry, curie
from ledger.errors import InvalidInput

DATA = Path(os.environ.get("CONSENTRY_TEST_DATA") or Path(__file__).parents[4] / "shared" / "data") / "duos"
FILE = DATA / "duos-match-vectors.json"
VECTORS = json.loads(FILE.read_text()) if FILE.is_file() else {}
CASES = [
    pytest.param(vector, id=f"{version}-{vector['name']}")
    for version in ("V4", "V3")
    for vector in VECTORS.get(version, ())
]
NO_VECTORS = f"no DUOS vectors under {DATA}: set CONSENTRY_TEST_DATA"

NO_PERMISSION = "neither a permission nor a use is said, and what is not said is unknown"
STRICTER = {
    "testNPU_positive_case_1": NO_PERMISSION,
    "testNPU_positive_case_2": NO_PERMISSION,
    "testNPU_positive_case_3": NO_PERMISSION,
    "testCommercial_positive_case_1": NO_PERMISSION,
    "testCommercial_positive_case_2": "a use is not said; that it is commercial does not say what it is for",
}
USES = {
    "generalUse": "general",
    "hmbResearch": "biomedical",
    "populationOriginsAncestry": "ancestry",
    "methodsResearch": "methods",
}
PERMISSIONS = {"generalUse": "GRU", "hmbResearch": "HMB", "populationOriginsAncestry": "POA"}
WORDS = {"permit": "APPROVE", "deny": "DENY", "abstain": "ABSTAIN"}


def purpose_of(vector):
    said = dict(vector["purpose"])
    document = {}
    if diseases := said.pop("diseaseRestrictions", None):
        document |= {"use": "disease", "diseases": diseases}
    for key, use in USES.items():
        if said.pop(key, False):
            document["use"] = use
    if "nonProfitUse" in said:
        document["nonprofit"] = said.pop("nonProfitUse")
    if "commercialUse" in said:  # V3 knows one fact for the use and for who makes it
        document["commercial"] = said.pop("commercialUse")
        document["nonprofit"] = not document["commercial"]
    return {**document, **said}


def dataset_of(vector):
    said = dict(vector["dataset"])
    document = {"modifiers": {}}
    if diseases := said.pop("diseaseRestrictions", None):
        document |= {"permission": "DS", "diseases": diseases}
    for key, permission in PERMISSIONS.items():
        if said.pop(key, False):
            document["permission"] = permission
    if "nonProfitUse" in said:
        document["modifiers"]["NPU"] = said.pop("nonProfitUse")
    if "commercialUse" in said:
        document["modifiers"]["NCU"] = not said.pop("commercialUse")
    assert not said
    return document


def ontology_of(vector):
    """The vector's ancestors as an ontology; diseases that have none there stand at the top."""
    above = {curie(code): tuple(map(curie, codes)) for code, codes in vector["ancestors"].items()}
    named = {curie(code) for side in ("dataset", "purpose") for code in vector[side].get("diseaseRestrictions", ())}
    tops = named.union(*above.values()) - set(above)
    return Ancestry({**above, **dict.fromkeys(tops, ())}, "test")


def answer_to(vector, dataset, purpose):
    try:
        study = parse_purpose(purpose)
    except InvalidInput:
        return "REFUSED"
    return WORDS[match(parse_dataset(dataset), study, None, ontology_of(vector)).outcome.value]


@pytest.mark.skipif(not CASES, reason=NO_VECTORS)
@pytest.mark.parametrize("vector", CASES)
def test_a_vector_of_duos(vector):
    ours = answer_to(vector, dataset_of(vector), purpose_of(vector))
    if vector["name"] in STRICTER:
        assert (ours, vector["expected"]) == ("ABSTAIN", "APPROVE"), STRICTER[vector["name"]]
    elif ours == "REFUSED":
        assert vector["expected"] == "ABSTAIN", "our form has no such fact, and refuses what it does not know"
    else:
        assert ours == vector["expected"]


@pytest.mark.skipif(not CASES, reason=NO_VECTORS)
@pytest.mark.parametrize(
    "vector", [case for case in CASES if case.values[0]["name"] in STRICTER or "_negative" in case.id]
)
def test_once_a_permission_and_a_use_are_said_nothing_is_stricter(vector):
    dataset = {"permission": "GRU", **dataset_of(vector)}
    purpose = {"use": "general", **purpose_of(vector)}
    assert answer_to(vector, dataset, purpose) == vector["expected"]


@pytest.mark.skipif(not CASES, reason=NO_VECTORS)
def test_all_vectors_are_here():
    assert len(VECTORS["V4"]) == len(VECTORS["V3"]) == 33
