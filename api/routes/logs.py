"""The audit logs: appending, reading, proving, anchoring."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response

from api.deps import Anchorer, Appending, Held, LogReader, Ports, answer
from api.paging import MOST_PAGE, PagedShortly
from api.reading import BoundedRoute
from api.schemas.audit import (
    AppendedAnswer,
    ConsistencyAnswer,
    EntriesAnswer,
    EntriesBody,
    EntryBody,
    InclusionAnswer,
    LogAnswer,
    LogsAnswer,
    ProvedEntryAnswer,
)
from api.schemas.base import Id
from api.schemas.items import ItemsAnswer
from api.writing import Made, Write
from ledger.domain.audit import BY_ENGINES, Kind, NewEntry, StoredEntry
from ledger.domain.entry_facts import check_facts
from ledger.domain.identifiers import to_hex
from ledger.domain.wording import operation_of
from ledger.errors import Forbidden, InvalidInput, NotFound, UnknownCode
from ledger.identity.principal import Principal, Role
from ledger.services.anchor import anchor, is_final
from ledger.services.context import Context
from ledger.transparency.canonical import decode_object
from ledger.transparency.tree import consistency_proof, inclusion_proof, root_at

router = APIRouter(tags=["audit"], route_class=BoundedRoute)
LogId = Annotated[Id, Path(description="the log's id, which is its institution's")]
Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
PAGE = 100


@router.post("/v1/entries", response_model=AppendedAnswer)
def append_entries(
    body: EntriesBody,
    who: Appending,
    ledger: Held,
    key: Key,
) -> Response:
    """Append entries to the log of the engine's institution; durable, and with a receipt, when this answers."""
    ports = ledger.context
    engine = ports.mirror.engine(who.id)
    if who.role is not Role.ENGINE or engine is None:
        raise NotFound(f"engine {to_hex(who.id)} is not registered; its institution must register it first")
    entries = [_new_entry(ports, who, one) for one in body.entries]
    appended = ledger.appender.append(engine.institution, own_key(who, key), entries)
    return answer(
        {
            "entries": [
                {"log": to_hex(one.log), "index": one.index, "leaf": to_hex(one.leaf)} for one in appended.entries
            ],
            "receipt": appended.receipt,
            "checkpoint": appended.checkpoint,
        }
    )


@router.get("/v1/logs", response_model=LogsAnswer)
def list_logs(who: LogReader, ports: Ports, page: PagedShortly) -> Response:
    """The logs that the caller may read. Follow `next` until it is null."""
    shown, following = page.of(who, sorted(logs_for(ports, who)), bytes)
    return answer({"logs": [log_json(ports, one) for one in shown], "next": following})


@router.get("/v1/logs/{log}", response_model=LogAnswer)
def read_log(log: LogId, who: LogReader, ports: Ports) -> Response:
    """A log's size, its newest signed head, and the last head that the chain holds."""
    may_read(ports, who, log)
    return answer(log_json(ports, log))


@router.get("/v1/logs/{log}/entries", response_model=EntriesAnswer)
def list_entries(
    log: LogId,
    who: LogReader,
    ports: Ports,
    cursor: Annotated[str | None, Query(description="next of the page before", max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE)] = PAGE,
) -> Response:
    """Entries, oldest first, a page at a time."""
    may_read(ports, who, log)
    first = 0 if cursor is None else _read_cursor(cursor)
    size = ports.audit.size(log)
    last = min(first + limit, size)
    entries = [entry_json(one) for one in ports.audit.entries(log, first, last)]
    return answer({"entries": entries, "next": _cursor(last) if last < size else None})


@router.get("/v1/logs/{log}/entries/{index}", response_model=ProvedEntryAnswer)
def read_entry(
    log: LogId,
    index: Annotated[int, Path(ge=0, lt=1 << 63)],
    who: LogReader,
    ports: Ports,
    size: Annotated[int | None, Query(ge=1, description="prove to this head; default: the anchored one")] = None,
) -> Response:
    """One entry with its inclusion proof, to the anchored head where that covers it, else to the newest."""
    may_read(ports, who, log)
    held = entry_of(ports, log, index)
    anchored = anchored_json(ports, log)
    head = size or ports.audit.size(log)
    if size is None and anchored is not None and index < anchored["size"]:
        head = anchored["size"]
    return answer({**entry_json(held), "proof": proof_json(ports, log, index, head), "anchored": anchored})


@router.get("/v1/logs/{log}/inclusion", response_model=InclusionAnswer)
def prove_inclusion(
    log: LogId,
    who: LogReader,
    ports: Ports,
    index: Annotated[int, Query(ge=0, lt=1 << 63)],
    size: Annotated[int | None, Query(ge=1, lt=1 << 63)] = None,
) -> Response:
    """RFC 9162 inclusion proof of an entry in the head of a size (default: the newest)."""
    may_read(ports, who, log)
    held = entry_of(ports, log, index)
    proof = proof_json(ports, log, index, size or ports.audit.size(log))
    return answer({"log": to_hex(log), "leaf": to_hex(held.leaf), **proof})


