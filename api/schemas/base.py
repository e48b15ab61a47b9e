"""What all bodies share: strict types, no unknown fields, and ids that arrive as bytes.

Invariants: a number is never read from a string, nor a boolean from a number; a field that we do not know is an
error, so that a misspelt limit cannot be lost; what is hex on the wire is bytes inside.
"""

from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema

from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput

EXAMPLE_ID: Final = "0x" + "1f" * 32


class Body(BaseModel):
    """Base of what callers send."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """Base of what is answered; routes write these shapes directly, the models document and test them."""

    model_config = ConfigDict(extra="forbid")


def _refusing(read: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    def validate(value: Any) -> bytes:
        try:
            return read(value)
        except InvalidInput as problem:
            raise ValueError(str(problem)) from problem

    return validate


def _hex(read: Callable[[Any], bytes], pattern: str, example: str) -> tuple[Any, ...]:
    schema = {"type": "string", "pattern": pattern, "examples": [example]}
    return BeforeValidator(_refusing(read)), PlainSerializer(to_hex, return_type=str), WithJsonSchema(schema)


def parse_signature(text: str) -> bytes:
    """The bytes of a signature in hex.

    Raises:
        InvalidInput: The text is something else, or too long.
    """
    return parse_bytes(text, at_most=4096)


_ID = _hex(parse_id, "^0x[0-9a-f]{64}$", EXAMPLE_ID)
_HASH = _hex(lambda text: parse_bytes(text, size=32), "^0x[0-9a-f]{64}$", EXAMPLE_ID)
_SIGNER = _hex(lambda text: parse_bytes(text, at_most=1024), "^0x([0-9a-f]{2})+$", "0x" + "c5" * 20)
_SIGNATURE = _hex(parse_signature, "^0x([0-9a-f]{2})+$", "0x" + "ab" * 65)

Id = Annotated[bytes, *_ID]
"""32 random bytes, never all zero."""
Hash = Annotated[bytes, *_HASH]
"""32 bytes."""
Signer = Annotated[bytes, *_SIGNER]
"""ERC-7913 signer; 20 bytes are an address."""
Signature = Annotated[bytes, *_SIGNATURE]
"""65 bytes r, s, v for an address."""
Seconds = Annotated[int, Field(ge=0, le=FOREVER)]
"""Seconds UTC."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""One line of printable text."""
Words = list[str]


class Window(Body):
    """A half-open span of time; a missing or null end is unbounded."""

    from_: Seconds | None = Field(default=None, alias="from")
    until: Seconds | None = None

    def bounds(self) -> tuple[int, int]:
        """Start and end, in seconds UTC."""
        return self.from_ or 0, FOREVER if self.until is None else self.until


class Problem(Answer):
    """RFC 9457 problem document."""

    type: str = Field(examples=["/problems/bad-signature"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    index: int | None = Field(default=None, description="the place of the item at fault in a request of several")
    errors: list[dict[str, Any]] | None = Field(default=None, description="the fields at fault, by JSON pointer")
