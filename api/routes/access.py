"""AuthZEN 1.0: the question on one subject in the standard's words.

A deny is an answer (200); a malformed question is 400; unknown fields are ignored. The answer is a look: it makes no
entry and no receipt, so it is to show, not to act on.

Source: https://openid.net/specs/authorization-api-1_0.html
"""

from typing import Any

from fastapi import APIRouter, Response

from api.deps import Asker, Ports, answer
from api.reading import BoundedRoute
from api.routes.decisions import engine_for
from api.schemas.decisions import Evaluation, EvaluationAnswer
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.wording import request_from_json
from ledger.errors import InvalidInput
from ledger.services.decide import look

router = APIRouter(tags=["access"], route_class=BoundedRoute)


@router.post("/access/v1/evaluation", response_model=EvaluationAnswer)
def evaluate(body: Evaluation, who: Asker, ports: Ports) -> Response:
    """Whether an engine (subject) may do an operation (action) on a patient's data (resource) for a study."""
    if body.subject.type != "engine":
        raise InvalidInput("subject.type must be engine: the software that is to use the data")
    if body.resource.type != "patient":
        raise InvalidInput("resource.type must be patient: the subject whose data is to be used")
    engine = engine_for(ports, who, parse_id(body.subject.id, what="subject.id"))
    patient = parse_id(body.resource.id, what="resource.id")
    context: dict[str, Any] = body.context or {}
    asked: dict[str, Any] = {name: context[name] for name in ("study", "categories", "data_window") if name in context}
    request = request_from_json({**asked, "engine": to_hex(engine), "operation": body.action.name})
    given = look(ports, request, [patient])
    decision = given.decisions[0]
    return answer(
        {
            "decision": decision.permitted,
            "context": {
                "outcome": decision.outcome.name.lower(),
                "reason": decision.reason.code,
                "consent": None if decision.consent is None else to_hex(decision.consent),
                "version": decision.version,
                "block": {"number": given.block.number, "hash": to_hex(given.block.hash)},
                "valid_until": decision.valid_until,
            },
        }
    )
