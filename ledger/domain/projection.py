"""From events to facts: the one mapping that the SQL mirror, the replay and the tests share.

``project`` turns one event into the facts that hold after it; a fact replaces the last one with the same key. The
mirror writes facts as intervals of blocks, the ``World`` keeps the current ones in memory. Nothing is read from the
chain but the events themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cache
from typing import Protocol, TypeVar

from ledger.domain import events as ev
from ledger.domain.accesses import unpack_entries
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.directory import (
    Dataset,
    DatasetState,
    Engine,
    EngineState,
    Institution,
    InstitutionState,
    Reviewer,
    Study,
    StudyState,
    Terms,
)
from ledger.domain.policy import Request, Setting
from ledger.domain.vocabulary import Capacity
from ledger.errors import MirrorDiverged

_F = TypeVar("_F")
_capacity = cache(Capacity)  # an enumeration's own look-up takes ten times as long


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient as one custodian knows them."""

    id: bytes
    custodian: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """A signer's authority to act for a subject, in ``[since, until)``."""

    subject: bytes
    signer: bytes
    capacity: Capacity
    since: int
    until: int
    form: bytes
    active: bool = True


class RecoveryState(IntEnum):
    """States of a recovery. One that is replaced by another leaves no state of its own: the fact is the last one."""

    PENDING = 1
    OBJECTED = 2
    COMPLETED = 3


@dataclass(frozen=True, slots=True)
class Recovery:
    """The last recovery of a subject's lost key: who asked for which signer, and when it can be completed.

    ``opens_at`` is in seconds UTC; until it is completed, a signer can object.
    """

    subject: bytes
    id: bytes
    custodian: bytes
    new_signer: bytes
    capacity: Capacity
    since: int
    until: int
    form: bytes
    opens_at: int
    state: RecoveryState = RecoveryState.PENDING


@dataclass(frozen=True, slots=True)
class SpentId:
    """An id that an act of the subject used up without leaving a consent."""

    subject: bytes
    id: bytes


@dataclass(frozen=True, slots=True)
class Approval:
    """A reviewer's approval of a study."""

    study: bytes
    reviewer: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last anchored head of a log."""

    log: bytes
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Access:
    """One access event on the chain."""

    log: bytes
    index: int
    leaf: bytes
    study: bytes
    engine: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """An act that the chain refused, by its digest, and why."""

    digest: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether grants are paused."""

    paused: bool


Fact = (
    Institution
    | Reviewer
    | Terms
    | Study
    | Approval
    | Engine
    | Dataset
    | Subject
    | Authority
    | Recovery
    | SpentId
    | Consent
    | Head
    | Access
    | Refusal
    | Pause
)
Key = tuple[str, bytes, bytes]
"""A fact's kind and up to two identifying values; equal keys replace each other."""


def key_of(fact: Fact) -> Key:  # noqa: C901, PLR0911 - one line a kind
    """The key under which a fact replaces earlier ones."""
    match fact:
        case Institution() | Reviewer() | Study() | Engine() | Dataset() | Subject():
            return (type(fact).__name__, fact.id, b"")
        case Terms():
            return ("Terms", fact.hash, b"")
        case Approval():
            return ("Approval", fact.study, fact.reviewer)
        case Authority():
            return ("Authority", fact.subject, fact.signer)
        case Recovery():
            return ("Recovery", fact.subject, b"")
        case SpentId() | Consent():
            return (type(fact).__name__, fact.subject, fact.id)
        case Head():
            return ("Head", fact.log, b"")
        case Access():
            return ("Access", fact.log, fact.index.to_bytes(8, "big"))
        case Refusal():
            return ("Refusal", fact.digest, b"")
        case Pause():
            return ("Pause", b"", b"")


