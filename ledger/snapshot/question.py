"""The compiled form of a request: what the Directory says of it, in plain numbers, made once for all of its subjects.

What ``ledger.domain.policy`` asks of the study, its institution and the engine is asked here, by the same function;
what it asks of a consent is asked in ``ledger.snapshot.profiles``.
"""

from dataclasses import dataclass, field

from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.policy import Request, Setting, admissible
from ledger.domain.vocabulary import ACCEPTS, TOUCHES, Use


@dataclass(frozen=True, slots=True)
class Question:
    """A request at an instant (seconds UTC), compiled; ``refusal`` is set where it is refused whoever is meant."""

    request: Request
    at: int
    refusal: Decision | None
    ethics_until: int = 0
    match: "Match | None" = None
    verdicts: list[memoryview] = field(default_factory=list, compare=False, repr=False)
    """The last verdicts that were looked up for it: looking them up takes longer than the answer."""


@dataclass(frozen=True, slots=True)
class Match:
    """What of a question decides on a consent's scope. It holds no time: equal ones share their verdicts for ever.

    Attributes:
        study: The study's id.
        institution: The study's institution.
        operation: One bit.
        categories: All that are asked for.
        data_from: Start of the data window, in seconds UTC.
        data_until: Its end.
        conditions: What a permit must tolerate.
        required_terms: The lowest version of a text that still counts.
        accepts: For each use but research on diseases, the purposes that accept it.
        touches: The purposes that a deny forbids any of the uses with.
        disease: The purposes that accept research on any disease; 0 where the study does none.
        closures: For each disease of the study, its code and those of its ancestors.
    """

    study: bytes
    institution: bytes
    operation: int
    categories: int
    data_from: int
    data_until: int
    conditions: int
    required_terms: int
    accepts: tuple[int, ...]
    touches: int
    disease: int
    closures: tuple[tuple[int, ...], ...]


def compile_question(request: Request, setting: Setting, at: int) -> Question:
    """Compile a request against what the Directory says of it."""
    reason = admissible(request, setting, at)
    study = setting.study
    if reason is not None or study is None:
        return Question(request, at, Decision(Outcome.DENY, reason or Reason.STUDY_UNKNOWN))
    uses = [use for use in Use if study.uses & use]
    touching = 0
    for use in uses:
        touching |= int(TOUCHES[use])
    match = Match(
        study=study.id,
        institution=study.institution,
        operation=int(request.operation),
        categories=int(request.categories),
        data_from=request.data_from,
        data_until=request.data_until,
        conditions=int(study.conditions),
        required_terms=study.required_terms,
        accepts=tuple(int(ACCEPTS[use]) for use in uses if use is not Use.DISEASE),
        touches=touching,
        disease=int(ACCEPTS[Use.DISEASE]) if Use.DISEASE in uses else 0,
        closures=study.diseases,
    )
    return Question(request, at, None, study.ethics_until, match)
