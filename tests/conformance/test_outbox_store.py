"""What every outbox keeps to, the fake one too (``ports.OutboxStore``)."""

import threading

import pytest
from msgspec.structs import replace

from ledger.domain.acts import ConsentAct, Withdrawal, WithdrawalOfAll
from ledger.domain.outbox import ItemState, Outcome, Transmission
from ledger.errors import Conflict, NotFound, WrongState
from tests.support.scene import any_scope
from tests.support.stores import open_store

AT = 1_700_000_000


def ident(number: int) -> bytes:
    return number.to_bytes(32, "big")


def act(number: int, signer: bytes = b"\x01" * 20) -> Withdrawal:
    return Withdrawal(subject=ident(number % 3), id=ident(number), signer=signer, signature=bytes(65))


def accept(outbox, *numbers: int):
    return outbox.accept([(ident(number), act(number)) for number in numbers], at=AT)


def transmission(number: int, *items: int, nonce: int | None = None) -> Transmission:
    return Transmission(ident(1000 + number), b"\x05" * 20, number if nonce is None else nonce, b"\x02raw", items)


def send(outbox, number: int, *items: int) -> Transmission:
    sent = transmission(number, *items)
    outbox.record_transmission(sent, at=AT)
    return sent


def mined(block: int, *, succeeded: bool = True, refused: dict[bytes, str] | None = None) -> Outcome:
    return Outcome(block, ident(block), succeeded, refused or {}, "" if succeeded else "out of gas")


def states(outbox) -> list[ItemState]:
    return [item.state for item in reversed(outbox.items())]


def test_accepted_items_keep_their_order_and_their_acts(store):
    items = accept(store.outbox, 5, 3, 4)
    assert [item.digest for item in items] == [ident(5), ident(3), ident(4)]
    assert sorted(item.sequence for item in items) == [item.sequence for item in items]
    assert items[0].act == act(5)
    assert (items[0].state, items[0].accepted_at, items[0].transaction) == (ItemState.ACCEPTED, AT, None)
    assert store.outbox.waiting(10) == items
    assert store.outbox.waiting(2) == items[:2]


def test_only_acts_that_may_take_a_permit_back_are_read_for_the_feed(store):
    permit = ConsentAct(ident(1), ident(2), 1, any_scope(ident(3)), bytes(32), AT, AT + 60, b"\x01" * 20, bytes(65))
    given = [
        permit,
        replace(permit, scope=any_scope(ident(3), effect=2)),
        replace(permit, version=2),
        act(4),
        WithdrawalOfAll(subject=ident(1), id=ident(5), deadline=AT + 60, signer=b"\x01" * 20, signature=bytes(65)),
        permit,
    ]
    items = store.outbox.accept([(ident(number), one) for number, one in enumerate(given)], at=AT)
    last = items[-1].sequence
    assert store.outbox.revoking(0, last, 10) == items[1:5]
    assert store.outbox.revoking(items[1].sequence, last, 2) == items[2:4]
    assert store.outbox.revoking(0, items[3].sequence, 10) == items[1:4]
    assert store.outbox.revoking(last, last, 10) == []


def test_a_digest_is_accepted_once(store):
    first = accept(store.outbox, 1, 2)
    again = accept(store.outbox, 2, 1, 3, 3)
    assert again[:2] == [first[1], first[0]]
    assert again[2] == again[3]
    assert len(store.outbox.waiting(10)) == 3


def test_an_unknown_digest_has_no_item(store):
    accept(store.outbox, 1)
    assert store.outbox.item(ident(2)) is None


def test_items_of_many_digests_come_in_the_order_of_the_digests(store):
    items = accept(store.outbox, 1, 2, 3)
    assert store.outbox.find([ident(3), ident(9), ident(1), ident(3)]) == [items[2], None, items[0], items[2]]
    assert store.outbox.find([]) == []


def test_a_recorded_transmission_binds_its_items(store):
    accept(store.outbox, 1, 2, 3)
    sent = send(store.outbox, 0, 1, 3)
    assert states(store.outbox) == [ItemState.SENT, ItemState.ACCEPTED, ItemState.SENT]
    assert store.outbox.item(ident(1)).transaction == sent.hash
    assert [item.sequence for item in store.outbox.waiting(10)] == [2]
    assert store.outbox.transmissions() == [sent]


def test_an_item_is_bound_to_one_transmission_and_a_refused_binding_leaves_nothing(store):
    accept(store.outbox, 1, 2)
    send(store.outbox, 0, 1)
    with pytest.raises(WrongState):
        store.outbox.record_transmission(transmission(1, 2, 1), at=AT)
    assert states(store.outbox) == [ItemState.SENT, ItemState.ACCEPTED]
    assert len(store.outbox.transmissions()) == 1


