"""Lineage: what was computed from what, what withdrawn data are still in, and a patient's proof about a computation.

Invariants: an institution sees the computations in its own log and the number of those elsewhere; taint passes through
what it cannot see. A patient sees the computations that their own withdrawals reach, in whatever log.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from api.deps import LogReader, Ports, SubjectReader, answer
from api.reading import BoundedRoute
from api.routes.logs import LogId, logs_for
from api.routes.subjects import SubjectId, custodian_for
from api.schemas.base import Hash, Id
from api.schemas.lineage import LineagesAnswer, TaintAnswer
from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound
from ledger.identity.principal import Principal, Role
from ledger.provenance.bundle import to_line
from ledger.provenance.lineage import Lineage, Step, step_json, tainted_json
from ledger.services.context import Context
from ledger.services.lineage import LineageKeeper, taint_of
from ledger.services.participation import participation_of

router = APIRouter(tags=["audit"], route_class=BoundedRoute)


def _lineage(request: Request) -> Lineage:
    keeper: LineageKeeper = request.app.state.lineage
    return keeper.now()


@router.get("/v1/lineage/{name}", response_model=LineagesAnswer)
def read_lineage(
    name: Annotated[Hash, Path(description="leaf hash of a computation's entry, or SHA-256 of an output")],
    who: LogReader,
    ports: Ports,
    request: Request,
) -> Response:
    """A computation with all that it builds on, and all that builds on it."""
    lineage, readable = _lineage(request), _readable(ports, who)
    found = [step for step in lineage.find(to_hex(name)) if step.log in readable]
    if not found:
        raise NotFound(
            f"no computation that is yours to see has the leaf {to_hex(name)}, or made an output with that hash"
        )

    def shown(steps: list[Step]) -> list[dict[str, Any]]:
        return [step_json(step) for step in steps if step.log in readable]

    return answer(
        {
            "found": [
                {
                    "step": step_json(step),
                    "ancestors": shown(lineage.ancestors(step)),
                    "descendants": shown(lineage.descendants(step)),
                }
                for step in found
            ]
        }
    )


@router.get("/v1/subjects/{subject}/tainted", response_model=TaintAnswer)
def read_tainted(
    subject: SubjectId,
    who: SubjectReader,
    ports: Ports,
    request: Request,
    consent: Annotated[Id | None, Query(description="of this consent alone")] = None,
) -> Response:
    """What was computed from a subject's data whose consent has been withdrawn since, and what can be gone back to."""
    custodian_for(ports, who, subject)
    found = taint_of(ports, _lineage(request), subject, consent)
    readable = _readable(ports, who)
    shown = [one for one in found.steps if one.step.log in readable]
    return answer(
        {
            "subject": to_hex(subject),
            "withdrawn": [to_hex(one) for one in found.withdrawn],
            "decisions": list(found.decisions),
            "tainted": [tainted_json(one) for one in shown],
            "elsewhere": len(found.steps) - len(shown),
        }
    )


@router.get(
    "/v1/subjects/{subject}/computations/{log}/{index}/proof",
    responses={200: {"content": {"application/json": {}}, "description": "The proof; see `consentry verify`"}},
)
def prove_participation(
    subject: SubjectId, log: LogId, index: Annotated[int, Path(ge=0, lt=1 << 63)], who: SubjectReader, ports: Ports
) -> Response:
    """Proof that the subject's data were, or were not, in a computation; it says nothing of who else was.

    Save it, and check it with `consentry verify FILE --log-key KEY`.
    """
    custodian_for(ports, who, subject)
    proof = participation_of(ports, subject, log, index)
    headers = {"Content-Disposition": f'attachment; filename="computation-{index}.proof.json"'}
    return Response(to_line(proof), media_type="application/json", headers=headers)


def _readable(ports: Context, who: Principal) -> set[str]:
    logs = ports.audit.logs() if who.role is Role.SUBJECT else logs_for(ports, who)
    return {to_hex(log) for log in logs}
