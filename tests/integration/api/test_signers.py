"""Who may sign for a subject, over HTTP: every kind of key, every capacity, windows, and changes of signers."""

import time
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace

import pytest
from coincurve import PrivateKey
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ledger.chain import own
from ledger.chain.deployment import P256_VERIFIER
from ledger.chain.keys import address_of
from ledger.domain.acts import Withdrawal
from ledger.domain.webauthn import ORDER
from tests.support.passkey import SoftPasskey
from tests.support.service import HOUR, WAIT, Wallet, fresh_id
from tests.support.wallets import deploy_wallet


@dataclass
class P256Wallet:
    """A bare P-256 key, as in a secure element without WebAuthn."""

    key: ec.EllipticCurvePrivateKey
    signer: str

    def sign(self, digest):
        r, s = decode_dss_signature(self.key.sign(bytes.fromhex(digest[2:]), ec.ECDSA(Prehashed(SHA256()))))
        return "0x" + (r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")).hex()


@dataclass
class ContractWallet:
    """An ERC-1271 wallet: its address signs what its owner's key signed."""

    owner: Wallet
    signer: str

    def sign(self, digest):
        return self.owner.sign(digest)


def account(world):
    return Wallet()


def p256(world):
    soft = SoftPasskey(world.service.ledger.context.passkeys.party)
    verifier = world.service.ledger.chain.deployment.addresses[P256_VERIFIER]
    return P256Wallet(soft.key, "0x" + (verifier + soft.point).hex())


def wallet(world):
    owner = Wallet()
    address = deploy_wallet(world.service.ledger.chain.node, PrivateKey(), address_of(owner.key))
    return ContractWallet(owner, "0x" + address.hex())


def enrol(world, key, status=200, **changes):
    body = {"enrolments": [{"signer": key.signer, **changes}]}
    return world.service.post("/v1/subjects", body, "institution", world.institution, status, **WAIT).json()


def enrolled(world, key, **changes):
    (item,) = enrol(world, key, **changes)["items"]
    assert item["state"] == "sealed", item
    return item["subject"]


def grant(world, subject, key, status=200, **changes):
    body = {"acts": [world.consent(subject, key, **changes)]}
    return world.service.post("/v1/consents", body, "subject", subject, status, **WAIT).json()


def change(world, subject, key, status=200, **fields):
    kind = "signer-addition" if "new_signer" in fields else "signer-removal"
    act = {
        "act": kind,
        "subject": subject,
        "id": fresh_id(),
        "deadline": int(time.time()) + HOUR,
        "signer": key.signer,
        **fields,
    }
    name = "additions" if kind == "signer-addition" else "removals"
    body = {name: [world.signed(act, key)]}
    return world.service.post("/v1/signers", body, "subject", subject, status, **WAIT).json()


def outcome(world, subject):
    question = world.question(subjects=[subject])
    return world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()["decisions"][0]["outcome"]


def signers(world, subject):
    return world.service.get(f"/v1/subjects/{subject}", "subject", subject)["signers"]


@pytest.mark.parametrize("make", [account, p256, wallet], ids=["EOA", "P-256", "ERC-1271"])
def test_every_kind_of_key_grants_and_withdraws(world, make):
    key = make(world)
    subject = enrolled(world, key)
    consent = grant(world, subject, key)["items"][0]
    assert consent["state"] == "sealed"
    assert outcome(world, subject) == "permit"
    body = {"acts": [world.withdrawal(subject, consent["id"], key)]}
    assert world.service.post("/v1/withdrawals", body, "subject", subject, 200, **WAIT).json()["items"][0]["block"]
    assert outcome(world, subject) == "deny"


@pytest.mark.parametrize("make", [account, p256, wallet], ids=["EOA", "P-256", "ERC-1271"])
def test_a_signature_of_another_key_of_the_kind_is_refused(world, make):
    key, other = make(world), make(world)
    subject = enrolled(world, key)
    impostor = SimpleNamespace(signer=key.signer, sign=other.sign)
    assert grant(world, subject, impostor, 400)["type"] == "/problems/bad-signature"


@pytest.mark.parametrize("capacity", ["self", "guardian", "proxy"])
def test_each_capacity_signs_in_its_window_alone(world, capacity):
    now = int(time.time())
    key, late, early = Wallet(), Wallet(), Wallet()
    subject = enrolled(world, key, capacity=capacity, **{"from": now - HOUR, "until": now + HOUR})
    assert grant(world, subject, key)["items"][0]["state"] == "sealed"
    assert outcome(world, subject) == "permit"
    coming, gone = {"from": now + HOUR - 60, "until": now + HOUR}, {"from": now - HOUR, "until": now - 1}
    change(world, subject, key, new_signer=late.signer, capacity=capacity, **coming)
    change(world, subject, key, new_signer=early.signer, capacity=capacity, **gone)
    for stranger in (late, early):
        assert "does not hold at this time" in grant(world, subject, stranger, 400)["detail"]
    held = {one["signer"]: one for one in signers(world, subject)}
    assert held[key.signer]["capacity"] == capacity
    assert held[key.signer]["until"] == now + HOUR


@pytest.mark.parametrize("capacity", ["guardian", "proxy"])
def test_who_acts_for_another_gives_no_more_than_they_have(world, capacity):
    now = int(time.time())
    key, second = Wallet(), Wallet()
    subject = enrolled(world, key, capacity=capacity, **{"from": now - HOUR, "until": now + HOUR})
    for given in ("self", capacity):
        for window in ({"until": now + HOUR + 1}, {"from": now - HOUR - 1, "until": now}, {}):
            refused = change(world, subject, key, 403, new_signer=second.signer, capacity=given, **window)
            assert "no more than the own time" in refused["detail"]
    assert [one["signer"] for one in signers(world, subject)] == [key.signer]


def test_staff_sign_with_the_paper_form_and_change_no_signers(world):
    staff, form = Wallet(), "0x" + sha256(b"scanned form").hexdigest()
    assert "paper form" in enrol(world, staff, 400, capacity="staff")["detail"]
    subject = enrolled(world, staff, capacity="staff", form=form)
    assert "paper form" in grant(world, subject, staff, 400)["detail"]
    assert grant(world, subject, staff, form=form)["items"][0]["state"] == "sealed"
    assert outcome(world, subject) == "permit"
    refused = change(world, subject, staff, 403, new_signer=Wallet().signer, capacity="self")
    assert "staff may not change" in refused["detail"]
    assert signers(world, subject)[0]["form"] == form


def test_signers_are_added_and_removed_and_the_last_one_stays(world):
    first, second = Wallet(), Wallet()
    subject = enrolled(world, first)
    last = change(world, subject, first, old_signer=first.signer)["items"][0]
    assert (last["state"], last["reason"]) == ("refused", "ConsentRegistry__LastSigner")
    change(world, subject, first, new_signer=second.signer, capacity="proxy")
    consent = grant(world, subject, first)["items"][0]
    change(world, subject, second, old_signer=first.signer)
    assert "may not sign" in grant(world, subject, first, 400)["detail"]
    assert outcome(world, subject) == "permit", "what a key granted in authority outlives its authority"
    body = {"acts": [world.withdrawal(subject, consent["id"], second)]}
    world.service.post("/v1/withdrawals", body, "subject", subject, 200, **WAIT)
    assert outcome(world, subject) == "deny"
    held = {one["signer"]: one["active"] for one in signers(world, subject)}
    assert held == {first.signer: False, second.signer: True}


def test_a_patient_withdraws_by_their_own_transaction_and_the_service_sees_it(world):
    key = Wallet()
    subject = enrolled(world, key)
    consent = grant(world, subject, key)["items"][0]
    chain = world.service.ledger.chain
    ids = (bytes.fromhex(subject[2:]), bytes.fromhex(consent["id"][2:]))
    transaction = own.withdraw(chain.node, chain.deployment.contracts["ConsentRegistry"], key.key, *ids)
    assert own.sealed(chain.node, transaction).succeeded
    for _ in range(1_200):
        if outcome(world, subject) == "deny":
            break
        time.sleep(0.05)
    assert outcome(world, subject) == "deny"
    digest = chain.domains.digest(Withdrawal(subject=ids[0], id=ids[1], signer=address_of(key.key)))
    assert world.service.ledger.context.outbox.item(digest) is None, "it did not come through the service"
