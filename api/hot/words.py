"""The bodies of hot answers, written without a document in between.

Invariant: the same bytes as the encoder gives for ``api.decision_json`` and ``api.authzen.consent.why``; the tests of
the hot routes hold them against those.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from api.authzen.consent import why
from api.decision_json import answer_json
from api.schemas.decisions import obligations_json
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.sheet import ID, Sheet
from ledger.services.answer import Answer

encode: Final = msgspec.json.Encoder().encode
_ONE_DIGIT: Final = 10


def _kind(kind: Decision) -> str:
    """The outcome, reason, codes and obligations, without the braces around them."""
    document: dict[str, Any] = {
        "outcome": kind.outcome.name.lower(),
        "reason": kind.reason.code,
        "codes": list(kind.codes),
        "obligations": obligations_json(kind.obligations),
    }
    return encode(document).decode()[1:-1]


_OUTCOMES: Final = {outcome: outcome.name.lower() for outcome in Outcome}
_REASONS: Final = {reason: reason.code for reason in Reason}
"""To ask a member for its name takes longer than to look it up."""
_PLAIN: Final = {(outcome, reason): _kind(Decision(outcome, reason)) for outcome in Outcome for reason in Reason}
"""Kinds without codes and obligations, by outcome and reason."""


def _said(decision: Decision) -> str:
    if decision.codes or decision.obligations:
        return _kind(decision)
    return _PLAIN[decision.outcome, decision.reason]


_last: tuple[Block | None, str] = (None, "")
"""The block of the last answer, and its words: all answers between two blocks have the same."""


def _block(block: Block) -> str:
    global _last  # noqa: PLW0603 - one value, whole at each instant
    held, words = _last
    if held is not block:
        words = f'"block":{{"number":{block.number},"hash":"0x{block.hash.hex()}"}}'
        _last = block, words
    return words


def _consent(consent: bytes | None) -> str:
    return "null" if consent is None else f'"0x{consent.hex()}"'


def answer_bytes(given: Answer, *, compact: bool) -> bytes:
    """As ``answer_json``."""
    decisions = given.decisions
    if isinstance(decisions, Sheet):
        listed = _compact(decisions) if compact else _whole(given.subjects, decisions)
        permits = decisions.permits
    else:
        return encode(answer_json(given, compact=compact))
    return (
        f'{{"at":{given.at},{_block(given.block)},{listed},"considered":{len(decisions)},"permitted":{permits}}}'
    ).encode()


def one_bytes(subject: bytes, decision: Decision, at: int, block: Block) -> bytes:
    """As ``answer_json`` of the whole answer on one subject."""
    outcome, reason, consent, version, until, codes, obligations = decision
    said = _kind(decision) if codes or obligations else _PLAIN[outcome, reason]
    named = "null" if consent is None else f'"0x{consent.hex()}"'
    return (
        f'{{"at":{at},{_block(block)},"decisions":[{{"subject":"0x{subject.hex()}",{said},'
        f'"consent":{named},"version":{version},"valid_until":{until}}}],'
        f'"considered":1,"permitted":{1 if outcome is Outcome.PERMIT else 0}}}'
    ).encode()


def evaluation_bytes(decision: Decision, block: Block) -> bytes:
    """As AuthZEN's answer to one evaluation."""
    if decision.codes or decision.obligations:
        return encode({"decision": decision.permitted, "context": why(decision, block)})
    outcome, reason, consent, version, until, _, _ = decision
    return (
        f'{{"decision":{"true" if outcome is Outcome.PERMIT else "false"},"context":{{'
        f'"outcome":"{_OUTCOMES[outcome]}","reason":"{_REASONS[reason]}",'
        f'"consent":{_consent(consent)},"version":{version},{_block(block)},'
        f'"valid_until":{until},"codes":[],"obligations":[]}}}}'
    ).encode()


def _compact(sheet: Sheet) -> str:
    shown = list(dict.fromkeys(sheet.of))
    order = bytes(shown)
    kinds = ",".join(f"{{{_said(sheet.kinds[place])}}}" for place in shown)
    if len(shown) <= _ONE_DIGIT:
        joined = bytearray(b",") * (2 * len(sheet) - 1)
        joined[::2] = sheet.of.translate(bytes.maketrans(order, b"0123456789"[: len(shown)]))
        of = joined.decode()
    else:
        of = ",".join(map(str, sheet.of.translate(bytes.maketrans(order, bytes(range(len(shown)))))))
    return f'"compact":{{"kinds":[{kinds}],"of":[{of}],"valid_until":{min(sheet.untils)}}}'


def _whole(subjects: Sequence[bytes], sheet: Sheet) -> str:
    width = 2 * ID
    who, consents = b"".join(subjects).hex(), sheet.consents.hex()
    said = [f'",{_said(kind)},"consent":' for kind in sheet.kinds]
    rows = [
        f'{{"subject":"0x{who[at : at + width]}{said[of]}'
        + (f'"0x{consents[at : at + width]}"' if named else "null")
        + f',"version":{version},"valid_until":{until}}}'
        for at, of, named, version, until in zip(
            range(0, len(who), width), sheet.of, sheet.named, sheet.versions, sheet.untils, strict=True
        )
    ]
    return f'"decisions":[{",".join(rows)}]'
