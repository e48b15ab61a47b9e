"""Lost keys in the state machine: a custodian proposes, signers object or do not, anybody completes."""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from ledger.chain.keys import address_of
from ledger.domain import acts as kinds
from ledger.domain.projection import RecoveryState
from ledger.domain.vocabulary import FOREVER, Capacity
from tests.support.contract_model import (
    CLINIC,
    FORGER,
    FORM,
    HOSPITAL,
    KEY_OF,
    PEOPLE,
    RECOVERY_DELAY,
    SUBJECTS,
    TERMS,
    Machine,
    Pending,
    forged,
    often,
    people,
    subjects,
)
from tests.support.scene import NOTHING
from tests.support.worlds import key


class Recoveries(Machine):
    """Everybody is enrolled by the hospital; the clinic tries too."""

    def begin(self) -> None:
        super().begin()
        self.proposed: list[Pending] = []  # all there ever were, replaced, objected to and completed ones too

    @rule(
        subject=subjects,
        custodian=st.sampled_from([HOSPITAL] * 5 + [CLINIC]),
        whom=st.sampled_from(PEOPLE),
        capacity=st.sampled_from(Capacity),
        length=st.integers(0, 90),
        identified=often,
        fresh=often,
        forge=forged,
    )
    def propose_recovery(
        self,
        subject: bytes,
        custodian: bytes,
        whom: int,
        capacity: Capacity,
        length: int,
        *,
        identified: bool,
        fresh: bool,
        forge: bool,
    ) -> None:
        self.ground.wait(1)
        person = self.people[subject]
        spent = [name for name, held in person.ids.items() if held.version or held.spent]
        act = kinds.RecoveryProposal(
            subject=subject,
            id=self.new_id() if fresh or not spent else spent[-1],
            custodian=custodian,
            new_signer=address_of(key(whom)),
            capacity=int(capacity),
            since=self.ground.now,
            until=FOREVER if length > 60 else self.ground.now + length,
            form=FORM if identified else NOTHING,
            deadline=FOREVER,
        )
        expected = (
            not forge
            and bool(person.signers)
            and custodian == HOSPITAL
            and self.active[HOSPITAL]
            and (fresh or not spent)
            and identified
            and length > 0
        )
        if self.send(act, FORGER if forge else KEY_OF[custodian], expected=expected):
            person.held(act.id).spent = True
            person.pending = Pending(act, whom, self.ground.now + RECOVERY_DELAY)
            self.proposed.append(person.pending)

    @precondition(lambda self: self.proposed)
    @rule(subject=subjects, who=people, named=often, forge=forged)
    def object_to_recovery(self, subject: bytes, who: int, *, named: bool, forge: bool) -> None:
        self.ground.wait(1)
        person = self.people[subject]
        who, pending = person.someone(who), person.pending
        act = kinds.RecoveryObjection(
            subject=subject, id=pending.act.id if pending and named else self.new_id(), signer=address_of(key(who))
        )
        # paused or not, the custodian suspended or not
        expected = not forge and person.may(who, self.ground.now) and pending is not None and named
        if self.send(act, FORGER if forge else who, expected=expected):
            person.pending = None

    @precondition(lambda self: self.proposed)
    @rule(
        place=st.integers(0, 1 << 30),
        last=often,
        altered=forged,
        early=st.sampled_from([0, 0, 0, 1, RECOVERY_DELAY]),
    )
    def complete_recovery(self, place: int, early: int, *, last: bool, altered: bool) -> None:
        waiting = [person.pending for person in self.people.values() if person.pending]
        among = waiting if last and waiting else self.proposed
        pending = among[place % len(among)]
        self.ground.wait(max(1, pending.opens_at - early - self.ground.now))
        asked = pending.act
        person = self.people[asked.subject]
        act = kinds.RecoveryCompletion(
            subject=asked.subject,
            id=asked.id,
            custodian=asked.custodian,
            new_signer=asked.new_signer,
            capacity=asked.capacity,
            since=asked.since,
            until=asked.until,
            form=TERMS if altered else asked.form,
        )
        expected = (
            not altered
            and pending is person.pending
            and self.ground.now >= pending.opens_at
            and self.active[HOSPITAL]
            and pending.whom not in person.signers
        )
        if self.send(act, None, expected=expected):
            person.signers[pending.whom] = (Capacity(asked.capacity), asked.since, asked.until)
            person.pending = None

    @invariant()
    def the_events_tell_which_recovery_is_pending(self) -> None:
        for subject in SUBJECTS:
            told, pending = self.world.recovery(subject), self.people[subject].pending
            if pending is None:
                assert told is None or told.state is not RecoveryState.PENDING
            else:
                assert told is not None
                assert told.state is RecoveryState.PENDING
                assert (told.id, told.opens_at) == (pending.act.id, pending.opens_at)
