"""Decisions and cohorts: what an engine asks before it touches data, and the records of what was answered."""

from collections import Counter
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Header, Path, Response

from api.decision_json import answer_json, entry_json, recorded_json
from api.deps import Asker, CohortAsker, Held, LogReader, Ports, RecordReader, SubjectReader, answer
from api.reading import BoundedRoute
from api.routes.subjects import custodian_for
from api.schemas.base import Hash, Id
from api.schemas.decisions import (
    CohortAnswer,
    CohortBody,
    DecisionsAnswer,
    DecisionsBody,
    MembershipAnswer,
    OfCustodian,
    Question,
    RecordAnswer,
    ReplayAnswer,
    SubjectsAnswer,
    obligations_json,
)
from api.streams import DESCRIBED, IdStream, form_of
from api.writing import Ask
from ledger.bootstrap import Ledger
from ledger.domain.audit import DecisionRecord
from ledger.domain.decision import Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.errors import Forbidden, InvalidInput, MirrorLagging, NotFound, TooLarge
from ledger.identity.principal import Principal, Role
from ledger.services.as_of import look_back, moment_of
from ledger.services.context import Context
from ledger.services.decide import Freshness, RecordedAnswer, look, record
from ledger.services.finality import final_number
from ledger.services.looks import LookSigner
from ledger.services.replay import Difference, membership, replay
from ledger.transparency.canonical import decode_object
from ledger.transparency.receipt import open_decision

router = APIRouter(tags=["decisions"], route_class=BoundedRoute)
DecisionId = Annotated[Hash, Path(description="the decision's id")]


@router.post("/v1/decisions", response_model=DecisionsAnswer)
async def decide(body: DecisionsBody, who: Asker, ledger: Held, ask: Ask) -> Response:
    """Whether an operation may use the data of the named subjects: recorded, with a signed receipt, or a look."""

    async def done(_: object) -> Response:
        return await anyio.to_thread.run_sync(_decide, ledger, who, body)

    return await ask.once(who, done)


@router.post("/v1/cohorts", response_model=CohortAnswer, responses=DESCRIBED)
async def resolve_cohort(
    body: CohortBody, who: CohortAsker, ledger: Held, ask: Ask, accept: Annotated[str, Header()] = ""
) -> Response:
    """Whose data an operation may use, of the named subjects or of all; recorded, committed to, with a receipt.

    Large cohorts come as a stream: with `Accept: application/x-ndjson` the answer without `permitted.subjects` is the
    first line, one id a line follows, and `{"end":{"count":N}}` is the last. With `Accept: application/octet-stream`
    four bytes (big-endian) say how long the JSON is that follows; then come the ids with 32 bytes each, and their
    count in eight bytes. A stream without that end was cut, and is no answer.
    """

    async def done(_: object) -> Response:
        return await anyio.to_thread.run_sync(_resolve, ledger, who, body, form_of(accept))

    return await ask.once(who, done)


@router.get("/v1/decisions/{decision}", response_model=RecordAnswer)
def read_decision(decision: DecisionId, who: RecordReader, ports: Ports) -> Response:
    """The record of a decision: for the engine that asked, its institution, and auditors."""
    held = _record_for(ports, who, decision)
    return answer(
        {
            "id": held.id,
            "at": held.at,
            "block": {"number": held.block_number, "hash": to_hex(held.block_hash)},
            "study": to_hex(held.study),
            "engine": to_hex(held.engine),
            "request": decode_object(held.request),
            "considered": held.considered,
            "permitted": held.permitted,
            "entry": {"log": to_hex(held.log), "index": held.index},
            "receipt": held.receipt,
        }
    )


