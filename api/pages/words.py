"""Plain words for consents, uses and entries.

For patients: short sentences, reading grade 6, and none of the machinery. What is said follows from the records alone;
where a record is missing the words say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.audit import Kind
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.decision import Outcome, Reason
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    CATEGORY_TERMS,
    CONDITION_TERMS,
    FOREVER,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    USE_TERMS,
    Effect,
    RecipientKind,
    Term,
)
from ledger.services.context import Context
from ledger.services.uses import Use
from ledger.transparency.canonical import decode_object

WHY_BLOCKED: Final[dict[Reason, str]] = {
    Reason.DENIED_BY_SUBJECT: "You said no to this.",
    Reason.PENDING_WITHDRAWAL: "You had just taken your yes back.",
    Reason.NOT_FINAL: "Your yes was too new to rely on yet.",
    Reason.ERASED: "You asked to be erased.",
    Reason.NO_CONSENT: "There was no yes from you that counted.",
    Reason.NOT_COVERED: "What you said yes to does not cover this.",
    Reason.RECONSENT_REQUIRED: "The text has changed since you said yes. You would have to be asked again.",
    Reason.STUDY_NOT_ACTIVE: "The study was not open.",
    Reason.ETHICS_EXPIRED: "The study's approval had ended.",
    Reason.INSTITUTION_NOT_ACTIVE: "The organisation was not allowed to use data.",
    Reason.ENGINE_NOT_ACTIVE: "The program was not allowed to run.",
    Reason.ENGINE_OF_ANOTHER_INSTITUTION: "The program belongs to another organisation than the study.",
    Reason.DATASET_UNKNOWN: "It asked for a collection of data that does not exist.",
    Reason.DATASET_NOT_ACTIVE: "The collection of data that it asked for is closed.",
    Reason.DATASET_OF_ANOTHER_CUSTODIAN: "It asked for another organisation's data.",
    Reason.DATA_USE_DENIED: "The organisation that keeps your data does not allow this kind of study.",
    Reason.DATA_USE_UNKNOWN: "The study did not say enough for the rules of the organisation that keeps your data.",
    Reason.ONTOLOGY_DISAGREES: "It was not certain that the study is about the disease that it names.",
    Reason.OPERATION_NOT_REGISTERED: "The program is not approved for this kind of work.",
}


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """One consent, for a patient. ``state`` is one of now, later, ended, stopped; ``id`` is for links alone."""

    id: str
    yes: bool
    state: str
    state_words: str
    who: str
    what_for: list[str]
    also: list[str]
    not_also: list[str]
    data: list[str]
    how: list[str]
    dates: tuple[int, int | None]
    recorded: tuple[int, int | None] | None


@dataclass(frozen=True, slots=True)
class UseWords:
    """One use or attempt, for a patient. ``state`` is one of used, allowed, blocked."""

    time: int
    state: str
    headline: str
    program: str
    organisation: str
    study: str
    what_for: list[str]
    data: list[str]
    how: str
    why: str
    sealed: bool


def consent_words(context: Context, held: Consent, now: int) -> ConsentWords:
    """A consent in words, as it stands at ``now`` (seconds UTC)."""
    scope = held.scope
    end = held.valid_until
    yes = scope.effect == Effect.PERMIT
    if held.state is ConsentState.WITHDRAWN:
        state, words = "stopped", "You stopped this. It does not count any more."
    elif now < scope.valid_from:
        state, words = "later", "This has not started yet."
    elif now >= end:
        state, words = "ended", "This has ended. It does not count any more."
    else:
        state, words = "now", "This counts now."
    conditions = scope.conditions
    return ConsentWords(
        id="0x" + held.id.hex(),
        yes=yes,
        state=state,
        state_words=words,
        who=_recipient(context, held),
        what_for=_words(scope.purposes, PURPOSE_TERMS, ANY16, "any use at all"),
        also=_words(conditions, CONDITION_TERMS, ANY16, "anything else a study may need"),
        not_also=[] if conditions == ANY16 else [term.words for term in CONDITION_TERMS if not conditions & term.bit],
        data=_words(scope.categories, CATEGORY_TERMS, ANY32, "all your health data"),
        how=_words(scope.operations, OPERATION_TERMS, ANY16, "any way of working with data"),
        dates=(scope.valid_from, None if end >= FOREVER else end),
        recorded=None
        if (scope.data_from, scope.data_until) == (0, FOREVER)
        else (scope.data_from, None if scope.data_until >= FOREVER else scope.data_until),
    )


def use_words(use: Use, sealed: bool) -> UseWords:
    """A use in words; ``sealed``: the proofs of its entries were just computed and hold."""
    permitted = use.member.outcome == Outcome.PERMIT
    kinds = {str(decode_object(entry.canonical)["kind"]) for entry in use.entries}
    state, headline = "blocked", "Your data was not used"
    if permitted:
        state, headline = _progress(kinds)
    study = use.study
    operation = [term.words for term in OPERATION_TERMS if term.bit == use.request.operation]
    return UseWords(
        time=use.record.at,
        state=state,
        headline=headline,
        program="A program that is not in the list" if use.engine is None else use.engine.name,
        organisation="an unknown organisation" if use.institution is None else use.institution.name,
        study="a study that is not in the list" if study is None else study.title,
        what_for=[] if study is None else [term.words for term in USE_TERMS if study.uses & term.bit],
        data=[term.words for term in CATEGORY_TERMS if use.request.categories & term.bit],
        how=operation[0] if operation else "in a way that is not known",
        why="" if permitted else WHY_BLOCKED.get(Reason(use.member.reason), "It was not allowed."),
        sealed=sealed,
    )


def _progress(kinds: set[str]) -> tuple[str, str]:
    if kinds & {Kind.COMPLETED, Kind.ACCESSED, Kind.DISCLOSED, Kind.DERIVED}:
        return "used", "Your data was used"
    if Kind.WITHHELD in kinds:
        return "allowed", "It was stopped: no result was given out"
    if Kind.FAILED in kinds:
        return "allowed", "It did not finish"
    if Kind.STARTED in kinds:
        return "used", "Your data is being used"
    return "allowed", "No use is recorded yet"


def sentence(document: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What an entry says, in one sentence.

    Args:
        document: The entry.
        names: Names of studies, engines and institutions by their 0x-hex id.
    """
    facts = document["facts"] if isinstance(document["facts"], Mapping) else {}
    actor = str(document["actor"]).partition(":")[2]
    who = names.get(str(document["engine"])) or names.get(actor) or "The service"
    study = names.get(str(document["study"]))
    whose = f" for “{study}”" if study else ""
    kind = document["kind"]
    if kind == Kind.DECISION:
        counts = f"{facts.get('permitted', '?')} of {facts.get('considered', '?')} patients allow it"
        verdict = "may go on" if facts.get("outcome") == "permit" else "was refused"
        return f"{who} asked{whose} and {verdict}: {counts}."
    verbs: dict[object, str] = {
        Kind.STARTED: "started a computation",
        Kind.COMPLETED: "completed a computation",
        Kind.FAILED: "did not finish a computation",
        Kind.WITHHELD: "kept back the result of a computation",
        Kind.ACCESSED: "read data",
        Kind.DISCLOSED: "gave data out",
        Kind.DERIVED: "derived a model",
        Kind.RESERVED: "reserved privacy budget",
        Kind.ERASURE: "erased the personal parts of entries",
        Kind.OVERRIDE: "used data in an emergency, against or without consent",
        Kind.VERIFICATION: "checked this log",
        Kind.ADMINISTRATION: "changed something in the service",
    }
    return f"{who} {verbs.get(kind, 'wrote an entry')}{whose}."


def names_in(context: Context) -> dict[str, str]:
    """Names of institutions, studies and engines by their 0x-hex id."""
    names: dict[str, str] = {}
    for kind, label in (("Institution", "name"), ("Study", "title"), ("Engine", "name")):
        for fact in context.mirror.current(kind):
            names["0x" + getattr(fact, "id", b"").hex()] = str(getattr(fact, label, ""))
    return names


def _recipient(context: Context, held: Consent) -> str:
    scope = held.scope
    if scope.recipient_kind == RecipientKind.INSTITUTION:
        institution = context.mirror.institution(scope.recipient)
        return "an organisation that is not in the list" if institution is None else institution.name
    if scope.recipient_kind == RecipientKind.STUDY:
        study = context.mirror.study(scope.recipient)
        return "a study that is not in the list" if study is None else f"the study “{study.title}”"
    return "any approved study"


def _words(mask: int, terms: Sequence[Term], anything: int, all_words: str) -> list[str]:
    return [all_words] if mask == anything else [term.words for term in terms if mask & term.bit]
