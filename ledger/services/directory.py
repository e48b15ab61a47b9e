"""Directory acts and enrolments, for institutions and reviewers whose keys the service keeps.

Each function builds the act, has the kept key sign it, and submits it. Those who keep their own keys sign elsewhere
and hand the finished act to ``submit``. New ids are 32 random bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ledger.domain.acts import (
    Act,
    EngineRegistration,
    Enrolment,
    InstitutionAdmission,
    InstitutionSuspension,
    ReviewerNaming,
    StudyApproval,
    StudyProposal,
    StudyTransition,
    TermsPublication,
)
from ledger.domain.consent import ZERO_ID
from ledger.domain.directory import InstitutionState, Reviewer, Study, StudyState
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import Item
from ledger.domain.passkey import Invitation, Passkey
from ledger.domain.vocabulary import ANY16, FOREVER, KNOWN_OPERATIONS, Capacity
from ledger.errors import InvalidInput, NotFound, Replayed, UnknownCode, WrongState
from ledger.services.context import Context
from ledger.services.submit import submit

DEADLINE_SECONDS = 86_400
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class NewSubject:
    """A subject to enrol; ``subject`` None: a fresh random id is made."""

    signer: bytes
    subject: bytes | None = None
    capacity: int = Capacity.SELF
    since: int = 0
    until: int = FOREVER
    form: bytes = ZERO_ID


def admit_institution(
    context: Context,
    name: str,
    *,
    id: bytes | None = None,
    signer: bytes | None = None,
) -> tuple[Item, bytes, bytes]:
    """Admit an institution; without a signer a key is made and kept. Returns the item, the id and the signer."""
    identity = id or context.entropy.token(32)
    key = signer or context.keys.create()
    return _send(context, InstitutionAdmission(id=identity, name=_name(name), signer=key)), identity, key


def set_institution_state(context: Context, id: bytes, state: InstitutionState) -> Item:
    """Suspend an institution or take it back."""
    if context.mirror.institution(id) is None:
        raise NotFound(f"institution {to_hex(id)} is not admitted")
    return _send(context, InstitutionSuspension(id=id, state=state))


def name_reviewer(
    context: Context,
    name: str,
    *,
    id: bytes | None = None,
    signer: bytes | None = None,
    active: bool = True,
) -> tuple[Item, bytes, bytes]:
    """Name a reviewer; without a signer a key is made and kept. Returns the item, the id and the signer."""
    identity = id or context.entropy.token(32)
    key = signer or context.keys.create()
    return _send(context, ReviewerNaming(id=identity, name=_name(name), signer=key, active=active)), identity, key


def publish_terms(
    context: Context, hash: bytes, version: int, language: str, uri: str, *, text: str | None = None
) -> Item:
    """Publish a consent text by its SHA-256; versions start at 1 and rise. The text, if given, is kept to be shown."""
    if not 0 < version < 1 << 32:
        raise InvalidInput("the version of a text is a whole number from 1")
    if text is not None and context.texts.keep(text) != hash:
        raise InvalidInput("the text has another hash than the one to publish")
    return _send(context, TermsPublication(hash=hash, version=version, language=language, uri=uri))


def propose_study(context: Context, study: Study) -> Item:
    """Propose a study (its number and state are ignored) for an institution whose key is kept here."""
    study.check()
    now = context.clock.now()
    if study.ethics_until <= now:
        raise InvalidInput("the ethics approval has ended already")
    act = StudyProposal(
        id=study.id,
        institution=study.institution,
        title=_name(study.title),
        uses=study.uses,
        conditions=study.conditions,
        required_terms=study.required_terms,
        ethics=study.ethics,
        ethics_until=study.ethics_until,
        diseases=study.diseases,
        deadline=now + DEADLINE_SECONDS,
    )
    return submit(context, [context.keys.sign(act, _institution_key(context, study.institution))])[0]


def approve_study(context: Context, study: bytes, reviewer: bytes) -> Item:
    """Approve a study with the kept key of a reviewer."""
    named = context.mirror.history("Reviewer", reviewer)
    fact = named[-1].fact if named else None
    if not isinstance(fact, Reviewer):
        raise NotFound(f"{to_hex(reviewer)} is not a reviewer")
    act = StudyApproval(id=study, reviewer=reviewer, deadline=context.clock.now() + DEADLINE_SECONDS)
    return submit(context, [context.keys.sign(act, fact.signer)])[0]


def set_study_state(context: Context, study: bytes, to: StudyState) -> Item:
    """Move a study to another state with the kept key of its institution."""
    held = context.mirror.study(study)
    if held is None:
        raise NotFound(f"study {to_hex(study)} is not registered")
    steps = {
        StudyState.ACTIVE: {StudyState.APPROVED, StudyState.SUSPENDED},
        StudyState.SUSPENDED: {StudyState.ACTIVE},
        StudyState.CLOSED: set(StudyState) - {StudyState.CLOSED},
    }
    if held.state not in steps.get(to, set()):
        raise WrongState(f"the study is {held.state.name.lower()} and cannot become {to.name.lower()}")
    act = StudyTransition(id=study, from_state=held.state, to_state=to, deadline=context.clock.now() + DEADLINE_SECONDS)
    return submit(context, [context.keys.sign(act, _institution_key(context, held.institution))])[0]


def register_engine(
    context: Context,
    institution: bytes,
    name: str,
    operations: int,
    *,
    id: bytes | None = None,
    signer: bytes | None = None,
) -> tuple[Item, bytes, bytes]:
    """Register an engine of an institution whose key is kept here. Returns the item, the id and the signer."""
    if not operations or operations == ANY16 or operations & ~KNOWN_OPERATIONS:
        raise UnknownCode("an engine names each of its operations")
    key = _institution_key(context, institution)
    identity = id or context.entropy.token(32)
    own = signer or context.keys.create()
    act = EngineRegistration(
        id=identity,
        institution=institution,
        name=_name(name),
        signer=own,
        operations=operations,
        deadline=context.clock.now() + DEADLINE_SECONDS,
    )
    return submit(context, [context.keys.sign(act, key)])[0], identity, own


def enrol(context: Context, institution: bytes, subjects: Sequence[NewSubject]) -> list[tuple[Item, bytes]]:
    """Enrol subjects with the kept key of their custodian. Returns an item and the subject's id for each."""
    key = _institution_key(context, institution)
    deadline = context.clock.now() + DEADLINE_SECONDS
    named = [replace(new, subject=new.subject or context.entropy.token(32)) for new in subjects]
    acts = [
        context.keys.sign(
            Enrolment(
                subject=new.subject or ZERO_ID,
                custodian=institution,
                first_signer=new.signer,
                capacity=new.capacity,
                since=new.since,
                until=new.until,
                form=new.form,
                deadline=deadline,
            ),
            key,
        )
        for new in named
    ]
    items = submit(context, acts)
    return [(item, new.subject or ZERO_ID) for item, new in zip(items, named, strict=True)]


