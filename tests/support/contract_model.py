"""What the contracts' rules say, in a few lines of Python, and the part of the state machine that all its rules share.

A rule foretells whether an act is taken, sends it, and changes the model where it was. ``Machine`` holds the model, the
chain it plays on, and the ``World`` that the chain's events tell.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from ledger.chain.keys import address_of
from ledger.domain import acts as kinds
from ledger.domain import events as ev
from ledger.domain.projection import World
from ledger.domain.vocabulary import FOREVER, Capacity
from tests.support.ground import Ground
from tests.support.worlds import key

HOSPITAL, CLINIC, REVIEWER, STUDY, ENGINE, TERMS, FORM = (bytes([number]) * 32 for number in range(1, 8))
HOSPITAL_KEY, CLINIC_KEY, REVIEWER_KEY, ENGINE_KEY, STRANGER, FORGER = 1, 2, 3, 4, 5, 6
KEY_OF = {HOSPITAL: HOSPITAL_KEY, CLINIC: CLINIC_KEY}
SUBJECTS = [bytes([0x50 + number]) * 32 for number in range(2)]
PEOPLE = range(20, 24)  # keys that may come to act for a subject
RECOVERY_DELAY = 20

subjects = st.sampled_from(SUBJECTS)
people = st.integers(0, 9)  # see Person.someone
often = st.sampled_from([True] * 5 + [False])
ahead = st.sampled_from([1, 1, 1, 2, 0])
forged = st.sampled_from([False] * 7 + [True])


@dataclass
class Held:
    """What the rules say of one id of one subject."""

    version: int = 0
    spent: bool = False


@dataclass
class Pending:
    """A recovery that was proposed, for whom, and when it opens."""

    act: kinds.RecoveryProposal
    whom: int
    opens_at: int


@dataclass
class Person:
    """What the rules say of one subject."""

    signers: dict[int, tuple[Capacity, int, int]] = field(default_factory=dict)
    ids: dict[bytes, Held] = field(default_factory=dict)
    stopped_at: int = 0
    pending: Pending | None = None

    def held(self, id: bytes) -> Held:
        return self.ids.setdefault(id, Held())

    def someone(self, place: int) -> int:
        """Mostly one who was given authority, else anybody."""
        if self.signers and place < 7:
            return sorted(self.signers)[place % len(self.signers)]
        return [*PEOPLE, STRANGER][place % 5]

    def may(self, who: int, now: int) -> bool:
        """Whether somebody's authority holds."""
        if who not in self.signers:
            return False
        _, since, until = self.signers[who]
        return since <= now < until


class Machine(RuleBasedStateMachine):
    """Plays on ``ground``, which a test provides."""

    def new_ground(self) -> Ground:
        raise NotImplementedError

    @initialize()
    def found(self) -> None:
        self.ground = self.new_ground()
        self.world = World()
        self.people = {subject: Person() for subject in SUBJECTS}
        self.paused = False
        self.active = {HOSPITAL: True, CLINIC: True}
        self.taken: list[kinds.Act] = []
        self._fresh = 0
        self.begin()

    def begin(self) -> None:
        """Two institutions, a study, an engine, a text and one of the subjects are there when the play begins."""
        for act, by in self._founding():
            self.ground.wait(1)
            self.send(act, by, expected=True)
        self.taken.clear()  # the consortium may name a reviewer twice
        self.people[SUBJECTS[0]].signers[PEOPLE[0]] = (Capacity.SELF, 0, FOREVER)

    def send(self, act: kinds.Act, by: int | None, *, expected: bool) -> bool:
        """Whether the chain took the act, signed by a key or by nobody; it must where expected, and only there."""
        if by is not None:
            act = self.ground.signed(act, key(by))
        events = self.ground.send([act])
        taken = any(not isinstance(event, ev.ActRefused) for event in events)
        assert taken == expected, (act, events)
        self.see(events)
        if taken:
            self.taken.append(act)
        return taken

    def see(self, events: list[ev.Event]) -> None:
        for event in events:
            self.world.apply(event)

    def new_id(self) -> bytes:
        self._fresh += 1
        return b"\xf0" + self._fresh.to_bytes(31, "big")

    def _founding(self) -> list[tuple[kinds.Act, int | None]]:
        hospital, clinic, reviewer = (address_of(key(number)) for number in (HOSPITAL_KEY, CLINIC_KEY, REVIEWER_KEY))
        return [
            (kinds.InstitutionAdmission(id=HOSPITAL, name="hospital", signer=hospital), None),
            (kinds.InstitutionAdmission(id=CLINIC, name="clinic", signer=clinic), None),
            (kinds.ReviewerNaming(id=REVIEWER, name="board", signer=reviewer, active=True), None),
            (kinds.TermsPublication(hash=TERMS, version=1, language="en", uri=""), None),
            (
                kinds.StudyProposal(
                    id=STUDY,
                    institution=HOSPITAL,
                    title="study",
                    uses=1,
                    conditions=0,
                    required_terms=1,
                    ethics=FORM,
                    ethics_until=FOREVER,
                    diseases=(),
                    deadline=FOREVER,
                ),
                HOSPITAL_KEY,
            ),
            (kinds.StudyApproval(id=STUDY, reviewer=REVIEWER, deadline=FOREVER), REVIEWER_KEY),
            (kinds.StudyTransition(id=STUDY, from_state=2, to_state=3, deadline=FOREVER), HOSPITAL_KEY),
            (
                kinds.EngineRegistration(
                    id=ENGINE,
                    institution=HOSPITAL,
                    name="engine",
                    signer=address_of(key(ENGINE_KEY)),
                    operations=3,
                    deadline=FOREVER,
                ),
                HOSPITAL_KEY,
            ),
            (
                kinds.Enrolment(
                    subject=SUBJECTS[0],
                    custodian=HOSPITAL,
                    first_signer=address_of(key(PEOPLE[0])),
                    capacity=int(Capacity.SELF),
                    since=0,
                    until=FOREVER,
                    form=FORM,
                    deadline=FOREVER,
                ),
                HOSPITAL_KEY,
            ),
        ]
