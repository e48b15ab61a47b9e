"""The bundle, end to end on the embedded chain: what it shows, and every way to bend it."""

import io
import random
from dataclasses import replace

import pytest

from ledger.domain.identifiers import to_hex
from ledger.errors import NotFound, ProofInvalid
from ledger.provenance import bundle as form
from ledger.services.submit import submit
from ledger.transparency import canonical
from ledger.verify import decisions
from ledger.verify.archive import Archive
from ledger.verify.bundle import Bundle
from ledger.verify.chain import link
from ledger.verify.checks import verify_bundle
from ledger.verify.log import recompute
from ledger.verify.report import Status
from tests.support.exhibit import exhibit
from tests.support.forging import FORGERIES, forge, over_register, pack, unpack


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    with exhibit(tmp_path_factory.mktemp("exhibit") / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def exported(shown):
    data, manifest = shown.export()
    return data, bytes.fromhex(manifest.trusted.hash[2:])


def check(data, block):
    return verify_bundle(io.BytesIO(data), block)


def statuses(report, *wanted):
    return {item.name for item in report.checks if item.status in wanted}


# --- what holds -------------------------------------------------------------------------------------------------------


def test_everything_holds_against_the_trusted_block(exported):
    report = check(*exported)
    assert {item.name: (item.status, item.detail) for item in report.checks if item.status is not Status.PASS} == {}
    assert report.exit_code == 0
    assert len(report.checks) == 16


def test_each_claim_says_what_it_does_not_prove(exported):
    assert all(item.proves and item.does_not_prove and item.detail for item in check(*exported).checks)


def test_a_forged_signature_alone_changes_nothing_that_the_chain_holds(exported):
    """Who signs does not matter: the bundle's own keys prove nothing, and nothing rests on them."""
    data, block = exported
    assert check(forge(data), block).exit_code == 0


def test_the_bundle_can_be_read_from_a_path(exported, tmp_path):
    path = tmp_path / "bundle.zip"
    path.write_bytes(exported[0])
    assert verify_bundle(path, exported[1]).exit_code == 0
    with pytest.raises(NotFound):
        verify_bundle(tmp_path / "other.zip", exported[1])


def test_the_same_log_at_the_same_block_and_second_gives_the_same_bytes(shown, exported):
    first, second = unpack(exported[0]), unpack(shown.export()[0])
    assert {name for name in first if first[name] != second[name]} <= {form.MANIFEST, form.SIGNATURE}


def test_pinned_contracts(shown, exported):
    contracts = shown.ledger.context.reader.contracts
    assert verify_bundle(io.BytesIO(exported[0]), exported[1], contracts=contracts).exit_code == 0
    wrong = {**contracts, "AuditAnchor": b"\x01" * 20}
    report = verify_bundle(io.BytesIO(exported[0]), exported[1], contracts=wrong)
    assert report.exit_code == 1
    assert "AuditAnchor" in report.check("receipts").detail


def test_a_decision_receipt_alone(shown, exported):
    answer = shown.answers[0]
    jwks = dict(shown.ledger.context.log_keys.published.jwks)
    assert decisions.verify_receipt(answer.receipt, jwks).decision == answer.id


# --- what cannot be checked -------------------------------------------------------------------------------------------


def test_without_a_block_nothing_that_rests_on_the_chain_passes(exported):
    report = check(exported[0], None)
    assert report.exit_code == 3
    assert statuses(report, Status.PASS) == {"archive", "manifest", "signature", "checkpoints", "cohorts"}
    assert statuses(report, Status.FAIL) == set()


def test_another_block_fails(exported):
    report = check(exported[0], b"\x01" * 32)
    assert report.exit_code == 1
    assert statuses(report, Status.FAIL) == {"headers"}
    assert "0x" + "01" * 32 in report.check("headers").detail


def test_without_members_decisions_cannot_be_replayed_and_no_subject_is_named(shown):
    data, manifest = shown.export(with_members=False)
    report = check(data, bytes.fromhex(manifest.trusted.hash[2:]))
    assert report.exit_code == 3
    assert statuses(report, Status.UNCHECKED) == {"cohorts", "replay"}
    files = unpack(data)
    receipts = files.pop(form.RECEIPTS)
    assert receipts
    for patient in shown.patients:
        assert not any(patient.subject.hex().encode() in content for content in files.values())


# --- every byte -------------------------------------------------------------------------------------------------------


def test_a_changed_byte_in_any_file_is_named(exported):
    data, block = exported
    chance = random.Random(20)
    for name, member in Archive(io.BytesIO(data)).members.items():
        for _ in range(12):
            bad = bytearray(data)
            bad[member.offset + chance.randrange(member.size)] ^= 1 << chance.randrange(8)
            report = check(bytes(bad), block)
            assert report.exit_code == 1, name
            assert name in report.check("archive").detail


def test_a_changed_byte_in_any_file_is_named_even_where_the_zip_was_made_to_fit(exported):
    data, block = exported
    chance = random.Random(21)
    files = unpack(data)
    for name, content in files.items():
        for _ in range(6):
            bad = bytearray(content)
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
            report = check(pack({**files, name: bytes(bad)}), block)
            assert report.exit_code == 1, name
            failed = [item.detail for item in report.checks if item.status is Status.FAIL]
            assert any(name in detail for detail in failed), failed


def test_a_changed_byte_anywhere_in_the_zip_is_seen(exported):
    data, block = exported
    chance = random.Random(22)
    for _ in range(300):
        bad = bytearray(data)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        assert check(bytes(bad), block).exit_code == 1


def test_a_cut_bundle_is_seen(exported):
    data, block = exported
    chance = random.Random(23)
    for length in [0, 1, len(data) - 1, *(chance.randrange(len(data)) for _ in range(60))]:
        assert check(data[:length], block).exit_code == 1


def test_bytes_behind_the_bundle_are_seen(exported):
    assert check(exported[0] + b"\0", exported[1]).exit_code == 1


def test_a_manifest_that_was_not_signed_is_seen(exported):
    data, block = exported
    files = unpack(data)
    stated = canonical.decode_object(files[form.MANIFEST][:-1])
    stated["created"] += 1
    files[form.MANIFEST] = canonical.encode(stated) + b"\n"
    report = check(pack(files), block)
    assert statuses(report, Status.FAIL) == {"signature"}
    assert form.MANIFEST in report.check("signature").detail


def test_an_unlisted_or_missing_file_is_seen(exported):
    data, block = exported
    files = unpack(data)
    report = check(pack({**files, "more.txt": b"x\n"}), block)
    assert report.exit_code == 1
    assert "more.txt" in report.check("manifest").detail
    for name in files:
        fewer = {key: content for key, content in files.items() if key != name}
        assert check(pack(fewer), block).exit_code == 1, name


# --- the forger with a key of its own ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_fails_and_is_named(exported, name):
    data, block = exported
    changes, claim, words = FORGERIES[name]
    report = check(forge(data, **changes), block)
    assert report.exit_code == 1
    found = report.check(claim)
    assert (found.status, words in found.detail) == (Status.FAIL, True), found


def test_a_commitment_over_a_register_that_fits_rows_and_chain_is_no_fault(exported):
    """That the forgeries above fail for what they change in it."""
    data, block = exported
    assert check(forge(data, **over_register()), block).check("cohorts").status is Status.PASS


def test_a_decision_at_a_block_that_is_not_on_the_chain_fails(exported):
    bundle = Bundle(io.BytesIO(exported[0]))
    cases, log, linked = decisions.read_cases(bundle), recompute(bundle), link(bundle)
    number = cases[0].receipt.block_number
    assert decisions.check_receipts(cases, log, linked)
    orphaned = replace(linked.wanted[number], hash=b"\x01" * 32)
    for wanted in ({**linked.wanted, number: orphaned}, {}):
        with pytest.raises(ProofInvalid, match=f"block {number} is not the one on the chain"):
            decisions.check_receipts(cases, log, replace(linked, wanted=wanted))


def block_of(shown, event):
    lines = unpack(shown.export()[0])[form.CONSENTS].split(b"\n")[:-1]
    return next(line["block"] for line in map(canonical.decode_object, lines) if line["event"] == event)


def test_a_withdrawal_hidden_with_its_receipts_is_never_a_pass(shown, exported):
    """The block's bloom filter says that something about the subject is in it."""
    data, block = exported
    hidden = block_of(shown, "ConsentWithdrawn")

    def elsewhere(lines):
        return [line for line in lines if canonical.decode_object(line)["block"] != hidden]

    report = check(forge(data, consents=elsewhere, receipts=elsewhere), block)
    assert report.check("completeness").status is Status.UNCHECKED
    assert str(hidden) in report.check("completeness").detail
    assert report.check("history").status is Status.PASS
    assert report.exit_code == 1
    assert report.check("replay").status is Status.FAIL


def test_a_tail_hidden_with_its_anchor_is_never_a_pass(shown, exported):
    """The newest anchor, the entries under it and all that names them are cut off together."""
    data, block = exported
    anchors = [canonical.decode_object(line) for line in unpack(data)[form.ANCHORS].split(b"\n")[:-1]]
    last = anchors[-1]["block"]

    def first(count):
        return lambda lines: lines[:count]

    def before(lines):
        return [line for line in lines if canonical.decode_object(line)["block"] != last]

    newcomer = to_hex(shown.patients[4].subject).encode()
    cut = forge(
        data,
        consents=lambda lines: [line for line in lines if newcomer not in line],
        entries=first(3),
        anchors=first(1),
        consistency=first(0),
        checkpoints=first(1),
        decisions=first(1),
        members=first(4),
        receipts=before,
        manifest={"entries": 3, "decisions": 1},
    )
    report = check(cut, block)
    assert report.check("completeness").status is Status.UNCHECKED
    assert report.exit_code == 3


def test_a_contract_elsewhere_shows_nothing(exported):
    data, block = exported
    chain = canonical.decode_object(unpack(data)[form.MANIFEST][:-1])["chain"]
    chain["contracts"]["AuditAnchor"] = "0x" + "01" * 20
    assert check(forge(data, manifest={"chain": chain}), block).exit_code == 1


def test_contracts_of_other_names_show_nothing(exported):
    data, block = exported
    chain = canonical.decode_object(unpack(data)[form.MANIFEST][:-1])["chain"]
    chain["contracts"]["Registry"] = chain["contracts"].pop("ConsentRegistry")
    report = check(forge(data, manifest={"chain": chain}), block)
    assert report.check("receipts").status is Status.FAIL
    assert "three contracts" in report.check("receipts").detail


# --- what happens while the log lives ---------------------------------------------------------------------------------


def test_a_tail_that_is_not_anchored_is_said_to_be_unchecked_then_anchored(tmp_path):
    with exhibit(tmp_path / "home") as shown:
        shown.decide(shown.patients[:2])
        data, manifest = shown.export()
        report = check(data, bytes.fromhex(manifest.trusted.hash[2:]))
        assert report.exit_code == 3
        assert statuses(report, Status.UNCHECKED) == {"tail"}
        assert "entries 7 to 7" in report.check("tail").detail

        waiting = shown.scene.withdrawal(shown.patients[1], shown.consents[1])
        submit(shown.ledger.context, [waiting])
        answer = shown.decide([shown.patients[1]])
        assert [decision.reason.code for decision in answer.answer.decisions] == ["pending_withdrawal"]
        shown.anchor()
        data, manifest = shown.export()
        report = check(data, bytes.fromhex(manifest.trusted.hash[2:]))
        assert report.exit_code == 0, report
        assert "1 of them were denied for an act on its way" in report.check("replay").detail


def test_a_log_without_entries_can_be_exported(shown):
    from ledger.services.directory import admit_institution

    _, identity, _ = admit_institution(shown.ledger.context, "An empty hospital")
    shown.ledger.relayer.run_once()
    shown.ledger.catch_up()
    empty = replace(shown, scene=type("Elsewhere", (), {"institution": identity})())
    data, manifest = empty.export()
    report = check(data, bytes.fromhex(manifest.trusted.hash[2:]))
    assert report.exit_code == 3
    assert statuses(report, Status.FAIL) == set()
    assert Bundle(io.BytesIO(data)).manifest.institution == "An empty hospital"


def test_a_log_of_nobody_is_not_found(shown):
    elsewhere = replace(shown, scene=type("Elsewhere", (), {"institution": b"\x05" * 32})())
    with pytest.raises(NotFound):
        elsewhere.export()