@router.get("/v1/logs/{log}/consistency", response_model=ConsistencyAnswer)
def prove_consistency(
    log: LogId,
    who: LogReader,
    ports: Ports,
    first: Annotated[int, Query(ge=1, lt=1 << 63)],
    second: Annotated[int | None, Query(ge=1, lt=1 << 63)] = None,
) -> Response:
    """RFC 9162 consistency proof between two heads (default: to the newest): nothing before was changed."""
    may_read(ports, who, log)
    last = second or ports.audit.size(log)
    if not first <= last <= ports.audit.size(log):
        raise NotFound(f"the log has {ports.audit.size(log)} entries; choose 1 <= first <= second <= that")
    nodes = ports.audit.nodes(log)
    return answer(
        {
            "log": to_hex(log),
            "first": first,
            "second": last,
            "first_root": to_hex(root_at(nodes, first)),
            "second_root": to_hex(root_at(nodes, last)),
            "path": [to_hex(node) for node in consistency_proof(nodes, first, last)],
        }
    )


@router.post("/v1/logs/{log}/anchors", status_code=202, response_model=ItemsAnswer)
async def anchor_log(log: LogId, who: Anchorer, ports: Ports, write: Write) -> Response:
    """Anchor the newest head, with the accesses since the last one; no items when there is nothing new."""

    def work(_: object) -> Made:
        may_read(ports, who, log)
        item = anchor(ports, log)
        return Made([] if item is None else [item])

    return await write.run(who, work)


def logs_for(ports: Context, who: Principal) -> list[bytes]:
    """The logs that a caller may read: an auditor all, an institution its own."""
    logs = sorted(ports.audit.logs())
    return logs if who.role is Role.AUDITOR else [log for log in logs if log == who.id]


def may_read(ports: Context, who: Principal, log: bytes) -> None:
    """Go on only with a log that exists for the caller.

    Raises:
        NotFound: There is no such log, or it is another institution's.
    """
    if (who.role is Role.AUDITOR or log == who.id) and ports.mirror.institution(log) is not None:
        return
    raise NotFound(f"there is no log {to_hex(log)}, or it is not yours to read")


def own_key(who: Principal, key: str) -> str:
    """The idempotency key of an append, as the caller's own: two callers may use the same."""
    return f"{to_hex(who.id)}:{key}"


def entry_of(ports: Context, log: bytes, index: int) -> StoredEntry:
    """An entry.

    Raises:
        NotFound: The log is shorter.
    """
    held = ports.audit.entry(log, index)
    if held is None:
        raise NotFound(f"the log has no entry {index}; it has {ports.audit.size(log)}")
    return held


def log_json(ports: Context, log: bytes) -> dict[str, Any]:
    """The JSON form of a log."""
    institution = ports.mirror.institution(log)
    checkpoint = ports.audit.checkpoint(log)
    return {
        "log": to_hex(log),
        "institution": "" if institution is None else institution.name,
        "size": ports.audit.size(log),
        "checkpoint": None if checkpoint is None else checkpoint.note,
        "key": str(ports.log_keys.note_signer(log).verifier),
        "keys": list(map(str, ports.log_keys.note_keys(log))),
        "anchored": anchored_json(ports, log),
    }


def anchored_json(ports: Context, log: bytes) -> dict[str, Any] | None:
    """The last head that the chain holds, in JSON; None: none yet."""
    heads = ports.mirror.heads_of(log)
    if not heads:
        return None
    head, event = heads[-1]
    return {
        "size": head.size,
        "root": to_hex(head.root),
        "block": event.block_number,
        "final": is_final(ports, event.block_number),
    }


def entry_json(held: StoredEntry) -> dict[str, Any]:
    """The JSON form of an entry."""
    return {"index": held.index, "leaf": to_hex(held.leaf), "document": decode_object(held.canonical)}


def proof_json(ports: Context, log: bytes, index: int, size: int) -> dict[str, Any]:
    """The inclusion proof of an entry in the head of a size, in JSON.

    Raises:
        NotFound: The log has no such head, or the head does not hold the entry.
    """
    if not index < size <= ports.audit.size(log):
        raise NotFound(f"there is no head of size {size} that holds entry {index}")
    nodes = ports.audit.nodes(log)
    path = inclusion_proof(nodes, index, size)
    return {"index": index, "size": size, "path": [to_hex(node) for node in path], "root": to_hex(root_at(nodes, size))}


def _new_entry(ports: Context, who: Principal, body: EntryBody) -> NewEntry:
    if body.kind not in set(Kind):
        raise UnknownCode(f"there is no kind of entry {body.kind!r}; engines append {', '.join(sorted(BY_ENGINES))}")
    if body.kind not in BY_ENGINES:
        raise Forbidden(f"entries of the kind {body.kind} are written by the service itself")
    if body.operation:
        operation_of(body.operation)
    if ports.mirror.study(body.study) is None:
        raise NotFound(f"study {to_hex(body.study)} is not registered")
    decision, block = "", None
    if body.decision is not None:
        held = ports.audit.decision(to_hex(body.decision))
        if held is None or held.engine != who.id or held.study != body.study:
            raise NotFound(f"there is no decision {to_hex(body.decision)} of this engine for this study")
        decision, block = held.id, (held.block_number, to_hex(held.block_hash))
    check_facts(Kind(body.kind), body.facts)
    return NewEntry(
        kind=Kind(body.kind),
        actor=who.actor,
        study=to_hex(body.study),
        engine=to_hex(who.id),
        operation=body.operation,
        decision=decision,
        block=block,
        facts=body.facts,
    )


def _cursor(index: int) -> str:
    return urlsafe_b64encode(index.to_bytes(8)).rstrip(b"=").decode()


def _read_cursor(text: str) -> int:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as problem:
        raise InvalidInput("cursor is not one that was given out") from problem
    if len(data) != 8 or _cursor(int.from_bytes(data)) != text:
        raise InvalidInput("cursor is not one that was given out")
    return int.from_bytes(data)
