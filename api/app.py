"""The application: routes, pages and failures, inside the bounds that every request passes.

Invariants: building it connects to nothing; every failure ends in a problem document (or, on a page, in a page).
"""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from api import errors, openapi
from api.authzen.consent import ConsentPolicy
from api.authzen.port import Policy
from api.bounds import BoundedBody, Envelope, Rates
from api.cursors import Cursors
from api.fhir import consents as fhir_consents
from api.fhir import creating as fhir_creating
from api.fhir import metadata as fhir_metadata
from api.hot.door import HotDoor
from api.hot.questions import hot_routes
from api.idempotency import Answers
from api.pages import auditor, ceremony, checker, choices, patient, reference, session
from api.pages import receipts as kept_receipts
from api.pages.rendering import Files
from api.routes import (
    access,
    consents,
    datasets,
    decisions,
    directory,
    entries,
    exports,
    lineage,
    logs,
    passkeys,
    receipts,
    records,
    recoveries,
    revocations,
    service,
    studies,
    subjects,
    tiles,
    vault,
)
from api.schemas.base import Problem
from ledger.bootstrap import Ledger
from ledger.identity.door import open_door
from ledger.services.lineage import LineageKeeper

API_VERSION = "1"


def assemble() -> FastAPI:
    """The routes and handlers, without a ledger behind them: enough to describe the API."""
    app = FastAPI(
        title="Consentry",
        summary="Consent and audit ledger",
        version=API_VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        responses={503: {"model": Problem, "description": "No answer can be given now: treat it as deny"}},
    )
    errors.install(app)
    rooms = (
        service,
        directory,
        studies,
        datasets,
        subjects,
        recoveries,
        consents,
        receipts,
        revocations,
        passkeys,
        decisions,
        access,
        logs,
        tiles,
        entries,
        records,
        lineage,
        exports,
        vault,
    )
    for noun in rooms:
        app.include_router(noun.router)
    for room in (fhir_consents, fhir_creating, fhir_metadata):
        app.include_router(room.router)
    for pages in (session, patient, kept_receipts, choices, ceremony, auditor, checker, reference):
        app.include_router(pages.router)
    app.mount("/static", Files(), name="static")

    def described() -> dict[str, Any]:
        return openapi.document_of(app)

    app.openapi = described  # type: ignore[method-assign]
    return app


def create_app(ledger: Ledger, *, access_policy: Policy | None = None) -> ASGIApp:
    """The application on an open ledger.

    Args:
        ledger: The ledger.
        access_policy: What answers the AuthZEN routes; by default the patients' consents.

    Raises:
        ConfigurationError: The settings of the tokens' issuer contradict each other.
    """
    app = assemble()
    app.state.ledger = ledger
    app.state.access_policy = access_policy or ConsentPolicy(ledger.context)
    app.state.door = open_door(ledger.settings, ledger.context.clock)
    app.state.rates = Rates(ledger.settings.requests_per_minute)
    app.state.lineage = LineageKeeper(ledger.context.audit)
    app.state.tail = revocations.Tail(ledger.store.revocations)
    app.state.answers = Answers(ledger.context.log_keys.secret("ids that follow from idempotency keys"))
    app.state.cursors = Cursors(ledger.context.log_keys.secret("cursors"))
    most = ledger.settings.most_body
    routes = hot_routes(ledger, app.state.access_policy)
    return HotDoor(Envelope(BoundedBody(app, most)), routes, app.state.door.checker, app.state.rates, most)
