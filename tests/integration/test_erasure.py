"""Erasure on a whole ledger: nobody can say any more who a subject was, and everything that was proved stays proved.

The attacker has all that is left: the raw files of chain, database, logs and keys, every exported bundle, and the list
of all patients of the institution. The same attacker finds the patient as long as they are not erased.
"""

import base64
import hashlib
import hmac
import io
import sqlite3
from contextlib import suppress
from dataclasses import replace
from shutil import copytree

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.bootstrap import open_ledger
from ledger.config import Settings
from ledger.domain.audit import Kind
from ledger.domain.decision import Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.release import write_document
from ledger.domain.vault import LocalRecord
from ledger.errors import NotFound, WrongState
from ledger.services import custody
from ledger.services.decide import look, record
from ledger.services.erase import erase, finish
from ledger.services.fsck import Fault, check_log, check_logs
from ledger.services.mirror_verify import verify_mirror
from ledger.services.replay import membership, replay
from ledger.services.submit import submit
from ledger.transparency import canonical
from ledger.transparency.cohort import verify_cohort
from ledger.transparency.receipt import open_append, open_decision
from ledger.verify.checks import verify_bundle
from ledger.verify.report import Status
from tests.support.exhibit import exhibit
from tests.support.past import shown
from tests.support.scene import fresh

__all__ = ["shown"]
PATIENTS = [f"MRN-{number:06d}" for number in range(4_700, 4_780)]
"""The institution's list of all its patients' numbers; the first six take part."""


def record_of(number: int) -> LocalRecord:
    return LocalRecord(PATIENTS[number], f"Patient Number {number}", f"patient{number}@example.org")


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    home = tmp_path_factory.mktemp("past") / "home"
    with exhibit(home) as shown:
        for number, patient in enumerate(shown.patients):
            shown.ledger.context.vault.put(shown.log, patient.subject, record_of(number))
        return home, shown


def forget(shown, number: int = 1):
    ledger = shown.ledger
    return erase(ledger.context, ledger.appender, shown.patients[number].subject, shown.log, "institution:test")


def erasures_in_log(shown):
    audit = shown.ledger.context.audit
    documents = [canonical.decode_object(e.canonical) for e in audit.entries(shown.log, 0, audit.size(shown.log))]
    return [document for document in documents if document["kind"] == Kind.ERASURE]


# --- the attacker -----------------------------------------------------------------------------------------------------


class Attacker:
    """Everything that can be read of a folder, and every way we know to make a patient of a subject with it."""

    def __init__(self, home, *, bundles=()) -> None:
        self.files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        self.everything = b"".join([*self.files.values(), *bundles])
        self.values, self.vault, subjects, custodians = set(), [], set(), set()
        copy = sqlite3.connect(f"file:{home / 'ledger.sqlite'}?mode=ro", uri=True)
        for (table,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in copy.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    self.values.add(value.encode() if isinstance(value, str) else value)
                    if isinstance(value, str):
                        with suppress(ValueError):
                            self.values.add(bytes.fromhex(value.removeprefix("0x")))
        subjects |= {row[0] for row in copy.execute("SELECT id FROM subject")}
        custodians |= {row[0] for row in copy.execute("SELECT custodian FROM subject")}
        self.vault = copy.execute("SELECT subject, custodian, blind, wrapped_key, sealed FROM vault_record").fetchall()
        copy.close()
        self.subjects, self.custodians = subjects, custodians
        self.values = {value for value in self.values if isinstance(value, bytes)}
        self.keys = [data for data in self.files.values() if len(data) == 32]

    def link(self, references) -> dict[str, bytes]:
        """The subject of each patient that can be found; zeros where only a trace of the patient is."""
        found: dict[str, bytes] = {}
        for attack in (self.plain_text, self.hashes, self.blind_indexes, self.decryption):
            found |= attack(references)
        return found

    def plain_text(self, references):
        def forms(text):
            raw = text.encode()
            return (raw, text.encode("utf-16-le"), raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-1])

        return {one: bytes(32) for one in references if any(form in self.everything for form in forms(one))}

    def hashes(self, references):
        salts = [b"", *(value for value in self.values if 8 <= len(value) <= 64), *self.keys]
        return {one: bytes(32) for one in references if any(self._hashed(one.encode(), salt) for salt in salts)}

    def _hashed(self, text, salt):
        made = []
        for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
            made += [hashlib.new(name, salt + text).digest(), hashlib.new(name, text + salt).digest()]
        made.append(hmac.digest(salt or b"\x00", text, "sha256"))
        return any(digest in self.values for digest in made)

    def blind_indexes(self, references):
        rows = {row[2]: row[0] for row in self.vault}
        found = {}
        for key in self.keys:
            index_key = HKDF(SHA256(), 32, salt=None, info=b"consentry.vault/1 index").derive(key)
            for custodian in self.custodians:
                for one in references:
                    text = b"consentry.vault-index/1\x00" + custodian + one.encode()
                    blind = hmac.digest(index_key, text, "sha256")
                    if blind in rows or blind in self.everything:
                        found[one] = rows.get(blind, bytes(32))
        return found

    def decryption(self, references):
        found = {}
        for subject, custodian, _, wrapped, sealed in self.vault:
            context = b"consentry.vault/1\x00" + custodian + subject
            for key in self.keys:
                wrap_key = HKDF(SHA256(), 32, salt=None, info=b"consentry.vault/1 wrap").derive(key)
                with suppress(InvalidTag):
                    data_key = AESGCM(wrap_key).decrypt(wrapped[:12], wrapped[12:], context)
                    text = AESGCM(data_key).decrypt(sealed[:12], sealed[12:], context)
                    found |= {one: subject for one in references if one.encode() in text}
        return found


