"""Single decisions from the table: the hot path, so it reads plain memory and calls nothing that it can avoid.

Equal to ``ledger.domain.policy.decide`` on the same facts, whatever they are.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.sheet import ID, Sheet
from ledger.snapshot.index import PLAIN
from ledger.snapshot.profiles import COVERS, DENIES, LIVE, STALE, UNREADABLE
from ledger.snapshot.question import Question
from ledger.snapshot.table import UNKNOWN_CUSTODIAN, State

_UNKNOWN_SUBJECT: Final = Decision(Outcome.DENY, Reason.SUBJECT_UNKNOWN)
_PERMIT, _DENY = Outcome.PERMIT, Outcome.DENY
_NO_CONSENT: Final = Reason.NO_CONSENT
_new: Final = tuple.__new__
"""Makes a decision of all its fields in half the time that ``Decision`` itself takes."""
_REASONS: Final = {
    COVERS: (_PERMIT, Reason.PERMITTED),
    STALE: (_DENY, Reason.RECONSENT_REQUIRED),
    DENIES: (_DENY, Reason.DENIED_BY_SUBJECT),
    UNREADABLE: (_DENY, Reason.UNKNOWN_CODE),
}
_REFUSES: Final = DENIES | UNREADABLE
_KINDS: Final = (
    _UNKNOWN_SUBJECT,
    Decision(_DENY, Reason.NO_CONSENT),
    Decision(_DENY, Reason.NOT_COVERED),
    *(Decision(outcome, reason) for outcome, reason in _REASONS.values()),
)
_KIND_OF: Final = np.ones(2 * UNREADABLE, np.uint8)
"""The kind of each verdict on a subject's only consent."""
_KIND_OF[LIVE] = 2
for _place, _verdict in enumerate(_REASONS, 3):
    _KIND_OF[[_verdict, _verdict | LIVE]] = _place

_ALONE: Final = [(_KINDS[kind].outcome, _KINDS[kind].reason, kind > 2) for kind in _KIND_OF.tolist()]
"""By the verdict on a subject's only consent: outcome, reason, and whether the consent is named."""


def answer_all(state: State, question: Question, subjects: Sequence[bytes]) -> list[Decision]:
    """One decision a subject, in order.

    Args:
        state: The table as of a block.
        question: What is asked, compiled against the Directory of the same block.
        subjects: Ids of 32 bytes.
    """
    if question.refusal is not None or question.match is None:
        return [question.refusal or _UNKNOWN_SUBJECT] * len(subjects)
    verdicts = state.shared.profiles.verdicts(question)
    if len(subjects) == 1:
        return [_answer(state, question, verdicts, subjects[0])]
    return [_answer(state, question, verdicts, subject) for subject in subjects]


def answer_sheet(state: State, question: Question, subjects: Sequence[bytes]) -> Sheet:
    """As ``answer_all``, in columns: all who have at most one consent in one pass, the others one by one."""
    if question.refusal is not None or question.match is None:
        return Sheet.of_one(question.refusal or _UNKNOWN_SUBJECT, len(subjects))
    verdicts = state.shared.profiles.verdicts(question)
    sheet = Sheet.of_one(_UNKNOWN_SUBJECT, len(subjects))
    found = state.find_all(subjects)
    known = np.flatnonzero(found >= 0)
    known = known[state.shared.custodian.array[found[known]] != UNKNOWN_CUSTODIAN]
    only = state.only_rows(found[known])
    simple = known[only.simple]
    at, since, end = question.at, only.since, only.until
    early, ended = at < since, at >= end
    verdict = np.asarray(verdicts)[only.profile]
    verdict[~only.alive | early | ended] = 0
    until = np.full(len(simple), question.ethics_until, np.int64)
    for bound, counts in ((since, only.alive & early), (end, only.alive & ~early & ~ended)):
        until[counts] = np.minimum(until[counts], bound[counts])
    decided = (verdict & ~np.uint8(LIVE)) != 0
    sheet.kinds = list(_KINDS)
    np.frombuffer(sheet.of, np.uint8)[simple] = _KIND_OF[verdict]
    np.frombuffer(sheet.named, np.uint8)[simple] = decided
    np.frombuffer(sheet.consents, np.uint8).reshape(-1, ID)[simple] = only.ids
    versions, untils = np.zeros(len(sheet), np.int64), np.array(sheet.untils, np.int64)
    versions[simple], untils[simple] = np.where(decided, only.version, 0), until
    sheet.versions, sheet.untils = versions.tolist(), untils.tolist()
    # Several consents, or one that is not understood, whose version stands apart: as ever.
    for row in [*known[~only.simple].tolist(), *simple[(verdict & UNREADABLE) != 0].tolist()]:
        sheet[row] = _answer(state, question, verdicts, subjects[row])
    return sheet


def _answer(state: State, question: Question, verdicts: memoryview, subject: bytes) -> Decision:
    card = state.shared.finder.card(subject)
    if card is None or not card[PLAIN]:
        return _answer_in_full(state, question, verdicts, subject)
    _, since, end, profile, version, _, place = card
    at, until = question.at, question.ethics_until
    if at < since:
        return _new(Decision, (_DENY, _NO_CONSENT, None, 0, min(until, since), (), ()))
    if at >= end:
        return _new(Decision, (_DENY, _NO_CONSENT, None, 0, until, (), ()))
    until = min(until, end)
    outcome, reason, names = _ALONE[verdicts[profile]]
    if not names:
        return _new(Decision, (outcome, reason, None, 0, until, (), ()))
    shared = state.shared
    consent = shared.first.id(place)
    return _new(
        Decision, (outcome, reason, consent, version or shared.profiles.versions.get(profile, 0), until, (), ())
    )


def _answer_in_full(state: State, question: Question, verdicts: memoryview, subject: bytes) -> Decision:
    """Whatever consents there are, and whatever has become of them."""
    shared = state.shared
    place = state.find(subject)
    if place is None or shared.custodian.view[place] == UNKNOWN_CUSTODIAN:
        return _UNKNOWN_SUBJECT
    at, until = question.at, question.ethics_until
    live = False
    strongest, deciding = 0, None
    for rows, row in state.rows_of(place):
        since, end = rows.since.view[row], rows.until.view[row]
        if at < since:
            until = min(until, since)
            continue
        if at >= end:
            continue
        until = min(until, end)
        verdict = verdicts[rows.profile.view[row]]
        if verdict & LIVE:
            live = True
            verdict ^= LIVE
        elif verdict:
            verdict = _REFUSES  # of two that refuse, the lowest id is named, whatever it is
        if verdict > strongest:
            strongest, deciding = verdict, (rows, row)
        elif verdict and verdict == strongest and deciding is not None and rows.id(row) < deciding[0].id(deciding[1]):
            deciding = rows, row
    if deciding is None:
        return Decision(_DENY, Reason.NOT_COVERED if live else Reason.NO_CONSENT, None, 0, until)
    rows, row = deciding
    profile = rows.profile.view[row]
    outcome, reason = _REASONS[verdicts[profile] & ~LIVE]
    version = rows.version.view[row] or shared.profiles.versions.get(profile, 0)
    return Decision(outcome, reason, rows.id(row), version, until)
