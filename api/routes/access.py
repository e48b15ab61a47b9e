"""AuthZEN 1.0: questions and searches in the standard's words.

Invariants: a deny is an answer (200); a request that cannot be read is 400; unknown fields are ignored; in a batch a
question that cannot be read is false in its place, and spoils no other. The answers are looks: they make no entry and
no receipt, so they are to show, not to act on.

Source: https://openid.net/specs/authorization-api-1_0.html
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from api.authzen.paging import read_token, token_after
from api.authzen.port import Policy, Question, Target, Verdict
from api.deps import Asker, CohortAsker, Held, answer
from api.errors import KINDS
from api.reading import BoundedRoute
from api.schemas.access import (
    ActionsAnswer,
    ActionSearch,
    ConfigurationAnswer,
    EntitiesAnswer,
    Evaluation,
    EvaluationAnswer,
    Evaluations,
    EvaluationsAnswer,
    Page,
    ResourceSearch,
    SubjectSearch,
)
from ledger.errors import ConsentryError, InvalidInput, TooLarge
from ledger.identity.principal import Principal

router = APIRouter(tags=["access"], route_class=BoundedRoute)
PUBLIC = {"Cache-Control": "public, max-age=60"}
MOST_RESULTS: Final = 1_000
"""Results of one page of a search."""
_ENTITIES: Final = ("subject", "action", "resource", "context")


async def _policy(request: Request) -> Policy:
    held: Policy = request.app.state.access_policy
    return held


Answering = Annotated[Policy, Depends(_policy)]


@router.post("/access/v1/evaluation", response_model=EvaluationAnswer, response_model_exclude_none=True)
def evaluate(body: Evaluation, who: Asker, policy: Answering) -> Response:
    """Whether an engine (subject) may do an operation (action) on a patient's data (resource) for a study."""
    return answer(_evaluated(policy, who, body.value()))


@router.post(
    "/access/v1/evaluations",
    response_model=EvaluationsAnswer | EvaluationAnswer,
    response_model_exclude_none=True,
)
def evaluate_all(body: Evaluations, who: Asker, policy: Answering, ledger: Held) -> Response:
    """Several questions at once; without ``evaluations`` it is one question."""
    beside = {name: value for name in _ENTITIES if (value := getattr(body, name)) is not None}
    if not body.evaluations:
        return answer(_evaluated(policy, who, _question(beside, {})))
    most = ledger.settings.most_batch
    if len(body.evaluations) > most:
        raise TooLarge(f"{len(body.evaluations)} questions in one request; at most {most} are accepted")
    read = [_question_or_verdict(beside, one) for one in body.evaluations]
    given = iter(policy.evaluate(who, [one for one in read if isinstance(one, Question)]))
    answers: list[dict[str, Any]] = []
    for one in read:
        found = next(given) if isinstance(one, Question) else one
        answers.append(_in_place(found))
        if body.options.evaluations_semantic == "deny_on_first_deny" and not found.decision:
            break
        if body.options.evaluations_semantic == "permit_on_first_permit" and found.decision:
            break
    return answer({"evaluations": answers})


@router.post("/access/v1/search/subject", response_model=EntitiesAnswer)
def search_subjects(body: SubjectSearch, who: Asker, policy: Answering) -> Response:
    """Which of the caller's engines may do an operation on a patient's data for a study."""
    return _found(policy, who, "subject", body.value(), body.page)


@router.post("/access/v1/search/resource", response_model=EntitiesAnswer)
def search_resources(body: ResourceSearch, who: CohortAsker, policy: Answering) -> Response:
    """On which patients' data an engine may do an operation for a study."""
    return _found(policy, who, "resource", body.value(), body.page)


@router.post("/access/v1/search/action", response_model=ActionsAnswer)
def search_actions(body: ActionSearch, who: Asker, policy: Answering) -> Response:
    """Which operations an engine may do on a patient's data for a study."""
    return _found(policy, who, "action", body.value(), body.page)


@router.get("/.well-known/authzen-configuration", response_model=ConfigurationAnswer)
def configuration(ledger: Held) -> Response:
    """Where the decision point's addresses are (AuthZEN 1.0 section 9)."""
    base = ledger.settings.url
    return answer(
        {
            "policy_decision_point": base,
            "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
            "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
            "search_subject_endpoint": f"{base}/access/v1/search/subject",
            "search_resource_endpoint": f"{base}/access/v1/search/resource",
            "search_action_endpoint": f"{base}/access/v1/search/action",
        },
        headers=PUBLIC,
    )


def _evaluated(policy: Policy, who: Principal, question: Question) -> dict[str, Any]:
    (verdict,) = policy.evaluate(who, [question])
    if verdict.problem is not None:
        raise verdict.problem
    return _in_place(verdict)


def _in_place(verdict: Verdict) -> dict[str, Any]:
    context = dict(verdict.context)
    if verdict.problem is not None:
        context["error"] = {"status": _status_of(verdict.problem), "message": str(verdict.problem)}
    return {"decision": verdict.decision, **({"context": context} if context else {})}


def _status_of(problem: ConsentryError) -> int:
    return next((KINDS[kind].status for kind in type(problem).__mro__ if kind in KINDS), 500)


def _question_or_verdict(beside: dict[str, Any], body: dict[str, Any]) -> Question | Verdict:
    try:
        return _question(beside, body)
    except InvalidInput as problem:
        return Verdict(decision=False, problem=problem)


def _question(beside: dict[str, Any], body: dict[str, Any]) -> Question:
    """One question of a batch: what it leaves out comes, as a whole, from beside it.

    Raises:
        InvalidInput: Something is missing, or of the wrong type.
    """
    try:
        return Evaluation.model_validate({**beside, **{name: body[name] for name in _ENTITIES if name in body}}).value()
    except ValidationError as problem:
        fault = problem.errors(include_url=False)[0]
        raise InvalidInput(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from problem


def _found(policy: Policy, who: Principal, target: Target, question: Question, page: Page) -> Response:
    search = {
        "target": target,
        "subject": (question.subject.type, question.subject.id, question.subject.properties),
        "action": (question.action.name, question.action.properties),
        "resource": (question.resource.type, question.resource.id, question.resource.properties),
        "context": question.context,
    }
    limit = min(page.limit or MOST_RESULTS, MOST_RESULTS)
    found = policy.search(who, target, question, read_token(page.token, search), limit + 1)
    shown = found[:limit]
    if target == "action":
        results = [{"name": name} for name in shown]
    else:
        sought = question.subject if target == "subject" else question.resource
        results = [{"type": sought.type, "id": name} for name in shown]
    next_token = token_after(shown[-1], search) if len(found) > limit else ""
    return answer({"results": results, "page": {"next_token": next_token, "count": len(shown)}})
