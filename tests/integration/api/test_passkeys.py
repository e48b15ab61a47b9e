"""Passkeys over HTTP: invited, registered, signing, counted; and what is refused."""

import time
from dataclasses import replace

import pytest

from ledger.chain.transactions import created_address
from ledger.domain.webauthn import RelyingParty
from ledger.identity.site import relying_party
from tests.support.passkey import UP, SoftPasskey, base64url, client_data
from tests.support.service import HOUR, WAIT, Wallet, fresh_id


class PasskeyWallet(SoftPasskey):
    """A passkey that signs for a subject over HTTP, as ``Wallet`` does."""

    signer: str

    def made(self, challenge: bytes, **changes) -> dict[str, str]:
        answer = self.created(challenge, **changes)
        return {
            "authenticatorData": base64url(answer["authenticator_data"]),
            "clientDataJSON": base64url(answer["client_data"]),
        }

    def sign(self, digest: str, **changes) -> dict[str, dict[str, str]]:
        answer = self.answer(bytes.fromhex(digest[2:]), **changes)
        return {
            "webauthn": {
                "credentialId": base64url(self.id),
                "authenticatorData": base64url(answer["authenticator_data"]),
                "clientDataJSON": base64url(answer["client_data"]),
                "signature": base64url(answer["signature"]),
            }
        }


def from_text(text: str) -> bytes:
    from ledger.transparency.encoding import from_base64url

    return from_base64url(text)


@pytest.fixture(scope="module")
def party(world) -> RelyingParty:
    return relying_party(world.service.settings)


def invited(world, **changes) -> str:
    return world.service.post("/v1/invitations", changes, "institution", world.institution, 201).json()["subject"]


def register(world, subject, passkey, status=201, **changes):
    options = world.service.post("/v1/passkeys/options", {"subject": subject}, "subject", subject, 200).json()
    body = {"subject": subject, **passkey.made(from_text(options["challenge"]), **changes)}
    answer = world.service.post("/v1/passkeys", body, "subject", subject, status)
    if status == 201:
        passkey.signer = answer.json()["signer"]
    return answer.json()


def settled(world, item):
    for _ in range(1_200):
        found = world.service.get(f"/v1/acts/{item['digest']}", "subject", fresh_id())
        if found["state"] in ("sealed", "refused"):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def enrolled(world, party, **changes):
    """A subject that enrolled by a passkey: (subject, passkey)."""
    subject, passkey = invited(world), PasskeyWallet(party, **changes)
    answer = register(world, subject, passkey)
    assert settled(world, answer["enrolment"])["state"] == "sealed"
    return subject, passkey


@pytest.fixture(scope="module")
def ann(world, party):
    return enrolled(world, party)


def outcome(world, subject):
    question = world.question(subjects=[subject])
    return world.service.post("/v1/decisions", question, "engine", world.engine, 200).json()["decisions"][0]


def grant(world, subject, passkey, status=200, **changes):
    body = {"acts": [world.consent(subject, passkey, **changes)]}
    return world.service.post("/v1/consents", body, "subject", subject, status, **WAIT).json()


def test_a_life_by_passkey_enrolled_granted_decided_withdrawn(world, ann):
    subject, passkey = ann
    consent = world.consent(subject, passkey)
    sealed = world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT).json()
    assert sealed["items"][0]["state"] == "sealed"
    assert outcome(world, subject)["outcome"] == "permit"
    withdrawal = {"acts": [world.withdrawal(subject, consent["id"], passkey)]}
    (item,) = world.service.post("/v1/withdrawals", withdrawal, "subject", subject, 202).json()["items"]
    assert outcome(world, subject)["outcome"] == "deny"
    assert settled(world, item)["state"] == "sealed"


