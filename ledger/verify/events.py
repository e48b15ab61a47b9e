"""Events read from proved receipts: the checker's own decoding, independent of the service's.

Invariants: only logs of the named contracts are read, by the event's topic; a log of ours that does not decode is an
error, never passed over.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html#events and EIP-2718 (typed receipts).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from eth_hash.auto import keccak

from ledger.domain import events as ev
from ledger.domain.consent import Scope
from ledger.errors import ProofInvalid
from ledger.verify.mpt import Rlp, decode_rlp

DIRECTORY, REGISTRY, ANCHOR = "Directory", "ConsentRegistry", "AuditAnchor"
_WORD = 32
_RIGHTS = (8, 8, 16, 16, 16, 32, 40, 40, 24, 40, 8)
"""Widths of what the rights of a recorded consent hold, from the lowest bit: effect, kind of recipient, purposes,
conditions, operations, categories, start and end of validity, version, effective end, capacity."""
_LIMITS = (40, 40, 160)
"""Widths of its limits: start and end of the data window, diseases."""


@dataclass(frozen=True, slots=True)
class Log:
    """One log of a receipt."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Placed:
    """An event at its place: block, index of the receipt in it, index of the log in that."""

    event: ev.Event
    block: int
    receipt: int
    place: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one event is encoded: its types in order, the first ``indexed`` of them as topics."""

    contract: str
    name: str
    make: Callable[..., ev.Event]
    types: tuple[str, ...]
    indexed: int

    @property
    def topic(self) -> bytes:
        return keccak(f"{self.name}({','.join(self.types)})".encode())


def _kind(
    contract: str, event: type[ev.Event], indexed: str, rest: str, make: Callable[..., ev.Event] | None = None
) -> _Kind:
    topics = indexed.split()
    return _Kind(contract, event.__name__, make or event, (*topics, *rest.split()), len(topics))


def _recorded(
    subject: bytes,
    id: bytes,
    digest: bytes,
    recipient: bytes,
    terms: bytes,
    rights: int,
    limits: int,
    form: bytes,
    signer: bytes,
) -> ev.ConsentRecorded:
    effect, kind, purposes, conditions, operations, categories, start, end, version, until, capacity = _split(
        rights, _RIGHTS
    )
    data_from, data_until, diseases = _split(limits, _LIMITS)
    scope = Scope(
        effect=effect,
        recipient_kind=kind,
        recipient=recipient,
        purposes=purposes,
        conditions=conditions,
        operations=operations,
        categories=categories,
        valid_from=start,
        valid_until=end,
        data_from=data_from,
        data_until=data_until,
        diseases=diseases,
        terms=terms,
    )
    return ev.ConsentRecorded(subject, id, digest, version, scope, until, capacity, form, signer)


def _split(word: int, widths: Sequence[int]) -> list[int]:
    values: list[int] = []
    for width in widths:
        values.append(word & ((1 << width) - 1))
        word >>= width
    if word:
        raise ValueError("a word has bits beyond its last field")
    return values


_KINDS = (
    _kind(DIRECTORY, ev.InstitutionAdmitted, "bytes32", "uint32 string bytes"),
    _kind(DIRECTORY, ev.InstitutionStateChanged, "bytes32", "uint8"),
    _kind(DIRECTORY, ev.TermsPublished, "bytes32", "uint32 string string"),
    _kind(
        DIRECTORY,
        ev.StudyProposed,
        "bytes32 bytes32",
        "bytes32 uint32 string uint8 uint16 uint32 bytes32 uint40 uint32[][] bytes",
    ),
    _kind(DIRECTORY, ev.StudyStateChanged, "bytes32", "bytes32 uint8"),
    _kind(DIRECTORY, ev.EngineRegistered, "bytes32 bytes32", "bytes32 string bytes uint16"),
    _kind(DIRECTORY, ev.EngineRevoked, "bytes32", "bytes32"),
    _kind(DIRECTORY, ev.DatasetRegistered, "bytes32 bytes32", "bytes32 bytes"),
    _kind(DIRECTORY, ev.DatasetAmended, "bytes32", "bytes32 uint32 bytes"),
    _kind(DIRECTORY, ev.DatasetClosed, "bytes32", "bytes32"),
    _kind(REGISTRY, ev.SubjectEnrolled, "bytes32 bytes32", "bytes32 bytes uint8 uint40 uint40 bytes32"),
    _kind(
        REGISTRY,
        ev.ConsentRecorded,
        "bytes32 bytes32",
        "bytes32 bytes32 bytes32 uint256 uint256 bytes32 bytes",
        _recorded,
    ),
    _kind(REGISTRY, ev.ConsentWithdrawn, "bytes32 bytes32", "bytes32 uint24 uint8 bytes"),
    _kind(REGISTRY, ev.AllWithdrawn, "bytes32 bytes32", "bytes32 uint8 bytes"),
    _kind(ANCHOR, ev.HeadAnchored, "bytes32", "uint64 bytes32 uint64 bytes32"),
    _kind(ANCHOR, ev.AccessesRecorded, "bytes32 bytes32 bytes32", "bytes"),
)
_BY_TOPIC = {(kind.contract, kind.topic): kind for kind in _KINDS}
_TOPICS = {kind.name: kind.topic for kind in _KINDS}
assert set(_TOPICS) <= {kind.__name__ for kind in get_args(ev.Event)}


def topic_of(event: type) -> bytes:
    """The first topic of an event's logs, 32 bytes."""
    return _TOPICS[event.__name__]


