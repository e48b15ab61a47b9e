"""A log of any length that is made as it is read: decisions, and computations that each build on the one before."""

from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from typing import ClassVar

import rlp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.audit import DecisionRecord, Kind, NewEntry, StoredEntry
from ledger.domain.events import Block
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.keys import KeySet, SigningKey
from tests.fakes.chain import FakeClock

LOG = b"\x0a" * 32
ENGINE, STUDY = "0x" + "0b" * 32, "0x" + "0c" * 32
START = 1_700_000_000
BLOCK = Block(9, b"\x09" * 32, b"\x08" * 32, START)
CONTRACTS = ("Directory", "ConsentRegistry", "AuditAnchor")


def _hash(*parts) -> str:
    return "0x" + sha256(repr(parts).encode()).hexdigest()


def decision_id(number: int) -> str:
    return f"0x{number + 1:064x}"


def document(index: int) -> dict:
    """The entry at an index: of each three the first decides, the second starts, the third ends."""
    number, place = divmod(index, 3)
    run = {"run": _hash("run", number)[2:34]}
    kinds = (Kind.DECISION, Kind.STARTED, Kind.COMPLETED)
    facts = (
        {
            "outcome": "permit",
            "at": START + index,
            "permitted": 12,
            "cohort": {"size": 20, "root": _hash("root", number)},
            "policy": "consentry.policy/1",
        },
        {**run, "engine": {"name": "opendp", "version": "0.14"}, "parameters": {"epsilon": "0.5"}},
        {
            **run,
            "inputs": [{"commitment": _hash("input", number), "rows": "20-29"}],
            "outputs": [{"name": "mean-age", "sha256": _hash("output", number)}],
            "parents": [_hash("output", number - 1)] if number else [],
            "rechecks": [],
        },
    )
    entry = NewEntry(
        kind=kinds[place],
        actor=f"engine:{ENGINE}",
        study=STUDY,
        engine=ENGINE,
        operation="federated-learning",
        decision=decision_id(number),
        block=(number // 100, _hash("block", number // 100)),
        facts=facts[place],
    )
    return entry.document(log=LOG, index=index, time=START + index)


@dataclass(frozen=True)
class SyntheticLog:
    """What exports ask of the ports, for a log of so many entries."""

    size: int

    @property
    def ports(self):
        return SimpleNamespace(
            audit=self, mirror=self, clock=FakeClock(START), reader=self, log_keys=self, witnesses=self
        )

    def institution(self, _log):
        return SimpleNamespace(name="Krankenhaus Süd")

    def current(self, _kind):
        return ()

    def checkpoint(self, _log, _size=None):
        return SimpleNamespace(size=self.size, note="a note")

    def entries(self, log, first, last):
        for index in range(first, min(last, self.size)):
            data = canonical.encode(document(index))
            yield StoredEntry(log, index, data, leaf_hash(data), "")

    # what a bundle asks for besides: a decision's record by its id, and a chain of one block without events

    chain_id = 31337
    contracts: ClassVar = {name: bytes([number]) * 20 for number, name in enumerate(CONTRACTS, start=1)}
    receipts: ClassVar = SigningKey(Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
    published: ClassVar = KeySet([receipts.public])
    kept: ClassVar = SimpleNamespace(newest=lambda _log, _needed: None)
    needed = 0

    def decision(self, id):
        number = int(id, 16) - 1
        request = {"study": STUDY, "engine": ENGINE, "operation": "federated-learning", "categories": ["outcomes"]}
        return DecisionRecord(
            id=id,
            log=LOG,
            index=3 * number,
            study=bytes.fromhex(STUDY[2:]),
            engine=bytes.fromhex(ENGINE[2:]),
            request=canonical.encode(request),
            receipt="a.receipt." + "x" * 1_500,
            block_number=BLOCK.number,
            block_hash=BLOCK.hash,
            at=START,
            permitted=12,
            considered=20,
        )

    def members(self, _decision):
        return []

    def erased(self, _decision):
        return {}

    def nodes(self, _log):
        return None  # no head is anchored, so no proof is asked for

    def cursor(self):
        return SimpleNamespace(block=BLOCK)

    def block(self, _number):
        return BLOCK

    def header(self, number):
        fields = [b"\0" * 32] * 6 + [b"\0" * 256, b"", number.to_bytes(1, "big"), *[b""] * 7]
        return rlp.encode(fields)

    def heads_of(self, _log):
        return []

    def events_for(self, _kind, _first):
        return []

    def datasets_at(self, _number):
        return []

    def note_keys(self, _log):
        return []

    def note(self, kept):
        return kept.note
