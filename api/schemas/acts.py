"""Signed acts about a subject, as wallets and custodians send them."""

from typing import Any, Literal

from pydantic import Field

from api.schemas.base import Answer, Body, Hash, Id, Seconds, Signer, Window, Words
from api.schemas.passkeys import RequestOptions
from api.schemas.signatures import ActSignature
from ledger.domain.acts import Act, ConsentAct, SignerAddition, SignerRemoval, Withdrawal, WithdrawalOfAll
from ledger.domain.consent import ZERO_ID, Scope
from ledger.domain.vocabulary import (
    CATEGORY_TERMS,
    CONDITION_TERMS,
    FOREVER,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    Capacity,
    Term,
)
from ledger.domain.wording import scope_from_json
from ledger.errors import UnknownCode

CapacityWord = Literal["self", "guardian", "proxy", "staff"]


def words_field(terms: tuple[Term, ...], *, or_any: bool) -> Any:
    """The schema of a list of vocabulary words; an unknown one is refused when it is read."""
    words: dict[str, Any] = {"type": "array", "items": {"enum": [term.name for term in terms]}, "uniqueItems": True}
    return Field(json_schema_extra={"anyOf": [{"const": "any"}, words]} if or_any else words)


class ToInstitution(Body):
    """A recipient: one institution."""

    institution: str


class ToStudy(Body):
    """A recipient: one study."""

    study: str


class ScopeBody(Body):
    """What a consent allows or forbids; "any" is said in so many letters."""

    effect: Literal["permit", "deny"]
    recipient: Literal["any"] | ToInstitution | ToStudy
    purposes: Literal["any"] | Words = words_field(PURPOSE_TERMS, or_any=True)
    diseases: list[str] | None = Field(default=None, examples=[["MONDO:0008903"]])
    conditions: Literal["any"] | Words = words_field(CONDITION_TERMS, or_any=True)
    categories: Literal["any"] | Words = words_field(CATEGORY_TERMS, or_any=True)
    operations: Literal["any"] | Words = words_field(OPERATION_TERMS, or_any=True)
    validity: Window
    data_window: Window | None = None
    terms: str = Field(description="SHA-256 of the text that was shown, 0x-hex")

    def scope(self) -> Scope:
        """The scope.

        Raises:
            UnknownCode: A word is outside the vocabulary.
            InvalidInput: A field makes no sense.
        """
        return scope_from_json(self.model_dump(by_alias=True, exclude_none=True))


class ConsentBody(Body):
    """A grant (version 1) or a change (the next version) with the subject's signature."""

    subject: Id
    id: Id
    version: int = Field(ge=1, lt=1 << 24)
    scope: ScopeBody
    form: Hash = ZERO_ID
    issued_at: Seconds
    deadline: Seconds
    signer: Signer
    signature: ActSignature

    def act(self) -> ConsentAct:
        """The act."""
        return ConsentAct(
            subject=self.subject,
            id=self.id,
            version=self.version,
            scope=self.scope.scope(),
            form=self.form,
            issued_at=self.issued_at,
            deadline=self.deadline,
            signer=self.signer,
            signature=self.signature,
        )


class WithdrawalBody(Body):
    """The end of one consent, with the signature."""

    subject: Id
    id: Id
    signer: Signer
    signature: ActSignature

    def act(self) -> Withdrawal:
        """The act."""
        return Withdrawal(subject=self.subject, id=self.id, signer=self.signer, signature=self.signature)


class WithdrawalOfAllBody(Body):
    """The end of every consent of a subject; ``id`` is fresh."""

    subject: Id
    id: Id
    deadline: Seconds
    signer: Signer
    signature: ActSignature

    def act(self) -> WithdrawalOfAll:
        """The act."""
        return WithdrawalOfAll(
            subject=self.subject, id=self.id, deadline=self.deadline, signer=self.signer, signature=self.signature
        )


class AdditionBody(Body):
    """A further signer for a subject; ``id`` is fresh."""

    subject: Id
    id: Id
    new_signer: Signer
    capacity: CapacityWord
    from_: Seconds = Field(default=0, alias="from")
    until: Seconds | None = None
    form: Hash = ZERO_ID
    deadline: Seconds
    signer: Signer
    signature: ActSignature

    def act(self) -> SignerAddition:
        """The act."""
        return SignerAddition(
            subject=self.subject,
            id=self.id,
            new_signer=self.new_signer,
            capacity=capacity_of(self.capacity),
            since=self.from_,
            until=FOREVER if self.until is None else self.until,
            form=self.form,
            deadline=self.deadline,
            signer=self.signer,
            signature=self.signature,
        )


class RemovalBody(Body):
    """The end of a signer's authority; ``id`` is fresh."""

    subject: Id
    id: Id
    old_signer: Signer
    deadline: Seconds
    signer: Signer
    signature: ActSignature

    def act(self) -> SignerRemoval:
        """The act."""
        return SignerRemoval(
            subject=self.subject,
            id=self.id,
            old_signer=self.old_signer,
            deadline=self.deadline,
            signer=self.signer,
            signature=self.signature,
        )


class Consents(Body):
    """Consents to record."""

    acts: list[ConsentBody] = Field(min_length=1)


class Withdrawals(Body):
    """Consents to end."""

    acts: list[WithdrawalBody] = Field(min_length=1)


class WithdrawalsOfAll(Body):
    """Subjects who end everything."""

    acts: list[WithdrawalOfAllBody] = Field(min_length=1)


class SignerChanges(Body):
    """Signers to add and to remove; additions count first."""

    additions: tuple[AdditionBody, ...] = Field(default=(), strict=False)
    removals: tuple[RemovalBody, ...] = Field(default=(), strict=False)


class UnsignedConsent(ConsentBody):
    """A consent that is yet to be signed."""

    act_: Literal["consent"] = Field(alias="act")
    signature: ActSignature = b""


class UnsignedWithdrawal(WithdrawalBody):
    """A withdrawal that is yet to be signed."""

    act_: Literal["withdrawal"] = Field(alias="act")
    signature: ActSignature = b""


class UnsignedWithdrawalOfAll(WithdrawalOfAllBody):
    """A withdrawal of everything that is yet to be signed."""

    act_: Literal["withdrawal-of-all"] = Field(alias="act")
    signature: ActSignature = b""


class UnsignedAddition(AdditionBody):
    """A further signer, yet to be signed."""

    act_: Literal["signer-addition"] = Field(alias="act")
    signature: ActSignature = b""


class UnsignedRemoval(RemovalBody):
    """A removal of a signer that is yet to be signed."""

    act_: Literal["signer-removal"] = Field(alias="act")
    signature: ActSignature = b""


Unsigned = UnsignedConsent | UnsignedWithdrawal | UnsignedWithdrawalOfAll | UnsignedAddition | UnsignedRemoval


class TypedDataAnswer(Answer):
    """What a wallet shows and signs (EIP-712), its digest, and what to ask a browser where the signer is a passkey."""

    digest: str
    typed_data: dict[str, Any]
    webauthn: RequestOptions | None = None


def capacity_of(word: str) -> Capacity:
    """The capacity that a word names.

    Raises:
        UnknownCode: There is no such capacity.
    """
    try:
        return Capacity[word.upper()]
    except KeyError as problem:
        raise UnknownCode(f"there is no capacity {word!r}; there are self, guardian, proxy and staff") from problem


def unsigned_act(body: Unsigned) -> Act:
    """The act that an unsigned body describes."""
    return body.act()
