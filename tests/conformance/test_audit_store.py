"""What every store of audit logs keeps to, the fake one too (``ports.AuditStore``)."""

import threading

import pytest

from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.domain.identifiers import parse_id
from ledger.errors import Conflict, InvalidInput, NotFound, Replayed, WrongState
from ledger.transparency import canonical
from ledger.transparency.edge import Edge, Place, Run
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.proofs import verify_inclusion
from ledger.transparency.tree import edge_at, inclusion_proof, root_at

LOG, OTHER = b"\x01" * 32, b"\x02" * 32


def stored(log: bytes, index: int, key: str = "", decision: str = "") -> StoredEntry:
    data = canonical.encode({"log": "0x" + log.hex(), "index": index, "decision": decision})
    return StoredEntry(log, index, data, leaf_hash(data), key, decision=parse_id(decision) if decision else None)


def runs_of(edge: Edge, entries) -> list[Run]:
    return edge.extend([entry.leaf for entry in entries])[1]


def append(store, log: bytes, count: int, *, keys=(), decision: str = "") -> list[StoredEntry]:
    with store.audit.writer(log) as writer:
        labels = [*keys, *[""] * (count - len(keys))]
        entries = [stored(log, writer.size + place, key, decision) for place, key in enumerate(labels)]
        writer.append(entries, runs_of(edge_at(writer, writer.size), entries))
    return entries


def hex_id(number: int) -> str:
    return "0x" + number.to_bytes(32, "big").hex()


def record(number: int, log: bytes = LOG, index: int = 0) -> DecisionRecord:
    return DecisionRecord(
        hex_id(number), log, index, b"\x03" * 32, b"\x04" * 32, b"{}", "jws", 9, b"\x05" * 32, 1_700_000_000, 1, 2
    )


def member(number: int, outcome: int = 1) -> Member:
    consent = bytes([number]) * 32 if outcome == 1 else None
    return Member(bytes([number]) * 32, bytes([number]) * 16, outcome, 15, consent, 3)


def test_a_log_that_is_not_there_is_empty(store):
    assert store.audit.size(LOG) == 0
    assert store.audit.logs() == []
    assert store.audit.entry(LOG, 0) is None
    assert list(store.audit.entries(LOG, 0, 9)) == []
    assert list(store.audit.rows(LOG, 0, 9, 9)) == []
    assert store.audit.checkpoint(LOG) is None
    assert store.audit.decision(hex_id(1)) is None
    assert store.audit.members(hex_id(1)) == []
    with pytest.raises(NotFound):
        store.audit.node(LOG, 0, 0)


def test_opening_a_writer_makes_no_log(store):
    with store.audit.writer(LOG) as writer:
        assert writer.size == 0
    assert store.audit.logs() == []


def test_entries_are_read_back_as_they_were_written(store):
    entries = append(store, LOG, 3, keys=("a",)) + append(store, LOG, 2)
    append(store, OTHER, 1)
    assert store.audit.size(LOG) == 5
    assert set(store.audit.logs()) == {LOG, OTHER}
    assert list(store.audit.entries(LOG, 0, 9)) == entries
    assert list(store.audit.entries(LOG, 1, 3)) == entries[1:3]
    assert store.audit.entry(LOG, 4) == entries[4]
    assert store.audit.entry(LOG, 5) is None
    rows = [(index, entry.canonical, entry.leaf, None, None, None) for index, entry in enumerate(entries)]
    rows[0] = (*rows[0][:3], "a", 1, None)
    assert list(store.audit.rows(LOG, 0, 9, 9)) == [rows]
    assert list(store.audit.rows(LOG, 1, 4, 2)) == [rows[1:3], rows[3:4]]
    assert list(store.audit.rows(LOG, 5, 9, 9)) == []


def test_many_entries_are_streamed_without_a_gap(store):
    entries = append(store, LOG, 2500)
    assert list(store.audit.entries(LOG, 300, 2400)) == entries[300:2400]


def test_the_tree_of_every_size_is_read_from_the_nodes(store):
    entries = append(store, LOG, 5) + append(store, LOG, 1) + append(store, LOG, 7)
    edge = Edge()
    nodes = store.audit.nodes(LOG)
    for size, entry in enumerate(entries, start=1):
        edge, _ = edge.append(entry.leaf)
        assert root_at(nodes, size) == edge.root()
    verify_inclusion(entries[4].leaf, 4, 13, inclusion_proof(nodes, 4, 13), edge.root())
    assert store.audit.node(LOG, 0, 12) == entries[12].leaf
    with store.audit.writer(LOG) as writer:
        assert writer.fetch([Place(3, 0), Place(0, 12)]) == [writer.node(3, 0), entries[12].leaf]


def test_a_node_that_is_not_complete_is_not_found(store):
    append(store, LOG, 3)
    with pytest.raises(NotFound):
        store.audit.node(LOG, 1, 1)
    with pytest.raises(NotFound):
        root_at(store.audit.nodes(LOG), 4)


def test_a_writer_that_fails_leaves_nothing(store):
    append(store, LOG, 1)

    def fail() -> None:
        with store.audit.writer(LOG) as writer:
            entries = [stored(LOG, 1)]
            writer.append(entries, runs_of(edge_at(writer, 1), entries))
            writer.save_decision(record(1), [member(1)])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert store.audit.size(LOG) == 1
    assert store.audit.decision(hex_id(1)) is None


