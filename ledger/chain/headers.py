"""The RLP of block headers from their JSON form, with the fields of every fork so far.

The result is checked: its keccak-256 is the block's hash, or CannotCheck is raised. Fields were only ever added at the
end (London, Shanghai, Cancun, Prague), so a header has the ones that the node names. Chains with QBFT or IBFT consensus
leave the committed seals, and mostly the round, out of the ``extraData`` that they hash; those forms are tried too.

Source: https://eips.ethereum.org/EIPS/eip-7685 (the newest field) and its predecessors
"""

from collections.abc import Iterator, Mapping

from ledger.chain import rlp
from ledger.chain.hashing import keccak
from ledger.errors import CannotCheck, InvalidInput

_BYTES = frozenset(
    {
        "parentHash",
        "sha3Uncles",
        "miner",
        "stateRoot",
        "transactionsRoot",
        "receiptsRoot",
        "logsBloom",
        "extraData",
        "mixHash",
        "nonce",
        "withdrawalsRoot",
        "parentBeaconBlockRoot",
        "requestsHash",
    }
)
_FIELDS = (
    "parentHash",
    "sha3Uncles",
    "miner",
    "stateRoot",
    "transactionsRoot",
    "receiptsRoot",
    "logsBloom",
    "difficulty",
    "number",
    "gasLimit",
    "gasUsed",
    "timestamp",
    "extraData",
    "mixHash",
    "nonce",
    "baseFeePerGas",
    "withdrawalsRoot",
    "blobGasUsed",
    "excessBlobGas",
    "parentBeaconBlockRoot",
    "requestsHash",
)
_REQUIRED = 15
_EXTRA_DATA = _FIELDS.index("extraData")


def encode(document: Mapping[str, object]) -> bytes:
    """The RLP of a header.

    Args:
        document: A block as ``eth_getBlockByNumber`` gives it.

    Raises:
        CannotCheck: No known form of the header has the hash that the node names.
    """
    fields: list[bytes] = []
    for place, name in enumerate(_FIELDS):
        value = document.get(name)
        if not isinstance(value, str):
            if place < _REQUIRED:
                raise CannotCheck(f"the node's block has no {name}, so its header cannot be rebuilt")
            break
        fields.append(_bytes(value) if name in _BYTES else rlp.integer(int(value, 16)))
    block_hash = _bytes(str(document.get("hash")))
    for candidate in _candidates(fields):
        encoded = rlp.encode(list(candidate))
        if keccak(encoded) == block_hash:
            return encoded
    raise CannotCheck(
        f"the header of block 0x{block_hash.hex()} does not hash to it in any form that this version knows"
    )


def _candidates(fields: list[bytes]) -> Iterator[list[bytes]]:
    yield fields
    try:
        extra = rlp.decode(fields[_EXTRA_DATA])
    except InvalidInput:
        return
    if isinstance(extra, list) and len(extra) == 5:  # vanity, validators, vote, round, seals
        for shortened in ([*extra[:3], b"", []], extra[:3], [*extra[:4], []], extra[:4]):
            yield [*fields[:_EXTRA_DATA], rlp.encode(shortened), *fields[_EXTRA_DATA + 1 :]]


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as problem:
        raise CannotCheck(f"the node's block has a field that is not hex: {text[:80]!r}") from problem
