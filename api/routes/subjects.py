"""Subjects: enrolled by their custodian, seen by themselves, their custodian and auditors.

To anybody else a subject does not exist: the answer is the same as for an id that was never enrolled.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from api.deps import Enroller, Ports, SubjectReader, answer
from api.paging import PagedShortly
from api.reading import BoundedRoute
from api.schemas.base import Id
from api.schemas.directory import Enrolments
from api.schemas.items import ItemsAnswer, item_json
from api.schemas.subjects import (
    ConsentHistoryAnswer,
    SubjectAnswer,
    UsesAnswer,
    consent_json,
    moment_json,
    recovery_json,
    signer_json,
    use_json,
)
from api.writing import Made, MakeId, Write
from ledger.domain.acts import Enrolment
from ledger.domain.consent import Consent
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.outbox import Item
from ledger.domain.projection import Authority, Recovery, Subject
from ledger.domain.vocabulary import FOREVER
from ledger.errors import NotFound, TooLarge
from ledger.identity.principal import Principal, Role
from ledger.ports import Interval
from ledger.services import directory
from ledger.services.as_of import moment_of, subject_as_of
from ledger.services.context import Context
from ledger.services.uses import uses_of

router = APIRouter(tags=["subjects"], route_class=BoundedRoute)
SubjectId = Annotated[Id, Path(description="the subject's id")]
ConsentId = Annotated[Id, Path(description="the consent's id")]
AtBlock = Annotated[int | None, Query(ge=0, lt=1 << 63, description="as of this block")]
AtTime = Annotated[int | None, Query(ge=0, le=FOREVER, description="as of this time, seconds UTC")]


@router.post("/v1/subjects", status_code=202, response_model=ItemsAnswer)
async def enrol_subjects(body: Enrolments, who: Enroller, ports: Ports, write: Write) -> Response:
    """Enrol subjects with the caller's institution as their custodian."""
    if len(body.enrolments) > ports.limits.most_batch:
        raise TooLarge(f"at most {ports.limits.most_batch} subjects are enrolled at once")

    def work(make: MakeId) -> Made:
        new = [one.new(make(place)) for place, one in enumerate(body.enrolments)]
        return Made([item for item, _ in directory.enrol(ports, who.id, new)])

    return await write.run(who, work)


@router.get("/v1/subjects/{subject}", response_model=SubjectAnswer)
def read_subject(
    subject: SubjectId, who: SubjectReader, ports: Ports, block: AtBlock = None, at: AtTime = None
) -> Response:
    """A subject's signers, consents and acts on their way to the chain; or how it stood at a block or time."""
    custodian = custodian_for(ports, who, subject)
    if block is None and at is None:
        return answer(subject_json(ports, subject, custodian))
    moment = moment_of(ports, block=block, at=at)
    held = subject_as_of(ports, subject, moment.block)
    document = _subject_json(ports, subject, custodian, held.signers, held.consents)
    recovery = _recovery_json(held.recovery, moment.at)
    return answer(document | {"recovery": recovery, "as_of": moment_json(moment), "pending": []})


@router.get("/v1/subjects/{subject}/consents/{consent}", response_model=ConsentHistoryAnswer)
def read_consent(subject: SubjectId, consent: ConsentId, who: SubjectReader, ports: Ports) -> Response:
    """Every version of a consent, oldest first, each with the blocks in which it stood."""
    custodian_for(ports, who, subject)
    versions = ports.mirror.history("Consent", subject, consent)
    if not versions:
        raise NotFound(f"consent {to_hex(consent)} of this subject is not on the chain")
    return answer({"id": to_hex(consent), "versions": [_version_json(ports, one) for one in versions]})


@router.get("/v1/subjects/{subject}/uses", response_model=UsesAnswer)
def read_uses(subject: SubjectId, who: SubjectReader, ports: Ports, page: PagedShortly) -> Response:
    """Who asked to use the subject's data, newest first, refused attempts too. Follow `next` until it is null."""
    custodian_for(ports, who, subject)
    after = page.after(who)
    found = uses_of(ports, subject, before="" if after is None else to_hex(after), limit=page.limit + 1)
    shown = found[: page.limit]
    following = page.following(who, parse_id(shown[-1].record.id)) if len(found) > len(shown) else None
    return answer({"uses": [use_json(use) for use in shown], "next": following})


def custodian_for(ports: Context, who: Principal, subject: bytes) -> bytes:
    """The custodian of a subject that the caller may see.

    Raises:
        NotFound: There is no such subject, or it is not for the caller to know.
    """
    custodian = _custodian(ports, subject)
    allowed = {
        Role.SUBJECT: who.id == subject,
        Role.INSTITUTION: who.id == custodian,
        Role.AUDITOR: True,
    }
    if custodian is None or not allowed.get(who.role, False):
        raise NotFound(f"subject {to_hex(subject)} is not enrolled, or not yours to see")
    return custodian


def _custodian(ports: Context, subject: bytes) -> bytes | None:
    held = ports.mirror.history("Subject", subject)
    if held and isinstance(held[-1].fact, Subject):
        return held[-1].fact.custodian
    coming = pending_of(ports, subject, _height(ports))
    return next((item.act.custodian for item in coming if isinstance(item.act, Enrolment)), None)


def _height(ports: Context) -> int:
    """The block that the copy of the chain reaches to; -1 before the first."""
    cursor = ports.mirror.cursor()
    return -1 if cursor is None else cursor.block.number


def subject_json(ports: Context, subject: bytes, custodian: bytes) -> dict[str, Any]:
    """The JSON form of a subject as it stands now."""
    above = _height(ports)
    consents = ports.mirror.consents_at(subject, above) or ()
    waiting = pending_of(ports, subject, above)
    document = _subject_json(ports, subject, custodian, ports.mirror.authorities(subject), consents)
    return document | {
        "recovery": _recovery_json(ports.mirror.recovery(subject), ports.clock.now()),
        "pending": [item_json(item) for item in waiting],
    }


def _subject_json(
    ports: Context, subject: bytes, custodian: bytes, signers: Sequence[Authority], consents: Sequence[Consent]
) -> dict[str, Any]:
    return {
        "subject": to_hex(subject),
        "custodian": to_hex(custodian),
        "erased": subject in ports.forgotten.now(),
        "signers": [signer_json(one) for one in signers],
        "consents": [consent_json(one, granted_block(ports, one)) for one in sorted(consents, key=lambda one: one.id)],
    }


def _recovery_json(held: Recovery | None, at: int) -> dict[str, Any] | None:
    return None if held is None else recovery_json(held, at)


def _version_json(ports: Context, held: Interval) -> dict[str, Any]:
    assert isinstance(held.fact, Consent)
    block = ports.mirror.block_at(held.since)
    return {
        **consent_json(held.fact, held.since),
        "from": {"block": held.since, "time": None if block is None else block.timestamp},
        "until_block": held.until,
    }


def pending_of(ports: Context, subject: bytes, above: int) -> list[Item]:
    """The subject's acts that the copy of the chain, which reaches to block ``above``, cannot show yet, in order."""
    return ports.outbox.unsealed(above=above, subjects={subject})


def granted_block(ports: Context, consent: Consent) -> int | None:
    """The block in which this version was recorded."""
    for interval in ports.mirror.history("Consent", consent.subject, consent.id):
        if isinstance(interval.fact, Consent) and interval.fact.version == consent.version:
            return interval.since
    return None
