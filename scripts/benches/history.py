"""A made-up history of consents, taken into a real mirror: what a chain would hold after years, without mining it.

The events are the contracts' own, in blocks of their own, from one seed. Only the benches that need more consents than
this machine can mine in their time use it: those measure what comes after the chain.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ledger.domain import events as ev
from ledger.domain.consent import ZERO_ID, Scope, pack_diseases
from ledger.domain.policy import Request
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    FOREVER,
    Category,
    Effect,
    Operation,
    Purpose,
    RecipientKind,
    Use,
)
from ledger.ports import Cursor, MirrorStore

SEED = 1994
BLOCK_EVENTS = 500
NOW = 1_700_000_000
OPERATION = Operation.DIFFERENTIAL_PRIVACY
LUNG_CANCER = (8903, 376, 5070, 1)


@dataclass(frozen=True, slots=True)
class Written:
    """What the history holds: its last cursor, a request that is admissible, its subjects and number of consents."""

    cursor: Cursor
    request: Request
    subjects: list[bytes]
    consents: int


def write(mirror: MirrorStore, subjects: int) -> Written:
    """Write a history with this many subjects, each with one consent and every eighth with two."""
    random = Random(SEED)  # noqa: S311 - a bench repeats itself
    institution, reviewer, study, engine, terms = (random.randbytes(32) for _ in range(5))
    ids = [random.randbytes(32) for _ in range(subjects)]
    founding: list[ev.Event] = [
        ev.InstitutionAdmitted(institution, 1, "St Elsewhere", random.randbytes(20)),
        ev.ReviewerNamed(reviewer, "Ethics board", random.randbytes(20), active=True),
        ev.TermsPublished(terms, 1, "en", ""),
        ev.StudyProposed(
            study,
            institution,
            random.randbytes(32),
            1,
            "Survival",
            int(Use.DISEASE),
            0,
            1,
            random.randbytes(32),
            NOW + 10**9,
            (LUNG_CANCER,),
        ),
        ev.StudyApproved(study, reviewer, random.randbytes(32), 1),
        ev.StudyStateChanged(study, random.randbytes(32), 3),
        ev.EngineRegistered(engine, institution, random.randbytes(32), "OpenDP", random.randbytes(20), int(OPERATION)),
    ]
    fence = mirror.lease("bench", at=0, seconds=1 << 30)
    cursor: Cursor | None = None
    consents = 0
    for events in (founding, *_lives(random, institution, terms, ids)):
        consents += sum(isinstance(event, ev.ConsentRecorded) for event in events)
        number = 1 if cursor is None else cursor.block.number + 1
        parent = bytes(32) if cursor is None else cursor.block.hash
        block = ev.Block(number, random.randbytes(32), parent, NOW)
        cursor = mirror.take([block], list(_logged(random, block, events)), fence=fence, expect=cursor)
    assert cursor is not None
    request = Request(study, engine, int(OPERATION), int(Category.DEMOGRAPHICS | Category.OUTCOMES))
    return Written(cursor, request, ids, consents)


def _lives(random: Random, institution: bytes, terms: bytes, ids: list[bytes]) -> Iterator[list[ev.Event]]:
    block: list[ev.Event] = []
    for place, subject in enumerate(ids):
        signer = random.randbytes(20)
        block.append(ev.SubjectEnrolled(subject, institution, random.randbytes(32), signer, 1, 0, FOREVER, ZERO_ID))
        for _ in range(2 if place % 8 == 0 else 1):
            scope = _scope(random, terms)
            digest, consent = random.randbytes(32), random.randbytes(32)
            block.append(ev.ConsentRecorded(subject, consent, digest, 1, scope, scope.valid_until, 1, ZERO_ID, signer))
        if len(block) >= BLOCK_EVENTS:
            yield block
            block = []
    if block:
        yield block


def _scope(random: Random, terms: bytes) -> Scope:
    """Mostly wide permits; some by disease, some for one operation, some for a time, some denies."""
    kind = random.random()
    disease = 0.6 < kind < 0.75
    return Scope(
        effect=Effect.DENY if kind > 0.95 else Effect.PERMIT,
        recipient_kind=RecipientKind.ANY,
        recipient=ZERO_ID,
        purposes=int(Purpose.DS if disease else Purpose.HMB),
        conditions=ANY16 if kind > 0.95 else 0,
        operations=int(Operation.FEDERATED_LEARNING) if 0.75 < kind < 0.85 else ANY16,
        categories=ANY32,
        valid_from=0,
        valid_until=NOW - 1 if 0.85 < kind < 0.95 else FOREVER,
        data_from=0,
        data_until=FOREVER,
        diseases=pack_diseases((376, 5070)) if disease else 0,
        terms=terms,
    )


def _logged(random: Random, block: ev.Block, events: list[ev.Event]) -> Iterator[ev.Logged]:
    transaction, address = random.randbytes(32), bytes(20)
    for place, event in enumerate(events):
        yield ev.Logged(event, block.number, block.hash, place, transaction, address, (bytes(32),), b"")
