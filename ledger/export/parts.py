"""The provenance of a log, part by part: each is checked before it is handed on."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

from ledger.domain.identifiers import to_hex
from ledger.errors import MirrorDiverged
from ledger.export.source import Source
from ledger.provenance.builder import Builder, Part
from ledger.provenance.document import Document

_PLAIN = re.compile(r"[A-Za-z0-9/_.~-]*\Z")  # nearly every id, and quote is slow
VOCABULARY = "urn:consentry:terms:"


def parts_of(source: Source) -> Iterator[Document]:
    """What each entry adds to the provenance of a log, and at the end what is left.

    Raises:
        MirrorDiverged: The entries do not make valid provenance: the log was changed, or a clock ran wild.
    """
    builder = Builder(source.names())
    for entry, document in source:
        yield _valid(builder.take(document, to_hex(entry.leaf)))
    yield _valid(builder.finish())


def date_time(seconds: int) -> str:
    """An instant as xsd:dateTime, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def local_name(id: str) -> str:
    """A thing's id as the end of an IRI: engines name runs and outputs as they like."""
    return id if _PLAIN.match(id) else quote(id, safe="/-_.~")


def term(type: str) -> str:
    """A type with its prefix: ours, unless it has one."""
    return type if ":" in type else f"consentry:{type}"


def _valid(part: Part) -> Document:
    wrong = part.violations()
    if wrong:
        raise MirrorDiverged(f"the log does not make valid provenance ({wrong[0]}); run audit fsck")
    return part.document
