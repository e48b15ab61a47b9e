"""The consortium's key, with everything that OpenZeppelin's AccessManager lets an admin do, and the pause of grants.

The worst it comes to: grants stop, the consortium's own functions go to other hands or to nobody, and each of it is an
event. Consents, withdrawals, heads and decisions stay out of reach.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from eth_abi import encode

from ledger.chain import artifacts
from ledger.chain.hashing import keccak
from ledger.domain import events
from ledger.domain.acts import ConsentAct, InstitutionSuspension
from ledger.domain.consent import ConsentState
from ledger.domain.decision import Outcome
from tests.support.scene import Patient
from tests.support.stage import Stage

ADMIN_ROLE, PUBLIC_ROLE, ROLE = 0, (1 << 64) - 1, 7
PAUSE, RESUME = True, False
ARTIFACTS = Path(artifacts.__file__).parents[2] / "contracts" / "artifacts"


def signatures(contract: str) -> dict[str, str]:
    return dict(artifacts.load(contract).signatures("function"))


def data(contract: str, function: str, *arguments: object) -> bytes:
    """Call data of any function."""
    signature = signatures(contract)[function]
    inputs = signature[signature.index("(") + 1 : -1]
    return keccak(signature.encode())[:4] + encode(inputs.split(",") if inputs else [], arguments)


def changing(contract: str) -> set[str]:
    return {
        entry["name"]
        for entry in artifacts.load(contract).abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }


def selectors(contract: str) -> list[bytes]:
    found = signatures(contract)
    return [keccak(found[name].encode())[:4] for name in changing(contract)]


Calls = Callable[[Stage], Sequence[tuple[str, str, tuple[object, ...]]]]


def _on_each(stage: Stage, function: str, *arguments: object) -> list[tuple[str, str, tuple[object, ...]]]:
    return [("AccessManager", function, (address, *arguments)) for address in stage.chain.deployment.contracts.values()]


def _pause(stage: Stage, *, paused: bool) -> tuple[bytes, bytes]:
    registry = stage.chain.deployment.contracts["ConsentRegistry"]
    return registry, data("ConsentRegistry", "pauseGrants", paused)


# Who holds an admin's key can call these in any order; what is given here is the worst argument we could think of.
POWERS: Mapping[str, Calls] = {
    "labelRole": lambda _: [("AccessManager", "labelRole", (ROLE, "patients"))],
    "grantRole": lambda stage: [("AccessManager", "grantRole", (ADMIN_ROLE, stage.signer("stranger"), 0))],
    "revokeRole": lambda stage: [("AccessManager", "revokeRole", (ADMIN_ROLE, stage.signer("stranger")))],
    "renounceRole": lambda stage: [
        ("AccessManager", "grantRole", (ROLE, stage.signer("consortium"), 0)),
        ("AccessManager", "renounceRole", (ROLE, stage.signer("consortium"))),
    ],
    "setRoleAdmin": lambda _: [("AccessManager", "setRoleAdmin", (ROLE, PUBLIC_ROLE))],
    "setRoleGuardian": lambda _: [("AccessManager", "setRoleGuardian", (ROLE, PUBLIC_ROLE))],
    "setGrantDelay": lambda _: [("AccessManager", "setGrantDelay", (ROLE, 0))],
    "setTargetAdminDelay": lambda stage: _on_each(stage, "setTargetAdminDelay", 0),
    "setTargetFunctionRole": lambda stage: [
        ("AccessManager", "setTargetFunctionRole", (address, selectors(name), PUBLIC_ROLE))
        for name, address in stage.chain.deployment.contracts.items()
    ],
    "setTargetClosed": lambda stage: [
        *_on_each(stage, "setTargetClosed", True),
        *_on_each(stage, "setTargetClosed", False),
    ],
    "execute": lambda stage: [
        ("AccessManager", "execute", _pause(stage, paused=True)),
        ("AccessManager", "execute", _pause(stage, paused=False)),
    ],
    "schedule": lambda stage: [("AccessManager", "schedule", (*_pause(stage, paused=True), 0))],
    "cancel": lambda stage: [("AccessManager", "cancel", (stage.signer("consortium"), *_pause(stage, paused=True)))],
    "consumeScheduledOp": lambda stage: [
        ("AccessManager", "consumeScheduledOp", (stage.signer("consortium"), _pause(stage, paused=True)[1]))
    ],
    "multicall": lambda _: [("AccessManager", "multicall", ([data("AccessManager", "labelRole", ROLE, "x")],))],
    "updateAuthority": lambda stage: [
        (
            "AccessManager",
            "updateAuthority",
            (stage.chain.deployment.contracts["ConsentRegistry"], stage.chain.deployment.addresses["AccessManager"]),
        )
    ],
}


def test_every_power_of_the_access_manager_is_used():
    assert set(POWERS) == changing("AccessManager")


def consenting(stage: Stage) -> tuple[Patient, list[ConsentAct]]:
    """A patient with three consents."""
    patient = Patient()
    stage.scene.must(stage.scene.enrolment(patient))
    consents = [stage.scene.consent(patient) for _ in range(3)]
    stage.scene.must(*consents)
    return patient, consents


def assert_withdraws(stage: Stage, patient: Patient, consents: Sequence[ConsentAct]) -> None:
    """The patient's consents come to their end, one and then all, carried by somebody whom nobody knows."""
    [ended] = stage.send("stranger", stage.scene.withdrawal(patient, consents[0].id)).events
    assert isinstance(ended, events.ConsentWithdrawn)
    assert stage.send("stranger", stage.scene.withdrawal_of_all(patient)).events
    held = stage.world().consents(patient.subject)
    assert held
    assert {consent.state for consent in held} == {ConsentState.WITHDRAWN}


