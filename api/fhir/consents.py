"""Consents as FHIR resources: search and read.

To anybody but the subject, its custodian and auditors a subject does not exist, as at ``/v1/subjects``.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response

from api.deps import Ports, SubjectReader
from api.fhir.answers import MEDIA_TYPE, FhirResponse, FhirRoute, fhir, release_of
from api.routes.subjects import custodian_for
from ledger.domain.consent import Consent
from ledger.domain.identifiers import parse_id
from ledger.errors import InvalidInput, NotFound, NotReady
from ledger.fhir.codes import OWN_SUBJECT
from ledger.fhir.write import Release, write
from ledger.identity.principal import Principal, Role
from ledger.services.context import Context
from ledger.services.pending import with_ended

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=FhirRoute, default_response_class=FhirResponse)
MOST_ENTRIES: Final = 1000
_SUBJECT: Final = re.compile(r"(?:Patient/)?(?:0x)?([0-9a-f]{64})")
_SEARCH: Final = frozenset({"patient", "patient:identifier", "_id", "_count", "_offset", "_format"})
DOCUMENT: Final[dict[str, Any]] = {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "A FHIR resource", **DOCUMENT}}
Patient = Annotated[
    str | None, Query(max_length=100, description="the subject: 0x-id, Patient/ID; a patient may leave it out")
]
_ConsentId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="the consent's id: 64 hex digits")]


@router.get("/Consent", responses=_ANSWERS)
def search(
    request: Request,
    who: SubjectReader,
    ports: Ports,
    patient: Patient = None,
    identifier: Annotated[
        str | None, Query(alias="patient:identifier", description=f"the subject: {OWN_SUBJECT}|0x-id")
    ] = None,
    id: Annotated[str | None, Query(alias="_id", pattern="^[0-9a-f]{64}$", description="one consent")] = None,
    count: Annotated[int, Query(alias="_count", ge=1, le=MOST_ENTRIES)] = MOST_ENTRIES,
    offset: Annotated[int, Query(alias="_offset", ge=0, le=1 << 31)] = 0,
) -> Response:
    """A subject's consents, withdrawn ones too, as a searchset Bundle; each reads back as the same consent."""
    unknown = sorted(set(request.query_params) - _SEARCH)
    if unknown:
        raise InvalidInput(f"there is no search by {', '.join(unknown)}; there is {', '.join(sorted(_SEARCH))}")
    if identifier is not None:
        patient = identifier.removeprefix(OWN_SUBJECT + "|")
    release, subject = release_of(request), subject_of(who, patient)
    held = [one for one in _consents(ports, who, subject) if id is None or one.id.hex() == id]
    page = held[offset : offset + count]
    links = [{"relation": "self", "url": str(request.url)}]
    if offset + count < len(held):
        further = request.url.include_query_params(_offset=offset + count, _count=count)
        links.append({"relation": "next", "url": str(further)})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(held), "link": links}
    if page:
        bundle["entry"] = [
            {
                "fullUrl": str(request.url_for("read_one", consent=one.id.hex())),
                "resource": resource_of(one, release),
                "search": {"mode": "match"},
            }
            for one in page
        ]
    return fhir(bundle, release=release)


@router.get("/Consent/{consent}", responses=_ANSWERS, name="read_one")
def read_one(
    consent: _ConsentId, request: Request, who: SubjectReader, ports: Ports, patient: Patient = None
) -> Response:
    """One consent. Its id is unique within a subject, so that who is not the patient must say whose it is."""
    release, subject = release_of(request), subject_of(who, patient)
    for one in _consents(ports, who, subject):
        if one.id.hex() == consent:
            return fhir(resource_of(one, release), release=release, ETag=f'W/"{one.version}"')
    raise NotFound(f"there is no Consent/{consent} of this patient on the chain")


def subject_of(who: Principal, patient: str | None) -> bytes:
    """The subject that a caller means; a patient who names none means itself.

    Raises:
        InvalidInput: Nobody is named, or not by a subject's id.
    """
    if patient is None:
        if who.role is Role.SUBJECT:
            return who.id
        raise InvalidInput("say whose consent: ?patient=ID")
    found = _SUBJECT.fullmatch(patient)
    if found is None:
        raise InvalidInput("patient is a subject's id: 0x and 64 hex digits, perhaps after Patient/")
    return parse_id("0x" + found[1], what="patient")


def _consents(ports: Context, who: Principal, subject: bytes) -> Sequence[Consent]:
    custodian_for(ports, who, subject)
    return consents_of(ports, subject)


def consents_of(ports: Context, subject: bytes) -> Sequence[Consent]:
    """A subject's consents by id, as of the last block; a withdrawal counts from its acceptance, as for decisions.

    Raises:
        NotReady: There is no copy of the chain yet.
    """
    cursor = ports.mirror.cursor()
    if cursor is None:
        raise NotReady("the copy of the chain is empty; try again later")
    held = ports.mirror.consents_at(subject, cursor.block.number) or ()
    known = with_ended(ports.pending.at(cursor.block).get(subject, ()), held)
    return sorted(known, key=lambda one: one.id)


def resource_of(one: Consent, release: Release) -> dict[str, Any]:
    """The resource as it is served."""
    return write(one, release) | {"meta": {"versionId": str(one.version)}}