@router.get("/v1/decisions/{decision}/subjects", response_model=SubjectsAnswer, responses=DESCRIBED)
def read_subjects(
    decision: DecisionId, who: CohortAsker, ports: Ports, accept: Annotated[str, Header()] = ""
) -> Response:
    """The subjects that a decision permitted, once more, for the engine that asked: JSON or a stream, as cohorts.

    Whoever was erased since is not among them any more. What was permitted then may be denied now: this is for a
    stream that was cut, not for another computation.
    """
    held = _record_for(ports, who, decision)
    permitted = [one.subject for one in ports.audit.members(held.id) if one.outcome == Outcome.PERMIT]
    document: dict[str, Any] = {"id": held.id, "count": len(permitted)}
    form = form_of(accept)
    if form is not None:
        return IdStream(document, b"".join(permitted), form)
    return answer(document | {"subjects": [to_hex(one) for one in permitted]})


@router.get("/v1/decisions/{decision}/replay", response_model=ReplayAnswer)
def replay_decision(decision: DecisionId, who: LogReader, ports: Ports) -> Response:
    """The decision computed again as of its block, from the copy and, for a sample, by the contract itself."""
    held = _record_for(ports, who, decision)
    found = replay(ports, held.id)
    return answer(
        {
            "same": found.same,
            "block": {"number": held.block_number, "hash": to_hex(held.block_hash)},
            "differences": [_difference_json(one) for one in found.differences],
            "pending": found.pending,
            "chain": {
                "asked": found.asked_of_chain,
                "same": not found.chain_differences,
                "differences": [_difference_json(one) for one in found.chain_differences],
            },
        }
    )


@router.get("/v1/decisions/{decision}/members/{subject}", response_model=MembershipAnswer)
def prove_membership(
    decision: DecisionId,
    subject: Annotated[Id, Path(description="the subject's id")],
    who: SubjectReader,
    ports: Ports,
) -> Response:
    """Proof that a subject was, or was not, in the permitted set: for the subject, its custodian, and auditors."""
    custodian_for(ports, who, subject)
    held = ports.audit.decision(to_hex(decision))
    if held is None:
        raise NotFound(f"there is no decision {to_hex(decision)}")
    proof = membership(ports, held.id, subject)
    commitment = open_decision(held.receipt, ports.log_keys.published).cohort
    if commitment is None:
        raise NotFound(f"decision {held.id} was made without a commitment")
    return answer(
        {
            "subject": to_hex(proof.subject),
            "permitted": proof.permitted,
            "salt": to_hex(proof.salt),
            "index": proof.index,
            "path": [to_hex(node) for node in proof.path],
            "commitment": {"size": commitment.size, "root": to_hex(commitment.root)},
        }
    )


def engine_for(ports: Context, who: Principal, named: bytes | None) -> bytes:
    """The engine that a question is about.

    Raises:
        Forbidden: An engine speaks for another, or an institution for an engine that is not its own.
    """
    if who.role is Role.ENGINE:
        if named is not None and named != who.id:
            raise Forbidden("an engine asks for itself; leave engine out, or use that engine's token")
        return who.id
    if named is None:
        raise Forbidden("name the engine that is to use the data")
    held = ports.mirror.engine(named)
    if held is None or held.institution != who.id:
        raise Forbidden("an institution asks for its own engines only")
    return named


def cohort_json(recorded: RecordedAnswer, smallest: int, *, listed: bool = True) -> dict[str, Any]:
    """The JSON form of a cohort; counts below ``smallest`` are not told, and the ids only where they are listed."""
    given = recorded.answer
    permitted = given.permitted
    hidden = suppressed(given.excluded, smallest)
    return {
        "id": recorded.id,
        "at": given.at,
        "block": {"number": given.block.number, "hash": to_hex(given.block.hash)},
        "considered": len(given.subjects),
        "permitted": {"count": len(permitted)} | ({"subjects": [to_hex(one) for one in permitted]} if listed else {}),
        "excluded": [
            {"reason": reason.code, "count": None if reason in hidden else count, "suppressed": reason in hidden}
            for reason, count in sorted(given.excluded.items())
        ],
        "commitment": {"size": recorded.commitment.size, "root": to_hex(recorded.commitment.root)},
        "valid_until": given.valid_until,
        "codes": given.codes,
        "obligations": obligations_json(given.obligations),
        "entry": entry_json(recorded),
        "receipt": recorded.receipt,
    }


