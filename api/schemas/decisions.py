"""Questions about consent and their answers."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from api.schemas.acts import words_field
from api.schemas.base import Answer, Body, Id, Seconds, Window, Words
from ledger.domain.data_use import Obligation
from ledger.domain.policy import Request
from ledger.domain.vocabulary import CATEGORY_TERMS, OPERATION_TERMS
from ledger.domain.wording import categories_of, operation_of
from ledger.errors import InvalidInput


class Question(Body):
    """What an engine asks to do."""

    study: Id
    engine: Id | None = Field(default=None, description="default: the caller, where it is an engine")
    operation: str = Field(json_schema_extra={"enum": [term.name for term in OPERATION_TERMS]})
    categories: Words = words_field(CATEGORY_TERMS, or_any=False)
    data_window: Window | None = Field(default=None, description="when the data was recorded")
    dataset: Id | None = Field(
        default=None,
        description="one dataset of the subjects' custodian; default: all of its data, so each dataset must allow it",
    )
    at_least_block: int = Field(default=0, ge=0, lt=1 << 63, description="the answer is of this block or a later one")
    finalized: bool = Field(default=False, description="permit only what was permitted at the newest final block too")

    def request(self, engine: bytes) -> Request:
        """The request of an engine.

        Raises:
            UnknownCode: A word is outside the vocabulary.
            InvalidInput: No category is named, or the window is empty.
        """
        data_from, data_until = (self.data_window or Window()).bounds()
        if data_from >= data_until:
            raise InvalidInput("the data window must start before it ends")
        categories = categories_of(self.categories)
        if not categories:
            raise InvalidInput("name at least one category")
        operation = operation_of(self.operation)
        return Request(self.study, engine, operation, categories, data_from, data_until, self.dataset)


class AsOf(Body):
    """A moment in the past: a block, or seconds UTC."""

    block: int | None = Field(default=None, ge=0, lt=1 << 63)
    at: Seconds | None = None


class DecisionsBody(Question):
    """A question about named subjects."""

    subjects: list[Id] = Field(min_length=1)
    record: bool = Field(default=True, description="false: a look, with no entry, not to act on")
    receipt: bool = Field(
        default=False,
        description="sign a look on one subject: proof of what was said, without an entry; a record always has one",
    )
    compact: bool = Field(default=False, description="answer with one number a subject, for large batches")
    as_of: AsOf | None = Field(default=None, description="what the answer was at a moment; with record: false only")


class OfCustodian(Body):
    """All enrolled subjects of one custodian."""

    custodian: Id


class CohortBody(Question):
    """A question about a cohort."""

    subjects: list[Id] | Literal["all"] | OfCustodian


class BlockAnswer(Answer):
    """The block whose consents decided."""

    number: int
    hash: str


class EntryPlace(Answer):
    """Where an entry stands."""

    log: str
    index: int


class ObligationAnswer(Answer):
    """What a permit obliges to, by the term of the Data Use Ontology that asks for it."""

    id: str
    properties: dict[str, str]


class DecisionAnswer(Answer):
    """The answer on one subject. Only permit is a yes; abstain: the terms of a dataset ask for what nobody said."""

    subject: str
    outcome: Literal["permit", "deny", "abstain"]
    reason: str
    consent: str | None
    version: int
    valid_until: int
    codes: list[str] = Field(description="terms of the Data Use Ontology that refused")
    obligations: list[ObligationAnswer]


class KindAnswer(Answer):
    """An answer that some subjects share."""

    outcome: Literal["permit", "deny", "abstain"]
    reason: str
    codes: list[str]
    obligations: list[ObligationAnswer]


class CompactAnswer(Answer):
    """The answers in short: ``kinds[of[i]]`` is the answer on the i-th subject that was asked about."""

    kinds: list[KindAnswer]
    of: list[int]
    valid_until: int = Field(description="the first instant at which time alone could change any of them")


class DecisionsAnswer(Answer):
    """The answers (compact where asked for), their record and its receipt (for a look: where it was to be signed)."""

    id: str | None = None
    at: Seconds
    block: BlockAnswer
    decisions: list[DecisionAnswer] | None = None
    compact: CompactAnswer | None = None
    considered: int
    permitted: int
    entry: EntryPlace | None = None
    receipt: str | None = None


class Permitted(Answer):
    """Whose data may be used."""

    count: int
    subjects: list[str]


class Excluded(Answer):
    """How many may not be used, for one reason; small counts are not told."""

    reason: str
    count: int | None
    suppressed: bool


class Commitment(Answer):
    """Binds the considered rows without naming them."""

    size: int
    root: str


class CohortAnswer(Answer):
    """A cohort, its commitment, record and receipt."""

    id: str
    at: Seconds
    block: BlockAnswer
    considered: int
    permitted: Permitted
    excluded: list[Excluded]
    commitment: Commitment
    valid_until: int
    codes: list[str] = Field(description="terms of the Data Use Ontology that refused")
    obligations: list[ObligationAnswer]
    entry: EntryPlace
    receipt: str


class RecordAnswer(Answer):
    """A decision that was given out."""

    id: str
    at: Seconds
    block: BlockAnswer
    study: str
    engine: str
    request: dict[str, Any]
    considered: int
    permitted: int
    entry: EntryPlace
    receipt: str


class SubjectsAnswer(Answer):
    """The subjects that a decision permitted."""

    id: str
    count: int
    subjects: list[str]


class DifferenceAnswer(Answer):
    """A row that comes out otherwise than it was said."""

    subject: str
    said: str
    found: str


class ChainAnswer(Answer):
    """What the contract's own view said."""

    asked: int
    same: bool
    differences: list[DifferenceAnswer]


class ReplayAnswer(Answer):
    """A decision computed again as of its block."""

    same: bool
    block: BlockAnswer
    differences: list[DifferenceAnswer]
    pending: int
    chain: ChainAnswer


class MembershipAnswer(Answer):
    """Proof that a subject was, or was not, in the permitted set."""

    subject: str
    permitted: bool
    salt: str
    index: int
    path: list[str]
    commitment: Commitment


def obligations_json(obligations: Sequence[Obligation]) -> list[dict[str, Any]]:
    """The JSON form of what a permit obliges to."""
    return [{"id": duty.id, "properties": dict(duty.properties)} for duty in obligations]
