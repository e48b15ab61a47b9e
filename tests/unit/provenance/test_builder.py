"""From entries to the document: what they say, as a graph, and nothing else."""

import pytest

from ledger.domain.audit import Kind, NewEntry
from ledger.provenance.builder import build
from ledger.provenance.constraints import violations
from ledger.provenance.document import Link, Thing

LOG = b"\x0a" * 32
INSTITUTION = f"institution/0x{LOG.hex()}"
ENGINE, STUDY, DECISION = "0x" + "0b" * 32, "0x" + "0c" * 32, "0x" + "0d" * 32
BLOCK = (7, "0x" + "0e" * 32)
COMMON = {"actor": f"engine:{ENGINE}", "study": STUDY, "engine": ENGINE, "operation": "differential-privacy"}
COHORT = {"size": 20, "root": "0x" + "0f" * 32}
MEAN = "0x" + "11" * 32


def entry(index, time, kind, facts, **changes):
    fields = {**COMMON, "decision": DECISION, "block": BLOCK, **changes}
    document = NewEntry(kind=kind, facts=facts, **fields).document(log=LOG, index=index, time=time)
    return document, f"0x{index:064x}"


def decision(index=0, time=100):
    facts = {"outcome": "permit", "at": time, "permitted": 12, "cohort": COHORT, "policy": "consentry.policy/1"}
    return entry(index, time, Kind.DECISION, facts)


def started(index=1, time=110, run="aa"):
    return entry(index, time, Kind.STARTED, {"run": run, "engine": {"name": "opendp", "version": "0.14"}})


def completed(index=2, time=120, run="aa", parents=(), sha256=MEAN):
    facts = {
        "run": run,
        "inputs": [{"commitment": "0x" + "22" * 32, "rows": "20-29"}],
        "outputs": [{"name": "mean-age", "sha256": sha256}],
        "parents": list(parents),
        "rechecks": [DECISION],
    }
    return entry(index, time, Kind.COMPLETED, facts)


def related(document, link):
    return [(relation.source, relation.target) for relation in document.relations if relation.link is link]


def test_a_decision_used_the_consents_of_its_block_and_generated_the_cohort():
    document = build([decision()])
    name = f"decision/{DECISION}"
    assert document.nodes[name].start == document.nodes[name].end == 100
    assert related(document, Link.USED) == [(name, f"consents/{BLOCK[1]}")]
    assert related(document, Link.GENERATED) == [(f"cohort/{DECISION}", name)]
    assert related(document, Link.DERIVED) == [(f"cohort/{DECISION}", f"consents/{BLOCK[1]}")]
    assert related(document, Link.ATTRIBUTED) == [(f"cohort/{DECISION}", "service")]


def test_who_decided_and_who_asked_are_told_apart_and_the_engine_acts_for_its_institution():
    document = build([decision()])
    roles = {(r.target, r.role) for r in document.relations if r.link is Link.ASSOCIATED}
    assert roles == {("service", "decider"), (f"engine/{ENGINE}", "requester")}
    assert related(document, Link.DELEGATED) == [(f"engine/{ENGINE}", INSTITUTION)]


def test_a_computation_is_one_activity_from_its_start_to_its_end():
    document = build([decision(), started(), completed()])
    run = document.nodes["computation/aa"]
    assert (run.start, run.end, run.facts["status"]) == (110, 120, "completed")
    assert (run.facts["entry"], run.facts["endEntry"]) == (1, 2)
    assert ("computation/aa", f"decision/{DECISION}") in related(document, Link.INFORMED)
    assert ("computation/aa", f"cohort/{DECISION}") in related(document, Link.USED)
    assert ("output/aa/mean-age", "computation/aa") in related(document, Link.GENERATED)
    assert ("output/aa/mean-age", "input/aa/0") in related(document, Link.DERIVED)
    assert violations(document) == []


def test_an_output_that_is_used_again_links_the_two_computations():
    second = [started(3, 130, "bb"), completed(4, 140, "bb", [MEAN], "0x" + "33" * 32)]
    document = build([decision(), started(), completed(), *second])
    assert ("computation/bb", "output/aa/mean-age") in related(document, Link.USED)
    assert ("output/bb/mean-age", "output/aa/mean-age") in related(document, Link.DERIVED)
    assert violations(document) == []


def test_a_parent_can_be_named_by_the_leaf_of_its_entry():
    parent = completed()
    second = [started(3, 130, "bb"), completed(4, 140, "bb", [parent[1]], "0x" + "33" * 32)]
    document = build([decision(), started(), parent, *second])
    assert ("computation/bb", "computation/aa") in related(document, Link.INFORMED)
    assert ("output/bb/mean-age", "output/aa/mean-age") in related(document, Link.DERIVED)
    assert violations(document) == []


def test_parameters_and_what_the_engine_said_are_attributes_where_a_format_can_write_them():
    odd = {"epsilon": "0.5", "rounds": 3, "clamped": True, "bounds": ["18", "100"], "a name": "x"}
    document = build([entry(0, 110, Kind.STARTED, {"run": "aa", "parameters": odd}), completed(1)])
    facts = document.nodes["computation/aa"].facts
    assert {name: value for name, value in facts.items() if name.startswith("parameter-")} == {
        "parameter-epsilon": "0.5",
        "parameter-rounds": 3,
        "parameter-clamped": True,
    }


def test_a_parent_that_the_log_does_not_know_is_named_by_its_hash():
    document = build([started(0), completed(1, parents=["0x" + "44" * 32])])
    assert ("computation/aa", "parent/0x" + "44" * 32) in related(document, Link.USED)


def test_a_computation_that_never_ended_has_no_end():
    assert build([decision(), started()]).nodes["computation/aa"].end is None


def test_a_clock_that_went_back_makes_no_invalid_document():
    document = build([decision(), started(1, 130), completed(2, 120)])
    assert document.nodes["computation/aa"].end is None
    assert violations(document) == []


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.WITHHELD])
def test_a_computation_that_gave_nothing_generates_nothing(kind):
    document = build([started(0), entry(1, 120, kind, {"run": "aa", "error": "ValueError"})])
    assert document.nodes["computation/aa"].facts["status"] == kind.rpartition(".")[2]
    assert related(document, Link.GENERATED) == []


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.DECISION, Kind.STARTED, Kind.COMPLETED}))
def test_every_kind_of_entry_makes_valid_provenance(kind):
    for changes in ({}, {"engine": "", "actor": f"institution:{ENGINE}"}, {"engine": "", "actor": "service"}):
        document = build([decision(), entry(1, 120, kind, {}, **changes)])
        assert violations(document) == []
        assert len([node for node in document.nodes.values() if node.thing is Thing.ACTIVITY]) == 2


def test_names_label_and_nothing_more():
    plain, named = build([decision(), started()]), build([decision(), started()], {STUDY: "Lung", ENGINE: "OpenDP"})
    assert named.nodes[f"decision/{DECISION}"].label == "decision for Lung"
    assert named.nodes[f"engine/{ENGINE}"].label == "OpenDP"
    assert plain.nodes.keys() == named.nodes.keys()
    assert plain.relations == named.relations
