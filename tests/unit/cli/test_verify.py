"""``consentry verify``: what is asked of a file that cannot be asked of it is refused, and never passed over."""

import json

import pytest

from ledger.provenance import participation
from ledger.transparency import cose
from ledger.transparency.tlog_proof import HEADER
from tests.support.command import run

FILES = {
    "a bundle": b"PK\x05\x06" + bytes(18),
    "a .tlog-proof": HEADER.encode() + b"\nindex 0\n",
    "a COSE receipt": cose.FIRST_BYTE + b"\x84",
    "a patient's proof": json.dumps({"format": participation.FORMAT}).encode(),
    "a consent receipt": b"{}",
}
TAKES = {
    "a bundle": {"--block", "--contract", "--witness", "--quorum", "--rpc"},
    "a .tlog-proof": {"--entry", "--log-key", "--witness", "--quorum"},
    "a COSE receipt": {"--entry", "--log-key"},
    "a patient's proof": {"--log-key", "--jwks"},
    "a consent receipt": {"--block", "--contract", "--jwks", "--bundle", "--text"},
}
VALUES = {
    "--block": "0x" + "11" * 32,
    "--contract": "ConsentRegistry=0x" + "11" * 20,
    "--jwks": None,
    "--bundle": None,
    "--text": None,
    "--entry": None,
    "--log-key": "log.example+00000000+AA==",
    "--witness": "witness.example+00000000+AA==",
    "--quorum": "1",
    "--rpc": "http://node.example",
}


@pytest.mark.parametrize(
    ("kind", "option"), [(kind, option) for kind in FILES for option in VALUES if option not in TAKES[kind]]
)
def test_what_cannot_be_checked_of_a_file_is_refused(monkeypatch, capsys, tmp_path, kind, option):
    file = tmp_path / "file"
    file.write_bytes(FILES[kind])
    code, out, err = run(monkeypatch, capsys, "verify", file, option, VALUES[option] or file)
    assert code == 2, out
    assert f"the file is {kind}, of which {option} cannot be checked" in " ".join(err.split())
    assert all(other in err for other in TAKES[kind])


def test_a_file_of_another_kind_is_said_to_be_none_of_ours(monkeypatch, capsys, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"index,leaf\n")
    code, out, err = run(monkeypatch, capsys, "verify", file)
    assert (code, "does NOT hold" in out) == (1, True)
    assert "a bundle, a .tlog-proof, a COSE receipt, a patient's proof, a consent receipt" in err