def test_whoever_holds_everything_finds_the_patients_that_are_not_erased(shown):
    """So that the test below can fail."""
    data, _ = shown.export()
    attacker = Attacker(shown.ledger.settings.home, bundles=[data])
    expected = {PATIENTS[number]: patient.subject for number, patient in enumerate(shown.patients)}
    assert attacker.blind_indexes(PATIENTS) == expected
    assert attacker.decryption(PATIENTS) == expected
    assert attacker.link(PATIENTS) == expected


def test_the_attacker_finds_plain_and_hashed_numbers_where_there_are_any(shown):
    """No number is left in the clear or hashed anywhere; these two attacks would see it."""
    attacker = Attacker(shown.ledger.settings.home)
    assert attacker.plain_text(PATIENTS) == attacker.hashes(PATIENTS) == {}
    salt = next(value for value in attacker.values if len(value) == 16)
    attacker.values.add(hashlib.sha256(salt + PATIENTS[7].encode()).digest())
    assert list(attacker.hashes(PATIENTS)) == [PATIENTS[7]]
    attacker.everything += PATIENTS[8].encode("utf-16-le") + PATIENTS[9].encode().hex().encode()
    assert list(attacker.plain_text(PATIENTS)) == PATIENTS[8:10]


def test_whoever_holds_everything_cannot_find_an_erased_patient(shown):
    home = shown.ledger.settings.home
    before, _ = shown.export()
    victim = shown.patients[1].subject
    forget(shown)
    after, _ = shown.export()
    shown.ledger.close()
    attacker = Attacker(home, bundles=[before, after])
    assert victim in attacker.subjects, "the chain's copy still holds the id"
    others = {PATIENTS[n]: patient.subject for n, patient in enumerate(shown.patients) if patient.subject != victim}
    assert attacker.link(PATIENTS) == others
    assert record_of(1).name.encode() not in attacker.everything


def test_what_was_deleted_is_out_of_the_database_files(shown):
    context, home = shown.ledger.context, shown.ledger.settings.home
    victim = shown.patients[1].subject
    row = context.vault.rows.get(victim)
    rows = context.audit.decisions_on(victim)
    traces = [row.data, row.key.data, row.index, *(member.salt for _, member in rows)]
    assert len(rows) == 2

    def left():
        raw = b"".join(path.read_bytes() for path in home.glob("ledger.sqlite*"))
        return [trace for trace in traces if trace in raw]

    assert left() == traces
    forget(shown)
    assert left() == []
    assert all(other.index in b"".join(p.read_bytes() for p in home.glob("ledger.sqlite*")) for other in others(shown))


def others(shown):
    rows = shown.ledger.context.vault.rows
    return [row for patient in shown.patients if (row := rows.get(patient.subject)) is not None]


def test_a_backup_is_of_no_use_once_the_key_was_rotated(shown, tmp_path):
    home = shown.ledger.settings.home
    copytree(home, tmp_path / "backup")
    forget(shown)
    assert shown.ledger.context.vault.rotate() == len(shown.patients) - 1
    shown.ledger.close()
    for key in (tmp_path / "backup" / "keys" / "vault").iterdir():
        key.unlink()  # a backup without the key service's keys, and those of today beside it
    copytree(home / "keys" / "vault", tmp_path / "backup" / "keys" / "vault", dirs_exist_ok=True)
    assert Attacker(tmp_path / "backup").link(PATIENTS) == {}
    assert PATIENTS[1] not in Attacker(home).link(PATIENTS)


