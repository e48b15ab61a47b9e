"""Consent receipts: one for every act from its acceptance on, and no field of one can be changed unseen.

``forge`` is the strongest attacker: the holder of the service's key, who signs whatever he likes. What the chain
recorded is out of his reach.
"""

import copy
import io
from hashlib import sha256

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.acts import TermsPublication
from ledger.domain.consent import pack_diseases
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import Outcome
from ledger.domain.vocabulary import Category, Operation, Purpose, RecipientKind
from ledger.errors import NotFound
from ledger.export.bundle import export_bundle
from ledger.provenance import consent_receipt as form
from ledger.services.consent_receipts import receipt_of, receipts_of
from ledger.services.decide import record
from ledger.services.erase import erase
from ledger.transparency.keys import KeySet, SigningKey
from ledger.verify.consent_receipt import verify_consent_receipt
from ledger.verify.report import Status
from tests.support.house import NOW, House, build, copied
from tests.support.scene import Patient, any_scope


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "home"
    patients = [Patient() for _ in range(2)]
    return folder, build(folder, patients), patients


@pytest.fixture
def house(template, tmp_path):
    folder, scene, patients = template
    opened = House(copied(folder, tmp_path / "home"), copy.copy(scene), patients)
    yield opened
    opened.close()


@pytest.fixture
def patient(house):
    return house.patients[0]


def scope_of(house):
    return any_scope(
        house.scene.terms,
        recipient_kind=RecipientKind.INSTITUTION,
        recipient=house.scene.institution,
        purposes=int(Purpose.DS),
        diseases=pack_diseases([8903]),
        conditions=0,
        operations=int(Operation.FEDERATED_LEARNING),
        categories=int(Category.GENOMICS | Category.IMAGING),
        valid_until=NOW + 10_000,
        data_from=NOW - 500,
        data_until=NOW + 500,
    )


def issued(house, given, *, subject=None, consent=None, act=None):
    return receipt_of(house.context, subject or given.subject, house.scene.institution, consent or given.id, act)


def check(house, told, **changes):
    data = told if isinstance(told, bytes) else form.to_json(told)
    block = None
    if not isinstance(told, bytes) and told.receipt.chain is not None:
        block = bytes.fromhex(told.receipt.chain.block.hash[2:])
    given = {"jwks": house.context.log_keys.published.jwks, "block_hash": block} | changes
    return verify_consent_receipt(data, **given)


def statuses(report):
    return {one.name: one.status for one in report.checks}


@pytest.fixture
def sealed(house, patient):
    """A sealed grant of a narrow scope, and its receipt."""
    act = house.scene.consent(patient, scope=scope_of(house), form=b"\x0f" * 32)
    house.on_chain(act)
    return act, issued(house, act)


# --- what a receipt says ----------------------------------------------------------------------------------------------


def test_a_grant_has_a_receipt_from_its_acceptance_on(house, patient):
    act = house.scene.consent(patient)
    (item,) = house.submit(act)
    accepted = issued(house, act)
    event = accepted.receipt.event
    assert (event.event_type, event.event_state, event.event_time) == ("grant", "accepted", NOW)
    assert (accepted.receipt.chain, accepted.proof) == (None, None)
    report = check(house, accepted)
    assert statuses(report)["signature"] is Status.PASS
    assert statuses(report)["event"] is Status.UNCHECKED
    assert "being sealed" in report.check("event").detail
    assert report.exit_code == 3

    house.seal()
    told = issued(house, act)
    assert told.receipt.event.event_state == "sealed"
    assert told.receipt.event.digest == to_hex(item.digest)
    assert told.receipt.receipt_id != accepted.receipt.receipt_id
    block = house.context.mirror.block_at(told.receipt.chain.block.number)
    assert told.receipt.chain.block.hash == to_hex(block.hash)
    assert told.receipt.event.event_time == block.timestamp
    assert check(house, told).exit_code == 0


def test_a_receipt_says_everything_that_was_signed(house, patient, sealed):
    act, told = sealed
    assert form.read(msgspec.to_builtins(told.receipt)) == told.receipt
    processing = told.receipt.pii_processing
    assert (told.receipt.record_id, told.receipt.pii_principal_id) == (to_hex(act.id), to_hex(patient.subject))
    assert processing == form.Processing(
        effect="permit",
        lawful_basis="consent",
        privacy_notice=form.Notice(sha256=to_hex(house.scene.terms), version=1, language="en", uri="terms/1"),
        purposes=[form.Purpose(purpose="disease-research", term="DUO:0000007")],
        diseases=["MONDO:0008903"],
        conditions=[],
        pii_types=["imaging", "genomics"],
        processing_methods=["federated-learning"],
        recipients={"institution": to_hex(house.scene.institution)},
        validity=form.Window(start=0, until=NOW + 10_000),
        effective_until=NOW + 10_000,
        data_window=form.Window(start=NOW - 500, until=NOW + 500),
        jurisdiction=None,
        withdrawal_method=form.WITHDRAWAL_METHOD,
        privacy_rights=form.PRIVACY_RIGHTS,
    )
    roles = [(party.party_role, party.party_id, party.party_name) for party in told.receipt.party_identification]
    house_id = to_hex(house.scene.institution)
    assert roles == [("controller", house_id, "Krankenhaus Süd"), ("recipient", house_id, "Krankenhaus Süd")]
    event = told.receipt.event
    assert (event.version, event.capacity, event.form) == (1, "self", "0x" + "0f" * 32)
    assert event.signer == to_hex(patient.signer)


