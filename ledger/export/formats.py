"""The formats that a log is exported in, by name; the API and the command line offer the same ones."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO

from ledger.errors import InvalidInput
from ledger.export.bundle import export_bundle
from ledger.export.fhir import export_audit_events, export_provenance
from ledger.export.ndjson import export_ndjson
from ledger.export.prov_json import export_prov
from ledger.export.prov_jsonld import export_prov_jsonld
from ledger.export.ro_crate import export_ro_crate
from ledger.export.source import Source
from ledger.export.table import export_csv, export_parquet


class Format(StrEnum):
    """A format, by the name that callers use."""

    BUNDLE = "bundle"
    PROV_JSON = "prov-json"
    PROV_JSONLD = "prov-jsonld"
    FHIR_AUDIT = "fhir-audit-event"
    FHIR_PROVENANCE = "fhir-provenance"
    RO_CRATE = "ro-crate"
    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def title_for_people(self) -> str:
        """What people call it."""
        return _KINDS[self][2]

    @property
    def media_type(self) -> str:
        """Its media type."""
        return _KINDS[self][0]

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return _KINDS[self][1]


_KINDS = {
    Format.BUNDLE: ("application/zip", ".zip", "Bundle, with proofs"),
    Format.PROV_JSON: ("application/json", ".prov.json", "PROV-JSON"),
    Format.PROV_JSONLD: ("application/ld+json", ".prov.jsonld", "PROV-JSONLD"),
    Format.FHIR_AUDIT: ("application/fhir+json", ".audit.fhir.json", "FHIR AuditEvent (IHE BALP)"),
    Format.FHIR_PROVENANCE: ("application/fhir+json", ".provenance.fhir.json", "FHIR Provenance"),
    Format.RO_CRATE: ("application/zip", ".crate.zip", "RO-Crate of the computations"),
    Format.NDJSON: ("application/x-ndjson", ".ndjson", "Plain lines (NDJSON)"),
    Format.CSV: ("text/csv", ".csv", "Table (CSV)"),
    Format.PARQUET: ("application/vnd.apache.parquet", ".parquet", "Table (Parquet)"),
}
_WRITERS: dict[Format, Callable[[Source, BinaryIO], None]] = {
    Format.PROV_JSON: export_prov,
    Format.PROV_JSONLD: export_prov_jsonld,
    Format.FHIR_AUDIT: export_audit_events,
    Format.FHIR_PROVENANCE: export_provenance,
    Format.RO_CRATE: export_ro_crate,
    Format.NDJSON: export_ndjson,
    Format.CSV: export_csv,
    Format.PARQUET: export_parquet,
}
PERSONAL = frozenset({Format.BUNDLE, Format.FHIR_AUDIT})
"""The formats that can show the considered subjects' rows, under their random ids."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an export: number and hash of the block that a bundle reaches up to; (0, b"") for others."""

    block: int = 0
    hash: bytes = b""


def write_export(source: Source, kind: Format, out: BinaryIO) -> Written:
    """Export a log.

    Args:
        source: The log, which of its entries, and whether the subjects' rows may be shown.
        kind: The format.
        out: Where it goes: an empty seekable file; it stays the caller's to close.

    Raises:
        InvalidInput: A bundle was asked for with conditions.
        NotReady: The mirror or the node cannot give a consistent answer now.
        MirrorDiverged: Store and chain disagree, or the entries make no valid provenance.
        TooLarge: The file would exceed 4 GiB.
        ConfigurationError: What the format needs is not installed.
    """
    if kind is not Format.BUNDLE:
        _WRITERS[kind](source, out)
        return Written()
    if not source.selection.everything:
        raise InvalidInput("a bundle proves a log whole: leave the conditions out, or choose another format")
    manifest = export_bundle(source.ports, source.log, out, with_members=source.with_members, progress=source.progress)
    trusted = manifest.trusted
    return Written(trusted.number, bytes.fromhex(trusted.hash[2:]))
