"""Taking in signed acts: everything the chain would refuse is refused here first, with words.

Invariants: all acts of a request are accepted, or none; an accepted act is durable when this returns; the same act
again is the same item. A withdrawal is never refused for anything but its form, its signature or its signer.
"""

from collections.abc import Sequence

from ledger.domain.acts import (
    Act,
    Anchoring,
    ConsentAct,
    DatasetAmendment,
    DatasetClosure,
    DatasetRegistration,
    EngineRegistration,
    EngineRevocation,
    Enrolment,
    InstitutionAdmission,
    RecoveryCompletion,
    RecoveryObjection,
    RecoveryProposal,
    SignerAddition,
    SignerRemoval,
    StudyApproval,
    StudyProposal,
    StudyTransition,
    TermsPublication,
    Withdrawal,
    WithdrawalOfAll,
)
from ledger.domain.consent import ZERO_ID
from ledger.domain.directory import InstitutionState, Reviewer
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import Item, ItemState
from ledger.domain.release import read_purpose
from ledger.domain.vocabulary import FOREVER, Capacity, RecipientKind
from ledger.errors import (
    BadSignature,
    ConsentryError,
    DeadlinePassed,
    Forbidden,
    InvalidInput,
    NotFound,
    Replayed,
    TooLarge,
    WrongState,
)
from ledger.services.ahead import Ahead
from ledger.services.context import Context
from ledger.services.custody import check_dataset, check_recovery

_SignersAct = ConsentAct | Withdrawal | WithdrawalOfAll | SignerAddition | SignerRemoval | RecoveryObjection
CLOCK_SKEW = 300
"""Seconds that a device's clock may be ahead, as in the contract (``ConsentRegistry.MAX_SKEW``)."""
LONGEST_SIGNATURE = 65
ADDRESS_BYTES = 20
LONGEST_SIGNER = 1024


def submit(context: Context, acts: Sequence[Act]) -> list[Item]:
    """Check signed acts and accept all of them, or none.

    Args:
        context: The ports.
        acts: In the order in which they are to count.

    Returns:
        One item an act, in order.

    Raises:
        ConsentryError: The first act that is refused; ``error.index`` is its place.
    """
    if not acts:
        raise InvalidInput("no acts were sent; send at least one")
    if len(acts) > context.limits.most_batch:
        raise TooLarge(f"{len(acts)} acts in one request; at most {context.limits.most_batch} are accepted")
    now = context.clock.now()
    batch: list[tuple[bytes, Act]] = []
    by_keys: list[Act] = []
    digests, malformed = _digests(context, acts)
    ahead = Ahead(context, acts[: len(digests)], digests)
    forgotten = context.forgotten.now()
    for index, (act, digest) in enumerate(zip(acts, digests, strict=False)):
        try:
            known = ahead.item(digest)
            if known is None or known.state is ItemState.REFUSED:
                if isinstance(act, ConsentAct) and act.subject in forgotten:
                    raise WrongState("this subject was erased, so its consents cannot count; enrol the patient anew")
                check(context, act, digest, now, ahead)
        except ConsentryError as problem:
            problem.index = index
            raise
        ahead.note(act)
        batch.append((digest, act))
        if known is None and len(getattr(act, "signer", b"")) > ADDRESS_BYTES:
            by_keys.append(act)
    if malformed is not None:
        raise malformed
    context.passkeys.check_counters(by_keys)
    return context.outbox.accept(batch, at=now)


def _digests(context: Context, acts: Sequence[Act]) -> tuple[list[bytes], ConsentryError | None]:
    """The digests of the acts, up to the first that has none, and why it has none."""
    digests: list[bytes] = []
    for act in acts:
        try:
            digests.append(context.writer.digest(act))
        except ConsentryError as problem:
            problem.index = len(digests)
            return digests, problem
    return digests, None


