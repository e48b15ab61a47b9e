"""The contracts' rules as a state machine: people, admins and relayers do anything in any order, and time passes.

A model of the rules (docs/consent.md, contracts/README.md) foretells of every act whether it is taken; what the chain
tells in events is projected into a ``World`` as the mirror does. After each step the two say the same, and the
contract decides as ``policy.decide`` does on what the events told. Rules 1 to 6 and 8 of contracts/README.md:

    1  no consent without a signature in authority        Person.may, every act
    2  ids once, versions by one, withdrawn is terminal    Held, record
    3  withdrawals are never paused                        withdraw, withdraw_all while _paused
    4  a head is anchored if it extends the last           anchor
    5  accesses only with a head, for known engines        anchor
    6  no admin forges, changes or hides                   forged signatures, pause, suspend
    8  the events tell all that storage holds              the invariants

``CONSENTRY_LONG=1`` plays for some minutes instead of some seconds.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from ledger.bootstrap import SystemClock
from ledger.chain.keys import CONSORTIUM, RELAYER, KeyRing, address_of
from ledger.chain.opening import deploy_rpc
from ledger.domain import acts as kinds
from ledger.domain import events as ev
from ledger.domain import policy
from ledger.domain.accesses import pack_entries
from ledger.domain.consent import ConsentState
from ledger.domain.policy import Request
from ledger.domain.vocabulary import FOREVER, Capacity, Effect, Purpose
from ledger.transparency.tree import Tree
from tests.support.anvil import MISSING, Anvil, find_anvil
from tests.support.contract_datasets import Datasets
from tests.support.contract_model import (
    CLINIC,
    CLINIC_KEY,
    ENGINE,
    FORGER,
    FORM,
    HOSPITAL,
    HOSPITAL_KEY,
    PEOPLE,
    RECOVERY_DELAY,
    STRANGER,
    STUDY,
    SUBJECTS,
    TERMS,
    Person,
    ahead,
    forged,
    often,
    people,
    subjects,
)
from tests.support.contract_recoveries import Recoveries
from tests.support.ground import EvmGround, Ground, NodeGround
from tests.support.scene import NOTHING, any_scope
from tests.support.worlds import key

NOW = 1_800_000_000
LONG = bool(os.environ.get("CONSENTRY_LONG"))
MAX_SKEW = 300
REQUESTS = [Request(STUDY, ENGINE, operation, categories) for operation, categories in ((1, 1), (2, 3))]

names = st.integers(0, 5)


class ContractMachine(Recoveries, Datasets):
    """Plays on ``ground``; made by the tests below, one class a ground."""

    def begin(self) -> None:
        super().begin()
        self.leaves: list[bytes] = []
        self.anchored = 0

    # ------------------------------------------------------------------ people

    @rule(
        subject=subjects,
        who=st.sampled_from([*PEOPLE, STRANGER]),
        capacity=st.sampled_from(Capacity),
        length=st.integers(-1, 60),
        forge=forged,
    )
    def enrol(self, subject: bytes, who: int, capacity: Capacity, length: int, *, forge: bool) -> None:
        self.ground.wait(1)
        until = FOREVER if length > 40 else self.ground.now + length
        act = kinds.Enrolment(
            subject=subject,
            custodian=HOSPITAL,
            first_signer=address_of(key(who)),
            capacity=int(capacity),
            since=self.ground.now - 1,
            until=until,
            form=FORM,
            deadline=FOREVER,
        )
        person = self.people[subject]
        expected = not forge and not person.signers and self.active[HOSPITAL] and length > -1
        if self.send(act, CLINIC_KEY if forge else HOSPITAL_KEY, expected=expected):
            person.signers[who] = (capacity, act.since, until)

    @rule(
        subject=subjects,
        who=people,
        name=names,
        step=ahead,
        issued=st.sampled_from([0, 0, 0, 0, -5, MAX_SKEW, MAX_SKEW + 1]),
        effect=st.sampled_from([Effect.PERMIT, Effect.PERMIT, Effect.DENY]),
        valid=st.integers(-10, 60),
        form=st.booleans(),
        forge=forged,
    )
    def record(
        self,
        subject: bytes,
        who: int,
        name: int,
        step: int,
        issued: int,
        effect: Effect,
        valid: int,
        *,
        form: bool,
        forge: bool,
    ) -> None:
        self.ground.wait(1)
        person, named = self.people[subject], bytes([0xC0 + name]) * 32
        who = person.someone(who)
        held, now = person.held(named), self.ground.now
        scope = any_scope(
            TERMS,
            effect=int(effect),
            operations=1 + name,
            purposes=int(Purpose.GRU),
            valid_from=max(0, now + min(valid, 0)),
            valid_until=FOREVER if valid > 40 else now + max(valid, 1),
        )
        act = kinds.ConsentAct(
            subject=subject,
            id=named,
            version=held.version + step,
            scope=scope,
            form=FORM if form else NOTHING,
            issued_at=now + issued,
            deadline=FOREVER,
            signer=address_of(key(who)),
        )
        expected = (
            not self.paused
            and not forge
            and person.may(who, self.ground.now)
            and step == 1
            and not held.spent
            and person.stopped_at < act.issued_at <= now + MAX_SKEW
            and (form or person.signers[who][0] is not Capacity.STAFF)
        )
        if self.send(act, FORGER if forge else who, expected=expected):
            held.version += 1

    @rule(subject=subjects, who=people, name=names, forge=forged)
    def withdraw(self, subject: bytes, who: int, name: int, *, forge: bool) -> None:
        self.ground.wait(1)
        person, named = self.people[subject], bytes([0xC0 + name]) * 32
        who = person.someone(who)
        held = person.held(named)
        act = kinds.Withdrawal(subject=subject, id=named, signer=address_of(key(who)))
        expected = not forge and person.may(who, self.ground.now) and not held.spent  # paused or not
        if self.send(act, FORGER if forge else who, expected=expected):
            held.spent = True

    @rule(subject=subjects, who=people, forge=st.sampled_from([False, False, True]), chance=st.integers(0, 3))
    def withdraw_all(self, subject: bytes, who: int, chance: int, *, forge: bool) -> None:
        if chance:
            return
        self.ground.wait(1)
        person = self.people[subject]
        who = person.someone(who)
        act = kinds.WithdrawalOfAll(subject=subject, id=self.new_id(), deadline=FOREVER, signer=address_of(key(who)))
        expected = not forge and person.may(who, self.ground.now)
        if self.send(act, FORGER if forge else who, expected=expected):
            person.stopped_at = self.ground.now
            person.held(act.id).spent = True
            for held in person.ids.values():
                held.spent = held.spent or held.version > 0

    @rule(
        subject=subjects,
        who=people,
        whom=st.sampled_from(PEOPLE),
        capacity=st.sampled_from(Capacity),
        since=st.integers(-5, 5),
        length=st.integers(0, 60),
        forge=forged,
    )
    def add_signer(
        self, subject: bytes, who: int, whom: int, capacity: Capacity, since: int, length: int, *, forge: bool
    ) -> None:
        self.ground.wait(1)
        person, start = self.people[subject], self.ground.now + since
        who = person.someone(who)
        act = kinds.SignerAddition(
            subject=subject,
            id=self.new_id(),
            new_signer=address_of(key(whom)),
            capacity=int(capacity),
            since=start,
            until=FOREVER if length > 40 else start + length,
            form=FORM,
            deadline=FOREVER,
            signer=address_of(key(who)),
        )
        expected = (
            not forge
            and self._may_change_signers(person, who)
            and self._may_give(person, who, act)
            and whom not in person.signers
            and length > 0
        )
        if self.send(act, FORGER if forge else who, expected=expected):
            person.signers[whom] = (capacity, act.since, act.until)
            person.held(act.id).spent = True

    @rule(subject=subjects, who=people, whom=st.sampled_from(PEOPLE), forge=forged)
    def remove_signer(self, subject: bytes, who: int, whom: int, *, forge: bool) -> None:
        self.ground.wait(1)
        person = self.people[subject]
        who = person.someone(who)
        act = kinds.SignerRemoval(
            subject=subject,
            id=self.new_id(),
            old_signer=address_of(key(whom)),
            deadline=FOREVER,
            signer=address_of(key(who)),
        )
        expected = (
            not forge and self._may_change_signers(person, who) and whom in person.signers and len(person.signers) > 1
        )
        if self.send(act, FORGER if forge else who, expected=expected):
            del person.signers[whom]
            person.held(act.id).spent = True

    # ------------------------------------------------------------------ those with power

    @rule(paused=st.sampled_from([False, False, True]))
    def pause(self, *, paused: bool) -> None:
        self.ground.wait(1)
        events = self.ground.pause(paused=paused)
        assert events == ([] if paused == self.paused else [ev.GrantsPaused(paused=paused)])
        self.see(events)
        self.paused = paused

    @rule(institution=st.sampled_from([HOSPITAL, CLINIC]), active=often)
    def suspend(self, institution: bytes, *, active: bool) -> None:
        self.ground.wait(1)
        act = kinds.InstitutionSuspension(id=institution, state=1 if active else 2)
        events = self.ground.send([act])
        assert bool(events) == (active != self.active[institution])
        self.see(events)
        self.active[institution] = active

    @rule(which=st.integers(0, 1 << 30))
    def replay(self, which: int) -> None:
        """Whatever was taken is not taken again, whatever happened since."""
        if self.taken:
            self.ground.wait(1)
            events = self.ground.send([self.taken[which % len(self.taken)]])
            assert all(isinstance(event, ev.ActRefused) for event in events)
            self.see(events)

    @rule(
        more=st.integers(0, 3),
        fork=st.sampled_from([False, False, False, True]),
        forge=forged,
        engine=st.sampled_from([ENGINE, ENGINE, CLINIC]),
        index=st.integers(0, 12),
        accesses=st.integers(0, 2),
    )
    def anchor(self, more: int, engine: bytes, index: int, accesses: int, *, fork: bool, forge: bool) -> None:
        self.ground.wait(1)
        leaves = [*self.leaves, *(self.new_id() for _ in range(more))]
        if fork and self.anchored:
            leaves[self.anchored - 1] = self.new_id()
        size, tree = len(leaves), Tree()
        tree.extend(leaves)
        proof = tree.consistency_proof(self.anchored, size) if 0 < self.anchored < size else []
        entries = pack_entries((index + place, FORM) for place in range(accesses))
        groups = (kinds.Accesses(study=STUDY, engine=engine, entries=entries),) if accesses else ()
        act = kinds.Anchoring(
            log=HOSPITAL, size=size, root=tree.root() if size else NOTHING, proof=tuple(proof), accesses=groups
        )
        honest = not fork or not self.anchored
        known = not accesses or (engine == ENGINE and index + accesses <= size)
        expected = not forge and size > self.anchored and honest and known
        if self.send(act, CLINIC_KEY if forge else HOSPITAL_KEY, expected=expected):
            self.leaves, self.anchored = leaves, size

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.ground.wait(seconds)

    # ------------------------------------------------------------------ what must hold

    @invariant()
    def the_events_tell_what_the_rules_say(self) -> None:
        for subject, person in self.people.items():
            told = {held.id: held for held in self.world.consents(subject) or ()}
            expected = {name: held for name, held in person.ids.items() if held.version}
            assert told.keys() == expected.keys()
            for name, held in expected.items():
                assert told[name].version == held.version
                assert (told[name].state is ConsentState.WITHDRAWN) == held.spent
            for who in PEOPLE:
                authority = self.world.authority(subject, address_of(key(who)))
                told_of = (
                    (authority.capacity, authority.since, authority.until) if authority and authority.active else None
                )
                assert told_of == person.signers.get(who)
        head = self.world.facts.get(("Head", HOSPITAL, b""))
        assert (head.size if head else 0) == self.anchored

    @invariant()
    def the_contract_decides_as_the_rule_does_on_what_the_events_told(self) -> None:
        for subject in SUBJECTS:
            for request in REQUESTS:
                for at in (self.ground.now, self.ground.now + 10):
                    expected = policy.decide(request, self.world.setting(request), self.world.consents(subject), at)
                    assert self.ground.decide(self.world, subject, request, at) == expected

    # ------------------------------------------------------------------ helpers

    def _may_change_signers(self, person: Person, who: int) -> bool:
        return person.may(who, self.ground.now) and person.signers[who][0] is not Capacity.STAFF

    def _may_give(self, person: Person, who: int, act: kinds.SignerAddition) -> bool:
        """Nobody who acts for another gives more than they have."""
        capacity, since, until = person.signers[who]
        return capacity not in (Capacity.GUARDIAN, Capacity.PROXY) or (since <= act.since and act.until <= until)


QUIET = settings(deadline=None, suppress_health_check=list(HealthCheck))


def test_on_an_evm_in_this_process():
    class OnEvm(ContractMachine):
        def new_ground(self) -> Ground:
            return EvmGround(NOW, RECOVERY_DELAY)

    run_state_machine_as_test(
        OnEvm, settings=settings(QUIET, max_examples=2_000 if LONG else 100, stateful_step_count=50)
    )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeGround]:
    if find_anvil() is None:
        pytest.skip(MISSING)
    anvil = Anvil(tmp_path / "anvil", "--gas-limit", "60000000")
    ring = KeyRing(tmp_path / "home" / "keys")
    for role in (RELAYER, CONSORTIUM):
        anvil.fund(address_of(ring.named(role)))
    chain = deploy_rpc(anvil.url, tmp_path / "home", SystemClock(), recovery_delay=RECOVERY_DELAY)
    yield NodeGround(anvil, chain, ring)
    chain.close()
    anvil.stop()


@pytest.mark.enable_socket
def test_on_a_node(node: NodeGround):
    class OnNode(ContractMachine):
        def new_ground(self) -> Ground:
            return node.restart()

    run_state_machine_as_test(OnNode, settings=settings(QUIET, max_examples=200 if LONG else 5, stateful_step_count=30))
