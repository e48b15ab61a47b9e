"""The formats that a log is exported in, by name; the API and the command line offer the same ones."""

import json
from enum import StrEnum
from typing import BinaryIO

from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.export.bundle import export_bundle
from ledger.export.ndjson import export_ndjson
from ledger.export.prov_json import export_prov
from ledger.services.export import Ports


class Format(StrEnum):
    """A format, by the name that callers use."""

    BUNDLE = "bundle"
    PROV_JSON = "prov-json"
    NDJSON = "ndjson"

    @property
    def media_type(self) -> str:
        """Its media type."""
        kinds = {Format.BUNDLE: "application/zip", Format.PROV_JSON: "application/json"}
        return kinds.get(self, "application/x-ndjson")

    @property
    def suffix(self) -> str:
        """The end of a file's name."""
        return {Format.BUNDLE: ".zip", Format.PROV_JSON: ".prov.json"}.get(self, ".ndjson")


def write_export(ports: Ports, log: bytes, kind: Format, out: BinaryIO, *, with_members: bool) -> tuple[int, bytes]:
    """Export a log.

    Args:
        ports: The services' context.
        log: The log's id.
        kind: The format.
        out: Where it goes: an empty seekable file; it stays the caller's to close.
        with_members: Whether a bundle holds the subjects' rows, which replaying decisions needs.

    Returns:
        Number and hash of the block whose hash a bundle's reader must know from elsewhere; (0, b"") for other formats.

    Raises:
        NotFound: There is no such institution.
        NotReady: The mirror or the node cannot give a consistent answer now.
        MirrorDiverged: Store and chain disagree.
        TooLarge: The bundle would exceed 4 GiB.
    """
    if ports.mirror.institution(log) is None:
        raise NotFound(f"institution {to_hex(log)} is not admitted, so it has no log")
    if kind is Format.BUNDLE:
        trusted = export_bundle(ports, log, out, with_members=with_members).trusted
        return trusted.number, bytes.fromhex(trusted.hash[2:])
    if kind is Format.PROV_JSON:
        text = json.dumps(export_prov(ports, log), indent=1, sort_keys=True, ensure_ascii=False)
        out.write(text.encode() + b"\n")
    else:
        export_ndjson(ports, log, out)
    return 0, b""
