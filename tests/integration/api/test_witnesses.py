"""A log with two witnesses that run as servers: what readers are shown, and what nobody can be shown."""

import json
import sys
import threading
from base64 import b64decode

import httpx
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.witness import create_app
from ledger.cli.main import main
from ledger.errors import ConfigurationError, NotReady, ProofInvalid
from ledger.transparency import canonical
from ledger.transparency.checkpoint import Checkpoint, origin_of, verify_checkpoint, write_checkpoint
from ledger.transparency.cosignature import Quorum, WitnessKey, cosigned
from ledger.transparency.hashing import leaf_hash
from ledger.transparency.note import VerifierKey
from ledger.transparency.tree import Tree, root_of
from ledger.witness.answer import Witness
from ledger.witness.asking import WitnessClient, read_witnesses
from ledger.witness.memory import WitnessMemory
from tests.support.service import Service, build_world


class Served:
    """A witness as a server of its own."""

    def __init__(self, folder, number, clock):
        private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.logs = {}
        self.witness = Witness(f"w{number}.example", private, self.logs, WitnessMemory(folder / f"{number}.db"), clock)
        config = uvicorn.Config(create_app(self.witness), host="127.0.0.1", port=0, log_config=None)
        self.socket = config.bind_socket()
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.should_exit = True
        self.thread.join()
        self.socket.close()


class Noon:
    def now(self):
        return 1_790_000_000


@pytest.fixture(scope="module")
def witnesses(tmp_path_factory):
    served = [Served(tmp_path_factory.mktemp("witness"), number, Noon()) for number in (1, 2)]
    yield served
    for one in served:
        one.close()


@pytest.fixture(scope="module")
def witnessed(tmp_path_factory, witnesses):
    """A world whose log has entries, seen by no witness yet."""
    setting = ",".join(f"{one.witness.key} {one.url}" for one in witnesses)
    service = Service(tmp_path_factory.mktemp("home"), witnesses=setting)
    world = build_world(service)
    ((ann, _),) = world.enrol(1)
    for _ in range(3):
        service.post("/v1/cohorts", world.question(subjects=[ann]), "engine", world.engine, 200)
    yield world
    service.close()


@pytest.fixture(scope="module")
def client():
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def key(witnessed):
    text = witnessed.service.get(f"/v1/logs/{witnessed.institution}", "auditor", witnessed.auditor)["key"]
    return VerifierKey.parse(text)


def read(world, path, status=200):
    service = world.service
    answer = service.http.get(f"/v1/logs/{world.institution}/{path}", headers=service.as_("auditor", world.auditor))
    assert answer.status_code == status, answer.text
    return answer


def log_of(world):
    return bytes.fromhex(world.institution[2:])


def have_signed(world, witnesses, key):
    for one in witnesses:
        one.logs[key.name] = [key]
    assert world.service.ledger.context.witnesses.ask(log_of(world)) == {}


def test_no_head_is_shown_before_enough_witnesses_signed_it(witnessed, witnesses, key):
    ask = witnessed.service.ledger.context.witnesses.ask
    witnesses[0].logs[key.name] = [key]
    problems = ask(log_of(witnessed))
    assert list(problems) == ["w2.example"]
    assert isinstance(problems["w2.example"], NotReady)
    assert "does not watch" in str(problems["w2.example"])
    read(witnessed, "checkpoint", 503)
    have_signed(witnessed, witnesses, key)
    note = read(witnessed, "checkpoint").text
    keys = [one.witness.key for one in witnesses]
    assert set(cosigned(note, keys)) == {"w1.example", "w2.example"}
    assert verify_checkpoint(note, [key], log_of(witnessed)).size == 3


def test_the_log_can_be_read_from_its_tiles_alone(witnessed, witnesses, key):
    have_signed(witnessed, witnesses, key)
    head = verify_checkpoint(read(witnessed, "checkpoint").text, [key], log_of(witnessed))
    packed = read(witnessed, f"tile/entries/000.p/{head.size}").content
    entries = []
    while packed:
        size = int.from_bytes(packed[:2])
        entries.append(packed[2 : 2 + size])
        packed = packed[2 + size :]
    tile = read(witnessed, f"tile/0/000.p/{head.size}").content
    leaves = [leaf_hash(entry) for entry in entries]
    assert tile == b"".join(leaves)
    assert root_of(leaves) == head.root
    assert [canonical.decode_object(entry)["index"] for entry in entries] == list(range(head.size))
    read(witnessed, "tile/0/000", 404)
    read(witnessed, "tile/entries/000.p/99", 404)
    read(witnessed, "tile/0/0", 400)
    read(witnessed, "tile/9/000.p/1", 400)


def test_a_stranger_reads_no_tile(witnessed):
    service = witnessed.service
    path = f"/v1/logs/{witnessed.institution}/tile/0/000.p/1"
    assert service.http.get(path).status_code == 401
    other = service.as_("institution", "0x" + "17" * 32)
    assert service.http.get(path, headers=other).status_code == 404


def verify(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["consentry", "verify", *map(str, arguments), "--json"])
    monkeypatch.setenv("COLUMNS", "200")
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    return code, json.loads(capsys.readouterr().out)


