"""Datasets: registered by their custodians, with the terms of their use; everybody may read them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.deps import Anybody, Ports, StudyWriter, answer
from api.paging import Paged
from api.reading import BoundedRoute
from api.schemas.base import Id
from api.schemas.directory import DatasetBody, TermsOfUseBody
from api.schemas.directory_answers import DatasetAnswer, DatasetsAnswer, dataset_json
from api.schemas.items import ItemsAnswer, MadeAnswer
from api.writing import Made, MakeId, Write
from ledger.domain.acts import DatasetRegistration
from ledger.domain.directory import Dataset
from ledger.domain.identifiers import to_hex
from ledger.domain.release import read_terms, write_document
from ledger.errors import Forbidden, InvalidInput, NotFound
from ledger.identity.principal import Principal
from ledger.services import custody
from ledger.services.context import Context
from ledger.services.directory import DEADLINE_SECONDS
from ledger.services.submit import submit

router = APIRouter(tags=["datasets"], route_class=BoundedRoute)
DatasetId = Annotated[Id, Path(description="the dataset's id")]


@router.post("/v1/datasets", status_code=202, response_model=MadeAnswer)
async def register_dataset(body: DatasetBody, who: StudyWriter, ports: Ports, write: Write) -> Response:
    """Register a dataset of the caller's institution, signed with its kept key, or by itself (signature, deadline, id).

    From then on, a request that names no dataset is refused where these terms do not allow the study.
    """

    def work(make: MakeId) -> Made:
        terms = _written(body.terms)
        if body.signature is None:
            identity = body.id or make(0)
            act = custody.registration(ports, identity, who.id, terms, _deadline(ports))
        elif body.id is None or body.deadline is None:
            raise InvalidInput("a signed registration says the id and the deadline that were signed")
        else:
            act = DatasetRegistration(
                id=body.id, custodian=who.id, terms=terms, deadline=body.deadline, signature=body.signature
            )
        return Made(submit(ports, [act]), {"id": to_hex(act.id)})

    return await write.run(who, work)


@router.get("/v1/datasets", response_model=DatasetsAnswer)
def list_datasets(
    who: Anybody,
    ports: Ports,
    page: Paged,
    custodian: Annotated[Id | None, Query(description="whose; default: everybody's")] = None,
) -> Response:
    """Datasets and their terms, closed ones too, by id. Follow `next` until it is null."""
    held = [fact for fact in ports.mirror.current("Dataset") if isinstance(fact, Dataset)]
    wanted = sorted((one for one in held if custodian in (None, one.custodian)), key=lambda one: one.id)
    shown, following = page.of(who, wanted, lambda one: one.id)
    return answer({"datasets": [dataset_json(one) for one in shown], "next": following})


@router.get("/v1/datasets/{dataset}", response_model=DatasetAnswer)
def read_dataset(dataset: DatasetId, _: Anybody, ports: Ports) -> Response:
    """One dataset and its terms."""
    held = ports.mirror.dataset(dataset)
    if held is None:
        raise NotFound(f"dataset {to_hex(dataset)} is not registered")
    return answer(dataset_json(held))


@router.post("/v1/datasets/{dataset}/terms", status_code=202, response_model=ItemsAnswer)
async def amend_dataset(
    dataset: DatasetId, body: TermsOfUseBody, who: StudyWriter, ports: Ports, write: Write
) -> Response:
    """Give a dataset of the caller's institution new terms, signed with its kept key."""

    def work(_: MakeId) -> Made:
        _own(ports, dataset, who)
        return Made(submit(ports, [custody.amendment(ports, dataset, _written(body.terms), _deadline(ports))]))

    return await write.run(who, work)


@router.post("/v1/datasets/{dataset}/closure", status_code=202, response_model=ItemsAnswer)
async def close_dataset(dataset: DatasetId, who: StudyWriter, ports: Ports, write: Write) -> Response:
    """Close a dataset of the caller's institution, for good. Requests must then name the dataset that they mean."""

    def work(_: MakeId) -> Made:
        _own(ports, dataset, who)
        return Made(submit(ports, [custody.closure(ports, dataset)]))

    return await write.run(who, work)


def _written(terms: dict[str, object]) -> bytes:
    document = write_document(terms)
    read_terms(document, strict=True)
    return document


def _deadline(ports: Context) -> int:
    return ports.clock.now() + DEADLINE_SECONDS


def _own(ports: Context, dataset: bytes, who: Principal) -> None:
    if custody.open_dataset(ports, dataset).custodian != who.id:
        raise Forbidden("this dataset is another institution's")
