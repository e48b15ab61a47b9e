"""Consents as FHIR resources: search, read, and create in two steps.

Only signatures change consents, so that a create has two steps: a resource alone is answered with the acts that would
make it count, to be signed; the same resource again, with the signed acts in our extension, records them. The acts
must say exactly what the resource says, and name it by its hash.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import anyio.to_thread
import pydantic
from fastapi import APIRouter, Path, Query, Request, Response

from api.deps import ConsentWriter, Held, Ports, SubjectReader
from api.fhir.answers import MEDIA_TYPE, FhirResponse, FhirRoute, fhir, refusal, refusal_at, release_of
from api.routes.subjects import custodian_for
from api.schemas.acts import ConsentBody
from api.writing import Made, Write
from ledger.bootstrap import Ledger
from ledger.domain.acts import ConsentAct
from ledger.domain.consent import Consent
from ledger.domain.directory import Terms
from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.domain.outbox import ItemState
from ledger.domain.vocabulary import Capacity
from ledger.errors import InvalidInput, NotFound, NotReady
from ledger.fhir.acts import act_to_json, acts_of, check_acts
from ledger.fhir.codes import OWN, OWN_SUBJECT
from ledger.fhir.documents import json_of
from ledger.fhir.known import Known, recipient_from
from ledger.fhir.outcome import outcome_of
from ledger.fhir.read import Reading, read
from ledger.fhir.write import Release, write
from ledger.identity.principal import Principal, Role
from ledger.services.context import Context
from ledger.services.submit import submit

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=FhirRoute, default_response_class=FhirResponse)
SIGNED: Final = OWN + "signed"
"""The extension that holds one signed act, as ``POST /v1/consents`` takes it, in JSON."""
MOST_ENTRIES: Final = 1000
SIGNING_SECONDS: Final = 7 * 86_400
_SUBJECT: Final = re.compile(r"(?:Patient/)?(?:0x)?([0-9a-f]{64})")
_SEARCH: Final = frozenset({"patient", "patient:identifier", "_id", "_count", "_offset", "_format"})
_DOCUMENT: Final[dict[str, Any]] = {"content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "A FHIR resource", **_DOCUMENT}}
_Patient = Annotated[
    str | None, Query(max_length=100, description="the subject: 0x-id, Patient/ID; a patient may leave it out")
]
_ConsentId = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="the consent's id: 64 hex digits")]


@router.get("/Consent", responses=_ANSWERS)
def search(
    request: Request,
    who: SubjectReader,
    ports: Ports,
    patient: _Patient = None,
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
    release, subject = release_of(request), _subject_of(who, patient)
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
                "resource": _resource(one, release),
                "search": {"mode": "match"},
            }
            for one in page
        ]
    return fhir(bundle, release=release)


@router.get("/Consent/{consent}", responses=_ANSWERS, name="read_one")
def read_one(
    consent: _ConsentId, request: Request, who: SubjectReader, ports: Ports, patient: _Patient = None
) -> Response:
    """One consent. Its id is unique within a subject, so that who is not the patient must say whose it is."""
    release, subject = release_of(request), _subject_of(who, patient)
    for one in _consents(ports, who, subject):
        if one.id.hex() == consent:
            return fhir(_resource(one, release), release=release, ETag=f'W/"{one.version}"')
    raise NotFound(f"there is no Consent/{consent} of this patient on the chain")


@router.post(
    "/Consent",
    status_code=201,
    responses={
        200: {"description": "Parameters: the acts to sign, each with its digest", **_DOCUMENT},
        201: {"description": "The consents, recorded", **_DOCUMENT},
        422: {"description": "OperationOutcome: why the resource is refused, and at which element", **_DOCUMENT},
    },
    openapi_extra={"requestBody": {"required": True, **_DOCUMENT}},
)
async def create(
    request: Request,
    who: ConsentWriter,
    ledger: Held,
    make: Write,
    patient: _Patient = None,
    signer: Annotated[str | None, Query(max_length=2050, description="who will sign: 0x-hex (ERC-7913)")] = None,
    terms: Annotated[str | None, Query(max_length=66, description="SHA-256 of the text that was shown")] = None,
    reference: Annotated[
        list[str] | None, Query(max_length=100, description="REFERENCE=institution:ID or REFERENCE=study:ID")
    ] = None,
    custodian: Annotated[
        list[str] | None, Query(max_length=100, description="a reference that means the subject's custodian")
    ] = None,
    deny_is_default: Annotated[
        bool, Query(description="in R4, a base rule that denies with permits inside says what is closed anyway")
    ] = False,
) -> Response:
    """Record a Consent: first answered with the acts to sign, then, sent again with them signed, recorded."""
    ports, release = ledger.context, release_of(request)
    body = await request.body()
    known = await anyio.to_thread.run_sync(_known, ports, terms, reference or [], custodian or [])
    known = replace(known, deny_is_default=deny_is_default)
    reading, signed = await anyio.to_thread.run_sync(_read, body, known)
    if reading.refused:
        return refusal(reading.issues)
    if not signed:
        return await anyio.to_thread.run_sync(_drafts, ledger, who, reading, patient, signer)
    acts = [_act(text) for text in signed]
    check_acts(reading, acts)
    accepted = await make.run(who, lambda _: Made(submit(ports, acts)))
    items = json_of(bytes(accepted.body))["items"]
    refused = [item["reason"] for item in items if item["state"] == ItemState.REFUSED.name.lower()]
    if refused:
        return refusal_at("Consent", f"the chain refused it: {', '.join(refused)}")
    return await anyio.to_thread.run_sync(_created, request, ports, acts, release)


def _subject_of(who: Principal, patient: str | None) -> bytes:
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
    cursor = ports.mirror.cursor()
    if cursor is None:
        raise NotReady("the copy of the chain is empty; try again later")
    return sorted(ports.mirror.consents_at(subject, cursor.block.number) or (), key=lambda one: one.id)


def _resource(one: Consent, release: Release) -> dict[str, Any]:
    return write(one, release) | {"meta": {"versionId": str(one.version)}}


def _read(body: bytes, known: Known) -> tuple[Reading, list[str]]:
    """What the body becomes, and the signed acts that came with it."""
    resource = json_of(body)
    if not isinstance(resource, dict):
        raise InvalidInput("the body must be a Consent resource")
    bare, signed = _unwrapped(resource)
    return read(bare, known), signed


def _unwrapped(resource: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The resource without our extension, and what stands in it."""
    extensions = resource.get("extension")
    if not isinstance(extensions, list):
        return resource, []
    mine = [one for one in extensions if isinstance(one, Mapping) and one.get("url") == SIGNED]
    others = [one for one in extensions if one not in mine]
    bare = {name: value for name, value in resource.items() if name != "extension"}
    if others:
        bare["extension"] = others
    texts = [one.get("valueString") for one in mine]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidInput(f"the extension {SIGNED} holds a signed act in valueString")
    return bare, [str(text) for text in texts]