def test_every_act_on_a_consent_has_its_receipt(house, patient):
    first = house.scene.consent(patient)
    second = house.scene.consent(patient, id=first.id, version=2, scope=scope_of(house))
    house.on_chain(first)
    house.on_chain(second)
    house.submit(house.scene.withdrawal(patient, first.id))
    told = receipts_of(house.context, patient.subject, house.scene.institution, first.id)
    events = [one.receipt.event for one in told]
    assert [(event.event_type, event.version, event.event_state) for event in events] == [
        ("grant", 1, "sealed"),
        ("amendment", 2, "sealed"),
        ("withdrawal", 2, "accepted"),
    ]
    assert told[2].receipt.pii_processing == told[1].receipt.pii_processing
    house.seal()
    again = receipts_of(house.context, patient.subject, house.scene.institution, first.id)
    assert [one.receipt.event.event_state for one in again] == ["sealed"] * 3
    for one in again:
        whole = issued(house, first, act=bytes.fromhex(one.receipt.event.digest[2:]))
        assert whole.receipt == one.receipt
        assert check(house, whole).exit_code == 0, check(house, whole)


def test_a_withdrawal_of_everything_gives_a_receipt_for_each_consent(house, patient):
    consents = [house.scene.consent(patient) for _ in range(2)]
    house.on_chain(*consents)
    act = house.scene.withdrawal_of_all(patient)
    house.submit(act)
    for consent in consents:
        event = issued(house, consent).receipt.event
        assert (event.event_type, event.event_state) == ("withdrawal-of-all", "accepted")
    house.seal()
    for consent in consents:
        told = issued(house, consent)
        assert (told.receipt.event.event_type, told.receipt.event.event_state) == ("withdrawal-of-all", "sealed")
        assert told.receipt.event.digest == to_hex(house.context.writer.digest(act))
        assert check(house, told).exit_code == 0


def test_a_refused_act_says_so_and_why(house, patient):
    act = house.scene.consent(patient)
    (item,) = house.submit(act)
    carried = house.context.writer.prepare([item], house.context.writer.next_nonce(house.context.writer.sender_of(act)))
    house.context.outbox.record_transmission(carried, at=NOW)
    house.context.outbox.settle(
        carried, Outcome(house.context.mirror.cursor().block.number, b"\x01" * 32, True, {item.digest: "NotInTime"})
    )
    told = issued(house, act, act=item.digest)
    assert (told.receipt.event.event_state, told.receipt.event.reason) == ("refused", "NotInTime")
    assert "refused" in check(house, told).check("event").detail
    with pytest.raises(NotFound):
        issued(house, act)


def test_the_same_state_gives_the_same_receipt(house, patient, sealed):
    act, told = sealed
    assert issued(house, act) == told
    house.restart()
    assert issued(house, act) == told


def test_there_is_no_receipt_for_what_is_not_there(house, patient, sealed):
    act, _ = sealed
    for changes in ({"consent": b"\x77" * 32}, {"subject": b"\x77" * 32}, {"act": b"\x77" * 32}):
        with pytest.raises(NotFound):
            issued(house, act, **changes)


# --- what is checked, and with what -----------------------------------------------------------------------------------


def test_without_keys_or_block_nothing_is_taken_on_trust(house, sealed):
    _, told = sealed
    report = check(house, told, jwks=None, block_hash=None)
    passed, unchecked = Status.PASS, Status.UNCHECKED
    assert statuses(report) == {"form": passed, "signature": unchecked, "event": passed, "block": unchecked}
    assert report.exit_code == 3
    report = check(house, form.Issued(receipt=told.receipt, jws=told.jws, proof=None))
    assert statuses(report) == {"form": passed, "signature": passed, "event": unchecked, "block": unchecked}


def test_another_key_block_or_contract_fails(house, sealed):
    _, told = sealed
    other = KeySet([stranger().public]).jwks
    assert statuses(check(house, told, jwks=other))["signature"] is Status.FAIL
    assert statuses(check(house, told, block_hash=b"\x01" * 32))["block"] is Status.FAIL
    assert statuses(check(house, told, contract=b"\x01" * 20))["event"] is Status.FAIL
    assert check(house, told, contract=house.context.reader.contracts["ConsentRegistry"]).exit_code == 0


