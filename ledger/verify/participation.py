"""The offline check of a patient's proof that their data were, or were not, in a computation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.domain.audit import Kind
from ledger.domain.computation import decisions_of, facts_of, mapping
from ledger.domain.identifiers import parse_bytes
from ledger.errors import CannotCheck, ProofInvalid
from ledger.provenance import participation as form
from ledger.transparency.canonical import same
from ledger.transparency.checkpoint import Checkpoint, read_checkpoint, verify_checkpoint
from ledger.transparency.cohort import CohortCommitment, CohortProof, verify_cohort
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.jws import verify_jws
from ledger.transparency.keys import KeySet
from ledger.transparency.note import VerifierKey
from ledger.transparency.proofs import verify_inclusion
from ledger.transparency.register import BITS, PagedCommitment, PagedProof, verify_paged
from ledger.verify.claims import Claim, Trial
from ledger.verify.report import Report

HEAD = Claim(
    "head",
    "The log signed the head that everything else is proved to.",
    "That others are shown the same log; witnesses and the chain's anchors prove that.",
)
COMPUTATION = Claim(
    "computation",
    "The entry of the computation stands in the log, at its index and in its one form.",
    "That the engine told the truth about what it computed.",
)
DECISIONS = Claim(
    "decisions",
    "The entries of all decisions that the computation rests on stand in the log, before it.",
    "That the engine asked for no other decision, which it did not name.",
)
ROWS = Claim(
    "rows",
    "What was decided about this patient is committed to in each decision: in the cohort, refused, or not asked about.",
    "Anything about anybody else; nor that the engine kept to the cohort that it was given.",
)


@dataclass(slots=True)
class _Case:
    """A proof that was read, and its head once it is checked."""

    proof: form.Participation
    head: Checkpoint | None = None

    def place(self, entry: form.EntryProof, what: str) -> int:
        """The index of an entry that is in the head.

        Raises:
            ProofInvalid: It is not.
            CannotCheck: The head was not checked.
        """
        if self.head is None:
            raise CannotCheck("the head was not checked")
        index = entry.document.get("index")
        if type(index) is not int or entry.document.get("log") != "0x" + self.head.log.hex():
            raise ProofInvalid(f"{what} says that it is of another log, or has no index")
        path = [parse_bytes(node, size=32) for node in entry.path]
        verify_inclusion(leaf_hash(form.entry_bytes(entry)), index, self.head.size, path, self.head.root)
        return index


def verify_participation(data: bytes, keys: list[VerifierKey], jwks: dict[str, Any] | None = None) -> Report:
    """Check a proof.

    Args:
        data: The file.
        keys: The log's keys, from a source that you trust; none: nothing can be checked.
        jwks: The service's key document, which signed statements that a decision did not consider the patient.

    Raises:
        ProofInvalid: It is not such a proof at all.
    """
    case = _Case(form.read(data))
    trial = Trial(claims=(HEAD, COMPUTATION, DECISIONS, ROWS))
    trial.attempt(HEAD, lambda: _head(case, keys))
    trial.attempt(COMPUTATION, lambda: _computation(case))
    trial.attempt(DECISIONS, lambda: _decisions(case))
    trial.attempt(ROWS, lambda: _rows(case, jwks))
    return trial.report("not tried")


def _head(case: _Case, keys: list[VerifierKey]) -> str:
    note = case.proof.checkpoint
    case.head = verify_checkpoint(note, keys, read_checkpoint(note).log)
    return f"{case.head.size} entries in {case.head.origin}"


def _computation(case: _Case) -> str:
    document = case.proof.computation.document
    index = case.place(case.proof.computation, "the computation's entry")
    if document.get("kind") == Kind.DECISION:
        raise ProofInvalid(f"entry {index} is a decision, not a computation")
    return f"{document.get('kind')} at index {index}, {document.get('operation') or 'no operation named'}"


def _decisions(case: _Case) -> str:
    last = case.place(case.proof.computation, "the computation's entry")
    shown = [one.entry.document.get("decision") for one in case.proof.decisions]
    if shown != decisions_of(case.proof.computation.document) or not shown:
        raise ProofInvalid("the decisions that are shown are not those that the computation names")
    for one in case.proof.decisions:
        index = case.place(one.entry, "a decision's entry")
        if one.entry.document.get("kind") != Kind.DECISION or index >= last:
            raise ProofInvalid(f"entry {index} is not a decision before the computation")
    return f"{len(shown)} decisions"


def _rows(case: _Case, jwks: dict[str, Any] | None) -> str:
    words, unproved = [], []
    for one in case.proof.decisions:
        case.place(one.entry, "a decision's entry")
        commitment = mapping(facts_of(one.entry.document).get("cohort"))
        decision, root = str(one.entry.document.get("decision")), str(commitment.get("root"))
        bit = None if one.page is None else _bit(case, decision, one, one.page)
        if one.row is not None:
            verify_cohort(_cohort_proof(case, one.row), _commitment(commitment))
            if one.page is not None and bit is not one.row.permitted:
                raise ProofInvalid(f"decision {decision}: the patient's row and their bit in the register differ")
            words.append(
                f"{decision}: the patient was {'in the cohort' if one.row.permitted else 'refused, not in it'}"
            )
            continue
        if one.page is not None:
            if bit is not None:
                raise ProofInvalid(f"decision {decision}: the patient was asked about, and their row is not shown")
            words.append(f"{decision}: the patient was not asked about, not in it")
            continue
        if one.absence is None:
            raise ProofInvalid(f"decision {decision}: neither a row nor a statement that there is none")
        unproved.append(decision)
        if jwks is not None:
            said = verify_jws(one.absence, KeySet.from_jwks(jwks), form.ABSENCE_TYPE)
            if said != form.absence(decision, root, case.proof.subject, said.get("at")):  # type: ignore[arg-type]
                raise ProofInvalid(f"decision {decision}: the statement is about something else")
    if unproved:
        signed = "signed" if jwks is not None else "with a signature that needs --jwks"
        raise CannotCheck(
            f"{'; '.join([*words, ''])}{', '.join(unproved)}: the ledger states ({signed}) that the patient was not "
            "considered; only somebody who holds all rows can prove that"
        )
    return "; ".join(words)


def _cohort_proof(case: _Case, row: form.RowProof) -> CohortProof:
    return CohortProof(
        subject=parse_bytes(case.proof.subject, size=32),
        permitted=row.permitted,
        salt=parse_bytes(row.salt, size=16),
        index=row.index,
        path=tuple(parse_bytes(node, size=32) for node in row.path),
    )


def _bit(case: _Case, decision: str, one: form.DecisionProof, page: form.PageProof) -> bool | None:
    """What the patient's bit says, once it is shown to be in the register's commitment: None, not asked about."""
    facts = facts_of(one.entry.document)
    found = mapping(facts.get("register"))
    considered, leaves, root = (found.get(name) for name in ("considered", "leaves", "root"))
    if type(considered) is not int or type(leaves) is not int or leaves < 0 or not isinstance(root, str):
        raise ProofInvalid(f"decision {decision}: its entry holds no commitment over a register")
    if not same(considered, mapping(facts.get("cohort")).get("size")):
        raise ProofInvalid(f"decision {decision}: its two commitments are to cohorts of different sizes")
    proof = PagedProof(
        subject=parse_bytes(case.proof.subject, size=32),
        row=page.row,
        rows=page.rows,
        row_salt=parse_bytes(page.row_salt, size=16),
        row_path=tuple(parse_bytes(node, size=32) for node in page.row_path),
        page=page.page,
        page_salt=parse_bytes(page.page_salt, size=16),
        considered=parse_bytes(page.considered, size=BITS),
        permitted=parse_bytes(page.permitted, size=BITS),
        path=tuple(parse_bytes(node, size=32) for node in page.path),
    )
    return verify_paged(proof, PagedCommitment(considered, leaves, parse_bytes(root, size=32)))


def _commitment(found: Mapping[str, Any]) -> CohortCommitment:
    size, root = found.get("size"), found.get("root")
    if type(size) is not int or size < 0 or not isinstance(root, str):
        raise ProofInvalid("the decision's entry holds no commitment to a cohort")
    return CohortCommitment(size, parse_bytes(root, size=32))
