"""What a run is asked to be, and how its words go into entries: no floats, and numbers of subjects as bands."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from ledger.domain.identifiers import parse_bytes, parse_id
from ledger.errors import InvalidInput
from ledger.gate.requests import CohortRequest
from ledger.transparency.canonical import encode

SMALLEST_COHORT: Final = 11
"""Below it, nothing is computed: small groups are recognisable."""
_BAND: Final = 10


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """The software that computes, as it is registered and as its entries name it.

    Attributes:
        id: Engine id, 0x-hex.
        name: Its name, such as ``opendp``.
        version: The version of the library that computes.
        code: SHA-256 of the code that runs, 0x-hex; "" when it is not known.
    """

    id: str
    name: str
    version: str
    code: str = ""

    def __post_init__(self) -> None:
        parse_id(self.id, what="engine")
        if not self.name or not self.version:
            raise InvalidInput("an engine has a name and a version; lineage without them names nothing")
        if self.code:
            parse_bytes(self.code, what="code", size=32)

    def document(self) -> dict[str, str]:
        """Its form in entries."""
        document = {"id": self.id, "name": self.name, "version": self.version}
        return {**document, "code": self.code} if self.code else document


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run was asked to be: request, engine, parameters, parents and bounds; checked before anything is asked.

    ``parents`` are leaf hashes of ``completed`` entries, or SHA-256 of outputs, 0x-hex, that this run builds on.
    """

    request: CohortRequest
    engine: EngineIdentity
    parameters: Mapping[str, Any]
    parents: tuple[str, ...]
    smallest: int
    confirm: bool
    run: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        for parent in self.parents:
            parse_bytes(parent, what="parent", size=32)


def band(count: int, smallest: int) -> str:
    """A number of subjects as it may be published: ``under 11``, ``11-19``, ``20-29`` and so on."""
    if count < smallest:
        return f"under {smallest}"
    start = count - count % _BAND
    return f"{max(start, smallest)}-{start + _BAND - 1}"


def plain(value: Any) -> Any:
    """``value`` as an entry can hold it: Decimals become strings, tuples lists.

    Raises:
        InvalidInput: A float, or anything else that has no single written form.
    """
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [plain(item) for item in value]
    encode(value)
    return value
