"""The proof for one patient that their data were, or were not, in a computation; it says nothing of who else was.

It holds the computation's entry and the entries of the decisions that it rests on, each with its way to one signed head
of the log, and for each decision the patient's own row with its way to the commitment in the decision's entry.

Where a decision did not consider the patient at all there is no row to show. A cohort of some size is committed to over
a register of all enrolled besides: the patient's bit there shows that they were not asked about, or agrees with their
row. For the smallest cohorts, and for who was enrolled since the register was made, the ledger signs that it was so.
Whoever holds all rows, an auditor, can refute that; it is a statement to be held to, not a proof.

Source: ``ledger.transparency.cohort``, ``ledger.transparency.register``, https://www.rfc-editor.org/rfc/rfc9162
"""

import json
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from ledger.errors import ProofInvalid
from ledger.provenance.bundle import Count, Hex32, Line
from ledger.transparency.canonical import encode, once

FORMAT: Final = "consentry.participation/1"
ABSENCE_TYPE: Final = "consentry-absence+jws"
MOST_BYTES: Final = 1 << 22
Salt: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{32}\Z")]
Bits: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{1024}\Z")]


class EntryProof(Line, frozen=True):
    """An entry, and its way to the head (RFC 9162 section 2.1.3)."""

    document: dict[str, Any]
    path: list[Hex32]


class RowProof(Line, frozen=True):
    """The patient's row of a decision: what was decided, what opens the leaf, its place, and its way to the root."""

    permitted: bool
    salt: Salt
    index: Count
    path: list[Hex32]


class PageProof(Line, frozen=True):
    """The patient's bit over the register (``ledger.transparency.register``): their row opened, and its page.

    ``considered`` and ``permitted`` are the bits of the page's rows, the first in the highest bit; whose the others are
    is not said.
    """

    row: Count
    rows: Count
    row_salt: Salt
    row_path: list[Hex32]
    page: Count
    page_salt: Salt
    considered: Bits
    permitted: Bits
    path: list[Hex32]


class DecisionProof(Line, frozen=True, omit_defaults=True):
    """A decision that the computation rests on: with the row, the page, or the signed statement that there is none."""

    entry: EntryProof
    row: RowProof | None
    absence: str | None
    page: PageProof | None = None


class Participation(Line, frozen=True):
    """The whole proof; ``checkpoint`` is the signed head that all entries are proved to."""

    format: str
    subject: Hex32
    checkpoint: str
    computation: EntryProof
    decisions: list[DecisionProof]


def absence(decision: str, root: str, subject: str, at: int) -> dict[str, Any]:
    """What is signed where a decision did not consider a subject: which commitment, who, and when it was said."""
    return {"decision": decision, "cohort": root, "subject": subject, "considered": False, "at": at}


def read(data: bytes) -> Participation:
    """What a file says; nothing is verified. It may be indented: what counts is written anew before it is hashed.

    Raises:
        ProofInvalid: It is not such a proof.
    """
    if len(data) > MOST_BYTES:
        raise ProofInvalid(f"a proof for one patient is at most {MOST_BYTES} bytes")
    try:
        found = msgspec.json.decode(data, type=Participation)
        json.loads(data, object_pairs_hook=once)  # of a name that stands twice, the decoder takes the last value
    except (msgspec.MsgspecError, ValueError, RecursionError) as problem:
        raise ProofInvalid(f"not a proof for one patient: {problem}") from problem
    if found.format != FORMAT:
        raise ProofInvalid(f"the format is {found.format!r}, not {FORMAT!r}")
    return found


def entry_bytes(proof: EntryProof) -> bytes:
    """The canonical bytes of an entry, which its leaf hash is of."""
    return encode(proof.document)
