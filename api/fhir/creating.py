"""Consents from FHIR resources, in two steps.

Only signatures change consents: a resource alone is answered with the acts that would make it count, to be signed; the
same resource again, with the signed acts in our extension, records them. The acts must say exactly what the resource
says, and name it by its hash.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import anyio.to_thread
import pydantic
from fastapi import APIRouter, Query, Request, Response

from api.deps import ConsentWriter, Held
from api.fhir.answers import FhirResponse, FhirRoute, fhir, refusal, refusal_at, release_of
from api.fhir.consents import DOCUMENT, Patient, resource_of, subject_of
from api.routes.subjects import custodian_for
from api.schemas.acts import ConsentBody
from api.writing import Made, Write
from ledger.bootstrap import Ledger
from ledger.domain.acts import ConsentAct
from ledger.domain.consent import Consent
from ledger.domain.directory import Terms
from ledger.domain.identifiers import parse_bytes, to_hex
from ledger.domain.outbox import ItemState
from ledger.domain.vocabulary import Capacity
from ledger.errors import InvalidInput
from ledger.fhir.acts import act_to_json, acts_of, check_acts
from ledger.fhir.codes import OWN
from ledger.fhir.documents import json_of
from ledger.fhir.known import Known, recipient_from
from ledger.fhir.outcome import outcome_of
from ledger.fhir.read import Reading, read
from ledger.fhir.write import Release
from ledger.identity.principal import Principal
from ledger.services.context import Context
from ledger.services.submit import submit

router = APIRouter(prefix="/fhir", tags=["fhir"], route_class=FhirRoute, default_response_class=FhirResponse)
SIGNED: Final = OWN + "signed"
"""The extension that holds one signed act, as ``POST /v1/consents`` takes it, in JSON."""
SIGNING_SECONDS: Final = 7 * 86_400
_to_json = pydantic.TypeAdapter(Any).dump_json


@router.post(
    "/Consent",
    status_code=201,
    responses={
        200: {"description": "Parameters: the acts to sign, each with its digest", **DOCUMENT},
        201: {"description": "The consents, recorded", **DOCUMENT},
        422: {"description": "OperationOutcome: why the resource is refused, and at which element", **DOCUMENT},
    },
    openapi_extra={"requestBody": {"required": True, **DOCUMENT}},
)
async def create(
    request: Request,
    who: ConsentWriter,
    ledger: Held,
    make: Write,
    patient: Patient = None,
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
        return ConsentBody.model_validate_json(_to_json(document)).act()
    except pydantic.ValidationError as problem:
        fault = problem.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InvalidInput(f"the signed act is malformed: {where}: {fault['msg']}") from problem


def _known(ports: Context, terms: str | None, references: Sequence[str], custodians: Sequence[str]) -> Known:
    """What the caller says, and the addresses of the texts in the directory, where one address means one text."""
    published: defaultdict[str, set[bytes]] = defaultdict(set)
    for fact in ports.mirror.current("Terms"):
        if isinstance(fact, Terms) and fact.uri:
            published[fact.uri].add(fact.hash)
    recipients = {}
    for text in references:
        name, separator, value = text.rpartition("=")
        if not separator:
            raise InvalidInput("write REFERENCE=institution:ID or REFERENCE=study:ID")
        recipients[name] = recipient_from(value)
    return Known(
        recipients=recipients,
        custodians=frozenset(custodians),
        texts={uri: next(iter(hashes)) for uri, hashes in published.items() if len(hashes) == 1},
        terms=None if terms is None else parse_bytes(terms, what="terms", size=32),
    )


def _drafts(ledger: Ledger, who: Principal, reading: Reading, patient: str | None, signer: str | None) -> Response:
    """The acts that would make a resource count, to be signed."""
    ports = ledger.context
    native = reading.drafts[0].native
    subject = native.subject if native is not None and patient is None else subject_of(who, patient)
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
    parameters: list[dict[str, Any]] = [
        {
            "name": "act",
            "part": [
                {"name": "expression", "valueString": draft.expression},
                {"name": "act", "valueString": _to_json(act_to_json(act)).decode()},
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
    made = [resource_of(_consent(ports, act), release) for act in acts]
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