def check(  # noqa: C901, PLR0912, PLR0915 - one case an act
    context: Context, act: Act, digest: bytes, now: int, ahead: Ahead
) -> None:
    """Refuse an act that the chain would refuse.

    Raises:
        ConsentryError: What is wrong, in words.
    """
    _check_deadline(act, now, context.limits.longest_deadline)
    match act:
        case Enrolment():
            _check_enrolment(context, act, ahead)
            context.checker.admit(act.first_signer)
        case ConsentAct() | Withdrawal() | WithdrawalOfAll() | SignerAddition() | SignerRemoval() | RecoveryObjection():
            capacity = _check_signer(context, act, digest, now, ahead)
            if isinstance(act, ConsentAct):
                if act.issued_at > now + CLOCK_SKEW:
                    raise InvalidInput(f"the act is issued in the future ({act.issued_at}, it is {now}); set the clock")
                _check_consent(act, capacity, ahead)
            elif isinstance(act, SignerAddition | SignerRemoval) and capacity == Capacity.STAFF:
                raise Forbidden("staff may not change who signs for a subject; a signer of the subject's own can")
            elif isinstance(act, SignerAddition):
                _check_given(act, ahead)
                _check_new_signer(act.new_signer, act.capacity, act.since, act.until, act.form)
                context.checker.admit(act.new_signer)
        case RecoveryProposal() | RecoveryCompletion():
            check_recovery(context, act, now)
            if isinstance(act, RecoveryProposal):
                _check_new_signer(act.new_signer, act.capacity, act.since, act.until, act.form)
                context.checker.admit(act.new_signer)
        case DatasetRegistration() | DatasetAmendment() | DatasetClosure():
            check_dataset(context, act)
        case InstitutionAdmission():
            _check_unused(context.mirror.institution(act.id), "institution", act.id)
        case TermsPublication():
            _check_unused(context.mirror.terms(act.hash), "text", act.hash)
        case StudyProposal() | EngineRegistration():
            if isinstance(act, StudyProposal):
                read_purpose(act.purpose)
                _check_unused(context.mirror.study(act.id), "study", act.id)
            else:
                _check_unused(context.mirror.engine(act.id), "engine", act.id)
            institution = context.mirror.institution(act.institution)
            if institution is None:
                raise NotFound(f"institution {to_hex(act.institution)} is not admitted")
            context.checker.check(act, institution.signer)
        case StudyTransition():
            context.checker.check(act, _study_owner(context, act.id))
        case EngineRevocation():
            engine = context.mirror.engine(act.id)
            owner = None if engine is None else context.mirror.institution(engine.institution)
            if owner is None:
                raise NotFound(f"engine {to_hex(act.id)} is not registered")
            context.checker.check(act, owner.signer)
        case StudyApproval():
            _study_owner(context, act.id)
            reviewers = context.mirror.history("Reviewer", act.reviewer)
            reviewer = reviewers[-1].fact if reviewers else None
            if not isinstance(reviewer, Reviewer) or not reviewer.active:
                raise NotFound(f"{to_hex(act.reviewer)} is not a reviewer")
            context.checker.check(act, reviewer.signer)
        case Anchoring():
            institution = context.mirror.institution(act.log)
            if institution is None:
                raise NotFound(f"institution {to_hex(act.log)} is not admitted, so its log cannot be anchored")
            context.checker.check(act, institution.signer)


def _check_unused(held: object, kind: str, id: bytes) -> None:
    if held is not None:
        raise Replayed(f"{kind} {to_hex(id)} is in the directory already; it cannot be registered again")


def _check_deadline(act: Act, now: int, longest: int) -> None:
    deadline = getattr(act, "deadline", None)
    if deadline is None:
        return
    if deadline <= now:
        raise DeadlinePassed(f"the act's deadline {deadline} has passed (it is {now}); sign it again with a later one")
    if deadline > now + longest:
        raise InvalidInput(f"the deadline lies more than {longest // 86_400} days ahead; choose an earlier one")


