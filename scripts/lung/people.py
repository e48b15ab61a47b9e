"""The patients, and what each of them allows.

The NCCTG lung cancer data ship in lifelines: 228 patients of 18 institutions (Loprinzi et al., J Clin Oncol 1994). The
one without an institution is left out. Who allows what is made up, once, from a fixed seed: the spread is what matters.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from lifelines.datasets import load_lung

from ledger.domain.consent import ZERO_ID, Scope, pack_diseases
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_CONDITIONS,
    Category,
    Condition,
    Effect,
    Operation,
    Purpose,
    RecipientKind,
)

SEED = 1994
DAY = 86_400
YEAR = 365 * DAY
ONE_YEAR_DAYS = 365

# Mondo: lung cancer, then every ancestor of it; a consent to research on any of them covers a study of lung cancer.
LUNG_CANCER = 8903
CANCER = 4992
LUNG_CANCER_CLOSURE = (*(LUNG_CANCER, 376, 3274, 21117, CANCER, 5087, 21350, 5275, 20641, 5070, 1, 270, 23370, 45024),)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to consent: its words, its share of the patients in percent, and whether it covers the main study."""

    name: str
    words: str
    share: int
    covers: bool


KINDS = (
    Kind("full", "everything, for any research", 38, covers=True),
    Kind("disease", "research on lung cancer or on cancer", 12, covers=True),
    Kind("no-commercial", "no use to make money", 10, covers=True),
    Kind("no-genomics", "no genes", 10, covers=True),
    Kind("dp-only", "statistics with protecting noise alone", 6, covers=True),
    Kind("fl-only", "federated learning alone", 6, covers=False),
    Kind("for-a-year", "for one year", 4, covers=True),
    Kind("ended", "until yesterday", 3, covers=False),
    Kind("later", "from next month on", 2, covers=False),
    Kind("deny", "everything, but not this hospital", 5, covers=False),
    Kind("none", "nothing said", 4, covers=False),
)
BY_NAME = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Patients:
    """The data: one row a patient, with its site; and how many rows were left out for lack of one."""

    frame: pd.DataFrame
    sites: list[int]
    left_out: int


def load_patients() -> Patients:
    """The patients in the order of the data, with ``alive_at_one_year`` (None: lost from sight before)."""
    everyone: pd.DataFrame = load_lung()  # type: ignore[no-untyped-call]
    known = everyone[everyone["inst"].notna()].reset_index(drop=True)
    known["site"] = known["inst"].astype(int)
    alive: list[bool | None] = []
    for days, died in zip(known["time"], known["status"], strict=True):
        alive.append(True if days >= ONE_YEAR_DAYS else False if died else None)
    known["alive_at_one_year"] = pd.Series(alive, dtype=object)
    return Patients(known, sorted(set(known["site"])), len(everyone) - len(known))


def spread(count: int) -> list[str]:
    """The kind of each patient: the shares of ``KINDS``, shuffled by the seed."""
    names: list[str] = []
    for kind in KINDS[1:]:
        names += [kind.name] * round(count * kind.share / 100)
    names += [KINDS[0].name] * (count - len(names))
    random.Random(SEED).shuffle(names)  # noqa: S311 - a spread, not a secret
    return names


def scopes(kind: str, *, terms: bytes, hospital: bytes, now: int, place: int) -> Sequence[Scope]:
    """What a patient of a kind signs: no, one or two scopes.

    Args:
        kind: Name of a kind.
        terms: SHA-256 of the text that was shown.
        hospital: Institution that runs the study, which those of kind ``deny`` refuse.
        now: Seconds UTC.
        place: The patient's place; it varies how a disease is named.
    """
    money = Condition.COMMERCIAL_USE | Condition.FOR_PROFIT_RECIPIENT
    disease = LUNG_CANCER if place % 2 else CANCER
    full = permit(terms)
    signed = {
        "full": [full],
        "disease": [permit(terms, purposes=int(Purpose.DS), diseases=pack_diseases([disease]))],
        "no-commercial": [permit(terms, conditions=KNOWN_CONDITIONS & ~money)],
        "no-genomics": [permit(terms, categories=KNOWN_CATEGORIES & ~Category.GENOMICS)],
        "dp-only": [permit(terms, operations=int(Operation.DIFFERENTIAL_PRIVACY))],
        "fl-only": [permit(terms, operations=int(Operation.FEDERATED_LEARNING))],
        "for-a-year": [permit(terms, valid_until=now + YEAR)],
        "ended": [permit(terms, valid_from=now - YEAR, valid_until=now - DAY)],
        "later": [permit(terms, valid_from=now + 30 * DAY)],
        "deny": [full, permit(terms, effect=Effect.DENY, kind=RecipientKind.INSTITUTION, recipient=hospital)],
        "none": [],
    }
    return signed[kind]


def permit(
    terms: bytes,
    *,
    effect: Effect = Effect.PERMIT,
    kind: RecipientKind = RecipientKind.ANY,
    recipient: bytes = ZERO_ID,
    purposes: int = ANY16,
    conditions: int = ANY16,
    operations: int = ANY16,
    categories: int = ANY32,
    valid_from: int = 0,
    valid_until: int = FOREVER,
    diseases: int = 0,
) -> Scope:
    """A scope that says yes to everything, but for what is named."""
    return Scope(
        effect=effect,
        recipient_kind=kind,
        recipient=recipient,
        purposes=purposes,
        conditions=int(conditions),
        operations=operations,
        categories=int(categories),
        valid_from=valid_from,
        valid_until=valid_until,
        data_from=0,
        data_until=FOREVER,
        diseases=diseases,
        terms=terms,
    )
