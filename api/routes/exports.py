"""Exports: a log as one file, for an auditor to take away and check elsewhere."""

from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import BinaryIO

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from api.deps import Exporter, Held
from api.reading import BoundedRoute
from api.routes.logs import may_read
from api.schemas.audit import ExportBody
from ledger.bootstrap import Ledger
from ledger.domain.identifiers import to_hex
from ledger.export.formats import Format, write_export

router = APIRouter(tags=["audit"], route_class=BoundedRoute)
_PIECE = 1 << 18


@router.post(
    "/v1/exports",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.media_type: {} for kind in Format}, "description": "The file"}},
)
def export_log(body: ExportBody, who: Exporter, ledger: Held) -> Response:
    """A log as a file. A bundle is checked offline with `consentry verify FILE --block HASH`.

    The header `Consentry-Block` names the block (number and hash) that the bundle reaches up to. Whoever checks it
    takes that hash from a node that they trust. Anchor first: entries newer than the last anchor cannot be proved.
    """
    may_read(ledger.context, who, body.log)
    return export_response(ledger, body.log, Format(body.format))


def export_response(ledger: Ledger, log: bytes, kind: Format) -> Response:
    """The file, streamed from a temporary one that has no name."""
    file = TemporaryFile(dir=ledger.settings.home)  # noqa: SIM115 - closed by the stream
    try:
        number, block = write_export(ledger.context, log, kind, file, with_members=True)
        size = file.seek(0, 2)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = {
        "Content-Disposition": f'attachment; filename="consentry-{log.hex()[:12]}{kind.suffix}"',
        "Content-Length": str(size),
    }
    if block:
        headers["Consentry-Block"] = f"{number} {to_hex(block)}"
    return StreamingResponse(_pieces(file), media_type=kind.media_type, headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece
