"""The bundle on a chain that is not ours alone: blocks of several transactions, foreign ones among them."""

import io

import pytest

from ledger.bootstrap import SystemClock
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from ledger.cli.nodes import HttpNode
from ledger.provenance import bundle as form
from ledger.provenance.consent_receipt import to_json
from ledger.services.consent_receipts import receipt_of
from ledger.transparency import canonical
from ledger.verify.archive import Archive
from ledger.verify.checks import verify_bundle
from ledger.verify.consent_receipt import verify_consent_receipt
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.exhibit import exhibit

pytestmark = [
    pytest.mark.skipif(find_anvil() is None, reason=MISSING),
    pytest.mark.enable_socket,
]


@pytest.fixture
def anvil(tmp_path):
    running = Anvil(tmp_path / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(tmp_path / "home" / "keys")
    for role in (RELAYER, CONSORTIUM):
        running.fund(address_of(ring.named(role)))
    deploy_rpc(running.url, tmp_path / "home", SystemClock()).close()
    yield running
    running.stop()


def foreign(anvil, account, nonce):
    return anvil.ask(
        "eth_sendTransaction", {"from": account, "to": account, "value": "0x1", "gas": "0x5208", "nonce": hex(nonce)}
    )


def test_it_holds_with_foreign_transactions_in_the_same_blocks(anvil, tmp_path):
    account = anvil.ask("eth_accounts")[0]
    with exhibit(tmp_path / "home", anvil.url) as shown:
        scene, writer = shown.scene, shown.ledger.chain.writer
        foreign(anvil, account, 0)
        anvil.ask("evm_setAutomine", False)
        acts = [scene.consent(patient) for patient in shown.patients]
        nonce = writer.next_nonce(writer.sender_of(acts[0]))
        for place, act in enumerate(acts):
            foreign(anvil, account, 1 + place)
            writer.send(writer.prepare(scene.items(act), nonce + place))
        anvil.ask("anvil_mine", "0x1")
        anvil.ask("evm_setAutomine", True)
        for place in range(30):
            foreign(anvil, account, 1 + len(acts) + place)
        shown.ledger.catch_up()
        shown.compute(shown.decide(shown.patients))
        shown.anchor()
        data, manifest = shown.export()
    block = bytes.fromhex(manifest.trusted.hash[2:])
    assert anvil.ask("eth_getBlockByNumber", hex(manifest.trusted.number), False)["hash"] == manifest.trusted.hash
    report = verify_bundle(io.BytesIO(data), block)
    assert report.exit_code == 0, report
    sizes = [len(canonical.decode_object(line)["nodes"]) for _, line in Archive(io.BytesIO(data)).lines(form.RECEIPTS)]
    assert max(sizes) > len(acts)


def test_receipts_of_a_block_in_part_prove_what_they_show_but_not_that_there_is_no_more(anvil, tmp_path, monkeypatch):
    """A bundle by an exporter that leaves receipts of its blocks out: each claim still says exactly what holds."""
    account = anvil.ask("eth_accounts")[0]
    with exhibit(tmp_path / "home", anvil.url) as shown:
        reader, scene = shown.ledger.context.reader, shown.scene
        anvil.ask("evm_setAutomine", False)
        for place in range(20):
            foreign(anvil, account, place)
        act = scene.consent(shown.patients[5])
        transmission = scene.chain.writer.prepare(
            scene.items(act), scene.chain.writer.next_nonce(scene.chain.writer.sender_of(act))
        )
        scene.chain.writer.send(transmission)
        anvil.ask("anvil_mine", "0x1")
        shown.ledger.catch_up()
        whole, proof = reader.receipt_nodes(reader.head().number), reader.receipt_proof(transmission.hash)
        assert len(proof.nodes) < len(whole)
        all_of = type(reader).receipt_nodes
        monkeypatch.setattr(
            type(reader),
            "receipt_nodes",
            lambda self, number: proof.nodes if number == proof.block_number else all_of(self, number),
        )
        anvil.ask("evm_setAutomine", True)
        shown.compute(shown.decide(shown.patients))
        shown.anchor()
        data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert report.exit_code == 3, report
    assert {check.name for check in report.checks if check.status == "could not check"} == {"completeness"}
    assert str(proof.block_number) in report.check("completeness").detail


def test_a_consent_receipt_holds_there_too(anvil, tmp_path):
    with exhibit(tmp_path / "home", anvil.url) as shown:
        context, patient = shown.ledger.context, shown.patients[1]
        issued = receipt_of(context, patient.subject, shown.log, shown.consents[1])
        keys = context.log_keys.published.jwks
    block = issued.receipt.chain.block
    hash_ = anvil.ask("eth_getBlockByNumber", hex(block.number), False)["hash"]
    report = verify_consent_receipt(to_json(issued), jwks=keys, block_hash=bytes.fromhex(hash_[2:]))
    assert report.exit_code == 0, report


def test_the_block_of_a_bundle_is_looked_up_at_nodes(anvil, tmp_path):
    with exhibit(tmp_path / "home", anvil.url) as shown:
        data, manifest = shown.export()
    block = bytes.fromhex(manifest.trusted.hash[2:])
    other = anvil.url.replace("127.0.0.1", "localhost")  # another way to the same node
    nodes = [HttpNode(anvil.url), HttpNode(other)]
    assert verify_bundle(io.BytesIO(data), block, nodes=nodes).check("canonical").status == "pass"
    alone = verify_bundle(io.BytesIO(data), block, nodes=nodes[:1])
    assert alone.check("canonical").status == "could not check"
    anvil.ask("anvil_reorg", 3, [])
    report = verify_bundle(io.BytesIO(data), block, nodes=nodes)
    assert report.check("canonical").status == "fail"
    away = [*nodes, HttpNode("http://127.0.0.1:9")]
    assert verify_bundle(io.BytesIO(data), block, nodes=away).exit_code == 1
    assert verify_bundle(io.BytesIO(data), block, nodes=away[2:]).check("canonical").status == "could not check"
