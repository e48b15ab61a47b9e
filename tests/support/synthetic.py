"""A log of any length that is made as it is read: decisions, and computations that each build on the one before."""

from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace

from ledger.domain.audit import Kind, NewEntry, StoredEntry
from ledger.transparency import canonical
from ledger.transparency.hashing import leaf_hash
from tests.fakes.chain import FakeClock

LOG = b"\x0a" * 32
ENGINE, STUDY = "0x" + "0b" * 32, "0x" + "0c" * 32
START = 1_700_000_000


def _hash(*parts) -> str:
    return "0x" + sha256(repr(parts).encode()).hexdigest()


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
        decision=_hash("decision", number),
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
        return SimpleNamespace(audit=self, mirror=self, clock=FakeClock(START))

    def institution(self, _log):
        return SimpleNamespace(name="Krankenhaus Süd")

    def current(self, _kind):
        return ()

    def checkpoint(self, _log):
        return SimpleNamespace(size=self.size)

    def entries(self, log, first, last):
        for index in range(first, min(last, self.size)):
            data = canonical.encode(document(index))
            yield StoredEntry(log, index, data, leaf_hash(data), "")
