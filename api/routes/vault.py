"""The vault: a custodian's own names for its subjects, and their erasure.

Invariants: an institution reaches its own subjects alone; nobody else ever reads a record; a local reference never
stands in an address, where proxies and histories would keep it, so a look-up is a POST.
"""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.deps import Eraser, Held, Ports, VaultReader, VaultWriter, answer
from api.reading import BoundedRoute
from api.routes.subjects import custodian_for
from api.schemas.base import Id
from api.schemas.vault import (
    ErasedAnswer,
    FoundSubjects,
    LocalRecordAnswer,
    LocalRecordBody,
    ReferenceBody,
    erasure_json,
    record_json,
)
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.services.erase import erase

router = APIRouter(tags=["vault"], route_class=BoundedRoute)
SubjectId = Annotated[Id, Path(description="the subject's id")]
PRIVATE = {"Cache-Control": "no-store"}


@router.put("/v1/subjects/{subject}/local-reference", status_code=204)
def write_local_reference(subject: SubjectId, body: LocalRecordBody, who: VaultWriter, ports: Ports) -> Response:
    """Keep the custodian's own number (and, where needed, name and contact) for a subject, encrypted."""
    ports.vault.put(custodian_for(ports, who, subject), subject, body.record())
    return Response(status_code=204)


@router.get("/v1/subjects/{subject}/local-reference", response_model=LocalRecordAnswer)
def read_local_reference(subject: SubjectId, who: VaultReader, ports: Ports) -> Response:
    """The record that the custodian kept for a subject."""
    record = ports.vault.get(custodian_for(ports, who, subject), subject)
    if record is None:
        raise NotFound(f"the vault holds nothing about subject {to_hex(subject)}; it was never kept, or was erased")
    return answer(record_json(subject, record), headers=PRIVATE)


@router.post("/v1/subjects/search", response_model=FoundSubjects)
def find_subject(body: ReferenceBody, who: VaultReader, ports: Ports) -> Response:
    """The caller's subject with a local reference."""
    found = ports.vault.find(who.id, body.reference)
    return answer({"subjects": [] if found is None else [to_hex(found)]}, headers=PRIVATE)


@router.delete("/v1/subjects/{subject}/personal-data", response_model=ErasedAnswer)
def erase_subject(subject: SubjectId, who: Eraser, ledger: Held) -> Response:
    """Erase whom a subject's id stands for, for good. From then on every decision on it is a deny; proofs still hold.

    Sent again, it answers the same, and finishes what was interrupted.
    """
    custodian = custodian_for(ledger.context, who, subject)
    erasures = erase(ledger.context, ledger.appender, subject, custodian, who.actor)
    ledger.exports.sweep()
    return answer({"subject": to_hex(subject), "erasures": [erasure_json(one) for one in erasures]}, headers=PRIVATE)
