"""The relayer on a real chain (the embedded one) and the outbox in memory, with faults put between them."""

from collections import Counter

import msgspec
import pytest

from ledger.chain import gas
from ledger.chain.keys import RELAYER, KeyRing
from ledger.chain.node import NodeRefused
from ledger.chain.opening import open_embedded
from ledger.chain.relayer import LOST_AFTER, MOST_IN_FLIGHT, RESEND_AFTER, UNSENDABLE, Progress, Relayer
from ledger.chain.transactions import sign
from ledger.domain import events
from ledger.domain.acts import EngineRevocation
from ledger.domain.outbox import ItemState
from ledger.errors import LedgerUnreachable
from tests.fakes.chain import FakeClock
from tests.fakes.store import MemoryStore
from tests.support.scene import Patient, Scene, fresh


class Killed(BaseException):
    """Stands for the end of the process."""


class Between:
    """The writer, with a fault before or after a named step."""

    def __init__(self, writer) -> None:
        self._writer = writer
        self.before: dict[str, BaseException] = {}
        self.after: dict[str, BaseException] = {}
        self.swallow = False
        self.sent = 0
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name):
        real = getattr(self._writer, name)

        def step(*arguments):
            if name in self.before:
                raise self.before[name]
            self.asked[name] += 1
            if name == "send":
                self.sent += 1
            result = None if name == "send" and self.swallow else real(*arguments)
            if name in self.after:
                raise self.after[name]
            return result

        return step


class World:
    def __init__(self, home, batch=100) -> None:
        self.clock = FakeClock(1_800_000_000)
        self.home = home
        self.chain = open_embedded(home, self.clock)
        self.scene = Scene(self.chain, self.clock.now()).found()
        self.outbox = MemoryStore().outbox
        self.writer = Between(self.chain.writer)
        self.batch = batch
        self.restart()

    def restart(self) -> None:
        """A new process: what the relayer held in memory is gone."""
        self.writer.before.clear()
        self.writer.after.clear()
        self.relayer = Relayer(self.outbox, self.writer, self.clock, self.batch)

    def patients(self, count) -> list[Patient]:
        patients = [Patient() for _ in range(count)]
        self.scene.must(*[self.scene.enrolment(patient) for patient in patients])
        return patients

    def accept(self, *acts):
        return self.outbox.accept([(self.chain.writer.digest(act), act) for act in acts], at=self.clock.now())

    def drain(self) -> None:
        for _ in range(100):
            if self.relayer.run_once().idle:
                return
        raise AssertionError("the relayer does not come to rest")

    def recorded(self) -> Counter[bytes]:
        logged = self.chain.reader.events_between(0, self.chain.reader.head().number)
        return Counter(log.event.digest for log in logged if isinstance(log.event, events.ConsentRecorded))

    def states(self, items) -> list[tuple[ItemState, str]]:
        return [(self.outbox.item(item.digest).state, self.outbox.item(item.digest).reason) for item in items]


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.chain.close()


SEALED = (ItemState.SEALED, "")


def test_accepted_acts_are_carried_in_batches(world):
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(7)])
    assert world.relayer.run_once() == Progress(sent=1, sealed=7)
    assert world.relayer.run_once().idle
    assert world.recorded() == Counter(item.digest for item in items)
    assert world.states(items) == [SEALED] * 7


def test_refused_acts_are_named_and_the_others_sealed(world):
    patients = world.patients(3)
    acts = [world.scene.consent(patient) for patient in patients]
    acts[1] = msgspec.structs.replace(acts[1], signature=acts[0].signature)
    items = world.accept(*acts)
    assert world.relayer.run_once() == Progress(sent=1, sealed=2, refused=1)
    assert world.states(items) == [SEALED, (ItemState.REFUSED, "ConsentRegistry__BadSignature"), SEALED]


def test_an_act_that_fails_alone_is_refused_with_the_contracts_reason(world):
    revocation = world.chain.signer.sign(EngineRevocation(id=fresh()), world.scene.institution_key)
    [patient] = world.patients(1)
    items = world.accept(revocation, world.scene.consent(patient))
    world.drain()
    assert world.states(items) == [(ItemState.REFUSED, "Directory__EngineUnknown"), SEALED]


def test_a_grant_and_its_withdrawal_keep_their_order(world):
    [patient] = world.patients(1)
    grant = world.scene.consent(patient)
    items = world.accept(grant, world.scene.withdrawal(patient, grant.id), world.scene.consent(patient))
    world.drain()
    assert world.states(items) == [SEALED] * 3
    logged = world.chain.reader.events_between(0, world.chain.reader.head().number)
    about = [log.event for log in logged if getattr(log.event, "id", None) == grant.id]
    assert [type(event).__name__ for event in about] == ["ConsentRecorded", "ConsentWithdrawn"]
    assert about[1].version == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", ["prepare", "send", "outcomes", "next_nonce"])
def test_killed_anywhere_it_goes_on_without_loss_or_doubling(world, moment, step):
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(3)])
    getattr(world.writer, moment)[step] = Killed()
    with pytest.raises(Killed):
        world.relayer.run_once()
    world.restart()
    world.drain()
    assert world.recorded() == Counter(item.digest for item in items)
    assert world.states(items) == [SEALED] * 3


