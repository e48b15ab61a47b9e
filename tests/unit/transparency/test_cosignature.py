"""Cosignatures: a type of their own, a time, and a quorum in which each voice counts once."""

from base64 import b64decode
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.errors import CannotCheck, InvalidInput, ProofInvalid
from ledger.transparency.checkpoint import Checkpoint, verify_checkpoint, write_checkpoint
from ledger.transparency.cosignature import Quorum, WitnessKey, cosign, cosigned
from ledger.transparency.note import NoteSigner, VerifierKey, signature_line

AT = 1_790_000_000


@pytest.fixture
def checkpoint(log):
    return Checkpoint(log, 7, bytes(32))


@pytest.fixture
def note(checkpoint, note_signer):
    return write_checkpoint(checkpoint, [note_signer])


def witness(number):
    private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    return f"w{number}.example", private, WitnessKey(f"w{number}.example", private.public_key())


def test_the_line_is_of_the_form_of_the_standard(checkpoint):
    name, private, key = witness(1)
    line = cosign(name, private, checkpoint.text, AT)
    dash, named, data = line.rstrip("\n").split(" ")
    signature = b64decode(data)
    public = private.public_key().public_bytes_raw()
    assert (dash, named) == ("\u2014", name)
    assert signature[:4] == sha256(name.encode() + b"\n\x04" + public).digest()[:4]
    assert int.from_bytes(signature[4:12]) == AT
    private.public_key().verify(signature[12:], f"cosignature/v1\ntime {AT}\n{checkpoint.text}".encode())
    assert WitnessKey.parse(str(key)) == key


def test_a_witnessed_head_still_is_the_logs(note, checkpoint, note_signer, log):
    name, private, key = witness(1)
    both = note + cosign(name, private, checkpoint.text, AT)
    assert verify_checkpoint(both, [note_signer.verifier], log) == checkpoint
    assert cosigned(both, [key]) == {name: AT}
    assert cosigned(note, [key]) == {}


def test_a_line_for_another_head_or_time_does_not_count(note, checkpoint, log):
    name, private, key = witness(1)
    with pytest.raises(ProofInvalid):
        cosigned(note + cosign(name, private, Checkpoint(log, 8, bytes(32)).text, AT), [key])
    line = cosign(name, private, checkpoint.text, AT)
    data = bytearray(b64decode(line.split(" ")[2]))
    data[11] ^= 1
    with pytest.raises(ProofInvalid):
        cosigned(note + signature_line(name, bytes(data)), [key])
    with pytest.raises(ProofInvalid):
        cosigned(note + signature_line(name, bytes(data[:-1])), [key])


def test_keys_of_logs_and_of_witnesses_are_not_mistaken(log, private, checkpoint):
    name = "someone"
    log_key, witness_key = VerifierKey(name, private.public_key()), WitnessKey(name, private.public_key())
    with pytest.raises(InvalidInput):
        WitnessKey.parse(str(log_key))
    with pytest.raises(InvalidInput):
        VerifierKey.parse(str(witness_key))
    plain = checkpoint.text + "\n" + NoteSigner(name, private).line(checkpoint.text)
    assert cosigned(plain, [witness_key]) == {}


def test_a_quorum_counts_each_witness_once(note, checkpoint):
    three = [witness(number) for number in (1, 2, 3)]
    quorum = Quorum(tuple(key for _, _, key in three), 2)
    lines = [cosign(name, private, checkpoint.text, AT) for name, private, _ in three]
    assert set(quorum.check(note + lines[0] + lines[2])) == {"w1.example", "w3.example"}
    with pytest.raises(CannotCheck, match="1 of 3"):
        quorum.check(note + lines[0] + lines[0])
    stranger = witness(9)
    with pytest.raises(CannotCheck):
        quorum.check(note + lines[0] + cosign(stranger[0], stranger[1], checkpoint.text, AT))


def test_a_quorum_that_makes_no_sense_is_refused():
    _, private, key = witness(1)
    renamed = WitnessKey("other.example", private.public_key())
    for keys, needed in [((key,), 0), ((key,), 2), ((key, key), 1), ((key, renamed), 2), ((), 0)]:
        with pytest.raises(InvalidInput):
            Quorum(keys, needed)
    with pytest.raises(InvalidInput):
        WitnessKey.parse(str(key).replace(key.key_id.hex(), "00000000"))
