"""A new key of receipts, in the middle of a log's life: what was signed before holds, online and in bundles."""

import io

import pytest

from ledger.errors import ProofInvalid
from ledger.services.replay import membership
from ledger.transparency.cohort import verify_cohort
from ledger.transparency.receipt import open_decision
from ledger.verify import decisions
from ledger.verify.checks import verify_bundle
from tests.support.exhibit import exhibit


@pytest.fixture
def shown(tmp_path):
    with exhibit(tmp_path / "home") as opened:
        yield opened


def verified(shown):
    data, manifest = shown.export()
    return verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))


def test_receipts_of_both_keys_hold_together(shown):
    keys = shown.ledger.context.log_keys
    old = keys.receipts.kid
    assert verified(shown).exit_code == 0
    new = keys.rotate(shown.ledger.context.clock.now())
    after = shown.decide(shown.patients[:5])
    shown.compute(after)
    shown.anchor()
    assert verified(shown).exit_code == 0
    jwks = dict(keys.published.jwks)
    assert [member["kid"] for member in jwks["keys"]] == [old, new]
    for answer in shown.answers:  # the old key's and the new one's, with nothing but the key document
        assert decisions.verify_receipt(answer.receipt, jwks).decision == answer.id
    before = shown.answers[0]
    commitment = open_decision(before.receipt, keys.published).cohort
    verify_cohort(membership(shown.ledger.context, before.id, shown.patients[0].subject), commitment)


def test_a_theft_takes_the_receipts_since_then_with_it(shown):
    """The entries stay in the log; what they were answered with must be asked for again."""
    keys, first = shown.ledger.context.log_keys, shown.answers[0]
    keys.rotate(shown.ledger.context.clock.now(), stolen_since=first.answer.at)
    with pytest.raises(ProofInvalid, match="other hands"):
        decisions.verify_receipt(first.receipt, dict(keys.published.jwks))
    report = verified(shown)
    assert report.exit_code == 1
    assert any("other hands" in item.detail for item in report.checks)
