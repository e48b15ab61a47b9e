"""The checker's own event decoding, against the ABI that was compiled and eth_abi."""

import json
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import pytest
from eth_abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st
from rlp import encode as rlp

from ledger.domain import events as ev
from ledger.domain.consent import Scope
from ledger.errors import ProofInvalid
from ledger.verify.events import ANCHOR, DIRECTORY, REGISTRY, Log, read_event, read_receipt, topic_of

ARTIFACTS = Path(__file__).parents[3] / "contracts" / "artifacts"
ADDRESSES = {DIRECTORY: b"\x01" * 20, REGISTRY: b"\x02" * 20, ANCHOR: b"\x03" * 20}
NAMES = {address: name for name, address in ADDRESSES.items()}
READ = (
    ev.InstitutionAdmitted,
    ev.InstitutionStateChanged,
    ev.TermsPublished,
    ev.StudyProposed,
    ev.StudyStateChanged,
    ev.EngineRegistered,
    ev.EngineRevoked,
    ev.SubjectEnrolled,
    ev.ConsentRecorded,
    ev.ConsentWithdrawn,
    ev.AllWithdrawn,
    ev.HeadAnchored,
    ev.AccessesRecorded,
)


def abi_events():
    for contract in ADDRESSES:
        for item in json.loads((ARTIFACTS / f"{contract}.json").read_text())["abi"]:
            if item["type"] == "event":
                yield contract, item


ABI = {item["name"]: (contract, item) for contract, item in abi_events()}


def type_of(item):
    if item["type"] == "tuple":
        return f"({','.join(type_of(inner) for inner in item['components'])})"
    return item["type"]


def value_of(kind):
    if kind.startswith("("):
        return st.tuples(*[value_of(inner) for inner in kind[1:-1].split(",")])
    if kind == "bytes32":
        return st.binary(min_size=32, max_size=32)
    if kind == "uint32[][]":
        return st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=3), max_size=3)
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    return st.text(max_size=70) if kind == "string" else st.binary(max_size=70)


def plain(value):
    if isinstance(value, Scope):
        return tuple(getattr(value, field.name) for field in fields(value))
    return tuple(plain(item) for item in value) if isinstance(value, tuple | list) else value


def unpacked(values):
    """The values of a recorded consent, field for field as the domain has them (types/ConsentWords.sol)."""
    subject, consent, digest, recipient, terms, rights, limits, form, signer = values
    right = rights.to_bytes(32, "little")
    limit = limits.to_bytes(32, "little")
    numbers = [int.from_bytes(right[a:b], "little") for a, b in pairwise((0, 1, 2, 4, 6, 8, 12, 17, 22, 25, 30, 31))]
    effect, kind, purposes, conditions, operations, categories, start, end, version, until, capacity = numbers
    window = [int.from_bytes(limit[a:b], "little") for a, b in pairwise((0, 5, 10, 30))]
    scope = (effect, kind, recipient, purposes, conditions, operations, categories, start, end, *window, terms)
    return [subject, consent, digest, version, scope, until, capacity, form, signer]


@pytest.mark.parametrize("event", READ, ids=lambda event: event.__name__)
def test_topics_are_those_of_the_compiled_contracts(event):
    _, item = ABI[event.__name__]
    signature = f"{event.__name__}({','.join(type_of(field) for field in item['inputs'])})"
    assert topic_of(event) == keccak(signature.encode())


@given(st.data())
def test_events_decode_to_what_eth_abi_encoded(data):
    event = data.draw(st.sampled_from(READ))
    contract, item = ABI[event.__name__]
    types = [type_of(field) for field in item["inputs"]]
    values = [data.draw(value_of(kind)) for kind in types]
    if event is ev.ConsentRecorded:
        values[5:7] = data.draw(st.integers(0, 2**248 - 1)), data.draw(st.integers(0, 2**240 - 1))
    count = sum(field["indexed"] for field in item["inputs"])
    assert all(field["indexed"] for field in item["inputs"][:count])
    log = Log(ADDRESSES[contract], (topic_of(event), *values[:count]), encode(types[count:], values[count:]))
    found = read_event(log, NAMES)
    assert type(found) is event
    if event is ev.ConsentRecorded:
        values = unpacked(values)
    assert [plain(getattr(found, field.name)) for field in fields(found)] == [plain(value) for value in values]


def test_events_of_other_contracts_are_not_read():
    log = Log(b"\x09" * 20, (topic_of(ev.EngineRevoked), bytes(32)), bytes(32))
    assert read_event(log, NAMES) is None
    assert read_event(Log(ADDRESSES[REGISTRY], log.topics, log.data), NAMES) is None
    assert read_event(Log(ADDRESSES[DIRECTORY], log.topics, log.data), NAMES) is not None


@pytest.mark.parametrize(
    "log",
    [
        Log(ADDRESSES[DIRECTORY], (topic_of(ev.EngineRevoked),), bytes(32)),
        Log(ADDRESSES[DIRECTORY], (topic_of(ev.EngineRevoked), bytes(32)), bytes(31)),
        Log(ADDRESSES[DIRECTORY], (topic_of(ev.StudyStateChanged), bytes(32)), b"\xff" * 64),
        Log(ADDRESSES[DIRECTORY], (topic_of(ev.InstitutionAdmitted), bytes(32)), b"\xff" * 96),
        Log(ADDRESSES[REGISTRY], (topic_of(ev.ConsentRecorded), bytes(32), bytes(32)), b"\xff" * 320),
        Log(ADDRESSES[DIRECTORY], (topic_of(ev.StudyProposed), bytes(32), bytes(32)), b"\x00" * 31 + b"\x01" * 289),
    ],
)
def test_a_log_of_ours_that_does_not_decode_is_an_error(log):
    with pytest.raises(ProofInvalid):
        read_event(log, NAMES)


def test_typed_and_legacy_receipts_are_read():
    log = [b"\x01" * 20, [b"\x02" * 32], b"data"]
    body = rlp([b"\x01", b"\x52\x08", bytes(256), [log]])
    expected = [Log(b"\x01" * 20, (b"\x02" * 32,), b"data")]
    assert read_receipt(body) == expected
    assert read_receipt(b"\x02" + body) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        rlp([b"\x01", b"", b""]),
        rlp([b"\x01", b"", b"", [[b"\x01" * 19, [], b""]]]),
        rlp([b"\x01", b"", b"", [[b"\x01" * 20, [b"\x02" * 31], b""]]]),
        rlp([b"\x01", b"", b"", [[b"\x01" * 20, [[b""]], b""]]]),
    ],
)
def test_malformed_receipts_are_refused(data):
    with pytest.raises(ProofInvalid):
        read_receipt(data)