def _check_enrolment(context: Context, act: Enrolment, ahead: Ahead) -> None:
    institution = ahead.institution(act.custodian)
    if institution is None:
        raise NotFound(f"institution {to_hex(act.custodian)} is not admitted")
    if institution.state is not InstitutionState.ACTIVE:
        raise WrongState(f"institution {to_hex(act.custodian)} is suspended and cannot enrol")
    if ahead.enrolled(act.subject):
        raise Replayed(f"subject {to_hex(act.subject)} is enrolled already; make a new random id")
    _check_new_signer(act.first_signer, act.capacity, act.since, act.until, act.form)
    context.checker.check(act, institution.signer)


def _check_new_signer(signer: bytes, capacity: int, since: int, until: int, form: bytes) -> None:
    if not ADDRESS_BYTES <= len(signer) <= LONGEST_SIGNER or not any(signer[:ADDRESS_BYTES]):
        raise InvalidInput(f"a signer has {ADDRESS_BYTES} bytes (an address) to {LONGEST_SIGNER}; the address not zero")
    if capacity not in set(Capacity):
        raise InvalidInput(f"capacity {capacity} is not in the vocabulary")
    if not 0 <= since < until <= FOREVER:
        raise InvalidInput("a signer's authority must start before it ends")
    if capacity == Capacity.STAFF and form == ZERO_ID:
        raise InvalidInput("a staff signer needs the hash of the paper form")


def _check_signer(context: Context, act: _SignersAct, digest: bytes, now: int, ahead: Ahead) -> int:
    """The signer has authority now, and signed; returns the capacity."""
    authority = ahead.authority(act.subject, act.signer)
    if authority is None:
        if not ahead.enrolled(act.subject):
            raise NotFound(f"subject {to_hex(act.subject)} is not enrolled")
        raise BadSignature("this key may not sign for this subject; sign with a key that was added for it")
    capacity, since, until = authority
    if not since <= now < until:
        raise BadSignature("this key's authority for the subject does not hold at this time")
    context.checker.check(act, act.signer, digest)
    return capacity


def _check_given(act: SignerAddition, ahead: Ahead) -> None:
    """Who acts for another person gives no more than they have, in whatever capacity."""
    authority = ahead.authority(act.subject, act.signer)
    assert authority is not None  # it was found a moment ago
    capacity, since, until = authority
    if capacity in (Capacity.GUARDIAN, Capacity.PROXY) and not (since <= act.since and act.until <= until):
        raise Forbidden(
            f"a guardian or proxy can give others no more than the own time, from {since} until {until}; ask for less, "
            "or let the custodian recover the subject's own key"
        )


def _check_consent(act: ConsentAct, capacity: int, ahead: Ahead) -> None:
    act.scope.check()
    if capacity == Capacity.STAFF and act.form == ZERO_ID:
        raise InvalidInput("a consent signed by staff needs the hash of the paper form")
    if ahead.terms(act.scope.terms) is None:
        raise NotFound(f"the text {to_hex(act.scope.terms)} is not published; show a published one")
    _check_recipient(ahead, act)
    current = ahead.version(act.subject, act.id)
    if act.version != current + 1:
        if act.version <= current:
            raise Replayed(f"version {act.version} of this consent is there already; the next one is {current + 1}")
        raise WrongState(f"version {act.version} does not follow version {current}")


def _check_recipient(ahead: Ahead, act: ConsentAct) -> None:
    recipient = act.scope.recipient
    known: object = True
    if act.scope.recipient_kind == RecipientKind.INSTITUTION:
        known = ahead.institution(recipient)
    elif act.scope.recipient_kind == RecipientKind.STUDY:
        known = ahead.study(recipient)
    if known is None:
        raise NotFound(f"the recipient {to_hex(recipient)} is not in the directory")


def _study_owner(context: Context, study: bytes) -> bytes:
    found = context.mirror.study(study)
    owner = None if found is None else context.mirror.institution(found.institution)
    if owner is None:
        raise NotFound(f"study {to_hex(study)} is not registered")
    return owner.signer
