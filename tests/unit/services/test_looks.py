"""A signed look holds, in canonical form, what the answer says: whatever that is."""

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.data_use import Obligation
from ledger.domain.decision import Decision, Outcome, Reason
from ledger.domain.events import Block
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import POLICY_VERSION, Request
from ledger.domain.vocabulary import FOREVER
from ledger.domain.wording import request_to_json
from ledger.services.looks import LookSigner
from ledger.transparency import canonical
from ledger.transparency.jws import verify_jws
from ledger.transparency.keys import KeySet, SigningKey
from ledger.transparency.look_receipt import LOOK_TYPE, open_look

ids = st.binary(min_size=32, max_size=32)
times = st.integers(0, FOREVER)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
decisions = st.builds(
    Decision,
    st.sampled_from(Outcome),
    st.sampled_from(Reason),
    st.none() | ids,
    st.integers(0, 1 << 24),
    times,
    st.lists(words, max_size=2).map(tuple),
    st.lists(st.builds(Obligation, id=words, properties=st.just({"who": 'the "other"'})), max_size=2).map(tuple),
)
blocks = st.builds(Block, number=times, hash=ids, parent=ids, timestamp=times)
KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = KeySet([KEY.public])


class Keys:
    receipts = KEY


@given(decisions, ids, times, blocks)
def test_a_signed_look_says_what_was_decided(decision, subject, at, block):
    request = Request(bytes([1]) * 32, bytes([2]) * 32, 1, 1)
    receipt = LookSigner(Keys()).sign_at(request, subject, decision, at, block).decode()
    assert verify_jws(receipt, KEYS, LOOK_TYPE) == {
        "request": to_hex(sha256(canonical.encode(request_to_json(request))).digest()),
        "subject": to_hex(subject),
        "at": at,
        "outcome": decision.outcome.name.lower(),
        "reason": decision.reason.code,
        "consent": None if decision.consent is None else to_hex(decision.consent),
        "version": decision.version,
        "block": {"number": block.number, "hash": to_hex(block.hash)},
        "policy": POLICY_VERSION,
        "valid_until": decision.valid_until,
        "codes": list(decision.codes),
        "obligations": [{"id": duty.id, "properties": dict(duty.properties)} for duty in decision.obligations],
    }
    assert open_look(receipt, KEYS).at == at
