"""A whole ledger for tests of services: embedded chain, SQLite store, real keys, and a clock that stands still."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger import bootstrap
from ledger.bootstrap import Ledger, open_ledger
from ledger.config import Settings
from ledger.domain.acts import Act
from ledger.domain.decision import Decision
from ledger.domain.outbox import Item
from ledger.services.decide import RecordedAnswer, look, record
from ledger.services.submit import submit
from tests.fakes.chain import FakeClock
from tests.support.scene import Patient, Scene

NOW = 1_800_000_000
STALENESS = 30


def build(home: Path, patients: Sequence[Patient]) -> Scene:
    """A founded ledger under ``home`` with enrolled patients; gives the scene, whose ids stay true in copies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bootstrap, "SystemClock", lambda: FakeClock(NOW))
        with open_ledger(Settings(home=home)) as ledger:
            scene = Scene(ledger.chain, NOW).found()
            scene.must(*[scene.enrolment(patient) for patient in patients])
            ledger.catch_up()
            return scene


class House:
    """An open copy of a built ledger, without threads: a test moves mirror, relayer and clock by hand.

    Args:
        home: The data folder, a copy of a built one.
        scene: What was built in it.
        patients: Enrolled subjects.
    """

    def __init__(self, home: Path, scene: Scene, patients: Sequence[Patient]) -> None:
        self.home = home
        self.patients = patients
        self.clock = FakeClock(NOW)
        self.scene = scene
        self.ledger = self.open()
        scene.chain = self.ledger.chain
        self.ledger.catch_up()

    def open(self) -> Ledger:
        """The ledger under ``home``, opened with this house's clock."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(bootstrap, "SystemClock", lambda: self.clock)
            return open_ledger(Settings(home=self.home, most_staleness=STALENESS))

    def restart(self) -> None:
        """Close everything and open it again, as a new process does."""
        self.close()
        self.ledger = self.open()
        self.scene.chain = self.ledger.chain
        self.ledger.catch_up()

    def close(self) -> None:
        self.ledger.close()

    @property
    def context(self):
        return self.ledger.context

    def submit(self, *acts: Act) -> list[Item]:
        """Hand acts in."""
        return submit(self.context, acts)

    def carry(self) -> None:
        """Let the relayer put what waits on the chain, without the mirror."""
        while not self.ledger.relayer.run_once().idle:
            pass

    def seal(self) -> None:
        """Put what waits on the chain, and take it in."""
        self.carry()
        self.ledger.catch_up()

    def on_chain(self, *acts: Act) -> None:
        """Submit and seal."""
        self.submit(*acts)
        self.seal()

    def look(self, *patients: Patient, **changes: object) -> list[Decision]:
        """Decisions on patients, as they are now."""
        subjects = [patient.subject for patient in patients]
        return list(look(self.context, self.scene.request(**changes), subjects).decisions)

    def record(self, *patients: Patient) -> RecordedAnswer:
        """A recorded decision on patients; on all enrolled ones where none is named."""
        subjects = [patient.subject for patient in patients] or None
        return record(self.context, self.ledger.appender, self.scene.request(), subjects)


def copied(template: Path, home: Path) -> Path:
    """A copy of a built ledger."""
    shutil.copytree(template, home)
    return home
