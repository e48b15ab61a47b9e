"""The ontologies that were loaded, as files under the home folder.

Invariants: each is kept under its version, so an answer can be given again as it was given; the file ``loaded`` names
the one in use; a file appears whole or not at all; one that is damaged is an error, never "no ontology".

Written is MessagePack: reading the 22,382 terms of Mondo takes some 20 ms.
"""

import os
from pathlib import Path
from typing import Final

import msgspec

from ledger.domain.ontology import NoOntology, Ontology
from ledger.domain.ontology_files import OntologyFile
from ledger.errors import ConfigurationError, NotFound

_POINTER: Final = "loaded"


class Ontologies:
    """The ontologies of one home folder.

    Args:
        home: The home folder; nothing is made before something is kept.
    """

    def __init__(self, home: Path) -> None:
        self._folder = home / "ontologies"

    def keep(self, ontology: OntologyFile) -> None:
        """Keep an ontology, and use it from now on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(self._path(ontology.version), msgspec.msgpack.encode(ontology))
        _write(self._folder / _POINTER, ontology.version.encode())

    def loaded(self) -> Ontology:
        """The ancestry of the ontology in use; of none where none was loaded.

        Raises:
            ConfigurationError: Its file is missing or damaged.
        """
        version = self.version()
        return self.read(version).ancestry() if version else NoOntology()

    def version(self) -> str:
        """The version in use; empty where none was loaded."""
        try:
            return (self._folder / _POINTER).read_text().strip()
        except FileNotFoundError:
            return ""

    def read(self, version: str = "") -> OntologyFile:
        """An ontology, by default the one in use.

        Raises:
            NotFound: None was loaded.
            ConfigurationError: Its file is missing or damaged.
        """
        wanted = version or self.version()
        if not wanted:
            raise NotFound("no ontology is loaded: run consentry ontology load FILE")
        try:
            found = msgspec.msgpack.decode(self._path(wanted).read_bytes(), type=OntologyFile)
        except (OSError, msgspec.MsgspecError) as problem:
            raise ConfigurationError(
                f"the ontology {wanted[:12]} cannot be read ({problem}): run consentry ontology load FILE again"
            ) from problem
        if found.version != wanted:
            raise ConfigurationError(
                f"the ontology {wanted[:12]} is another one: run consentry ontology load FILE again"
            )
        return found

    def _path(self, version: str) -> Path:
        return self._folder / f"{version}.msgpack"


def _write(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
