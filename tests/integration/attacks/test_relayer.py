"""Whoever carries acts, and whoever runs the node: they can drop and delay, and nothing else.

Every field of every signed act is changed under its signature; every act is carried again, alone, beside others, and
after what it did was undone; the patient needs neither of them.
"""

from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

import msgspec
import pytest

from ledger.chain.node import NodeRefused, NonceTaken
from ledger.domain.acts import Act, SignerRemoval
from ledger.domain.consent import Scope
from ledger.domain.vocabulary import FOREVER, Capacity
from tests.integration.attacks.test_forged_acts import RIGHTS, is_signed
from tests.support.scene import Patient, fresh
from tests.support.stage import Stage

SIGNED = {kind: right for kind, right in RIGHTS.items() if is_signed(kind)}


def other(value: Any) -> Any:
    """A value of the same type that is not the same."""
    match value:
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1]) if value else b"\x01"
        case str():
            return value + "x"
        case int():
            return value - 1 if value > 1 else value + 1
        case Scope():
            raise AssertionError("each field of a scope is changed by itself")
        case tuple():
            return value[:-1] if value else ((1,),)
    raise AssertionError(value)


def tampered(act: Act) -> list[tuple[str, Act]]:
    """The act with each of its fields changed, the signature left as it is."""
    changed = []
    for name in act.__struct_fields__:
        value = getattr(act, name)
        if name in {"signature", "proof"}:
            continue
        if isinstance(value, Scope):
            for field in fields(value):
                scope = replace(value, **{field.name: other(getattr(value, field.name))})
                changed.append((f"scope.{field.name}", msgspec.structs.replace(act, scope=scope)))
        else:
            changed.append((name, msgspec.structs.replace(act, **{name: other(value)})))
    return changed


def signed_rightly(stage: Stage, kind: type[Act]) -> Act:
    right = SIGNED[kind]
    act = msgspec.structs.replace(right.make(stage), signature=b"")
    if right.holder == "victim":
        return stage.scene.signed(act, stage.victim)
    return stage.signed(act, right.holder)


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.__name__)
def test_no_field_of_a_signed_act_can_be_changed_on_the_way(guarded: Stage, kind: type[Act]):
    for name, act in tampered(signed_rightly(guarded, kind)):
        attempt = guarded.send("relayer", act)
        assert attempt.changed_nothing, (name, attempt.events)


def test_an_act_works_once(guarded: Stage):
    """Carried again it is refused, also after what it did was undone, which is when a replay would pay."""
    scene, victim = guarded.scene, guarded.victim
    grant = scene.consent(victim)
    amendment = scene.consent(victim, id=grant.id, version=2)
    end = scene.withdrawal(victim, grant.id)
    added = scene.signed(guarded.addition("another patient", Capacity.PROXY, 0, FOREVER), victim)
    removed = scene.signed(
        SignerRemoval(
            subject=victim.subject,
            id=fresh(),
            old_signer=guarded.signer("another patient"),
            deadline=scene.deadline,
            signer=victim.signer,
        ),
        victim,
    )
    acts = [grant, amendment, end, added, removed]
    for act in acts:
        assert guarded.send("relayer", act).events
    for act in [*acts, guarded.permit, guarded.ended, guarded.end]:
        attempt = guarded.send("relayer", act)
        assert attempt.changed_nothing, act


def test_the_same_act_twice_in_a_batch_counts_once(guarded: Stage):
    grant = guarded.scene.consent(guarded.victim)
    attempt = guarded.send("relayer", grant, grant)
    assert (len(attempt.events), attempt.refusal) == (1, "ConsentRegistry__IdSpent")
    assert guarded.send("relayer", guarded.scene.withdrawal(guarded.victim, grant.id)).events


def test_acts_that_come_in_the_wrong_order_do_not_open_what_was_closed(guarded: Stage):
    """A withdrawal that overtakes its grant spends the id; a grant held back beyond a withdrawal of all is dead."""
    scene = guarded.scene
    late = scene.consent(guarded.victim)
    [spent] = guarded.send("relayer", scene.withdrawal(guarded.victim, late.id)).events
    assert spent.version == 0
    assert guarded.send("relayer", late).refusal == "ConsentRegistry__IdSpent"
    patient = Patient()
    scene.must(scene.enrolment(patient))
    withheld = scene.consent(patient)
    scene.must(scene.withdrawal_of_all(patient))
    assert guarded.send("relayer", withheld).refusal == "ConsentRegistry__Stopped"


def test_an_old_transaction_is_not_mined_again(guarded: Stage):
    """The node's owner has every raw transaction there ever was."""
    grant = guarded.scene.consent(guarded.victim)
    transmission, _ = guarded.scene.must(grant)
    guarded.scene.must(guarded.scene.withdrawal(guarded.victim, grant.id))
    before = guarded.node.nonce(transmission.sender)
    with suppress(NonceTaken, NodeRefused):
        guarded.node.send(transmission.raw)
    assert guarded.node.nonce(transmission.sender) == before


def test_a_patient_needs_no_relayer(guarded: Stage):
    """The same signed acts, from the patient's own account and from a stranger's."""
    patient = Patient(key=guarded.keys["another patient"])
    guarded.scene.must(guarded.scene.enrolment(patient))
    grant = guarded.scene.consent(patient)
    assert guarded.send("another patient", grant).events
    assert guarded.send("another patient", guarded.scene.withdrawal(patient, grant.id)).events
    assert guarded.send("stranger", guarded.scene.withdrawal_of_all(patient)).events
