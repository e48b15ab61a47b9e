"""The feed of revocations, told when accepted, confirmed when sealed, and only to whom it concerns."""

from dataclasses import replace

from ledger.domain.acts import InstitutionAdmission
from ledger.domain.revocation import Act, Stage
from ledger.services.erase import erase
from ledger.services.revocations import CUSTODIAN, ENGINE, follow, page
from tests.support.scene import any_scope, fresh


def told(house, role=ENGINE, who=None, after=0):
    feed = house.ledger.store.revocations
    while follow(house.context, feed):
        pass
    who = who or house.scene.request().engine
    found = page(house.context, feed, role, who, after=after, limit=100)
    return [
        (one.revocation.stage, one.revocation.act, one.revocation.subject, one.revocation.consent)
        for one in found.lines
    ]


def test_a_withdrawal_is_told_when_accepted_and_again_when_sealed(house, patient):
    consent = house.scene.consent(patient)
    house.on_chain(consent)
    assert told(house) == []
    house.submit(house.scene.withdrawal(patient, consent.id))
    accepted = (Stage.ACCEPTED, Act.WITHDRAWAL, patient.subject, consent.id)
    assert told(house) == [accepted]
    house.seal()
    assert told(house) == [accepted, (Stage.CONFIRMED, Act.WITHDRAWAL, patient.subject, consent.id)]


def test_a_withdrawal_of_everything_is_told_with_each_consent_that_ends(house, patient):
    consents = [house.scene.consent(patient) for _ in range(2)]
    house.on_chain(*consents)
    house.on_chain(house.scene.withdrawal_of_all(patient))
    lines = told(house)
    assert lines[0] == (Stage.ACCEPTED, Act.WITHDRAWAL_OF_ALL, patient.subject, None)
    assert {line[3] for line in lines[1:]} == {consent.id for consent in consents}
    assert all(line[:2] == (Stage.CONFIRMED, Act.WITHDRAWAL) for line in lines[1:])


def test_denials_are_told(house, patient):
    deny = house.scene.consent(patient, scope=any_scope(house.scene.terms, effect=2))
    house.on_chain(deny)
    assert [line[:2] for line in told(house)] == [(Stage.ACCEPTED, Act.DENIAL), (Stage.CONFIRMED, Act.DENIAL)]


def test_an_erasure_is_told(house, patient):
    house.on_chain(house.scene.consent(patient))
    custodian = house.context.mirror.custodian_of(patient.subject)
    assert told(house) == []
    erase(house.context, house.ledger.appender, patient.subject, custodian, "institution:x")
    assert told(house) == [(Stage.ACCEPTED, Act.ERASURE, patient.subject, None)]
    assert told(house, CUSTODIAN, custodian) == told(house)


def test_each_sees_its_own(house, patient):
    """Another institution's study is the recipient: its engine may know, ours may not; the custodian always."""
    other = InstitutionAdmission(id=fresh(), name="Elsewhere", signer=house.ledger.chain.signer.create())
    house.on_chain(other)
    scope = any_scope(house.scene.terms, recipient_kind=2, recipient=other.id)
    consent = house.scene.consent(patient, scope=scope)
    house.on_chain(consent)
    house.on_chain(house.scene.withdrawal(patient, consent.id))
    custodian = house.context.mirror.custodian_of(patient.subject)
    assert told(house) == []
    assert len(told(house, CUSTODIAN, custodian)) == 2
    assert told(house, CUSTODIAN, fresh()) == []
    assert told(house, ENGINE, fresh()) == []
    assert told(house, "auditor", custodian) == []


def test_following_goes_on_after_a_restart(house, patient):
    consent = house.scene.consent(patient)
    house.on_chain(consent)
    house.submit(house.scene.withdrawal(patient, consent.id))
    before = told(house)
    house.restart()
    assert told(house) == before
    house.seal()
    assert len(told(house)) == 2


def test_what_a_reorg_may_have_changed_is_told_again(house, patient):
    """The feed stands at a block that the chain no longer has."""
    consent = house.scene.consent(patient)
    house.on_chain(consent)
    house.on_chain(house.scene.withdrawal(patient, consent.id))
    before = told(house)
    feed = house.ledger.store.revocations
    stands = feed.followed()
    assert feed.tell([], before=stands, now=replace(stands, block_hash=fresh()))
    after = told(house)
    assert after[: len(before)] == before
    assert after[len(before) :] == [before[-1]]
    assert feed.followed() == stands