def read_receipt(data: bytes) -> list[Log]:
    """The logs of a receipt in its consensus encoding (EIP-2718).

    Raises:
        ProofInvalid: It is none.
    """
    fields = decode_rlp(data[1:] if data[:1] < b"\x80" else data, "receipt")
    match fields:
        case [bytes(), bytes(), bytes(), list() as logs]:
            return [_read_log(log) for log in logs]
        case _:
            raise ProofInvalid("receipt: not status, gas, bloom and logs")


def read_event(log: Log, contracts: Mapping[bytes, str]) -> ev.Event | None:
    """The event that a log tells of; None when it is not one that proofs need.

    Args:
        log: A log of a proved receipt.
        contracts: The names of our contracts by address (20 bytes).

    Raises:
        ProofInvalid: The log is one of ours, but does not decode.
    """
    contract = contracts.get(log.address)
    kind = _BY_TOPIC.get((contract, log.topics[0])) if contract and log.topics else None
    if kind is None:
        return None
    if len(log.topics) != 1 + kind.indexed:
        raise ProofInvalid(f"{contract}: an event has {len(log.topics)} topics, not {1 + kind.indexed}")
    try:
        return kind.make(*log.topics[1:], *_values(kind.types[kind.indexed :], log.data))
    except (ValueError, IndexError) as problem:
        raise ProofInvalid(f"{contract}: an event does not decode: {problem}") from problem


def _read_log(item: Rlp) -> Log:
    match item:
        case [bytes() as address, list() as topics, bytes() as data] if len(address) == 20:
            words = tuple(topic for topic in topics if isinstance(topic, bytes) and len(topic) == _WORD)
            if len(words) == len(topics):
                return Log(address, words, data)
    raise ProofInvalid("receipt: a log is not an address, topics and data")


def _values(types: Sequence[str], data: bytes) -> list[Any]:
    return [_value(kind, data, _WORD * place) for place, kind in enumerate(types)]


def _value(kind: str, data: bytes, at: int) -> Any:
    word = _slice(data, at, _WORD)
    if kind == "bytes32":
        return word
    number = int.from_bytes(word, "big")
    if kind == "uint32[][]":
        return _arrays(data, number)
    if kind.startswith("uint"):
        if number >> int(kind[4:]):
            raise ValueError(f"{kind} out of range")
        return number
    size = int.from_bytes(_slice(data, number, _WORD), "big")
    content = _slice(data, number + _WORD, size)
    # A string on the chain need not be UTF-8; the contract does not look. It must not stop a proof.
    return content.decode("utf-8", errors="replace") if kind == "string" else content


def _arrays(data: bytes, at: int) -> tuple[tuple[int, ...], ...]:
    body = at + _WORD
    found: list[tuple[int, ...]] = []
    for place in range(_count(data, at)):
        start = body + int.from_bytes(_slice(data, body + _WORD * place, _WORD), "big")
        size = _count(data, start)
        found.append(tuple(_value("uint32", data, start + _WORD * (1 + item)) for item in range(size)))
    return tuple(found)


def _count(data: bytes, at: int) -> int:
    count = int.from_bytes(_slice(data, at, _WORD), "big")
    if count * _WORD > len(data):
        raise ValueError("a list is longer than the data")
    return count


def _slice(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) != size:
        raise ValueError("it points outside the data")
    return part
