"""Follows a made-up chain, goes back, and follows it again, without end. Made to be killed."""

from pathlib import Path

from ledger.services.sync import Limits, Mirror
from ledger.store.store import open_store
from tests.fakes.chain import FakeChain, FakeClock

BLOCKS = 400


def follower(chain: FakeChain, store) -> Mirror:
    return Mirror(chain, store.mirror, FakeClock(), confirmations=50, limits=Limits(first_span=3, most_span=3))


def mirror_without_end(chain: FakeChain, url: str, sign_of_life: Path) -> None:
    """Follow the chain to its head, go back half-way, and again."""
    store = open_store(url)
    sign_of_life.touch()
    while True:
        follower(chain, store).catch_up()
        fence = store.mirror.lease("mirror", at=FakeClock().at, seconds=30)
        store.mirror.roll_back(chain.first_block + BLOCKS // 2, fence=fence)
