"""The contracts on a chain with blocks, where gas is what people pay, and the snapshot that it is held to."""

import json
import os
from pathlib import Path
from typing import Any

from eth_abi import encode
from web3 import Web3

from tests.unit.contracts.ledger_world import ARTIFACTS, Contract, LedgerWorld

SNAPSHOT = Path(__file__).parents[3] / "contracts" / "gas.json"
UPDATE = "CONSENTRY_UPDATE_GAS"
TRANSACTION_LIMIT = 16_777_216  # EIP-7825


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
    """The same contracts and people, on a chain whose first account pays."""

    def __init__(self, web3: Web3) -> None:
        self.web3 = web3
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


def hold_to_snapshot(measured: dict[str, int]) -> None:
    """Compare figures with those of the snapshot, or put them there where ``CONSENTRY_UPDATE_GAS`` is set."""
    snapshot: dict[str, int] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    if os.environ.get(UPDATE):
        snapshot |= measured
        SNAPSHOT.write_text(json.dumps(snapshot, indent=1) + "\n", encoding="utf-8")
    expected = {name: snapshot.get(name) for name in measured}
    assert measured == expected, f"gas changed: run with {UPDATE}=1 and commit contracts/gas.json if it should have"