# --- what stays -------------------------------------------------------------------------------------------------------


def test_old_bundles_old_receipts_the_log_and_the_copy_still_hold(shown):
    context = shown.ledger.context
    data, manifest = shown.export()
    block = bytes.fromhex(manifest.trusted.hash[2:])
    assert verify_bundle(io.BytesIO(data), block).exit_code == 0
    proofs = {answer.id: membership(context, answer.id, shown.patients[0].subject) for answer in shown.answers}
    forget(shown)
    assert verify_bundle(io.BytesIO(data), block).exit_code == 0
    for answer in shown.answers:
        open_decision(answer.receipt, context.log_keys.published)
        open_append(answer.appended.receipt, context.log_keys.published)
        verify_cohort(proofs[answer.id], answer.commitment)
        assert membership(context, answer.id, shown.patients[0].subject) == proofs[answer.id]
        again = replay(context, answer.id)
        assert again.same
        assert again.erased == (shown.patients[1].subject in answer.answer.subjects)
    (health,) = check_logs(context)
    assert health.findings == []
    verify_mirror(context.reader, context.mirror)
    shown.anchor()
    assert check_log(context, shown.log).sound


def test_a_new_bundle_shows_the_leaves_alone_and_says_so(shown):
    victim = shown.patients[1].subject
    assert to_hex(victim).encode() in shown.export()[0]
    forget(shown)
    shown.anchor()
    data, manifest = shown.export()
    assert to_hex(victim).encode() not in data
    assert victim not in data
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert [check.name for check in report.checks if check.status is Status.FAIL] == []
    assert [check.name for check in report.checks if check.status is Status.UNCHECKED] == ["replay"]
    assert "2 rows were erased" in report.check("replay").detail
    assert "leaves of 2 that were erased" in report.check("cohorts").detail


@pytest.mark.parametrize("asked", [[1], [0, 1], [1, 4], [0, 1, 2, 3, 4, 5]])
def test_whatever_a_decision_said_its_bundle_does_not_fail_without_the_erased(shown, asked):
    shown.decide([shown.patients[place] for place in asked])
    forget(shown)
    shown.anchor()
    data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert [check for check in report.checks if check.status is Status.FAIL] == []
    assert "3 rows were erased" in report.check("replay").detail


@pytest.mark.parametrize("left", [[], [1], [1, 2]])
def test_what_is_left_of_a_denied_decision_may_abstain(shown, left):
    context = shown.ledger.context
    terms = write_document({"modifiers": {"NPU": True}, "permission": "GRU"})  # the study does not say who profits
    submit(context, [custody.registration(context, fresh(), shown.log, terms, shown.scene.deadline)])
    while not shown.ledger.relayer.run_once().idle:
        pass
    shown.ledger.catch_up()
    answer = shown.decide([shown.patients[place] for place in (4, *left)]).answer
    assert [one.outcome for one in answer.decisions] == [Outcome.DENY] + [Outcome.ABSTAIN] * len(left)
    forget(shown, 4)
    shown.anchor()
    data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert [check for check in report.checks if check.status is Status.FAIL] == []


def test_the_log_says_what_was_destroyed_when_and_by_whom_but_not_of_whom(shown):
    victim = shown.patients[1].subject
    (erasure,) = forget(shown)
    assert (erasure.logged, erasure.local_record, erasure.openings) == (True, True, ())
    (document,) = erasures_in_log(shown)
    assert document["actor"] == "institution:test"
    assert document["facts"] == {
        "erasure": erasure.id,
        "at": erasure.at,
        "destroyed": ["local-record", "openings"],
        "openings": [answer.appended.entries[0].index for answer in shown.answers if victim in answer.answer.subjects],
    }
    text = canonical.encode(document)
    assert victim.hex().encode() not in text
    assert PATIENTS[1].encode() not in text


# --- what no longer happens -------------------------------------------------------------------------------------------


def test_every_decision_on_an_erased_subject_is_no(shown):
    context, patient = shown.ledger.context, shown.patients[1]
    request = shown.scene.request()
    asked = [one.subject for one in shown.patients[:3]]
    assert look(context, request, asked).decisions[1].permitted
    forget(shown)
    decision = look(context, request, asked).decisions[1]
    assert (decision.outcome, decision.reason, decision.consent) == (Outcome.DENY, Reason.ERASED, None)
    assert look(context, request, asked).decisions[2].permitted
    recorded = shown.decide([patient, shown.patients[2]])
    assert recorded.answer.permitted == [shown.patients[2].subject]
    assert replay(context, recorded.id).same
    assert check_log(context, shown.log).sound
    shown.anchor()
    data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert [check for check in report.checks if check.status is Status.FAIL] == []


