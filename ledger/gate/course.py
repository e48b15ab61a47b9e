"""The course of a computation, step by step, as conversations: both gates walk it.

An entry names a failure by its type alone: the message of an exception may quote rows.
"""

import time
from collections.abc import Mapping
from typing import Any, NoReturn

from ledger.domain.audit import Kind
from ledger.errors import ConsentDenied
from ledger.gate.answers import Appended, CohortAnswer
from ledger.gate.conversation import Conversation, EntryDraft, Talk
from ledger.gate.held import State
from ledger.gate.plan import Plan
from ledger.gate.run import AsyncRun, Run, again


def admit(talks: Conversation, plan: Plan) -> Talk[tuple[CohortAnswer, float]]:
    """The decision, and the smallest cohort.

    Returns:
        The answer, and the moment (``time.monotonic``) from which its validity is counted: before it was asked for.

    Raises:
        ConsentDenied: The request is refused as a whole, or too few permit.
    """
    asked = time.monotonic()
    answer = yield from talks.cohort(plan.request, f"{plan.run}-cohort")
    if answer.refusals:
        reasons = ", ".join(answer.refusals)
        raise ConsentDenied(f"the ledger refuses the request whoever consents: {reasons}; decision {answer.decision}")
    if len(answer.permitted) < plan.smallest:
        facts = {
            "run": plan.run,
            "engine": plan.engine.document(),
            "reason": "cohort_too_small",
            "smallest": plan.smallest,
        }
        yield from talks.append([_draft(Kind.WITHHELD, plan, answer, facts)], f"{plan.run}-withheld")
        raise ConsentDenied(
            f"fewer than {plan.smallest} subjects permit it; nothing was computed; decision {answer.decision}"
        )
    return answer, asked


def start(talks: Conversation, run: Run | AsyncRun) -> Talk[Appended]:
    """The ``started`` entry."""
    draft = _draft(Kind.STARTED, run.plan, run.cohort, run.opening())
    return (yield from talks.append([draft], f"{run.id}-started"))


def finish(talks: Conversation, run: Run | AsyncRun) -> Talk[None]:
    """The last decision and the ``completed`` entry; then what is held is released.

    Raises:
        ConsentDenied: Consent ended while the computation ran; the ``withheld`` entry stands.
    """
    if run.state is State.RUNNING and run.plan.confirm:
        try:
            yield from again(run, talks.cohort, drop=False)
        except ConsentDenied:
            yield from _withhold(talks, run)
            raise
    if run.state is not State.RUNNING:  # a re-check withheld it, and the engine went on
        yield from _withhold(talks, run)
        _refuse(run)
    draft = _draft(Kind.COMPLETED, run.plan, run.cohort, run.lineage())
    run.completed = yield from talks.append([draft], f"{run.id}-completed")
    run.state = State.COMPLETED


def abandon(talks: Conversation, run: Run | AsyncRun, problem: BaseException) -> Talk[None]:
    """The ``failed`` or ``withheld`` entry of a run that raised."""
    if run.state is State.WITHHELD:
        yield from _withhold(talks, run)
        return
    run.state = State.FAILED
    facts = {**run.opening(), "error": type(problem).__name__}
    yield from talks.append([_draft(Kind.FAILED, run.plan, run.cohort, facts)], f"{run.id}-failed")


def _withhold(talks: Conversation, run: Run | AsyncRun) -> Talk[None]:
    run.state = State.WITHHELD
    facts = {
        **run.opening(),
        "reason": "consent_ended",
        "rechecks": [answer.decision for answer in run.rechecks],
    }
    yield from talks.append([_draft(Kind.WITHHELD, run.plan, run.cohort, facts)], f"{run.id}-withheld")


def _refuse(run: Run | AsyncRun) -> NoReturn:
    raise ConsentDenied(f"the run was {run.state.value}; its result is not released")


def _draft(kind: Kind, plan: Plan, answer: CohortAnswer, facts: Mapping[str, Any]) -> EntryDraft:
    return EntryDraft(kind, plan.request.study, plan.request.operation, answer.decision, facts)
