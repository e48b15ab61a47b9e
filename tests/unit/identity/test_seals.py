"""The keys of receipts and checkpoints: whole, private, the same for all processes, and published after a rotation."""

import json
import stat
import threading

import pytest

from ledger.errors import ConfigurationError, InvalidInput, ProofInvalid
from ledger.identity.seals import FileLogKeys
from ledger.transparency.checkpoint import Checkpoint, verify_checkpoint, write_checkpoint
from ledger.transparency.keys import KeySet
from ledger.transparency.receipt import (
    AppendReceipt,
    DecisionReceipt,
    issue_append,
    issue_decision,
    open_append,
    open_decision,
)

LOG = b"\x0a" * 32


def receipt(keys):
    note = write_checkpoint(Checkpoint(LOG, 1, b"\x01" * 32), [keys.note_signer(LOG)])
    return issue_append(AppendReceipt(LOG, 0, b"\x02" * 32, note), keys.receipts)


def test_keys_are_made_once_and_kept(tmp_path):
    first = FileLogKeys(tmp_path)
    made = receipt(first)
    again = FileLogKeys(tmp_path)
    assert again.receipts.kid == first.receipts.kid
    assert receipt(again) == made
    verify_checkpoint(open_append(made, again.published).checkpoint, [again.note_signer(LOG).verifier], LOG)


def test_key_files_are_for_their_user_alone(tmp_path):
    FileLogKeys(tmp_path).note_signer(LOG)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == sorted(["0001.key", f"{LOG.hex()}.key"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_each_log_has_its_own_key(tmp_path):
    keys = FileLogKeys(tmp_path)
    other = b"\x0b" * 32
    assert keys.note_signer(LOG).verifier != keys.note_signer(other).verifier
    assert keys.note_signer(LOG) is keys.note_signer(LOG)


def test_receipts_keep_verifying_after_a_rotation(tmp_path):
    old = FileLogKeys(tmp_path)
    made, before = receipt(old), old.receipts.kid
    folder = tmp_path / "receipts"
    FileLogKeys(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "receipts" / "0001.key").rename(folder / "0002.key")
    new = FileLogKeys(tmp_path)
    assert new.receipts.kid == old.receipts.kid != before
    assert open_append(made, new.published) == open_append(made, old.published)
    open_append(receipt(new), new.published)


def test_two_first_starts_at_once_agree(tmp_path):
    barrier, kids = threading.Barrier(8), []

    def start():
        barrier.wait()
        keys = FileLogKeys(tmp_path)
        kids.append((keys.receipts.kid, str(keys.note_signer(LOG).verifier)))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kids) == 8
    assert len(set(kids)) == 1


@pytest.mark.parametrize("content", [b"", b"\x01" * 31, b"\x01" * 33])
def test_a_damaged_key_file_is_not_replaced(tmp_path, content):
    """A new key in its place would make every receipt of before unverifiable."""
    FileLogKeys(tmp_path)
    path = tmp_path / "receipts" / "0001.key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"0001\.key"):
        FileLogKeys(tmp_path)
    assert path.read_bytes() == content


def decision(at, key):
    empty = DecisionReceipt("0x" + "ab" * 32, bytes(32), at, "deny", (), (), 1, bytes(32), "p/1", at + 1)
    return issue_decision(empty, key)


def test_after_a_rotation_the_new_key_signs_and_old_receipts_verify_anywhere(tmp_path):
    """A process that was running before (``running``) takes the new key up with its next receipt."""
    running, other = FileLogKeys(tmp_path), FileLogKeys(tmp_path)
    before = decision(99, running.receipts)
    kid = other.rotate(100)
    assert (running.receipts.kid, other.receipts.kid, FileLogKeys(tmp_path).receipts.kid) == (kid, kid, kid)
    after = decision(100, running.receipts)
    offline = KeySet.from_jwks(json.loads(json.dumps(running.published.jwks)))
    for keys in (running.published, offline):
        assert open_decision(before, keys).at == 99
        assert open_decision(after, keys).at == 100


def test_a_retired_key_signs_nothing_new(tmp_path):
    keys = FileLogKeys(tmp_path)
    old = keys.receipts
    keys.rotate(100)
    open_decision(decision(100, old), keys.published)
    for published in (keys.published, KeySet.from_jwks(keys.published.jwks)):
        with pytest.raises(ProofInvalid, match="retired at 100"):
            open_decision(decision(101, old), published)


def test_a_stolen_key_counts_for_nothing_from_the_theft_on(tmp_path):
    keys = FileLogKeys(tmp_path)
    old = keys.receipts
    keys.rotate(100, stolen_since=50)
    for published in (keys.published, KeySet.from_jwks(keys.published.jwks)):
        assert open_decision(decision(49, old), published).at == 49
        with pytest.raises(ProofInvalid, match="other hands from 50"):
            open_decision(decision(50, old), published)
    with pytest.raises(InvalidInput, match="in the past"):
        keys.rotate(100, stolen_since=101)


def test_rotations_add_up(tmp_path):
    keys = FileLogKeys(tmp_path)
    kids = [keys.receipts.kid, *(keys.rotate(at) for at in (10, 20, 30))]
    assert FileLogKeys(tmp_path).published.kids == tuple(kids)
    assert [keys.published.ending(kid).exp for kid in kids] == [10, 20, 30, None]


def test_derived_secrets_outlive_a_rotation_and_differ_by_purpose(tmp_path):
    keys = FileLogKeys(tmp_path)
    before = keys.secret("one")
    keys.rotate(10)
    assert FileLogKeys(tmp_path).secret("one") == before
    assert keys.secret("two") != before


def test_damaged_endings_are_not_taken_for_none(tmp_path):
    """A stolen key would count again."""
    FileLogKeys(tmp_path).rotate(10, stolen_since=5)
    (tmp_path / "receipts" / "endings.json").write_text("[]")
    with pytest.raises(ConfigurationError, match=r"endings\.json"):
        FileLogKeys(tmp_path)


def test_a_logs_next_key_signs_once_it_is_adopted_in_every_process(tmp_path):
    keys, other = FileLogKeys(tmp_path), FileLogKeys(tmp_path)
    old = other.note_signer(LOG).verifier
    new = keys.next_note_signer(LOG).verifier
    assert new == other.next_note_signer(LOG).verifier != old
    assert other.note_signer(LOG).verifier == old
    keys.adopt_note_signer(LOG)
    for one in (keys, other, FileLogKeys(tmp_path)):
        assert one.note_signer(LOG).verifier == new
        assert one.note_keys(LOG) == [old, new]
    assert keys.next_note_signer(LOG).verifier not in (old, new)
