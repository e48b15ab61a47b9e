import pytest
from eth.vm.forks.prague.blocks import PragueBlockHeader
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import headers, rlp
from ledger.chain.hashing import keccak
from ledger.errors import CannotCheck

NAMES = {
    "parentHash": "parent_hash",
    "sha3Uncles": "uncles_hash",
    "miner": "coinbase",
    "stateRoot": "state_root",
    "transactionsRoot": "transaction_root",
    "receiptsRoot": "receipt_root",
    "logsBloom": "bloom",
    "difficulty": "difficulty",
    "number": "block_number",
    "gasLimit": "gas_limit",
    "gasUsed": "gas_used",
    "timestamp": "timestamp",
    "extraData": "extra_data",
    "mixHash": "mix_hash",
    "nonce": "nonce",
    "baseFeePerGas": "base_fee_per_gas",
    "withdrawalsRoot": "withdrawals_root",
    "blobGasUsed": "blob_gas_used",
    "excessBlobGas": "excess_blob_gas",
    "parentBeaconBlockRoot": "parent_beacon_block_root",
    "requestsHash": "requests_hash",
}
hashes = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**64 - 1)
prague = st.builds(
    PragueBlockHeader,
    difficulty=numbers,
    block_number=numbers,
    gas_limit=numbers,
    timestamp=numbers,
    coinbase=st.binary(min_size=20, max_size=20),
    parent_hash=hashes,
    state_root=hashes,
    transaction_root=hashes,
    receipt_root=hashes,
    bloom=st.integers(0, 2**2048 - 1),
    gas_used=numbers,
    extra_data=st.binary(max_size=32),
    mix_hash=hashes,
    nonce=st.binary(min_size=8, max_size=8),
    base_fee_per_gas=numbers,
    withdrawals_root=hashes,
    blob_gas_used=numbers,
    excess_blob_gas=numbers,
    parent_beacon_block_root=hashes,
    requests_hash=hashes,
)


def document(header, block_hash, fields=21):
    found = {"hash": "0x" + block_hash.hex()}
    for name, attribute in list(NAMES.items())[:fields]:
        value = getattr(header, attribute)
        if name == "logsBloom":
            value = value.to_bytes(256, "big")
        found[name] = "0x" + value.hex() if isinstance(value, bytes) else hex(value)
    return found


@given(prague)
def test_headers_of_prague_equal_py_evms(header):
    encoded = headers.encode(document(header, header.hash))
    assert keccak(encoded) == header.hash


@given(prague, st.sampled_from([15, 16, 17, 20, 21]))
def test_earlier_forks_have_fewer_fields(header, fields):
    full = rlp.decode(headers.encode(document(header, header.hash)))
    encoded = rlp.encode(full[:fields])
    assert headers.encode(document(header, keccak(encoded), fields)) == encoded


@given(prague, st.sampled_from(["round and seals", "seals", "dropped"]))
def test_what_bft_chains_hash_is_found(header, left_out):
    vanity, validators, seals = bytes(32), [b"\x01" * 20, b"\x02" * 20], [b"\x03" * 65]
    whole = [vanity, validators, [], b"\x02", seals]
    hashed = {
        "round and seals": [vanity, validators, [], b"", []],
        "seals": [vanity, validators, [], b"\x02", []],
        "dropped": [vanity, validators, []],
    }[left_out]
    fields = rlp.decode(headers.encode(document(header, header.hash)))
    fields[12] = rlp.encode(hashed)
    expected = rlp.encode(fields)
    found = document(header, keccak(expected)) | {"extraData": "0x" + rlp.encode(whole).hex()}
    assert headers.encode(found) == expected


@given(prague)
def test_a_header_that_does_not_hash_to_its_block_is_refused(header):
    good = document(header, header.hash)
    with pytest.raises(CannotCheck, match="does not hash"):
        headers.encode(good | {"gasUsed": hex(header.gas_used ^ 1)})
    with pytest.raises(CannotCheck, match="stateRoot"):
        headers.encode({name: value for name, value in good.items() if name != "stateRoot"})
    with pytest.raises(CannotCheck, match="not hex"):
        headers.encode(good | {"stateRoot": "0xzz"})
