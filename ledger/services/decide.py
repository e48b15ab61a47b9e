"""Deciding: from a request to an answer, and from an answer to a record that can be held against us.

Invariants: an answer is as of one block; what waits in the outbox already counts against the request; on an erased
subject the answer is no; a recorded answer is in the audit log, durable, before its receipt is given out; no answer is
ever made from an error.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypedDict

from ledger.domain.audit import DecisionRecord, Kind, Member, NewEntry
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import POLICY_VERSION, Request
from ledger.domain.sheet import Sheet
from ledger.domain.wording import operation_word, request_to_json
from ledger.errors import InvalidInput, NotFound
from ledger.services.answer import Answer
from ledger.services.append import Appended, Appender
from ledger.services.context import Context, View
from ledger.services.finality import withhold
from ledger.services.pending import ChangingAct, still_permitted
from ledger.services.registers import LEAST
from ledger.transparency import canonical
from ledger.transparency.cohort import Cohort, CohortCommitment
from ledger.transparency.receipt import Answer as AnswerWord
from ledger.transparency.receipt import ConsentVersion, DecisionReceipt, Duty, issue_decision

SALT_BYTES = 16
LEAST_SHEET = 16
"""Subjects from which on columns are cheaper than an object a subject."""
_WORDS: dict[Outcome, AnswerWord] = {Outcome.PERMIT: "permit", Outcome.DENY: "deny", Outcome.ABSTAIN: "abstain"}


class Freshness(TypedDict, total=False):
    """How new, and how firm, an answer must be; the keywords of ``look`` and ``record``."""

    at_least_block: int
    finalized: bool


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer that was given out: its id, commitment, place in the log and signed receipt."""

    id: str
    answer: Answer
    commitment: CohortCommitment
    log: bytes
    appended: Appended
    receipt: str


def look(
    context: Context,
    request: Request,
    subjects: Sequence[bytes],
    *,
    at_least_block: int = 0,
    finalized: bool = False,
    in_columns: bool = False,
) -> Answer:
    """Decide without a record: for screens and checks beforehand, not to act on.

    Args:
        context: The ports.
        request: What is asked.
        subjects: Whom about; each once.
        at_least_block: The answer must be as of this block or a later one.
        finalized: Permit only what was permitted at the newest final block too.
        in_columns: Give the decisions as a ``Sheet`` where that can be: the same, and much faster for many.

    Raises:
        NotReady: No answer can be given now; treat it as deny.
        InvalidInput: A subject is named twice.
    """
    view = context.decider.view(at_least_block=at_least_block)
    return _answer(context, view, request, subjects, finalized=finalized, in_columns=in_columns)


def look_at(
    context: Context, request: Request, subject: bytes, *, at_least_block: int = 0
) -> tuple[Decision, int, Block]:
    """As ``look``, on one subject and without what an answer on several needs: the question that is asked most.

    Returns:
        The decision, its instant (seconds UTC), and the block that it is as of.

    Raises:
        NotReady: No answer can be given now; treat it as deny.
    """
    view = context.decider.view(at_least_block=at_least_block)
    at = context.clock.now()
    decisions = view.decide(request, (subject,), at)
    latest = context.latest.now()
    waiting = context.pending.at(view.block, latest.act)
    forgotten = context.forgotten.now(latest.erasure)
    if subject in waiting or subject in forgotten:
        _restrict(context, view, request, (subject,), decisions, at, waiting, forgotten)
    return decisions[0], at, view.block


def record(
    context: Context,
    appender: Appender,
    request: Request,
    subjects: Sequence[bytes] | None,
    *,
    custodian: bytes | None = None,
    at_least_block: int = 0,
    finalized: bool = False,
) -> RecordedAnswer:
    """Decide, commit to the considered rows, write the entry, and sign the receipt.

    Args:
        context: The ports.
        appender: The sequencer.
        request: What is asked; its engine must be registered and its study known.
        subjects: Whom about, each once; None: all enrolled subjects (of ``custodian``, if one is named) that
            are not erased.
        custodian: Whose subjects, when ``subjects`` is None.
        at_least_block: The answer must be as of this block or a later one.
        finalized: Permit only what was permitted at the newest final block too.

    Raises:
        NotReady: No answer can be given now; treat it as deny.
        NotFound: The study or the engine is not in the directory; nothing was written.
    """
    view = context.decider.view(at_least_block=at_least_block)
    setting = view.setting(request)
    if setting.engine is None:
        raise NotFound(f"engine {to_hex(request.engine)} is not registered; its institution must register it first")
    if setting.study is None:
        raise NotFound(f"study {to_hex(request.study)} is not registered")
    asked: Any = {"listed": len(subjects)} if subjects is not None else "all"
    if subjects is None and custodian is not None:
        asked = {"custodian": to_hex(custodian)}
    if subjects is None:  # nobody is behind an erased id any more, so it is not among all
        forgotten = context.forgotten.now()
        subjects = [subject for subject in view.subjects(custodian) if subject not in forgotten]
    answer = _answer(context, view, request, subjects, finalized=finalized, in_columns=len(subjects) >= LEAST_SHEET)
    log = setting.engine.institution
    identity = to_hex(context.entropy.token(32))
    request_bytes = canonical.encode(request_to_json(request) | {"subjects": asked})
    members, commitment = _commit(context, answer)
    over = None
    if len(subjects) >= LEAST:
        over = context.registers.commit(view, identity, subjects, answer.flags)
    receipt = issue_decision(_receipt(identity, request_bytes, answer, commitment), context.log_keys.receipts)

    def keep(index: int) -> tuple[DecisionRecord, Sequence[Member]]:
        return (
            DecisionRecord(
                id=identity,
                log=log,
                index=index,
                study=request.study,
                engine=request.engine,
                request=request_bytes,
                receipt=receipt,
                block_number=answer.block.number,
                block_hash=answer.block.hash,
                at=answer.at,
                permitted=sum(answer.flags),
                considered=len(answer.subjects),
            ),
            members,
        )

    appended = appender.append(
        log, identity, [_entry(identity, request, request_bytes, answer, commitment, over, receipt)], keep
    )
    return RecordedAnswer(identity, answer, commitment, log, appended, receipt)


