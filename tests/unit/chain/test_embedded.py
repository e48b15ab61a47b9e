import json

import pytest

from ledger.chain import deployment
from ledger.chain.embedded import EmbeddedNode
from ledger.chain.evm import GAS_LIMIT
from ledger.chain.hashing import keccak
from ledger.chain.keys import CONSORTIUM, KeyRing, address_of
from ledger.chain.node import NodeRefused
from ledger.chain.opening import open_embedded
from ledger.chain.transactions import sign
from ledger.errors import NotFound, WrongState
from tests.fakes.chain import FakeClock

NOWHERE = bytes(19) + b"\x99"


@pytest.fixture
def clock():
    return FakeClock(1_800_000_000)


def transaction(node, key, nonce=None, **changes):
    fields = {"gas_price": 0, "gas": 100_000, "to": NOWHERE, "data": b""}
    nonce = node.nonce(address_of(key)) if nonce is None else nonce
    return sign(key, chain_id=node.chain_id, nonce=nonce, **{**fields, **changes})


@pytest.fixture
def key(tmp_path):
    return KeyRing(tmp_path / "keys").named("test")


def test_each_chain_has_an_id_of_its_own_and_keeps_it(tmp_path, clock):
    nodes = [EmbeddedNode(tmp_path / name, clock) for name in ("a", "b")]
    ids = [node.chain_id for node in nodes]
    assert len(set(ids)) == 2
    assert all(1 << 40 <= chain_id < 1 << 53 for chain_id in ids)
    for node in nodes:
        node.close()
    again = EmbeddedNode(tmp_path / "a", clock)
    assert again.chain_id == ids[0]
    again.close()


def test_blocks_follow_the_clock_and_never_go_back(tmp_path, clock, key):
    node = EmbeddedNode(tmp_path, clock)
    stamps = [node.head().timestamp]
    for now in (5, 5, 9, 2, 100):
        clock.at = 1_800_000_000 + now
        node.send(transaction(node, key).raw)
        stamps.append(node.head().timestamp)
    assert [stamp - 1_800_000_000 for stamp in stamps] == [0, 5, 5, 9, 9, 100]
    assert node.head().number == 5
    node.close()


def test_transactions_cost_nothing_however_full_the_blocks(tmp_path, clock, key):
    node = EmbeddedNode(tmp_path, clock)
    for _ in range(3):
        node.send(transaction(node, key, gas=GAS_LIMIT // 4, data=b"\x01" * 50_000).raw)
        assert node.gas_price() == 0
    node.close()


def test_everything_is_there_after_reopening(tmp_path, clock, key):
    node = EmbeddedNode(tmp_path, clock)
    signed = transaction(node, key)
    node.send(signed.raw)
    before = (node.head(), node.receipt(signed.hash), node.header(1), node.nonce(address_of(key)))
    node.close()
    node = EmbeddedNode(tmp_path, clock)
    assert (node.head(), node.receipt(signed.hash), node.header(1), node.nonce(address_of(key))) == before
    assert keccak(node.header(1)) == node.head().hash
    node.close()


def test_one_process_writes_and_others_read_beside_it(tmp_path, clock, key):
    with pytest.raises(NotFound):
        EmbeddedNode(tmp_path / "none", clock, writable=False)
    node = EmbeddedNode(tmp_path, clock)
    with pytest.raises(WrongState, match="another process"):
        EmbeddedNode(tmp_path, clock)
    reader = EmbeddedNode(tmp_path, clock, writable=False)
    node.send(transaction(node, key).raw)
    assert reader.head() == node.head()
    with pytest.raises(WrongState, match="reads"):
        reader.send(transaction(node, key).raw)
    reader.close()
    node.close()
    EmbeddedNode(tmp_path, clock).close()


@pytest.mark.parametrize(
    "changes", [{"nonce": 7}, {"gas": 20_000}, {"gas": GAS_LIMIT + 1}], ids=["nonce gap", "too little gas", "too much"]
)
def test_what_is_not_valid_is_refused_and_changes_nothing(tmp_path, clock, key, changes):
    node = EmbeddedNode(tmp_path, clock)
    head = node.head()
    with pytest.raises(NodeRefused):
        node.send(transaction(node, key, **changes).raw)
    with pytest.raises(NodeRefused):
        node.send(b"")
    with pytest.raises(NodeRefused):
        node.send(b"\xc0")
    assert node.head() == head
    node.send(transaction(node, key).raw)
    assert node.head().number == 1
    node.close()


def test_a_transaction_for_another_chain_is_refused(tmp_path, clock, key):
    node = EmbeddedNode(tmp_path, clock)
    signed = sign(key, chain_id=1, nonce=0, gas_price=0, gas=100_000, to=NOWHERE, data=b"")
    with pytest.raises(NodeRefused):
        node.send(signed.raw)
    node.close()


@pytest.mark.parametrize("sent", range(7))
def test_a_deployment_that_was_cut_off_is_finished_and_not_repeated(tmp_path, clock, monkeypatch, sent):
    real = EmbeddedNode.send
    count = 0

    def dying(self, raw):
        nonlocal count
        if count == sent:
            raise KeyboardInterrupt
        count += 1
        real(self, raw)

    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedNode, "send", dying)
        if sent < 6:
            with pytest.raises(KeyboardInterrupt):
                open_embedded(tmp_path, clock)
        else:
            open_embedded(tmp_path, clock).close()
    planned = (tmp_path / "chain.json").read_text()
    chain = open_embedded(tmp_path, clock)
    assert chain.node.head().number == 6
    assert all(f"0x{address.hex()}" in planned for address in chain.deployment.addresses.values())
    assert chain.reader.first_block == 1
    assert chain.node.nonce(chain.deployment.deployer) == 6
    chain.close()


def test_a_deployment_of_an_older_version_gets_the_verifiers_added(tmp_path, clock):
    open_embedded(tmp_path, clock).close()
    path = tmp_path / "chain.json"
    whole = json.loads(path.read_text())
    (tmp_path / "old").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment, "_ORDER", deployment._FIRST)
        older = EmbeddedNode(tmp_path / "old" / "chain", clock)
        ring = KeyRing(tmp_path / "old" / "keys")
        deployed = deployment.deploy(older, ring.named(CONSORTIUM), tmp_path / "old" / "chain.json")
        addresses = dict(deployed.addresses)
        older.close()
    assert set(addresses) == set(deployment._FIRST)
    with pytest.raises(NotFound, match="run consentry chain deploy again"):
        open_embedded(tmp_path / "old", clock, writable=False)
    added = open_embedded(tmp_path / "old", clock)
    assert set(added.deployment.addresses) == set(whole["contracts"])
    assert {name: added.deployment.addresses[name] for name in addresses} == addresses
    assert added.reader.first_block == 1
    assert added.node.head().number == 6
    assert all(added.node.code(at) for at in added.deployment.addresses.values())
    added.close()
    again = open_embedded(tmp_path / "old", clock)
    assert again.node.head().number == 6
    again.close()
