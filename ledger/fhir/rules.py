"""From nested provisions to consents that decide alike.

The rules of the two worlds differ: FHIR nests exceptions in exceptions; here any matching deny wins and one permit must
cover a request whole. What carries over exactly:

- a permit, when it names its purposes (silence is not a yes to research);
- a deny inside a permit: a deny of its own, limited as the provision around it where it names nothing itself;
- permits inside a deny, where that is the default: permits, for here everything not permitted is closed. That it is
  no more than the default is what R5 calls its decision and the German broad consent its rule; of an R4 resource the
  caller must say so, for it may be meant against other consents;
- a deny without permits inside: a deny.

Everything else is refused: a permit inside a permit (does it add or narrow?), an exception to a deny inside a permit.
"""

from dataclasses import dataclass, replace

from ledger.domain.consent import ZERO_ID, ConsentState, Scope
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER, Effect, RecipientKind
from ledger.errors import InvalidInput
from ledger.fhir.codes import RESEARCH, Meaning, same
from ledger.fhir.draft import Draft
from ledger.fhir.elements import Span
from ledger.fhir.known import Recipient
from ledger.fhir.outcome import Issues, Kind
from ledger.fhir.provision import Node, side

_ANYBODY: Recipient = (RecipientKind.ANY, ZERO_ID)


@dataclass(frozen=True, slots=True)
class Settling:
    """Makes drafts of the provisions of one resource.

    Args:
        issues: Takes what cannot be said.
        terms: SHA-256 of the text that was shown.
        given: When the consent was given, seconds UTC; a permit that names no start begins then.
        research: The resource is about research alone, so that a deny without purposes denies research.
        state: Whether the resource is in force.
        deny_is_default: Whether a base deny with permits inside is only the default.
    """

    issues: Issues
    terms: bytes
    given: int | None
    research: bool
    state: ConsentState
    deny_is_default: bool

    def settle(self, root: Node) -> list[Draft]:
        """The drafts of a resource's base rule and all that is nested in it."""
        if root.effect is Effect.DENY:
            return self._denied(root)
        drafts = self._permitted(root)
        if not any(draft.scope.effect == Effect.PERMIT for draft in drafts):
            where, words = root.path, "a permit must name a purpose that can be asked here, such as HRESCH"
            if drafts:
                self.issues.warn(where, words + "; only its denies were taken")
            else:
                self.issues.refuse(where, words)
        return drafts

    def _denied(self, node: Node) -> list[Draft]:
        """A base rule that denies."""
        permits: list[Draft] = []
        denies: list[Draft] = []
        for child in node.children:
            if child.effect is Effect.DENY:
                denies += self._deny(_overridden(child, node))
                continue
            inner = self._permitted(_narrowed(child, node, self.issues))
            if not inner and child.purposes is None:
                self.issues.refuse(child.path, "a permit must name its purposes; silence is not a yes")
            elif not inner:
                self.issues.tell(child.path, "nothing that can be asked here is permitted by this")
            permits += inner
        if any(draft.scope.effect == Effect.PERMIT for draft in permits):
            if self.deny_is_default:
                self.issues.tell(node.path, "the deny is the default: what nothing permits is closed here anyway")
            else:
                words = "is the deny the default, or meant against other consents too? Say so (--deny-is-default)"
                self.issues.refuse(node.path, words, Kind.BUSINESS_RULE)
            return permits + denies
        return [*self._deny(replace(node, children=())), *permits, *denies]

    def _permitted(self, node: Node) -> list[Draft]:
        """A permit and the denies inside it."""
        drafts: list[Draft] = []
        if node.purposes is not None:
            drafts += self._drafts(node, node.purposes, node.conditions or 0)
        for child in node.children:
            if child.effect is Effect.PERMIT:
                self.issues.refuse(child.path, "a permit inside a permit: it is not said whether it adds or narrows")
            else:
                drafts += self._deny(_overridden(child, node))
        return drafts

    def _deny(self, node: Node) -> list[Draft]:
        silent = same(RESEARCH if self.research else ANY16)
        drafts = self._drafts(node, node.purposes or silent, ANY16 if node.conditions is None else node.conditions)
        if not drafts:
            self.issues.refuse(
                node.path, "a deny of what cannot be asked here would be lost; record it where it counts"
            )
        for child in node.children:
            if child.effect is Effect.PERMIT:
                self.issues.refuse(child.path, "an exception to a deny that is itself an exception cannot be said here")
            else:
                drafts += self._deny(_overridden(child, node))
        return drafts

    def _drafts(self, node: Node, named: Meaning, conditions: int) -> list[Draft]:
        """One draft a recipient; none where only what cannot be asked here is named, or where it was refused."""
        permit = node.effect is Effect.PERMIT
        masks = (
            side(named, node.effect),
            side(node.operations or same(ANY16), node.effect),
            side(node.categories or same(ANY32), node.effect),
        )
        purposes, operations, categories = masks
        if purposes is None or operations is None or categories is None:
            self.issues.refuse(node.path, "what it is limited to, by the rule around it, cannot be said for its effect")
            return []
        if not purposes or not operations:
            return []
        start, end = node.validity
        data_from, data_until = node.data
        if start is None:
            start = self.given if permit and self.given is not None else 0
        drafts = []
        for kind, recipient in (_ANYBODY,) if node.recipients is None else node.recipients:
            scope = Scope(
                effect=node.effect,
                recipient_kind=kind,
                recipient=recipient,
                purposes=purposes,
                conditions=int(conditions),
                operations=operations,
                categories=categories,
                valid_from=start,
                valid_until=FOREVER if end is None else end,
                data_from=data_from or 0,
                data_until=FOREVER if data_until is None else data_until,
                diseases=0,
                terms=self.terms,
            )
            try:
                scope.check()
            except InvalidInput as problem:
                self.issues.refuse(node.path, str(problem), Kind.BUSINESS_RULE)
                continue
            drafts.append(Draft(scope, node.path, self.state))
        return drafts


