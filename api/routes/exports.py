"""Exports: a log as one file, for an auditor to take away and check elsewhere."""

from tempfile import TemporaryFile
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from fastapi.responses import StreamingResponse

from api.deps import Exporter, Held, answer
from api.reading import BoundedRoute
from api.routes.entries import decisions_for
from api.routes.logs import may_read
from api.schemas.exports import ExportAnswer, ExportBody
from ledger.bootstrap import Ledger
from ledger.domain.identifiers import to_hex
from ledger.export.formats import Format, write_export
from ledger.export.jobs import Job, pieces
from ledger.export.source import Progress, Source, unseen
from ledger.identity.principal import Principal

router = APIRouter(tags=["audit"], route_class=BoundedRoute)
SMALL = 5_000
"""A log of at most so many entries is answered at once."""
ExportId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="the export's id")]
_FILE: dict[str, Any] = {"content": {kind.media_type: {} for kind in Format}, "description": "The file"}


@router.post(
    "/v1/exports",
    response_class=StreamingResponse,
    responses={200: _FILE, 202: {"model": ExportAnswer, "description": "It is being written: see `Location`"}},
)
def export_log(
    body: ExportBody, who: Exporter, ledger: Held, prefer: Annotated[str, Header(max_length=200)] = ""
) -> Response:
    """A log as a file. A bundle is checked offline with `consentry verify FILE --block HASH`.

    A small log is answered at once, with its file. A large one, or any with the header `Prefer: respond-async`, is
    written meanwhile: 202, with the address where its progress is told. The header `Consentry-Block` names the block
    (number and hash) that a bundle reaches up to; whoever checks it takes that hash from a node that they trust. Anchor
    first: entries newer than the last anchor cannot be proved.
    """
    may_read(ledger.context, who, body.log)
    decisions = decisions_for(ledger.context, who, body)

    def source(progress: Progress) -> Source:
        return Source(
            ledger.context,
            body.log,
            body.selection(decisions, body.words),
            with_members=body.members,
            subject=body.subject,
            folder=ledger.settings.home,
            progress=progress,
        )

    first = source(unseen)
    if first.size <= SMALL and "respond-async" not in prefer:
        return export_response(first, body.format)
    job = ledger.exports.start(who.actor, body.format, source)
    return answer(_job_json(job), 202, {"Location": f"/v1/exports/{job.id}"})


@router.get("/v1/exports/{export}", response_model=ExportAnswer)
def read_export(export: ExportId, who: Exporter, ledger: Held) -> Response:
    """How far an export of the caller's is."""
    return answer(_job_json(ledger.exports.find(export, who.actor)))


@router.get("/v1/exports/{export}/content", response_class=StreamingResponse, responses={200: _FILE})
def read_content(export: ExportId, who: Exporter, ledger: Held) -> Response:
    """The file of an export that is done; it is kept for a time."""
    job, file = ledger.exports.content(export, who.actor)
    kind = Format(job.format)
    headers = _headers(bytes.fromhex(job.log[2:]), kind, job.size)
    if job.block is not None:
        headers["Consentry-Block"] = f"{job.block[0]} {job.block[1]}"
    return StreamingResponse(pieces(file), media_type=kind.media_type, headers=headers)


def export_whole(ledger: Ledger, who: Principal, log: bytes, kind: Format) -> Response:
    """A whole log as a file, at once."""
    may_read(ledger.context, who, log)
    return export_response(Source(ledger.context, log, with_members=True, folder=ledger.settings.home), kind)


def export_response(source: Source, kind: Format) -> Response:
    """The file, streamed from a temporary one that has no name."""
    file = TemporaryFile(dir=source.folder)  # noqa: SIM115 - closed by the stream
    try:
        written = write_export(source, kind, file)
        size = file.seek(0, 2)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    headers = _headers(source.log, kind, size)
    if written.hash:
        headers["Consentry-Block"] = f"{written.block} {to_hex(written.hash)}"
    return StreamingResponse(pieces(file), media_type=kind.media_type, headers=headers)


def _headers(log: bytes, kind: Format, size: int) -> dict[str, str]:
    return {
        "Content-Disposition": f'attachment; filename="consentry-{log.hex()[:12]}{kind.suffix}"',
        "Content-Length": str(size),
    }


def _job_json(job: Job) -> dict[str, Any]:
    shown = ("id", "log", "format", "state", "made", "expires", "done", "total", "size", "problem")
    block = None if job.block is None else {"number": job.block[0], "hash": job.block[1]}
    return {name: getattr(job, name) for name in shown} | {"block": block}
