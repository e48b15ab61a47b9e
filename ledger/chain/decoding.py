"""Raw logs of our contracts to domain events.

Strict: a log of our contracts with an unknown topic, or one that does not fit its event, raises MirrorDiverged and is
never skipped; the few events that say nothing of consent (``HARMLESS``) give None. The two events of the hot path,
consents recorded and withdrawn, are unpacked with one struct each, and a scope that thousands of patients sign, as
their study proposed it, is read once; ``eth_abi`` is the oracle in the tests.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html#events
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case

from ledger.chain import artifacts
from ledger.chain.abi import Words
from ledger.chain.hashing import keccak
from ledger.chain.node import RawLog
from ledger.domain import events
from ledger.domain.accesses import unpack_entries
from ledger.domain.consent import Scope
from ledger.domain.events import Event, Logged
from ledger.errors import InvalidInput, MirrorDiverged

Topics = tuple[bytes, ...]

# digest; recipient, terms; rights and limits, which read from the highest bit here (types/ConsentWords.sol): first what
# is this consent's alone, then its scope's; form, offset of signer: 7 words
_RECORDED = Struct(">32s" + "64s" + "xB5s3s" + "54s" + "32s24xQ")
_PARTIES = Struct(">32s32s")  # recipient, terms
_BOUNDS = Struct(">5s5sIHHHBB" + "2x20s5s5s")
_SCOPES = 1 << 12
# digest, version, capacity, offset of signer: 4 words
_WITHDRAWN = Struct(">32s28xI31xB24xQ")


def _recorded(topics: Topics, data: bytes) -> Event:
    digest, parties, capacity, valid_until, version, bounds, form, signer = _RECORDED.unpack_from(data)
    return events.ConsentRecorded(
        topics[1],
        topics[2],
        digest,
        int.from_bytes(version),
        _scope(parties, bounds),
        int.from_bytes(valid_until),
        capacity,
        form,
        _bytes_at(data, signer),
    )


@lru_cache(_SCOPES)
def _scope(parties: bytes, bounds: bytes) -> Scope:
    recipient, terms = _PARTIES.unpack(parties)
    (
        valid_until,
        valid_from,
        categories,
        operations,
        conditions,
        purposes,
        recipient_kind,
        effect,
        diseases,
        data_until,
        data_from,
    ) = _BOUNDS.unpack(bounds)
    return Scope(
        effect,
        recipient_kind,
        recipient,
        purposes,
        conditions,
        operations,
        categories,
        int.from_bytes(valid_from),
        int.from_bytes(valid_until),
        int.from_bytes(data_from),
        int.from_bytes(data_until),
        int.from_bytes(diseases),
        terms,
    )


def _withdrawn(topics: Topics, data: bytes) -> Event:
    digest, version, capacity, signer = _WITHDRAWN.unpack_from(data)
    return events.ConsentWithdrawn(topics[1], topics[2], digest, version, capacity, _bytes_at(data, signer))


def _bytes_at(data: bytes, offset: int) -> bytes:
    size = int.from_bytes(data[offset : offset + 32], "big")
    value = data[offset + 32 : offset + 32 + size]
    if len(value) != size or offset + 32 > len(data):
        raise MirrorDiverged("an event's data points outside it; is this our contract?")
    return value


def _all_withdrawn(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.AllWithdrawn(topics[1], topics[2], read.fixed(0), read.uint(1, 8), read.dynamic(2))


def _refused(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    selector = read.fixed(1)[:4]
    reason = artifacts.error_names().get(selector)
    if reason is None:
        raise MirrorDiverged(f"an act was refused for a reason 0x{selector.hex()} that this version does not know")
    return events.ActRefused(topics[1], read.uint(0, 256), reason)


def _enrolled(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.SubjectEnrolled(
        topics[1],
        topics[2],
        read.fixed(0),
        read.dynamic(1),
        read.uint(2, 8),
        read.uint(3, 40),
        read.uint(4, 40),
        read.fixed(5),
    )


def _signer_added(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.SignerAdded(
        topics[1],
        read.fixed(0),
        read.dynamic(1),
        read.uint(2, 8),
        read.uint(3, 40),
        read.uint(4, 40),
        read.fixed(5),
        read.dynamic(6),
    )


def _signer_removed(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.SignerRemoved(topics[1], read.fixed(0), read.dynamic(1), read.dynamic(2))


def _recovery_proposed(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.RecoveryProposed(
        topics[1],
        topics[2],
        topics[3],
        read.fixed(0),
        read.dynamic(1),
        read.uint(2, 8),
        read.uint(3, 40),
        read.uint(4, 40),
        read.fixed(5),
        read.uint(6, 40),
    )


def _recovery_objected(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.RecoveryObjected(topics[1], topics[2], read.fixed(0), read.dynamic(1))


def _recovery_completed(topics: Topics, data: bytes) -> Event:
    return events.RecoveryCompleted(topics[1], topics[2], Words(data).fixed(0))


def _dataset(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.DatasetRegistered(topics[1], topics[2], read.fixed(0), read.dynamic(1))


def _dataset_amended(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.DatasetAmended(topics[1], read.fixed(0), read.uint(1, 32), read.dynamic(2))


def _dataset_closed(topics: Topics, data: bytes) -> Event:
    return events.DatasetClosed(topics[1], Words(data).fixed(0))


def _admitted(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.InstitutionAdmitted(topics[1], read.uint(0, 32), read.text(1), read.dynamic(2))


def _institution_state(topics: Topics, data: bytes) -> Event:
    return events.InstitutionStateChanged(topics[1], Words(data).uint(0, 8))


def _reviewer(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.ReviewerNamed(topics[1], read.text(0), read.dynamic(1), read.boolean(2))


def _terms(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.TermsPublished(topics[1], read.uint(0, 32), read.text(1), read.text(2))


def _proposed(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.StudyProposed(
        topics[1],
        topics[2],
        read.fixed(0),
        read.uint(1, 32),
        read.text(2),
        read.uint(3, 8),
        read.uint(4, 16),
        read.uint(5, 32),
        read.fixed(6),
        read.uint(7, 40),
        read.uint_arrays(8, 32),
        read.dynamic(9),
    )


def _approved(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.StudyApproved(topics[1], topics[2], read.fixed(0), read.uint(1, 32))


def _study_state(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.StudyStateChanged(topics[1], read.fixed(0), read.uint(1, 8))


def _engine(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.EngineRegistered(topics[1], topics[2], read.fixed(0), read.text(1), read.dynamic(2), read.uint(3, 16))


def _engine_revoked(topics: Topics, data: bytes) -> Event:
    return events.EngineRevoked(topics[1], Words(data).fixed(0))


def _anchored(topics: Topics, data: bytes) -> Event:
    read = Words(data)
    return events.HeadAnchored(topics[1], read.uint(0, 64), read.fixed(1), read.uint(2, 64), read.fixed(3))


def _accesses(topics: Topics, data: bytes) -> Event:
    entries = Words(data).dynamic(0)
    try:
        unpack_entries(entries)
    except InvalidInput as problem:
        raise MirrorDiverged(f"{problem}; is this our contract?") from problem
    return events.AccessesRecorded(topics[1], topics[2], topics[3], entries)


# Signature, number of topics (its own included), reader.
_EVENTS: tuple[tuple[str, int, Callable[[Topics, bytes], Event]], ...] = (
    ("ConsentRecorded(bytes32,bytes32,bytes32,bytes32,bytes32,uint256,uint256,bytes32,bytes)", 3, _recorded),
    ("ConsentWithdrawn(bytes32,bytes32,bytes32,uint24,uint8,bytes)", 3, _withdrawn),
    ("AllWithdrawn(bytes32,bytes32,bytes32,uint8,bytes)", 3, _all_withdrawn),
    ("ActRefused(bytes32,uint256,bytes4)", 2, _refused),
    ("SubjectEnrolled(bytes32,bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32)", 3, _enrolled),
    ("SignerAdded(bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32,bytes)", 2, _signer_added),
    ("SignerRemoved(bytes32,bytes32,bytes,bytes)", 2, _signer_removed),
    (
        "RecoveryProposed(bytes32,bytes32,bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32,uint40)",
        4,
        _recovery_proposed,
    ),
    ("RecoveryObjected(bytes32,bytes32,bytes32,bytes)", 3, _recovery_objected),
    ("RecoveryCompleted(bytes32,bytes32,bytes32)", 3, _recovery_completed),
    ("Paused(address)", 1, lambda _topics, _data: events.GrantsPaused(paused=True)),
    ("Unpaused(address)", 1, lambda _topics, _data: events.GrantsPaused(paused=False)),
    ("InstitutionAdmitted(bytes32,uint32,string,bytes)", 2, _admitted),
    ("InstitutionStateChanged(bytes32,uint8)", 2, _institution_state),
    ("ReviewerNamed(bytes32,string,bytes,bool)", 2, _reviewer),
    ("TermsPublished(bytes32,uint32,string,string)", 2, _terms),
    (
        "StudyProposed(bytes32,bytes32,bytes32,uint32,string,uint8,uint16,uint32,bytes32,uint40,uint32[][],bytes)",
        3,
        _proposed,
    ),
    ("StudyApproved(bytes32,bytes32,bytes32,uint32)", 3, _approved),
    ("StudyStateChanged(bytes32,bytes32,uint8)", 2, _study_state),
    ("EngineRegistered(bytes32,bytes32,bytes32,string,bytes,uint16)", 3, _engine),
    ("EngineRevoked(bytes32,bytes32)", 2, _engine_revoked),
    ("DatasetRegistered(bytes32,bytes32,bytes32,bytes)", 3, _dataset),
    ("DatasetAmended(bytes32,bytes32,uint32,bytes)", 2, _dataset_amended),
    ("DatasetClosed(bytes32,bytes32)", 2, _dataset_closed),
    ("HeadAnchored(bytes32,uint64,bytes32,uint64,bytes32)", 2, _anchored),
    ("AccessesRecorded(bytes32,bytes32,bytes32,bytes)", 4, _accesses),
)
TOPICS: Mapping[bytes, tuple[int, Callable[[Topics, bytes], Event]]] = {
    keccak(signature.encode()): (topics, read) for signature, topics, read in _EVENTS
}
# Said once at deployment by OpenZeppelin's base contracts; they change nothing that the mirror holds.
HARMLESS = frozenset(keccak(signature) for signature in (b"AuthorityUpdated(address)", b"EIP712DomainChanged()"))
RECORDED = keccak(_EVENTS[0][0].encode())
REFUSED = keccak(_EVENTS[3][0].encode())


def read_event(topics: Topics, data: bytes) -> Event:
    """The event of a log of our contracts that says something of consent.

    Args:
        topics: The log's, 32 bytes each.
        data: The log's data.

    Raises:
        MirrorDiverged: The log is not one that our contracts write.
    """
    entry = TOPICS.get(topics[0]) if topics else None
    if entry is None:
        raise MirrorDiverged("an event that this version does not know; update before reading on")
    count, read = entry
    if len(topics) != count:
        raise MirrorDiverged(f"{len(topics)} topics where {count} belong; is this our contract?")
    try:
        return read(topics, data)
    except StructError as problem:
        raise MirrorDiverged("its data is too short; is this our contract?") from problem


def decode(log: RawLog) -> Logged | None:
    """Read one log of our contracts.

    Returns:
        The event at its place; None for an event of ``HARMLESS``.

    Raises:
        MirrorDiverged: The log is not one that our contracts write.
    """
    topics = log.topics
    try:
        event = read_event(topics, log.data)
    except MirrorDiverged as problem:
        if topics and topics[0] in HARMLESS:
            return None
        place = f"log {log.log_index} of block {log.block_number} from 0x{log.address.hex()}"
        raise MirrorDiverged(f"{place}: {problem}") from problem
    return Logged(
        event, log.block_number, log.block_hash, log.log_index, log.transaction, log.address, topics, log.data
    )
