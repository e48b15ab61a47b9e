"""Headers and blooms, with py-evm as the oracle."""

import pytest
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_bloom import BloomFilter
from hypothesis import given
from hypothesis import strategies as st
from rlp import encode

from ledger.errors import ProofInvalid
from ledger.verify.headers import bloom_mask, excludes, read_header

WORDS = st.binary(min_size=20, max_size=32)


def header(**changes):
    fields = {
        "difficulty": 0,
        "block_number": 7,
        "gas_limit": 10**7,
        "timestamp": 1_700_000_000,
        "parent_hash": b"\x11" * 32,
        "receipt_root": b"\x22" * 32,
        "bloom": 1 << 2047 | 5,
    }
    return PragueBlockHeader(**{**fields, **changes})


def test_a_header_reads_as_the_library_wrote_it():
    made = header()
    found = read_header(encode(made))
    assert found.hash == made.hash
    assert (found.number, found.parent, found.timestamp) == (7, b"\x11" * 32, 1_700_000_000)
    assert (found.receipts_root, found.bloom) == (b"\x22" * 32, made.bloom)


@pytest.mark.parametrize("data", [b"", b"\x80", encode([b""] * 14), encode([b""] * 15), encode([[b""]] * 16)])
def test_what_is_no_header_is_refused(data):
    with pytest.raises(ProofInvalid):
        read_header(data)


def test_bytes_behind_a_header_are_refused():
    with pytest.raises(ProofInvalid):
        read_header(encode(header()) + b"\x00")


@given(st.sets(WORDS, max_size=30), st.lists(WORDS, min_size=1, max_size=3))
def test_blooms_agree_with_the_library_and_never_exclude_what_is_there(held, asked):
    bloom = BloomFilter.from_iterable(held)
    mask = bloom_mask(asked)
    assert excludes(int(bloom), mask) == (not all(value in bloom for value in asked))
    assert not excludes(int(bloom), bloom_mask(held))
