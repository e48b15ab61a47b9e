"""One provision of a Consent as a node: its effect, and what each of its elements limits it to.

A node's dimensions are in our vocabulary, each rounded both ways (see ``codes``): a provision's own effect takes one
side, and a deny inside a permit, which is limited as that permit is, the other. None means that the provision does not
name the dimension; a mask of 0 that it names only what no question here can be about.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.domain.identifiers import parse_id
from ledger.domain.vocabulary import Effect, RecipientKind
from ledger.errors import InvalidInput
from ledger.fhir import codes
from ledger.fhir.codes import Meaning
from ledger.fhir.elements import Element, Span
from ledger.fhir.known import Known, Recipient
from ledger.fhir.outcome import Kind

_COMMON: Final = ("period", "actor", "action", "securityLabel", "purpose", "code", "dataPeriod", "data", "provision")
DEEPEST: Final = 4
"""The deepest nesting of provisions that is read."""
_OWN_REFERENCES: Final = {
    codes.OWN_INSTITUTION: RecipientKind.INSTITUTION,
    codes.OWN_STUDY: RecipientKind.STUDY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A provision.

    ``atoms`` are codes that name use and data at once (the German broad consent), each with its expression.
    """

    effect: Effect
    path: str
    purposes: Meaning | None = None
    conditions: int | None = None
    operations: Meaning | None = None
    categories: Meaning | None = None
    validity: Span = (None, None)
    data: Span = (None, None)
    recipients: tuple[Recipient, ...] | None = None
    atoms: tuple[tuple[str, str], ...] = ()
    children: tuple["Node", ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it names nothing, and so holds for everything."""
        return (
            {self.purposes, self.conditions, self.operations, self.categories, self.recipients} == {None}
            and self.validity == self.data == (None, None)
            and not self.atoms
        )


@dataclass(frozen=True, slots=True)
class ProvisionReader:
    """Reads provisions of one resource.

    Args:
        known: What the caller knows.
        custodians: References that mean the subject's custodian, the resource's own organization included.
        r5: The resource is of R5: a nested provision has the contrary effect of the one around it.
        atom_system: The code system whose codes are atoms.
    """

    known: Known
    custodians: frozenset[str]
    r5: bool
    atom_system: str

    def read(self, element: Element, effect: Effect, depth: int = 0) -> Node:
        """A provision of the effect that is given, with all that is in it."""
        element.only(*_COMMON, *(("documentType", "resourceType", "expression") if self.r5 else ("type", "class")))
        before = element.issues.errors
        purposes = self._purposes(element, effect)
        unasked = purposes is not None and purposes.inside == 0 and element.issues.errors == before
        if unasked and effect is Effect.PERMIT and "provision" not in element.value:
            return Node(effect=effect, path=element.path, purposes=purposes)  # whatever else it names limits nothing
        for key in ("data", "expression", "documentType"):
            if key in element.value:
                element.issues.refuse(
                    f"{element.path}.{key}", "single records cannot be named here; name categories of data"
                )
        atoms, categories = self._categories(element, effect)
        return Node(
            effect=effect,
            path=element.path,
            purposes=purposes,
            operations=self._named(element.children("action"), effect, codes.ACTIONS, "action"),
            categories=categories,
            validity=element.period("period") or (None, None),
            data=element.period("dataPeriod") or (None, None),
            recipients=self._recipients(element, effect),
            atoms=atoms,
            children=tuple(self._nested(element, effect, depth)),
        )

    def _nested(self, element: Element, effect: Effect, depth: int) -> Iterable[Node]:
        if depth >= DEEPEST and "provision" in element.value:
            element.issues.refuse(f"{element.path}.provision", f"provisions nest deeper than {DEEPEST}")
            return
        for child in element.children("provision"):
            if self.r5:
                yield self.read(child, Effect.DENY if effect is Effect.PERMIT else Effect.PERMIT, depth + 1)
                continue
            kind = effect_of(child)
            if kind is None:
                child.issues.refuse(f"{child.path}.type", "a nested provision must say permit or deny", Kind.REQUIRED)
            else:
                yield self.read(child, kind, depth + 1)

    @staticmethod
    def _purposes(element: Element, effect: Effect) -> Meaning | None:
        named = None
        for purpose in element.children("purpose"):
            coding = purpose.coding()
            meaning = codes.PURPOSES.get(coding)
            if coding in codes.UNASKED:
                element.issues.tell(
                    purpose.path, f"no question here is for {coding[1]}; it stays in the resource alone"
                )
                meaning = codes.NOTHING
            named = _more(named, _sayable(purpose, coding[1], meaning, effect, "purpose"))
        return named

    def _categories(self, element: Element, effect: Effect) -> tuple[tuple[tuple[str, str], ...], Meaning | None]:
        """Atoms, and the categories on which classes, codes and labels agree."""
        limits: list[Meaning | None] = []
        atoms: list[tuple[str, str]] = []
        types = frozenset(self._types(element))
        if types:
            limits.append(codes.of_types(types))
        plain: list[Element] = []
        for concept in element.children("code"):
            here = [(code, path) for (system, code), path in concept.codings() if system == self.atom_system]
            atoms += here
            if not here:
                plain.append(concept)
        limits += [self._named(plain, effect, codes.CATEGORIES, "code"), self._labels(element, effect)]
        agreed = None
        for limit in limits:
            if limit is not None:
                agreed = limit if agreed is None else agreed.and_also(limit)
        if agreed is not None and side(agreed, effect) == 0:
            element.issues.refuse(element.path, "the data that it names is narrower than any category here")
        return tuple(atoms), agreed

    def _types(self, element: Element) -> Iterable[str]:
        for type_ in element.children("resourceType" if self.r5 else "class"):
            system, code = type_.coding()
            if system not in codes.RESOURCE_TYPES or code not in codes.KNOWN_TYPES:
                element.issues.refuse(type_.path, f"data of the class {code} cannot be named here")
            yield code

    @staticmethod
    def _labels(element: Element, effect: Effect) -> Meaning | None:
        named = None
        for label in element.children("securityLabel"):
            coding = label.coding()
            named = _more(named, _sayable(label, coding[1], codes.LABELS.get(coding), effect, "label"))
        return named

    @staticmethod
    def _named(
        concepts: Iterable[Element], effect: Effect, table: Mapping[tuple[str, str], Meaning], what: str
    ) -> Meaning | None:
        named = None
        for concept in concepts:
            found = [table[coding] for coding, _ in concept.codings() if coding in table]
            names = [coding[1] for coding, _ in concept.codings()]
            meaning = found[0] if len(set(found)) == 1 else None
            named = _more(named, _sayable(concept, ", ".join(names) or "a text", meaning, effect, what))
        return named

    def _recipients(self, element: Element, effect: Effect) -> tuple[Recipient, ...] | None:
        """Whom the provision is about. One about the custodian denies to all; it does not say whom it permits."""
        if "actor" not in element.value:
            return None
        found: list[Recipient] = []
        custodians = 0
        for actor in element.children("actor"):
            actor.only("role", "reference")
            role, reference = actor.child("role"), actor.child("reference")
            roles = {coding for coding, _ in role.codings()} if role else set()
            if reference is None:
                actor.issues.refuse(actor.path, "an actor needs a reference", Kind.REQUIRED)
            elif roles == {codes.CUSTODIAN_ROLE}:
                custodians += 1
                if reference.text("reference") not in self.custodians:
                    actor.issues.refuse(
                        reference.path, "it is not known whether this is the subject's custodian; say so (--custodian)"
                    )
            elif role is not None and not (roles and roles <= codes.RECIPIENT_ROLES):
                named = ", ".join(sorted(code for _, code in roles)) or "that has no code"
                actor.issues.refuse(f"{actor.path}.role", f"an actor of the role {named} cannot be said here")
            else:
                recipient = self._recipient(reference)
                if recipient is not None:
                    found.append(recipient)
        if custodians and effect is Effect.DENY:
            return None
        if custodians and not found:
            element.issues.refuse(f"{element.path}.actor", "a permit must say who may receive the data, or name nobody")
        return tuple(dict.fromkeys(found))

    def _recipient(self, reference: Element) -> Recipient | None:
        reference.only("reference", "type", "identifier", "display")
        identifier = reference.child("identifier")
        literal = reference.text("reference")
        if literal is not None and literal in self.known.recipients:
            return self.known.recipients[literal]
        if literal is None and identifier is not None:
            system, value = identifier.text("system"), identifier.text("value")
            if system in _OWN_REFERENCES:
                try:
                    return _OWN_REFERENCES[system], parse_id(value or "", what=system)
                except InvalidInput as problem:
                    reference.issues.refuse(f"{identifier.path}.value", str(problem), Kind.VALUE)
                    return None
        reference.issues.refuse(
            reference.path,
            f"which institution or study is {literal or 'this'}? Only these can be recipients; name it (--reference)",
        )
        return None


def effect_of(element: Element) -> Effect | None:
    """The effect that ``type`` names; None where it is absent."""
    text = element.text("type")
    if text not in {None, "permit", "deny"}:
        element.issues.refuse(f"{element.path}.type", "the type must be permit or deny", Kind.VALUE)
    return {"permit": Effect.PERMIT, "deny": Effect.DENY}.get(text or "")


def side(meaning: Meaning, effect: Effect) -> int | None:
    """The mask that counts for an effect."""
    return meaning.inside if effect is Effect.PERMIT else meaning.around


def _more(named: Meaning | None, meaning: Meaning) -> Meaning:
    return meaning if named is None else named.or_else(meaning)


def _sayable(element: Element, name: str, meaning: Meaning | None, effect: Effect, what: str) -> Meaning:
    """A code's meaning; refused where it has none for the effect."""
    found = meaning or codes.UNKNOWN
    if side(found, effect) is None:
        verb = "permit" if effect is Effect.PERMIT else "deny"
        element.issues.refuse(element.path, f"a {verb} of the {what} {name} cannot be said exactly here")
    return found
