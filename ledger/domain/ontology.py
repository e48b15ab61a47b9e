"""Ancestry of ontology codes: which code lies below which.

Invariants: a code is an ancestor of itself; a code that the ontology does not hold has no ancestry (None), which is
never the same as having none; there are no cycles; the version is the SHA-256 of the file that was loaded, so an answer
can be given again from the same file.

A parent that is named but not held itself (a dangling parent) is left out of the ancestry: the file says nothing of
what it is.

Sources: https://mondo.monarchinitiative.org/ (diseases), https://obofoundry.org/id-policy (codes)
"""

import re
from collections.abc import Mapping
from typing import Final, Protocol

from ledger.domain.kleene import Truth
from ledger.errors import InvalidInput

_OBO: Final = re.compile(r"(?:https?://purl\.obolibrary\.org/obo/)?([A-Za-z][A-Za-z0-9]*)_([0-9]+)\Z")


class Ontology(Protocol):
    """What matching needs to know of an ontology."""

    @property
    def version(self) -> str:
        """SHA-256 of the file, in hex; empty where there is none."""
        ...

    def ancestors(self, code: str) -> frozenset[str] | None:
        """The code and all that it lies below; None for a code that the ontology does not hold."""
        ...


class NoOntology:
    """No ontology is loaded: nothing is known of any code."""

    version = ""

    def ancestors(self, code: str) -> frozenset[str] | None:  # noqa: ARG002 - the port's signature
        """None, for every code."""
        return None


class Ancestry:
    """An ontology held in memory, from the parents of each code.

    Args:
        parents: For each code its parents, as CURIEs (``MONDO:0005138``).
        version: SHA-256 of the file that they were read from, in hex.

    Raises:
        InvalidInput: A code lies below itself; the message names the cycle.
    """

    def __init__(self, parents: Mapping[str, tuple[str, ...]], version: str) -> None:
        self.version = version
        self._parents = parents
        self._closures: dict[str, frozenset[str]] = {}

    def __len__(self) -> int:
        return len(self._parents)

    def parents(self, code: str) -> tuple[str, ...] | None:
        """The parents that the file names, dangling ones included; None for a code that it does not hold."""
        return self._parents.get(code)

    def ancestors(self, code: str) -> frozenset[str] | None:
        """The code and all that it lies below; None for a code that the ontology does not hold.

        Raises:
            InvalidInput: The code lies below itself.
        """
        if code not in self._parents:
            return None
        if code not in self._closures:
            self._close(code)
        return self._closures[code]

    def dangling(self) -> list[str]:
        """The parents that are named but not held themselves, in order."""
        return sorted({one for parents in self._parents.values() for one in parents} - self._parents.keys())

    def check(self) -> None:
        """Walk the whole ontology.

        Raises:
            InvalidInput: A code lies below itself.
        """
        for code in self._parents:
            self.ancestors(code)

    def _close(self, code: str) -> None:
        """Compute the closures of a code and of everything above it, without recursion: a chain may be long."""
        path = [code]
        on_path = {code}
        while path:
            top = path[-1]
            held = [one for one in self._parents[top] if one in self._parents]
            waiting = next((one for one in held if one not in self._closures), None)
            if waiting is None:
                self._closures[top] = frozenset({top}).union(*(self._closures[one] for one in held))
                on_path.remove(path.pop())
            elif waiting in on_path:
                cycle = [*path[path.index(waiting) :], waiting]
                raise InvalidInput(f"the ontology has a cycle, {' -> '.join(cycle[:8])}: mend the file")
            else:
                path.append(waiting)
                on_path.add(waiting)


def within(code: str, named: frozenset[str], ontology: Ontology) -> Truth:
    """Whether a code is one of those named or lies below one.

    It is unknown where the ontology does not hold the code, and where it does not hold one of those named, because the
    code might lie below that one.
    """
    ancestors = ontology.ancestors(code)
    if ancestors is None:
        return None
    if not ancestors.isdisjoint(named):
        return True
    return None if any(ontology.ancestors(one) is None for one in named) else False


def curie(text: str) -> str:
    """The short form of an OBO code: ``MONDO:0005138`` for its PURL and for ``MONDO_0005138``; other text stays."""
    found = _OBO.match(text)
    return f"{found[1]}:{found[2]}" if found else text