def test_the_text_is_held_against_its_hash(house, patient):
    text = b"I agree that my data may be used for health research."
    terms = TermsPublication(hash=sha256(text).digest(), version=2, language="en", uri="")
    house.on_chain(terms)
    act = house.scene.consent(patient, scope=any_scope(terms.hash))
    house.on_chain(act)
    told = issued(house, act)
    assert statuses(check(house, told, text=text))["text"] is Status.PASS
    assert statuses(check(house, told, text=text + b"\n"))["text"] is Status.FAIL
    assert "text" not in statuses(check(house, told))


def test_a_bundle_proves_a_receipt_too(house, patient, sealed):
    _, told = sealed
    record(house.context, house.ledger.appender, house.scene.request(), [patient.subject])
    out = io.BytesIO()
    manifest = export_bundle(house.context, house.scene.institution, out, with_members=True)
    bare = form.Issued(receipt=told.receipt, jws=told.jws, proof=None)
    block = bytes.fromhex(manifest.trusted.hash[2:])
    assert check(house, bare, bundle=out, block_hash=block).exit_code == 0
    assert statuses(check(house, bare, bundle=out, block_hash=b"\x01" * 32))["block"] is Status.FAIL
    other = house.scene.consent(house.patients[1])
    house.on_chain(other)
    assert statuses(check(house, issued(house, other), bundle=out, block_hash=block))["event"] is Status.UNCHECKED


def test_receipts_hold_after_an_erasure(house, patient, sealed):
    act, told = sealed
    erase(house.context, house.ledger.appender, patient.subject, house.scene.institution, "institution:x")
    assert check(house, told).exit_code == 0
    assert issued(house, act) == told


# --- forging ----------------------------------------------------------------------------------------------------------


def stranger():
    return SigningKey(Ed25519PrivateKey.generate())


def leaves(value, path=()):
    """Every place of a document, with its value."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*path, place))
    else:
        yield path, value


def changed(value):
    match value:
        case str() if value.startswith("0x"):
            return value[:-1] + ("0" if value[-1] != "0" else "1")
        case str():
            return value + "x"
        case int():
            return value + 1
        case None:
            return 1
        case list():
            return ["notes"]


def with_change(document, path, value):
    document = msgspec.json.decode(msgspec.json.encode(document))
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return document


def test_a_change_of_any_field_of_the_file_is_seen(house, sealed):
    _, told = sealed
    document = msgspec.to_builtins(told)
    places = list(leaves(document))
    assert len(places) > 40
    for path, value in places:
        forged = with_change(document, path, changed(value))
        assert check(house, msgspec.json.encode(forged), block_hash=hash_of(told)).exit_code == 1, path


def hash_of(told):
    return bytes.fromhex(told.receipt.chain.block.hash[2:])


# What the event does not tell: names, text and place of the notice, where to find it, and our own standing words.
SIGNED_ALONE = {
    ("pii_processing", "privacy_notice", "version"),
    ("pii_processing", "privacy_notice", "language"),
    ("pii_processing", "privacy_notice", "uri"),
    ("chain", "chain_id"),
    ("chain", "transaction"),
    ("chain", "log_index"),
    ("event", "reason"),
}


def test_whoever_holds_the_services_key_cannot_change_what_the_chain_recorded(house, sealed):
    _, told = sealed
    key = house.context.log_keys.receipts
    document = msgspec.to_builtins(told.receipt)
    free = set()
    for path, value in leaves(document):
        forged = with_change(document, path, changed(value))
        try:
            receipt = msgspec.convert(forged, form.ConsentReceipt)
        except msgspec.ValidationError:
            continue
        file = form.Issued(receipt=receipt, jws=form.sign(receipt, key), proof=told.proof)
        if check(house, form.to_json(file), block_hash=hash_of(told)).exit_code == 0:
            free.add(path)
    assert {path for path in free if path[0] != "party_identification"} == SIGNED_ALONE


def test_an_event_of_another_consent_proves_nothing(house, patient, sealed):
    _, told = sealed
    other = house.scene.consent(patient)
    house.on_chain(other)
    swapped = form.Issued(receipt=told.receipt, jws=told.jws, proof=issued(house, other).proof)
    assert statuses(check(house, swapped))["event"] is Status.FAIL


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"receipt":{},"jws":"","proof":null}']
)
def test_what_is_no_receipt_fails_in_one_line(house, data):
    report = check(house, data)
    assert statuses(report)["form"] is Status.FAIL
    assert statuses(report)["block"] is Status.UNCHECKED
    assert report.exit_code == 1
