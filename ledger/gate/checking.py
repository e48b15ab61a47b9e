"""Answers are believed only where the ledger's signature says the same.

An answer is a claim; its receipt is what the ledger can be held to. So a proxy, a cache or a faulty server cannot add
one row.

Not checked here, because an engine does not have what it needs: that the commitment's root holds these very subjects
(it takes the salts, which auditors may see; each subject's row can be proved with ``GET /v1/decisions/{id}/members``).
"""

from hashlib import sha256
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.domain.data_use import Obligation
from ledger.errors import LedgerUnreachable, ProofInvalid
from ledger.gate import answers as shapes
from ledger.gate.answers import Appended, CohortAnswer, Look
from ledger.gate.requests import CohortRequest
from ledger.transparency.checkpoint import origin_of, verify_checkpoint
from ledger.transparency.encoding import from_base64url, from_hex
from ledger.transparency.keys import KeySet
from ledger.transparency.note import VerifierKey
from ledger.transparency.receipt import DecisionReceipt, open_append, open_decision

_Shape = TypeVar("_Shape")


def cohort_of(body: bytes, request: CohortRequest, keys: KeySet) -> CohortAnswer:
    """The answer to a cohort request, once its receipt is checked.

    Args:
        body: JSON of the answer.
        request: What was asked.
        keys: The ledger's receipt keys.

    Raises:
        LedgerUnreachable: The body is not such an answer; something else answered.
        ProofInvalid: The receipt does not hold, or does not say what the answer says.
    """
    answer = _read(body, shapes.CohortWire)
    receipt = open_decision(answer.receipt, keys)
    _same_claims(answer, receipt, request)
    permitted = frozenset(answer.permitted.subjects)
    if not len(permitted) == len(answer.permitted.subjects) == answer.permitted.count <= answer.considered:
        raise ProofInvalid("cohort: the number of permitted subjects is not the number of their ids; nothing was used")
    if request.subjects is not None:
        if strangers := permitted - set(request.subjects):
            raise ProofInvalid(f"cohort: {len(strangers)} permitted subjects were not asked about; nothing was used")
        if answer.considered != len(request.subjects):
            raise ProofInvalid(
                f"cohort: {len(request.subjects)} subjects were asked about but {answer.considered} considered"
            )
    told = answer.permitted.count + sum(group.count or 0 for group in answer.excluded)
    hidden = any(group.count is None for group in answer.excluded)
    if told > answer.considered or (told < answer.considered and not hidden):
        raise ProofInvalid("cohort: permitted and excluded do not add up to those considered; nothing was used")
    return CohortAnswer(
        decision=answer.id,
        at=answer.at,
        block=answer.block,
        considered=answer.considered,
        permitted=permitted,
        excluded=tuple(answer.excluded),
        root=answer.commitment.root,
        valid_until=answer.valid_until,
        entry=answer.entry,
        receipt=answer.receipt,
        codes=tuple(answer.codes),
        obligations=tuple(Obligation(duty.id, duty.properties) for duty in answer.obligations),
    )


def _same_claims(answer: shapes.CohortWire, receipt: DecisionReceipt, request: CohortRequest) -> None:
    if receipt.cohort is None:
        raise ProofInvalid("cohort: the receipt is of a single decision, not of a cohort")
    claims: dict[str, tuple[Any, Any]] = {
        "request": (sha256(request.signed_form()).digest(), receipt.request),
        "decision": (answer.id, receipt.decision),
        "instant": (answer.at, receipt.at),
        "block number": (answer.block.number, receipt.block_number),
        "block hash": (from_hex(answer.block.hash), receipt.block_hash),
        "end of validity": (answer.valid_until, receipt.valid_until),
        "outcome": (answer.permitted.count > 0, receipt.outcome == "permit"),
        "codes": (tuple(answer.codes), receipt.codes),
        "obligations": (
            [(duty.id, duty.properties) for duty in answer.obligations],
            [(duty.id, duty.properties) for duty in receipt.obligations],
        ),
        "size of the commitment": (answer.commitment.size, receipt.cohort.size),
        "root of the commitment": (from_hex(answer.commitment.root), receipt.cohort.root),
        "number considered": (answer.considered, receipt.cohort.size),
    }
    for name, (said, signed) in claims.items():
        if said != signed:
            raise ProofInvalid(f"cohort: the {name} of the answer is not what its receipt says; nothing was used")


def appended_of(body: bytes, count: int, keys: KeySet) -> Appended:
    """The answer to an append, once its receipt and checkpoint are checked.

    Args:
        body: JSON of the answer.
        count: Number of entries that were sent.
        keys: The ledger's receipt and checkpoint keys.

    Raises:
        LedgerUnreachable: The body is not such an answer.
        ProofInvalid: The receipt or checkpoint does not hold, or does not cover the entries.
    """
    answer = _read(body, shapes.AppendedWire)
    if len(answer.entries) != count:
        raise ProofInvalid(f"append: {count} entries were sent and {len(answer.entries)} are acknowledged")
    logs = {leaf.log for leaf in answer.entries}
    if len(logs) != 1:
        raise ProofInvalid("append: the acknowledged entries are of more than one log")
    log = from_hex(logs.pop())
    receipt = open_append(answer.receipt, keys)
    first = receipt.index
    if receipt.log != log or [leaf.index for leaf in answer.entries] != list(range(first, first + count)):
        raise ProofInvalid("append: the receipt is of other entries than those acknowledged")
    if not receipt.promises([from_hex(leaf.leaf) for leaf in answer.entries]):
        raise ProofInvalid("append: the leaves that are acknowledged are not those of the receipt")
    head = verify_checkpoint(answer.checkpoint, _note_keys(keys, log), log)
    if any(leaf.index >= head.size for leaf in answer.entries):
        raise ProofInvalid("append: the checkpoint does not hold every acknowledged entry")
    return Appended(tuple(answer.entries), answer.receipt, head, answer.checkpoint)


def looks_of(body: bytes) -> list[Look]:
    """The answers of ``POST /v1/decisions``; they have no receipt when they were not recorded.

    Raises:
        LedgerUnreachable: The body is not such an answer.
    """
    return [
        Look(
            subject=one.subject,
            permitted=one.outcome == "permit",
            reason=one.reason,
            consent=one.consent,
            version=one.version,
            valid_until=one.valid_until,
        )
        for one in _read(body, shapes.DecisionsWire).decisions
    ]


def keys_of(body: bytes) -> KeySet:
    """The keys of a JWKS document.

    Raises:
        LedgerUnreachable: The body is not one.
        InvalidInput: A key in it is malformed.
    """
    return KeySet.from_jwks(_read(body, dict[str, Any]))


def _note_keys(keys: KeySet, log: bytes) -> list[VerifierKey]:
    members = keys.jwks["keys"]
    assert isinstance(members, list)
    publics = [
        Ed25519PublicKey.from_public_bytes(from_base64url(str(member["x"])))
        for member in members
        if isinstance(member, dict)
    ]
    return [VerifierKey(origin_of(log), public) for public in publics]


def _read(body: bytes, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise LedgerUnreachable(f"what answered is not the ledger, or speaks another version: {problem}") from problem
