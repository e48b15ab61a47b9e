"""The decision rule: a pure function of what is asked, what the Directory says and what the subject agreed to.

The same rule stands three times: here (the readable one), in ``contracts/src/libraries/DecisionRule.sol`` and in
``ledger.snapshot`` (the fast one). A property test holds all three equal on random worlds. The checker page says it
once more, to check and not to decide (docs/adr/0004).

Invariants: unknown is never yes, and a consent that is not understood denies; any matching deny wins; one single
consent must permit the whole request (permits are not added up); the order of consents does not matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.domain.consent import Consent, ConsentState, Scope
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.directory import Engine, EngineState, Institution, InstitutionState, Study, StudyState
from ledger.domain.vocabulary import (
    ACCEPTS,
    ANY16,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_CONDITIONS,
    KNOWN_OPERATIONS,
    KNOWN_USES,
    TOUCHES,
    Effect,
    Purpose,
    RecipientKind,
    Use,
)

POLICY_VERSION: Final = "consentry.policy/1"
"""The version of this rule and of the data-use layer behind it (``release``). Receipts name it: who checks
one knows by it whether the decision can be computed again here."""


@dataclass(frozen=True, slots=True)
class Request:
    """What an engine asks to do; the fields and units of ``types/Decision.sol``.

    Purpose, conditions and recipient are the study's. ``operation`` is exactly one bit. The data window is when the
    data was recorded, ``[data_from, data_until)`` in seconds UTC. ``dataset`` is the custodian's dataset that is meant;
    None: all of the custodian's data. The patients' rule does not look at it (``release`` does).
    """

    study: bytes
    engine: bytes
    operation: int
    categories: int
    data_from: int = 0
    data_until: int = FOREVER
    dataset: bytes | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """What the Directory says of a request's study, the study's institution and the engine; None where unknown."""

    study: Study | None
    institution: Institution | None
    engine: Engine | None


def decide(request: Request, setting: Setting, consents: Iterable[Consent] | None, at: int) -> Decision:
    """Decide on one subject.

    Args:
        request: What is asked.
        setting: The Directory's facts, as of the same block as the consents.
        consents: The subject's consents; None when the subject is not enrolled.
        at: The instant, in seconds UTC.

    Returns:
        Permit or deny, never an abstention; the reason, the consent that decided, and until when time alone leaves it
        so.
    """
    refusal = admissible(request, setting, at)
    if refusal is not None:
        return Decision(Outcome.DENY, refusal)
    if consents is None:
        return Decision(Outcome.DENY, Reason.SUBJECT_UNKNOWN)
    study = setting.study
    assert study is not None
    until = study.ethics_until
    live = False
    denying: Consent | None = None
    permitting: Consent | None = None
    stale: Consent | None = None
    for consent in consents:
        if not consent.is_understood():
            denying = _lower(denying, consent)
            continue
        if consent.state is not ConsentState.ACTIVE:
            continue
        if at < consent.scope.valid_from:
            until = min(until, consent.scope.valid_from)
            continue
        if at >= consent.valid_until:
            continue
        until = min(until, consent.valid_until)
        if consent.scope.effect != Effect.PERMIT:
            if touches(consent.scope, request, study):
                denying = _lower(denying, consent)
            continue
        live = True
        if covers(consent.scope, request, study):
            if consent.terms_version >= study.required_terms:
                permitting = _lower(permitting, consent)
            else:
                stale = _lower(stale, consent)
    if denying is not None:
        why = Reason.DENIED_BY_SUBJECT if denying.is_understood() else Reason.UNKNOWN_CODE
        return Decision(Outcome.DENY, why, denying.id, denying.version, until)
    if permitting is not None:
        return Decision(Outcome.PERMIT, Reason.PERMITTED, permitting.id, permitting.version, until)
    if stale is not None:
        return Decision(Outcome.DENY, Reason.RECONSENT_REQUIRED, stale.id, stale.version, until)
    return Decision(Outcome.DENY, Reason.NOT_COVERED if live else Reason.NO_CONSENT, None, 0, until)


def admissible(request: Request, setting: Setting, at: int) -> Reason | None:
    """The reason for which the request is refused whoever the subject is; None when it is not."""
    operation = request.operation
    if (
        operation & ~KNOWN_OPERATIONS
        or operation.bit_count() != 1
        or not request.categories
        or request.categories & ~KNOWN_CATEGORIES
        or request.data_from >= request.data_until
    ):
        return Reason.UNKNOWN_CODE
    study, institution, engine = setting.study, setting.institution, setting.engine
    if study is None:
        return Reason.STUDY_UNKNOWN
    if not study.uses or study.uses & ~KNOWN_USES or study.conditions & ~KNOWN_CONDITIONS:
        return Reason.UNKNOWN_CODE
    if study.state is not StudyState.ACTIVE:
        return Reason.STUDY_NOT_ACTIVE
    if institution is None or institution.state is not InstitutionState.ACTIVE:
        return Reason.INSTITUTION_NOT_ACTIVE
    if at >= study.ethics_until:
        return Reason.ETHICS_EXPIRED
    if engine is None:
        return Reason.ENGINE_UNKNOWN
    if engine.state is not EngineState.ACTIVE:
        return Reason.ENGINE_NOT_ACTIVE
    if engine.institution != study.institution:
        return Reason.ENGINE_OF_ANOTHER_INSTITUTION
    if not engine.operations & operation:
        return Reason.OPERATION_NOT_REGISTERED
    return None


def covers(scope: Scope, request: Request, study: Study) -> bool:
    """Whether a permit of this scope allows the whole request."""
    return (
        _recipient_is(scope, study)
        and all(accepts(scope, use, study) for use in Use if study.uses & use)
        and not study.conditions & ~scope.conditions
        and not request.categories & ~scope.categories
        and bool(request.operation & scope.operations)
        and scope.data_from <= request.data_from
        and request.data_until <= scope.data_until
    )


def touches(scope: Scope, request: Request, study: Study) -> bool:
    """Whether a deny of this scope forbids any part of the request."""
    return (
        _recipient_is(scope, study)
        and any(scope.purposes & TOUCHES[use] for use in Use if study.uses & use)
        and (scope.conditions == ANY16 or bool(study.conditions & scope.conditions))
        and bool(request.categories & scope.categories)
        and bool(request.operation & scope.operations)
        and scope.data_from < request.data_until
        and request.data_from < scope.data_until
    )


def accepts(scope: Scope, use: Use, study: Study) -> bool:
    """Whether the scope's purposes accept one use of the study.

    A disease use is also accepted by disease-research when every disease of the study, or an ancestor of it, is among
    the diseases that the consent names (DUO:0000007).
    """
    if scope.purposes & ACCEPTS[use]:
        return True
    if use is not Use.DISEASE or not scope.purposes & Purpose.DS or not study.diseases:
        return False
    named = scope.disease_codes()
    return all(not named.isdisjoint(closure) for closure in study.diseases)


def _recipient_is(scope: Scope, study: Study) -> bool:
    match scope.recipient_kind:
        case RecipientKind.ANY:
            return True
        case RecipientKind.INSTITUTION:
            return scope.recipient == study.institution
        case RecipientKind.STUDY:
            return scope.recipient == study.id
        case _:
            return False


def _lower(held: Consent | None, found: Consent) -> Consent:
    return found if held is None or found.id < held.id else held