def _act(text: str) -> ConsentAct:
    document = json_of(text)
    if isinstance(document, dict):
        document.pop("act", None)
    try:
        return ConsentBody.model_validate_json(pydantic.TypeAdapter(Any).dump_json(document)).act()
    except pydantic.ValidationError as problem:
        fault = problem.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InvalidInput(f"the signed act is malformed: {where}: {fault['msg']}") from problem


def _known(ports: Context, terms: str | None, references: Sequence[str], custodians: Sequence[str]) -> Known:
    """What the caller says, and the addresses of the texts in the directory."""
    published = [fact for fact in ports.mirror.current("Terms") if isinstance(fact, Terms) and fact.uri]
    recipients = {}
    for text in references:
        name, separator, value = text.rpartition("=")
        if not separator:
            raise InvalidInput("write REFERENCE=institution:ID or REFERENCE=study:ID")
        recipients[name] = recipient_from(value)
    return Known(
        recipients=recipients,
        custodians=frozenset(custodians),
        texts={fact.uri: fact.hash for fact in published},
        terms=None if terms is None else parse_bytes(terms, what="terms", size=32),
    )


def _drafts(ledger: Ledger, who: Principal, reading: Reading, patient: str | None, signer: str | None) -> Response:
    """The acts that would make a resource count, to be signed."""
    ports = ledger.context
    native = reading.drafts[0].native
    subject = native.subject if native is not None and patient is None else _subject_of(who, patient)
    custodian_for(ports, who, subject)
    if not reading.has_terms:
        return refusal_at("Consent", "say which published text was shown: ?terms=HASH, or its address as the policy")
    by = _only_signer(ports, subject) if signer is None else parse_bytes(signer, what="signer", at_most=1024)
    now = ports.clock.now()
    acts = acts_of(
        reading,
        subject,
        by,
        ids=[ports.entropy.token(32) for _ in reading.drafts],
        issued_at=now,
        deadline=now + min(SIGNING_SECONDS, ports.limits.longest_deadline),
    )
    encode = pydantic.TypeAdapter(Any).dump_json
    parameters: list[dict[str, Any]] = [
        {
            "name": "act",
            "part": [
                {"name": "expression", "valueString": draft.expression},
                {"name": "act", "valueString": encode(act_to_json(act)).decode()},
                {"name": "digest", "valueString": to_hex(ledger.chain.domains.digest(act))},
            ],
        }
        for draft, act in zip(reading.drafts, acts, strict=True)
    ]
    parameters.append({"name": "form", "valueString": to_hex(reading.form)})
    if reading.issues:
        parameters.append({"name": "issues", "resource": outcome_of(reading.issues)})
    return fhir({"resourceType": "Parameters", "parameter": parameters})


def _only_signer(ports: Context, subject: bytes) -> bytes:
    active = [one.signer for one in ports.mirror.authorities(subject) if one.active]
    if len(active) != 1:
        raise InvalidInput(f"the subject has {len(active)} signers; say who will sign: ?signer=0x..")
    return active[0]


def _created(request: Request, ports: Context, acts: Sequence[ConsentAct], release: Release) -> Response:
    """The recorded consents; a Bundle where the resource became several."""
    made = [_resource(_consent(ports, act), release) for act in acts]
    location = str(
        request.url_for("read_one", consent=acts[0].id.hex()).include_query_params(patient=to_hex(acts[0].subject))
    )
    if len(made) == 1:
        return fhir(made[0], 201, release, Location=location)
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in made]}
    return fhir(bundle, 201, release, Location=location)


def _consent(ports: Context, act: ConsentAct) -> Consent:
    """The consent as the chain will hold it."""
    held = ports.mirror.consent(act.subject, act.id)
    if held is not None and held.version == act.version:
        return held
    terms = ports.mirror.terms(act.scope.terms)
    authority = ports.mirror.authority(act.subject, act.signer)
    ends = authority is not None and authority.capacity in {Capacity.GUARDIAN, Capacity.PROXY}
    until = min(act.scope.valid_until, authority.until) if ends and authority is not None else act.scope.valid_until
    return Consent(
        subject=act.subject,
        id=act.id,
        version=act.version,
        scope=act.scope,
        terms_version=1 if terms is None else terms.version,
        valid_until=until,
        capacity=Capacity.SELF if authority is None else authority.capacity,
    )
