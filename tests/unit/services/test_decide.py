"""From a request to an answer, and to a record that can be held against us."""

from hashlib import sha256

import pytest

from ledger.domain.audit import Kind
from ledger.domain.decision import Outcome, Reason
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import POLICY_VERSION
from ledger.domain.policy import decide as rule
from ledger.errors import InvalidInput, MirrorLagging, NotFound, NotReady, ReorgTooDeep
from ledger.services.answer import Answer
from ledger.services.decide import LEAST_SHEET, look, record
from ledger.services.replay import membership
from ledger.snapshot.keeper import Keeper
from ledger.store.audit import SqlLogWriter
from ledger.transparency import canonical
from ledger.transparency.checkpoint import verify_checkpoint
from ledger.transparency.cohort import verify_cohort
from ledger.transparency.receipt import open_append, open_decision
from tests.support.scene import Patient, any_scope, fresh


@pytest.fixture
def consented(house):
    """The first three patients permit, the fourth denies, two have said nothing."""
    scene = house.scene
    grants = [scene.consent(patient) for patient in house.patients[:3]]
    deny = scene.consent(house.patients[3], scope=any_scope(scene.terms, effect=2))
    house.on_chain(*grants, deny)
    return grants


# --- looking ----------------------------------------------------------------------------------------------------------


def test_answers_come_in_the_order_of_the_subjects(house, consented):
    first, _, _, denying, silent, _ = house.patients
    decisions = house.look(silent, first, denying)
    assert [decision.reason for decision in decisions] == [
        Reason.NO_CONSENT,
        Reason.PERMITTED,
        Reason.DENIED_BY_SUBJECT,
    ]
    assert decisions[1].consent == consented[0].id


def test_the_answer_is_the_rules_and_names_its_block(house, consented):
    subjects = [patient.subject for patient in house.patients] + [fresh()]
    request = house.scene.request()
    answer = look(house.context, request, subjects)
    mirror, number = house.context.mirror, answer.block.number
    assert answer.block == house.context.reader.head()
    expected = [
        rule(request, mirror.setting_at(request, number), mirror.consents_at(subject, number), answer.at)
        for subject in subjects
    ]
    assert list(answer.decisions) == expected
    assert answer.permitted == subjects[:3]
    assert answer.excluded == {Reason.DENIED_BY_SUBJECT: 1, Reason.NO_CONSENT: 2, Reason.SUBJECT_UNKNOWN: 1}


def test_valid_until_is_the_first_change_of_any_row(house):
    soon = house.clock.now() + 50
    scope = any_scope(house.scene.terms, valid_until=soon)
    house.on_chain(house.scene.consent(house.patients[0]), house.scene.consent(house.patients[1], scope=scope))
    answer = look(house.context, house.scene.request(), [patient.subject for patient in house.patients])
    assert answer.valid_until == soon
    house.clock.at = soon - 1
    house.ledger.catch_up()
    assert house.look(house.patients[1])[0].permitted
    house.clock.at = soon
    assert not house.look(house.patients[1])[0].permitted


def test_an_answer_about_nobody_never_ends():
    assert Answer(None, [], [], 0, None).valid_until == 2**40 - 1


def test_a_subject_named_twice_is_refused(house, patient):
    with pytest.raises(InvalidInput, match="twice"):
        house.look(patient, patient)
    with pytest.raises(InvalidInput, match="twice"):
        house.record(patient, patient)
    assert house.context.audit.logs() == []


def test_looking_leaves_no_trace(house, consented, patient):
    house.look(patient)
    assert house.context.audit.logs() == []


# --- not ready --------------------------------------------------------------------------------------------------------


def not_ready(house, error, **options):
    """Neither a look nor a record is given, and nothing is written."""
    subjects = [house.patients[0].subject]
    with pytest.raises(error):
        look(house.context, house.scene.request(), subjects, **options)
    with pytest.raises(error):
        record(house.context, house.ledger.appender, house.scene.request(), subjects, **options)
    assert house.context.audit.logs() == []


def test_no_answer_before_the_snapshot_is_built(house, consented):
    empty = Keeper(house.context.mirror, house.clock, 30)
    with pytest.raises(NotReady, match="not built"):
        empty.view()


def test_no_answer_from_a_stale_copy(house, consented):
    house.clock.at += 31
    not_ready(house, MirrorLagging)
    house.ledger.catch_up()
    assert house.look(house.patients[0])[0].permitted


def test_no_answer_before_the_block_asked_for(house, consented):
    not_ready(house, MirrorLagging, at_least_block=house.context.reader.head().number + 1)


def test_no_answer_after_a_deep_reorg(house, consented):
    house.ledger.keeper.alarm("the chain took back block 7")
    not_ready(house, ReorgTooDeep)


# --- recording --------------------------------------------------------------------------------------------------------


def test_the_receipt_says_what_was_decided(house, consented, patient):
    recorded = house.record(patient)
    receipt = open_decision(recorded.receipt, house.context.log_keys.published)
    assert receipt.decision == recorded.id
    assert (receipt.outcome, receipt.reasons) == ("permit", ("permitted",))
    assert [(used.consent, used.version) for used in receipt.consents] == [(consented[0].id, 1)]
    head = house.context.reader.head()
    assert (receipt.block_number, receipt.block_hash) == (head.number, head.hash)
    assert (receipt.at, receipt.policy) == (house.clock.now(), POLICY_VERSION)
    assert receipt.cohort == recorded.commitment
    held = house.context.audit.decision(recorded.id)
    assert receipt.request == sha256(held.request).digest()


