"""What the Directory contract says of institutions, studies, engines, datasets, reviewers and texts."""

from dataclasses import dataclass
from enum import IntEnum

from ledger.domain.vocabulary import KNOWN_CONDITIONS, KNOWN_USES, Use
from ledger.errors import InvalidInput, UnknownCode


class InstitutionState(IntEnum):
    """States of an institution."""

    ACTIVE = 1
    SUSPENDED = 2


class StudyState(IntEnum):
    """States of a study; only an active one may use data."""

    PROPOSED = 1
    APPROVED = 2
    ACTIVE = 3
    SUSPENDED = 4
    CLOSED = 5


class EngineState(IntEnum):
    """States of an engine."""

    ACTIVE = 1
    REVOKED = 2


class DatasetState(IntEnum):
    """States of a dataset; closed is for good."""

    ACTIVE = 1
    CLOSED = 2


@dataclass(frozen=True, slots=True)
class Institution:
    """A custodian of data and the owner of one audit log. ``signer`` is in ERC-7913 form."""

    id: bytes
    number: int
    name: str
    signer: bytes
    state: InstitutionState = InstitutionState.ACTIVE


@dataclass(frozen=True, slots=True)
class Study:
    """A study: who runs it, what for, under what approval.

    ``diseases`` holds one closure a disease: its own Mondo number first, then its ancestors. ``required_terms`` is the
    lowest published version of a consent text that still counts. ``ethics_until`` is in seconds UTC. ``purpose`` is the
    JSON of what is known of the use beyond that (``release.purposes_of`` reads it); empty where nothing is.
    """

    id: bytes
    institution: bytes
    number: int
    title: str
    uses: int
    conditions: int
    required_terms: int
    ethics: bytes
    ethics_until: int
    diseases: tuple[tuple[int, ...], ...] = ()
    state: StudyState = StudyState.PROPOSED
    purpose: bytes = b""

    def check(self) -> None:
        """Refuse a study that the Directory would refuse for its form.

        Raises:
            UnknownCode: A use or condition is outside the vocabulary, or there is no use.
            InvalidInput: A disease use without a disease, or the other way round.
        """
        if not self.uses or self.uses & ~KNOWN_USES:
            raise UnknownCode(f"uses {self.uses:#x} is empty or has bits outside the vocabulary")
        if self.conditions & ~KNOWN_CONDITIONS:
            raise UnknownCode(f"conditions {self.conditions:#x} has bits outside the vocabulary")
        if bool(self.uses & Use.DISEASE) != bool(self.diseases) or not all(self.diseases):
            raise InvalidInput("a study of a disease must name its diseases, and only such a study")


@dataclass(frozen=True, slots=True)
class Engine:
    """Software with its own key, run by an institution, for one or more operations."""

    id: bytes
    institution: bytes
    name: str
    signer: bytes
    operations: int
    state: EngineState = EngineState.ACTIVE


@dataclass(frozen=True, slots=True)
class Dataset:
    """A custodian's dataset. ``terms`` is the JSON of the terms of its use, ``version`` counts them from 1."""

    id: bytes
    custodian: bytes
    terms: bytes
    version: int = 1
    state: DatasetState = DatasetState.ACTIVE


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody named to approve studies."""

    id: bytes
    name: str
    signer: bytes
    active: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """A published consent text: the SHA-256 of its bytes, its version and language."""

    hash: bytes
    version: int
    language: str
    uri: str
