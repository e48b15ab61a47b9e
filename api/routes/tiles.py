"""The logs as other tools read them, below ``/v1/logs/{log}``: C2SP checkpoints, tiles and proof files; COSE receipts.

Source: https://c2sp.org/tlog-tiles, https://www.rfc-editor.org/rfc/rfc9942
"""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.deps import LogReader, Ports
from api.reading import BoundedRoute
from api.routes.logs import LogId, may_read
from ledger.errors import NotFound
from ledger.transparency import cose
from ledger.transparency.tiles import HIGHEST, Tile, entry_bundle, hash_tile
from ledger.transparency.tree import inclusion_proof

router = APIRouter(tags=["audit"], route_class=BoundedRoute)
TilePath = Annotated[str, Path(max_length=64, description="x001/x234/067, with .p/5 behind it for a partial tile of 5")]
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-cache"}
_OCTETS = "application/octet-stream"


class Note(Response):
    """Text of C2SP's forms."""

    media_type = "text/plain; charset=utf-8"


class Cose(Response):
    """A COSE receipt."""

    media_type = cose.MEDIA_TYPE


class Octets(Response):
    """Hashes or entries, packed."""

    media_type = _OCTETS


@router.get("/v1/logs/{log}/checkpoint", response_class=Note)
def read_checkpoint(log: LogId, who: LogReader, ports: Ports) -> Response:
    """The log's signed head, with the lines of its witnesses: the newest that enough of them signed."""
    may_read(ports, who, log)
    return Note(ports.witnesses.note(ports.witnesses.shown(log)), headers=_NEVER)


@router.get("/v1/logs/{log}/tile/entries/{tile:path}", response_class=Octets)
def read_entry_bundle(log: LogId, tile: TilePath, who: LogReader, ports: Ports) -> Response:
    """256 entries (fewer in a partial bundle), each behind its length in 2 bytes."""
    may_read(ports, who, log)
    span = Tile.parse(tile).span()
    size = ports.audit.size(log)
    if span.stop > size:
        raise NotFound(f"the log has {size} entries, and no such bundle yet")
    entries = (one.canonical for one in ports.audit.entries(log, span.start, span.stop))
    return Octets(entry_bundle(entries), headers=_FOR_EVER)


@router.get("/v1/logs/{log}/tile/{level}/{tile:path}", response_class=Octets)
def read_tile(
    log: LogId, level: Annotated[int, Path(ge=0, le=HIGHEST)], tile: TilePath, who: LogReader, ports: Ports
) -> Response:
    """256 hashes (fewer in a partial tile) of 32 bytes each."""
    may_read(ports, who, log)
    hashes = hash_tile(ports.audit.nodes(log), ports.audit.size(log), level, Tile.parse(tile))
    return Octets(hashes, headers=_FOR_EVER)


@router.get("/v1/logs/{log}/entries/{index}/tlog-proof", response_class=Note)
def read_proof_file(
    log: LogId, index: Annotated[int, Path(ge=0, lt=1 << 63)], who: LogReader, ports: Ports
) -> Response:
    """An entry's proof as a C2SP ``.tlog-proof`` file, in the head that ``checkpoint`` shows."""
    may_read(ports, who, log)
    headers = _NEVER | {"Content-Disposition": f'attachment; filename="entry-{index}.tlog-proof"'}
    return Note(str(ports.witnesses.proof(log, index)), headers=headers)


@router.get("/v1/logs/{log}/entries/{index}/cose-receipt", response_class=Cose)
def read_cose_receipt(
    log: LogId, index: Annotated[int, Path(ge=0, lt=1 << 63)], who: LogReader, ports: Ports
) -> Response:
    """An entry's proof as a COSE receipt (RFC 9942), in the head that ``checkpoint`` shows."""
    may_read(ports, who, log)
    head = ports.witnesses.held(log, index)
    path = inclusion_proof(ports.audit.nodes(log), index, head.size)
    receipt = cose.issue(ports.log_keys.note_signer(log), head.size, index, path, head.root)
    headers = _NEVER | {"Content-Disposition": f'attachment; filename="entry-{index}.cose"'}
    return Cose(receipt.encode(), headers=headers)
