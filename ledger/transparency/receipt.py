"""Receipts: what Consentry answered, signed, so that it can be held to it later.

- An **append receipt** promises that the entries of one append stand in a log, next to each other. It carries the
  root over their leaves, so that the promise is proved of each by an inclusion proof in that small tree, and a
  checkpoint that already holds them, so that it can be checked against any later head of the log.
- A **decision receipt** names the request, the answer, the consent versions that led to it and the block of the
  chain at which it was right, so the decision can be computed again from the chain alone.

A receipt is a compact JWS (``jws``). The payload is exact: a field more or less is an invalid receipt.

Source: https://www.rfc-editor.org/rfc/rfc7515
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec

from ledger.errors import InvalidInput, ProofInvalid
from ledger.transparency.canonical import MAX_INTEGER
from ledger.transparency.checkpoint import Checkpoint, read_checkpoint
from ledger.transparency.cohort import CohortCommitment
from ledger.transparency.encoding import from_hex, to_hex
from ledger.transparency.jws import kid_of, sign_jws, verify_jws
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.tree import root_of

APPEND_TYPE: Final = "consentry-append+jws"
DECISION_TYPE: Final = "consentry-decision+jws"

Answer: TypeAlias = Literal["permit", "deny", "abstain"]


@dataclass(frozen=True, slots=True)
class AppendReceipt:
    """The promise that the entries of an append are in a log.

    Attributes:
        log: Id of the log, 32 bytes.
        index: Index of the first entry.
        entry: Root of the RFC 9162 tree over the leaf hashes of the entries, 32 bytes: of one entry, its leaf hash.
        checkpoint: Signed note of a head of the same log that holds all of them.
        count: How many entries. A receipt of one does not say so, and is what it was before batches had receipts.
    """

    log: bytes
    index: int
    entry: bytes
    checkpoint: str
    count: int = 1

    def promises(self, leaves: Sequence[bytes]) -> bool:
        """Whether it is of exactly these entries, given by their leaf hashes in the order of the log."""
        return len(leaves) == self.count and root_of(leaves) == self.entry


@dataclass(frozen=True, slots=True)
class ConsentVersion:
    """A version of a consent that decided.

    Attributes:
        consent: Consent id, 32 bytes.
        version: Its version, from 1.
    """

    consent: bytes
    version: int


@dataclass(frozen=True, slots=True)
class Duty:
    """What a permit obliges to.

    Attributes:
        id: Short name of the term of the Data Use Ontology that asks for it.
        properties: What it asks for in particular.
    """

    id: str
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DecisionReceipt:
    """An answer, and all that is needed to compute it again.

    Attributes:
        decision: Id of the decision, as ``GET /v1/decisions/{id}`` takes it.
        request: SHA-256 of the canonical request, 32 bytes.
        at: Instant that was decided for, seconds UTC.
        outcome: The answer.
        reasons: Codes of the reasons (``ledger.domain.decision.Reason.code``).
        consents: The consent versions that decided; none for a cohort or where no consent did.
        block_number: Block of the consent state.
        block_hash: Its hash, 32 bytes.
        policy: Version of the decision rule.
        valid_until: First instant (seconds UTC) at which time alone could change the answer.
        cohort: The commitment, where a cohort was decided on.
        codes: Terms of the Data Use Ontology that refused.
        obligations: What the permit obliges to.
    """

    decision: str
    request: bytes
    at: int
    outcome: Answer
    reasons: tuple[str, ...]
    consents: tuple[ConsentVersion, ...]
    block_number: int
    block_hash: bytes
    policy: str
    valid_until: int
    cohort: CohortCommitment | None = None
    codes: tuple[str, ...] = ()
    obligations: tuple[Duty, ...] = ()


_Hex32: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\A0x[0-9a-f]{64}\Z")]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]


class _AppendWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    log: _Hex32
    index: _Count
    entry: _Hex32
    checkpoint: str
    count: Annotated[int, msgspec.Meta(ge=2, le=MAX_INTEGER)] | msgspec.UnsetType = msgspec.UNSET


class _BlockWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: _Count
    hash: _Hex32


class _CohortWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    size: _Count
    root: _Hex32


class _ConsentWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: _Hex32
    version: Annotated[int, msgspec.Meta(ge=1, lt=2**24)]


class _DutyWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    properties: dict[str, str]


class _DecisionWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    decision: str
    request: _Hex32
    at: _Count
    outcome: Answer
    reasons: list[str]
    consents: list[_ConsentWire]
    block: _BlockWire
    policy: str
    valid_until: _Count
    cohort: _CohortWire | None
    codes: list[str]
    obligations: list[_DutyWire]


_Wire = TypeVar("_Wire", _AppendWire, _DecisionWire)


def issue_append(receipt: AppendReceipt, key: SigningKey) -> str:
    """Signs an append receipt.

    Raises:
        InvalidInput: The checkpoint is not of this log or does not hold the entries; such a promise is not given.
    """
    try:
        _check_head(receipt)
    except ProofInvalid as error:
        raise InvalidInput(str(error)) from error
    count = msgspec.UNSET if receipt.count == 1 else receipt.count
    wire = _AppendWire(to_hex(receipt.log), receipt.index, to_hex(receipt.entry), receipt.checkpoint, count)
    return sign_jws(_payload(wire, _AppendWire), key, APPEND_TYPE)


def open_append(jws: str, keys: KeySet) -> AppendReceipt:
    """An append receipt, once its signature is checked.

    The checkpoint within is of the same log and holds the entries. Its own signature is a separate claim: check it with
    ``verify_checkpoint`` and the log's note keys, and that a later head extends it with ``verify_consistency``.

    Raises:
        ProofInvalid: Not a valid append receipt.
        CannotCheck: ``keys`` is empty.
    """
    wire = _open(jws, keys, APPEND_TYPE, _AppendWire)
    count = 1 if wire.count is msgspec.UNSET else wire.count
    receipt = AppendReceipt(from_hex(wire.log), wire.index, from_hex(wire.entry), wire.checkpoint, count)
    _check_head(receipt)
    return receipt


def issue_decision(receipt: DecisionReceipt, key: SigningKey) -> str:
    """Signs a decision receipt.

    Raises:
        InvalidInput: A field is out of range.
    """
    cohort = receipt.cohort
    wire = _DecisionWire(
        decision=receipt.decision,
        request=to_hex(receipt.request),
        at=receipt.at,
        outcome=receipt.outcome,
        reasons=list(receipt.reasons),
        consents=[_ConsentWire(to_hex(used.consent), used.version) for used in receipt.consents],
        block=_BlockWire(receipt.block_number, to_hex(receipt.block_hash)),
        policy=receipt.policy,
        valid_until=receipt.valid_until,
        cohort=None if cohort is None else _CohortWire(cohort.size, to_hex(cohort.root)),
        codes=list(receipt.codes),
        obligations=[_DutyWire(duty.id, dict(duty.properties)) for duty in receipt.obligations],
    )
    return sign_jws(_payload(wire, _DecisionWire), key, DECISION_TYPE)


def open_decision(jws: str, keys: KeySet) -> DecisionReceipt:
    """A decision receipt, once its signature is checked, and that its key signed for the ledger at its instant.

    Raises:
        ProofInvalid: Not a valid decision receipt.
        CannotCheck: ``keys`` is empty.
    """
    wire = _open(jws, keys, DECISION_TYPE, _DecisionWire)
    keys.check_instant(kid_of(jws), wire.at)
    return DecisionReceipt(
        decision=wire.decision,
        request=from_hex(wire.request),
        at=wire.at,
        outcome=wire.outcome,
        reasons=tuple(wire.reasons),
        consents=tuple(ConsentVersion(from_hex(used.id), used.version) for used in wire.consents),
        block_number=wire.block.number,
        block_hash=from_hex(wire.block.hash),
        policy=wire.policy,
        valid_until=wire.valid_until,
        cohort=None if wire.cohort is None else CohortCommitment(wire.cohort.size, from_hex(wire.cohort.root)),
        codes=tuple(wire.codes),
        obligations=tuple(Duty(duty.id, duty.properties) for duty in wire.obligations),
    )


def _check_head(receipt: AppendReceipt) -> Checkpoint:
    head = _head_of(receipt.checkpoint)
    if head.log != receipt.log or head.size < receipt.index + receipt.count:
        raise ProofInvalid(
            f"append receipt: its checkpoint is of {head.origin} with {head.size} entries, "
            f"which does not hold the {receipt.count} entries from {receipt.index} on of log {to_hex(receipt.log)}"
        )
    return head


@lru_cache(maxsize=16)
def _head_of(note: str) -> Checkpoint:
    """The checkpoint in a note, read once for all entries that were appended with it."""
    return read_checkpoint(note)


def _payload(wire: _Wire, kind: type[_Wire]) -> dict[str, object]:
    payload: dict[str, object] = msgspec.to_builtins(wire)
    try:
        msgspec.convert(payload, kind)  # a receipt that we could not read back is not signed
    except msgspec.ValidationError as error:
        raise InvalidInput(f"receipt: {error}") from error
    return payload


def _open(jws: str, keys: KeySet, typ: str, kind: type[_Wire]) -> _Wire:
    payload = verify_jws(jws, keys, typ)
    try:
        return msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise ProofInvalid(f"receipt: signed, but not a receipt of this kind: {error}") from error
