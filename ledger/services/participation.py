"""Giving a patient the proof that their data were, or were not, in a computation.

Invariants: only the patient's own row is opened; nothing is said of an erased subject, whose rows are gone, not even
that they were not considered.
"""

from typing import Any

from ledger.domain.audit import Kind
from ledger.domain.computation import decisions_of, facts_of, mapping
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.provenance import participation as form
from ledger.services.context import Context
from ledger.services.replay import membership
from ledger.transparency.canonical import decode_object
from ledger.transparency.jws import sign_jws
from ledger.transparency.register import PagedProof
from ledger.transparency.tree import inclusion_proof


def participation_of(context: Context, subject: bytes, log: bytes, index: int) -> form.Participation:
    """The proof for a subject about the computation whose entry stands at an index of a log.

    Raises:
        NotFound: There is no such computation, it rests on no decision, or the subject was erased.
    """
    if subject in context.forgotten.now():
        raise NotFound(f"subject {to_hex(subject)} was erased, and with it what such a proof would show")
    checkpoint = context.audit.checkpoint(log)
    held = context.audit.entry(log, index)
    document = {} if held is None else decode_object(held.canonical)
    if held is None or checkpoint is None or not _computes(document):
        raise NotFound(f"entry {index} of log {to_hex(log)} is not a computation's that rests on a decision")
    decisions = [_decision(context, subject, one, checkpoint.size) for one in decisions_of(document)]
    return form.Participation(
        format=form.FORMAT,
        subject=to_hex(subject),
        checkpoint=checkpoint.note,
        computation=_entry(context, log, index, document, checkpoint.size),
        decisions=decisions,
    )


def _computes(document: dict[str, Any]) -> bool:
    kinds = (Kind.STARTED, Kind.COMPLETED, Kind.FAILED, Kind.WITHHELD, Kind.ACCESSED, Kind.DISCLOSED, Kind.DERIVED)
    return document["kind"] in kinds and bool(document["decision"])


def _decision(context: Context, subject: bytes, decision: str, size: int) -> form.DecisionProof:
    record = context.audit.decision(decision)
    held = None if record is None else context.audit.entry(record.log, record.index)
    if record is None or held is None:
        raise NotFound(f"the computation names decision {decision}, which is not in the log")
    document = decode_object(held.canonical)
    row, absence = None, None
    bit = context.registers.prove(decision, subject)
    try:
        proof = membership(context, decision, subject)
    except NotFound:
        if bit is not None:
            return form.DecisionProof(_entry(context, record.log, record.index, document, size), None, None, _page(bit))
        root = str(mapping(facts_of(document).get("cohort")).get("root", ""))
        payload = form.absence(decision, root, to_hex(subject), context.clock.now())
        absence = sign_jws(payload, context.log_keys.receipts, form.ABSENCE_TYPE)
    else:
        row = form.RowProof(
            permitted=proof.permitted,
            salt=to_hex(proof.salt),
            index=proof.index,
            path=[to_hex(node) for node in proof.path],
        )
    return form.DecisionProof(_entry(context, record.log, record.index, document, size), row, absence, _page(bit))


def _page(proof: PagedProof | None) -> form.PageProof | None:
    if proof is None:
        return None
    return form.PageProof(
        row=proof.row,
        rows=proof.rows,
        row_salt=to_hex(proof.row_salt),
        row_path=[to_hex(node) for node in proof.row_path],
        page=proof.page,
        page_salt=to_hex(proof.page_salt),
        considered=to_hex(proof.considered),
        permitted=to_hex(proof.permitted),
        path=[to_hex(node) for node in proof.path],
    )


def _entry(context: Context, log: bytes, index: int, document: dict[str, Any], size: int) -> form.EntryProof:
    path = inclusion_proof(context.audit.nodes(log), index, size)
    return form.EntryProof(document, [to_hex(node) for node in path])
