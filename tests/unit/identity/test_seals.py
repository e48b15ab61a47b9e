"""The keys of receipts and checkpoints: whole, private, the same for all processes, and published after a rotation."""

import stat
import threading

import pytest

from ledger.errors import ConfigurationError
from ledger.identity.seals import FileLogKeys
from ledger.transparency.checkpoint import Checkpoint, verify_checkpoint, write_checkpoint
from ledger.transparency.receipt import AppendReceipt, issue_append, open_append

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
    made = receipt(old)
    folder = tmp_path / "receipts"
    FileLogKeys(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "receipts" / "0001.key").rename(folder / "0002.key")
    new = FileLogKeys(tmp_path)
    assert new.receipts.kid != old.receipts.kid
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
