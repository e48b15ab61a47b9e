"""A past decision, computed again from the copy and from the contract."""

import sqlite3

import pytest

from ledger.domain.decision import Reason
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound, WrongState
from ledger.services import decide
from ledger.services.replay import replay, request_of
from tests.support.scene import fresh


@pytest.fixture
def recorded(house):
    house.on_chain(*[house.scene.consent(patient) for patient in house.patients[:3]])
    return house.record()


def tamper(house, sql, *values):
    with sqlite3.connect(house.home / "ledger.sqlite") as base:
        for (trigger,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            base.execute(f"DROP TRIGGER {trigger}")
        assert base.execute(sql, values).rowcount == 1


def test_a_replay_comes_out_the_same(house, recorded):
    outcome = replay(house.context, recorded.id)
    assert outcome.same
    assert (outcome.pending, outcome.asked_of_chain) == (0, len(house.patients))
    assert request_of(outcome.record) == house.scene.request()


def test_it_is_as_of_its_block_and_instant_whatever_came_later(house, recorded):
    """Everybody withdraws, the study ends, and time passes."""
    house.on_chain(*[house.scene.withdrawal_of_all(patient) for patient in house.patients])
    house.clock.at += 1000
    house.ledger.catch_up()
    assert not any(decision.permitted for decision in house.look(*house.patients))
    assert replay(house.context, recorded.id).same


@pytest.mark.parametrize(
    ("column", "value"), [("outcome", 2), ("reason", int(Reason.NO_CONSENT)), ("version", 7)], ids=str
)
def test_a_tampered_member_is_a_difference_to_copy_and_chain(house, recorded, column, value):
    victim = house.patients[1].subject
    tamper(house, f"UPDATE decision_member SET {column} = ? WHERE subject = ?", value, victim)
    outcome = replay(house.context, recorded.id)
    assert not outcome.same
    assert [difference.subject for difference in outcome.differences] == [victim]
    assert [difference.subject for difference in outcome.chain_differences] == [victim]


def test_a_decision_by_another_version_of_the_rules_is_neither_the_same_nor_not(house, monkeypatch):
    monkeypatch.setattr(decide, "POLICY_VERSION", "consentry.policy/2")
    other = house.record()
    monkeypatch.undo()
    with pytest.raises(WrongState, match=r"consentry\.policy/2"):
        replay(house.context, other.id)


def test_rows_refused_for_a_waiting_act_are_counted_apart(house, recorded):
    patient = house.patients[0]
    house.submit(house.scene.withdrawal_of_all(patient))
    outcome = replay(house.context, house.record().id)
    assert outcome.same
    assert (outcome.pending, outcome.asked_of_chain) == (1, len(house.patients) - 1)


def test_a_copy_that_was_changed_is_a_difference_though_the_chain_agrees(house, recorded):
    """Somebody wrote a consent away in the mirror: what was said no longer comes out of it."""
    with sqlite3.connect(house.home / "ledger.sqlite") as base:
        changed = base.execute("UPDATE consent SET scope_categories = 2 WHERE scope_categories = 4294967295").rowcount
        assert changed == 3
    outcome = replay(house.context, recorded.id)
    assert len(outcome.differences) == 3
    assert not outcome.chain_differences
    assert not outcome.same


def test_no_such_decision(house):
    with pytest.raises(NotFound):
        replay(house.context, to_hex(fresh()))
