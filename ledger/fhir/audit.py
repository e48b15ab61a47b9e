"""Log entries as FHIR R4 AuditEvents, to the profiles of IHE's Basic Audit Log Patterns (BALP 1.1.3).

A decision is an AuthZconsent, permit or deny; reading data, by a computation or as such, a PatientRead; handing data on
a PrivacyDisclosure, once as its source and once as its recipient. What BALP has no pattern for is a plain AuditEvent.

The profiles want one patient an event. Where the considered rows may be shown there is one event a row, and the patient
is a random id; else there is one event an entry, and the patient is the commitment to the cohort, which names nobody.

Invariants: nothing is said that the entry and its rows do not say. Agents have no addresses in the log, so that their
network address is the URI of who they are. ``meta.source`` leads back to the entry that the log's proofs speak of.

Source: https://profiles.ihe.net/ITI/BALP/, https://hl7.org/fhir/R4/auditevent.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.audit import Kind
from ledger.domain.computation import facts_of, mapping
from ledger.domain.selection import outcome_of
from ledger.fhir.codes import ACT_REASON, OWN, OWN_CONSENT, OWN_INSTITUTION, OWN_STUDY, OWN_SUBJECT, ROLE
from ledger.fhir.times import instant_of

PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
OWN_ENGINE: Final = OWN + "engine"
OWN_SERVICE: Final = OWN + "service"
OWN_COHORT: Final = OWN + "cohort"
OWN_DECISION: Final = OWN + "decision"
OWN_BLOCK: Final = OWN + "block"
OWN_KIND: Final = OWN + "entry-kind"
OWN_ACTOR: Final = OWN + "actor"
_ENTITY: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_OBJECT: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_SUCCESS, _DENIED, _FAILED = "0", "8", "4"
_OUTCOMES: Final = {"permit": _SUCCESS, "deny": _DENIED, "abstain": _DENIED, "failed": _FAILED, "withheld": _FAILED}
_READS: Final = frozenset({Kind.COMPLETED, Kind.ACCESSED})
_URI: Final = "5"  # http://hl7.org/fhir/network-type


@dataclass(frozen=True, slots=True)
class Row:
    """A considered row of a decision: the subject's id (0x-hex), and what was decided by which consent."""

    subject: str
    permitted: bool
    reason: str
    consent: str | None


def needs_rows(entry: Mapping[str, Any]) -> bool:
    """Whether the events of an entry are about the rows of its decision."""
    return Kind(entry["kind"]) in {Kind.DECISION, Kind.DISCLOSED, *_READS} and bool(entry["decision"])


def audit_events(
    entry: Mapping[str, Any], names: Mapping[str, str], rows: Sequence[Row] | None = None, cohort: str = ""
) -> Iterator[dict[str, Any]]:
    """The AuditEvents of an entry.

    Args:
        entry: Its document.
        names: What institutions, studies and engines are called, by 0x-hex id.
        rows: The rows of its decision, where they may be shown; None: one event for them all.
        cohort: The root of the commitment to its decision's cohort, 0x-hex.
    """
    log = _Log(entry, names)
    kind = Kind(entry["kind"])
    if not needs_rows(entry):
        yield log.plain()
        return
    if rows is None:
        rows = [Row("", outcome_of(entry) != "deny" and outcome_of(entry) != "abstain", "", None)]
    number = 0
    for row in rows:
        patient = log.patient(row, cohort)
        events = [log.authorization(row, patient)] if kind is Kind.DECISION else []
        if kind in _READS and row.permitted:
            events = [log.read(patient)]
        elif kind is Kind.DISCLOSED and row.permitted:
            events = [log.disclosure(patient, at_source=True), log.disclosure(patient, at_source=False)]
        for event in events:
            yield {**event, "id": f"{entry['log'][2:18]}-{entry['index']}-{number}"}
            number += 1


