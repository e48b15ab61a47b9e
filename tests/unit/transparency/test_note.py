"""Signed notes: the published example of Go's sumdb/note, and notes that must not be taken for signed."""

import pytest

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.encoding import to_base64
from ledger.transparency.note import MAX_NOTE_SIZE, NoteSigner, VerifierKey, open_note, sign_note, split_note

PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PUBLISHED_NOTE = (
    f"{PUBLISHED_TEXT}\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)
TEXT = "one\n\ntwo\n"


@pytest.fixture
def signer(private):
    return NoteSigner("example.org/one", private)


@pytest.fixture
def other(stranger):
    return NoteSigner("example.org/two", stranger)


def test_the_published_note_opens_with_its_published_key():
    key = VerifierKey.parse(PUBLISHED_KEY)
    assert str(key) == PUBLISHED_KEY
    assert open_note(PUBLISHED_NOTE, [key]) == (PUBLISHED_TEXT, [key])


def test_every_byte_of_the_published_note_counts():
    key = VerifierKey.parse(PUBLISHED_KEY)
    data = PUBLISHED_NOTE.encode()
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(ProofInvalid):
            open_note(changed.decode("utf-8", "surrogateescape"), [key])


def test_a_note_opens_for_each_of_its_keys(signer, other):
    note = sign_note(TEXT, [signer, other])
    assert open_note(note, [signer.verifier]) == (TEXT, [signer.verifier])
    assert open_note(note, [other.verifier, signer.verifier]) == (TEXT, [signer.verifier, other.verifier])


def test_unknown_keys_are_ignored_even_under_a_known_name(signer, stranger):
    impostor = NoteSigner(signer.name, stranger)
    assert open_note(sign_note(TEXT, [impostor, signer]), [signer.verifier]) == (TEXT, [signer.verifier])
    with pytest.raises(ProofInvalid, match="not signed by any of"):
        open_note(sign_note(TEXT, [impostor]), [signer.verifier])


def test_one_wrong_signature_of_a_known_key_refuses_the_note(signer, other):
    wrong = f"\u2014 {other.name} {to_base64(other.verifier.key_id + bytes(64))}\n"
    with pytest.raises(ProofInvalid, match="does not belong to this text"):
        open_note(sign_note(TEXT, [signer]) + wrong, [signer.verifier, other.verifier])


def test_a_signature_of_another_text_is_refused(signer):
    tail = sign_note(TEXT, [signer]).rpartition("\n\n")[2]
    with pytest.raises(ProofInvalid, match="does not belong to this text"):
        open_note(f"one\n\n2\n\n{tail}", [signer.verifier])


def test_sixteen_signatures_and_long_ones_are_read(signer):
    strange = "".join(f"\u2014 example.net/{number} {to_base64(bytes(2500))}\n" for number in range(16))
    assert open_note(sign_note(TEXT, [signer]) + strange, [signer.verifier])[0] == TEXT


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        TEXT,
        "text\n\n",
        "text\n\n\n",
        "text\n\u2014 name AAAAAAA=\n",
        "text\n\n\u2014 name AAAAAAA=",
        "text\n\n\u2014 name AAAAAAA=\nmore\n",
        "text\n\n- name AAAAAAA=\n",
        "text\n\nname AAAAAAA=\n",
        "text\n\n\u2014 AAAAAAA=\n",
        "text\n\n\u2014  AAAAAAA=\n",
        "text\n\n\u2014 na+me AAAAAAA=\n",
        "text\n\n\u2014 na\u00a0me AAAAAAA=\n",
        "text\n\n\u2014 name AAAA\n",
        "text\n\n\u2014 name AAAAAAB=\n",
        "text\n\n\u2014 name AAAAAAA= \n",
        "te\txt\n\n\u2014 name AAAAAAA=\n",
        "text\r\n\r\n\u2014 name AAAAAAA=\r\n",
        "te\ud800xt\n\n\u2014 name AAAAAAA=\n",
        "x" * MAX_NOTE_SIZE + "\n\n\u2014 name AAAAAAA=\n",
    ],
)
def test_what_is_not_a_note_is_refused(note):
    with pytest.raises(ProofInvalid, match="note:"):
        split_note(note)


@pytest.mark.parametrize("text", ["", "no newline", "\nfirst line empty\n", "tab\t\n", "half\ud800\n"])
def test_what_cannot_be_a_note_is_not_signed(signer, text):
    with pytest.raises(InvalidInput, match="text of a note"):
        sign_note(text, [signer])


def test_a_note_is_signed_by_somebody_and_opened_with_something(signer):
    with pytest.raises(InvalidInput, match="at least one signature"):
        sign_note(TEXT, [])
    with pytest.raises(CannotCheck, match="no verifier key"):
        open_note(sign_note(TEXT, [signer]), [])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\ud800"])
def test_a_name_that_cannot_stand_in_a_note_is_refused(name, private):
    with pytest.raises(InvalidInput, match="key name"):
        VerifierKey(name, private.public_key())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PUBLISHED_KEY.replace("Peter", "Pater"),
        PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"),
        PUBLISHED_KEY.replace("c74f20a3", "C74F20A3"),
        PUBLISHED_KEY.replace("+AR", "+BR"),
        PUBLISHED_KEY[:-4],
        PUBLISHED_KEY + "\n",
    ],
)
def test_a_verifier_key_that_does_not_fit_is_refused(text):
    with pytest.raises(InvalidInput):
        VerifierKey.parse(text)
