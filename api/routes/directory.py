"""Institutions, reviewers and texts: what the consortium decides, and what everybody may read."""

from hashlib import sha256

from fastapi import APIRouter, Response

from api.deps import Admitter, Anybody, Ports, answer
from api.paging import Paged
from api.reading import BoundedRoute
from api.schemas.directory import InstitutionBody, ReviewerBody, TermsBody
from api.schemas.directory_answers import (
    AllTermsAnswer,
    InstitutionsAnswer,
    PublishedAnswer,
    ReviewersAnswer,
    institution_json,
    reviewer_json,
    terms_json,
)
from api.schemas.items import MadeAnswer
from api.writing import Made, MakeId, Write
from ledger.domain.directory import Institution, Reviewer, Terms
from ledger.domain.identifiers import to_hex
from ledger.errors import InvalidInput
from ledger.services import directory

router = APIRouter(tags=["directory"], route_class=BoundedRoute)


@router.post("/v1/institutions", status_code=202, response_model=MadeAnswer)
async def admit_institution(body: InstitutionBody, who: Admitter, ports: Ports, write: Write) -> Response:
    """Admit an institution; without a signer the service makes and keeps a key for it."""

    def work(make: MakeId) -> Made:
        item, made, signer = directory.admit_institution(ports, body.name, id=body.id or make(0), signer=body.signer)
        return Made([item], {"id": to_hex(made), "signer": to_hex(signer)})

    return await write.run(who, work)


@router.get("/v1/institutions", response_model=InstitutionsAnswer)
def list_institutions(who: Anybody, ports: Ports, page: Paged) -> Response:
    """All institutions, by number. Follow `next` until it is null."""
    held = [fact for fact in ports.mirror.current("Institution") if isinstance(fact, Institution)]
    shown, following = page.of(who, sorted(held, key=lambda one: one.number), lambda one: one.id)
    return answer({"institutions": [institution_json(one) for one in shown], "next": following})


@router.post("/v1/reviewers", status_code=202, response_model=MadeAnswer)
async def name_reviewer(body: ReviewerBody, who: Admitter, ports: Ports, write: Write) -> Response:
    """Name somebody who may approve studies; without a signer the service makes and keeps a key."""

    def work(make: MakeId) -> Made:
        item, made, signer = directory.name_reviewer(ports, body.name, id=body.id or make(0), signer=body.signer)
        return Made([item], {"id": to_hex(made), "signer": to_hex(signer)})

    return await write.run(who, work)


@router.get("/v1/reviewers", response_model=ReviewersAnswer)
def list_reviewers(who: Anybody, ports: Ports, page: Paged) -> Response:
    """All reviewers, those whose role has ended too. Follow `next` until it is null."""
    held = [fact for fact in ports.mirror.current("Reviewer") if isinstance(fact, Reviewer)]
    shown, following = page.of(who, sorted(held, key=lambda one: one.id), lambda one: one.id)
    return answer({"reviewers": [reviewer_json(one) for one in shown], "next": following})


@router.post("/v1/terms", status_code=202, response_model=PublishedAnswer)
async def publish_terms(body: TermsBody, who: Admitter, ports: Ports, write: Write) -> Response:
    """Publish a consent text by its SHA-256; the text itself, if sent, is kept to be shown to patients."""
    if (body.hash is None) == (body.text is None):
        raise InvalidInput("send either the hash of the text or the text")
    digest = body.hash or sha256((body.text or "").encode()).digest()

    def work(_: MakeId) -> Made:
        item = directory.publish_terms(ports, digest, body.version, body.language, body.uri, text=body.text)
        return Made([item], {"hash": to_hex(digest)})

    return await write.run(who, work)


@router.get("/v1/terms", response_model=AllTermsAnswer)
def list_terms(who: Anybody, ports: Ports, page: Paged) -> Response:
    """All published texts, by version. Follow `next` until it is null."""
    held = [fact for fact in ports.mirror.current("Terms") if isinstance(fact, Terms)]
    shown, following = page.of(who, sorted(held, key=lambda one: (one.version, one.hash)), lambda one: one.hash)
    return answer({"terms": [terms_json(one) for one in shown], "next": following})
