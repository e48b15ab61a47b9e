"""The base rule of a Consent: R4's policy rule with the provision, R5's decision with the provisions."""

from ledger.domain.vocabulary import Effect
from ledger.fhir import codes
from ledger.fhir.elements import Element
from ledger.fhir.outcome import Kind
from ledger.fhir.provision import Node, ProvisionReader, effect_of


def r4_rule(element: Element, reader: ProvisionReader) -> Node | None:
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


def r5_rule(element: Element, reader: ProvisionReader) -> Node | None:
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
