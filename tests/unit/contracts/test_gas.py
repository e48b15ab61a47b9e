"""Gas of the hot paths, as real transactions on py-evm, against the committed snapshot ``contracts/gas.json``.

To accept a change, run with ``CONSENTRY_UPDATE_GAS=1`` and commit the file. Figures are deterministic: keys, times and
addresses are fixed, and a byte more or less in the call data is part of the figure. Each is what one act costs within
its batch, everything included: its share of the transaction's 21,000, call data, storage, signature and events.
"""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from eth_abi import encode
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider, Web3

from ledger.transparency.tree import Tree
from tests.unit.contracts.ledger_world import ARTIFACTS, Contract, LedgerWorld, word

SNAPSHOT = Path(__file__).parents[3] / "contracts" / "gas.json"
UPDATE = "CONSENTRY_UPDATE_GAS"
BATCH = 100
TRANSACTION_LIMIT = 16_777_216  # EIP-7825
BLOCK_LIMIT = 60_000_000


class SentContract(Contract):
    """A contract on a chain with blocks: what was touched in one transaction is cold again in the next."""

    web3: Web3

    def send(self, name: str, *args: Any, by: str = "") -> list[tuple[str, dict[str, Any]]]:
        del by  # one account sends everything here
        sender = self.web3.eth.accounts[0]
        call = {"from": sender, "to": self.address, "data": self.calldata(name, *args), "gas": TRANSACTION_LIMIT}
        receipt = self.web3.eth.wait_for_transaction_receipt(self.web3.eth.send_transaction(call))
        assert receipt["status"] == 1, name
        self.gas = receipt["gasUsed"]
        return [self.event([topic.hex() for topic in log["topics"]], log["data"]) for log in receipt["logs"]]


class ChainWorld(LedgerWorld):
    """The same contracts and people, on py-evm with blocks."""

    def __init__(self) -> None:
        parameters = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_LIMIT})
        tester = EthereumTester(PyEVMBackend(genesis_parameters=parameters))
        self.web3 = Web3(EthereumTesterProvider(tester))
        self.deployed: dict[str, int] = {}
        self.chain = self.web3.eth.chain_id
        self.now = self.web3.eth.get_block("latest")["timestamp"]
        self._deploy_all(self.web3.eth.accounts[0], reviewers=1)

    def _deploy(self, name: str, types: list[str], args: list[Any]) -> SentContract:
        artifact = json.loads((ARTIFACTS / f"{name}.json").read_text(encoding="utf-8"))
        code = bytes.fromhex(artifact["bytecode"][2:]) + encode(types, args)
        call = {"from": self.web3.eth.accounts[0], "data": code, "gas": TRANSACTION_LIMIT}
        receipt = self.web3.eth.wait_for_transaction_receipt(self.web3.eth.send_transaction(call))
        assert receipt["status"] == 1, name
        self.deployed[name] = receipt["gasUsed"]
        contract = SentContract(None, artifact, receipt["contractAddress"])
        contract.web3 = self.web3
        return contract


@pytest.fixture(scope="module")
def measured():
    """Every figure of the snapshot, measured."""
    world = ChainWorld()
    world.furnish()
    figures = {f"deploy {name}": gas for name, gas in world.deployed.items()}
    people = [f"patient {number}" for number in range(BATCH)]
    issued = 1_700_000_000

    def act(name: str, function: str, acts: list[Any]) -> None:
        events = world.registry.send(function, acts)
        assert world.refusals(events) == {}
        figures[name] = round(world.registry.gas / len(acts))

    act("enrol, in 100", "enrol", [world.enrolment(person) for person in people])
    act("grant, in 100", "record", [world.consent(person, f"a {person}", issuedAt=issued) for person in people])
    act("grant, alone", "record", [world.consent(people[0], "alone", issuedAt=issued)])
    limited = {"issuedAt": issued, "dataFrom": 1, "dataUntil": 2}
    act("grant with limits, in 100", "record", [world.consent(person, f"b {person}", **limited) for person in people])
    amended = {"issuedAt": issued, "version": 2}
    act("amend, in 100", "record", [world.consent(person, f"a {person}", **amended) for person in people])
    act("withdraw, in 100", "withdraw", [world.withdrawal(person, f"a {person}") for person in people])
    act("withdraw all of 2", "withdrawAll", [world.withdrawal_of_all(people[0], "all")])

    tree = Tree()
    leaves = [sha256(b"\x00%d" % index).digest() for index in range(20_000)]
    for name, size, events in (("first", 10_001, 0), ("next", 15_000, 0), ("100 accesses", 20_000, BATCH)):
        old = tree.size
        tree.extend(leaves[old:size])
        proof = tree.consistency_proof(old, size) if old else []
        entries = b"".join((old + index).to_bytes(8) + leaves[old + index] for index in range(events))
        accesses = [(word("study"), word("engine"), entries)] if events else []
        world.append("hospital", size, tree.root(), proof, accesses)
        figures[f"anchor, {name}"] = world.anchor.gas
    figures["access, in 100"] = round((figures["anchor, 100 accesses"] - figures["anchor, next"]) / BATCH)
    return figures


def test_the_figures_are_those_of_the_snapshot(measured):
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    expected = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert measured == expected, f"gas changed: run with {UPDATE}=1 and commit contracts/gas.json if it should have"


def test_a_batch_of_100_fits_a_transaction(measured):
    assert measured["grant with limits, in 100"] * BATCH < TRANSACTION_LIMIT
    assert measured["enrol, in 100"] * BATCH < TRANSACTION_LIMIT
