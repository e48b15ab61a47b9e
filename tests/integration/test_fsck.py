"""Every attack on the stored log that the design names, injected into SQL, and named by fsck."""

from shutil import copytree

import pytest

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.audit import Checkpointed, Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.services.fsck import Fault, check_log, check_logs
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, write_checkpoint
from ledger.transparency.edge import Edge
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.tree import inclusion_proof, root_at
from tests.support.past import past, shown
from tests.support.tampering import sql

__all__ = ["past", "shown"]

LOG = b"\x0a" * 32


def faults(shown):
    return [(finding.fault, finding.index) for finding in check_log(shown.ledger.context, shown.log).findings]


def changed(canonical_bytes):
    document = canonical.decode_object(canonical_bytes)
    document["time"] = int(document["time"]) + 1
    return canonical.encode(document)


def row(connection, index):
    return connection.execute('SELECT canonical, leaf FROM audit_entry WHERE "index" = ?', (index,)).fetchone()


def test_an_untouched_log_is_sound(shown):
    (health,) = check_logs(shown.ledger.context)
    assert health.sound
    assert (health.entries, health.anchored) == (7, 7)


def test_a_changed_row_is_named(shown):
    with sql(shown.ledger.settings.home) as connection:
        data = changed(row(connection, 4)[0])
        connection.execute('UPDATE audit_entry SET canonical = ? WHERE "index" = 4', (data,))
    assert faults(shown)[0] == (Fault.CHANGED, 4)


def test_a_row_changed_together_with_its_leaf_is_found_between_two_anchors(shown):
    with sql(shown.ledger.settings.home) as connection:
        data = changed(row(connection, 4)[0])
        statement = 'UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = 4'
        connection.execute(statement, (data, leaf_hash(data)))
    assert (Fault.REWRITTEN, 3) in faults(shown)


@pytest.mark.parametrize("index", [0, 3, 5])
def test_a_deleted_row_is_named(shown, index):
    with sql(shown.ledger.settings.home) as connection:
        connection.execute('DELETE FROM audit_entry WHERE "index" = ?', (index,))
    assert (Fault.MISSING, index) in faults(shown)


@pytest.mark.parametrize(
    "more", [{}, {"decision": 5}, {"decision": "x"}, {"facts": []}, {"decision": "0x" + "ab" * 32}]
)
def test_an_entry_that_became_a_decision_of_no_form_is_named(shown, more):
    data = canonical.encode({"index": 4, "log": to_hex(shown.log), "kind": "decision", **more})
    with sql(shown.ledger.settings.home) as connection:
        connection.execute('UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = 4', (data, leaf_hash(data)))
    assert (Fault.DECISION, 4) in faults(shown)


def test_swapped_rows_are_named(shown):
    with sql(shown.ledger.settings.home) as connection:
        first, second = row(connection, 1), row(connection, 2)
        for index, (data, leaf) in ((1, second), (2, first)):
            statement = 'UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = ?'
            connection.execute(statement, (data, leaf, index))
    found = faults(shown)
    assert (Fault.MOVED, 1) in found
    assert (Fault.MOVED, 2) in found


def test_a_cut_tail_is_seen_even_when_its_checkpoints_went_with_it(shown):
    with sql(shown.ledger.settings.home) as connection:
        connection.execute('DELETE FROM audit_entry WHERE "index" >= 5')
        connection.execute("DELETE FROM checkpoint WHERE size > 5")
    assert (Fault.CUT, 5) in faults(shown)


def test_a_whole_log_that_was_deleted_is_seen(shown):
    with sql(shown.ledger.settings.home) as connection:
        for table in ("audit_entry", "tree_tile", "checkpoint"):
            connection.execute(f"DELETE FROM {table}")
    (health,) = check_logs(shown.ledger.context)
    assert (health.findings[0].fault, health.findings[0].index) == (Fault.CUT, 0)


