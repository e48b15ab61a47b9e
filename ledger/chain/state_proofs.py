"""Holding consents of the mirror against the contract's own storage, by proofs from a block's header.

Invariants: a value counts only where Merkle-Patricia nodes lead to it from the ``stateRoot`` of a header whose
keccak-256 is the hash of the block that the mirror took in; so neither the node's word nor our own reading of events is
believed.

Source: https://eips.ethereum.org/EIPS/eip-1186 (eth_getProof), and for the places of variables
https://docs.soliditylang.org/en/latest/internals/layout_in_storage.html
"""

from collections.abc import Sequence

from ledger.chain import artifacts, rlp
from ledger.chain.hashing import keccak
from ledger.chain.rpc import RpcNode, StateProof
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.events import Block
from ledger.domain.vocabulary import FOREVER, Effect
from ledger.errors import MirrorDiverged, ProofInvalid
from ledger.verify.mpt import read_trie

_STATE_ROOT = 3  # of a header's fields
_STORAGE_ROOT = 2  # of an account's fields
# Bits of a ConsentSlot (contracts/src/types/ConsentSlot.sol).
_SPENT, _DENY, _LIMITED = 1 << 24, 1 << 25, 1 << 26
_NO_LIMITS = FOREVER << 40
_MOST_KEYS = 100


def check_consents(node: RpcNode, registry: bytes, block: Block, consents: Sequence[Consent]) -> int:
    """Compare consents, as the mirror has them at a block, with what the contract stored.

    Args:
        node: Gives the proofs; it must still have the block's state.
        registry: Address of the ConsentRegistry, 20 bytes.
        block: The block that they are as of.
        consents: What the mirror says.

    Returns:
        How many storage words were proved.

    Raises:
        MirrorDiverged: A consent differs from the storage, or a proof does not hold; the message names it.
        LedgerUnreachable: The node gives no proof.
    """
    header = node.header(block.number)
    if keccak(header) != block.hash:
        raise MirrorDiverged(f"the node's header of block {block.number} is not the one of the mirror's block")
    state_root: bytes = rlp.decode(header)[_STATE_ROOT]
    asked = sorted({key for consent in consents for key in _keys(consent)})
    words: dict[bytes, int] = {}
    for start in range(0, len(asked), _MOST_KEYS):
        keys = asked[start : start + _MOST_KEYS]
        words.update(_proved(state_root, registry, node.state_proof(registry, keys, block.number), keys))
    for consent in consents:
        _compare(consent, *[words[key] for key in _keys(consent)])
    return len(words)


def _proved(state_root: bytes, account: bytes, proof: StateProof, keys: Sequence[bytes]) -> dict[bytes, int]:
    """The words at storage keys, each shown by its nodes; 0 where the nodes show none."""
    try:
        held = _leaf(state_root, proof.account, keccak(account))
        if held is None:
            raise MirrorDiverged(f"the proof shows no contract at 0x{account.hex()}; ask another node")
        storage_root: bytes = rlp.decode(held)[_STORAGE_ROOT]
        words = {}
        for key, nodes in zip(keys, proof.storage, strict=True):
            value = _leaf(storage_root, nodes, keccak(key))
            words[key] = 0 if value is None else int.from_bytes(rlp.decode(value), "big")
    except ProofInvalid as problem:
        raise MirrorDiverged(f"the node's proof of storage does not hold: {problem}; ask another node") from problem
    return words


def _leaf(root: bytes, nodes: Sequence[bytes], key: bytes) -> bytes | None:
    """The value that the nodes show at a key; None where they show none."""
    found = read_trie(root, list(dict.fromkeys(nodes)))
    return found.leaves.get(key)


def _keys(consent: Consent) -> tuple[bytes, bytes, bytes]:
    """The storage keys of the consent's slot, its limits and its subject's first word."""
    layout = artifacts.storage_slots("ConsentRegistry")
    return (
        _at(_at(layout["_consents"], consent.subject), consent.id),
        _at(_at(layout["_limits"], consent.subject), consent.id),
        _at(layout["_subjects"], consent.subject),
    )


def _at(slot: bytes, key: bytes) -> bytes:
    """Where a mapping at a slot keeps the value of a key."""
    return keccak(key + slot)


def _compare(consent: Consent, slot: int, limits: int, subject: int) -> None:
    # Only what is there is proved, so nothing may rest on a word's absence: an enrolled subject's is never zero.
    if subject == 0:
        raise MirrorDiverged(f"the contract's storage shows no subject 0x{consent.subject.hex()}; ask another node")
    if slot & _SPENT:
        stored = {"version": slot & 0xFF_FFFF, "live": 0}
    else:
        stored = {
            "version": slot & 0xFF_FFFF,
            "live": int(slot != 0 and slot >> 53 & 0x7FF == _epoch(subject)),
            "effect": int(Effect.DENY if slot & _DENY else Effect.PERMIT),
            "recipient_kind": slot >> 27 & 3,
            "purposes": slot >> 64 & 0xFFFF,
            "conditions": slot >> 80 & 0xFFFF,
            "operations": slot >> 96 & 0xFFFF,
            "categories": slot >> 112 & 0xFFFF_FFFF,
            "valid_from": slot >> 144 & FOREVER,
            "valid_until": slot >> 184 & FOREVER,
            "terms_version": slot >> 224,
            "limits": limits if slot & _LIMITED else _NO_LIMITS,
        }
    scope = consent.scope
    mirrored = {
        "version": consent.version,
        "live": int(consent.state is ConsentState.ACTIVE),
        "effect": int(scope.effect),
        "recipient_kind": int(scope.recipient_kind),
        "purposes": scope.purposes,
        "conditions": scope.conditions,
        "operations": scope.operations,
        "categories": scope.categories,
        "valid_from": scope.valid_from,
        "valid_until": consent.valid_until,
        "terms_version": consent.terms_version,
        "limits": scope.data_from | scope.data_until << 40 | scope.diseases << 80,
    }
    for name, theirs in stored.items():
        if mirrored[name] != theirs:
            raise MirrorDiverged(
                f"Consent (0x{consent.subject.hex()}, 0x{consent.id.hex()}), {name}: the mirror says {mirrored[name]}, "
                f"the contract's storage {theirs}; rebuild the mirror from the chain, and find out who wrote to it"
            )


def _epoch(subject: int) -> int:
    offset, size = artifacts.struct_member("ConsentRegistry", "Subject", "epoch")
    return subject >> 8 * offset & (1 << 8 * size) - 1
