"""A made-up population, put straight into a snapshot: the sizes that no machine writes into a mirror in its time.

Consents differ in recipient, purposes, conditions, operations and categories, as forms with boxes to tick make them
differ; they end at times of their own, some are over, some are denies, and every eighth patient has a second one.
"""

from random import Random

import numpy as np

from benches.history import LUNG_CANCER, NOW
from ledger.domain.consent import ZERO_ID, Consent, Scope
from ledger.domain.directory import Engine, Institution, Study, StudyState
from ledger.domain.events import Block
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
from ledger.snapshot.building import assemble
from ledger.snapshot.profiles import Profiles
from ledger.snapshot.snapshot import Snapshot
from ledger.snapshot.table import Custodians, tags_of

FORMS = 20_000
YEAR = 365 * 86_400
OPERATION = Operation.DIFFERENTIAL_PRIVACY
CATEGORIES = Category.DEMOGRAPHICS | Category.OUTCOMES
INSTITUTION, STUDY, ENGINE, OTHER = (bytes([place]) * 32 for place in range(1, 5))
REQUEST = Request(STUDY, ENGINE, int(OPERATION), int(CATEGORIES))


def snapshot(consents: int) -> Snapshot:
    """A snapshot of this many consents."""
    chance = np.random.default_rng(1994)
    profiles, custodians = Profiles(), Custodians()
    forms = np.array([profiles.number(_form(Random(place))) for place in range(FORMS)], np.uint32)  # noqa: S311
    subjects = consents * 8 // 9
    ids = np.frombuffer(chance.bytes(32 * subjects), np.uint8).reshape(-1, 32)
    key = chance.bytes(32)
    owner = np.concatenate([np.arange(subjects), chance.integers(0, subjects, consents - subjects)])
    until = np.where(chance.random(consents) < 0.5, FOREVER, NOW + chance.integers(-YEAR, 9 * YEAR, consents))
    columns = [
        forms[chance.integers(0, FORMS, consents)],
        NOW - chance.integers(0, 9 * YEAR, consents),
        until,
        np.ones(consents, np.uint32),
        np.frombuffer(chance.bytes(32 * consents), np.uint8).reshape(-1, 32),
    ]
    of = np.full(subjects, custodians.number(INSTITUTION), np.uint32)
    table = assemble(key, profiles, custodians, ids, of, tags_of(key, ids), owner, columns)
    study = Study(
        STUDY,
        INSTITUTION,
        1,
        "Survival",
        int(Use.DISEASE),
        0,
        1,
        b"\x06" * 32,
        NOW + 99 * YEAR,
        diseases=(LUNG_CANCER,),
        state=StudyState.ACTIVE,
    )
    return Snapshot(
        Block(1, b"\x01" * 32, bytes(32), NOW),
        table,
        {INSTITUTION: Institution(INSTITUTION, 1, "St Elsewhere", b"\x05" * 20)},
        {STUDY: study},
        {ENGINE: Engine(ENGINE, INSTITUTION, "OpenDP", b"\x07" * 20, int(OPERATION))},
    )


def _form(random: Random) -> Consent:
    """One form as it was filled in; the masks leave most requests allowed."""
    deny = random.random() < 0.05
    kind = random.choice([RecipientKind.ANY, RecipientKind.ANY, RecipientKind.INSTITUTION, RecipientKind.STUDY])
    recipient = {
        RecipientKind.ANY: ZERO_ID,
        RecipientKind.INSTITUTION: random.choice([INSTITUTION, INSTITUTION, OTHER]),
        RecipientKind.STUDY: random.choice([STUDY, OTHER]),
    }[kind]
    scope = Scope(
        effect=Effect.DENY if deny else Effect.PERMIT,
        recipient_kind=kind,
        recipient=recipient,
        purposes=random.choice([ANY16, int(Purpose.GRU), int(Purpose.HMB), int(Purpose.HMB | Purpose.POA)]),
        conditions=ANY16 if deny else random.randrange(1 << 8),
        operations=random.choice([ANY16, int(OPERATION) | random.randrange(1 << 9)]),
        categories=random.choice([ANY32, int(CATEGORIES) | random.randrange(1 << 16), random.randrange(1, 1 << 16)]),
        valid_from=0,
        valid_until=FOREVER,
        data_from=0,
        data_until=FOREVER,
        diseases=0,
        terms=b"\x09" * 32,
    )
    return Consent(bytes(32), bytes(32), 1, scope, 1, FOREVER)
