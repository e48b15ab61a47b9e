"""Anchors on a real node: once each, whatever stops in between, and however long the chain was away."""

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger import bootstrap
from ledger.bootstrap import open_ledger
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from ledger.chain.relayer import Relayer
from ledger.config import Settings
from ledger.domain.audit import Kind, NewEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import ItemState
from ledger.errors import LedgerUnreachable
from ledger.services.anchor import anchor, anchored, under_way
from ledger.transparency.tree import root_at
from tests.fakes.chain import FakeClock
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.command import run
from tests.support.crooked import CrookedNode
from tests.support.scene import Scene

pytestmark = [
    pytest.mark.skipif(find_anvil() is None, reason=MISSING),
    pytest.mark.enable_socket,
]
PATIENCE = 60
LEASE = 31


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Place:
    """A node with a crooked one before it, and a ledger on the disk."""

    home: Path
    anvil: Anvil
    node: CrookedNode
    scene: Scene
    clock: FakeClock
    number: int = 0

    @property
    def log(self) -> bytes:
        return self.scene.institution

    @contextmanager
    def ledger(self, **changes):
        """The ledger, opened as a new process does."""
        settings = Settings(home=self.home, rpc_url=self.node.url, anchor_seconds=0)
        self.clock.at += LEASE  # the lease of the last process, which did not give it back, has run out
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bootstrap, "SystemClock", lambda: self.clock)
            opened = open_ledger(replace(settings, **changes))
        with opened as ledger:
            self.scene.chain = ledger.chain
            ledger.catch_up()
            yield ledger

    def write(self, ledger, count: int, kind: Kind = Kind.ACCESSED):
        """Append entries that tell of accesses."""
        self.number += 1
        study, engine = to_hex(self.scene.study), to_hex(self.scene.engine)
        entries = [NewEntry(kind, "engine", study=study, engine=engine, facts={"place": n}) for n in range(count)]
        return ledger.appender.append(self.log, f"key-{self.number}", entries).entries

    def settle(self, ledger) -> None:
        """Carry and mirror until no anchoring is under way; the node mines when it does."""
        deadline = time.monotonic() + PATIENCE
        while under_way(ledger.context, self.log) is not None:
            assert time.monotonic() < deadline, under_way(ledger.context, self.log)
            ledger.relayer.run_once()
            ledger.catch_up()
            time.sleep(0.01)

    def settle_again(self, ledger) -> None:
        """As ``settle``, of what a reorg took back: the node is handed it again when its time comes."""
        ledger.relayer = Relayer(ledger.store.outbox, ledger.chain.writer, ledger.context.clock)
        self.settle(ledger)

    def agrees(self, ledger) -> None:
        """What the chain holds is the log: all of it, in heads that rise, each access once, and nothing was refused."""
        context = ledger.context
        heads = anchored(context, self.log)
        sizes = [head.size for head in heads]
        assert sizes == sorted(set(sizes))
        assert sizes[-1] == context.audit.size(self.log)
        nodes = context.audit.nodes(self.log)
        assert all(head.root == root_at(nodes, head.size) for head in heads)
        told = [access.index for access, _ in context.mirror.accesses_of(self.log)]
        assert told == sorted(set(told))
        assert context.outbox.items(state=ItemState.REFUSED) == []


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anchors")
    anvil = Anvil(folder / "anvil", "--gas-limit", "60000000")
    node = CrookedNode(anvil.url)
    home = folder / "home"
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    clock = FakeClock(int(time.time()))
    chain = deploy_rpc(node.url, home, clock)
    scene = Scene(chain, clock.now()).found()
    chain.close()
    yield Place(home, anvil, node, scene, clock)
    node.stop()
    anvil.stop()


def killed_before(_original):
    def call(*_args, **_kwargs):
        raise Killed

    return call


def killed_after(original):
    def call(*args, **kwargs):
        original(*args, **kwargs)
        raise Killed

    return call


@pytest.mark.parametrize(
    ("of", "name", "kill"),
    [
        ("outbox", "record_transmissions", killed_before),
        ("outbox", "record_transmissions", killed_after),
        ("writer", "send", killed_after),
        ("outbox", "settle_all", killed_before),
        ("outbox", "settle_all", killed_after),
    ],
    ids=["accepted", "recorded, not sent", "sent, not known", "mined, not recorded", "recorded, not mirrored"],
)
def test_a_process_that_ends_at_any_point_leaves_one_anchor(place, monkeypatch, of, name, kill):
    with place.ledger() as ledger:
        entries = place.write(ledger, 3)
        item = anchor(ledger.context, place.log)
        owner = ledger.context.writer if of == "writer" else ledger.context.outbox
        with monkeypatch.context() as patch:
            patch.setattr(type(owner), name, kill(getattr(type(owner), name)))
            with pytest.raises(Killed):
                ledger.relayer.run_once()
    with place.ledger() as ledger:
        again = anchor(ledger.context, place.log)
        assert again is None or again.digest == item.digest, "it is not made a second time"
        place.settle(ledger)
        assert anchor(ledger.context, place.log) is None
        place.agrees(ledger)
        told = [access.leaf for access, _ in ledger.context.mirror.accesses_of(place.log)]
        assert told[-3:] == [entry.leaf for entry in entries]


