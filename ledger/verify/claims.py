"""The claims that a bundle makes, in the order in which they rest on each other, and how one is tried.

Invariant: trying a claim always ends in a line of the report. Whatever goes wrong inside is a failure; only a missing
premise is "could not check".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from ledger.errors import CannotCheck, ConsentryError
from ledger.verify.report import Check, Report, Status


class Claim(NamedTuple):
    """A claim's name, what it shows when it passes, and what it leaves open even then."""

    name: str
    proves: str
    does_not_prove: str


ARCHIVE = Claim(
    "archive",
    "Every byte of the file belongs to the bundle; nothing was cut off, added or hidden.",
    "That the content is true.",
)
MANIFEST = Claim(
    "manifest",
    "The files are exactly those that the manifest lists, unchanged since it was written.",
    "Who wrote the manifest.",
)
SIGNATURE = Claim(
    "signature",
    "A key that the bundle itself names signed the manifest.",
    "That the key is the institution's: compare it with one that you have from elsewhere.",
)
HEADERS = Claim(
    "headers",
    "The block headers in the bundle form one chain that ends in the block hash you gave.",
    "That this block is on the chain you mean: that is why you must know its hash from elsewhere.",
)
RECEIPTS = Claim(
    "receipts",
    "The transaction receipts in the bundle are in those blocks.",
    "That the contract addresses are the consortium's: compare them with the ones it published. Transaction hashes "
    "are given as a help to find them and are not proved.",
)
ANCHORS = Claim(
    "anchors",
    "These heads of the log were anchored by the AuditAnchor contract, each extending the one before, none left out.",
    "That nothing was anchored after the last one shown, unless the claim 'completeness' passes as well.",
)
TREE = Claim(
    "tree",
    "The entries, recomputed, are exactly those whose root was anchored: none changed, removed, added or moved.",
    "That what an entry says is true; only that it was said then and not changed since.",
)
TAIL = Claim(
    "tail",
    "Every entry is covered by a head that was anchored on the chain.",
    "Entries after the last anchor are covered by signed checkpoints alone, which their signer could have forked.",
)
CHECKPOINTS = Claim(
    "checkpoints",
    "Each signed checkpoint in the bundle is of this log and has the root of these entries.",
    "That the key is the institution's: the bundle names it itself.",
)
CONSISTENCY = Claim(
    "consistency",
    "Each anchored head provably extends the one before it (RFC 9162), and the entries extend the last.",
    "Anything about entries that were never in a head.",
)
ACCESSES = Claim(
    "accesses",
    "Every data access recorded on the chain for this log is an entry of it, with the same study and engine.",
    "That every access that took place was recorded.",
)
DECISIONS = Claim(
    "decisions",
    "Every decision in the log has its signed receipt, for the request shown, at a block of this chain, and stands "
    "before every entry that names it.",
    "That the signing key is the institution's: the bundle names it itself.",
)
HISTORY = Claim(
    "history",
    "The consents, withdrawals and registrations listed are what the contracts recorded, in that order.",
    "That nothing was left out, unless the claim 'completeness' passes as well.",
)
COMPLETENESS = Claim(
    "completeness",
    "Between a subject's enrolment (a study's proposal, and so on) and the trusted block no further event about it "
    "exists: the blooms of all blocks not shown in full exclude it.",
    "What happened after the trusted block; and of a subject that a decision called unknown, that it was not enrolled "
    "before the first block shown.",
)
COHORTS = Claim(
    "cohorts",
    "The subjects shown are exactly those that each decision committed to, with the same outcome; of each row that is "
    "missing, the log tells that it was erased.",
    "That everybody was considered who should have been; and that the computation used no other data: the gate "
    "enforces that, not the log.",
)
REPLAY = Claim(
    "replay",
    "Each decision, computed again from the consents and the datasets' terms on the chain at its block, is the one "
    "that was given.",
    "That no event was left out, unless the claim 'completeness' passes as well; nor that the clock of the service "
    "was right about the instant of the decision.",
)
WITNESSES = Claim(
    "witnesses",
    "Enough of the witnesses that you named saw this very head, so that no other log of this size can be shown.",
    "That the witnesses are independent of the log and of each other.",
)
CANONICAL = Claim(
    "canonical",
    "Each node that you named has the bundle's block on its chain.",
    "That the nodes are independent of each other; nor, where one says 'not final yet', that it stays there.",
)
ALL = (
    ARCHIVE,
    MANIFEST,
    SIGNATURE,
    HEADERS,
    RECEIPTS,
    ANCHORS,
    TREE,
    TAIL,
    CHECKPOINTS,
    CONSISTENCY,
    ACCESSES,
    DECISIONS,
    HISTORY,
    COMPLETENESS,
    COHORTS,
    REPLAY,
)


@dataclass(slots=True)
class Trial:
    """Tries claims one by one and keeps what became of each."""

    found: dict[str, Check] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ALL

    def attempt(self, claim: Claim, work: Callable[[], str]) -> bool:
        """Try a claim: ``work`` returns what it found, or raises. Says whether the claim passed."""
        try:
            status, detail = Status.PASS, work()
        except CannotCheck as problem:
            status, detail = Status.UNCHECKED, str(problem)
        except ConsentryError as problem:
            status, detail = Status.FAIL, str(problem)
        except Exception as problem:  # noqa: BLE001 - a hostile bundle must not be able to stop the checker
            status, detail = (
                Status.FAIL,
                f"malformed in a way that stopped the check ({type(problem).__name__}: {problem})",
            )
        self.found[claim.name] = Check(claim.name, status, detail, claim.proves, claim.does_not_prove)
        return status is Status.PASS

    def report(self, because: str) -> Report:
        """The report; claims that were not tried could not be checked, ``because``."""
        return Report(
            tuple(
                self.found.get(
                    claim.name, Check(claim.name, Status.UNCHECKED, because, claim.proves, claim.does_not_prove)
                )
                for claim in self.claims
            )
        )
