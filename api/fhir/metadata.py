"""What this server can do, in FHIR's words.

Source: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.fhir.answers import MEDIA_TYPE, FhirResponse, FhirRoute, fhir, release_of
from ledger.fhir.write import Release

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=FhirRoute, default_response_class=FhirResponse)
_FULL: Final = {Release.R4: "4.0.1", Release.R5: "5.0.0"}
_DATE: Final = "2026-11-24"
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A CapabilityStatement", "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
}


@router.get("/metadata", responses=_ANSWERS)
def capabilities(request: Request) -> Response:
    """The CapabilityStatement: the resource Consent, in R4 and R5."""
    release = release_of(request)
    return fhir(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": _DATE,
            "kind": "instance",
            "implementation": {"description": "Consentry: a consent and audit ledger"},
            "fhirVersion": _FULL[release],
            "format": ["json"],
            "rest": [
                {
                    "mode": "server",
                    "documentation": "Only signatures change consents: a create is answered with acts to sign, and "
                    "sent again with them signed. A Consent's id is unique within a patient: read it with ?patient=.",
                    "resource": [
                        {
                            "type": "Consent",
                            "interaction": [{"code": "read"}, {"code": "search-type"}, {"code": "create"}],
                            "versioning": "versioned",
                            "searchParam": [
                                {"name": "patient", "type": "reference"},
                                {"name": "_id", "type": "token"},
                            ],
                        }
                    ],
                }
            ],
        },
        release=release,
    )
