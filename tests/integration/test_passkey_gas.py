"""Gas of a grant by passkey: where the chain checks P-256 itself (EIP-7951), and where Solidity must.

As in ``tests/unit/contracts/test_gas.py``: real transactions, fixed keys, each consent another subject's.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from eth_utils import keccak
from web3 import HTTPProvider, Web3

from ledger.domain.webauthn import RelyingParty
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.passkey import SoftPasskey
from tests.unit.contracts.chain_world import ChainWorld, hold_to_snapshot
from tests.unit.contracts.ledger_world import CONSENT, word

PARTY = RelyingParty("consent.example.org", frozenset({"https://consent.example.org"}))
BATCH = 40
"""As many as fit a transaction (EIP-7825) where the check is in Solidity."""
ISSUED = 1_700_000_000


@dataclass(frozen=True)
class Rules:
    """A hard fork, and what a passkey may cost there beyond a plain key."""

    fork: str
    figure: str
    budget: int


OSAKA = Rules("osaka", "grant by passkey, in 40, P-256 precompile", 67_000)
PRAGUE = Rules("prague", "grant by passkey, in 40, P-256 in Solidity", 310_000)


def passkey_of(name: str) -> SoftPasskey:
    secret = int.from_bytes(sha256(name.encode()).digest()) >> 1
    return SoftPasskey(PARTY, id=sha256(name.encode()).digest()[:16], key=ec.derive_private_key(secret, ec.SECP256R1()))


def measure(world: ChainWorld) -> tuple[int, int]:
    """Gas of one grant in a batch, by a plain key and by a passkey."""
    world.furnish()
    verifier = world._deploy("ERC7913WebAuthnVerifier", [], []).address
    people = [f"patient {number}" for number in range(BATCH)]
    passkeys = {person: passkey_of(person) for person in people}
    signers = {person: bytes.fromhex(verifier[2:]) + passkey.point for person, passkey in passkeys.items()}
    enrolled = [world.enrolment(person) for person in people]
    enrolled += [world.enrolment(f"by passkey {person}", firstSigner=signers[person]) for person in people]
    assert world.refusals(world.registry.send("enrol", enrolled)) == {}

    def grant(person: str) -> tuple:
        act, scope = world.drafted(f"by passkey {person}", person, issuedAt=ISSUED)
        signable = world.signable(world.registry, CONSENT, act | {"scope": dict(scope)})
        digest = keccak(b"\x19\x01" + signable.header + signable.body)
        return world.carried(act, scope, signers[person], passkeys[person].sign(digest))

    figures = []
    for acts in ([world.consent(person, person, issuedAt=ISSUED) for person in people], [*map(grant, people)]):
        events = world.registry.send("record", acts)
        assert [name for name, _ in events] == ["ConsentRecorded"] * BATCH
        figures.append(round(world.registry.gas / BATCH))
    return figures[0], figures[1]


@pytest.mark.skipif(find_anvil() is None, reason=MISSING)
@pytest.mark.parametrize("rules", [OSAKA, PRAGUE], ids=lambda rules: rules.fork)
def test_a_grant_by_passkey_stays_within_its_budget(tmp_path, rules):
    anvil = Anvil(tmp_path, "--hardfork", rules.fork)
    try:
        plain, by_passkey = measure(ChainWorld(Web3(HTTPProvider(anvil.url))))
    finally:
        anvil.stop()
    hold_to_snapshot({rules.figure: by_passkey})
    assert by_passkey - plain < rules.budget


def test_the_passkeys_of_this_test_sign_alike_each_time():
    """Otherwise the figures would differ by the zero bytes in a signature."""
    one, other = passkey_of("x"), replace(passkey_of("x"))
    assert one.sign(word("digest")) == other.sign(word("digest"))
