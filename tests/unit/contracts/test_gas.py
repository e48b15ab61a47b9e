"""Gas of the hot paths, as real transactions on py-evm, against the committed snapshot ``contracts/gas.json``.

To accept a change, run with ``CONSENTRY_UPDATE_GAS=1`` and commit the file. Figures are deterministic: keys, times and
addresses are fixed, and a byte more or less in the call data is part of the figure. Each is what one act costs within
its batch, everything included: its share of the transaction's 21,000, call data, storage, signature and events. The
rules are Prague's, with the floor price of call data (EIP-7623); each consent is another subject's.
"""

from hashlib import sha256
from typing import Any

import pytest
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider, Web3

from ledger.transparency.tree import Tree
from tests.unit.contracts.chain_world import TRANSACTION_LIMIT, ChainWorld, hold_to_snapshot
from tests.unit.contracts.ledger_world import word

BATCH = 100
BLOCK_LIMIT = 60_000_000
BUDGETS = {"grant, in 100": 55_000, "anchor, next": 72_000, "access, in 100": 1_800}


@pytest.fixture(scope="module")
def measured():
    """Every figure of the snapshot, measured."""
    parameters = PyEVMBackend.generate_genesis_params({"gas_limit": BLOCK_LIMIT})
    tester = EthereumTester(PyEVMBackend(genesis_parameters=parameters))
    world = ChainWorld(Web3(EthereumTesterProvider(tester)))
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
    hold_to_snapshot(measured)


@pytest.mark.parametrize("name", BUDGETS)
def test_the_hot_paths_stay_within_their_budgets(measured, name):
    assert measured[name] < BUDGETS[name]


def test_a_batch_of_100_fits_a_transaction(measured):
    assert measured["grant with limits, in 100"] * BATCH < TRANSACTION_LIMIT
    assert measured["enrol, in 100"] * BATCH < TRANSACTION_LIMIT
