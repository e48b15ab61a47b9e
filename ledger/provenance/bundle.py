"""The format of the audit bundle: its files, their order, and what a line of each holds.

The exporter writes by this and the offline checker reads by it; nothing else is shared between the two.

Invariants:

- Every document is canonical JSON (RFC 8785), one a line; a field more or less is an error.
- The manifest names every other file with its size and SHA-256; its signature stands behind it.
- Identifiers and hashes are 0x-hex, times are seconds UTC.
"""

from dataclasses import fields
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from ledger.domain import events as ev
from ledger.domain.consent import Scope
from ledger.domain.identifiers import to_hex
from ledger.domain.wording import scope_to_json
from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency import canonical
from ledger.transparency.canonical import MAX_INTEGER

FORMAT = "consentry.bundle/1"
MANIFEST_TYPE = "consentry-bundle+jws"

README = "README.txt"
KEYS = "keys.json"
ENTRIES = "entries.ndjson"
CHECKPOINTS = "checkpoints.ndjson"
ANCHORS = "anchors.ndjson"
CONSISTENCY = "consistency.ndjson"
DECISIONS = "decisions.ndjson"
MEMBERS = "members.ndjson"
ERASED = "erased.ndjson"
CONSENTS = "consents.ndjson"
HEADERS = "headers.ndjson"
RECEIPTS = "receipts.ndjson"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.jws"
ORDER = (
    README,
    KEYS,
    ENTRIES,
    CHECKPOINTS,
    ANCHORS,
    CONSISTENCY,
    DECISIONS,
    MEMBERS,
    ERASED,
    CONSENTS,
    HEADERS,
    RECEIPTS,
    MANIFEST,
    SIGNATURE,
)
"""The files in the order in which they stand; without rows ``MEMBERS`` is left out, and ``ERASED`` where none is."""

Hex32: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
Hex20: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{40}\Z")]
Hex: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x(?:[0-9a-f]{2})*\Z")]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the documents below."""


class CheckpointLine(Line, frozen=True):
    """A signed head that the service gave out."""

    note: str


class AnchorLine(Line, frozen=True):
    """An anchored head, and the block whose receipts prove it; ``transaction`` is where to find it on a node."""

    size: Count
    root: Hex32
    block: Count
    transaction: Hex32


class ConsistencyLine(Line, frozen=True):
    """The proof that one head extends another (RFC 9162 section 2.1.4)."""

    first: Count
    second: Count
    proof: list[Hex32]


class DecisionLine(Line, frozen=True):
    """A decision that was given out: the index of its entry, its block, the hashed request, the signed receipt."""

    decision: Hex32
    index: Count
    block: Count
    request: dict[str, Any]
    receipt: str


class MemberLine(Line, frozen=True):
    """One considered row of a decision, with the salt that opens its leaf in the cohort commitment."""

    decision: Hex32
    subject: Hex32
    salt: Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{32}\Z")]
    outcome: str
    reason: str
    consent: Hex32 | None
    version: Count


class ErasedLine(Line, frozen=True):
    """What is left of an erased row of a decision: its leaf, at its place among all rows."""

    decision: Hex32
    place: Count
    leaf: Hex32


class EventLine(Line, frozen=True):
    """An event of the consent history in words; ``transaction`` is where to find it on a node."""

    block: Count
    transaction: Hex32
    event: str
    fields: dict[str, Any]


class HeaderLine(Line, frozen=True):
    """The RLP of a block's header."""

    rlp: Hex


class ReceiptsLine(Line, frozen=True):
    """Nodes of a block's receipts trie: the receipts that matter, and the way to them from the header's root."""

    block: Count
    nodes: list[Hex]


class FileLine(Line, frozen=True):
    """One file of the bundle."""

    name: str
    size: Count
    sha256: Hex32


class TrustedBlock(Line, frozen=True):
    """The block that the person who verifies must know from elsewhere."""

    number: Count
    hash: Hex32


class ChainLine(Line, frozen=True):
    """Which chain (EIP-155 id), and where on it the contracts are."""

    id: Count
    contracts: dict[str, Hex20]


class Keys(Line, frozen=True):
    """Public keys as the exporter states them: receipts and manifest (RFC 7517), checkpoints (C2SP verifier keys)."""

    jwks: dict[str, Any]
    checkpoint: list[str]


class Manifest(Line, frozen=True):
    """What the bundle is."""

    format: str
    log: Hex32
    institution: str
    created: Count
    entries: Count
    decisions: Count
    members: bool
    chain: ChainLine
    trusted: TrustedBlock
    files: list[FileLine]


_Line = TypeVar("_Line", bound=Line)
_LEAF_PART = len(',"leaf":"0x') + 64 + len('"}')


def to_line(line: Line) -> bytes:
    """A document as its line, newline included."""
    return canonical.encode(msgspec.to_builtins(line)) + b"\n"


def from_line(data: bytes, kind: type[_Line], what: str) -> _Line:
    """Read a document.

    Args:
        data: The line without its newline.
        kind: What it must be.
        what: Its file and place, for the message.

    Raises:
        ProofInvalid: It is something else, or not in canonical form.
    """
    try:
        return msgspec.convert(canonical.decode_object(data), kind)
    except (InvalidInput, msgspec.ValidationError) as problem:
        raise ProofInvalid(f"{what}: {problem}") from problem


def entry_line(document: bytes, leaf: bytes) -> bytes:
    """The line of a log entry: its canonical bytes, and the leaf hash that they should have."""
    return b'{"document":%b,"leaf":"%b"}\n' % (document, to_hex(leaf).encode())


def read_entry(data: bytes, what: str) -> tuple[bytes, bytes]:
    """The canonical bytes and the leaf hash in an entry's line.

    Raises:
        ProofInvalid: The line has another form.
    """
    document, stated = data[len(b'{"document":') : -_LEAF_PART], data[-_LEAF_PART:]
    try:
        leaf = bytes.fromhex(stated[len(b',"leaf":"0x') : -2].decode("ascii"))
    except ValueError as problem:
        raise ProofInvalid(f"{what}: the leaf is not 0x and hex digits") from problem
    if entry_line(document, leaf) != data + b"\n":
        raise ProofInvalid(f"{what}: not a document and its leaf")
    return document, leaf


def event_fields(event: ev.Event) -> dict[str, Any]:
    """An event's fields in JSON: bytes as 0x-hex, a scope in the words of the API."""
    return {field.name: _plain(getattr(event, field.name)) for field in fields(event)}


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return to_hex(value)
        case Scope():
            return scope_to_json(value)
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value