@dataclass(frozen=True, slots=True)
class _Log:
    """The words of one entry."""

    entry: Mapping[str, Any]
    names: Mapping[str, str]

    def authorization(self, row: Row, patient: dict[str, Any]) -> dict[str, Any]:
        excluded = mapping(facts_of(self.entry).get("excluded"))
        outcome = outcome_of(self.entry) if not row.subject else ("permit" if row.permitted else "deny")
        consent = _reference("Consent", OWN_CONSENT, row.consent) if row.consent else self._state()
        reasons = row.reason or ", ".join(sorted(excluded))
        words = ": ".join(filter(None, (outcome, reasons))) or "no outcome is stated"
        denied = {} if outcome == "permit" else {"outcomeDesc": words}
        client = self._agent(_dcm("110150", "Application"), self._engine(), requestor=False)
        user = {**_typed(ROLE, "IRCP"), "who": self._study(), "requestor": True, "purposeOfUse": [_purpose()]}
        owner = {**_typed("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV"), "who": self._institution()}
        server = _typed("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver")
        return {
            **self._base("AuthZconsent", _dcm("110113", "Security Alert"), "E"),
            "subtype": [_coding("https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType", "AuthZ-Consent")],
            "outcome": _OUTCOMES.get(outcome, _DENIED),
            **denied,
            "agent": [
                client,
                user,
                {**owner, "requestor": False},
                {**server, "who": self._service(), "requestor": False},
            ],
            "entity": [patient, {"what": consent, "type": _coding("http://hl7.org/fhir/resource-types", "Consent")}],
        }

    def read(self, patient: dict[str, Any]) -> dict[str, Any]:
        return {
            **self._base("PatientRead", _coding("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest"), "R"),
            "subtype": [_coding("http://hl7.org/fhir/restful-interaction", "read"), self._kind()],
            "outcome": _SUCCESS,
            "agent": [
                self._agent(_dcm("110152", "Destination Role ID"), self._engine(), requestor=False),
                self._agent(_dcm("110153", "Source Role ID"), self._institution(), requestor=False),
                {**_typed(ROLE, "IRCP"), "who": self._study(), "requestor": True, "purposeOfUse": [_purpose()]},
            ],
            "entity": [patient, self._data()],
        }

    def disclosure(self, patient: dict[str, Any], *, at_source: bool) -> dict[str, Any]:
        name, code, display, action = (
            ("Source", "110106", "Export", "R") if at_source else ("Recipient", "110107", "Import", "C")
        )
        source, recipient = self._institution(), self._recipient()
        return {
            **self._base(f"PrivacyDisclosure.{name}", _dcm(code, display), action),
            "subtype": [_coding("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose"), self._kind()],
            "outcome": _SUCCESS,
            "agent": [
                self._agent(_dcm("110153", "Source Role ID"), source, requestor=False),
                self._agent(_dcm("110152", "Destination Role ID"), recipient, requestor=True),
            ],
            "source": self._source(source if at_source else recipient),
            "entity": [patient, self._data()],
        }

    def plain(self) -> dict[str, Any]:
        actor = self._engine() if self.entry["engine"] else _reference("Device", OWN_ACTOR, self.entry["actor"])
        return {
            **self._base("", _dcm("110100", "Application Activity"), "E"),
            "id": f"{self.entry['log'][2:18]}-{self.entry['index']}-0",
            "subtype": [self._kind()],
            "outcome": _OUTCOMES.get(outcome_of(self.entry), _SUCCESS),
            "agent": [self._agent(_dcm("110150", "Application"), actor, requestor=True)],
        }

    def patient(self, row: Row, cohort: str) -> dict[str, Any]:
        if row.subject:
            what = _reference("Patient", OWN_SUBJECT, row.subject)
        else:
            what = _reference("Patient", OWN_COHORT, cohort or self.entry["decision"], "all who were considered")
        return {"what": what, "type": _coding(_ENTITY, "1", "Person"), "role": _coding(_OBJECT, "1", "Patient")}

    def _base(self, profile: str, type: dict[str, Any], action: str) -> dict[str, Any]:
        log, index = self.entry["log"], self.entry["index"]
        meta = {"source": f"urn:consentry:log:{log}:entry:{index}"}
        return {
            "resourceType": "AuditEvent",
            "meta": {**meta, "profile": [PROFILES + profile]} if profile else meta,
            "type": type,
            "action": action,
            "recorded": instant_of(self.entry["time"]),
            "source": self._source(self._service()),
        }

    def _source(self, observer: dict[str, Any]) -> dict[str, Any]:
        server = _coding("http://terminology.hl7.org/CodeSystem/security-source-type", "6", "Security Server")
        return {"observer": observer, "type": [server]}

    def _agent(self, type: dict[str, Any], who: dict[str, Any], *, requestor: bool) -> dict[str, Any]:
        address = "{system}:{value}".format(**who["identifier"])
        network = {"address": address, "type": _URI}
        return {"type": {"coding": [type]}, "who": who, "requestor": requestor, "network": network}

    def _data(self) -> dict[str, Any]:
        """What was read: the rows that the decision is about."""
        what = {"identifier": {"system": OWN_DECISION, "value": self.entry["decision"]}}
        return {
            "what": what,
            "type": _coding(_ENTITY, "2", "System Object"),
            "role": _coding(_OBJECT, "4", "Domain Resource"),
        }

    def _state(self) -> dict[str, Any]:
        """The consents that decided, where none is named: all those as of a block."""
        block = self.entry["block"] or {"hash": "none", "number": 0}
        return _reference("Consent", OWN_BLOCK, block["hash"], f"the consents as of block {block['number']}")

    def _recipient(self) -> dict[str, Any]:
        named = facts_of(self.entry).get("recipient")
        return _reference("Organization", OWN_ACTOR, named) if isinstance(named, str) and named else self._engine()

    def _kind(self) -> dict[str, Any]:
        return _coding(OWN_KIND, self.entry["kind"])

    def _engine(self) -> dict[str, Any]:
        engine = self.entry["engine"] or self.entry["actor"]
        return _reference("Device", OWN_ENGINE, engine, self.names.get(engine, ""))

    def _institution(self) -> dict[str, Any]:
        log = self.entry["log"]
        return _reference("Organization", OWN_INSTITUTION, log, self.names.get(log, ""))

    def _study(self) -> dict[str, Any]:
        """Who receives the data: those who do the study, whom the log does not name one by one."""
        study = self.entry["study"]
        return _reference("PractitionerRole", OWN_STUDY, study or "none", self.names.get(study, ""))

    def _service(self) -> dict[str, Any]:
        return _reference("Device", OWN_SERVICE, self.entry["log"], "Consentry")


def _reference(type: str, system: str, value: str, display: str = "") -> dict[str, Any]:
    reference = {"type": type, "identifier": {"system": system, "value": value}}
    return {**reference, "display": display} if display else reference


def _coding(system: str, code: str, display: str = "") -> dict[str, Any]:
    coding = {"system": system, "code": code}
    return {**coding, "display": display} if display else coding


def _dcm(code: str, display: str) -> dict[str, Any]:
    return _coding(DCM, code, display)


def _typed(system: str, code: str) -> dict[str, Any]:
    return {"type": {"coding": [_coding(system, code)]}}


def _purpose() -> dict[str, Any]:
    return {"coding": [_coding(ACT_REASON, "HRESCH", "healthcare research")]}
