"""The vocabulary of consent: one table names each bit, its standard term and its plain words.

Masks on the chain, in SQL and in the snapshot all read from here; ``contracts/src/libraries/Vocabulary.sol`` holds
the same masks and a test holds the two equal. A bit, once published, never changes its meaning.

Standards: DUO (GA4GH Data Use Ontology), DPV (W3C Data Privacy Vocabulary), FHIR R4 value sets.
"""

from enum import IntEnum, IntFlag
from typing import NamedTuple

ANY16 = 0xFFFF
ANY32 = 0xFFFF_FFFF
FOREVER = 0xFF_FFFF_FFFF
"""The end of an unbounded window: the largest uint40 of seconds."""


class Effect(IntEnum):
    """What a consent does to the uses that it describes."""

    PERMIT = 1
    DENY = 2


class RecipientKind(IntEnum):
    """How a consent names who may use the data."""

    ANY = 1
    INSTITUTION = 2
    STUDY = 3


class Capacity(IntEnum):
    """In what capacity a signer acts for a subject."""

    SELF = 1
    GUARDIAN = 2
    PROXY = 3
    STAFF = 4


class Purpose(IntFlag):
    """Research purposes that a consent accepts (DUO permission terms)."""

    NRES = 1 << 0
    GRU = 1 << 1
    HMB = 1 << 2
    DS = 1 << 3
    POA = 1 << 4
    METHODS = 1 << 5
    CLINICAL_CARE = 1 << 6


class Use(IntFlag):
    """What a study does; it may do several, and then each must be accepted."""

    GENERAL = 1 << 0
    BIOMEDICAL = 1 << 1
    DISEASE = 1 << 2
    ANCESTRY = 1 << 3
    METHODS = 1 << 4
    CLINICAL_CARE = 1 << 5


class Condition(IntFlag):
    """Circumstances of a study that a consent must tolerate (DUO modifiers)."""

    COMMERCIAL_USE = 1 << 0
    FOR_PROFIT_RECIPIENT = 1 << 1
    TRANSFER_ABROAD = 1 << 2
    RECONTACT = 1 << 3
    EARLY_PUBLICATION = 1 << 4
    FURTHER_SHARING = 1 << 5
    LINKAGE = 1 << 6
    AUTOMATED_DECISIONS = 1 << 7


class Category(IntFlag):
    """Categories of health data."""

    DEMOGRAPHICS = 1 << 0
    DIAGNOSES = 1 << 1
    MEDICATIONS = 1 << 2
    LABORATORY = 1 << 3
    VITALS = 1 << 4
    PROCEDURES = 1 << 5
    IMAGING = 1 << 6
    GENOMICS = 1 << 7
    MENTAL_HEALTH = 1 << 8
    REPRODUCTIVE_HEALTH = 1 << 9
    SUBSTANCE_USE = 1 << 10
    NOTES = 1 << 11
    DEVICES = 1 << 12
    OUTCOMES = 1 << 13
    FAMILY_HISTORY = 1 << 14
    SOCIAL_HISTORY = 1 << 15


class Operation(IntFlag):
    """Kinds of computation: one for each kind of privacy engine, and plain access to records."""

    FEDERATED_LEARNING = 1 << 0
    MULTI_PARTY_COMPUTATION = 1 << 1
    HOMOMORPHIC_ENCRYPTION = 1 << 2
    DIFFERENTIAL_PRIVACY = 1 << 3
    SYNTHETIC_DATA = 1 << 4
    DEIDENTIFIED_RELEASE = 1 << 5
    AGGREGATE_STATISTICS = 1 << 6
    RISK_ASSESSMENT = 1 << 7
    RECORD_ACCESS = 1 << 8


class Term(NamedTuple):
    """One bit: its API name, its standard term where one exists, and its plain words."""

    bit: int
    name: str
    standard: str
    words: str


def _known(flags: type[IntFlag]) -> int:
    mask = 0
    for flag in flags:
        mask |= flag.value
    return mask


KNOWN_PURPOSES = _known(Purpose)
KNOWN_USES = _known(Use)
KNOWN_CONDITIONS = _known(Condition)
KNOWN_CATEGORIES = _known(Category)
KNOWN_OPERATIONS = _known(Operation)

# For each use, the purposes that contain it wholly: a permit with one of them accepts the use.
# DS accepts a disease use only when its diseases cover the study's (see policy.accepts).
ACCEPTS: dict[Use, int] = {
    Use.GENERAL: Purpose.NRES | Purpose.GRU,
    Use.BIOMEDICAL: Purpose.NRES | Purpose.GRU | Purpose.HMB,
    Use.DISEASE: Purpose.NRES | Purpose.GRU | Purpose.HMB,
    Use.ANCESTRY: Purpose.NRES | Purpose.GRU | Purpose.POA,
    Use.METHODS: Purpose.NRES | Purpose.METHODS,
    Use.CLINICAL_CARE: Purpose.NRES | Purpose.CLINICAL_CARE,
}

