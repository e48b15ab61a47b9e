"""One stage for all attacks, on each chain that we run on: what an attack leaves behind must not help the next."""

import time
from collections.abc import Iterator

import pytest

from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc, open_embedded
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.stage import Stage


class SystemClock:
    def now(self) -> int:
        return int(time.time())


@pytest.fixture(scope="module", params=["embedded", "anvil"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        chain = open_embedded(home, SystemClock())
        yield Stage(chain, home)
        chain.close()
        return
    if find_anvil() is None:
        pytest.skip(MISSING)
    anvil = Anvil(home / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, home, SystemClock())
    made = Stage(chain, home)
    for key in made.keys.values():
        anvil.fund(address_of(key))
    yield made
    chain.close()
    anvil.stop()


@pytest.fixture
def guarded(stage: Stage) -> Iterator[Stage]:
    """The stage, and afterwards the same consents, authority, head and decisions of the victim as before."""
    before = stage.untouched()
    yield stage
    assert stage.untouched() == before
