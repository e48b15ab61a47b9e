"""Consent receipts, as ``ledger.provenance.consent_receipt`` words them."""

from typing import Any

from pydantic import Field

from api.schemas.base import Answer


class ConsentReceiptAnswer(Answer):
    """A receipt to read, the same as signed (compact JWS), and, once it is sealed, its proof out of the chain."""

    receipt: dict[str, Any] = Field(description="in the shape of ISO/IEC TS 27560")
    jws: str = Field(description="the receipt, signed with a key of /.well-known/jwks.json")
    proof: dict[str, Any] | None = Field(description="header and receipts trie nodes (RLP, hex); null until sealed")


class ConsentReceiptsAnswer(Answer):
    """The receipts of all acts on a consent, oldest first, without their proofs."""

    receipts: list[ConsentReceiptAnswer]
