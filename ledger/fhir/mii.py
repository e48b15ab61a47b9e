"""The German broad consent (MII): what its policy codes permit, taken together.

A code of the MII policy system says use and data at once, and a computation on clinical data needs several of them:
leave to use the data for research (8), to store and process them (7), and to have collected them (6): that is the
window of the data, opened towards the past by leave for retrospective data (45). Use abroad (49), linkage (9) and
being contacted again (27 to 29) are conditions. Biomaterial (19 to 23, 51, 52, 55) is the same again, for genomics.

Invariants: a code that is not in the tables refuses the resource; a permit of storing, identity or insurance data
permits nothing that can be asked here; a deny is never passed over.

Source: MII CS Consent Policy 1.1.0, urn:oid:2.16.840.1.113883.3.1937.777.24.5.3
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from ledger.domain.vocabulary import KNOWN_CATEGORIES, Category, Condition, Effect, Purpose
from ledger.fhir.codes import RESEARCH, same
from ledger.fhir.elements import Span
from ledger.fhir.outcome import Issues
from ledger.fhir.provision import Node
from ledger.fhir.rules import overlap

SYSTEM: Final = "urn:oid:2.16.840.1.113883.3.1937.777.24.5.3"
_PREFIX: Final = "2.16.840.1.113883.3.1937.777.24.5.3."


class Material(NamedTuple):
    """The codes about one kind of material, and the categories of its data."""

    use: int
    process: int
    collect: int
    past: frozenset[int]
    past_use: frozenset[int]
    abroad: int
    linkage: int
    categories: int


CLINICAL: Final = Material(8, 7, 6, frozenset({45}), frozenset({46}), 49, 9, KNOWN_CATEGORIES & ~int(Category.GENOMICS))
BIOMATERIAL: Final = Material(22, 20, 19, frozenset({51, 52}), frozenset({51, 52}), 55, 23, int(Category.GENOMICS))
MATERIALS: Final = (CLINICAL, BIOMATERIAL)
RECONTACT: Final = frozenset({27, 28, 29})
MODULES: Final[dict[int, frozenset[int]]] = {
    1: frozenset({2, 3, 4, 5, 6, 7, 8, 9, 37}),
    10: frozenset({11, 12, 13, 38}),
    14: frozenset({15, 16, 17, 39}),
    18: frozenset({19, 20, 21, 22, 23}),
    24: frozenset({25}),
    26: frozenset({27, 28, 29}),
    30: frozenset({31}),
    44: frozenset({45, 46, 47}),
    48: frozenset({49}),
    50: frozenset({51, 52, 53}),
    54: frozenset({55}),
}
# Uses by one project, network or source that no dimension here can name: a permit of them cannot be said.
UNSAID: Final = frozenset(
    {33, 36, 41, 42, 56, 58, 60, 62, 65, 73, 92, 93, 100, 105, 106, 109, 110, 114, 115, 118, 119, 123, 124}
)
# Collecting, storing, identity, ownership, insurers' data: no question here is about them.
UNASKED: Final = frozenset(
    {2, 3, 4, 5, 11, 12, 13, 15, 16, 17, 21, 25, 31, 34, 37, 38, 39, 40, 43, 46, 47, 53, 64, 66}
    | {68, 69, 70, 71, 72, 74, 75, 76, 77, 79, 80, 81, 83, 84, 86, 87, 89, 90, 95, 97, 98, 101}
    | {103, 104, 107, 108, 112, 113, 116, 117, 121, 122}
)
_TOGETHER: Final = RECONTACT.union(*({m.use, m.process, m.collect, m.abroad, m.linkage, *m.past} for m in MATERIALS))


@dataclass(slots=True)
class _Said:
    """For each code the window in which it is permitted, and its expression."""

    issues: Issues
    windows: dict[int, Span] = field(default_factory=dict)
    paths: dict[int, str] = field(default_factory=dict)

    def take(self, code: int, window: Span, path: str) -> None:
        """A permit of a code."""
        if code in UNSAID:
            self.issues.refuse(path, "this permits a use by one project or network that cannot be named here")
        elif code in UNASKED:
            self.issues.tell(path, "no question here is about this; it permits nothing")
        elif self.windows.setdefault(code, window) != window:
            self.issues.refuse(path, "the code is permitted in two different periods")
        else:
            self.paths.setdefault(code, path)

    def of(self, *codes: int) -> Span | None:
        """The window in which all of the codes are permitted; None where one never is."""
        shared: Span = (None, None)
        for code in codes:
            if code not in self.windows:
                return None
            shared = overlap(shared, self.windows[code])
        return shared


def rewritten(root: Node, given: int | None, issues: Issues) -> Node:
    """The rule with the nodes of MII codes replaced by nodes of ours.

    Args:
        root: The base rule.
        given: When the consent was given, seconds UTC: where retrospective data end.
        issues: Takes what cannot be said.
    """
    if root.atoms:
        issues.refuse(root.path, "a policy code of the broad consent belongs into a nested provision")
    nodes = [child for child in root.children if child.atoms]
    if not nodes:
        return root
    said = _Said(issues)
    made: list[Node] = [child for child in root.children if not child.atoms]
    for node in nodes:
        if node.children or not replace(node, atoms=(), validity=(None, None)).plain:
            issues.refuse(node.path, "a provision with a policy code of the broad consent may name a period alone")
            continue
        for code, path in _numbers(node, issues):
            if node.effect is Effect.DENY:
                made += _denied(node, code, path, given, issues)
            else:
                said.take(code, overlap(node.validity, root.validity), path)
    for material in MATERIALS:
        made += _permitted(material, said, given, issues)
    return replace(root, children=tuple(made))


def _numbers(node: Node, issues: Issues) -> Iterator[tuple[int, str]]:
    for text, path in node.atoms:
        tail = text.removeprefix(_PREFIX)
        number = int(tail) if text.startswith(_PREFIX) and tail.isascii() and tail.isdecimal() else 0
        members = MODULES.get(number, frozenset({number}))
        if not members <= _TOGETHER | UNASKED | UNSAID:
            issues.refuse(path, f"the policy code {text} is not known here")
            continue
        for member in sorted(members):
            yield member, path


def _permitted(material: Material, said: _Said, given: int | None, issues: Issues) -> Iterator[Node]:
    if material.use not in said.windows:
        return
    path = said.paths[material.use]
    valid = said.of(material.use, material.process)
    if valid is None:
        issues.refuse(path, "use is permitted, but storing and processing is not")
        return
    collected, past = said.of(material.collect), said.of(*material.past)
    if collected is None and past is None:
        issues.refuse(path, "use is permitted, but neither new nor earlier data may be collected")
        return
    since = given if collected is None or collected[0] is None else collected[0]
    if since is None and (collected is None or past is None):
        issues.refuse(path, "where earlier data end and new data begin is not said; the consent has no date")
        return
    data: Span = (None if past is not None else since, since if collected is None else collected[1])
    conditions = 0
    for codes, condition in (
        ({material.abroad}, Condition.TRANSFER_ABROAD),
        ({material.linkage}, Condition.LINKAGE),
        (RECONTACT, Condition.RECONTACT),
    ):
        window = said.of(*codes)
        # A condition that ends earlier than the use would need a consent of its own; it stays closed.
        if window is not None and overlap(window, valid) == valid:
            conditions |= condition
    yield Node(
        effect=Effect.PERMIT,
        path=path,
        purposes=same(Purpose.HMB),
        conditions=conditions,
        categories=same(material.categories),
        validity=valid,
        data=data,
    )


def _denied(node: Node, code: int, path: str, given: int | None, issues: Issues) -> Iterator[Node]:
    plain = replace(node, atoms=(), path=path, purposes=same(RESEARCH))
    if code in RECONTACT:
        yield replace(plain, conditions=int(Condition.RECONTACT))
        return
    for material in MATERIALS:
        mine = replace(plain, categories=same(material.categories))
        if code in {material.use, material.process}:
            yield mine
        elif code == material.collect:
            yield replace(mine, data=node.validity, validity=(None, None))
        elif code in material.past | material.past_use:
            start = given if node.validity[0] is None else node.validity[0]
            yield replace(mine, data=(None, start))
        elif code == material.abroad:
            yield replace(mine, conditions=int(Condition.TRANSFER_ABROAD))
        elif code == material.linkage:
            yield replace(mine, conditions=int(Condition.LINKAGE))
        else:
            continue
        return
    issues.refuse(path, "a deny of this cannot be said here, and would be lost")
