"""Checkpoints: of this log, signed by this log, in one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.checkpoint import (
    Checkpoint,
    origin_of,
    read_checkpoint,
    verify_checkpoint,
    write_checkpoint,
)
from ledger.transparency.hashing import EMPTY_ROOT, MAX_SIZE
from ledger.transparency.note import NoteSigner, sign_note

ROOT_TEXT = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


@pytest.fixture
def checkpoint(log):
    return Checkpoint(log, 20852163, EMPTY_ROOT)


def test_the_text_is_origin_size_and_root(checkpoint, log):
    assert checkpoint.text == f"consentry/{log.hex()}\n20852163\n{ROOT_TEXT}\n"


def test_what_is_written_is_read(checkpoint, note_signer, log):
    note = write_checkpoint(checkpoint, [note_signer])
    assert read_checkpoint(note) == checkpoint
    assert verify_checkpoint(note, [note_signer.verifier], log) == checkpoint


@given(st.binary(min_size=32, max_size=32), st.integers(0, MAX_SIZE), st.binary(min_size=32, max_size=32))
def test_any_head_goes_through_its_text(log, size, root):
    checkpoint = Checkpoint(log, size, root)
    note = f"{checkpoint.text}\n\u2014 name AAAAAAA=\n"
    assert read_checkpoint(note) == checkpoint


def test_a_checkpoint_of_another_log_is_refused(checkpoint, note_signer):
    note = write_checkpoint(checkpoint, [note_signer])
    with pytest.raises(ProofInvalid, match="not of consentry/ffff"):
        verify_checkpoint(note, [note_signer.verifier], b"\xff" * 32)


def test_a_witness_alone_does_not_speak_for_the_log(checkpoint, note_signer, stranger, log):
    witness = NoteSigner("witness.example/one", stranger)
    with pytest.raises(InvalidInput, match="log's own key"):
        write_checkpoint(checkpoint, [witness])
    alone = sign_note(checkpoint.text, [witness])
    trusted = [note_signer.verifier, witness.verifier]
    with pytest.raises(ProofInvalid, match="witnesses alone"):
        verify_checkpoint(alone, trusted, log)
    assert verify_checkpoint(write_checkpoint(checkpoint, [note_signer, witness]), trusted, log) == checkpoint


def test_the_key_of_one_log_cannot_sign_for_another(note_signer, log):
    foreign = sign_note(Checkpoint(b"\xee" * 32, 1, EMPTY_ROOT).text, [note_signer])
    with pytest.raises(ProofInvalid, match="not of"):
        verify_checkpoint(foreign, [note_signer.verifier], log)
    with pytest.raises(ProofInvalid, match="witnesses alone"):
        verify_checkpoint(foreign, [note_signer.verifier], b"\xee" * 32)


def test_old_checkpoints_verify_after_a_rotation(checkpoint, note_signer, stranger, log):
    rotated = NoteSigner(origin_of(log), stranger)
    both = [rotated.verifier, note_signer.verifier]
    assert verify_checkpoint(write_checkpoint(checkpoint, [note_signer]), both, log) == checkpoint
    assert verify_checkpoint(write_checkpoint(checkpoint, [rotated]), both, log) == checkpoint


def test_every_byte_counts(checkpoint, note_signer, log):
    data = write_checkpoint(checkpoint, [note_signer]).encode()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(ProofInvalid):
            verify_checkpoint(changed.decode("utf-8", "surrogateescape"), [note_signer.verifier], log)


def test_without_a_key_nothing_is_known(checkpoint, note_signer, log):
    with pytest.raises(CannotCheck):
        verify_checkpoint(write_checkpoint(checkpoint, [note_signer]), [], log)


@pytest.mark.parametrize(
    "lines",
    [
        ["5", ROOT_TEXT],
        ["5", ROOT_TEXT, "extension"],
        ["05", ROOT_TEXT],
        ["+5", ROOT_TEXT],
        ["-1", ROOT_TEXT],
        ["5 ", ROOT_TEXT],
        ["\u0665", ROOT_TEXT],
        ["", ROOT_TEXT],
        [str(MAX_SIZE + 1), ROOT_TEXT],
        ["9" * 5000, ROOT_TEXT],
        ["5", ROOT_TEXT[:-1]],
        ["5", "AAAA"],
        ["5", ""],
    ],
)
@pytest.mark.parametrize("origin", ["consentry/" + "ab" * 32])
def test_a_text_in_another_form_is_refused_though_it_is_signed(lines, origin, private):
    first = origin if lines != ["5", ROOT_TEXT] else "example.org/log"
    note = sign_note("\n".join([first, *lines]) + "\n", [NoteSigner(origin, private)])
    with pytest.raises(ProofInvalid, match="checkpoint:"):
        read_checkpoint(note)


@pytest.mark.parametrize("digits", ["ab" * 31, "AB" * 32, "ab" * 33, "0x" + "ab" * 32, "ab" * 31 + " ab", "zz" * 32])
def test_an_origin_in_another_form_is_refused(digits, private):
    note = sign_note(f"consentry/{digits}\n5\n{ROOT_TEXT}\n", [NoteSigner("name", private)])
    with pytest.raises(ProofInvalid, match="checkpoint:"):
        read_checkpoint(note)


@pytest.mark.parametrize(
    ("log", "size", "root"),
    [(b"", 0, EMPTY_ROOT), (bytes(32), -1, EMPTY_ROOT), (bytes(32), MAX_SIZE + 1, EMPTY_ROOT), (bytes(32), 0, b"")],
)
def test_a_head_out_of_range_is_refused(log, size, root):
    with pytest.raises(InvalidInput):
        Checkpoint(log, size, root)


def test_a_log_id_is_32_bytes():
    with pytest.raises(InvalidInput, match="32 bytes"):
        origin_of(b"short")