@pytest.mark.parametrize("step", ["record_transmissions", "settle_all"])
@pytest.mark.parametrize("done", [False, True])
def test_killed_at_the_store_it_goes_on_without_loss_or_doubling(world, monkeypatch, step, done):
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(3)])
    real = getattr(world.outbox, step)

    def dying(*arguments, **named):
        if done:
            real(*arguments, **named)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.outbox, step, dying)
        with pytest.raises(Killed):
            world.relayer.run_once()
    world.restart()
    world.drain()
    assert world.recorded() == Counter(item.digest for item in items)
    assert world.states(items) == [SEALED] * 3


@pytest.mark.parametrize("sends", [0, 1, 2, 3])
def test_killed_between_two_sends_all_that_was_recorded_goes_out_once(world, monkeypatch, sends):
    world.batch = 1
    world.restart()
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(3)])
    real = world.chain.writer.send

    def dying(transmission):
        if world.writer.sent > sends:
            raise Killed
        real(transmission)

    with monkeypatch.context() as patch:
        patch.setattr(world.chain.writer, "send", dying)
        if sends < 3:
            with pytest.raises(Killed):
                world.relayer.run_once()
            assert len(world.outbox.transmissions()) == 3, "all are recorded before the first is sent"
    world.restart()
    world.drain()
    assert world.recorded() == Counter(item.digest for item in items)
    assert world.states(items) == [SEALED] * 3


@pytest.mark.parametrize("step", ["fill", "settle_all"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_refused_transaction_is_put_aside_no_other_is_stuck_behind_it(world, monkeypatch, step, moment):
    world.batch = 1
    world.restart()
    acts = [world.scene.consent(patient) for patient in world.patients(3)]
    real = world.chain.writer.send

    def picky(transmission):
        if acts[0].signature in transmission.raw:
            raise NodeRefused("oversized data")
        real(transmission)

    monkeypatch.setattr(world.chain.writer, "send", picky)
    items = world.accept(*acts)
    owner = world.chain.writer if step == "fill" else world.outbox
    whole = getattr(owner, step)

    def dying(*arguments):
        if moment == "after":
            whole(*arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, dying)
        with pytest.raises(Killed):
            world.relayer.run_once()
    world.restart()
    for _ in range(4):  # the nonce of the refused one is found taken, and must stay so for a while
        world.relayer.run_once()
        world.clock.at += max(RESEND_AFTER, LOST_AFTER)
    assert world.states(items) == [(ItemState.REFUSED, "oversized data"), SEALED, SEALED]
    assert world.recorded() == Counter(item.digest for item in items[1:])
    assert world.relayer.run_once().idle


def test_a_refused_transaction_that_none_waits_behind_uses_up_no_nonce(world, monkeypatch):
    [patient] = world.patients(1)
    monkeypatch.setitem(world.writer.before, "send", NodeRefused("oversized data"))
    nonce = world.chain.writer.next_nonce(world.chain.writer.sender_of(world.scene.consent(patient)))
    world.accept(world.scene.consent(patient))
    assert world.relayer.run_once() == Progress(sent=1, refused=1)
    assert world.chain.writer.next_nonce(world.chain.writer.sender_of(world.scene.consent(patient))) == nonce


def test_killed_before_an_act_that_cannot_be_sent_is_refused_it_is_refused_later(world, monkeypatch):
    [patient] = world.patients(1)
    bad = msgspec.structs.replace(Scene(world.chain, world.clock.now()).founding()[0], id=b"short")
    items = world.accept(bad, world.scene.consent(patient))

    def dying(*_):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.outbox, "settle_all", dying)
        with pytest.raises(Killed):
            world.relayer.run_once()
    world.restart()
    world.drain()
    assert world.states(items) == [(ItemState.REFUSED, UNSENDABLE), SEALED]


def test_a_node_that_is_away_is_told_and_nothing_is_lost(world):
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(2)])
    world.writer.before["send"] = LedgerUnreachable("away")
    for _ in range(3):
        with pytest.raises(LedgerUnreachable):
            world.relayer.run_once()
    assert len(world.outbox.transmissions()) == 1
    del world.writer.before["send"]
    world.drain()
    assert world.recorded() == Counter(item.digest for item in items)


def test_a_dropped_transaction_is_sent_again_after_a_while(world):
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(2)])
    world.writer.swallow = True
    assert world.relayer.run_once() == Progress(sent=1, open=1)
    world.writer.swallow = False
    assert world.relayer.run_once() == Progress(open=1)
    assert world.writer.sent == 1
    world.clock.at += RESEND_AFTER
    assert world.relayer.run_once() == Progress(sealed=2)
    assert world.writer.sent == 2
    assert world.recorded() == Counter(item.digest for item in items)