def test_the_service_says_what_to_ask_the_browser(world, ann):
    subject, passkey = ann
    act = {"act": "withdrawal", "subject": subject, "id": fresh_id(), "signer": passkey.signer}
    described = world.service.post("/v1/typed-data", act, "subject", subject, 200).json()
    asked = described["webauthn"]
    assert from_text(asked["challenge"]) == bytes.fromhex(described["digest"][2:])
    assert asked["rpId"] == "localhost"
    assert asked["userVerification"] == "required"
    assert asked["allowCredentials"] == [{"type": "public-key", "id": base64url(passkey.id)}]
    by_account = world.service.post("/v1/typed-data", act | {"signer": Wallet().signer}, "subject", subject, 200)
    assert by_account.json()["webauthn"] is None
    options = world.service.post("/v1/passkeys/options", {"subject": subject}, "subject", subject, 200).json()
    assert options["pubKeyCredParams"] == [{"type": "public-key", "alg": -7}]
    assert options["excludeCredentials"] == asked["allowCredentials"]
    assert options["attestation"] == "none"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"origin": "http://localhost:1"}, "localhost:1"),
        ({"rp_id": "evil.example"}, "another site"),
        ({"flags": UP}, "who was there"),
        ({"kind": "webauthn.create"}, "webauthn.create"),
        ({"crossOrigin": True}, "inside another site"),
    ],
    ids=["origin", "site", "unverified", "kind", "frame"],
)
def test_a_signature_made_elsewhere_or_by_nobody_is_refused(world, ann, unwritten, changes, words):
    subject, passkey = ann
    spoilt = replace(passkey)
    spoilt.signer = passkey.signer
    spoilt.sign = lambda digest: PasskeyWallet.sign(passkey, digest, **changes)
    answer = grant(world, subject, spoilt, 400)
    assert answer["type"] == "/problems/bad-signature"
    assert words in answer["detail"]
    assert answer["index"] == 0


def test_a_signature_of_another_act_is_refused_and_the_same_act_again_is_the_same(world, ann):
    subject, passkey = ann
    first = world.consent(subject, passkey)
    other = world.consent(subject, passkey) | {"signature": first["signature"]}
    answer = world.service.post("/v1/consents", {"acts": [other]}, "subject", subject, 400).json()
    assert "another challenge" in answer["detail"]
    done = [
        world.service.post("/v1/consents", {"acts": [first]}, "subject", subject, 200, **WAIT).json() for _ in range(2)
    ]
    assert done[0]["items"][0]["digest"] == done[1]["items"][0]["digest"]


def test_an_upper_s_is_brought_down_before_the_chain_sees_it(world, ann):
    subject, passkey = ann
    high = replace(passkey)
    high.signer = passkey.signer
    high.sign = lambda digest: PasskeyWallet.sign(passkey, digest, high=True)
    assert grant(world, subject, high)["items"][0]["state"] == "sealed"


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("clientDataJSON", None, "Field required"),
        ("clientDataJSON", "no base64!", "not base64url"),
        ("clientDataJSON", "A" * 3001, "at most 3000"),
        ("authenticatorData", "AAAA", "authenticator data has 37"),
        ("signature", "AAAA", "only ES256"),
        ("more", "x", "not permitted"),
    ],
)
def test_a_malformed_answer_is_refused_where_it_stands(world, ann, unwritten, part, value, words):
    subject, passkey = ann
    act = world.consent(subject, passkey)
    parts = act["signature"]["webauthn"]
    act["signature"] = {"webauthn": {k: v for k, v in (parts | {part: value}).items() if v is not None}}
    answer = world.service.post("/v1/consents", {"acts": [act]}, "subject", subject, 400).json()
    assert answer["errors"][0]["pointer"] == "/acts/0/signature"
    assert words in answer["errors"][0]["detail"]


def test_a_counter_that_steps_back_is_refused_but_never_for_a_withdrawal(world, party):
    subject, passkey = enrolled(world, party, counter=10)
    consent = world.consent(subject, passkey)
    world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    passkey.counter = 5
    answer = grant(world, subject, passkey, 400)
    assert "counter is 6 after 11" in answer["detail"]
    withdrawal = {"acts": [world.withdrawal(subject, consent["id"], passkey)]}
    world.service.post("/v1/withdrawals", withdrawal, "subject", subject, 202)
    passkey.counter = 20
    assert grant(world, subject, passkey)["items"][0]["state"] == "sealed"


