"""A FHIR Consent (R4 or R5) becomes drafts of consents, or is refused with issues that point at its elements.

Invariants: nothing is widened: a permit here allows no more than the resource does. Nothing is dropped: each element is
said exactly, or cannot matter to any decision here and stays in the resource, which is kept as it came; otherwise the
whole resource is refused. A resource that denies gives a deny or a refusal, never nothing.

Sources: https://hl7.org/fhir/R4/consent.html, https://hl7.org/fhir/R5/consent.html
"""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from ledger.domain.consent import ConsentState
from ledger.domain.vocabulary import Effect
from ledger.errors import InvalidInput
from ledger.fhir import codes, mii
from ledger.fhir.draft import Draft
from ledger.fhir.elements import Element
from ledger.fhir.known import Known
from ledger.fhir.outcome import Issue, Issues, Kind
from ledger.fhir.own import consent_in
from ledger.fhir.provision import Node, ProvisionReader, effect_of
from ledger.fhir.rules import Settling, joined
from ledger.fhir.times import clip, span_of
from ledger.fhir.write import Release, write

_ANY_RESOURCE: Final = (
    "resourceType", "id", "meta", "implicitRules", "language", "text", "contained", "identifier", "status", "category",
    "verification", "provision", "sourceAttachment", "sourceReference",
)  # fmt: skip
_R4: Final = (*_ANY_RESOURCE, "scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule")
_R5: Final = (
    *_ANY_RESOURCE, "subject", "date", "period", "grantor", "grantee", "manager", "controller", "regulatoryBasis",
    "policyBasis", "policyText", "decision",
)  # fmt: skip
_OWN_TEXT: Final = re.compile(re.escape(codes.OWN_TERMS) + "([0-9a-f]{64})")
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
    state = _state(element)
    research = _scope(element, r5=r5)
    terms = _terms(element, known, r5=r5)
    given = _given(element, r5=r5)
    custodians = known.custodians | _own_custodians(element, r5=r5)
    reader = ProvisionReader(known, custodians, r5, mii.SYSTEM)
    root = _r5_rule(element, reader) if r5 else _r4_rule(element, reader)
    if root is None or state is None or issues.refused:
        return []
    permits = [child for child in root.children if child.effect is Effect.PERMIT]
    default = r5 or known.deny_is_default or all(child.atoms for child in permits)
    settling = Settling(issues, terms or form, given, research, state, default)
    drafts = joined(settling.settle(mii.rewritten(root, given, issues)))
    if any(draft.scope.effect == Effect.PERMIT for draft in drafts):
        _check_permit(element)
    if terms is None and known.terms is None and drafts:
        issues.warn("Consent", "which published text was shown is not known; give its hash before this is signed")
    return drafts


def _state(element: Element) -> ConsentState | None:
    status = element.text("status")
    if status == "active":
        return ConsentState.ACTIVE
    if status == "inactive":
        return ConsentState.WITHDRAWN
    element.issues.refuse(
        "Consent.status", f"a consent that is {status or 'without status'} is not in force", Kind.BUSINESS_RULE
    )
    return None


def _scope(element: Element, *, r5: bool) -> bool:
    """Whether the resource is about research alone."""
    if r5:  # R5 says in the category what R4 says in the scope
        found = {coding for category in element.children("category") for coding, _ in category.codings()}
        return codes.RESEARCH_SCOPE in found and codes.PRIVACY_SCOPE not in found
    scope = element.child("scope")
    found = {coding for coding, _ in scope.codings()} if scope else set()
    if len(found) != 1 or not found <= {codes.RESEARCH_SCOPE, codes.PRIVACY_SCOPE}:
        named = ", ".join(code for _, code in sorted(found)) or "none"
        element.issues.refuse("Consent.scope", f"only the scopes research and patient-privacy can be said, not {named}")
    return found == {codes.RESEARCH_SCOPE}


def _check_permit(element: Element) -> None:
    """What a permit may not have, and a deny may."""
    for category in element.children("category"):
        for (system, code), path in category.codings():
            if system == codes.ACT_CODE:
                element.issues.refuse(path, f"the directive {code} may limit the permit in a way not known here")
    rule = element.child("policyRule")
    for (system, code), path in rule.codings() if rule else ():
        if system not in {codes.ACT_CODE, codes.POLICY_CODES}:
            element.issues.refuse(path, f"the base rule {code} may limit the permit in a way not known here")
    for verification in element.children("verification"):
        if verification.value.get("verified") is not True:
            element.issues.refuse(verification.path, "the permit was not verified", Kind.BUSINESS_RULE)


