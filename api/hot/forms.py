"""The bodies that the hot routes read themselves: the usual form of a question, and nothing else.

Invariants: whatever decodes here means the same as what ``api.schemas`` reads from the same bytes; everything that
those accept besides (windows, properties, unknown fields, final answers) does not decode, and is left to them. No field
takes free-form values, so that nesting ends at the depth of these types.
"""

import binascii
from binascii import unhexlify
from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from msgspec import UNSET, Struct, UnsetType

from ledger.domain.identifiers import parse_id
from ledger.domain.policy import Request
from ledger.domain.vocabulary import FOREVER
from ledger.domain.wording import categories_of, operation_of
from ledger.errors import InvalidInput

_LINE: Final = 67
"""Characters of an id, and the end of a line."""
_ID: Final = np.dtype("V32")
_MALFORMED: Final = "an id must be 0x and 64 lower-case hex digits"
_LAST_BLOCK: Final = 1 << 63
MOST_REQUESTS: Final = 1_024
"""Different requests whose words are not read again."""


class Decisions(Struct, forbid_unknown_fields=True):
    """Of ``api.schemas.decisions.DecisionsBody``."""

    study: str
    operation: str
    categories: list[str]
    subjects: list[str]
    engine: str | None = None
    dataset: str | None = None
    at_least_block: int = 0
    record: bool = True
    compact: bool = False
    receipt: bool = False


class Entity(Struct, forbid_unknown_fields=True):
    """A subject or a resource, without properties."""

    type: str
    id: str


class Action(Struct, forbid_unknown_fields=True):
    """An action, without properties."""

    name: str


class Surroundings(Struct, forbid_unknown_fields=True):
    """What the consent policy reads of a context."""

    study: str
    categories: list[str]
    dataset: str | None = None
    at_least_block: int = 0


class Evaluation(Struct, forbid_unknown_fields=True):
    """Of ``api.schemas.access.Evaluation``."""

    subject: Entity
    action: Action
    resource: Entity
    context: Surroundings


class Part(Struct, forbid_unknown_fields=True):
    """One question of several; what it leaves out stands beside them."""

    subject: Entity | UnsetType = UNSET
    action: Action | UnsetType = UNSET
    resource: Entity | UnsetType = UNSET
    context: Surroundings | UnsetType = UNSET


class Evaluations(Part, forbid_unknown_fields=True):
    """Of ``api.schemas.access.Evaluations``; all questions are answered."""

    evaluations: list[Part] = []


read_decisions: Final = msgspec.json.Decoder(Decisions).decode
read_evaluation: Final = msgspec.json.Decoder(Evaluation).decode
read_evaluations: Final = msgspec.json.Decoder(Evaluations).decode


@lru_cache(MOST_REQUESTS)
def request_of(engine: bytes, study: str, operation: str, categories: tuple[str, ...], dataset: str | None) -> Request:
    """The request in these words, about data of any time.

    Raises:
        UnknownCode: A word is outside the vocabulary.
        InvalidInput: An id is not one, or no category is named.
    """
    mask = categories_of(categories)
    if not mask:
        raise InvalidInput("a request must name at least one category")
    held = None if dataset is None else parse_id(dataset, what="dataset")
    return Request(parse_id(study, what="study"), engine, operation_of(operation), mask, 0, FOREVER, held)


def block_of(number: int) -> int:
    """A block's number, in its bounds.

    Raises:
        InvalidInput: It is out of them.
    """
    if not 0 <= number < _LAST_BLOCK:
        raise InvalidInput("at_least_block must be the number of a block")
    return number


def parse_ids(texts: list[str]) -> list[bytes]:
    """``parse_id`` of many, without a step of Python for each.

    Raises:
        InvalidInput: One of them is not an id.
    """
    count = len(texts)
    if count == 1:
        return [parse_id(texts[0])]
    lines = ("\n".join(texts) + "\n").encode("utf-8", "surrogatepass")
    # As many lines as ids, each with its 0, x and end in place; what is between must be digits, so no id holds an end.
    if (
        len(lines) != _LINE * count
        or lines[::_LINE] != b"0" * count
        or lines[1::_LINE] != b"x" * count
        or lines[_LINE - 1 :: _LINE] != b"\n" * count
        or not lines.islower()
    ):
        raise InvalidInput(_MALFORMED)
    try:
        packed = unhexlify(np.frombuffer(lines, np.uint8).reshape(count, _LINE)[:, 2:-1].tobytes())
    except binascii.Error as problem:
        raise InvalidInput(_MALFORMED) from problem
    if not np.frombuffer(packed, np.uint64).reshape(count, -1).any(axis=1).all():
        raise InvalidInput("an id must not be zero")
    ids: list[bytes] = np.frombuffer(packed, _ID).tolist()
    return ids