def invite(context: Context, invitation: Invitation) -> None:
    """Promise to enrol a subject with the first passkey that it registers.

    Raises:
        NotFound: The custodian is not admitted, or its key is not kept here.
        Replayed: The subject is enrolled already.
    """
    _institution_key(context, invitation.custodian)
    cursor = context.mirror.cursor()
    if cursor is not None and context.mirror.consents_at(invitation.subject, cursor.block.number) is not None:
        raise Replayed(f"subject {to_hex(invitation.subject)} is enrolled already; a signer in authority adds passkeys")
    context.passkeys.invite(invitation)


def enrol_invited(context: Context, passkey: Passkey) -> Item | None:
    """Enrol an invited subject with a passkey; None where it is not invited (any more), or is enrolled already."""
    invited = context.passkeys.invitation(passkey.subject)
    if invited is None:
        return None
    new = NewSubject(
        passkey.signer, passkey.subject, invited.capacity, since=invited.since, until=invited.until, form=invited.form
    )
    try:
        ((item, _),) = enrol(context, invited.custodian, [new])
    except Replayed:  # another passkey was first
        return None
    return item


def _send(context: Context, act: Act) -> Item:
    return submit(context, [act])[0]


def _institution_key(context: Context, institution: bytes) -> bytes:
    held = context.mirror.institution(institution)
    if held is None:
        raise NotFound(f"institution {to_hex(institution)} is not admitted")
    return held.signer


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInput(f"a name or title has 1 to {LONGEST_NAME} printable characters")
    return name
