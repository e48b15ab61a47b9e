"""Consent receipts: for the principal, their custodian and auditors, from the act's acceptance on."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from api.deps import Ports, SubjectReader, answer
from api.reading import BoundedRoute
from api.routes.subjects import ConsentId, SubjectId, custodian_for
from api.schemas.base import Hash
from api.schemas.receipts import ConsentReceiptAnswer, ConsentReceiptsAnswer
from ledger.provenance.consent_receipt import to_json
from ledger.services.consent_receipts import receipt_of, receipts_of

router = APIRouter(tags=["receipts"], route_class=BoundedRoute)


@router.get("/v1/subjects/{subject}/consents/{consent}/receipt", response_model=ConsentReceiptAnswer)
def read_receipt(
    subject: SubjectId,
    consent: ConsentId,
    who: SubjectReader,
    ports: Ports,
    act: Annotated[Hash | None, Query(description="the act's digest; default: the newest act")] = None,
) -> Response:
    """The receipt of a grant, amendment or withdrawal; `consentry verify` checks it offline."""
    issued = receipt_of(ports, subject, custodian_for(ports, who, subject), consent, act)
    return Response(to_json(issued), media_type="application/json")


@router.get("/v1/subjects/{subject}/consents/{consent}/receipts", response_model=ConsentReceiptsAnswer)
def list_receipts(subject: SubjectId, consent: ConsentId, who: SubjectReader, ports: Ports) -> Response:
    """The receipts of all acts on a consent, refused ones too."""
    issued = receipts_of(ports, subject, custodian_for(ports, who, subject), consent)
    return answer({"receipts": msgspec.to_builtins(issued)})
