"""A log's key is replaced: the log says so under the old key, and everything from before and after holds."""

import io

import pytest

from ledger.errors import NotFound, ProofInvalid
from ledger.services.fsck import check_log
from ledger.services.log_key import rotate_log_key
from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.verify.checks import verify_bundle
from tests.support.exhibit import exhibit


@pytest.fixture
def shown(tmp_path):
    with exhibit(tmp_path / "home") as opened:
        yield opened


def said_by(appended):
    return canonical.decode_object(appended.entries[0].canonical)["facts"]


def test_the_log_names_its_next_key_under_the_old_one(shown):
    ledger, log = shown.ledger, shown.log
    old = ledger.context.log_keys.note_signer(log).verifier
    before = ledger.context.audit.checkpoint(log)
    appended = rotate_log_key(ledger.context, ledger.appender, log)
    new = ledger.context.log_keys.note_signer(log).verifier
    assert new != old
    assert said_by(appended) == {"act": "log-key-rotated", "old": str(old), "new": str(new)}
    head = verify_checkpoint(appended.checkpoint, [old], log)
    assert head.size == appended.entries[0].index + 1
    shown.decide(shown.patients[:2])
    newest = ledger.context.audit.checkpoint(log)
    with pytest.raises(ProofInvalid):
        verify_checkpoint(newest.note, [old], log)
    for note in (before.note, appended.checkpoint, newest.note):
        verify_checkpoint(note, ledger.context.log_keys.note_keys(log), log)
    shown.anchor()
    data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert report.exit_code == 0, report
    assert check_log(ledger.context, log).findings == []


def test_killed_half_way_it_is_done_again_with_the_same_key(shown, monkeypatch):
    ledger, log = shown.ledger, shown.log
    keys = ledger.context.log_keys
    old = keys.note_signer(log).verifier

    def die(_log):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(keys), "adopt_note_signer", lambda _self, log: die(log))
        with pytest.raises(KeyboardInterrupt):
            rotate_log_key(ledger.context, ledger.appender, log)
    assert keys.note_signer(log).verifier == old
    size = ledger.context.audit.size(log)
    appended = rotate_log_key(ledger.context, ledger.appender, log)
    assert ledger.context.audit.size(log) == size
    assert said_by(appended)["new"] == str(keys.note_signer(log).verifier)


def test_an_institution_without_a_log_has_no_key(shown):
    with pytest.raises(NotFound):
        rotate_log_key(shown.ledger.context, shown.ledger.appender, bytes(32))
