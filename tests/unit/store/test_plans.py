"""No question that is asked often reads a whole table: SQLite's own plans say so."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import event

from ledger.domain import events as ev
from ledger.domain.acts import Withdrawal
from ledger.domain.audit import Checkpointed, DecisionRecord, Member, StoredEntry
from ledger.domain.outbox import ItemState, Outcome, Transmission
from ledger.domain.policy import Request
from ledger.services.sync import Mirror
from ledger.transparency.edge import Edge, Place
from ledger.transparency.hashing import leaf_hash
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.support.stores import open_store

ID = b"\x01" * 32
LOG = b"\x02" * 32
# Tables of one row, or of one row a log; and results of an inner question.
ASKING = ("SELECT", "WITH", "UPDATE", "DELETE")
# An index of the open transmissions alone, and values that the question brings with it.
PARTIAL = ("ix_transmission_open", "CONSTANT ROWS")
SMALL = ("mirror_cursor", "writer_lease", "audit_log", "CONSTANT", "anon_1", "given")


class Asked:
    """A filled store, and what its plans scan."""

    def __init__(self, url: str) -> None:
        self.path = url.removeprefix("sqlite:///")
        self.store = open_store(url)
        chain, history = FakeChain(), History(1)
        chain.mine(*history.opening())
        for _ in range(20):
            chain.mine(*history.block())
        Mirror(chain, self.store.mirror, FakeClock()).catch_up()
        self.chain = chain
        self._statements: list[str] = []
        engine = self.store._database._engine
        engine.dispose()
        self.store._database._short._drop()  # its connections are kept too, and were opened unseen
        event.listen(engine, "connect", lambda connection, _: connection.set_trace_callback(self._statements.append))

    def statements(self, start: str) -> list[str]:
        """What was asked last and starts with these words."""
        return [statement for statement in self._statements if statement.startswith(start)]

    def scans(self, call) -> list[str]:
        """The steps of the call's plans that read a table or index from end to end."""
        self._statements.clear()
        result = call(self.store)
        if hasattr(result, "__next__"):
            list(result)
        found = []
        asked = [statement for statement in self._statements if statement.split()[0] in ASKING]
        assert asked
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in asked:
                if statement.rstrip().endswith("LIMIT 1 OFFSET 0") and "ORDER BY block.number DESC" in statement:
                    continue  # the first row of an index
                plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                steps = [step for *_, step in plan if step.startswith("SCAN") and not step.endswith(PARTIAL)]
                found += [f"{step} in {statement}" for step in steps if step.split()[1] not in SMALL]
        return found


@pytest.fixture
def asked(sqlite_url):
    opened = Asked(sqlite_url)
    yield opened
    opened.store.close()


REQUEST = Request(ID, ID, 8, 1)

MIRROR = {
    "cursor": lambda mirror: mirror.cursor(),
    "block_at": lambda mirror: mirror.block_at(5),
    "setting_at": lambda mirror: mirror.setting_at(REQUEST, 5),
    "consents_at": lambda mirror: mirror.consents_at(mirror.subjects(LOG)[0] if mirror.subjects(LOG) else ID, 5),
    "facts_changed": lambda mirror: mirror.facts_changed(20, 22),
    "institution": lambda mirror: mirror.institution(ID),
    "study": lambda mirror: mirror.study(ID),
    "engine": lambda mirror: mirror.engine(ID),
    "terms": lambda mirror: mirror.terms(ID),
    "consent": lambda mirror: mirror.consent(ID, ID),
    "authority": lambda mirror: mirror.authority(ID, ID),
    "find": lambda mirror: mirror.find("Consent", [(ID, ID), (LOG, ID)]),
    "authorities": lambda mirror: mirror.authorities(ID),
    "subjects of a custodian": lambda mirror: mirror.subjects(ID),
    "history of a subject": lambda mirror: mirror.history("Consent", ID),
    "history of a consent": lambda mirror: mirror.history("Consent", ID, ID),
    "history of an access": lambda mirror: mirror.history("Access", ID, bytes(8)),
    "events_for": lambda mirror: mirror.events_for("Consent", ID),
    "events_in": lambda mirror: mirror.events_in(5, 6),
    "intervals_in": lambda mirror: mirror.intervals_in(5, 6),
    "head_of": lambda mirror: mirror.head_of(LOG),
    "heads_of": lambda mirror: mirror.heads_of(LOG),
    "accesses_of": lambda mirror: mirror.accesses_of(LOG),
    "roll_back": lambda mirror: mirror.roll_back(20, fence=mirror.lease("mirror", at=FakeClock().at, seconds=9)),
}


@pytest.mark.parametrize("name", MIRROR)
def test_the_mirror_answers_by_index(asked, name):
    assert asked.scans(lambda store: MIRROR[name](store.mirror)) == []