def test_several_transactions_are_in_flight_with_rising_nonces(world):
    world.batch = 1
    world.restart()
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(MOST_IN_FLIGHT + 2)])
    world.writer.swallow = True
    assert world.relayer.run_once() == Progress(sent=MOST_IN_FLIGHT, open=MOST_IN_FLIGHT)
    nonces = [transmission.nonce for transmission in world.outbox.transmissions()]
    assert nonces == list(range(nonces[0], nonces[0] + MOST_IN_FLIGHT))
    assert world.relayer.run_once() == Progress(open=MOST_IN_FLIGHT)
    world.writer.swallow = False
    world.clock.at += RESEND_AFTER
    world.drain()
    assert world.recorded() == Counter(item.digest for item in items)


def test_a_refused_transaction_leaves_no_gap_of_nonces(world):
    world.batch = 1
    world.restart()
    acts = [world.scene.consent(patient) for patient in world.patients(4)]
    real = world.chain.writer.send

    def picky(transmission):
        if acts[1].signature in transmission.raw:
            raise NodeRefused("oversized data")
        real(transmission)

    world.chain.writer.__dict__["send"] = picky
    items = world.accept(*acts)
    assert world.relayer.run_once() == Progress(sent=4, sealed=3, refused=1)
    assert world.states(items) == [SEALED, (ItemState.REFUSED, "oversized data"), SEALED, SEALED]


def test_one_run_asks_for_the_nonce_once_and_for_all_outcomes_together(world):
    world.batch = 1
    world.restart()
    items = world.accept(*[world.scene.consent(patient) for patient in world.patients(5)])
    asked = world.writer.asked
    asked.clear()
    assert world.relayer.run_once() == Progress(sent=5, sealed=5)
    assert (asked["next_nonce"], asked["outcomes"], asked["outcome"]) == (1, 2, 0)
    assert world.recorded() == Counter(item.digest for item in items)


def test_another_sender_waits_until_the_first_ones_transactions_are_mined(world):
    [patient] = world.patients(1)
    founding = Scene(world.chain, world.clock.now()).founding()
    world.accept(world.scene.consent(patient), founding[0])
    world.writer.swallow = True
    assert world.relayer.run_once() == Progress(sent=1, open=1)
    world.writer.swallow = False
    world.clock.at += RESEND_AFTER
    assert world.relayer.run_once() == Progress(sent=1, sealed=2)


def test_a_nonce_taken_by_another_transaction_is_noticed_and_the_acts_go_with_a_new_one(world):
    [patient] = world.patients(1)
    items = world.accept(world.scene.consent(patient))
    world.writer.swallow = True
    world.relayer.run_once()
    world.writer.swallow = False
    [recorded] = world.outbox.transmissions()
    foreign = sign(
        KeyRing(world.home / "keys").named(RELAYER),
        chain_id=world.chain.node.chain_id,
        nonce=recorded.nonce,
        gas_price=0,
        gas=100_000,
        to=bytes(19) + b"\x09",
        data=b"",
    )
    world.chain.node.send(foreign.raw)
    world.clock.at += RESEND_AFTER
    assert world.relayer.run_once() == Progress(open=1)  # a lagging node could say the same for a moment
    world.clock.at += LOST_AFTER
    world.drain()
    assert world.recorded() == Counter(item.digest for item in items)
    assert world.states(items) == [SEALED]


def test_a_batch_that_runs_out_of_gas_is_split_and_the_poison_alone_refused(world, monkeypatch):
    patients = world.patients(8)
    acts = [world.scene.consent(patient) for patient in patients]
    poison = acts[5]

    real = gas.limit
    monkeypatch.setattr(
        gas, "limit", lambda carried, data: 21_000 + 40 * len(data) if poison in carried else real(carried, data)
    )
    items = world.accept(*acts)
    world.drain()
    expected = [SEALED] * 8
    expected[5] = (ItemState.REFUSED, "OutOfGas")
    assert world.states(items) == expected
    assert world.recorded() == Counter(item.digest for item in items if item.digest != items[5].digest)


def test_an_act_that_no_transaction_can_be_made_of_is_refused(world):
    [patient] = world.patients(1)
    bad = Scene(world.chain, world.clock.now()).founding()[0]
    bad = msgspec.structs.replace(bad, id=b"short")
    items = world.accept(bad, world.scene.consent(patient))
    world.drain()
    [(state, reason), other] = world.states(items)
    assert (state, other) == (ItemState.REFUSED, SEALED)
    assert "32 bytes" in reason


def test_a_transaction_that_the_node_will_never_take_is_split_or_refused(world):
    patients = world.patients(4)
    acts = [world.scene.consent(patient) for patient in patients]
    real = world.chain.writer.send

    def picky(transmission):
        if acts[1].signature in transmission.raw:
            raise NodeRefused("oversized data")
        real(transmission)

    world.chain.writer.__dict__["send"] = picky
    items = world.accept(*acts)
    world.drain()
    expected = [SEALED] * 4
    expected[1] = (ItemState.REFUSED, "oversized data")
    assert world.states(items) == expected
    again = world.accept(acts[1])  # handed in again, it is another item and another transaction
    assert again[0].state is ItemState.ACCEPTED
    world.drain()
    assert world.states(again) == [(ItemState.REFUSED, "oversized data")]