def test_a_transmission_is_recorded_once(store):
    accept(store.outbox, 1, 2)
    send(store.outbox, 0, 1)
    with pytest.raises(Conflict):
        store.outbox.record_transmission(transmission(0, 2), at=AT)
    assert states(store.outbox) == [ItemState.SENT, ItemState.ACCEPTED]


def test_several_transmissions_are_recorded_together_or_not_at_all(store):
    accept(store.outbox, 1, 2, 3)
    both = [transmission(0, 1, 2), transmission(1, 3)]
    with pytest.raises(WrongState):
        store.outbox.record_transmissions([*both, transmission(2, 3, nonce=2)], at=AT)
    assert states(store.outbox) == [ItemState.ACCEPTED] * 3
    assert store.outbox.transmissions() == []
    store.outbox.record_transmissions(both, at=AT)
    assert states(store.outbox) == [ItemState.SENT] * 3
    assert store.outbox.item(ident(3)).transaction == both[1].hash
    assert {one.hash: one for one in store.outbox.transmissions()} == {one.hash: one for one in both}


def test_transmissions_come_by_nonce(store):
    accept(store.outbox, 1, 2)
    later = transmission(7, 1, nonce=9)
    earlier = transmission(8, 2, nonce=2)
    store.outbox.record_transmission(later, at=AT)
    store.outbox.record_transmission(earlier, at=AT)
    assert store.outbox.transmissions() == [earlier, later]
    assert store.outbox.under_way() == [earlier.hash, later.hash]


def test_settling_seals_the_items_and_refuses_the_named_ones(store):
    accept(store.outbox, 1, 2)
    sent = send(store.outbox, 0, 1, 2)
    store.outbox.settle(sent, mined(12, refused={ident(2): "ConsentRegistry__IdSpent"}))
    sealed, refused = store.outbox.item(ident(1)), store.outbox.item(ident(2))
    assert (sealed.state, sealed.block, sealed.reason) == (ItemState.SEALED, 12, "")
    assert (refused.state, refused.block, refused.reason) == (ItemState.REFUSED, 12, "ConsentRegistry__IdSpent")
    assert sealed.transaction == refused.transaction == sent.hash
    assert store.outbox.transmissions() == []


def test_items_of_a_failed_transaction_wait_again_in_their_old_order(store):
    accept(store.outbox, 1, 2, 3)
    sent = send(store.outbox, 0, 1, 2)
    store.outbox.settle(sent, mined(12, succeeded=False, refused={ident(2): "poison"}))
    assert states(store.outbox) == [ItemState.ACCEPTED, ItemState.REFUSED, ItemState.ACCEPTED]
    assert [item.sequence for item in store.outbox.waiting(10)] == [1, 3]
    assert store.outbox.item(ident(1)).transaction is None


def test_settling_twice_changes_nothing(store):
    accept(store.outbox, 1)
    sent = send(store.outbox, 0, 1)
    store.outbox.settle(sent, mined(12))
    store.outbox.settle(sent, mined(13, refused={ident(1): "late"}))
    assert (store.outbox.item(ident(1)).state, store.outbox.item(ident(1)).block) == (ItemState.SEALED, 12)


def test_settling_what_was_never_recorded_is_refused(store):
    with pytest.raises(NotFound):
        store.outbox.settle(transmission(0, 1), mined(12))


def test_several_are_settled_together_or_not_at_all(store):
    items = accept(store.outbox, 1, 2, 3)
    first, second = send(store.outbox, 0, 1, 2), send(store.outbox, 1, 3)
    sealed = Outcome(9, b"\x09" * 32, succeeded=True, refused={items[0].digest: "ConsentRegistry__IdSpent"})
    failed = Outcome(9, b"\x09" * 32, succeeded=False, refused={}, error="OutOfGas")
    unknown = transmission(8, 2, nonce=2)
    with pytest.raises(NotFound):
        store.outbox.settle_all([(first, sealed), (unknown, sealed)])
    assert states(store.outbox) == [ItemState.SENT] * 3
    store.outbox.settle_all([(first, sealed), (second, failed)])
    assert states(store.outbox) == [ItemState.REFUSED, ItemState.SEALED, ItemState.ACCEPTED]
    assert store.outbox.under_way() == []


def test_settling_leaves_items_alone_that_a_newer_transmission_carries(store):
    accept(store.outbox, 1)
    first = send(store.outbox, 0, 1)
    store.outbox.settle(first, mined(12, succeeded=False))
    second = send(store.outbox, 1, 1)
    store.outbox.unsettle(11)
    assert store.outbox.transmissions() == [first, second]
    store.outbox.settle(first, mined(12, refused={ident(1): "stale"}))
    assert store.outbox.item(ident(1)).state is ItemState.SENT
    assert store.outbox.item(ident(1)).transaction == second.hash


