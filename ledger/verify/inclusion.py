"""The offline check of one entry's proof: a ``.tlog-proof`` file, or a COSE receipt."""

import re

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.canonical import decode_object, same
from ledger.transparency.cose import CoseReceipt
from ledger.transparency.cosignature import Quorum
from ledger.transparency.note import VerifierKey
from ledger.transparency.tlog_proof import TlogProof
from ledger.transparency.witness import Head
from ledger.verify.claims import WITNESSES, Claim, Trial
from ledger.verify.report import Report

_ORIGIN = re.compile(r"consentry/([0-9a-f]{64})")
INCLUSION = Claim(
    "inclusion",
    "The log signed a head that holds this entry at this index.",
    "That what the entry says is true; nor, without the claim 'witnesses', that others are shown the same log.",
)
PLACE = Claim(
    "place",
    "The entry says of itself that it stands in this log at this index, in its one canonical form.",
    "That the entries before and after it are unchanged; an export and its anchors prove that.",
)


def verify_tlog_proof(text: str, entry: bytes, keys: list[VerifierKey], quorum: Quorum | None = None) -> Report:
    """Check a proof file.

    Args:
        text: The file.
        entry: The entry's canonical bytes.
        keys: The log's keys, from a source that you trust; none: nothing can be checked.
        quorum: The witnesses that must have signed; None: the claim is left out.
    """
    trial = Trial(claims=(INCLUSION, PLACE) if quorum is None else (INCLUSION, PLACE, WITNESSES))

    def inclusion() -> str:
        proof = TlogProof.parse(text)
        head = proof.verify(entry, keys, _log(proof))
        return f"entry {proof.index} of {head.size} in {head.origin}"

    def place() -> str:
        proof = TlogProof.parse(text)
        return _place(entry, _log(proof), proof.index)

    def witnesses() -> str:
        assert quorum is not None
        found = quorum.check(TlogProof.parse(text).note)
        return ", ".join(f"{name} at {at}" for name, at in sorted(found.items()))

    trial.attempt(INCLUSION, inclusion)
    trial.attempt(PLACE, place)
    if quorum is not None:
        trial.attempt(WITNESSES, witnesses)
    return trial.report("not tried")


def verify_cose_receipt(data: bytes, entry: bytes, keys: list[VerifierKey]) -> Report:
    """Check a COSE receipt.

    Args:
        data: The receipt.
        entry: The entry's canonical bytes.
        keys: The log's keys, from a source that you trust; none: nothing can be checked.
    """
    trial = Trial(claims=(INCLUSION, PLACE))

    def inclusion() -> str:
        receipt = CoseReceipt.decode(data)
        return f"entry {receipt.index} of {receipt.size} in {receipt.verify(entry, keys).name}"

    def place() -> str:
        receipt = CoseReceipt.decode(data)
        return _place(entry, _log_of(receipt.verify(entry, keys).name), receipt.index)

    trial.attempt(INCLUSION, inclusion)
    trial.attempt(PLACE, place)
    return trial.report("not tried")


def _place(entry: bytes, log: bytes, index: int) -> str:
    try:
        document = decode_object(entry)
    except InvalidInput as problem:
        raise ProofInvalid(f"the entry is not in canonical JSON: {problem}") from problem
    if not same([document.get("log"), document.get("index")], ["0x" + log.hex(), index]):
        raise ProofInvalid(f"the entry says that it stands at {document.get('index')} in {document.get('log')}")
    return f"{document.get('kind')} at {document.get('time')}"


def _log(proof: TlogProof) -> bytes:
    return _log_of(Head.parse(proof.note).origin)


def _log_of(origin: str) -> bytes:
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise CannotCheck(f"{origin} is not a Consentry log; check it with the tools of C2SP")
    return bytes.fromhex(found[1])