def test_a_second_passkey_is_added_by_the_first_and_can_take_over(world, party, ann):
    subject, first = enrolled(world, party)
    second = PasskeyWallet(party)
    assert register(world, subject, second)["enrolment"] is None
    answer = grant(world, subject, second, 400)
    assert "may not sign for this subject" in answer["detail"]
    base = {"subject": subject, "deadline": int(time.time()) + HOUR}
    addition = base | {
        "act": "signer-addition",
        "id": fresh_id(),
        "new_signer": second.signer,
        "capacity": "self",
        "signer": first.signer,
    }
    body = {"additions": [world.signed(addition, first)]}
    world.service.post("/v1/signers", body, "subject", subject, 200, **WAIT)
    assert grant(world, subject, second)["items"][0]["state"] == "sealed"
    removal = base | {
        "act": "signer-removal",
        "id": fresh_id(),
        "old_signer": first.signer,
        "signer": second.signer,
    }
    world.service.post("/v1/signers", {"removals": [world.signed(removal, second)]}, "subject", subject, 200, **WAIT)
    assert "may not sign" in grant(world, subject, first, 400)["detail"]
    held = world.service.get(f"/v1/subjects/{subject}/passkeys", "subject", subject)["passkeys"]
    assert {one["signer"] for one in held} == {first.signer, second.signer}
    world.service.get(f"/v1/subjects/{subject}/passkeys", "subject", ann[0], status=404)


def test_an_invited_guardian_acts_as_one_until_the_window_ends(world, party):
    until, form = int(time.time()) + HOUR, fresh_id()
    subject = invited(world, capacity="guardian", until=until, form=form)
    passkey = PasskeyWallet(party)
    assert settled(world, register(world, subject, passkey)["enrolment"])["state"] == "sealed"
    (signer,) = world.service.get(f"/v1/subjects/{subject}", "subject", subject)["signers"]
    assert (signer["capacity"], signer["until"], signer["form"]) == ("guardian", until, form)
    assert grant(world, subject, passkey)["items"][0]["state"] == "sealed"


def test_more_passkeys_than_anybody_has_are_refused(world, party, monkeypatch):
    monkeypatch.setattr("ledger.services.passkeys.MOST", 1)
    subject, _ = enrolled(world, party)
    assert "no more are kept" in register(world, subject, PasskeyWallet(party), 409)["detail"]


def test_a_registration_is_for_one_subject_and_soon(world, party, ann):
    subject, passkey = invited(world), PasskeyWallet(party)
    options = world.service.post("/v1/passkeys/options", {"subject": ann[0]}, "subject", ann[0], 200).json()
    body = {"subject": subject, **passkey.made(from_text(options["challenge"]))}
    refused = world.service.post("/v1/passkeys", body, "subject", subject, 400).json()
    assert "another challenge" in refused["detail"]
    stale = world.service.ledger.context.passkeys._challenge(bytes.fromhex(subject[2:]), int(time.time()) // 600 - 2)
    body = {"subject": subject, **passkey.made(stale)}
    assert "another challenge" in world.service.post("/v1/passkeys", body, "subject", subject, 400).json()["detail"]
    assert "localhost:1" in register(world, subject, passkey, 400, origin="http://localhost:1")["detail"]


def test_only_who_speaks_for_a_subject_registers_for_it(world, party, ann):
    stranger, unknown = fresh_id(), fresh_id()
    for role, sub, subject in [
        ("subject", stranger, ann[0]),
        ("subject", unknown, unknown),
        ("institution", fresh_id(), ann[0]),
        ("institution", fresh_id(), invited(world)),
    ]:
        world.service.post("/v1/passkeys/options", {"subject": subject}, role, sub, 404)
    world.service.post("/v1/passkeys/options", {"subject": ann[0]}, "auditor", world.auditor, 403)
    world.service.post("/v1/invitations", {}, "subject", ann[0], 403)
    world.service.post("/v1/invitations", {}, "institution", fresh_id(), 404)
    world.service.post("/v1/invitations", {"subject": ann[0]}, "institution", world.institution, 409)


def test_a_credential_of_another_subject_is_refused(world, party, ann):
    copied = replace(ann[1])
    answer = register(world, invited(world), copied, 409)
    assert answer["type"] == "/problems/replayed"


def test_a_foreign_verifier_gets_no_authority_from_this_service(world):
    foreign = "0x" + created_address(b"\x01" * 20, 0).hex() + "aa" * 64
    body = {"enrolments": [{"signer": foreign}]}
    answer = world.service.post("/v1/subjects", body, "institution", world.institution, 400).json()
    assert "not one of this ledger's" in answer["detail"]


def test_client_data_of_the_support_is_what_chromium_writes():
    said = client_data("webauthn.get", bytes(32), "http://localhost:8400")
    assert said == (
        b'{"type":"webauthn.get","challenge":"' + b"A" * 43 + b'","origin":"http://localhost:8400","crossOrigin":false}'
    )
