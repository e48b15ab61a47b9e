"""The relayer against a real node: mining apart from sending, dropped transactions, reorgs, and a full pipeline."""

import time
from collections import Counter

import pytest

from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from ledger.chain.relayer import RESEND_AFTER, Relayer
from ledger.domain.events import ActRefused, ConsentRecorded
from ledger.domain.outbox import ItemState
from tests.fakes.chain import FakeClock
from tests.fakes.store import MemoryStore
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.scene import Patient, Scene

pytestmark = pytest.mark.skipif(find_anvil() is None, reason=MISSING)


class World:
    def __init__(self, folder) -> None:
        self.anvil = Anvil(folder / "anvil", "--gas-limit", "60000000")
        ring = KeyRing(folder / "keys")
        for role in (RELAYER, CONSORTIUM):
            self.anvil.fund(address_of(ring.named(role)))
        self.clock = FakeClock(int(time.time()))
        self.chain = deploy_rpc(self.anvil.url, folder, self.clock)
        self.scene = Scene(self.chain, self.clock.now()).found()
        self.outbox = MemoryStore().outbox
        self.relayer = Relayer(self.outbox, self.chain.writer, self.clock, batch=10)

    def accept(self, patients):
        acts = [self.scene.consent(patient) for patient in patients]
        return self.outbox.accept([(self.chain.writer.digest(act), act) for act in acts], at=self.clock.now())

    def enrolled(self, count) -> list[Patient]:
        patients = [Patient() for _ in range(count)]
        for start in range(0, count, 50):
            self.scene.must(*[self.scene.enrolment(patient) for patient in patients[start : start + 50]])
        return patients

    def mining(self, automatic: bool) -> None:
        self.anvil.ask("evm_setAutomine", automatic)

    def mine(self) -> None:
        self.anvil.ask("anvil_mine", "0x1")

    def drain(self, *, mining=False) -> None:
        for _ in range(2000):
            if self.relayer.run_once().idle:
                return
            if mining:
                self.mine()
            time.sleep(0.01)
        raise AssertionError("the relayer does not come to rest")

    def events(self, kind):
        return [
            log.event
            for log in self.chain.reader.events_between(0, self.chain.reader.head().number)
            if isinstance(log.event, kind)
        ]

    def exactly(self, items) -> None:
        assert Counter(event.digest for event in self.events(ConsentRecorded)) == Counter(i.digest for i in items)
        assert not self.events(ActRefused)
        assert {self.outbox.item(item.digest).state for item in items} == {ItemState.SEALED}


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.chain.close()
    world.anvil.stop()


def test_many_transactions_wait_for_one_block(world):
    items = world.accept(world.enrolled(55))
    world.mining(automatic=False)
    progress = world.relayer.run_once()
    assert (progress.sent, progress.open) == (6, 6)
    assert world.relayer.run_once().open == 6
    world.mine()
    assert world.relayer.run_once().sealed == 55
    world.exactly(items)


def test_a_transaction_that_the_node_dropped_is_sent_again(world):
    items = world.accept(world.enrolled(3))
    world.mining(automatic=False)
    assert world.relayer.run_once().open == 1
    world.anvil.ask("anvil_dropAllTransactions")
    world.mine()
    assert world.relayer.run_once().open == 1
    world.clock.at += RESEND_AFTER
    world.drain(mining=True)
    world.exactly(items)


def test_acts_of_blocks_that_a_reorg_took_back_are_mined_again(world):
    items = world.accept(world.enrolled(25))
    before = world.chain.reader.head()
    world.drain()
    sealed = {world.outbox.item(item.digest).block for item in items}
    depth = world.chain.reader.head().number - before.number
    assert sealed
    assert min(sealed) > before.number
    world.anvil.ask("anvil_reorg", depth, [])
    assert not world.events(ConsentRecorded)
    world.outbox.unsettle(before.number)
    world.clock.at += RESEND_AFTER
    world.drain(mining=True)
    world.exactly(items)


def test_a_new_process_goes_on_with_what_is_in_the_pool(world):
    items = world.accept(world.enrolled(12))
    world.mining(automatic=False)
    assert world.relayer.run_once().open == 2
    world.relayer = Relayer(world.outbox, world.chain.writer, world.clock, batch=10)
    assert world.relayer.run_once().open == 2
    world.drain(mining=True)
    world.exactly(items)
