"""The way out that no service can close: ``consentry withdraw`` on anvil, with no relayer of ours in it."""

import time

import pytest
from typer.testing import CliRunner

from ledger.bootstrap import SystemClock
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from ledger.cli.main import app
from ledger.errors import ConfigurationError, NotFound, WrongState
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.service import WAIT, Service, Wallet, build_world, fresh_id


@pytest.fixture(scope="module")
def anvil(tmp_path_factory):
    if find_anvil() is None:
        pytest.skip(MISSING)
    node = Anvil(tmp_path_factory.mktemp("node"), "--hardfork", "osaka")
    yield node
    node.stop()


@pytest.fixture(scope="module")
def world(anvil, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    deploy_rpc(anvil.url, home, SystemClock()).close()
    service = Service(home, rpc_url=anvil.url)
    yield build_world(service)
    service.close()


@pytest.fixture
def ann(world, anvil, tmp_path):
    """A patient with a consent and funds: (subject, consent, wallet, the key's file)."""
    ((subject, wallet),) = world.enrol(1)
    act = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 200, **WAIT)
    anvil.fund(address_of(wallet.key))
    path = tmp_path / "device.key"
    path.write_text(wallet.key.secret.hex())
    return subject, act["id"], wallet, path


def run(world, anvil, subject, consent, path, registry=None):
    registry = registry or "0x" + world.service.ledger.chain.deployment.contracts["ConsentRegistry"].hex()
    words = ["withdraw", subject, consent, "--key", str(path), "--rpc", anvil.url, "--registry", registry]
    return CliRunner().invoke(app, words)


def outcome(world, subject):
    question = world.question(subjects=[subject])
    return world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()["decisions"][0]["outcome"]


def test_a_withdrawal_needs_no_relayer_of_ours(world, anvil, ann, monkeypatch):
    subject, consent, _, path = ann
    assert outcome(world, subject) == "permit"

    def dead():
        raise AssertionError("the relayer must have no part in this")

    monkeypatch.setattr(world.service.ledger.relayer, "run_once", dead)
    ran = run(world, anvil, subject, consent, path)
    assert ran.exit_code == 0, ran.output
    assert "block" in ran.output
    for _ in range(1_200):
        if outcome(world, subject) == "deny":
            break
        time.sleep(0.05)
    assert outcome(world, subject) == "deny"
    again = run(world, anvil, subject, consent, path)
    assert isinstance(again.exception, WrongState)
    assert "Withdrawn" in str(again.exception)


def test_what_cannot_be_is_said_and_changes_nothing(world, anvil, ann, tmp_path):
    subject, consent, _, path = ann
    elsewhere = run(world, anvil, subject, consent, path, registry="0x" + "11" * 20)
    assert isinstance(elsewhere.exception, NotFound)
    stranger = Wallet()
    anvil.fund(address_of(stranger.key))
    other = tmp_path / "other.key"
    other.write_text("0x" + stranger.key.secret.hex() + "\n")
    refused = run(world, anvil, subject, consent, other)
    assert isinstance(refused.exception, WrongState)
    assert "NoAuthority" in str(refused.exception)
    other.write_text("not a key")
    assert isinstance(run(world, anvil, subject, consent, other).exception, ConfigurationError)
    assert isinstance(run(world, anvil, fresh_id(), consent, path).exception, WrongState)
    assert outcome(world, subject) == "permit"
