import contextlib
import dataclasses

import eth_abi
import pytest
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.chain import artifacts
from ledger.chain.abi import Words
from ledger.chain.decoding import HARMLESS, TOPICS, decode
from ledger.chain.node import RawLog
from ledger.domain import events
from ledger.domain.consent import Scope
from ledger.errors import MirrorDiverged
from tests.support.strategies_chain import entries

CONTRACTS = ("Directory", "ConsentRegistry", "AuditAnchor")
ABIS = {
    keccak(text=signature): entry
    for name in CONTRACTS
    for (_, signature), entry in zip(
        artifacts.load(name).signatures("event"),
        [entry for entry in artifacts.load(name).abi if entry["type"] == "event"],
        strict=True,
    )
}


def abi_type(item):
    if item["type"].startswith("tuple"):
        return f"({','.join(abi_type(part) for part in item['components'])}){item['type'][5:]}"
    return item["type"]


def value_of(item):
    """A strategy for one event argument, as eth_abi takes it."""
    kind = item["type"]
    if kind == "tuple":
        return st.tuples(*[value_of(part) for part in item["components"]])
    if kind.endswith("[]"):
        return st.lists(value_of({**item, "type": kind[:-2]}), max_size=4)
    if kind.startswith("uint"):
        bits = int(kind[4:])
        return st.one_of(st.integers(0, (1 << bits) - 1), st.just((1 << bits) - 1))
    if kind == "bytes32":
        return st.binary(min_size=32, max_size=32)
    if kind == "bytes4":
        return st.sampled_from(sorted(artifacts.error_names()))
    return {
        "bytes": st.binary(max_size=100),
        "string": st.text(max_size=40),
        "bool": st.booleans(),
        "address": st.binary(min_size=20, max_size=20).map(lambda b: "0x" + b.hex()),
    }[kind]


def args_of(data, entry):
    """Arguments of one event, as the contract could write them."""
    values = [data.draw(value_of(item)) for item in entry["inputs"]]
    if entry["name"] == "AccessesRecorded":
        values[3] = data.draw(entries)
    return values


def raw(topics, data):
    return RawLog(b"\x01" * 20, topics, data, 7, b"\x02" * 32, 3, b"\x04" * 32)


def encoded(entry, values):
    topics = [keccak(text=f"{entry['name']}({','.join(abi_type(i) for i in entry['inputs'])})")]
    topics += [v for i, v in zip(entry["inputs"], values, strict=True) if i["indexed"]]
    rest = [(abi_type(i), v) for i, v in zip(entry["inputs"], values, strict=True) if not i["indexed"]]
    return raw(tuple(topics), eth_abi.encode([t for t, _ in rest], [v for _, v in rest]))


def unpacked(values):
    """The values of a recorded consent, field for field as the domain has them."""
    subject, consent, digest, recipient, terms, rights, limits, form, signer = values

    def bits(word, place, width):
        return word >> place & ((1 << width) - 1)

    masks = (bits(rights, 16, 16), bits(rights, 32, 16), bits(rights, 48, 16), bits(rights, 64, 32))
    window = (bits(rights, 96, 40), bits(rights, 136, 40), bits(limits, 0, 40), bits(limits, 40, 40))
    scope = (bits(rights, 0, 8), bits(rights, 8, 8), recipient, *masks, *window, bits(limits, 80, 160), terms)
    version, until, capacity = bits(rights, 176, 24), bits(rights, 200, 40), bits(rights, 240, 8)
    return [subject, consent, digest, version, scope, until, capacity, form, signer]


def flat(value):
    if isinstance(value, Scope):
        return tuple(getattr(value, field.name) for field in dataclasses.fields(Scope))
    if isinstance(value, tuple):
        return [flat(item) for item in value]
    return value


def plain(value):
    return [plain(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("topic", sorted(TOPICS), ids=lambda topic: ABIS[topic]["name"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_events_are_read_as_eth_abi_writes_them(topic, data):
    entry = ABIS[topic]
    values = args_of(data, entry)
    logged = decode(encoded(entry, values))
    event = logged.event
    if isinstance(event, events.GrantsPaused):
        assert event.paused == (entry["name"] == "Paused")
        return
    assert type(event).__name__ == entry["name"]
    if isinstance(event, events.ConsentRecorded):
        values = unpacked(values)
    read = [flat(getattr(event, field.name)) for field in dataclasses.fields(event)]
    if isinstance(event, events.ActRefused):
        values[2] = artifacts.error_names()[values[2]]
    assert read == [plain(v) for v in values]
    assert (logged.block_number, logged.log_index, logged.address) == (7, 3, b"\x01" * 20)


def test_every_event_of_the_contracts_is_read_or_known_to_be_harmless():
    assert set(ABIS) == set(TOPICS) | HARMLESS


def test_harmless_events_are_none():
    for topic in HARMLESS:
        assert decode(raw((topic,), b"")) is None


@pytest.mark.parametrize("topic", sorted(TOPICS), ids=lambda topic: ABIS[topic]["name"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_malformed_logs_raise_and_are_never_skipped(topic, data):
    entry = ABIS[topic]
    values = args_of(data, entry)
    log = encoded(entry, values)
    if log.data and entry["name"] not in ("Paused", "Unpaused"):
        cut = data.draw(st.integers(0, len(log.data) - 1))
        shortened = raw(log.topics, log.data[:cut])
        try:
            read = decode(shortened)
        except MirrorDiverged:
            pass
        else:  # only padding may be missing
            assert read.event == decode(log).event
    with pytest.raises(MirrorDiverged):
        decode(raw((*log.topics, bytes(32)), log.data))
    with pytest.raises(MirrorDiverged):
        decode(raw(log.topics[:-1], log.data))


def test_half_an_access_entry_raises():
    topic = keccak(text="AccessesRecorded(bytes32,bytes32,bytes32,bytes)")
    with pytest.raises(MirrorDiverged, match="no whole number of access entries"):
        decode(raw((topic, *[bytes(32)] * 3), eth_abi.encode(["bytes"], [bytes(60)])))


def test_unknown_topics_and_reasons_raise():
    with pytest.raises(MirrorDiverged, match="does not know"):
        decode(raw((keccak(text="Somebody(uint256)"),), b""))
    with pytest.raises(MirrorDiverged):
        decode(raw((), b""))
    refused = keccak(text="ActRefused(bytes32,uint256,bytes4)")
    with pytest.raises(MirrorDiverged, match="reason"):
        decode(raw((refused, bytes(32)), bytes(32) + b"\xff\xff\xff\xff" + bytes(28)))


@given(st.binary(max_size=300))
def test_words_read_within_their_data_or_raise(data):
    read = Words(data)
    for ask in (
        lambda: read.dynamic(0),
        lambda: read.uint_arrays(0, 32),
        lambda: read.text(1),
        lambda: read.uint(0, 8),
        lambda: read.boolean(2),
    ):
        with contextlib.suppress(MirrorDiverged):
            ask()


def test_bytes_that_are_not_utf8_cannot_stop_the_mirror():
    data = eth_abi.encode(["uint32", "bytes", "bytes"], [1, b"\xff\xfe", b""])
    assert Words(data).text(1) == "\ufffd\ufffd"
