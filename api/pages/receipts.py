"""The patient's receipts, to keep: one file a choice, which anybody can check without us."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from api.deps import context_of
from api.pages.session import PageRoute, Patient
from api.routes.subjects import custodian_for
from api.schemas.base import Id
from ledger.errors import Forbidden
from ledger.identity.principal import Role
from ledger.provenance.consent_receipt import to_json
from ledger.services.consent_receipts import receipt_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/me/receipts/{consent}")
def receipt(request: Request, who: Patient, consent: Annotated[Id, Path()]) -> Response:
    """The receipt of the newest act on a choice, as a file."""
    if who.role is not Role.SUBJECT:
        raise Forbidden("You are signed in, but this page is for patients.")
    context = context_of(request)
    issued = receipt_of(context, who.id, custodian_for(context, who, who.id), consent)
    name = f"receipt-{issued.receipt.event.event_type}-{issued.receipt.receipt_id[2:10]}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(to_json(issued), media_type="application/json", headers=headers)