class Facts(Protocol):
    """Where ``project`` looks for the fact that an event changes: a World, or the store inside a transaction."""

    def institution(self, id: bytes) -> Institution | None: ...  # noqa: D102 - the field's word
    def study(self, id: bytes) -> Study | None: ...  # noqa: D102
    def engine(self, id: bytes) -> Engine | None: ...  # noqa: D102
    def dataset(self, id: bytes) -> Dataset | None: ...  # noqa: D102
    def terms(self, hash: bytes) -> Terms | None: ...  # noqa: D102
    def consent(self, subject: bytes, id: bytes) -> Consent | None: ...  # noqa: D102
    def consents(self, subject: bytes) -> Iterable[Consent] | None: ...  # noqa: D102
    def authority(self, subject: bytes, signer: bytes) -> Authority | None: ...  # noqa: D102
    def recovery(self, subject: bytes) -> Recovery | None: ...  # noqa: D102


def project(event: ev.Event, facts: Facts) -> tuple[Fact, ...]:  # noqa: C901, PLR0911, PLR0912 - one case an event
    """The facts that hold after ``event``.

    Args:
        event: One event, in chain order.
        facts: What held before it.

    Raises:
        MirrorDiverged: The event presupposes something that the facts do not hold, so events are missing.
    """
    match event:
        # the event that most are comes first
        case ev.ConsentRecorded():
            terms = _held(facts.terms(event.scope.terms), "text", event.scope.terms)
            return (
                Consent(
                    event.subject,
                    event.id,
                    event.version,
                    event.scope,
                    terms.version,
                    event.valid_until,
                    _capacity(event.capacity),
                ),
            )
        case ev.InstitutionAdmitted():
            return (Institution(event.id, event.number, event.name, event.signer),)
        case ev.InstitutionStateChanged():
            held = _held(facts.institution(event.id), "institution", event.id)
            return (replace(held, state=InstitutionState(event.state)),)
        case ev.ReviewerNamed():
            return (Reviewer(event.id, event.name, event.signer, event.active),)
        case ev.TermsPublished():
            return (Terms(event.hash, event.version, event.language, event.uri),)
        case ev.StudyProposed():
            return (
                Study(
                    id=event.id,
                    institution=event.institution,
                    number=event.number,
                    title=event.title,
                    uses=event.uses,
                    conditions=event.conditions,
                    required_terms=event.required_terms,
                    ethics=event.ethics,
                    ethics_until=event.ethics_until,
                    diseases=event.diseases,
                    purpose=event.purpose,
                ),
            )
        case ev.StudyApproved():
            return (Approval(event.id, event.reviewer),)
        case ev.StudyStateChanged():
            return (replace(_held(facts.study(event.id), "study", event.id), state=StudyState(event.state)),)
        case ev.EngineRegistered():
            return (Engine(event.id, event.institution, event.name, event.signer, event.operations),)
        case ev.EngineRevoked():
            return (replace(_held(facts.engine(event.id), "engine", event.id), state=EngineState.REVOKED),)
        case ev.DatasetRegistered():
            return (Dataset(event.id, event.custodian, event.terms),)
        case ev.DatasetAmended():
            dataset = _held(facts.dataset(event.id), "dataset", event.id)
            return (replace(dataset, terms=event.terms, version=event.version),)
        case ev.DatasetClosed():
            return (replace(_held(facts.dataset(event.id), "dataset", event.id), state=DatasetState.CLOSED),)
        case ev.SubjectEnrolled():
            signer = Authority(
                event.subject, event.signer, Capacity(event.capacity), event.since, event.until, event.form
            )
            return (Subject(event.subject, event.custodian), signer)
        case ev.SignerAdded():
            return (
                Authority(event.subject, event.signer, Capacity(event.capacity), event.since, event.until, event.form),
            )
        case ev.SignerRemoved():
            authority = _held(facts.authority(event.subject, event.signer), "signer", event.signer)
            return (replace(authority, active=False),)
        case ev.RecoveryProposed():
            recovery = Recovery(
                subject=event.subject,
                id=event.id,
                custodian=event.custodian,
                new_signer=event.new_signer,
                capacity=Capacity(event.capacity),
                since=event.since,
                until=event.until,
                form=event.form,
                opens_at=event.opens_at,
            )
            return (SpentId(event.subject, event.id), recovery)
        case ev.RecoveryObjected():
            recovery = _held(facts.recovery(event.subject), "recovery", event.id)
            return (replace(recovery, state=RecoveryState.OBJECTED),)
        case ev.RecoveryCompleted():
            recovery = _held(facts.recovery(event.subject), "recovery", event.id)
            return (replace(recovery, state=RecoveryState.COMPLETED),)
        case ev.ConsentWithdrawn() if event.version == 0:
            return (SpentId(event.subject, event.id),)
        case ev.ConsentWithdrawn():
            consent = _held(facts.consent(event.subject, event.id), "consent", event.id)
            return (replace(consent, state=ConsentState.WITHDRAWN),)
        case ev.AllWithdrawn():
            live = [held for held in facts.consents(event.subject) or () if held.state is ConsentState.ACTIVE]
            ended = [replace(held, state=ConsentState.WITHDRAWN) for held in sorted(live, key=lambda held: held.id)]
            return (SpentId(event.subject, event.id), *ended)
        case ev.ActRefused():
            return (Refusal(event.digest, event.reason),)
        case ev.GrantsPaused():
            return (Pause(event.paused),)
        case ev.HeadAnchored():
            return (Head(event.log, event.size, event.root),)
        case ev.AccessesRecorded():
            entries = unpack_entries(event.entries)
            return tuple(Access(event.log, index, leaf, event.study, event.engine) for index, leaf in entries)


