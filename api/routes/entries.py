"""Searching the entries of all logs that the caller may read.

Invariants: an auditor reads every log and an institution its own; a patient finds the entries about the decisions on
their own data, in whatever log they stand, without the counts of other patients.
"""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from api.cursors import Cursors
from api.deps import EntryReader, Ports, answer
from api.paging import MOST_PAGE
from api.reading import BoundedRoute
from api.routes.logs import PAGE, logs_for, may_read
from api.routes.subjects import custodian_for
from api.schemas.base import Id, Seconds
from api.schemas.entries import Conditions, FoundAnswer, Words
from ledger.domain.audit import Kind, StoredEntry
from ledger.domain.identifiers import to_hex
from ledger.domain.selection import ACTOR, OUTCOME
from ledger.errors import Forbidden
from ledger.identity.principal import Principal, Role, Scope
from ledger.services.context import Context
from ledger.services.entries import START, decisions_about, page_of

router = APIRouter(tags=["audit"], route_class=BoundedRoute)


async def _cursors(request: Request) -> Cursors:
    held: Cursors = request.app.state.cursors
    return held


def _conditions(
    study: Annotated[Id | None, Query()] = None,
    engine: Annotated[Id | None, Query()] = None,
    actor: Annotated[str | None, Query(pattern=ACTOR)] = None,
    kind: Annotated[Kind | None, Query()] = None,
    outcome: Annotated[str | None, Query(pattern=OUTCOME)] = None,
    since: Annotated[Seconds | None, Query(description="first second, UTC")] = None,
    until: Annotated[Seconds | None, Query(description="the second after the last")] = None,
    subject: Annotated[Id | None, Query(description="entries of the decisions that considered this subject")] = None,
) -> Conditions:
    return Conditions.model_construct(
        study=study,
        engine=engine,
        actor=actor,
        kind=None if kind is None else kind.value,
        outcome=outcome,
        since=since,
        until=until,
        subject=subject,
    )


@router.get("/v1/audit/entries", response_model=FoundAnswer)
def search_entries(
    who: EntryReader,
    ports: Ports,
    cursors: Annotated[Cursors, Depends(_cursors)],
    conditions: Annotated[Conditions, Depends(_conditions)],
    log: Annotated[Id | None, Query(description="one log alone")] = None,
    words: Words = "",
    cursor: Annotated[str | None, Query(description="next of the page before", max_length=256)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_PAGE)] = PAGE,
) -> Response:
    """Entries that meet all conditions, by log and index. Follow `next` until it is null: a page may be empty."""
    logs = _readable(ports, who, log)
    decisions = decisions_for(ports, who, conditions)
    search = json.dumps([who.actor, to_hex(log or b""), conditions.model_dump_json(), words]).encode()
    place = START
    if cursor is not None:
        data = cursors.read(cursor, search)
        place = data[:-8], int.from_bytes(data[-8:])
    page = page_of(ports.audit, logs, conditions.selection(decisions, words), place, limit=limit)
    following = None if page.next is None else cursors.give(page.next[0] + page.next[1].to_bytes(8), search)
    shown = [_entry_json(who, held, document) for held, document in page.entries]
    return answer({"entries": shown, "next": following})


def decisions_for(ports: Context, who: Principal, conditions: Conditions) -> frozenset[str] | None:
    """The decisions on the subject that the conditions name; None where they name none, which a patient may not.

    Raises:
        NotFound: The subject is not for the caller to know.
        Forbidden: The token may not read about subjects.
    """
    subject = conditions.subject
    if who.role is Role.SUBJECT:
        subject = subject or who.id
    if subject is None:
        return None
    who.require(Scope.SUBJECT_READ)
    custodian_for(ports, who, subject)
    return decisions_about(ports.audit, subject)


def _readable(ports: Context, who: Principal, log: bytes | None) -> list[bytes]:
    if who.role is Role.SUBJECT:
        return [one for one in ports.audit.logs() if log in (None, one)]
    if Scope.AUDIT_READ not in who.scopes:
        raise Forbidden(f"this needs a token with the scope {Scope.AUDIT_READ.value}; ask the issuer for one")
    if log is not None:
        may_read(ports, who, log)
        return [log]
    return logs_for(ports, who)


def _entry_json(who: Principal, held: StoredEntry, document: dict[str, Any]) -> dict[str, Any]:
    if who.role is Role.SUBJECT:  # counts of a small cohort would tell one patient about the others
        facts = document["facts"]
        document = {**document, "facts": {name: facts[name] for name in ("outcome", "run") if name in facts}}
    return {"log": to_hex(held.log), "index": held.index, "leaf": to_hex(held.leaf), "document": document}
