"""Reading FHIR's JSON strictly: every element is known, or the resource is refused.

Invariants: nothing that is there is passed over in silence; extensions may be passed over (FHIR R4 2.1.4.0: they do
not change the meaning of what they extend), modifier extensions never. Wrong shapes are issues, not exceptions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ledger.errors import InvalidInput
from ledger.fhir.codes import coding_of
from ledger.fhir.outcome import Issues, Kind
from ledger.fhir.times import clip, span_of

MOST_ITEMS: Final = 1000
"""The most items of one list that are read."""
Span = tuple[int | None, int | None]
"""A half-open window in seconds UTC; None: that end is not named."""
_ALWAYS: Final = frozenset({"id", "extension"})


@dataclass(frozen=True, slots=True)
class Element:
    """One object of a resource, and its FHIRPath expression."""

    value: Mapping[str, Any]
    path: str
    issues: Issues

    def only(self, *known: str) -> None:
        """Refuse every element that is not named here."""
        for key in self.value:
            name = key.removeprefix("_")
            if key == "modifierExtension":
                self.issues.refuse(
                    f"{self.path}.modifierExtension", "a modifier extension changes the meaning in a way not known here"
                )
            elif name not in known and name not in _ALWAYS:
                self.issues.refuse(f"{self.path}.{name}", "this element is not known here", Kind.STRUCTURE)
            elif self.value[key] is None or self.value[key] in ({}, [], ""):
                self.issues.refuse(f"{self.path}.{name}", "an element is never null or empty; leave it out", Kind.VALUE)
            elif key.startswith("_") and name not in self.value:
                self.issues.refuse(f"{self.path}.{name}", "the element has extensions but no value", Kind.VALUE)

    def text(self, key: str) -> str | None:
        """A string; None where it is absent."""
        value = self.value.get(key)
        if value is not None and not isinstance(value, str):
            self.issues.refuse(f"{self.path}.{key}", "this must be a string", Kind.STRUCTURE)
            return None
        return value

    def child(self, key: str) -> "Element | None":
        """An object; None where it is absent."""
        value = self.value.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            self.issues.refuse(f"{self.path}.{key}", "this must be one object", Kind.STRUCTURE)
            return None
        return Element(value, f"{self.path}.{key}", self.issues)

    def children(self, key: str) -> Iterator["Element"]:
        """The objects of a list."""
        value = self.value.get(key)
        if value is None:
            return
        if not isinstance(value, list) or not value or len(value) > MOST_ITEMS:
            self.issues.refuse(f"{self.path}.{key}", f"this must be a list of 1 to {MOST_ITEMS} items", Kind.STRUCTURE)
            return
        for place, item in enumerate(value):
            path = f"{self.path}.{key}[{place}]"
            if isinstance(item, Mapping):
                yield Element(item, path, self.issues)
            else:
                self.issues.refuse(path, "this must be an object", Kind.STRUCTURE)

    def coding(self) -> tuple[str, str]:
        """This Coding's system and code; refused where either is absent."""
        self.only("system", "version", "code", "display", "userSelected")
        system, code = self.text("system"), self.text("code")
        if not system or not code:
            self.issues.refuse(self.path, "a coding needs a system and a code", Kind.REQUIRED)
        return coding_of(system or "", code or "")

    def codings(self) -> list[tuple[tuple[str, str], str]]:
        """This CodeableConcept's codings, each with its expression: several ways to say one thing."""
        self.only("coding", "text")
        return [(coding.coding(), coding.path) for coding in self.children("coding")]

    def period(self, key: str) -> Span | None:
        """A Period; None where it is absent. What lies before 1970 is cut."""
        period = self.child(key)
        if period is None:
            return None
        period.only("start", "end")
        ends: list[int | None] = []
        for name, edge in (("start", 0), ("end", 1)):
            text = period.text(name)
            try:
                ends.append(None if text is None else clip(span_of(text)[edge]))
            except InvalidInput as problem:
                self.issues.refuse(f"{period.path}.{name}", str(problem), Kind.VALUE)
                ends.append(None)
        start, end = ends
        if end is not None and end <= (start or 0):
            self.issues.refuse(period.path, "the period is over before it starts, or lies before 1970", Kind.VALUE)
        return start, end
