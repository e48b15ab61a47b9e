"""Datasets in the state machine: their custodians register them, amend their terms, and close them for good."""

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from ledger.domain import acts as kinds
from ledger.domain.directory import Dataset, DatasetState
from ledger.domain.vocabulary import FOREVER
from tests.support.contract_model import CLINIC, FORGER, HOSPITAL, HOSPITAL_KEY, KEY_OF, Machine, ahead, forged

MOST = 8_192  # bytes of terms
DATASETS = [bytes([0xDA, number]) * 16 for number in range(2)]
datasets = st.sampled_from(DATASETS)
lengths = st.sampled_from([0, 40, 40, 40, MOST, MOST + 1])


class Datasets(Machine):
    """Two custodians and the datasets of either."""

    def begin(self) -> None:
        super().begin()
        act = kinds.DatasetRegistration(id=DATASETS[0], custodian=HOSPITAL, terms=self._terms(40), deadline=FOREVER)
        self.send(act, HOSPITAL_KEY, expected=True)
        self.owned = {act.id: Dataset(act.id, act.custodian, act.terms)}

    @rule(id=datasets, custodian=st.sampled_from([HOSPITAL, HOSPITAL, CLINIC]), length=lengths, forge=forged)
    def register_dataset(self, id: bytes, custodian: bytes, length: int, *, forge: bool) -> None:
        self.ground.wait(1)
        act = kinds.DatasetRegistration(id=id, custodian=custodian, terms=self._terms(length), deadline=FOREVER)
        expected = not forge and id not in self.owned and self.active[custodian] and length <= MOST
        if self.send(act, FORGER if forge else KEY_OF[custodian], expected=expected):
            self.owned[id] = Dataset(id, custodian, act.terms)

    @rule(id=datasets, step=ahead, length=lengths, late=forged, by=st.sampled_from(["custodian"] * 4 + ["the other"]))
    def amend_dataset(self, id: bytes, step: int, length: int, by: str, *, late: bool) -> None:
        self.ground.wait(1)
        held = self.owned.get(id)
        version = (held.version if held else 0) + step
        deadline = self.ground.now - late  # the last moment at which it is taken, or the one after
        act = kinds.DatasetAmendment(id=id, version=version, terms=self._terms(length), deadline=deadline)
        expected = (
            held is not None
            and held.state is DatasetState.ACTIVE
            and self.active[held.custodian]
            and by == "custodian"
            and step == 1
            and length <= MOST
            and not late
        )
        if self.send(act, self._key_of(held, by), expected=expected):
            assert held is not None
            self.owned[id] = replace(held, terms=act.terms, version=version)

    @rule(id=datasets, by=st.sampled_from(["custodian", "the other"]), chance=st.integers(0, 2))
    def close_dataset(self, id: bytes, by: str, chance: int) -> None:
        if chance:
            return
        self.ground.wait(1)
        held = self.owned.get(id)
        expected = held is not None and held.state is DatasetState.ACTIVE and by == "custodian"  # suspended or not
        if self.send(kinds.DatasetClosure(id=id), self._key_of(held, by), expected=expected):
            assert held is not None
            self.owned[id] = replace(held, state=DatasetState.CLOSED)

    @invariant()
    def the_events_tell_what_stands_of_datasets(self) -> None:
        assert {held.id: held for held in self.world.datasets()} == self.owned

    def _key_of(self, held: Dataset | None, by: str) -> int:
        own = held.custodian if held else HOSPITAL
        return KEY_OF[own if by == "custodian" else CLINIC if own == HOSPITAL else HOSPITAL]

    def _terms(self, length: int) -> bytes:
        """So many bytes, which no two terms share."""
        return self.new_id()[::-1].ljust(length, b" ")[:length]