# For each use, the purposes that touch it at all: a deny with one of them refuses the use.
TOUCHES: dict[Use, int] = {
    Use.GENERAL: Purpose.NRES | Purpose.GRU | Purpose.HMB | Purpose.POA,
    Use.BIOMEDICAL: Purpose.NRES | Purpose.GRU | Purpose.HMB,
    Use.DISEASE: Purpose.NRES | Purpose.GRU | Purpose.HMB,
    Use.ANCESTRY: Purpose.NRES | Purpose.GRU | Purpose.POA,
    Use.METHODS: Purpose.NRES | Purpose.METHODS,
    Use.CLINICAL_CARE: Purpose.NRES | Purpose.CLINICAL_CARE,
}

PURPOSE_TERMS = (
    Term(Purpose.NRES, "no-restriction", "DUO:0000004", "any use at all"),
    Term(Purpose.GRU, "general-research", "DUO:0000042", "any research"),
    Term(Purpose.HMB, "health-research", "DUO:0000006", "health and medical research"),
    Term(Purpose.DS, "disease-research", "DUO:0000007", "research on the diseases named"),
    Term(Purpose.POA, "ancestry-research", "DUO:0000011", "research on where people come from"),
    Term(Purpose.METHODS, "methods-development", "DUO:0000015", "making research methods better"),
    Term(Purpose.CLINICAL_CARE, "clinical-care", "DUO:0000043", "care of patients"),
)
USE_TERMS = (
    Term(Use.GENERAL, "general", "DUO:0000042", "general research"),
    Term(Use.BIOMEDICAL, "biomedical", "DUO:0000006", "health and medical research"),
    Term(Use.DISEASE, "disease", "DUO:0000007", "research on a disease"),
    Term(Use.ANCESTRY, "ancestry", "DUO:0000011", "research on ancestry"),
    Term(Use.METHODS, "methods", "DUO:0000015", "development of methods"),
    Term(Use.CLINICAL_CARE, "clinical-care", "DUO:0000043", "clinical care"),
)
CONDITION_TERMS = (
    Term(Condition.COMMERCIAL_USE, "commercial-use", "DUO:0000046", "use to make money"),
    Term(Condition.FOR_PROFIT_RECIPIENT, "for-profit-recipient", "DUO:0000045", "use by a company"),
    Term(Condition.TRANSFER_ABROAD, "transfer-abroad", "DUO:0000022", "sending data to another country"),
    Term(Condition.RECONTACT, "recontact", "", "being contacted again"),
    Term(Condition.EARLY_PUBLICATION, "early-publication", "DUO:0000024", "publishing before the agreed date"),
    Term(Condition.FURTHER_SHARING, "further-sharing", "DUO:0000020", "passing data on to other researchers"),
    Term(Condition.LINKAGE, "linkage", "", "joining with other data about you"),
    Term(Condition.AUTOMATED_DECISIONS, "automated-decisions", "", "decisions made by a computer alone"),
)
CATEGORY_TERMS = (
    Term(Category.DEMOGRAPHICS, "demographics", "", "age, sex and other basic facts"),
    Term(Category.DIAGNOSES, "diagnoses", "", "diagnoses"),
    Term(Category.MEDICATIONS, "medications", "", "medicines"),
    Term(Category.LABORATORY, "laboratory", "", "laboratory results"),
    Term(Category.VITALS, "vitals", "", "measurements such as weight and blood pressure"),
    Term(Category.PROCEDURES, "procedures", "", "operations and treatments"),
    Term(Category.IMAGING, "imaging", "", "scans and X-rays"),
    Term(Category.GENOMICS, "genomics", "", "genes and DNA"),
    Term(Category.MENTAL_HEALTH, "mental-health", "", "mental health"),
    Term(Category.REPRODUCTIVE_HEALTH, "reproductive-health", "", "pregnancy and sexual health"),
    Term(Category.SUBSTANCE_USE, "substance-use", "", "alcohol and drugs"),
    Term(Category.NOTES, "notes", "", "free-text notes"),
    Term(Category.DEVICES, "devices", "", "data from devices"),
    Term(Category.OUTCOMES, "outcomes", "", "how things turned out, survival included"),
    Term(Category.FAMILY_HISTORY, "family-history", "", "illnesses in the family"),
    Term(Category.SOCIAL_HISTORY, "social-history", "", "living and working conditions"),
)
OPERATION_TERMS = (
    Term(Operation.FEDERATED_LEARNING, "federated-learning", "", "training a model without moving data"),
    Term(Operation.MULTI_PARTY_COMPUTATION, "multi-party-computation", "", "computing together on hidden data"),
    Term(Operation.HOMOMORPHIC_ENCRYPTION, "homomorphic-encryption", "", "computing on encrypted data"),
    Term(Operation.DIFFERENTIAL_PRIVACY, "differential-privacy", "", "statistics with protecting noise"),
    Term(Operation.SYNTHETIC_DATA, "synthetic-data", "", "making artificial data that resemble real data"),
    Term(Operation.DEIDENTIFIED_RELEASE, "deidentified-release", "", "release with identifying details removed"),
    Term(Operation.AGGREGATE_STATISTICS, "aggregate-statistics", "", "counts and averages"),
    Term(Operation.RISK_ASSESSMENT, "risk-assessment", "", "measuring the risk of being recognised"),
    Term(Operation.RECORD_ACCESS, "record-access", "", "reading single records"),
)


def names_of(mask: int, terms: tuple[Term, ...]) -> list[str]:
    """The API names of the bits set in ``mask``, in table order; bits outside the table are not named."""
    return [term.name for term in terms if mask & term.bit]