def test_taking_blocks_in_looks_up_by_index(asked):
    cursor = asked.store.mirror.cursor()
    consent = asked.store.mirror.current("Consent")[0]
    authority = asked.store.mirror.current("Authority")[0]
    block = asked.chain.mine(
        ev.ConsentWithdrawn(consent.subject, consent.id, ID, consent.version, 1, b"\x09" * 20),
        ev.SignerRemoved(authority.subject, ID, authority.signer, b"\x09" * 20),
    )
    events = asked.chain.events_of(block.hash)
    fence = asked.store.mirror.lease("mirror", at=FakeClock().at, seconds=9)
    assert asked.scans(lambda store: store.mirror.take([block], events, fence=fence, expect=cursor)) == []


def test_a_question_that_reads_a_table_whole_is_seen(asked):
    assert "SCAN consent" in asked.scans(lambda store: store.mirror.current("Consent"))[0]


def act(number: int) -> Withdrawal:
    return Withdrawal(subject=ID, id=bytes([number]) * 32, signer=b"\x09" * 20, signature=bytes(65))


def use_outbox(store) -> None:
    outbox = store.outbox
    outbox.accept([(bytes([number]) * 32, act(number)) for number in range(1, 6)], at=1)
    sent = Transmission(LOG, b"\x05" * 20, 0, b"raw", (1, 2))
    outbox.record_transmission(sent, at=1)
    outbox.transmissions()
    outbox.settle(sent, Outcome(5, ID, succeeded=True, refused={b"\x02" * 32: "no"}))
    outbox.item(b"\x01" * 32)
    outbox.find([b"\x01" * 32, b"\x02" * 32, b"\x09" * 32])
    outbox.revoking(0, 5, 3)
    outbox.waiting(10)
    outbox.unsealed(above=4)
    outbox.unsealed(above=4, after=3)
    outbox.unsealed(above=4, subjects=[ID, LOG])
    outbox.items(subject=ID)
    outbox.items(state=ItemState.SENT)
    outbox.unsettle(4)


def test_the_outbox_answers_by_index(asked):
    assert asked.scans(use_outbox) == []


def test_acts_of_a_subject_are_looked_up_without_those_that_are_long_sealed(asked):
    use_outbox(asked.store)
    asked.scans(lambda store: store.outbox.unsealed(above=4, subjects=[ID, LOG]))
    (statement,) = asked.statements("SELECT")
    with closing(sqlite3.connect(asked.path)) as connection:
        steps = [step for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert "SEARCH outbox_item USING INDEX ix_outbox_item_subject (subject=? AND sequence>?)" in steps


def test_sending_and_sealing_leave_the_indexes_of_digests_and_of_revoking_alone(asked):
    asked.scans(use_outbox)
    kept = ("uq_outbox_item_digest", "ix_outbox_item_refused", "ix_outbox_item_revoking", "ix_outbox_item_subject")
    updates = [one for one in asked.statements("UPDATE outbox_item") if "refused" not in one]
    assert len(updates) == 2
    with closing(sqlite3.connect(asked.path)) as connection:
        places = dict(connection.execute("SELECT name, rootpage FROM sqlite_master"))
        for statement in updates:
            written = {step[3] for step in connection.execute(f"EXPLAIN {statement}") if step[1] == "OpenWrite"}
            assert places["ix_outbox_item_state"] in written
            assert written.isdisjoint(places[name] for name in kept)


def use_audit(store) -> None:
    decision = "0x" + ID.hex()
    canonical = b'{"decision":"' + decision.encode() + b'"}'
    entries = [StoredEntry(LOG, index, canonical, leaf_hash(bytes([index])), f"k{index}") for index in range(4)]
    with store.audit.writer(LOG) as writer:
        writer.find("k1")
        writer.append(entries, Edge().extend([entry.leaf for entry in entries])[1])
        writer.fetch([Place(0, 3), Place(1, 1), Place(2, 0)])
        writer.checkpoint(Checkpointed(LOG, 4, ID, "note", 1))
        record = DecisionRecord(decision, LOG, 0, ID, ID, b"{}", "jws", 1, ID, 1, 1, 1)
        writer.save_decision(record, [Member(ID, bytes(16), 1, 1, None, 0)])
    store.audit.size(LOG)
    store.audit.logs()
    store.audit.entry(LOG, 2)
    list(store.audit.entries(LOG, 1, 3))
    store.audit.nodes(LOG).fetch([Place(0, 3), Place(1, 1), Place(2, 0)])
    store.audit.checkpoint(LOG)
    store.audit.checkpoint(LOG, 4)
    store.audit.decision(decision)
    store.audit.members(decision)
    store.audit.decisions_on(ID)
    store.audit.decisions_on(ID, before=decision)
    store.audit.entries_of_decision(decision)


def test_the_audit_logs_answer_by_index(asked):
    assert asked.scans(use_audit) == []
