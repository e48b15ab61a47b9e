"""Lineage and taint, on random graphs against a plain definition."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.audit import Kind, NewEntry
from ledger.provenance.lineage import Lineage, step_json

LOGS = (b"\x0a" * 32, b"\x0b" * 32)


def leaf(number):
    return f"0x{number:064x}"


def made(number):
    return f"0xff{number:062x}"


def entry(number, parents=(), decisions=(), outputs=None, kind=Kind.COMPLETED, log=0):
    facts = {
        "run": f"r{number}",
        "parents": list(parents),
        "outputs": [{"name": "model", "sha256": made(number)}] if outputs is None else outputs,
        "rechecks": list(decisions[1:]),
    }
    fields = {"actor": "engine:0xe", "study": "0x5", "engine": "0xe", "decision": (*decisions, "")[0], "facts": facts}
    return NewEntry(kind=kind, **fields).document(log=LOGS[log], index=number, time=100 + number)


@st.composite
def graphs(draw):
    """For each step: the earlier steps that it builds on, by leaf or by output, and the decisions that it rests on."""
    size = draw(st.integers(1, 9))
    return [
        (
            draw(st.lists(st.tuples(st.integers(0, number - 1), st.booleans()), max_size=3)) if number else [],
            draw(st.lists(st.sampled_from(["0xd1", "0xd2", "0xd3"]), max_size=2, unique=True)),
        )
        for number in range(size)
    ]


def lineage_of(graph, order):
    lineage = Lineage()
    for number in order:
        parents, decisions = graph[number]
        names = [leaf(parent) if by_leaf else made(parent) for parent, by_leaf in parents]
        lineage.take(entry(number, names, decisions, log=number % 2), leaf(number))
    return lineage


@given(graphs(), st.randoms(), st.sets(st.sampled_from(["0xd1", "0xd2", "0xd3"])))
def test_taint_is_what_the_definition_says_whatever_the_order_of_reading(graph, random, withdrawn):
    order = list(range(len(graph)))
    random.shuffle(order)
    lineage = lineage_of(graph, order)
    tainted = []
    for parents, decisions in graph:
        tainted.append(bool(withdrawn & set(decisions)) or any(tainted[parent] for parent, _ in parents))
    found = lineage.tainted(withdrawn)
    assert [one.step.index for one in found] == [number for number, is_tainted in enumerate(tainted) if is_tainted]
    for one in found:
        parents, decisions = graph[one.step.index]
        assert (one.distance == 0) == bool(withdrawn & set(decisions))
        above = {parent for parent, _ in parents}
        clean = {parent for parent in above if not tainted[parent]}
        for parent in above - clean:
            clean |= {step.index for other in found if other.step.index == parent for step in other.clean}
        assert [step.index for step in one.clean] == sorted(clean, reverse=True)


@given(graphs())
def test_what_builds_on_a_step_is_what_it_is_an_ancestor_of(graph):
    lineage = lineage_of(graph, range(len(graph)))
    steps = [lineage.find(leaf(number))[0] for number in range(len(graph))]
    for step in steps:
        assert lineage.find(made(step.index)) == [step]
        assert [one for one in steps if step in lineage.ancestors(one)] == lineage.descendants(step)
        assert all(parent in lineage.ancestors(step) for parent in lineage.parents(step))
        assert step not in lineage.ancestors(step)


def test_one_output_of_two_makers_stands_for_both():
    lineage = Lineage()
    same = [{"name": "model", "sha256": made(7)}]
    lineage.take(entry(0, decisions=["0xd1"], outputs=same), leaf(0))
    lineage.take(entry(1, decisions=["0xd2"], outputs=same), leaf(1))
    lineage.take(entry(2, [made(7)]), leaf(2))
    for decision, maker in (("0xd1", 0), ("0xd2", 1)):
        assert [one.step.index for one in lineage.tainted([decision])] == [maker, 2]


def test_a_recheck_counts_as_the_first_decision_does():
    lineage = Lineage()
    lineage.take(entry(0, decisions=["0xd1", "0xd2"]), leaf(0))
    assert [one.distance for one in lineage.tainted(["0xd2"])] == [0]


def test_a_derived_model_is_a_step_and_what_made_nothing_is_none():
    lineage = Lineage()
    lineage.take(entry(0, decisions=["0xd1"]), leaf(0))
    lineage.take(entry(1, [leaf(0)], kind=Kind.DERIVED), leaf(1))
    for number, kind in ((2, Kind.STARTED), (3, Kind.FAILED), (4, Kind.WITHHELD)):
        lineage.take(entry(number, [leaf(0)], kind=kind), leaf(number))
        assert lineage.find(leaf(number)) == []
    assert [one.step.index for one in lineage.tainted(["0xd1"])] == [0, 1]


def test_rings_and_odd_facts_end():
    lineage = Lineage()
    lineage.take(entry(0, [leaf(1), leaf(0)], ["0xd1"]), leaf(0))
    lineage.take(entry(1, [leaf(0), 5, {}, ""]), leaf(1))
    odd = {**entry(2), "facts": {"outputs": [{"name": 3}, "x"], "parents": "0x", "rechecks": 7, "run": []}}
    lineage.take(odd, leaf(2))
    assert [one.step.index for one in lineage.tainted(["0xd1"])] == [0, 1]
    assert [step_json(step)["outputs"] for step in lineage.find(leaf(2))] == [[]]
