"""A subject's consents, and who used the data."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.base import Answer, Seconds
from api.schemas.decisions import BlockAnswer
from api.schemas.items import ItemAnswer
from ledger.domain.consent import Consent
from ledger.domain.decision import Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.projection import Authority, Recovery, RecoveryState
from ledger.domain.vocabulary import CATEGORY_TERMS, FOREVER, USE_TERMS, names_of
from ledger.domain.wording import operation_word, scope_to_json
from ledger.services.as_of import Moment
from ledger.services.uses import Use
from ledger.transparency.canonical import decode_object


class SignerAnswer(Answer):
    """A key that may act for the subject."""

    signer: str
    capacity: Literal["self", "guardian", "proxy", "staff"]
    since: int
    until: int | None
    form: str
    active: bool


class ConsentAnswer(Answer):
    """One consent in its newest version."""

    id: str
    version: int
    state: Literal["active", "withdrawn"]
    scope: dict[str, Any]
    valid_until: int | None
    granted_block: int | None


class MomentAnswer(Answer):
    """The block that stood at a moment, and the moment in seconds UTC."""

    block: BlockAnswer
    at: Seconds


class VersionStart(Answer):
    """Where a version begins."""

    block: int
    time: int | None


class ConsentVersionAnswer(ConsentAnswer):
    """One version; ``until_block`` is the block that replaced it, null for the newest."""

    from_: VersionStart = Field(alias="from")
    until_block: int | None


class ConsentHistoryAnswer(Answer):
    """Every version of a consent, oldest first."""

    id: str
    versions: list[ConsentVersionAnswer]


class RecoveryAnswer(Answer):
    """The last recovery of the subject's lost key.

    ``pending``: signers can object, and nobody can complete it before ``opens_at``; ``ready``: anybody can complete it,
    and signers can still object; ``objected`` and ``completed`` are final.
    """

    id: str
    custodian: str
    new_signer: str
    capacity: Literal["self", "guardian", "proxy", "staff"]
    since: int
    until: int | None
    form: str
    opens_at: int
    state: Literal["pending", "ready", "objected", "completed"]


class SubjectAnswer(Answer):
    """A subject, as of the newest block in the copy, or as of a moment that was asked for."""

    subject: str
    custodian: str
    erased: bool = Field(description="every decision on it is a deny, whatever its consents say")
    signers: list[SignerAnswer]
    recovery: RecoveryAnswer | None
    consents: list[ConsentAnswer]
    pending: list[ItemAnswer]
    as_of: MomentAnswer | None = None


class Named(Answer):
    """Something in the directory."""

    id: str
    title: str


class EngineNamed(Answer):
    """An engine in the directory."""

    id: str
    name: str


class UseEntry(Answer):
    """A log entry about a use; ``anchored``: the chain already binds it."""

    log: str
    index: int
    kind: str
    time: int
    anchored: bool


class UseAnswer(Answer):
    """One question about the subject's data, its answer, and what followed."""

    decision: str
    time: int
    study: Named
    engine: EngineNamed
    institution: str
    operation: str
    categories: list[str]
    purpose: list[str]
    outcome: Literal["permit", "deny", "abstain"]
    reason: str
    consent: str | None
    version: int
    entries: list[UseEntry]


class UsesAnswer(Answer):
    """Uses and refused attempts, newest first."""

    uses: list[UseAnswer]
    next: str | None


def signer_json(held: Authority) -> dict[str, Any]:
    """The JSON form of a signer."""
    return {
        "signer": to_hex(held.signer),
        "capacity": held.capacity.name.lower(),
        "since": held.since,
        "until": open_end(held.until),
        "form": to_hex(held.form),
        "active": held.active,
    }


def recovery_json(held: Recovery, now: int) -> dict[str, Any]:
    """The JSON form of a recovery, as it stands at ``now`` (seconds UTC)."""
    ready = held.state is RecoveryState.PENDING and now >= held.opens_at
    return {
        "id": to_hex(held.id),
        "custodian": to_hex(held.custodian),
        "new_signer": to_hex(held.new_signer),
        "capacity": held.capacity.name.lower(),
        "since": held.since,
        "until": open_end(held.until),
        "form": to_hex(held.form),
        "opens_at": held.opens_at,
        "state": "ready" if ready else held.state.name.lower(),
    }


def consent_json(held: Consent, granted_block: int | None) -> dict[str, Any]:
    """The JSON form of a consent."""
    return {
        "id": to_hex(held.id),
        "version": held.version,
        "state": held.state.name.lower(),
        "scope": scope_to_json(held.scope),
        "valid_until": open_end(held.valid_until),
        "granted_block": granted_block,
    }


def moment_json(held: Moment) -> dict[str, Any]:
    """The JSON form of a moment."""
    return {"block": {"number": held.block.number, "hash": to_hex(held.block.hash)}, "at": held.at}


def use_json(use: Use) -> dict[str, Any]:
    """The JSON form of a use."""
    entries = []
    for entry in use.entries:
        document = decode_object(entry.canonical)
        entries.append(
            {
                "log": to_hex(entry.log),
                "index": entry.index,
                "kind": document["kind"],
                "time": document["time"],
                "anchored": entry.index < use.anchored,
            }
        )
    study, engine, member = use.study, use.engine, use.member
    return {
        "decision": use.record.id,
        "time": use.record.at,
        "study": {"id": to_hex(use.record.study), "title": "" if study is None else study.title},
        "engine": {"id": to_hex(use.record.engine), "name": "" if engine is None else engine.name},
        "institution": "" if use.institution is None else use.institution.name,
        "operation": operation_word(use.request.operation),
        "categories": names_of(use.request.categories, CATEGORY_TERMS),
        "purpose": [] if study is None else names_of(study.uses, USE_TERMS),
        "outcome": Outcome(member.outcome).name.lower(),
        "reason": Reason(member.reason).code,
        "consent": None if member.consent is None else to_hex(member.consent),
        "version": member.version,
        "entries": entries,
    }


def open_end(instant: int) -> int | None:
    """An end in seconds UTC; None for one that never comes."""
    return None if instant >= FOREVER else instant
