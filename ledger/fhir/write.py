"""A consent becomes a FHIR Consent, R4 or R5, that reads back as the same consent, field by field.

Invariants: the whole consent is in our modifier extension; the standard elements beside it never say more than the
consent does. A permit's list what they can and leave out what FHIR has no element for, in codes that match nothing
where they are not known. A deny's deny everything, and so does what stands for a permit that no FHIR date can name.

Sources: https://hl7.org/fhir/R4/consent.html, https://hl7.org/fhir/R5/consent.html
"""

from enum import StrEnum
from typing import Any, Final

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    CATEGORY_TERMS,
    FOREVER,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    Effect,
    Purpose,
    RecipientKind,
    names_of,
)
from ledger.fhir import codes
from ledger.fhir.own import extension_of
from ledger.fhir.times import LAST_WRITABLE, text_of

_CATEGORY: Final = {"coding": [{"system": codes.LOINC, "code": "59284-0"}]}
_NOT_RESEARCH: Final = Purpose.NRES | Purpose.CLINICAL_CARE


class Release(StrEnum):
    """Releases of FHIR that are written, by the value of ``fhirVersion``."""

    R4 = "4.0"
    R5 = "5.0"


def write(consent: Consent, release: Release) -> dict[str, Any]:
    """The Consent resource of a consent."""
    return _r5(consent) if release is Release.R5 else _r4(consent)


def _r4(consent: Consent) -> dict[str, Any]:
    permit = _is_sayable_permit(consent)
    provision = {"type": "permit" if permit else "deny", **_valid(consent)}
    if permit:
        provision |= _limits(consent)
    return {
        **_head(consent),
        "scope": _scope(consent),
        "category": [_CATEGORY],
        "patient": _subject(consent),
        "policy": [{"uri": codes.OWN_TERMS + consent.scope.terms.hex()}],
        "provision": provision,
    }


def _r5(consent: Consent) -> dict[str, Any]:
    resource = {
        **_head(consent),
        "category": [_CATEGORY, _scope(consent)],
        "subject": _subject(consent),
        "policyBasis": {"url": codes.OWN_TERMS + consent.scope.terms.hex()},
        "decision": "deny",
    }
    if _is_sayable_permit(consent):
        return resource | {"provision": [{**_valid(consent), **_limits(consent)}]}
    return resource | _valid(consent)


def _head(consent: Consent) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": consent.id.hex(),
        "modifierExtension": [extension_of(consent)],
        "identifier": [{"system": codes.OWN_CONSENT, "value": to_hex(consent.id)}],
        "status": "active" if consent.state is ConsentState.ACTIVE else "inactive",
    }


def _subject(consent: Consent) -> dict[str, Any]:
    return {"type": "Patient", "identifier": {"system": codes.OWN_SUBJECT, "value": to_hex(consent.subject)}}


def _scope(consent: Consent) -> dict[str, Any]:
    permit = consent.scope.effect == Effect.PERMIT
    research = permit and consent.scope.purposes != ANY16 and not consent.scope.purposes & _NOT_RESEARCH
    system, code = codes.RESEARCH_SCOPE if research else codes.PRIVACY_SCOPE
    return _concept(system, code)


def _is_sayable_permit(consent: Consent) -> bool:
    """Whether it is a permit that begins, and ends later, at times that a FHIR date can name."""
    scope = consent.scope
    return (
        scope.effect == Effect.PERMIT
        and max(scope.valid_from, scope.data_from) <= LAST_WRITABLE
        and scope.valid_from < consent.valid_until
    )


def _valid(consent: Consent) -> dict[str, Any]:
    """When it holds, rounded like its effect; for a permit that no date can name, always."""
    if consent.scope.effect == Effect.PERMIT and not _is_sayable_permit(consent):
        return {}
    inwards = consent.scope.effect == Effect.PERMIT
    return _period("period", consent.scope.valid_from, consent.valid_until, inwards=inwards)


def _limits(consent: Consent) -> dict[str, Any]:
    """The elements of a permit's provision, in the order of R4."""
    scope = consent.scope
    made: dict[str, Any] = {}
    if scope.recipient_kind != RecipientKind.ANY:
        system = codes.OWN_STUDY if scope.recipient_kind == RecipientKind.STUDY else codes.OWN_INSTITUTION
        reference = {"identifier": {"system": system, "value": to_hex(scope.recipient)}}
        made["actor"] = [{"role": _concept(codes.ROLE, "IRCP"), "reference": reference}]
    if scope.operations != ANY16:
        made["action"] = [_concept(codes.OWN_OPERATION, name) for name in names_of(scope.operations, OPERATION_TERMS)]
    purposes = Purpose.NRES if scope.purposes == ANY16 else scope.purposes
    made["purpose"] = [
        {"system": codes.DUO, "code": term.standard, "display": term.words}
        for term in PURPOSE_TERMS
        if purposes & term.bit
    ]
    if scope.categories != ANY32:
        made["code"] = [_concept(codes.OWN_CATEGORY, name) for name in names_of(scope.categories, CATEGORY_TERMS)]
    return made | _period("dataPeriod", scope.data_from, scope.data_until, inwards=True)


def _period(name: str, start: int, end: int, *, inwards: bool) -> dict[str, Any]:
    """A Period of a half-open window. Its end is inclusive; what is open or no date can name is left out or cut."""
    made = {}
    if start:
        made["start"] = text_of(min(start, LAST_WRITABLE))
    if end - 1 <= LAST_WRITABLE:
        made["end"] = text_of(end - 1)
    elif end < FOREVER and inwards:
        made["end"] = text_of(LAST_WRITABLE)
    return {name: made} if made else {}


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}