def test_unsettling_opens_what_was_settled_above_the_block_alone(store):
    accept(store.outbox, 1, 2, 3)
    below, above = send(store.outbox, 0, 1), send(store.outbox, 1, 2, 3)
    store.outbox.settle(below, mined(12))
    store.outbox.settle(above, mined(13, refused={ident(3): "no"}))
    store.outbox.unsettle(12)
    assert states(store.outbox) == [ItemState.SEALED, ItemState.SENT, ItemState.SENT]
    assert (store.outbox.item(ident(3)).block, store.outbox.item(ident(3)).reason) == (None, "")
    assert store.outbox.transmissions() == [above]
    store.outbox.settle(above, mined(14))
    assert states(store.outbox) == [ItemState.SEALED] * 3


def test_what_was_refused_may_be_handed_in_again(store):
    accept(store.outbox, 1)
    store.outbox.settle(send(store.outbox, 0, 1), mined(12, refused={ident(1): "ConsentRegistry__NoAuthority"}))
    other = act(1, signer=b"\x02" * 20)
    again = store.outbox.accept([(ident(1), other)], at=AT + 9)[0]
    assert (again.state, again.act, again.sequence) == (ItemState.ACCEPTED, other, 2)
    assert store.outbox.item(ident(1)) == again
    assert store.outbox.accept([(ident(1), act(1))], at=AT) == [again]


def test_a_reorg_leaves_a_refused_item_alone_that_was_handed_in_again(store):
    accept(store.outbox, 1)
    store.outbox.settle(send(store.outbox, 0, 1), mined(12, refused={ident(1): "no"}))
    accept(store.outbox, 1)
    store.outbox.unsettle(0)
    assert states(store.outbox) == [ItemState.REFUSED, ItemState.ACCEPTED]


def test_unsealed_items_are_those_that_a_block_cannot_show(store):
    accept(store.outbox, 1, 2, 3, 4, 5)
    store.outbox.settle(send(store.outbox, 0, 1, 5), mined(12, refused={ident(5): "no"}))
    store.outbox.settle(send(store.outbox, 1, 2), mined(13))
    send(store.outbox, 2, 3)
    assert [item.sequence for item in store.outbox.unsealed(above=12)] == [2, 3, 4]
    assert [item.sequence for item in store.outbox.unsealed(above=13)] == [3, 4]
    assert [item.sequence for item in store.outbox.unsealed(above=11, after=2)] == [3, 4]


def test_items_are_found_by_subject_and_state_newest_first(store):
    accept(store.outbox, *range(1, 8))
    send(store.outbox, 0, 4)
    assert [item.sequence for item in store.outbox.items(limit=3)] == [7, 6, 5]
    assert [item.sequence for item in store.outbox.items(subject=ident(1))] == [7, 4, 1]
    assert [item.sequence for item in store.outbox.items(subject=ident(1), state=ItemState.SENT)] == [4]


def test_threads_that_accept_at_once_lose_and_double_nothing(store):
    def work(start: int) -> None:
        for number in range(start, start + 10):
            accept(store.outbox, number, 500)

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    digests = [item.digest for item in store.outbox.waiting(100)]
    assert len(digests) == len(set(digests)) == 31


def test_unsealed_items_of_some_subjects_are_told_alone_and_in_order(store):
    items = accept(store.outbox, 1, 2, 3, 4, 5, 6)
    assert store.outbox.unsealed(above=0, subjects=[ident(2), ident(0)]) == [items[1], items[2], items[4], items[5]]
    assert store.outbox.unsealed(above=0, after=items[2].sequence, subjects={ident(0)}) == [items[5]]
    assert store.outbox.unsealed(above=0, subjects=()) == []
    many = [ident(number) for number in range(3, 1_200)]
    assert store.outbox.unsealed(above=0, subjects=[*many, ident(1)]) == [items[0], items[3]]


def test_the_newest_sequence_grows_with_each_acceptance_alone(store):
    assert store.outbox.newest() == 0
    first = accept(store.outbox, 1)
    assert store.outbox.newest() == first[-1].sequence
    later = accept(store.outbox, 2, 3)
    send(store.outbox, 1, *(item.sequence for item in first))
    assert store.outbox.newest() == later[-1].sequence


def test_the_newest_sequence_shows_what_another_process_accepted(url):
    ours, theirs = open_store(url), open_store(url)
    assert ours.outbox.newest() == 0
    for number in (1, 2):
        items = accept(theirs.outbox, number)
        assert ours.outbox.newest() == items[-1].sequence
    ours.close()
    theirs.close()
