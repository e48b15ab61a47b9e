"""Recovering a lost key: the custodian proposes, signers can object while a delay passes, then anybody completes."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.deps import ConsentWriter, Enroller, Ports, SubjectReader
from api.reading import BoundedRoute
from api.routes.subjects import custodian_for
from api.schemas.acts import ObjectionBody, RecoveryBody, capacity_of
from api.schemas.base import Id
from api.schemas.items import ItemsAnswer, MadeAnswer
from api.writing import Made, MakeId, Write
from ledger.domain.acts import RecoveryProposal
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput
from ledger.services import custody
from ledger.services.directory import DEADLINE_SECONDS
from ledger.services.submit import submit

router = APIRouter(tags=["subjects"], route_class=BoundedRoute)
SubjectId = Annotated[Id, Path(description="the subject's id")]


@router.post("/v1/subjects/{subject}/recovery", status_code=202, response_model=MadeAnswer)
async def propose_recovery(
    subject: SubjectId, body: RecoveryBody, who: Enroller, ports: Ports, write: Write
) -> Response:
    """Propose a new signer for a subject of the caller's institution; one that is pending is replaced by it.

    Signed with the institution's kept key, or by itself (signature, deadline, id). Old signers keep their authority.
    """

    def work(make: MakeId) -> Made:
        if body.signature is not None and (body.id is None or body.deadline is None):
            raise InvalidInput("a signed proposal says the id and the deadline that were signed")
        act = RecoveryProposal(
            subject=subject,
            id=body.id or make(0),
            custodian=who.id,
            new_signer=body.new_signer,
            capacity=capacity_of(body.capacity),
            since=body.from_,
            until=FOREVER if body.until is None else body.until,
            form=body.form,
            deadline=body.deadline or ports.clock.now() + DEADLINE_SECONDS,
            signature=body.signature or b"",
        )
        signed = act if act.signature else custody.proposal(ports, act)
        return Made(submit(ports, [signed]), {"id": to_hex(act.id)})

    return await write.run(who, work)


@router.post("/v1/recoveries/objections", status_code=202, response_model=ItemsAnswer)
async def object_to_recovery(body: ObjectionBody, who: ConsentWriter, ports: Ports, write: Write) -> Response:
    """End a pending recovery, with the signature of any signer of the subject. Refused for nothing else."""
    return await write.run(who, lambda _: Made(submit(ports, [body.act()])))


@router.post("/v1/subjects/{subject}/recovery/completion", status_code=202, response_model=ItemsAnswer)
async def complete_recovery(subject: SubjectId, who: SubjectReader, ports: Ports, write: Write) -> Response:
    """Carry out the pending recovery, once the time to object has passed."""

    def work(_: MakeId) -> Made:
        custodian_for(ports, who, subject)
        return Made(submit(ports, [custody.completion(ports, subject)]))

    return await write.run(who, work)
