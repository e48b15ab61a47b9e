"""Consents of the mirror against the contract's own storage, proved from a block's header on a real node."""

import time
from dataclasses import fields, replace

import pytest

from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc, open_embedded
from ledger.domain.consent import Consent, ConsentState, pack_diseases
from ledger.domain.vocabulary import Purpose
from ledger.errors import CannotCheck, MirrorDiverged
from ledger.services.sync import Mirror
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.scene import Patient, Scene, any_scope, fresh
from tests.support.stores import open_store


class SystemClock:
    def now(self) -> int:
        return int(time.time())


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """A chain with consents of every kind, the block and the consents that the mirror has there."""
    if find_anvil() is None:
        pytest.skip(MISSING)
    home = tmp_path_factory.mktemp("proofs")
    anvil = Anvil(home / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(home / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, home, SystemClock())
    scene = Scene(chain, chain.reader.head().timestamp).found()
    patients, ids = [Patient() for _ in range(4)], [fresh() for _ in range(4)]
    scene.must(*(scene.enrolment(patient) for patient in patients))
    scene.must(*(scene.consent(patient, id=one) for patient, one in zip(patients, ids, strict=True)))
    narrow = any_scope(scene.terms, operations=2, data_until=1_800_000_000)
    by_disease = any_scope(scene.terms, purposes=int(Purpose.DS), diseases=pack_diseases([376, 5070]))
    scene.must(scene.consent(patients[0], id=ids[0], version=2, scope=narrow))
    scene.must(scene.consent(patients[0], scope=any_scope(scene.terms, effect=2)))
    scene.must(scene.consent(patients[3], scope=by_disease))
    scene.must(scene.withdrawal(patients[1], ids[1]))
    scene.must(scene.withdrawal_of_all(patients[2]))
    store = open_store(f"sqlite:///{home}/mirror.db")
    Mirror(chain.reader, store.mirror, SystemClock()).catch_up()
    block = store.mirror.cursor().block
    consents = [consent for patient in patients for consent in store.mirror.consents_at(patient.subject, block.number)]
    yield chain, block, consents
    store.close()
    chain.close()
    anvil.stop()


def test_every_consent_is_as_the_contract_stored_it(mirrored):
    chain, block, consents = mirrored
    assert {consent.state for consent in consents} == set(ConsentState)
    assert any(consent.scope.diseases for consent in consents)
    assert chain.check_consents(block, consents) > len(consents)


def changed(consent: Consent):
    """The consent with each of its values changed, one at a time; not who and which it is."""
    yield "live", replace(consent, state=ConsentState.WITHDRAWN)
    yield "version", replace(consent, version=consent.version + 1)
    yield "valid_until", replace(consent, valid_until=consent.valid_until - 1)
    yield "terms_version", replace(consent, terms_version=consent.terms_version + 1)
    for field in fields(consent.scope):
        if field.name not in ("recipient", "terms", "valid_until"):  # the slot has numbers in their place
            name = "limits" if field.name in ("data_from", "data_until", "diseases") else field.name
            scope = replace(consent.scope, **{field.name: getattr(consent.scope, field.name) ^ 1})
            yield name, replace(consent, scope=scope)


def test_each_value_that_decides_is_compared(mirrored):
    chain, block, consents = mirrored
    for consent in [one for one in consents if one.state is ConsentState.ACTIVE]:
        for name, wrong in changed(consent):
            with pytest.raises(MirrorDiverged, match=f", {name}: "):
                chain.check_consents(block, [wrong])


def test_a_withdrawn_consent_that_the_mirror_shows_as_live_is_found(mirrored):
    chain, block, consents = mirrored
    withdrawn = [consent for consent in consents if consent.state is ConsentState.WITHDRAWN]
    assert len(withdrawn) == 2, "one by itself, one with all the others"
    for consent in withdrawn:
        with pytest.raises(MirrorDiverged, match="live"):
            chain.check_consents(block, [replace(consent, state=ConsentState.ACTIVE)])


def test_a_consent_that_the_contract_does_not_have_is_found(mirrored):
    chain, block, consents = mirrored
    with pytest.raises(MirrorDiverged):
        chain.check_consents(block, [replace(consents[0], id=fresh())])
    with pytest.raises(MirrorDiverged, match="no subject"):
        chain.check_consents(block, [replace(consents[0], subject=fresh())])


@pytest.mark.parametrize("part", ["account", "storage"])
def test_nodes_that_were_changed_or_left_out_prove_nothing(mirrored, monkeypatch, part):
    chain, block, consents = mirrored
    honest = chain.node.state_proof

    def lying(*asked):
        proof = honest(*asked)
        for nodes in [proof.account] if part == "account" else proof.storage:  # limits may be absent, a subject may not
            if changing:
                nodes[-1] = nodes[-1][:-1] + bytes([nodes[-1][-1] ^ 1])
            else:
                nodes.clear()
        return proof

    monkeypatch.setattr(chain.node, "state_proof", lying)
    changing = True
    with pytest.raises(MirrorDiverged):
        chain.check_consents(block, consents[:1])
    changing = False
    with pytest.raises(MirrorDiverged):
        chain.check_consents(block, consents[:1])


def test_a_header_of_another_block_is_refused(mirrored):
    chain, block, consents = mirrored
    with pytest.raises(MirrorDiverged, match="header"):
        chain.check_consents(replace(block, hash=fresh()), consents)


def test_the_embedded_chain_gives_no_proofs(tmp_path):
    chain = open_embedded(tmp_path, SystemClock())
    with pytest.raises(CannotCheck):
        chain.check_consents(chain.reader.head(), [])
    chain.close()
