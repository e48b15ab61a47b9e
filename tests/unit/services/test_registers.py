"""When a register is made anew: as soon as too many came after it, whatever the chain took back meanwhile."""

from types import SimpleNamespace

import pytest

from ledger.domain.events import Block
from ledger.domain.projection import Subject
from ledger.services.registers import Registers

CUSTODIAN = b"\xcc" * 32


def subject(number):
    return bytes([number]) * 32


class Chain:
    """Blocks by number, each with the subjects that were enrolled in it; the mirror, the store and the view of it."""

    def __init__(self):
        self.blocks = {}
        self.kept = {}

    def put(self, number, fork, *enrolled):
        self.blocks = {at: held for at, held in self.blocks.items() if at < number}
        self.blocks[number] = (Block(number, bytes([number, fork]) * 16, b"", 0), [subject(one) for one in enrolled])

    def block_at(self, number):
        return self.blocks[number][0] if number in self.blocks else None

    def facts_changed(self, after, until):
        return [Subject(one, CUSTODIAN) for at, (_, ids) in self.blocks.items() if after < at <= until for one in ids]

    def keep(self, decision, bits):
        self.kept[decision] = bits

    def view(self):
        ids = [one for _, enrolled in self.blocks.values() for one in enrolled]
        return SimpleNamespace(block=self.blocks[max(self.blocks)][0], subjects=lambda: ids)


@pytest.fixture
def chain():
    made = Chain()
    made.put(1, 0, 1, 2, 3)
    return made


@pytest.fixture
def registers(chain):
    return Registers(chain, chain, b"s" * 32)


def rows(registers, view):
    return registers.commit(view, "d", [subject(1)], [True])["rows"]


def test_one_is_used_until_somebody_came(registers, chain):
    assert rows(registers, chain.view()) == 3
    chain.put(2, 0)
    assert registers.commit(chain.view(), "d", [], [])["block"]["number"] == 1
    chain.put(3, 0, 4)
    assert rows(registers, chain.view()) == 4


@pytest.mark.parametrize("height", [2, 3, 4])
def test_who_came_on_a_branch_that_took_the_place_of_another_is_seen(registers, chain, height):
    assert rows(registers, chain.view()) == 3
    chain.put(2, 0)
    chain.put(3, 0)
    assert rows(registers, chain.view()) == 3
    for number in range(2, height + 1):
        chain.put(number, 1, *([9] if number == 2 else []))
    assert rows(registers, chain.view()) == 4


def test_a_view_that_is_older_than_another_takes_back_nothing(registers, chain):
    before = chain.view()
    assert rows(registers, before) == 3
    chain.put(2, 0)
    assert rows(registers, chain.view()) == 3
    assert rows(registers, before) == 3