@pytest.mark.parametrize("power", POWERS)
def test_no_power_of_the_access_manager_reaches_a_consent(guarded: Stage, power: str):
    calls = POWERS[power](guarded)
    patients = [consenting(guarded) for _ in calls]
    used = 0
    for (contract, function, arguments), (patient, consents) in zip(calls, patients, strict=True):
        attempt = guarded.call("consortium", contract, data(contract, function, *arguments))
        if attempt.receipt.succeeded:
            assert attempt.receipt.logs, "what an admin does is seen"
            used += 1
        assert_withdraws(guarded, patient, consents)
    assert used or power in {"schedule", "cancel", "consumeScheduledOp"}, "the power was used"


def test_nobody_else_has_any_power_over_the_access_manager(guarded: Stage):
    for power, calls in POWERS.items():
        if power in {"multicall", "renounceRole"}:
            continue  # anybody may, for themselves
        for contract, function, arguments in calls(guarded):
            attempt = guarded.call("relayer", contract, data(contract, function, *arguments))
            assert not attempt.receipt.succeeded, power
            assert not attempt.receipt.logs


def test_a_pause_stops_grants_and_no_withdrawal_and_is_seen(guarded: Stage):
    patient = Patient()
    guarded.scene.must(guarded.scene.enrolment(patient))
    held, other = guarded.scene.consent(patient), guarded.scene.consent(patient)
    guarded.scene.must(held, other)
    [paused] = guarded.call("consortium", "ConsentRegistry", data("ConsentRegistry", "pauseGrants", PAUSE)).events
    assert paused == events.GrantsPaused(paused=True)
    try:
        refused = guarded.send("relayer", guarded.scene.consent(patient))
        assert (refused.changed_nothing, refused.refusal) == (True, "ConsentRegistry__GrantsPaused")
        [ended] = guarded.send("stranger", guarded.scene.withdrawal(patient, held.id)).events
        assert isinstance(ended, events.ConsentWithdrawn)
        assert guarded.send("stranger", guarded.scene.withdrawal_of_all(patient)).events
        [stopped] = guarded.send("relayer", guarded.scene.withdrawal(patient, b"\x01" * 32)).events
        assert stopped.version == 0, "an id is spent in advance, paused or not"
    finally:
        [back] = guarded.call("consortium", "ConsentRegistry", data("ConsentRegistry", "pauseGrants", RESUME)).events
    assert back == events.GrantsPaused(paused=False)


@pytest.mark.parametrize("name", ["relayer", "custodian", "other institution", "reviewer", "engine", "stranger"])
def test_nobody_else_pauses(guarded: Stage, name: str):
    attempt = guarded.call(name, "ConsentRegistry", data("ConsentRegistry", "pauseGrants", PAUSE))
    assert attempt.changed_nothing
    for contract in ("ConsentRegistry", "Directory"):
        attempt = guarded.call(name, contract, data(contract, "setAuthority", guarded.signer(name)))
        assert attempt.changed_nothing


def test_suspending_an_institution_takes_no_consent_away(guarded: Stage):
    """It stops the studies of the institution, which is meant; the patients' acts go on."""
    request = guarded.scene.request()
    assert guarded.ask(request).outcome is Outcome.PERMIT
    [event] = guarded.send("consortium", InstitutionSuspension(id=guarded.scene.institution, state=2)).events
    assert event == events.InstitutionStateChanged(guarded.scene.institution, 2)
    try:
        assert guarded.ask(request).outcome is Outcome.DENY
        extra = guarded.scene.consent(guarded.victim)
        assert guarded.send("stranger", extra).events, "a patient can still consent"
        assert guarded.send("stranger", guarded.scene.withdrawal(guarded.victim, extra.id)).events
    finally:
        guarded.scene.must(InstitutionSuspension(id=guarded.scene.institution, state=1))


# --- what is not in the code cannot be called -----------------------------------------------------------------------

PUSH1, PUSH32 = 0x60, 0x7F
FORBIDDEN = {0xFF: "SELFDESTRUCT", 0xF4: "DELEGATECALL", 0xF2: "CALLCODE", 0xF0: "CREATE", 0xF5: "CREATE2"}


def opcodes(code: bytes) -> set[int]:
    """The operations in a contract's code, what they push left out."""
    found = set()
    place = 0
    while place < len(code):
        operation = code[place]
        found.add(operation)
        place += 1 + (operation - PUSH1 + 1 if PUSH1 <= operation <= PUSH32 else 0)
    return found


@pytest.mark.parametrize("contract", ["Directory", "ConsentRegistry", "AuditAnchor"])
def test_no_contract_can_be_replaced_or_destroyed(contract: str):
    """No proxy, no upgrade, no end. (The CALL that is there tells the AccessManager that a delay ran out.)"""
    code = bytes.fromhex(json.loads((ARTIFACTS / f"{contract}.json").read_text())["deployedBytecode"][2:])
    assert not {FORBIDDEN[op] for op in opcodes(code) & FORBIDDEN.keys()}