def test_a_denied_record_says_so(house, consented):
    receipt = open_decision(house.record(house.patients[3]).receipt, house.context.log_keys.published)
    assert (receipt.outcome, receipt.reasons) == ("deny", ("denied_by_subject",))


def test_a_receipt_about_many_names_no_consent(house, consented):
    """Ids of consents in it would link the same patient across receipts."""
    recorded = house.record(*house.patients)
    receipt = open_decision(recorded.receipt, house.context.log_keys.published)
    assert receipt.consents == ()
    assert receipt.reasons == ("denied_by_subject", "no_consent", "permitted")
    assert receipt.cohort.size == len(house.patients)
    for secret in [patient.subject for patient in house.patients] + [grant.id for grant in consented]:
        assert secret.hex() not in recorded.receipt
        assert secret.hex().encode() not in recorded.appended.entries[0].canonical


def test_the_entry_is_in_the_log_and_its_receipt_holds(house, consented, patient):
    recorded = house.record(patient)
    (stored,) = recorded.appended.entries
    document = canonical.decode_object(stored.canonical)
    assert document["kind"] == Kind.DECISION
    assert document["decision"] == recorded.id
    assert document["facts"]["receipt"] == to_hex(sha256(recorded.receipt.encode()).digest())
    assert document["facts"]["cohort"] == {"size": 1, "root": to_hex(recorded.commitment.root)}
    assert recorded.log == house.scene.institution
    receipt = open_append(recorded.appended.receipt, house.context.log_keys.published)
    assert receipt.entry == stored.leaf
    verify_checkpoint(receipt.checkpoint, [house.context.log_keys.note_signer(recorded.log).verifier], recorded.log)
    assert house.context.audit.entry(recorded.log, stored.index) == stored
    assert house.context.audit.decision(recorded.id).index == stored.index


def test_the_cohort_commitment_opens_for_every_member(house, consented):
    recorded = house.record()
    assert list(recorded.answer.subjects) == sorted(patient.subject for patient in house.patients)
    permitted = set()
    for patient in house.patients:
        proof = membership(house.context, recorded.id, patient.subject)
        verify_cohort(proof, recorded.commitment)
        if proof.permitted:
            permitted.add(patient.subject)
    assert permitted == {patient.subject for patient in house.patients[:3]}
    with pytest.raises(NotFound):
        membership(house.context, recorded.id, fresh())
    with pytest.raises(NotFound):
        membership(house.context, to_hex(fresh()), house.patients[0].subject)


def test_salts_are_fresh_for_every_row_and_record(house, consented):
    salts = [
        member.salt
        for recorded in (house.record(), house.record())
        for member in house.context.audit.members(recorded.id)
    ]
    assert len(set(salts)) == 2 * len(house.patients)
    assert {len(salt) for salt in salts} == {16}


def test_a_pending_withdrawal_is_recorded_as_such(house, consented, patient):
    house.submit(house.scene.withdrawal(patient, consented[0].id))
    recorded = house.record(patient)
    receipt = open_decision(recorded.receipt, house.context.log_keys.published)
    assert (receipt.outcome, receipt.reasons) == ("deny", ("pending_withdrawal",))
    (member,) = house.context.audit.members(recorded.id)
    assert (member.outcome, member.reason) == (Outcome.DENY, Reason.PENDING_WITHDRAWAL)


def test_all_of_a_custodian_or_of_nobody(house, consented):
    recorded = record(house.context, house.ledger.appender, house.scene.request(), None, custodian=fresh())
    assert recorded.answer.subjects == []
    receipt = open_decision(recorded.receipt, house.context.log_keys.published)
    assert (receipt.outcome, receipt.reasons) == ("deny", ("no_subjects",))
    own = record(house.context, house.ledger.appender, house.scene.request(), None, custodian=house.scene.institution)
    assert len(own.answer.subjects) == len(house.patients)


def test_a_stranger_is_considered_and_denied(house, consented):
    recorded = house.record(Patient())
    assert recorded.answer.decisions[0].reason is Reason.SUBJECT_UNKNOWN


@pytest.mark.parametrize("field", ["engine", "study"])
def test_an_unknown_engine_or_study_is_not_recorded(house, consented, patient, field):
    request = house.scene.request(**{field: fresh()})
    with pytest.raises(NotFound, match=field):
        record(house.context, house.ledger.appender, request, [patient.subject])
    assert house.context.audit.logs() == []


def test_a_recorded_decision_is_durable_before_its_receipt_is_given(house, consented, patient, monkeypatch):
    """If the entry cannot be written, there is no answer."""

    def fails(*_):
        raise NotReady("the disk is full")

    monkeypatch.setattr(SqlLogWriter, "save_decision", fails)
    with pytest.raises(NotReady):
        house.record(patient)
    assert house.context.audit.size(house.scene.institution) == 0


def test_what_is_kept_of_many_is_what_each_alone_is_told(house, consented):
    subjects = [patient.subject for patient in house.patients] + [fresh() for _ in range(LEAST_SHEET)]
    recorded = record(house.context, house.ledger.appender, house.scene.request(), subjects)
    kept = {member.subject: member for member in house.context.audit.members(recorded.id)}
    assert sorted(kept) == sorted(subjects)
    for subject in subjects:
        (alone,) = look(house.context, house.scene.request(), [subject]).decisions
        member = kept[subject]
        assert (member.outcome, member.reason, member.consent, member.version) == (
            alone.outcome,
            alone.reason,
            alone.consent,
            alone.version,
        )
    permitted = [consent.subject for consent in consented]
    assert recorded.answer.permitted == permitted
    for subject in subjects:
        assert membership(house.context, recorded.id, subject).permitted == (subject in permitted)