@pytest.mark.parametrize(
    "wrong", [[stored(LOG, 0)], [stored(LOG, 2)], [stored(LOG, 1), stored(LOG, 3)], [stored(OTHER, 1)]]
)
def test_entries_go_to_the_end_of_their_own_log(store, wrong):
    append(store, LOG, 1)
    with pytest.raises(WrongState), store.audit.writer(LOG) as writer:
        writer.append(wrong, [])
    assert store.audit.size(LOG) == 1


def test_an_idempotency_key_stands_once_in_a_log(store):
    first = append(store, LOG, 2, keys=("a", "b"))
    append(store, OTHER, 1, keys=("a",))
    with store.audit.writer(LOG) as writer:
        assert writer.find("b") == first[1]
        assert writer.find("c") is None
        assert writer.find("") is None
    with pytest.raises(Replayed):
        append(store, LOG, 1, keys=("a",))
    with pytest.raises(Replayed):
        append(store, LOG, 2, keys=("d", "d"))
    append(store, LOG, 2)
    assert store.audit.size(LOG) == 4


def test_a_leaf_that_is_not_its_entrys_is_refused(store):
    with pytest.raises(InvalidInput), store.audit.writer(LOG) as writer:
        writer.append([stored(LOG, 0)], [Run(0, 0, [bytes(32)])])
    assert store.audit.size(LOG) == 0


def test_an_entry_that_is_no_object_is_refused(store):
    with pytest.raises(InvalidInput), store.audit.writer(LOG) as writer:
        writer.append([StoredEntry(LOG, 0, b"[1]", leaf_hash(b"[1]"), "")], [])
    assert store.audit.size(LOG) == 0


def test_checkpoints_are_kept_by_size(store):
    early = Checkpointed(LOG, 1, b"\x07" * 32, "note 1", 5)
    late = Checkpointed(LOG, 3, b"\x08" * 32, "note 3", 6)
    with store.audit.writer(LOG) as writer:
        writer.checkpoint(late)
        writer.checkpoint(early)
        writer.checkpoint(Checkpointed(LOG, 3, b"\x08" * 32, "another note", 7))
    assert store.audit.checkpoint(LOG) == late
    assert store.audit.checkpoint(LOG, 1) == early
    assert store.audit.checkpoint(LOG, 2) is None
    assert store.audit.checkpoint(OTHER) is None


def test_another_root_for_a_size_is_a_conflict(store):
    with store.audit.writer(LOG) as writer:
        writer.checkpoint(Checkpointed(LOG, 1, b"\x07" * 32, "note", 5))
    with pytest.raises(Conflict), store.audit.writer(LOG) as writer:
        writer.checkpoint(Checkpointed(LOG, 1, b"\x09" * 32, "fork", 5))
    assert store.audit.checkpoint(LOG).root == b"\x07" * 32


def test_a_decision_is_kept_with_its_members(store):
    with store.audit.writer(LOG) as writer:
        writer.save_decision(record(1), [member(9), member(4, outcome=2)])
        writer.save_decision(record(2, index=1), [member(9)])
    assert store.audit.decision(hex_id(1)) == record(1)
    assert store.audit.members(hex_id(1)) == [member(4, outcome=2), member(9)]
    assert store.audit.decisions_on(b"\x09" * 32) == [(record(2, index=1), member(9)), (record(1), member(9))]
    assert store.audit.decisions_on(b"\x09" * 32, limit=1) == [(record(2, index=1), member(9))]
    assert store.audit.decisions_on(b"\x09" * 32, before=hex_id(2)) == [(record(1), member(9))]
    assert store.audit.decisions_on(b"\x09" * 32, before=hex_id(1)) == []
    assert store.audit.decisions_on(b"\x09" * 32, before=hex_id(3)) == []
    assert store.audit.decisions_on(b"\x01" * 32) == []


def test_a_decision_stands_with_the_log_of_its_entry(store):
    with pytest.raises(WrongState), store.audit.writer(LOG) as writer:
        writer.save_decision(record(1, log=OTHER), [])
    assert store.audit.decision(hex_id(1)) is None


def test_a_text_that_is_no_id_names_no_decision(store):
    assert store.audit.decision("0x12") is None
    assert store.audit.members("nonsense") == []
    append(store, LOG, 1)
    assert store.audit.entries_of_decision("nonsense") == []


def test_the_entries_of_a_decision_come_with_its_own_first(store):
    used = append(store, OTHER, 2, decision=hex_id(1))
    own = append(store, LOG, 1)
    append(store, LOG, 1, decision=hex_id(2))
    with store.audit.writer(LOG) as writer:
        writer.save_decision(record(1), [])
    assert store.audit.entries_of_decision(hex_id(1)) == own + used
    assert store.audit.entries_of_decision(hex_id(7)) == []


def test_threads_that_append_at_once_make_one_dense_log(store):
    def work() -> None:
        for _ in range(8):
            append(store, LOG, 2)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = list(store.audit.entries(LOG, 0, 100))
    assert [entry.index for entry in entries] == list(range(48))
    edge = Edge().extend([entry.leaf for entry in entries])[0]
    assert root_at(store.audit.nodes(LOG), 48) == edge.root()
