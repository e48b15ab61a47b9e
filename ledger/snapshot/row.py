"""The compiled form of consents and requests: one row a consent, masks against masks.

The rule of ``ledger.domain.policy`` in its fast form. A row keeps the attributes of one consent together: bitmaps kept
by attribute over subjects would mix the attributes of two consents and permit what neither does.
"""

from dataclasses import dataclass
from typing import NamedTuple

from ledger.domain.consent import ZERO_ID, Consent, ConsentState
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.policy import Request, Setting, admissible
from ledger.domain.vocabulary import (
    ACCEPTS,
    ANY16,
    ANY32,
    FOREVER,
    TOUCHES,
    Effect,
    Purpose,
    RecipientKind,
    Use,
)


class Row(NamedTuple):
    """One live consent. ``recipient`` is None for any; times are ``[since, until)`` in seconds UTC."""

    id: bytes
    version: int
    permit: bool
    recipient_kind: int
    recipient: bytes
    purposes: int
    conditions: int
    operations: int
    categories: int
    since: int
    until: int
    data_from: int
    data_until: int
    diseases: frozenset[int]
    terms_version: int
    reason: Reason = Reason.DENIED_BY_SUBJECT
    """What is said where the row denies."""


Rows = tuple[Row, ...]


def compile_row(consent: Consent) -> Row | None:
    """The row of a consent; None for one that is withdrawn.

    A consent that is not understood becomes a row that denies everything.
    """
    if not consent.is_understood():
        return _everything_denied(consent)
    if consent.state is not ConsentState.ACTIVE:
        return None
    scope = consent.scope
    return Row(
        id=consent.id,
        version=consent.version,
        permit=scope.effect == Effect.PERMIT,
        recipient_kind=scope.recipient_kind,
        recipient=scope.recipient,
        purposes=scope.purposes,
        conditions=scope.conditions,
        operations=scope.operations,
        categories=scope.categories,
        since=scope.valid_from,
        until=consent.valid_until,
        data_from=scope.data_from,
        data_until=scope.data_until,
        diseases=scope.disease_codes(),
        terms_version=consent.terms_version,
    )


def _everything_denied(consent: Consent) -> Row:
    return Row(
        id=consent.id,
        version=consent.version,
        permit=False,
        recipient_kind=_ANYBODY,
        recipient=ZERO_ID,
        purposes=ANY16,
        conditions=ANY16,
        operations=ANY16,
        categories=ANY32,
        since=0,
        until=FOREVER + 1,
        data_from=0,
        data_until=FOREVER + 1,
        diseases=frozenset(),
        terms_version=0,
        reason=Reason.UNKNOWN_CODE,
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A request at an instant, compiled once for all of its subjects."""

    request: Request
    at: int
    refusal: Decision | None
    ethics_until: int = 0
    study: bytes = b""
    institution: bytes = b""
    conditions: int = 0
    required_terms: int = 0
    accepts: tuple[int, ...] = ()
    touches: int = 0
    disease: int = 0
    closures: tuple[tuple[int, ...], ...] = ()


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
    return Question(
        request=request,
        at=at,
        refusal=None,
        ethics_until=study.ethics_until,
        study=study.id,
        institution=study.institution,
        conditions=study.conditions,
        required_terms=study.required_terms,
        accepts=tuple(int(ACCEPTS[use]) for use in uses if use is not Use.DISEASE),
        touches=touching,
        disease=int(ACCEPTS[Use.DISEASE]) if Use.DISEASE in uses else 0,
        closures=study.diseases,
    )


# Plain integers: an operator of IntFlag runs Python code, some microseconds a time.
_BY_DISEASE = int(Purpose.DS)
_ANYBODY, _INSTITUTION, _STUDY = (
    int(kind) for kind in (RecipientKind.ANY, RecipientKind.INSTITUTION, RecipientKind.STUDY)
)
_UNKNOWN_SUBJECT = Decision(Outcome.DENY, Reason.SUBJECT_UNKNOWN)


def answer(question: Question, rows: Rows | None) -> Decision:  # noqa: C901, PLR0912 - the loop is the hot path
    """The decision on the subject with these rows; None for one that is not enrolled."""
    if question.refusal is not None:
        return question.refusal
    if rows is None:
        return _UNKNOWN_SUBJECT
    at = question.at
    until = question.ethics_until
    live = False
    denying: Row | None = None
    permitting: Row | None = None
    stale: Row | None = None
    for row in rows:
        if at < row.since:
            until = min(until, row.since)
            continue
        if at >= row.until:
            continue
        until = min(until, row.until)
        if row.permit:
            live = True
            if not _covers(row, question):
                continue
            if row.terms_version >= question.required_terms:
                if permitting is None or row.id < permitting.id:
                    permitting = row
            elif stale is None or row.id < stale.id:
                stale = row
        elif _touches(row, question) and (denying is None or row.id < denying.id):
            denying = row
    if denying is not None:
        return Decision(Outcome.DENY, denying.reason, denying.id, denying.version, until)
    if permitting is not None:
        return Decision(Outcome.PERMIT, Reason.PERMITTED, permitting.id, permitting.version, until)
    if stale is not None:
        return Decision(Outcome.DENY, Reason.RECONSENT_REQUIRED, stale.id, stale.version, until)
    return Decision(Outcome.DENY, Reason.NOT_COVERED if live else Reason.NO_CONSENT, None, 0, until)


def _covers(row: Row, question: Question) -> bool:
    request = question.request
    if (
        not row.operations & request.operation
        or request.categories & ~row.categories
        or question.conditions & ~row.conditions
        or row.data_from > request.data_from
        or row.data_until < request.data_until
        or not _for_recipient(row, question)
    ):
        return False
    purposes = row.purposes
    for accepted in question.accepts:
        if not purposes & accepted:
            return False
    if question.disease and not purposes & question.disease:
        if not purposes & _BY_DISEASE or not question.closures:
            return False
        return all(not row.diseases.isdisjoint(closure) for closure in question.closures)
    return True


def _touches(row: Row, question: Question) -> bool:
    request = question.request
    return bool(
        row.operations & request.operation
        and row.categories & request.categories
        and row.purposes & question.touches
        and (row.conditions == ANY16 or row.conditions & question.conditions)
        and row.data_from < request.data_until
        and request.data_from < row.data_until
        and _for_recipient(row, question)
    )


def _for_recipient(row: Row, question: Question) -> bool:
    kind = row.recipient_kind
    if kind == _ANYBODY:
        return True
    if kind == _INSTITUTION:
        return row.recipient == question.institution
    return kind == _STUDY and row.recipient == question.study