def _overridden(child: Node, around: Node) -> Node:
    """A deny inside a provision: limited as that one, in what it does not name itself."""

    def either(named: Meaning | None, other: Meaning | None) -> Meaning | None:
        return other if named is None else named

    return replace(
        child,
        purposes=either(child.purposes, around.purposes),
        operations=either(child.operations, around.operations),
        categories=either(child.categories, around.categories),
        validity=around.validity if child.validity == (None, None) else child.validity,
        data=around.data if child.data == (None, None) else child.data,
        recipients=around.recipients if child.recipients is None else child.recipients,
    )


def _narrowed(child: Node, around: Node, issues: Issues) -> Node:
    """A permit inside a deny: no wider than the rule to which it is an exception."""

    def both(first: Meaning | None, second: Meaning | None) -> Meaning | None:
        return second if first is None else first if second is None else first.and_also(second)

    recipients = around.recipients if child.recipients is None else child.recipients
    if child.recipients is not None and around.recipients is not None:
        recipients = tuple(one for one in child.recipients if one in around.recipients)
    node = replace(
        child,
        purposes=both(child.purposes, around.purposes),
        operations=both(child.operations, around.operations),
        categories=both(child.categories, around.categories),
        validity=overlap(child.validity, around.validity),
        data=overlap(child.data, around.data),
        recipients=recipients,
    )
    nothing = node.categories is not None and node.categories.inside == 0
    if nothing or node.recipients == () or _empty(node.validity) or _empty(node.data):
        issues.refuse(child.path, "the permit lies outside of the rule to which it is an exception")
    return node


def overlap(first: Span, second: Span) -> Span:
    """What two windows share; perhaps nothing (see ``_empty``)."""
    starts = [edge for edge in (first[0], second[0]) if edge is not None]
    ends = [edge for edge in (first[1], second[1]) if edge is not None]
    return max(starts, default=None), min(ends, default=None)


def _empty(span: Span) -> bool:
    start, end = span
    return start is not None and end is not None and start >= end
