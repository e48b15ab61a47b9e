"""What a Consent says beside its provisions: whether it counts, since when, what for, and which text was shown."""

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

from ledger.domain.consent import ConsentState
from ledger.errors import InvalidInput
from ledger.fhir import codes
from ledger.fhir.elements import Element
from ledger.fhir.known import Known
from ledger.fhir.outcome import Kind
from ledger.fhir.times import clip, span_of

_OWN_TEXT: Final = re.compile(re.escape(codes.OWN_TERMS) + "([0-9a-f]{64})")


def state_of(element: Element) -> ConsentState | None:
    """Active, or withdrawn; None, and refused, for what is not in force yet or never was."""
    status = element.text("status")
    if status == "active":
        return ConsentState.ACTIVE
    if status == "inactive":
        return ConsentState.WITHDRAWN
    element.issues.refuse(
        "Consent.status", f"a consent that is {status or 'without status'} is not in force", Kind.BUSINESS_RULE
    )
    return None


def is_research(element: Element, *, r5: bool) -> bool:
    """Whether the resource is about research alone."""
    if r5:  # R5 says in the category what R4 says in the scope
        named = [found for category in element.children("category") for found in category.codings()]
        for coding, path in named:
            if coding in codes.NOT_ABOUT_DATA:
                element.issues.refuse(path, f"a consent of the kind {coding[1]} is not about the use of data")
        found = {coding for coding, _ in named}
        return codes.RESEARCH_SCOPE in found and codes.PRIVACY_SCOPE not in found
    scope = element.child("scope")
    found = {coding for coding, _ in scope.codings()} if scope else set()
    if len(found) != 1 or not found <= {codes.RESEARCH_SCOPE, codes.PRIVACY_SCOPE}:
        said = ", ".join(code for _, code in sorted(found)) or "none"
        element.issues.refuse("Consent.scope", f"only the scopes research and patient-privacy can be said, not {said}")
    return found == {codes.RESEARCH_SCOPE}


def check_permit(element: Element, *, broad: bool) -> None:
    """What a permit may not have, and a deny may.

    Args:
        element: The resource.
        broad: Its permits are all of the German broad consent, whose base rule stands in words beside its codes.
    """
    for category in element.children("category"):
        for (system, code), path in category.codings():
            if system == codes.ACT_CODE:
                element.issues.refuse(path, f"the directive {code} may limit the permit in a way not known here")
    rule = element.child("policyRule")
    if rule is not None and not broad and not rule.codings():
        element.issues.refuse("Consent.policyRule", "a base rule in words alone may limit the permit in any way")
    for (system, code), path in rule.codings() if rule else ():
        if system not in {codes.ACT_CODE, codes.POLICY_CODES}:
            element.issues.refuse(path, f"the base rule {code} may limit the permit in a way not known here")
    for verification in element.children("verification"):
        if verification.value.get("verified") is not True:
            element.issues.refuse(verification.path, "the permit was not verified", Kind.BUSINESS_RULE)


def given_at(element: Element, *, r5: bool) -> int | None:
    """When the consent was given, seconds UTC; None where it does not say."""
    key = "date" if r5 else "dateTime"
    text = element.text(key)
    if text is None:
        return None
    try:
        return clip(span_of(text)[0])
    except InvalidInput as problem:
        element.issues.refuse(f"Consent.{key}", str(problem), Kind.VALUE)
        return None


def custodians_of(element: Element, *, r5: bool) -> frozenset[str]:
    """The organization that manages the consent: the custodian whose patient the subject is."""
    references = [one.text("reference") for one in element.children("manager" if r5 else "organization")]
    return frozenset(reference for reference in references if reference) if len(references) == 1 else frozenset()


def terms_of(element: Element, known: Known, *, r5: bool) -> bytes | None:
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