def test_a_proof_file_is_checked_offline_with_its_witnesses(witnessed, witnesses, key, tmp_path, monkeypatch, capsys):
    have_signed(witnessed, witnesses, key)
    proof, entry, other = tmp_path / "e.tlog-proof", tmp_path / "entry.json", tmp_path / "other.json"
    proof.write_text(read(witnessed, "entries/1/tlog-proof").text)
    entry.write_text(read(witnessed, "entries/1").text)
    other.write_text(read(witnessed, "entries/2").text)
    trust = ["--log-key", key, *(word for one in witnesses for word in ("--witness", one.witness.key))]
    code, report = verify(monkeypatch, capsys, proof, "--entry", entry, *trust)
    assert (code, report["verdict"]) == (0, "pass"), report
    code, report = verify(monkeypatch, capsys, proof, "--entry", other, *trust)
    assert (code, report["verdict"]) == (1, "fail")
    stranger = WitnessKey("w3.example", Ed25519PrivateKey.from_private_bytes(b"\x03" * 32).public_key())
    code, report = verify(monkeypatch, capsys, proof, "--entry", entry, *trust, "--witness", stranger)
    assert (code, report["verdict"]) == (3, "could not check")
    code, report = verify(monkeypatch, capsys, proof, "--entry", entry, *trust, "--witness", stranger, "--quorum", 2)
    assert code == 0, report


def test_a_cose_receipt_is_checked_offline(witnessed, witnesses, key, tmp_path, monkeypatch, capsys):
    have_signed(witnessed, witnesses, key)
    receipt, entry, other = tmp_path / "e.cose", tmp_path / "entry.json", tmp_path / "other.json"
    answer = read(witnessed, "entries/1/cose-receipt")
    assert answer.headers["Content-Type"] == 'application/cose; cose-type="cose-sign1"'
    receipt.write_bytes(answer.content)
    entry.write_text(read(witnessed, "entries/1").text)
    other.write_text(read(witnessed, "entries/2").text)
    assert verify(monkeypatch, capsys, receipt, "--entry", entry, "--log-key", key)[0] == 0
    assert verify(monkeypatch, capsys, receipt, "--entry", other, "--log-key", key)[0] == 1
    assert verify(monkeypatch, capsys, receipt, "--entry", entry)[0] == 3


def test_a_bundle_carries_the_witnesses_lines(witnessed, witnesses, key, tmp_path, monkeypatch, capsys):
    have_signed(witnessed, witnesses, key)
    service = witnessed.service
    body = {"log": witnessed.institution, "format": "bundle"}
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(service.post("/v1/exports", body, "auditor", witnessed.auditor, 200).content)
    words = [word for one in witnesses for word in ("--witness", one.witness.key)]
    _, report = verify(monkeypatch, capsys, bundle, *words)
    found = {check["name"]: check for check in report["checks"]}
    assert found["witnesses"]["status"] == "pass", found["witnesses"]
    assert found["checkpoints"]["status"] == "pass", found["checkpoints"]
    stranger = WitnessKey("w3.example", Ed25519PrivateKey.from_private_bytes(b"\x03" * 32).public_key())
    _, report = verify(monkeypatch, capsys, bundle, *words, "--witness", stranger)
    assert {check["name"]: check["status"] for check in report["checks"]}["witnesses"] == "could not check"


def test_a_witness_signs_no_second_log_of_the_same_name(witnessed, witnesses, key, client):
    """The operator holds the log's key and makes another history of it."""
    have_signed(witnessed, witnesses, key)
    log = log_of(witnessed)
    signer = witnessed.service.ledger.context.log_keys.note_signer(log)
    fork = Tree()
    fork.extend([leaf_hash(b"%d" % number) for number in range(9)])
    note = write_checkpoint(Checkpoint(log, 9, fork.root()), [signer])
    one = witnesses[0]
    asker = WitnessClient(one.witness.key, one.url, client)
    with pytest.raises(ProofInvalid, match="422"):
        asker.cosign(origin_of(log), 9, note, lambda old: tuple(fork.consistency_proof(old)))
    short = write_checkpoint(Checkpoint(log, 3, fork.root(3)), [signer])
    with pytest.raises(ProofInvalid, match="another head"):
        asker.cosign(origin_of(log), 3, short, lambda old: tuple(fork.consistency_proof(old, 3)))
    with pytest.raises(ProofInvalid, match="only 1"):
        asker.cosign(origin_of(log), 1, write_checkpoint(Checkpoint(log, 1, fork.root(1)), [signer]), lambda _: ())


def test_a_witness_that_lies_or_is_away_is_not_counted(witnessed, witnesses, key, client):
    have_signed(witnessed, witnesses, key)
    log = log_of(witnessed)
    audit = witnessed.service.ledger.context.audit
    newest = audit.checkpoint(log)
    mistaken = WitnessKey("w1.example", Ed25519PrivateKey.from_private_bytes(b"\x05" * 32).public_key())
    with pytest.raises(ProofInvalid, match="without its signature"):
        WitnessClient(mistaken, witnesses[0].url, client).cosign(origin_of(log), newest.size, newest.note, lambda _: ())
    nowhere = WitnessClient(witnesses[0].witness.key, "http://127.0.0.1:9", client)
    with pytest.raises(NotReady, match="cannot be reached"):
        nowhere.cosign(origin_of(log), newest.size, newest.note, lambda _: ())


def test_a_setting_that_makes_no_sense_is_refused(witnesses, client):
    good = str(witnesses[0].witness.key)
    assert read_witnesses("", client) == ()
    for text in (good, f"{good} ftp://x", "w+0+AAAA http://x", f"{good} http://a, {good} http://b"):
        with pytest.raises(ConfigurationError):
            read_witnesses(text, client)
    assert b64decode(good.rpartition("+")[2])[0] == 4
    assert Quorum(tuple(one.key for one in read_witnesses(f"{good} http://a", client)), 1).needed == 1
