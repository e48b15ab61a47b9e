"""The tables against the values that they hold."""

import pytest
from sqlalchemy import Float, Numeric
from sqlalchemy.types import DateTime

from ledger.store.kinds import INTERVAL, KINDS, kind_named
from ledger.store.tables import METADATA
from tests.fakes.histories import History


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kinds_table_has_its_columns_and_no_others(kind):
    assert {column.name for column in kind.table.columns} == {*kind.columns, *INTERVAL}
    assert {column.name for column in kind.table.primary_key} == {"from_block", "place", *kind.key}
    assert kind_named(kind.name) is kind


def test_every_kind_of_fact_has_a_table():
    history = History(0)
    history.opening()
    assert {type(fact) for fact in history.world.facts.values()} == {kind.fact for kind in KINDS}


def test_no_column_is_a_float_or_a_local_time():
    for table in METADATA.tables.values():
        for column in table.columns:
            assert not isinstance(column.type, Float | Numeric | DateTime), f"{table.name}.{column.name}"


def test_every_constraint_and_index_has_a_name():
    for table in METADATA.tables.values():
        assert all(index.name for index in table.indexes)
        assert all(constraint.name for constraint in table.constraints)