def test_a_process_that_ends_before_the_outbox_has_it_leaves_nothing(place, monkeypatch):
    with place.ledger() as ledger:
        place.write(ledger, 1)
        with monkeypatch.context() as patch:
            patch.setattr(type(ledger.context.outbox), "accept", killed_before(None))
            with pytest.raises(Killed):
                anchor(ledger.context, place.log)
    with place.ledger() as ledger:
        assert under_way(ledger.context, place.log) is None
        anchor(ledger.context, place.log)
        place.settle(ledger)
        place.agrees(ledger)


def test_what_was_written_while_the_chain_was_away_is_anchored_when_it_is_back(place):
    with place.ledger(anchor_accesses=4) as ledger:
        before = ledger.context.audit.size(place.log)
        place.node.away = True
        for _ in range(6):  # the anchor's turn comes again and again
            place.write(ledger, 3)
            anchor(ledger.context, place.log)
        with pytest.raises(LedgerUnreachable):
            ledger.relayer.run_once()
    place.node.away = False
    with place.ledger(anchor_accesses=4) as ledger:
        place.settle(ledger)
        while anchor(ledger.context, place.log) is not None:
            place.settle(ledger)
        place.agrees(ledger)
        told = [access.index for access, _ in ledger.context.mirror.accesses_of(place.log) if access.index >= before]
        assert told == list(range(before, before + 18)), "each access, once"


def test_heads_alone_catch_up_in_one(place):
    with place.ledger(anchor_mode="heads") as ledger:
        before = len(anchored(ledger.context, place.log))
        for _ in range(20):
            place.write(ledger, 10)
        anchor(ledger.context, place.log)
        place.settle(ledger)
        place.agrees(ledger)
        heads = anchored(ledger.context, place.log)
        assert len(heads) == before + 1
        assert heads[-1].accesses == 0


def test_a_full_anchoring_is_followed_at_once_not_after_the_interval(place):
    with place.ledger(anchor_seconds=3_600, anchor_accesses=5) as ledger:
        place.write(ledger, 12)
        ledger.start()
        deadline = time.monotonic() + PATIENCE
        while anchored(ledger.context, place.log)[-1].size < ledger.context.audit.size(place.log):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert [head.accesses for head in anchored(ledger.context, place.log)[-3:]] == [5, 5, 2]


def test_a_head_is_final_when_it_has_its_confirmations_and_a_reorg_before_that_is_mended(place):
    with place.ledger(confirmations=4) as ledger:
        place.write(ledger, 2)
        item = anchor(ledger.context, place.log)
        place.settle(ledger)
        held = anchored(ledger.context, place.log)[-1]
        assert (held.confirmations, held.final) == (0, False)
        place.anvil.ask("anvil_reorg", 1, [])
        ledger.catch_up()
        assert anchor(ledger.context, place.log).digest == item.digest, "it is on its way again, and not made anew"
        place.settle_again(ledger)
        place.anvil.ask("anvil_mine", "0x4")
        ledger.catch_up()
        held = anchored(ledger.context, place.log)[-1]
        assert held.final
        place.agrees(ledger)


def test_the_command_shows_heads_finality_and_gas(place, monkeypatch, capsys):
    with place.ledger() as ledger:
        place.write(ledger, 2)
        anchor(ledger.context, place.log)
        place.settle(ledger)
        (used,) = ledger.context.writer.outcomes([anchored(ledger.context, place.log)[-1].transaction])
        place.write(ledger, 1)
        size = ledger.context.audit.size(place.log)
    for name, value in {"HOME": place.home, "RPC_URL": place.node.url, "CONFIRMATIONS": 3}.items():
        monkeypatch.setenv(f"CONSENTRY_{name}", str(value))
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run(monkeypatch, capsys, "audit", "anchors", to_hex(place.log), "--last", "1")
    assert code == 0
    assert 60_000 < used.gas < 110_000
    assert f"{used.gas:,}" in out
    assert "0 of 3" in out
    assert f"1 of {size} entries are newer than the last anchor" in out
    assert run(monkeypatch, capsys, "audit", "anchors", "0x" + "77" * 32)[0] == 1
