"""The auditor's pages: logs, the trail of one log with the proof state of each entry, and one entry in full."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.deps import context_of, ledger_of
from api.pages.proofs import Examiner, Proof
from api.pages.rendering import page
from api.pages.session import Auditor, Exporter, PageRoute
from api.pages.words import names_in, sentence
from api.routes.exports import export_whole
from api.routes.logs import entry_of, logs_for, may_read
from api.schemas.base import Id
from ledger.domain.identifiers import to_hex
from ledger.errors import InvalidInput, MirrorDiverged
from ledger.export.formats import Format
from ledger.identity.principal import Scope
from ledger.transparency.canonical import decode_object

router = APIRouter(route_class=PageRoute, include_in_schema=False)
LogId = Annotated[Id, Path()]
PAGE = 50
UNREADABLE = "The stored bytes are not an entry any more: somebody changed them."


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log in the list."""

    log: str
    institution: str
    size: int
    anchored: int
    problem: str


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry in the trail."""

    index: int
    time: int | None
    kind: str
    words: str
    proof: Proof


@router.get("/audit")
def logs(request: Request, who: Auditor) -> Response:
    """The logs that the caller may read."""
    context = context_of(request)
    names = names_in(context)
    lines = []
    for log in logs_for(context, who):
        examiner = Examiner(context, log)
        name = names.get(to_hex(log), "an institution that is not in the list")
        lines.append(LogLine(to_hex(log), name, examiner.size, examiner.anchored, _trouble(examiner)))
    lines.sort(key=lambda line: (line.institution, line.log))
    return page(request, "audit", who=who, logs=lines)


@router.get("/audit/{log}")
def trail(
    request: Request, who: Auditor, log: LogId, before: Annotated[int | None, Query(ge=1, lt=1 << 63)] = None
) -> Response:
    """The trail of a log, newest first, a page at a time."""
    context = context_of(request)
    may_read(context, who, log)
    examiner = Examiner(context, log)
    names = names_in(context)
    last = min(before or examiner.size, examiner.size)
    first = max(0, last - PAGE)
    lines = []
    for entry in context.audit.entries(log, first, last):
        document = _read(entry.canonical)
        kind, words = (str(document["kind"]), sentence(document, names)) if document else ("unreadable", UNREADABLE)
        when = document.get("time") if document else None
        moment = when if isinstance(when, int) else None
        lines.append(EntryLine(entry.index, moment, kind, words, examiner.examine(entry)))
    return page(
        request,
        "trail",
        who=who,
        log=to_hex(log),
        institution=names.get(to_hex(log), ""),
        examiner=examiner,
        trouble=_trouble(examiner),
        entries=lines[::-1],
        older=first or None,
        newer=min(last + PAGE, examiner.size) if last < examiner.size else None,
        formats=list(Format) if Scope.EXPORT_CREATE in who.scopes else [],
    )


@router.get("/audit/{log}/export")
def export(
    request: Request, who: Exporter, log: LogId, kind: Annotated[Format, Query(alias="format")] = Format.BUNDLE
) -> Response:
    """The log as a file."""
    return export_whole(ledger_of(request), who, log, kind)


@router.get("/audit/{log}/{index}")
def entry_page(request: Request, who: Auditor, log: LogId, index: Annotated[int, Path(ge=0, lt=1 << 63)]) -> Response:
    """One entry: a plain sentence, its fields, its exact bytes, and its proof."""
    context = context_of(request)
    may_read(context, who, log)
    held = entry_of(context, log, index)
    document = _read(held.canonical)
    if document is None:
        raise MirrorDiverged(f"entry {index} of {to_hex(log)} is not an entry any more; run consentry audit fsck")
    names = names_in(context)
    examiner = Examiner(context, log)
    proof = examiner.examine(held)
    return page(
        request,
        "entry",
        who=who,
        log=to_hex(log),
        institution=names.get(to_hex(log), ""),
        index=index,
        size=examiner.size,
        words=sentence(document, names),
        document=document,
        fields=_fields(document, names),
        raw=json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False),
        leaf=to_hex(held.leaf),
        proof=proof,
        path_hashes=[to_hex(node) for node in proof.path],
    )


def _read(canonical: bytes) -> dict[str, Any] | None:
    """The entry that the stored bytes hold; None when they hold none, as somebody changed them."""
    try:
        document = decode_object(canonical)
    except InvalidInput:
        return None
    return document if {"kind", "actor", "study", "engine", "facts", "time"} <= set(document) else None


def _trouble(examiner: Examiner) -> str:
    if examiner.problem:
        return examiner.problem
    if examiner.heads and not examiner.chain_matches:
        return "the chain holds another root for this log than the stored entries give"
    return ""


def _fields(document: dict[str, Any], names: dict[str, str]) -> list[tuple[str, str, str]]:
    """The entry's own fields and its facts: label, value, and the name behind an id."""
    rows = []
    for label in ("kind", "actor", "study", "engine", "operation", "decision"):
        value = str(document[label])
        if value:
            rows.append((label, value, names.get(value.partition(":")[2] or value, "")))
    block = document["block"]
    if isinstance(block, dict):
        rows.append(("block", f"{block['number']} {block['hash']}", ""))
    facts = document["facts"]
    if isinstance(facts, dict):
        for label, value in facts.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            rows.append((label.replace("_", " "), text, ""))
    return rows
