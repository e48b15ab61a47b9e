"""Signers that are contracts: the check off the chain says what the registry's own check says on it."""

import msgspec
import pytest

from ledger.chain.keys import KeyRing, address_of
from ledger.chain.opening import open_embedded
from ledger.chain.transactions import created_address, sign
from ledger.errors import BadSignature
from tests.fakes.chain import FakeClock
from tests.support.scene import Patient, Scene

ERC1271 = bytes.fromhex("1626ba7e")
ERC7913 = bytes.fromhex("024ad318")


def answering(word: bytes) -> bytes:
    """Code that answers every call with four bytes, padded to a word."""
    return b"\x63" + word + bytes.fromhex("60e01b60005260206000f3")


REVERTING = bytes.fromhex("60006000fd")
BURNING = bytes.fromhex("5b600056")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    home = tmp_path_factory.mktemp("chain")
    chain = open_embedded(home, FakeClock(1_800_000_000))
    scene = Scene(chain, 1_800_000_000).found()
    scene.ring = KeyRing(home / "keys")
    yield scene
    chain.close()


def deployed(scene, code: bytes) -> bytes:
    node = scene.chain.node
    key = scene.ring.named("deployer")
    nonce = node.nonce(address_of(key))
    signed = sign(key, chain_id=node.chain_id, nonce=nonce, gas_price=0, gas=1_000_000, to=b"", data=_creation(code))
    node.send(signed.raw)
    address = created_address(address_of(key), nonce)
    assert node.code(address) == code
    return address


def _creation(code: bytes) -> bytes:
    """Creation code that leaves ``code`` behind: PUSH2 size, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN."""
    return b"\x61" + len(code).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3") + code


@pytest.mark.parametrize(
    ("code", "key", "valid"),
    [
        (answering(ERC1271), b"", True),
        (answering(ERC7913), b"", False),
        (answering(ERC7913), b"a key", True),
        (answering(ERC1271), b"a key", False),
        (REVERTING, b"", False),
        (REVERTING, b"a key", False),
        (BURNING, b"", False),
    ],
    ids=["1271", "1271 wrong word", "7913", "7913 wrong word", "1271 reverts", "7913 reverts", "1271 burns its gas"],
)
def test_the_check_says_what_the_contract_says(scene, code, key, valid):
    signer = deployed(scene, code) + key
    patient = Patient()
    scene.must(scene.enrolment(patient, first_signer=signer))
    act = msgspec.structs.replace(scene.consent(patient, signer=signer), signature=b"whatever")
    if valid:
        scene.chain.checker.check(act, signer)
        scene.must(act)
        return
    with pytest.raises(BadSignature):
        scene.chain.checker.check(act, signer)
    _, outcome = scene.carry(act)
    assert not outcome.succeeded or outcome.refused == {scene.chain.writer.digest(act): "ConsentRegistry__BadSignature"}
