"""What people write into a log: an override in an emergency, the outcome of a check; and the forms of all entries."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from api.deps import Anybody, Held, Overrider, Verifier, answer
from api.reading import BoundedRoute
from api.routes.logs import Key, LogId, may_read, own_key
from api.schemas.records import EntrySchemaAnswer, OverrideBody, RecordedAnswer, VerificationBody
from ledger.domain.entry_facts import schema_of
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.services.append import Appended
from ledger.services.records import record_override, record_verification

router = APIRouter(tags=["audit"], route_class=BoundedRoute)


@router.get("/v1/entry-schemas/{kind}", response_model=EntrySchemaAnswer)
def entry_schema(kind: Annotated[str, Path(description="such as computation.completed")], _who: Anybody) -> Response:
    """The JSON Schema of one kind of entry."""
    return answer({"kind": kind, "schema": schema_of(kind)})


@router.post("/v1/logs/{log}/overrides", status_code=201, response_model=RecordedAnswer)
def record_an_override(log: LogId, body: OverrideBody, who: Overrider, ledger: Held, key: Key) -> Response:
    """Write down that data was used against a decision, in an emergency; it permits nothing, and patients see it."""
    if who.id != log:
        raise NotFound(f"there is no log {to_hex(log)}, or it is not yours to write to")
    appended = record_override(
        ledger.context,
        ledger.appender,
        log,
        to_hex(body.decision),
        actor=who.actor,
        key=own_key(who, key),
        reason=body.reason,
        justification=body.justification,
    )
    return _recorded(appended)


@router.post("/v1/logs/{log}/verifications", status_code=201, response_model=RecordedAnswer)
def record_a_verification(log: LogId, body: VerificationBody, who: Verifier, ledger: Held, key: Key) -> Response:
    """Write into a log what somebody found who checked it: an auditor, or its own institution."""
    may_read(ledger.context, who, log)
    facts: dict[str, Any] = {
        "check": body.check,
        "outcome": body.outcome,
        "size": body.size,
        "root": to_hex(body.root),
        "failing": body.failing,
        "findings": [{"fault": found.fault, "index": found.index} for found in body.findings],
    }
    if body.block is not None:
        facts["block"] = to_hex(body.block)
    return _recorded(
        record_verification(ledger.context, ledger.appender, log, facts, actor=who.actor, key=own_key(who, key))
    )


def _recorded(appended: Appended) -> Response:
    (entry,) = appended.entries
    return answer(
        {
            "log": to_hex(entry.log),
            "index": entry.index,
            "leaf": to_hex(entry.leaf),
            "checkpoint": appended.checkpoint,
        },
        201,
    )
