"""P-256 keys and passkeys on every chain: with the Solidity fallback, and with the precompile of Osaka (EIP-7951).

What is computed off the chain equals what the registry says on it, for right signatures and for each kind of wrong one.
"""

import time
from dataclasses import replace
from hashlib import sha256

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.chain.abi import dynamic, fixed, pack
from ledger.chain.deployment import P256_VERIFIER, PASSKEY_VERIFIER
from ledger.chain.hashing import keccak
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import LOCAL, deploy_rpc, open_embedded
from ledger.chain.passkeys import encode, p256_holds
from ledger.domain.webauthn import ORDER, Assertion
from ledger.errors import BadSignature, InvalidInput
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.passkey import BS, UP, UV, SoftPasskey
from tests.support.scene import Patient, Scene

DIGEST = sha256(b"an act").digest()
IS_SIGNED_BY = keccak(b"isSignedBy(bytes,bytes32,bytes)")[:4]


class SystemClock:
    def now(self) -> int:
        return int(time.time())


@pytest.fixture(scope="module", params=["embedded", "anvil"])
def chain(request, tmp_path_factory):
    home = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        chain = open_embedded(home, SystemClock())
        yield chain
        chain.close()
        return
    if find_anvil() is None:
        pytest.skip(MISSING)
    anvil = Anvil(home / "anvil", "--hardfork", "osaka")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, home, SystemClock())
    yield chain
    chain.close()
    anvil.stop()


@pytest.fixture(scope="module")
def scene(chain):
    return Scene(chain, chain.reader.head().timestamp).found()


@pytest.fixture(scope="module")
def passkey():
    return SoftPasskey(LOCAL)


def on_chain(chain, signer, digest, signature):
    """What the registry itself says."""
    data = IS_SIGNED_BY + pack(dynamic(signer), fixed(digest), dynamic(signature))
    return bool(int.from_bytes(chain.node.call(chain.deployment.contracts["ConsentRegistry"], data, gas=2_000_000)))


