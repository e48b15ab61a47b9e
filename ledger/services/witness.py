"""Witnesses: having the logs' heads signed by others, and the head that is shown to readers.

Invariant: a head is shown as witnessed only with lines that verified when they came; readers check them again.
"""

from dataclasses import dataclass

from ledger.domain.audit import Checkpointed
from ledger.errors import ConsentryError, NotFound, NotReady
from ledger.ports import AuditStore, CosignatureStore, WitnessAsker
from ledger.transparency.checkpoint import origin_of
from ledger.transparency.tlog_proof import TlogProof
from ledger.transparency.tree import consistency_proof, inclusion_proof


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The witnesses of all logs here.

    Attributes:
        audit: The logs.
        kept: What witnesses signed.
        askers: The witnesses of the settings.
        needed: How many must sign before a head is shown as the log's; 0 where there are no witnesses.
    """

    audit: AuditStore
    kept: CosignatureStore
    askers: tuple[WitnessAsker, ...] = ()
    needed: int = 0

    def ask(self, log: bytes) -> dict[str, ConsentryError]:
        """Have the log's newest head signed by each witness that has not signed it yet.

        Returns:
            What went wrong, by witness; the others signed. A ``ProofInvalid`` is an alarm: the witness has seen
            another log than this one.
        """
        newest = self.audit.checkpoint(log)
        if newest is None or not self.askers:
            return {}
        signed = self.kept.lines(log, newest.size)
        nodes = self.audit.nodes(log)
        problems: dict[str, ConsentryError] = {}

        def prove(old: int) -> tuple[bytes, ...]:
            return tuple(consistency_proof(nodes, old, newest.size))

        for asker in self.askers:
            name = asker.key.name
            if name in signed:
                continue
            try:
                line = asker.cosign(origin_of(log), newest.size, newest.note, prove)
            except ConsentryError as problem:
                problems[name] = problem
            else:
                self.kept.keep(log, newest.size, name, line)
        return problems

    def note(self, checkpoint: Checkpointed) -> str:
        """A checkpoint with the lines of all witnesses that signed it."""
        return checkpoint.note + "".join(self.kept.lines(checkpoint.log, checkpoint.size).values())

    def shown(self, log: bytes) -> Checkpointed:
        """The head that readers are shown: the newest one, or the newest that enough witnesses signed.

        Raises:
            NotFound: The log is empty.
            NotReady: No head has the signatures of enough witnesses yet.
        """
        newest = self.audit.checkpoint(log)
        if newest is None:
            raise NotFound("the log has no entries yet, and so no checkpoint")
        if not self.needed:
            return newest
        size = self.kept.newest(log, self.needed)
        signed = None if size is None else self.audit.checkpoint(log, size)
        if signed is None:
            raise NotReady(f"no head has the signatures of {self.needed} witnesses yet; ask again in a minute")
        return signed

    def held(self, log: bytes, index: int) -> Checkpointed:
        """The head that readers are shown, once it holds an entry.

        Raises:
            NotFound: It does not.
            NotReady: No head has the signatures of enough witnesses yet.
        """
        head = self.shown(log)
        if index >= head.size:
            raise NotFound(f"the head that is shown has {head.size} entries, so it does not hold entry {index} (yet)")
        return head

    def proof(self, log: bytes, index: int) -> TlogProof:
        """The proof file of an entry, in the head that readers are shown.

        Raises:
            NotFound: That head does not hold the entry.
            NotReady: No head has the signatures of enough witnesses yet.
        """
        head = self.held(log, index)
        path = inclusion_proof(self.audit.nodes(log), index, head.size)
        return TlogProof(index, tuple(path), self.note(head))