def suppressed(counts: dict[Reason, int], smallest: int) -> set[Reason]:
    """The reasons whose counts are not told.

    Counts below ``smallest`` are not told. As the total is known, a single hidden count could be worked out from the
    others; then the next smallest is hidden too.
    """
    hidden = {reason for reason, count in counts.items() if count < smallest}
    told = Counter({reason: count for reason, count in counts.items() if reason not in hidden})
    if len(hidden) == 1 and told:
        hidden.add(min(told, key=lambda reason: (told[reason], reason)))
    return hidden


def _decide(ledger: Ledger, who: Principal, body: DecisionsBody) -> Response:
    ports = ledger.context
    _bounded(ports, body.subjects)
    request = body.request(engine_for(ports, who, body.engine))
    if body.as_of is not None:
        if body.record or body.receipt:
            raise InvalidInput("an answer about the past is an unsigned look; send record: false, and no receipt")
        moment = moment_of(ports, block=body.as_of.block, at=body.as_of.at)
        if body.finalized and moment.block.number > final_number(ports, ports.decider.view().block):
            raise MirrorLagging(f"block {moment.block.number} is not final yet; ask again, or leave finalized out")
        return answer(answer_json(look_back(ports, request, body.subjects, moment), compact=body.compact))
    if not body.record:
        given = look(ports, request, body.subjects, **_freshness(body))
        signed = {"receipt": LookSigner(ports.log_keys).sign(given)} if body.receipt else {}
        return answer(answer_json(given, compact=body.compact) | signed)
    if who.role is not Role.ENGINE:
        raise Forbidden("a decision to act on is asked for by the engine itself; send record: false for a look")
    recorded = record(ports, ledger.appender, request, body.subjects, **_freshness(body))
    return answer(recorded_json(recorded, compact=body.compact))


def _resolve(ledger: Ledger, who: Principal, body: CohortBody, form: str | None) -> Response:
    ports = ledger.context
    subjects: list[bytes] | None = None
    custodian: bytes | None = None
    if isinstance(body.subjects, OfCustodian):
        custodian = body.subjects.custodian
        if ports.mirror.institution(custodian) is None:
            raise NotFound(f"institution {to_hex(custodian)} is not admitted")
    elif isinstance(body.subjects, list):
        subjects = body.subjects
        _bounded(ports, subjects)
    recorded = record(
        ports,
        ledger.appender,
        body.request(engine_for(ports, who, body.engine)),
        subjects,
        custodian=custodian,
        **_freshness(body),
    )
    document = cohort_json(recorded, ledger.settings.smallest_cell, listed=form is None)
    return answer(document) if form is None else IdStream(document, b"".join(recorded.answer.permitted), form)


def _freshness(body: Question) -> Freshness:
    return {"at_least_block": body.at_least_block, "finalized": body.finalized}


def _bounded(ports: Context, subjects: list[bytes]) -> None:
    if len(subjects) > ports.limits.most_batch:
        raise TooLarge(f"{len(subjects)} subjects in one request; at most {ports.limits.most_batch} are accepted")


def _record_for(ports: Context, who: Principal, decision: bytes) -> DecisionRecord:
    held = ports.audit.decision(to_hex(decision))
    if held is not None:
        allowed = {Role.ENGINE: held.engine == who.id, Role.INSTITUTION: held.log == who.id, Role.AUDITOR: True}
        if allowed.get(who.role, False):
            return held
    raise NotFound(f"there is no decision {to_hex(decision)}, or it is not yours to see")


def _difference_json(one: Difference) -> dict[str, Any]:
    return {"subject": to_hex(one.subject), "said": one.said, "found": one.found}
