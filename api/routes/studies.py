"""Studies and engines: proposed and registered by institutions, approved by reviewers."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from api.deps import Anybody, Approver, Ports, StudyWriter, answer
from api.paging import Paged
from api.reading import BoundedRoute
from api.schemas.base import Id
from api.schemas.directory import ApprovalBody, EngineBody, StudyBody, StudyStateBody
from api.schemas.directory_answers import EnginesAnswer, StudiesAnswer, StudyAnswer, engine_json, study_json
from api.schemas.items import ItemsAnswer, MadeAnswer
from api.writing import Made, MakeId, Write
from ledger.domain.acts import StudyProposal
from ledger.domain.directory import Engine, Study, StudyState
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import OPERATION_TERMS
from ledger.domain.wording import mask_of
from ledger.errors import Forbidden, InvalidInput, NotFound
from ledger.identity.principal import Principal
from ledger.services import directory
from ledger.services.context import Context
from ledger.services.submit import submit

router = APIRouter(tags=["studies"], route_class=BoundedRoute)
StudyId = Annotated[Id, Path(description="the study's id")]


@router.post("/v1/studies", status_code=202, response_model=MadeAnswer)
async def propose_study(body: StudyBody, who: StudyWriter, ports: Ports, write: Write) -> Response:
    """Propose a study of the caller's institution, signed with its kept key, or by itself (signature, deadline, id)."""

    def work(make: MakeId) -> Made:
        study = body.study(who.id, make(0))
        if body.signature is None:
            return Made([directory.propose_study(ports, study)], {"id": to_hex(study.id)})
        if body.deadline is None or body.id is None:
            raise InvalidInput("a signed proposal says the id and the deadline that were signed")
        act = StudyProposal(
            id=study.id,
            institution=study.institution,
            title=body.title,
            uses=study.uses,
            conditions=study.conditions,
            required_terms=study.required_terms,
            ethics=study.ethics,
            ethics_until=study.ethics_until,
            diseases=study.diseases,
            purpose=study.purpose,
            deadline=body.deadline,
            signature=body.signature,
        )
        return Made(submit(ports, [act]), {"id": to_hex(study.id)})

    return await write.run(who, work)


@router.get("/v1/studies", response_model=StudiesAnswer)
def list_studies(who: Anybody, ports: Ports, page: Paged) -> Response:
    """All studies, by number. Follow `next` until it is null."""
    held = [fact for fact in ports.mirror.current("Study") if isinstance(fact, Study)]
    shown, following = page.of(who, sorted(held, key=lambda one: one.number), lambda one: one.id)
    return answer({"studies": [study_json(one) for one in shown], "next": following})


@router.get("/v1/studies/{study}", response_model=StudyAnswer)
def read_study(study: StudyId, _: Anybody, ports: Ports) -> Response:
    """One study."""
    held = ports.mirror.study(study)
    if held is None:
        raise NotFound(f"study {to_hex(study)} is not registered")
    return answer(study_json(held))


@router.post("/v1/studies/{study}/approvals", status_code=202, response_model=ItemsAnswer)
async def approve_study(study: StudyId, body: ApprovalBody, who: Approver, ports: Ports, write: Write) -> Response:
    """Approve a study, signed with the kept key of the reviewer who calls."""
    reviewer = body.reviewer or who.id
    if reviewer != who.id:
        raise Forbidden("a reviewer approves in its own name; use the token of that reviewer")
    return await write.run(who, lambda _: Made([directory.approve_study(ports, study, reviewer)]))


@router.post("/v1/studies/{study}/state", status_code=202, response_model=ItemsAnswer)
async def set_study_state(
    study: StudyId, body: StudyStateBody, who: StudyWriter, ports: Ports, write: Write
) -> Response:
    """Activate, suspend or close a study of the caller's institution."""

    def work(_: MakeId) -> Made:
        _own_study(ports, study, who)
        return Made([directory.set_study_state(ports, study, StudyState[body.to.upper()])])

    return await write.run(who, work)


@router.post("/v1/engines", status_code=202, response_model=MadeAnswer)
async def register_engine(body: EngineBody, who: StudyWriter, ports: Ports, write: Write) -> Response:
    """Register an engine of the caller's institution for one or more operations."""

    def work(make: MakeId) -> Made:
        operations = mask_of(body.operations, OPERATION_TERMS, 0, what="operations")
        item, made, signer = directory.register_engine(
            ports, who.id, body.name, operations, id=body.id or make(0), signer=body.signer
        )
        return Made([item], {"id": to_hex(made), "signer": to_hex(signer)})

    return await write.run(who, work)


@router.get("/v1/engines", response_model=EnginesAnswer)
def list_engines(who: Anybody, ports: Ports, page: Paged) -> Response:
    """All engines, by name. Follow `next` until it is null."""
    held = [fact for fact in ports.mirror.current("Engine") if isinstance(fact, Engine)]
    shown, following = page.of(who, sorted(held, key=lambda one: (one.name, one.id)), lambda one: one.id)
    return answer({"engines": [engine_json(one) for one in shown], "next": following})


def _own_study(ports: Context, study: bytes, who: Principal) -> None:
    held = ports.mirror.study(study)
    if held is None:
        raise NotFound(f"study {to_hex(study)} is not registered")
    if held.institution != who.id:
        raise Forbidden("this study is another institution's")