def _answer(
    context: Context,
    view: View,
    request: Request,
    subjects: Sequence[bytes],
    *,
    finalized: bool,
    in_columns: bool = False,
) -> Answer:
    if len(set(subjects)) != len(subjects):
        raise InvalidInput("a subject is named twice; name each once")
    at = context.clock.now()
    sheet = view.sheet(request, subjects, at) if in_columns and not finalized else None
    decisions: list[Decision] | Sheet
    if sheet is None:
        decisions = view.decide(request, subjects, at)
        if finalized:
            withhold(context, view.block, request, subjects, decisions, at)
    else:
        decisions = sheet
    latest = context.latest.now()
    waiting = context.pending.at(view.block, latest.act)
    _restrict(context, view, request, subjects, decisions, at, waiting, context.forgotten.now(latest.erasure))
    return Answer(request, subjects, decisions, at, view.block)


def _restrict(
    context: Context,
    view: View,
    request: Request,
    subjects: Sequence[bytes],
    decisions: list[Decision] | Sheet,
    at: int,
    waiting: Mapping[bytes, tuple[ChangingAct, ...]],
    forgotten: AbstractSet[bytes],
) -> None:
    """Count what the chain does not show: acts that wait, and erasures."""
    if waiting:
        setting = view.setting(request)
        for place, subject in enumerate(subjects):
            if subject not in waiting or not decisions[place].permitted:
                continue
            held = context.mirror.consents_at(subject, view.block.number) or ()
            if not still_permitted(request, setting, held, waiting[subject], at, context.mirror):
                now = decisions[place]
                decisions[place] = Decision(
                    Outcome.DENY, Reason.PENDING_WITHDRAWAL, now.consent, now.version, now.valid_until
                )
    for place, subject in enumerate(subjects if forgotten else ()):
        if subject in forgotten:
            decisions[place] = Decision(Outcome.DENY, Reason.ERASED)


def _commit(context: Context, answer: Answer) -> tuple[list[Member], CohortCommitment]:
    salts = context.entropy.token(SALT_BYTES * len(answer.subjects))
    cohort = Cohort(answer.subjects, answer.flags, salts)
    members = [
        Member(
            subject=subject,
            salt=salts[SALT_BYTES * place : SALT_BYTES * (place + 1)],
            outcome=kind.outcome.value,
            reason=kind.reason.value,
            consent=consent,
            version=version,
        )
        for place, (subject, (kind, consent, version)) in enumerate(
            zip(answer.subjects, _rows(answer.decisions), strict=True)
        )
    ]
    return members, cohort.commitment


def _rows(decisions: Sequence[Decision]) -> Iterator[tuple[Decision, bytes | None, int]]:
    """What is kept of each: outcome and reason, and the consent that decided with its version."""
    if isinstance(decisions, Sheet):
        return decisions.rows()
    return ((one, one.consent, one.version) for one in decisions)


def _receipt(identity: str, request: bytes, answer: Answer, commitment: CohortCommitment) -> DecisionReceipt:
    # A receipt about many binds them by the commitment alone: consent ids in it would link subjects across receipts.
    single = answer.decisions[0] if len(answer.decisions) == 1 else None
    deciding = () if single is None or single.consent is None else (ConsentVersion(single.consent, single.version),)
    return DecisionReceipt(
        decision=identity,
        request=sha256(request).digest(),
        at=answer.at,
        outcome=_WORDS[answer.outcome],
        reasons=tuple(answer.reasons or ["no_subjects"]),
        consents=deciding,
        block_number=answer.block.number,
        block_hash=answer.block.hash,
        policy=POLICY_VERSION,
        valid_until=answer.valid_until,
        cohort=commitment,
        codes=tuple(answer.codes),
        obligations=tuple(Duty(duty.id, duty.properties) for duty in answer.obligations),
    )


def _entry(
    identity: str,
    request: Request,
    request_bytes: bytes,
    answer: Answer,
    commitment: CohortCommitment,
    over: dict[str, Any] | None,
    receipt: str,
) -> NewEntry:
    return NewEntry(
        kind=Kind.DECISION,
        actor=f"engine:{to_hex(request.engine)}",
        study=to_hex(request.study),
        engine=to_hex(request.engine),
        operation=operation_word(request.operation),
        decision=identity,
        block=(answer.block.number, to_hex(answer.block.hash)),
        facts={
            "outcome": _WORDS[answer.outcome],
            "request": to_hex(sha256(request_bytes).digest()),
            "receipt": to_hex(sha256(receipt.encode()).digest()),
            "at": answer.at,
            "considered": len(answer.subjects),
            "permitted": sum(answer.flags),
            "excluded": {reason.code: count for reason, count in sorted(answer.excluded.items())},
            "cohort": {"size": commitment.size, "root": to_hex(commitment.root)},
            "policy": POLICY_VERSION,
            **({} if over is None else {"register": over}),
        },
    )
