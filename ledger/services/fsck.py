"""Checking the stored logs against themselves, their checkpoints and the chain.

Every way to change the SQL copy that the design names has its finding: a changed row, a missing row, moved rows, a cut
tail, rows and tree rewritten together, a column that says another thing than the entry. Nothing is repaired.

Invariants:

- What is compared is recomputed from the rows' own bytes; stored hashes only help to name the place.
- One pass reads every row once: its leaf goes into the tree, its fields are compared with the columns beside it.
- Up to the largest anchored size whose root is the recomputed one, the bytes are those that were anchored, whoever
  holds the database and the log's key. What is above it is bound by the operator's word alone, and is read once more,
  strictly: as canonical JSON, which no two readers understand differently.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ledger.domain.audit import Checkpointed
from ledger.domain.health import Fault, Finding, Health
from ledger.domain.identifiers import to_hex
from ledger.domain.projection import Head
from ledger.errors import ConsentryError, InvalidInput
from ledger.services.export import Ports
from ledger.services.fsck_decisions import KeptDecisions
from ledger.services.fsck_page import Access, Scan, readable, scan_here
from ledger.services.fsck_rows import Rows
from ledger.services.fsck_tree import Regrown
from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.hashing import HASH_SIZE
from ledger.transparency.tiles import WIDTH

__all__ = ["Fault", "Finding", "Health", "check_log", "check_logs"]


Progress: TypeAlias = Callable[[bytes, int], None]


def check_logs(ports: Ports, *, scan: Scan | None = None, on_progress: Progress | None = None) -> list[Health]:
    """Check every log that the store or the chain knows.

    Args:
        ports: The services' context.
        scan: Looks at the rows; without it, this process does.
        on_progress: Told the log and the number of entries read, now and then.
    """
    anchored = {fact.log for fact in ports.mirror.current("Head") if isinstance(fact, Head)}
    logs = sorted(anchored | set(ports.audit.logs()))
    return [check_log(ports, log, scan=scan, on_progress=on_progress) for log in logs]


def check_log(ports: Ports, log: bytes, *, scan: Scan | None = None, on_progress: Progress | None = None) -> Health:
    """Check one log, row by row, against its tree, its checkpoints, its decisions and the chain.

    Args:
        ports: The services' context.
        log: The log's id.
        scan: Looks at the rows; without it, this process does.
        on_progress: Told the log and the number of entries read, now and then.

    Raises:
        NotReady: The rows could not all be read: neither sound nor not.
    """
    return _Inspection(ports, Health(log), scan or scan_here(ports.audit)).run(on_progress)


@dataclass(slots=True)
class _Inspection:
    ports: Ports
    health: Health
    scan: Scan

    def run(self, on_progress: Progress | None) -> Health:
        health, audit = self.health, self.ports.audit
        for index, what in audit.misstored(health.log):
            health.note(Fault.COLUMN, index, f"{what}; nothing else of this log can be checked until that is mended")
        if not health.sound:
            return health
        # Heads before the size, and the size before the checkpoint: what is appended meanwhile is then no cut tail. No
        # checkpoint is a reason to look for entries behind the last one.
        heads = [head for head, _ in self.ports.mirror.heads_of(health.log)]
        accesses: dict[int, Access] = {
            access.index: (access.leaf, to_hex(access.study), to_hex(access.engine))
            for access, _ in self.ports.mirror.accesses_of(health.log)
        }
        size, newest = audit.size(health.log), audit.checkpoint(health.log)
        if newest is not None and newest.size > size:
            size = min(newest.size, audit.size(health.log))
        decisions = KeptDecisions(audit, health)
        rows = Rows(health, decisions, accesses)
        tree = Regrown(audit, health, {head.size for head in heads} | ({newest.size} if newest else set()))
        for page in self.scan(health.log, size, accesses):
            kept = rows.take(page)
            tree.grow(page.leaves[: kept * HASH_SIZE], page.root if kept == WIDTH else b"")
            if on_progress is not None:
                on_progress(health.log, rows.count)
        rows.finish()
        health.entries, health.anchored = rows.count, max((head.size for head in heads), default=0)
        bound = self._against_chain(heads, tree, accesses, dense=rows.dense)
        if rows.dense:
            self._against_checkpoint(newest, tree)
        decisions.finish()
        if health.sound:  # else a decision or a tile may be alone because its entry is what was found
            decisions.look_for_more(size)
            tree.look_for_more()
        self._strictly(bound, size)
        return health

    def _against_chain(self, heads: Sequence[Head], tree: Regrown, accesses: dict[int, Access], *, dense: bool) -> int:
        """Hold the tree against the anchored heads; returns the largest size that one of them binds."""
        bound = 0
        for head in heads:
            if head.size > tree.size:
                if dense:
                    cut = f"the chain holds {head.size} entries, the store only {tree.size}"
                    self.health.note(Fault.CUT, tree.size, cut)
                return bound
            if tree.roots[head.size] != head.root:
                self.health.note(
                    Fault.REWRITTEN,
                    bound,
                    f"the root of entries 0 to {head.size - 1} is not the anchored one; "
                    f"the first bad entry is between {bound} and {head.size - 1}",
                )
                return bound
            bound = head.size
        if dense:
            for index in sorted(accesses):
                gone = f"entry {index}: the chain recorded an access for it; it is not here"
                self.health.note(Fault.ACCESS, index, gone)
        return bound

    def _against_checkpoint(self, newest: Checkpointed | None, tree: Regrown) -> None:
        size = tree.size
        if newest is None:
            if size:
                self.health.note(Fault.CHECKPOINT, None, f"{size} entries, but no checkpoint was kept")
            return
        try:
            said = verify_checkpoint(newest.note, self.ports.log_keys.note_keys(newest.log), newest.log)
        except ConsentryError as problem:
            self.health.note(Fault.CHECKPOINT, None, f"checkpoint of {newest.size} entries: {problem}")
            return
        if (said.size, said.root) != (newest.size, newest.root):
            self.health.note(Fault.CHECKPOINT, None, f"checkpoint of {newest.size} entries: its note says another head")
        if said.size > size:
            self.health.note(Fault.CUT, size, f"{said.size} entries were signed for, the store holds only {size}")
        elif said.size < size:
            self.health.note(Fault.CHECKPOINT, said.size, f"entries {said.size} to {size - 1} are under no checkpoint")
        elif tree.roots.get(said.size) != said.root:
            self.health.note(
                Fault.REWRITTEN, None, f"the root of all {size} entries is not the one that was signed for"
            )

    def _strictly(self, first: int, size: int) -> None:
        """Read the entries from an index on as what they must be, every byte of them."""
        for rows in self.ports.audit.rows(self.health.log, first, size, WIDTH):
            for index, document, *_ in readable(rows)[0]:
                try:
                    canonical.decode_object(document)
                except InvalidInput as problem:
                    self.health.note(Fault.CHANGED, index, f"entry {index}: {problem}")
            if self.health.full:
                return
