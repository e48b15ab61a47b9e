"""Erasures without end, of one subject after the other; writes each down once it is answered. Made to be killed."""

from collections.abc import Sequence
from pathlib import Path

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.services.erase import erase


def erase_each(home: Path, subjects: Sequence[bytes], custodian: bytes, answered: Path) -> None:
    """Erase the subjects in their order."""
    with open_ledger(Settings(home=home), writable=False) as ledger, answered.open("w") as file:
        for subject in subjects:
            erase(ledger.context, ledger.appender, subject, custodian, "institution:x")
            file.write(subject.hex() + "\n")
            file.flush()
