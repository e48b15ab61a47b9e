"""A completed computation as FHIR R4 Provenance: its outputs, what they were made from, by which engine for whom.

Invariants: outputs, inputs and parents appear as the hashes and commitments of the log; the policy is the decision that
allowed the computation.

Source: https://hl7.org/fhir/R4/provenance.html
"""

from collections.abc import Mapping
from typing import Any, Final

from ledger.domain.computation import decisions_of, inputs_of, outputs_of, parents_of
from ledger.fhir.audit import OWN_DECISION, OWN_ENGINE
from ledger.fhir.codes import OWN, OWN_INSTITUTION, OWN_OPERATION
from ledger.fhir.times import instant_of

OWN_OUTPUT: Final = OWN + "sha256"
OWN_INPUT: Final = OWN + "input-commitment"
OWN_PARENT: Final = OWN + "parent"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


def provenance_of(
    entry: Mapping[str, Any], names: Mapping[str, str], started: int | None = None
) -> dict[str, Any] | None:
    """The Provenance of what an entry's computation made; None where it made nothing.

    Args:
        entry: Its document.
        names: What institutions, studies and engines are called, by 0x-hex id.
        started: When the computation started, seconds UTC, where the log says so.
    """
    outputs = outputs_of(entry)
    if not outputs:
        return None
    log, engine, ended = entry["log"], entry["engine"] or entry["actor"], entry["time"]
    period = {"end": instant_of(ended)}
    if started is not None and started <= ended:
        period = {"start": instant_of(started), **period}
    sources = [("source", OWN_INPUT, one.commitment) for one in inputs_of(entry)]
    sources += [("derivation", OWN_PARENT, one) for one in parents_of(entry)]
    written: dict[str, Any] = {
        "resourceType": "Provenance",
        "id": f"{log[2:18]}-{entry['index']}",
        "meta": {"source": f"urn:consentry:log:{log}:entry:{entry['index']}"},
        "target": [
            {"identifier": {"system": OWN_OUTPUT, "value": one.sha256}, "display": one.name or one.sha256}
            for one in outputs
        ],
        "occurredPeriod": period,
        "recorded": instant_of(ended),
        "policy": [f"{OWN_DECISION}:{decision}" for decision in decisions_of(entry)],
        "activity": {"coding": [{"system": OWN_OPERATION, "code": entry["operation"] or "computation"}]},
        "agent": [
            {
                "type": {"coding": [{"system": _ROLE, "code": "assembler"}]},
                "who": _named("Device", OWN_ENGINE, engine, names),
                "onBehalfOf": _named("Organization", OWN_INSTITUTION, log, names),
            }
        ],
        "entity": [
            {"role": role, "what": {"identifier": {"system": system, "value": value}}}
            for role, system, value in sources
        ],
    }
    return {name: value for name, value in written.items() if value}


def _named(type: str, system: str, id: str, names: Mapping[str, str]) -> dict[str, Any]:
    reference: dict[str, Any] = {"type": type, "identifier": {"system": system, "value": id}}
    return {**reference, "display": names[id]} if names.get(id) else reference
