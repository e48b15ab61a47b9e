"""The document in parts: together they say everything once, and each is checked as the whole would be."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.audit import Kind, NewEntry
from ledger.provenance.builder import Builder, build
from ledger.provenance.constraints import violations

LOG = b"\x0a" * 32
WORDS = st.sampled_from(["a", "b", "c"])
HASHES = st.sampled_from([f"0x{number:064x}" for number in range(6)])
RUN_FACTS = st.fixed_dictionaries(
    {},
    optional={
        "run": WORDS | st.just(7),
        "inputs": st.lists(st.fixed_dictionaries({"commitment": HASHES}) | st.just("odd"), max_size=2),
        "outputs": st.lists(st.fixed_dictionaries({"name": WORDS, "sha256": HASHES}) | st.just({}), max_size=3),
        "parents": st.lists(HASHES, max_size=3) | st.just("odd"),
        "rechecks": st.lists(st.sampled_from(["0xd0", "0xd1"]), max_size=2),
        "engine": st.just({"name": "x"}) | st.just([]),
    },
)
RUN_KINDS = sorted({Kind.STARTED, Kind.COMPLETED, Kind.FAILED, Kind.WITHHELD, Kind.DERIVED, Kind.ERASURE})


@st.composite
def logs(draw):
    """Entries of any kind, with facts of any kind, and a clock that is sometimes set back."""
    entries, decided = [], 0
    for index in range(draw(st.integers(0, 10))):
        decision, facts = draw(st.sampled_from(["", "0xd0", "0xd1"])), draw(RUN_FACTS)
        kind, time = draw(st.sampled_from(RUN_KINDS)), draw(st.integers(100, 110))
        if draw(st.booleans()):
            kind, decision, decided = Kind.DECISION, f"0xd{decided}", decided + 1
            facts = {"outcome": "permit", "at": time, "cohort": {"root": "0x0", "size": 3}}
        fields = {"actor": draw(st.sampled_from(["service", "engine:0xe", "institution:0x1"])), "facts": facts}
        fields |= {"engine": draw(st.sampled_from(["", "0xe"])), "decision": decision, "block": (1, "0xb")}
        document = NewEntry(kind=kind, **fields).document(log=LOG, index=index, time=time)
        entries.append((document, f"0x{index:064x}"))
    return entries


@settings(max_examples=40)
@given(logs())
def test_any_log_makes_valid_provenance_in_valid_parts(entries):
    builder = Builder()
    parts = [*(builder.take(*entry) for entry in entries), builder.finish()]
    assert [part.violations() for part in parts] == [[] for _ in parts]
    assert violations(build(entries)) == []


@settings(max_examples=40)
@given(logs())
def test_every_thing_and_relation_is_said_once(entries):
    builder = Builder()
    parts = [*(builder.take(*entry) for entry in entries), builder.finish()]
    things = Counter(node for part in parts for node in part.document.nodes)
    relations = Counter(relation for part in parts for relation in part.document.relations)
    assert {*things.values(), *relations.values()} <= {1}
    said = {end for part in parts for relation in part.document.relations for end in (relation.source, relation.target)}
    assert said <= things.keys()


def test_a_second_end_of_a_run_tells_of_no_further_computation():
    common = {"actor": "engine:0xe", "engine": "0xe", "facts": {"run": "a"}}
    kinds = (Kind.STARTED, Kind.STARTED, Kind.COMPLETED, Kind.FAILED, Kind.STARTED)
    builder, said = Builder(), []
    for index, kind in enumerate(kinds):
        document = NewEntry(kind=kind, **common).document(log=LOG, index=index, time=100 + index)
        said += builder.take(document, f"0x{index:064x}").document.nodes
    said += builder.finish().document.nodes
    assert [node for node in said if "/" in node and not node.startswith(("engine", "institution"))] == [
        "event/1",
        "computation/a",
        "event/3",
        "event/4",
    ]
