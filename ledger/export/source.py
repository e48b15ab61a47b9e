"""What every export but the bundle reads: the selected entries of a log, in order, with progress.

Invariants: the log is read up to the checkpoint that was newest at the start; entries are streamed; how far the reading
is gets told about once in ``STEP`` entries, and at the end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ledger.domain.audit import StoredEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.selection import Selection
from ledger.errors import NotFound
from ledger.services.export import Ports
from ledger.transparency.canonical import decode_object

Progress = Callable[[int, int], None]
"""Is told how many entries of how many were read."""
STEP: Final = 500


def unseen(_done: int, _total: int) -> None:
    """The progress that nobody watches."""


@dataclass(slots=True)
class Source:
    """The selected entries of a log.

    Args:
        ports: Where everything comes from.
        log: The log's id.
        selection: Which entries; by default all.
        with_members: Whether the considered subjects' rows may be shown, under their random ids.
        subject: Whose rows alone; None: everybody's.
        folder: Where parts of a file lie while they fill; None: where the system puts such files.
        progress: Is told how far the reading is; what it raises ends the export.

    Raises:
        NotFound: There is no such institution.
    """

    ports: Ports
    log: bytes
    selection: Selection = field(default_factory=Selection)
    with_members: bool = False
    subject: bytes | None = None
    folder: Path | None = None
    progress: Progress = unseen
    institution: str = field(init=False)
    size: int = field(init=False)
    met: bool = field(default=False, init=False)
    """Whether some entry that was read met the selection."""

    def __post_init__(self) -> None:
        found = self.ports.mirror.institution(self.log)
        if found is None:
            raise NotFound(f"institution {to_hex(self.log)} is not admitted, so it has no log")
        self.institution = found.name
        newest = self.ports.audit.checkpoint(self.log)
        self.size = 0 if newest is None else newest.size

    def __iter__(self) -> Iterator[tuple[StoredEntry, dict[str, Any]]]:
        """The entries with their documents."""
        self.progress(0, self.size)
        for entry in self.ports.audit.entries(self.log, 0, self.size):
            document = decode_object(entry.canonical)
            if self.selection.takes(document):
                self.met = True
                yield entry, document
            if entry.index % STEP == STEP - 1:
                self.progress(entry.index + 1, self.size)
        self.progress(self.size, self.size)

    def names(self) -> dict[str, str]:
        """What the institution, the studies and the engines are called, by 0x-hex id."""
        names = {to_hex(self.log): self.institution}
        for kind in ("Study", "Engine"):
            for fact in self.ports.mirror.current(kind):
                names[to_hex(getattr(fact, "id", b""))] = str(getattr(fact, "title", "") or getattr(fact, "name", ""))
        return names