def p256_signature(key, *, high=False):
    r, s = decode_dss_signature(key.sign(DIGEST, ec.ECDSA(Prehashed(SHA256()))))
    s = max(s, ORDER - s) if high else min(s, ORDER - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


P256_CASES = {
    "right": lambda key, signature: (key, signature),
    "other key": lambda _, signature: (SoftPasskey(LOCAL).point, signature),
    "high s": lambda key, signature: (
        key,
        signature[:32] + (ORDER - int.from_bytes(signature[32:], "big")).to_bytes(32, "big"),
    ),
    "zero r": lambda key, signature: (key, bytes(32) + signature[32:]),
    "zero s": lambda key, signature: (key, signature[:32] + bytes(32)),
    "r past the order": lambda key, signature: (key, b"\xff" * 32 + signature[32:]),
    "swapped": lambda key, signature: (key, signature[32:] + signature[:32]),
    "short": lambda key, signature: (key, signature[:-1]),
    "none": lambda key, _: (key, b""),
    "key off the curve": lambda key, signature: (key[:-1] + bytes((key[-1] ^ 1,)), signature),
    "zero key": lambda _, signature: (bytes(64), signature),
    "short key": lambda key, signature: (key[:-1], signature),
}


@pytest.mark.parametrize("case", P256_CASES)
def test_p256_off_the_chain_is_p256_on_it(chain, passkey, case):
    key, signature = P256_CASES[case](passkey.point, p256_signature(passkey.key))
    verifier = chain.deployment.addresses[P256_VERIFIER]
    assert p256_holds(key, DIGEST, signature) is (case == "right")
    assert on_chain(chain, verifier + key, DIGEST, signature) is (case == "right")


def test_loose_bytes_behind_a_p256_signature_are_refused_here_alone(chain, passkey):
    signature = p256_signature(passkey.key) + b"\0"
    assert on_chain(chain, chain.deployment.addresses[P256_VERIFIER] + passkey.point, DIGEST, signature)
    assert not p256_holds(passkey.point, DIGEST, signature)


def raw(answer, *, s=None, shift=0):
    """Signature bytes without any of our checks."""
    assertion = Assertion.read(**answer)
    if s is not None:
        assertion = replace(assertion, s=s(assertion.s))
    signature = encode(assertion)
    place = int.from_bytes(signature[64:96], "big") + shift
    return signature[:64] + place.to_bytes(32, "big") + signature[96:]


# Each: how the signature is made; whether the chain takes it; what we say (None: taken).
PASSKEY_CASES = {
    "right": (lambda key: raw(key.answer(DIGEST)), True, None),
    "high s": (lambda key: raw(key.answer(DIGEST), s=lambda s: ORDER - s), False, "upper half"),
    "wrong s": (lambda key: raw(key.answer(DIGEST), s=lambda s: s - 1), False, "did not make"),
    "other challenge": (lambda key: raw(key.answer(bytes(32))), False, "another challenge"),
    "other kind": (lambda key: raw(key.answer(DIGEST, kind="webauthn.new")), False, "asked for"),
    "nobody verified": (lambda key: raw(key.answer(DIGEST, flags=UP)), False, "who was there"),
    "nobody present": (lambda key: raw(key.answer(DIGEST, flags=UV)), False, "somebody was there"),
    "backed up and not": (lambda key: raw(key.answer(DIGEST, flags=UP | UV | BS)), False, "contradict"),
    "other place": (lambda key: raw(key.answer(DIGEST), shift=1), False, "shortest encoding"),
    "other key": (lambda _: raw(SoftPasskey(LOCAL).answer(DIGEST)), False, "did not make"),
    "nothing": (lambda _: b"", False, "not a passkey's"),
    "an account's": (lambda _: bytes(65), False, "not a passkey's"),
    "cut": (lambda key: raw(key.answer(DIGEST))[:-32], False, "not a passkey's"),
    # What no contract can know, and so is ours to refuse:
    "other site": (lambda key: raw(key.answer(DIGEST, rp_id="evil.example")), True, "another site"),
    "other page": (lambda key: raw(key.answer(DIGEST, origin="https://evil.example")), True, "evil.example"),
    "in a frame": (lambda key: raw(key.answer(DIGEST, crossOrigin=True)), True, "inside another site"),
    "loose bytes": (lambda key: raw(key.answer(DIGEST)) + bytes(32), True, "shortest encoding"),
}


@pytest.mark.parametrize("case", PASSKEY_CASES)
def test_a_passkey_off_the_chain_is_a_passkey_on_it_and_of_this_site(chain, scene, passkey, case, monkeypatch):
    make, held, words = PASSKEY_CASES[case]
    signature = make(passkey)
    signer = chain.deployment.addresses[PASSKEY_VERIFIER] + passkey.point
    act = msgspec.structs.replace(scene.withdrawal(Patient(), bytes(32)), signer=signer, signature=signature)
    monkeypatch.setattr(chain.domains, "digest", lambda _: DIGEST)
    assert on_chain(chain, signer, DIGEST, signature) is held
    if words is None:
        chain.checker.check(act, signer)
        return
    with pytest.raises(BadSignature, match=words):
        chain.checker.check(act, signer)


def test_a_subject_lives_by_a_passkey_alone(chain, scene, passkey):
    signer = chain.deployment.addresses[PASSKEY_VERIFIER] + passkey.point
    patient = Patient()

    def signed(act):
        act = msgspec.structs.replace(act, signer=signer)
        act = msgspec.structs.replace(act, signature=passkey.sign(chain.writer.digest(act)))
        chain.checker.check(act, signer)
        return act

    scene.must(scene.enrolment(patient, first_signer=signer))
    grant = signed(scene.consent(patient))
    scene.must(grant)
    scene.must(signed(scene.withdrawal(patient, grant.id)))
    _, outcome = scene.carry(msgspec.structs.replace(signed(scene.consent(patient)), issued_at=scene.now - 1))
    assert list(outcome.refused.values()) == ["ConsentRegistry__BadSignature"]


@pytest.mark.parametrize("count", [2, 12])
def test_a_batch_by_passkeys_has_the_gas_to_ask_for_its_last_act_too(chain, scene, count):
    verifier = chain.deployment.addresses[PASSKEY_VERIFIER]
    patients = [(Patient(), SoftPasskey(LOCAL)) for _ in range(count)]
    scene.must(*[scene.enrolment(patient, first_signer=verifier + key.point) for patient, key in patients])
    grants = []
    for patient, key in patients:
        act = msgspec.structs.replace(scene.consent(patient), signer=verifier + key.point, signature=b"")
        grants.append(msgspec.structs.replace(act, signature=key.sign(chain.writer.digest(act))))
    scene.must(*grants)


def test_new_signers_are_accounts_wallets_and_keys_of_our_verifiers(chain, passkey):
    p256, webauthn = (chain.deployment.addresses[name] for name in (P256_VERIFIER, PASSKEY_VERIFIER))
    for signer in (Patient().signer, p256 + passkey.point, webauthn + passkey.point):
        chain.checker.admit(signer)
    for signer, words in [
        (b"\x04".rjust(20, b"\0") + passkey.point, "not one of this ledger's"),
        (p256, "without a key"),
        (webauthn, "without a key"),
        (webauthn + passkey.point[:-1], "not a point"),
        (webauthn + passkey.point + b"\0", "not a point"),
        (p256 + bytes(64), "not a point"),
    ]:
        with pytest.raises(InvalidInput, match=words):
            chain.checker.admit(signer)
