"""Holding a mirror against the chain (``ledger.services.mirror_verify``)."""

from dataclasses import replace

import pytest

from ledger.domain import events as ev
from ledger.errors import MirrorDiverged
from ledger.services.mirror_verify import Verified, verify_mirror
from ledger.services.sync import Mirror
from tests.fakes.chain import FakeChain, FakeClock
from tests.fakes.histories import History
from tests.fakes.store import MemoryMirror


def mirrored(seed: int = 1, blocks: int = 20) -> tuple[FakeChain, MemoryMirror]:
    chain, history, store = FakeChain(), History(seed), MemoryMirror()
    chain.mine(*history.opening())
    for _ in range(blocks):
        chain.mine(*history.block())
    Mirror(chain, store, FakeClock()).catch_up()
    return chain, store


@pytest.mark.parametrize("span", [1, 3, 512])
def test_a_true_mirror_holds_whatever_is_read_at_once(span):
    chain, store = mirrored()
    steps = []
    verified = verify_mirror(chain, store, span=span, on_progress=lambda done, of: steps.append((done, of)))
    assert verified == Verified(store.cursor(), 21, len(store.events_in(0, 99)), len(store.intervals_in(0, 99)))
    assert steps[-1] == (chain.head().number, chain.head().number)


def test_an_empty_mirror_holds():
    assert verify_mirror(FakeChain(), MemoryMirror()) == Verified(None, 0, 0, 0)


def test_a_mirror_that_is_behind_is_compared_as_far_as_it_came():
    chain, store = mirrored()
    before = store.cursor()
    chain.mine(ev.GrantsPaused(paused=True))
    assert verify_mirror(chain, store).cursor == before


def test_a_mirror_of_another_branch_is_named():
    chain, store = mirrored()
    chain.reorg(3, [[], [], []])
    with pytest.raises(MirrorDiverged, match=f"block {chain.head().number - 2}"):
        verify_mirror(chain, store, span=1)


def test_the_first_difference_is_named_with_both_values():
    chain, store = mirrored()
    wrong = chain.head().number - 1
    place = next(i for i, held in enumerate(store._blocks) if held.block.number == wrong)
    held = store._blocks[place]
    store._blocks[place] = replace(held, digest=b"\xee" * 32)
    with pytest.raises(MirrorDiverged) as caught:
        verify_mirror(chain, store)
    assert f"block (block {wrong}), digest" in str(caught.value)
    assert "0x" + "ee" * 32 in str(caught.value)
    assert "0x" + held.digest.hex() in str(caught.value)


def test_a_writer_at_work_is_no_difference():
    chain, store = mirrored()

    def go_on(done: int, of: int) -> None:
        chain.mine(ev.GrantsPaused(paused=done % 2 == 0))
        Mirror(chain, store, FakeClock()).catch_up()

    last = store.cursor().block.number
    assert verify_mirror(chain, store, span=2, on_progress=go_on).cursor.block.number == last