def _given(element: Element, *, r5: bool) -> int | None:
    key = "date" if r5 else "dateTime"
    text = element.text(key)
    if text is None:
        return None
    try:
        return clip(span_of(text)[0])
    except InvalidInput as problem:
        element.issues.refuse(f"Consent.{key}", str(problem), Kind.VALUE)
        return None


def _own_custodians(element: Element, *, r5: bool) -> frozenset[str]:
    """The organization that manages the consent: the custodian whose patient the subject is."""
    references = [one.text("reference") for one in element.children("manager" if r5 else "organization")]
    return frozenset(reference for reference in references if reference) if len(references) == 1 else frozenset()


def _terms(element: Element, known: Known, *, r5: bool) -> bytes | None:
    """The text that was shown: as the caller says, as a policy's address says, or as it is attached."""
    if known.terms is not None:
        return known.terms
    uris: list[str | None] = []
    if r5:
        basis = element.child("policyBasis")
        uris = [basis.text("url")] if basis else []
    else:
        uris = [policy.text("uri") for policy in element.children("policy")]
    found = {known.texts[uri] for uri in uris if uri is not None and uri in known.texts}
    found |= {bytes.fromhex(match[1]) for uri in uris if uri is not None and (match := _OWN_TEXT.fullmatch(uri))}
    attached = element.children("sourceAttachment") if r5 else [element.child("sourceAttachment")]
    for attachment in attached:
        data = attachment.text("data") if attachment else None
        if attachment and data is not None:
            try:
                found.add(hashlib.sha256(b64decode(data, validate=True)).digest())
            except (Base64Error, ValueError):
                element.issues.refuse(f"{attachment.path}.data", "this is not base64", Kind.VALUE)
    if len(found) > 1:
        element.issues.refuse("Consent", "it names several texts; say which was shown (--terms)")
    return next(iter(found)) if len(found) == 1 else None


def _r4_rule(element: Element, reader: ProvisionReader) -> Node | None:
    """The base rule: the policy rule's, with the provision as its exception, or else the provision."""
    base = _policy_rule(element)
    provision = element.child("provision")
    if provision is None:
        if base is None:
            element.issues.refuse("Consent.provision", "neither a rule nor a provision says permit or deny")
            return None
        return Node(effect=base, path="Consent.policyRule")
    kind = effect_of(provision)
    if kind is None and base is None:
        element.issues.refuse("Consent.provision.type", "neither it nor the policy rule says permit or deny")
        return None
    root = reader.read(provision, kind or base or Effect.DENY)
    if kind is None:
        if not root.plain:
            words = "it is not said whether what the provision names is the rule or an exception to it"
            element.issues.refuse("Consent.provision.type", words, Kind.REQUIRED)
        return root
    if base is None or base is kind is Effect.PERMIT:
        return root
    return Node(effect=base, path="Consent.policyRule", children=(root,))


def _policy_rule(element: Element) -> Effect | None:
    """The effect of the base rule, where it is one of the two that are known by their code."""
    rule = element.child("policyRule")
    effects = set()
    for coding, path in rule.codings() if rule else ():
        if coding in {codes.OPT_IN, codes.OPT_OUT}:
            effects.add(Effect.PERMIT if coding == codes.OPT_IN else Effect.DENY)
        elif coding[0] == codes.ACT_CODE:
            element.issues.refuse(path, f"the base rule {coding[1]} is not known here")
    if len(effects) > 1:
        element.issues.refuse("Consent.policyRule", "it opts in and out at once", Kind.VALUE)
    return next(iter(effects), None)


def _r5_rule(element: Element, reader: ProvisionReader) -> Node | None:
    """The decision, with the provisions as its exceptions."""
    decision = element.text("decision")
    effect = {"permit": Effect.PERMIT, "deny": Effect.DENY}.get(decision or "")
    if effect is None:
        element.issues.refuse("Consent.decision", "the base decision must be permit or deny", Kind.REQUIRED)
        return None
    contrary = Effect.DENY if effect is Effect.PERMIT else Effect.PERMIT
    children = tuple(reader.read(child, contrary) for child in element.children("provision"))
    return Node(
        effect=effect,
        path="Consent.decision",
        validity=element.period("period") or (None, None),
        children=children,
    )