@dataclass(slots=True)
class World:
    """The current facts, in memory: the replay's state and the oracle of the mirror."""

    facts: dict[Key, Fact] = field(default_factory=dict)
    by_subject: dict[bytes, dict[bytes, Consent]] = field(default_factory=dict)

    def apply(self, event: ev.Event) -> tuple[Fact, ...]:
        """Take in one event; returns the facts it made."""
        made = project(event, self)
        for fact in made:
            self.put(fact)
        return made

    def put(self, fact: Fact) -> None:
        """Hold a fact, in place of the last one with its key."""
        self.facts[key_of(fact)] = fact
        if isinstance(fact, Subject):
            self.by_subject.setdefault(fact.id, {})
        elif isinstance(fact, Consent):
            self.by_subject.setdefault(fact.subject, {})[fact.id] = fact

    def institution(self, id: bytes) -> Institution | None:
        """The institution, if it was admitted."""
        return self._get(Institution, id)

    def study(self, id: bytes) -> Study | None:
        """The study, if it was proposed."""
        return self._get(Study, id)

    def engine(self, id: bytes) -> Engine | None:
        """The engine, if it was registered."""
        return self._get(Engine, id)

    def dataset(self, id: bytes) -> Dataset | None:
        """The dataset, if it was registered."""
        return self._get(Dataset, id)

    def terms(self, hash: bytes) -> Terms | None:
        """The text, if it was published."""
        return self._get(Terms, hash)

    def consent(self, subject: bytes, id: bytes) -> Consent | None:
        """The consent, withdrawn or not."""
        return self._get(Consent, subject, id)

    def authority(self, subject: bytes, signer: bytes) -> Authority | None:
        """The signer's authority, ended or not."""
        return self._get(Authority, subject, signer)

    def recovery(self, subject: bytes) -> Recovery | None:
        """The subject's last recovery, if there was one."""
        return self._get(Recovery, subject)

    def subject(self, id: bytes) -> Subject | None:
        """The subject, if enrolled."""
        return self._get(Subject, id)

    def consents(self, subject: bytes) -> tuple[Consent, ...] | None:
        """The subject's consents, withdrawn ones too; None when the subject is not enrolled."""
        held = self.by_subject.get(subject)
        return None if held is None else tuple(held.values())

    def datasets(self) -> tuple[Dataset, ...]:
        """Every dataset that was registered, closed ones too."""
        return tuple(fact for fact in self.facts.values() if isinstance(fact, Dataset))

    def setting(self, request: Request) -> Setting:
        """What the Directory says of the request."""
        study = self.study(request.study)
        return Setting(study, self.institution(study.institution) if study else None, self.engine(request.engine))

    def _get(self, kind: type[_F], first: bytes, second: bytes = b"") -> _F | None:
        fact = self.facts.get((kind.__name__, first, second))
        return fact if isinstance(fact, kind) else None


def _held(fact: _F | None, kind: str, id: bytes) -> _F:
    if fact is None:
        raise MirrorDiverged(f"an event changes {kind} 0x{id.hex()}, which no earlier event made; replay the chain")
    return fact