def test_rows_tree_and_checkpoints_rewritten_with_the_logs_own_key_are_seen_by_the_chain_alone(shown):
    context = shown.ledger.context
    entries = list(context.audit.entries(shown.log, 0, 7))
    documents = [entry.canonical for entry in entries]
    documents[6] = changed(documents[6])
    leaves = [leaf_hash(data) for data in documents]
    edge, _ = Edge().extend(leaves)
    signer = context.log_keys.note_signer(shown.log)
    note = write_checkpoint(Checkpoint(shown.log, 7, edge.root()), [signer])
    forged = Checkpointed(shown.log, 7, edge.root(), note, 0)
    with sql(shown.ledger.settings.home) as connection:
        statement = 'UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = 6'
        connection.execute(statement, (documents[6], leaves[6]))
        connection.execute("UPDATE checkpoint SET root = ?, note = ? WHERE size = 7", (forged.root, forged.note))
    found = faults(shown)
    assert (Fault.REWRITTEN, 3) in found
    assert (Fault.ACCESS, 6) in found
    assert not {Fault.CHANGED, Fault.NODE, Fault.CHECKPOINT} & {fault for fault, _ in found}


@pytest.fixture(scope="module")
def long_past(tmp_path_factory):
    """A log with full tiles; no chain is asked for it."""
    home = tmp_path_factory.mktemp("long") / "home"
    with open_ledger(Settings(home=home)) as ledger:
        entries = [NewEntry(Kind.ADMINISTRATION, "service", facts={"number": number}) for number in range(600)]
        ledger.appender.append(LOG, "key", entries[:300])
        ledger.appender.append(LOG, "key 2", entries[300:])
        assert check_log(ledger.context, LOG).sound
    return home


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ('UPDATE tree_tile SET hashes = zeroblob(8192) WHERE "index" = 1', 256),
        ('UPDATE tree_tile SET hashes = CAST(substr(hashes, 1, 320) || zeroblob(7872) AS BLOB) WHERE "index" = 1', 266),
        ('UPDATE tree_tile SET root = zeroblob(32) WHERE "index" = 1', 256),
        ('DELETE FROM tree_tile WHERE "index" = 1', 256),
        ('UPDATE tree_tile SET "index" = 7 WHERE "index" = 0', 0),
    ],
)
def test_a_changed_tile_is_named_though_the_proofs_of_a_process_still_come_from_the_old_one(
    long_past, tmp_path, statement, index
):
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        root_at(ledger.context.audit.nodes(LOG), 600)
        inclusion_proof(ledger.context.audit.nodes(LOG), 300, 600)
        with sql(ledger.settings.home) as connection:
            assert connection.execute(statement).rowcount == 1
        found = check_log(ledger.context, LOG).findings
        assert [(finding.fault, finding.index) for finding in found] == [(Fault.NODE, index)]


@pytest.mark.parametrize(("level", "index", "entry"), [(0, 2, 512), (0, 7, None), (1, 0, 0), (7, 1 << 40, None)])
def test_a_tile_that_no_entries_fill_is_named(long_past, tmp_path, level, index, entry):
    """The next head would be made out of it, and would be a fork of those before it."""
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        with sql(ledger.settings.home) as connection:
            connection.execute(
                'INSERT INTO tree_tile (log, level, "index", root, hashes) '
                'SELECT log, ?, ?, root, hashes FROM tree_tile WHERE level = 0 AND "index" = 0',
                (level, index),
            )
        found = check_log(ledger.context, LOG).findings
        assert [(finding.fault, finding.index) for finding in found] == [(Fault.NODE, entry)]


def test_an_entry_whose_index_is_true_is_not_entry_one(long_past, tmp_path):
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        with sql(ledger.settings.home) as connection:
            data = row(connection, 1)[0].replace(b'"index":1,', b'"index":true,')
            statement = 'UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = 1'
            connection.execute(statement, (data, leaf_hash(data)))
        found = {(finding.fault, finding.index) for finding in check_log(ledger.context, LOG).findings}
        assert (Fault.MOVED, 1) in found


