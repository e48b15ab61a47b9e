"""The JSON forms of decisions on named subjects: one object a subject, or, compact, one number a subject.

Invariants: both forms say the same of who is permitted and why; the compact one leaves out which consent decided, and
gives one ``valid_until`` for all.
"""

from typing import Any

from api.schemas.decisions import obligations_json
from ledger.domain.decision import Decision
from ledger.domain.identifiers import to_hex
from ledger.services.answer import Answer
from ledger.services.decide import RecordedAnswer


def answer_json(given: Answer, *, compact: bool = False) -> dict[str, Any]:
    """The JSON form of an answer."""
    document: dict[str, Any] = {
        "at": given.at,
        "block": {"number": given.block.number, "hash": to_hex(given.block.hash)},
    }
    if compact:
        document["compact"] = compact_json(given)
    else:
        document["decisions"] = [
            decision_json(subject, one) for subject, one in zip(given.subjects, given.decisions, strict=True)
        ]
    return document | {
        "considered": len(given.subjects),
        "permitted": sum(1 for one in given.decisions if one.permitted),
    }


def recorded_json(recorded: RecordedAnswer, *, compact: bool = False) -> dict[str, Any]:
    """The JSON form of an answer that was recorded."""
    document = {"id": recorded.id, **answer_json(recorded.answer, compact=compact), "entry": entry_json(recorded)}
    return document | {"receipt": recorded.receipt}


def decision_json(subject: bytes, held: Decision) -> dict[str, Any]:
    """The JSON form of the answer on one subject."""
    return {"subject": to_hex(subject), **_kind_json(held)} | {
        "consent": None if held.consent is None else to_hex(held.consent),
        "version": held.version,
        "valid_until": held.valid_until,
    }


def compact_json(given: Answer) -> dict[str, Any]:
    """The different answers, and for each subject, in the order asked, the place of its own among them."""
    places: dict[tuple[int, int, int, int], int] = {}
    kinds: list[Decision] = []
    of: list[int] = []
    # By identity, which hashes in no time: the same answer twice, at worst, is two kinds.
    for one in given.decisions:
        key = (id(one.reason), id(one.outcome), id(one.codes), id(one.obligations))
        place = places.get(key)
        if place is None:
            place = places[key] = len(kinds)
            kinds.append(one)
        of.append(place)
    return {"kinds": [_kind_json(kind) for kind in kinds], "of": of, "valid_until": given.valid_until}


def entry_json(recorded: RecordedAnswer) -> dict[str, Any]:
    """Where the entry of a recorded answer stands."""
    return {"log": to_hex(recorded.log), "index": recorded.appended.entries[0].index}


def _kind_json(held: Decision) -> dict[str, Any]:
    return {
        "outcome": held.outcome.name.lower(),
        "reason": held.reason.code,
        "codes": list(held.codes),
        "obligations": obligations_json(held.obligations),
    }
