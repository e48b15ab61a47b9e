"""A FHIR Consent (R4 or R5) becomes drafts of consents, or is refused with issues that point at its elements.

Invariants: nothing is widened: a permit here allows no more than the resource does. Nothing is dropped: each element is
said exactly, or cannot matter to any decision here and stays in the resource, which is kept as it came; otherwise the
whole resource is refused. A resource that denies gives a deny or a refusal, never nothing.

Sources: https://hl7.org/fhir/R4/consent.html, https://hl7.org/fhir/R5/consent.html
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ledger.domain.vocabulary import Effect
from ledger.errors import InvalidInput
from ledger.fhir import heading, mii
from ledger.fhir.base_rule import r4_rule, r5_rule
from ledger.fhir.draft import Draft
from ledger.fhir.elements import Element
from ledger.fhir.joining import joined
from ledger.fhir.known import Known
from ledger.fhir.outcome import Issue, Issues, Kind
from ledger.fhir.own import consent_in
from ledger.fhir.provision import ProvisionReader
from ledger.fhir.rules import Settling
from ledger.fhir.write import Release, write

MOST_RULES: Final = 100
"""The most permits and denies of one resource."""
_ANY_RESOURCE: Final = (
    "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "identifier", "status", "category",
    "verification", "provision", "sourceAttachment", "sourceReference",
)  # fmt: skip
_R4: Final = (*_ANY_RESOURCE, "scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule")
_R5: Final = (
    *_ANY_RESOURCE, "subject", "date", "period", "grantor", "grantee", "manager", "controller", "regulatoryBasis",
    "policyBasis", "policyText", "decision",
)  # fmt: skip
_ONLY_R5: Final = frozenset(_R5) - frozenset(_R4)
_FREE: Final = frozenset({"meta", "text", "language"})
"""Elements that others may add to a resource of ours."""
_UNWRITABLE: Final = (RecursionError, UnicodeEncodeError, TypeError, OverflowError, msgspec.MsgspecError)
_encoder: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a resource becomes. ``drafts`` is empty when it is refused.

    ``form`` is the SHA-256 of the resource's JSON with sorted keys: the paper form that staff name when they sign.
    """

    resource: Mapping[str, Any]
    form: bytes
    patient: str
    drafts: tuple[Draft, ...]
    issues: tuple[Issue, ...]

    @property
    def has_terms(self) -> bool:
        """Whether it is known which text was shown; else the drafts name the resource itself as their text."""
        return all(draft.scope.terms != self.form for draft in self.drafts)

    @property
    def refused(self) -> bool:
        """Whether the resource was refused."""
        return not self.drafts


def read(resource: object, known: Known | None = None) -> Reading:
    """Read a Consent.

    Args:
        resource: The JSON value of a resource; anything else is refused.
        known: What the caller knows of references and texts.
    """
    known = known or Known()
    issues = Issues()
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "Consent":
        issues.refuse("Consent", "this is not a Consent resource", Kind.STRUCTURE)
        return Reading({}, bytes(32), "", (), tuple(issues.found))
    try:
        form = form_of(resource)
        element = Element(resource, "Consent", issues)
        drafts = _native(resource, issues) or _drafts(element, known, form)
    except _UNWRITABLE as problem:
        issues.refuse("Consent", f"the resource cannot be written down again: {problem}", Kind.STRUCTURE)
        return Reading({}, bytes(32), "", (), tuple(issues.found))
    if not drafts and not issues.refused:
        issues.refuse("Consent.provision", "nothing that can be asked here is permitted or denied by this")
    if issues.refused and says_deny(resource):
        issues.warn("Consent", "it denies something, and nothing of it was taken: see to it that the deny counts")
    patient = _patient(element)
    return Reading(resource, form, patient, () if issues.refused else tuple(drafts), tuple(issues.found))


def form_of(resource: Mapping[str, Any]) -> bytes:
    """The SHA-256 of the resource as JSON with sorted keys and no spaces."""
    return hashlib.sha256(_encoder.encode(resource)).digest()


def is_r5(resource: Mapping[str, Any]) -> bool:
    """Whether the resource is of R5: it has an element that R4 does not know, or provisions in a list."""
    return bool(_ONLY_R5 & set(resource)) or isinstance(resource.get("provision"), list)


def says_deny(resource: object) -> bool:
    """Whether a resource, which may have been refused, denies anything anywhere: then somebody must see to it."""
    try:
        text = _encoder.encode(resource).decode(errors="replace")
    except _UNWRITABLE:
        return True
    r5_exception = isinstance(resource, Mapping) and isinstance(resource.get("provision"), list)
    return r5_exception or '"deny"' in text or '"OPTOUT"' in text


def _patient(element: Element) -> str:
    """The reference to the patient, or the value of its identifier; "" where there is neither."""
    who = element.child("subject" if is_r5(element.value) else "patient")
    identifier = who.child("identifier") if who else None
    return (who.text("reference") if who else None) or (identifier.text("value") if identifier else None) or ""


def _native(resource: Mapping[str, Any], issues: Issues) -> list[Draft]:
    """The consent that we wrote into the resource ourselves; [] where we did not.

    The extension and the elements beside it must still say the same, so that an edit of either is not lost.
    """
    try:
        consent = consent_in(resource)
    except InvalidInput as problem:
        issues.refuse("Consent.modifierExtension", str(problem), Kind.VALUE)
        return []
    if consent is None:
        return []
    expected = write(consent, Release.R5 if is_r5(resource) else Release.R4)
    for name in sorted((set(expected) | set(resource)) - _FREE):
        if resource.get(name) != expected.get(name):
            words = "this is not what the consent's own extension says; one of the two was changed"
            issues.refuse(f"Consent.{name}", words, Kind.BUSINESS_RULE)
    return [Draft(consent.scope, "Consent", consent.state, consent)]


def _drafts(element: Element, known: Known, form: bytes) -> list[Draft]:
    issues = element.issues
    r5 = is_r5(element.value)
    element.only(*(_R5 if r5 else _R4))
    if "implicitRules" in element.value:
        issues.refuse("Consent.implicitRules", "rules that are not in the resource cannot be read")
    state = heading.state_of(element)
    research = heading.is_research(element, r5=r5)
    terms = heading.terms_of(element, known, r5=r5)
    given = heading.given_at(element, r5=r5)
    custodians = known.custodians | heading.custodians_of(element, r5=r5)
    reader = ProvisionReader(known, custodians, r5, mii.SYSTEM)
    root = r5_rule(element, reader) if r5 else r4_rule(element, reader)
    if root is None or state is None or issues.refused:
        return []
    permits = [child for child in root.children if child.effect is Effect.PERMIT]
    broad = all(child.atoms for child in permits)
    default = r5 or known.deny_is_default or broad
    settling = Settling(issues, terms or form, given, research, state, default)
    settled = settling.settle(mii.rewritten(root, given, issues))
    if len(settled) > MOST_RULES:
        issues.refuse("Consent.provision", f"it has {len(settled)} rules; at most {MOST_RULES} are read")
        return []
    drafts = joined(settled)
    if any(draft.scope.effect == Effect.PERMIT for draft in drafts):
        heading.check_permit(element, broad=bool(permits) and broad)
    if terms is None and known.terms is None and drafts:
        issues.warn("Consent", "which published text was shown is not known; give its hash before this is signed")
    return drafts