def test_a_row_changed_together_with_its_leaf_is_named_by_its_tile(long_past, tmp_path):
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        with sql(ledger.settings.home) as connection:
            data = changed(row(connection, 270)[0])
            statement = 'UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = 270'
            connection.execute(statement, (data, leaf_hash(data)))
        assert check_log(ledger.context, LOG).findings[0].index == 270


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ('DELETE FROM audit_entry WHERE "index" = 0', (Fault.MISSING, 0)),
        ("DELETE FROM audit_entry", (Fault.CUT, 0)),
        ("UPDATE checkpoint SET size = 1 << 62 WHERE size = 600", (Fault.CHECKPOINT, None)),
        ('UPDATE audit_entry SET "index" = 1 << 62 WHERE "index" = 599', (Fault.COLUMN, None)),
    ],
)
def test_no_row_takes_a_log_that_is_not_anchored_out_of_sight(long_past, tmp_path, statement, fault):
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        with sql(ledger.settings.home) as connection:
            assert connection.execute(statement).rowcount
        (health,) = check_logs(ledger.context)
        assert fault in [(finding.fault, finding.index) for finding in health.findings]


@pytest.mark.parametrize("more", [b" ", b',"time":0'])
def test_an_entry_under_no_anchor_must_have_its_one_form_though_a_signed_head_holds_it(long_past, tmp_path, more):
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        context = ledger.context
        documents = [entry.canonical for entry in context.audit.entries(LOG, 0, 600)]
        documents[590] = documents[590][:-1] + more + documents[590][documents[590].rindex(b',"time"') :]
        edge, _ = Edge().extend([leaf_hash(data) for data in documents])
        note = write_checkpoint(Checkpoint(LOG, 600, edge.root()), [context.log_keys.note_signer(LOG)])
        with sql(ledger.settings.home) as connection:
            statement = 'UPDATE audit_entry SET canonical = ?, leaf = ? WHERE "index" = 590'
            connection.execute(statement, (documents[590], leaf_hash(documents[590])))
            connection.execute("UPDATE checkpoint SET root = ?, note = ? WHERE size = 600", (edge.root(), note))
        assert [(found.fault, found.index) for found in check_log(context, LOG).findings] == [(Fault.CHANGED, 590)]


def test_a_row_missing_early_hides_none_that_is_missing_later(long_past, tmp_path):
    copytree(long_past, tmp_path / "home")
    with open_ledger(Settings(home=tmp_path / "home")) as ledger:
        with sql(ledger.settings.home) as connection:
            connection.execute('DELETE FROM audit_entry WHERE "index" IN (3, 520, 521)')
        found = check_log(ledger.context, LOG).findings
        assert [(one.fault, one.index) for one in found] == [(Fault.MISSING, 3), (Fault.MISSING, 520)]


def test_a_changed_checkpoint_is_seen(shown):
    with sql(shown.ledger.settings.home) as connection:
        connection.execute(
            "UPDATE checkpoint SET note = replace(note, char(10) || '7' || char(10), char(10) || '8' || char(10))"
        )
    assert [fault for fault, _ in faults(shown)] == [Fault.CHECKPOINT]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decision SET receipt = receipt || 'A' WHERE \"index\" = 0",
        'UPDATE decision SET permitted = permitted + 1 WHERE "index" = 0',
        "UPDATE decision SET request = CAST(replace(CAST(request AS TEXT), 'outcomes', 'x') AS BLOB) WHERE number = 1",
        "UPDATE decision_member SET outcome = 3 - outcome WHERE decision = 1",
        "DELETE FROM decision_member WHERE decision = 1",
        'UPDATE decision SET "index" = 1 WHERE "index" = 0',
    ],
)
def test_a_changed_decision_is_named(shown, statement):
    with sql(shown.ledger.settings.home) as connection:
        assert connection.execute(statement).rowcount
    assert set(faults(shown)) == {(Fault.DECISION, 0)}


def test_a_decision_that_no_entry_names_is_named(shown):
    with sql(shown.ledger.settings.home) as connection:
        names = [name for _, name, *_ in connection.execute("PRAGMA table_info(decision)")]
        others = ", ".join(f'"{name}"' for name in names if name not in {"number", "id", "index"})
        statement = f'INSERT INTO decision (id, "index", {others}) SELECT ?, 2, {others} FROM decision WHERE number = 1'
        connection.execute(statement, (b"\x66" * 32,))
    assert faults(shown) == [(Fault.DECISION, 2)]
