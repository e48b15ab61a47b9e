"""What routes ask for: the ledger, the caller with the right scope, and the way writes are answered.

Invariants: the bearer header alone speaks for API callers (the pages' cookie does not); without one of the scopes that
a route names nothing runs; the bounds on how often somebody may ask come before any work.
"""

import time
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from api.bounds import Rates
from ledger.bootstrap import Ledger
from ledger.errors import Forbidden, Unauthenticated
from ledger.identity.door import Door
from ledger.identity.principal import Principal, Scope
from ledger.services.context import Context

_encode = msgspec.json.Encoder().encode
_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    scheme_name="bearer",
    description="OAuth 2 access token (JWT). Locally: `consentry token --role ROLE --sub ID`.",
)


def ledger_of(request: Request) -> Ledger:
    """The ledger behind this application."""
    held: Ledger = request.app.state.ledger
    return held


def context_of(request: Request) -> Context:
    """The ports of the ledger behind this application."""
    return ledger_of(request).context


# FastAPI runs a plain function in a thread, which costs more than these do; a coroutine it awaits in place.
async def _held(request: Request) -> Ledger:
    return ledger_of(request)


async def _ports(request: Request) -> Context:
    return context_of(request)


def door_of(request: Request) -> Door:
    """Who may come in."""
    held: Door = request.app.state.door
    return held


def caller(
    wanted: SecurityScopes,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """The caller, who holds at least one of the scopes that the route names.

    Raises:
        Unauthenticated: No valid token.
        Forbidden: A valid token without any of the scopes.
        RateExceeded: The caller asked too often.
    """
    rates: Rates = request.app.state.rates
    try:
        who = _checked(request, credentials)
    except Unauthenticated:
        rates.count(("host", request.client.host if request.client else ""), time.monotonic())
        raise
    rates.count((who.role, who.id), time.monotonic())
    allow(who, wanted.scopes)
    return who


def _checked(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal:
    if credentials is None:
        raise Unauthenticated("send a token in the header: Authorization: Bearer TOKEN")
    return door_of(request).checker.check(credentials.credentials)


def allow(who: Principal, scopes: list[str]) -> None:
    """Go on only with one of the scopes (or with any token, when none is named).

    Raises:
        Forbidden: The token has none of them.
    """
    if scopes and not who.scopes & {Scope(scope) for scope in scopes}:
        raise Forbidden(f"this needs a token with the scope {' or '.join(scopes)}; ask the issuer for one")


def answer(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer, written as it is."""
    return Response(_encode(document), status, media_type="application/json", headers=headers)


Held = Annotated[Ledger, Depends(_held)]
Ports = Annotated[Context, Depends(_ports)]
Anybody = Annotated[Principal, Security(caller)]
Admitter = Annotated[Principal, Security(caller, scopes=[Scope.DIRECTORY_ADMIT.value])]
StudyWriter = Annotated[Principal, Security(caller, scopes=[Scope.STUDY_WRITE.value])]
Approver = Annotated[Principal, Security(caller, scopes=[Scope.STUDY_APPROVE.value])]
Enroller = Annotated[Principal, Security(caller, scopes=[Scope.SUBJECT_ENROL.value])]
SubjectReader = Annotated[Principal, Security(caller, scopes=[Scope.SUBJECT_READ.value])]
ConsentWriter = Annotated[Principal, Security(caller, scopes=[Scope.CONSENT_WRITE.value])]
Asker = Annotated[Principal, Security(caller, scopes=[Scope.DECISION_CHECK.value])]
CohortAsker = Annotated[Principal, Security(caller, scopes=[Scope.COHORT_READ.value])]
Appending = Annotated[Principal, Security(caller, scopes=[Scope.AUDIT_APPEND.value])]
EntryReader = Annotated[Principal, Security(caller, scopes=[Scope.AUDIT_READ.value, Scope.SUBJECT_READ.value])]
FeedReader = Annotated[Principal, Security(caller, scopes=[Scope.DECISION_CHECK.value, Scope.SUBJECT_READ.value])]
LogReader = Annotated[Principal, Security(caller, scopes=[Scope.AUDIT_READ.value])]
RecordReader = Annotated[Principal, Security(caller, scopes=[Scope.DECISION_CHECK.value, Scope.AUDIT_READ.value])]
Exporter = Annotated[Principal, Security(caller, scopes=[Scope.EXPORT_CREATE.value])]
Anchorer = Annotated[Principal, Security(caller, scopes=[Scope.ANCHOR_WRITE.value])]
VaultReader = Annotated[Principal, Security(caller, scopes=[Scope.VAULT_READ.value])]
VaultWriter = Annotated[Principal, Security(caller, scopes=[Scope.VAULT_WRITE.value])]
Overrider = Annotated[Principal, Security(caller, scopes=[Scope.OVERRIDE_WRITE.value])]
Verifier = Annotated[Principal, Security(caller, scopes=[Scope.VERIFICATION_WRITE.value])]
Eraser = Annotated[Principal, Security(caller, scopes=[Scope.SUBJECT_ERASE.value])]