def test_an_erasure_by_another_process_counts_at_once(shown):
    asked = [shown.patients[1].subject]
    assert look(shown.ledger.context, shown.scene.request(), asked).permitted == asked
    with open_ledger(Settings(home=shown.ledger.settings.home), writable=False) as other:
        erase(other.context, other.appender, asked[0], shown.log, "operator")
    assert look(shown.ledger.context, shown.scene.request(), asked).permitted == []


def test_an_erased_subject_is_not_among_all(shown):
    forget(shown)
    answer = record(shown.ledger.context, shown.ledger.appender, shown.scene.request(), None)
    assert shown.patients[1].subject not in answer.answer.subjects
    assert len(answer.answer.subjects) == len(shown.patients) - 1


def test_a_consent_of_an_erased_subject_is_refused_and_a_withdrawal_taken(shown):
    context, patient = shown.ledger.context, shown.patients[1]
    forget(shown)
    with pytest.raises(WrongState, match="anew"):
        submit(context, [shown.scene.consent(patient)])
    submit(context, [shown.scene.withdrawal(patient, shown.consents[1])])


def test_no_record_comes_back(shown):
    vault = shown.ledger.context.vault
    forget(shown)
    assert vault.find(shown.log, PATIENTS[1]) is None
    assert vault.get(shown.log, shown.patients[1].subject) is None
    with pytest.raises(WrongState, match="anew"):
        vault.put(shown.log, shown.patients[1].subject, record_of(1))
    with pytest.raises(NotFound, match="erased"):
        membership(shown.ledger.context, shown.answers[0].id, shown.patients[1].subject)


# --- dying in between, and cheating -----------------------------------------------------------------------------------


def test_again_changes_nothing(shown):
    first = forget(shown)
    size = shown.ledger.context.audit.size(shown.log)
    assert forget(shown) == first
    assert shown.ledger.context.audit.size(shown.log) == size


def test_an_erasure_whose_process_died_is_finished_by_the_next_call(shown):
    context, victim = shown.ledger.context, shown.patients[1].subject
    context.erasures.destroy(victim, id="0x" + "ab" * 16, custodian=shown.log, actor="institution:test", at=7)
    assert look(context, shown.scene.request(), [victim]).permitted == []
    assert [found.fault for found in check_log(context, shown.log).findings] == [Fault.ERASURE, Fault.ERASURE]
    (erasure,) = forget(shown)
    assert (erasure.id, erasure.at, erasure.logged) == ("0x" + "ab" * 16, 7, True)
    assert check_log(context, shown.log).sound
    assert len(erasures_in_log(shown)) == 1


def test_an_erasure_whose_process_died_before_it_was_noted_as_logged_is_entered_once(shown):
    context, ledger = shown.ledger.context, shown.ledger
    victim = shown.patients[1].subject
    erasure = context.erasures.destroy(victim, id="0x" + "ab" * 16, custodian=shown.log, actor="institution:x", at=7)

    class Dying:
        def __getattr__(self, name):
            return getattr(context.erasures, name)

        def logged(self, _erasure):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(replace(context, erasures=Dying()), ledger.appender)
    assert finish(context, ledger.appender) == 1
    assert finish(context, ledger.appender) == 0
    (document,) = erasures_in_log(shown)
    assert document["facts"]["erasure"] == erasure.id


def test_rows_that_vanish_without_an_erasure_are_named(shown):
    """The database's owner hides a row behind its leaf, as an erasure would, but says so nowhere."""
    context = shown.ledger.context
    context.erasures.destroy(
        shown.patients[1].subject, id="0x" + "ab" * 16, custodian=shown.log, actor="institution:test", at=7
    )
    connection = sqlite3.connect(shown.ledger.settings.home / "ledger.sqlite")
    connection.execute("DELETE FROM erasure_opening")
    connection.execute("DELETE FROM erasure")
    connection.commit()
    connection.close()
    findings = check_log(context, shown.log).findings
    assert {found.fault for found in findings} == {Fault.ERASURE}
    data, manifest = shown.export()
    report = verify_bundle(io.BytesIO(data), bytes.fromhex(manifest.trusted.hash[2:]))
    assert report.check("cohorts").status is Status.FAIL
    assert "no entry of the log tells of it" in report.check("cohorts").detail
