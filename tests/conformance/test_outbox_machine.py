"""Any order of outbox calls leaves SQL and the fake in the same state."""

import itertools

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledger.domain.acts import Withdrawal
from ledger.domain.outbox import ItemState, Outcome, Transmission
from ledger.errors import ConsentryError
from tests.fakes.store import MemoryOutbox
from tests.support.stores import open_store

_files = itertools.count()


def ident(number: int) -> bytes:
    return number.to_bytes(32, "big")


class Outboxes(RuleBasedStateMachine):
    """Both outboxes side by side; every call must answer alike."""

    folder = None

    @initialize()
    def open(self) -> None:
        self.store = open_store(f"sqlite:///{self.folder}/{next(_files)}.db")
        self.both = (self.store.outbox, MemoryOutbox())
        self.sent: list[Transmission] = []
        self.block = 10

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    def ask(self, call):
        answers = []
        for outbox in self.both:
            try:
                answers.append(call(outbox))
            except ConsentryError as problem:
                answers.append(type(problem))
        assert answers[0] == answers[1]
        return answers[0]

    @rule(numbers=st.lists(st.integers(1, 9), min_size=1, max_size=4), signer=st.integers(1, 2))
    def accept(self, numbers, signer):
        acts = [
            (ident(n), Withdrawal(subject=ident(n % 2), id=ident(n), signer=bytes([signer]) * 20, signature=b""))
            for n in numbers
        ]
        self.ask(lambda outbox: outbox.accept(acts, at=5))

    @rule(sequences=st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True))
    def send(self, sequences):
        known = [s for s in sequences if s <= len(self.ask(lambda outbox: outbox.items(limit=99)))]
        if known:
            transmission = Transmission(
                ident(1000 + len(self.sent)), b"\x05" * 20, len(self.sent), b"raw", tuple(known)
            )
            if self.ask(lambda outbox: outbox.record_transmission(transmission, at=6)) is None:
                self.sent.append(transmission)

    @rule(each=st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=2), min_size=1, max_size=3))
    def send_several(self, each):
        last = len(self.ask(lambda outbox: outbox.items(limit=99)))
        several = [
            Transmission(
                ident(1000 + len(self.sent) + place), b"\x05" * 20, len(self.sent) + place, b"raw", tuple(known)
            )
            for place, known in enumerate(dict.fromkeys(s for s in sequences if s <= last) for sequences in each)
        ]
        if self.ask(lambda outbox: outbox.record_transmissions(several, at=6)) is None:
            self.sent += several

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), succeeded=st.booleans(), refused=st.sets(st.integers(1, 9), max_size=3))
    def settle(self, data, succeeded, refused):
        transmission = data.draw(st.sampled_from(self.sent))
        self.block += 1
        outcome = Outcome(self.block, ident(self.block), succeeded, {ident(n): "no" for n in refused})
        self.ask(lambda outbox: outbox.settle(transmission, outcome))

    @rule(back=st.integers(0, 4))
    def unsettle(self, back):
        self.ask(lambda outbox: outbox.unsettle(self.block - back))

    @invariant()
    def both_say_the_same(self):
        if not hasattr(self, "both"):
            return
        self.ask(lambda outbox: outbox.items(limit=99))
        self.ask(lambda outbox: outbox.waiting(99))
        self.ask(lambda outbox: outbox.unsealed(above=self.block - 1))
        self.ask(lambda outbox: outbox.transmissions())
        self.ask(lambda outbox: [outbox.item(ident(n)) for n in range(1, 10)])

    @invariant()
    def no_digest_is_open_twice(self):
        if hasattr(self, "both"):
            open_items = [item.digest for item in self.both[0].items(limit=99) if item.state is not ItemState.REFUSED]
            assert len(open_items) == len(set(open_items))


def test_any_order_of_calls(tmp_path):
    class Here(Outboxes):
        folder = tmp_path

    run_state_machine_as_test(Here, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))
