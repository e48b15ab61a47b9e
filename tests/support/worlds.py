"""Random worlds for the decision rule: a directory, subjects with consents of all shapes, and questions to them.

Everything is drawn from one ``random.Random``, so that hypothesis can drive it (and make a failing world small) and a
seed can repeat it. Times, windows and masks come from small pools: questions fall on the edges often, and dimensions
match often enough that every reason comes up.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

from coincurve import PrivateKey

from ledger.chain.keys import address_of
from ledger.domain.acts import (
    Act,
    ConsentAct,
    EngineRegistration,
    EngineRevocation,
    Enrolment,
    InstitutionAdmission,
    InstitutionSuspension,
    ReviewerNaming,
    SignerAddition,
    StudyApproval,
    StudyProposal,
    StudyTransition,
    TermsPublication,
    Withdrawal,
    WithdrawalOfAll,
)
from ledger.domain.consent import Scope, pack_diseases
from ledger.domain.events import Event
from ledger.domain.policy import Request
from ledger.domain.vocabulary import (
    ANY16,
    ANY32,
    FOREVER,
    KNOWN_CATEGORIES,
    KNOWN_OPERATIONS,
    Capacity,
    Condition,
    Effect,
    Purpose,
    RecipientKind,
    Use,
)
from tests.support.revm import Revm

NOW = 1_800_000_000
TIMES = (0, NOW - 5, NOW, NOW + 1, NOW + 2, NOW + 5, NOW + 9, FOREVER)
DATA = (0, 10, 20, 30, FOREVER)
CLOSURES = ((1, 2, 3), (2, 3), (3,), (4, 3), (5,), ((1 << 32) - 1, 5))
CODES = (1, 2, 3, 4, 5, (1 << 32) - 1)
OPERATIONS = (1, 2, 128, 256)
CATEGORIES = (1, 2, 128, 1 << 15)
_KEYS: dict[int, PrivateKey] = {}


def key(number: int) -> PrivateKey:
    """Test key ``number``."""
    if number not in _KEYS:
        _KEYS[number] = PrivateKey((number + 1).to_bytes(32, "big"))
    return _KEYS[number]


def signer(number: int) -> bytes:
    """Its ERC-7913 form: an address."""
    return address_of(key(number))


@dataclass
class Played:
    """A world that was played on an EVM: what happened, and what can be asked about."""

    evm: Revm
    events: list[Event] = field(default_factory=list)
    subjects: list[bytes] = field(default_factory=list)
    studies: list[bytes] = field(default_factory=list)
    engines: list[bytes] = field(default_factory=list)


class WorldMaker:
    """Draws a world and plays it, act by signed act.

    Args:
        random: Where everything is drawn from.
        evm: The contracts, fresh or as earlier worlds left them.
        label: Tells the ids of this world from those of others on the same EVM; two bytes.
    """

    def __init__(self, random: Random, evm: Revm, label: int = 0) -> None:
        self.random = random
        self.evm = evm
        self._label = label
        self._count = 0
        self.played = Played(evm)

    def make(self, subjects: int = 4, consents: int = 5) -> Played:
        """Directory first, then subjects with up to ``consents`` consents each."""
        self._directory()
        self._people(subjects)
        for subject in self._people_of:
            self._consents(subject, self.random.randint(0, consents))
        self._send_consents()
        self._end_directory()
        return self.played

    # --- drawing ------------------------------------------------------------------------------------------------------

    def id(self) -> bytes:
        """A new id; its order says nothing about when it was made."""
        self._count += 1
        return bytes([self.random.randint(1, 200), *self._label.to_bytes(4, "big")]) + self._count.to_bytes(27, "big")

    def some(self, pool: Iterable[int]) -> int:
        """The union of one or two bits of a pool, mostly."""
        bits = list(pool)
        mask = self.random.choice(bits)
        return mask | self.random.choice(bits) if self.random.random() < 0.4 else mask

    def window(self, pool: tuple[int, ...], wide: float) -> tuple[int, int]:
        """Two different times of a pool; the whole of it with the probability ``wide``."""
        if self.random.random() < wide:
            return pool[0], pool[-1]
        first = self.random.randrange(len(pool) - 1)
        return pool[first], pool[self.random.randrange(first + 1, len(pool))]

    def scope(self) -> Scope:
        """A sound scope of any shape."""
        r = self.random
        deny = r.random() < 0.2
        purposes = ANY16 if r.random() < 0.3 else Purpose.DS if r.random() < 0.2 else self.some(Purpose)
        if deny and purposes != ANY16:
            purposes = purposes & ~Purpose.DS or Purpose.HMB
        diseases = 0
        if purposes != ANY16 and purposes & Purpose.DS:
            diseases = pack_diseases({r.choice(CODES) for _ in range(r.randint(1, 3))})
        kind, recipient = RecipientKind.ANY, bytes(32)
        if r.random() < 0.15:
            kind, recipient = RecipientKind.STUDY, r.choice(self.played.studies)
        elif r.random() < 0.2:
            kind, recipient = RecipientKind.INSTITUTION, r.choice(self._institutions)
        valid_from, valid_until = self.window(TIMES, wide=0.4)
        data_from, data_until = self.window(DATA, wide=0.75)
        conditions = ANY16 if r.random() < 0.6 else self.some(Condition) if deny or r.random() < 0.5 else 0
        return Scope(
            effect=Effect.DENY if deny else Effect.PERMIT,
            recipient_kind=kind,
            recipient=recipient,
            purposes=int(purposes),
            conditions=int(conditions),
            operations=ANY16 if r.random() < 0.5 else self.some(OPERATIONS),
            categories=ANY32 if r.random() < 0.5 else self.some(CATEGORIES),
            valid_from=valid_from,
            valid_until=valid_until,
            data_from=data_from,
            data_until=data_until,
            diseases=diseases,
            terms=r.choice(self._terms),
        )

    def request(self) -> Request:
        """A question; a sound one mostly."""
        r = self.random
        data_from, data_until = self.window(DATA, wide=0.3)
        study = r.choice(self.played.studies)
        own = [engine for engine in self.played.engines if self._owners[engine] == self._owners[study]]
        request = Request(
            study=study,
            engine=r.choice(own) if r.random() < 0.9 else r.choice(self.played.engines),
            operation=r.choice(OPERATIONS),
            categories=self.some(CATEGORIES),
            data_from=data_from,
            data_until=data_until,
        )
        if r.random() < 0.12:
            request = r.choice(
                (
                    replace(request, study=self.id()),
                    replace(request, engine=self.id()),
                    replace(request, operation=r.choice((0, 3, 1 << 9, KNOWN_OPERATIONS, ANY16))),
                    replace(request, categories=r.choice((0, 1 << 16, ANY32))),
                    replace(request, categories=KNOWN_CATEGORIES),
                    replace(request, data_from=data_until, data_until=data_from),
                    replace(request, data_until=data_from),
                )
            )
        return request

    def instant(self) -> int:
        """When it is asked: on an edge, or next to one."""
        at = self.random.choice(TIMES if self.random.random() < 0.2 else TIMES[2:6])
        return min(max(at + self.random.choice((-1, 0, 0, 1)), 0), FOREVER)

    # --- playing ------------------------------------------------------------------------------------------------------

    def _play(self, acts: list[Act]) -> None:
        self.played.events += self.evm.play(acts)

    def _directory(self) -> None:
        r, sign = self.random, self.evm.signed
        self._institutions = [self.id() for _ in range(2)]
        self._owners: dict[bytes, int] = {}
        reviewer = self.id()
        self._terms = [self.id() for _ in range(3)]
        self._play(
            [
                InstitutionAdmission(id=institution, name=f"institution {place}", signer=signer(place))
                for place, institution in enumerate(self._institutions)
            ]
        )
        self._play([ReviewerNaming(id=reviewer, name="board", signer=signer(90), active=True)])
        self._play(
            [
                TermsPublication(hash=text, version=version, language="en", uri="")
                for version, text in enumerate(self._terms, start=1)
            ]
        )
        for _ in range(4):
            owner = r.randrange(2)
            study, state = self.id(), 3 if r.random() < 0.85 else r.choice((1, 2, 4, 5))
            uses = Use.DISEASE if r.random() < 0.25 else self.some(Use)
            proposal = StudyProposal(
                id=study,
                institution=self._institutions[owner],
                title="study",
                uses=uses,
                conditions=0 if r.random() < 0.5 else self.some(Condition),
                required_terms=r.choice((0, 1, 1, 2, 3)),
                ethics=self.id(),
                ethics_until=FOREVER if r.random() < 0.6 else r.choice(TIMES[1:]),
                diseases=tuple(r.choice(CLOSURES) for _ in range(r.randint(1, 2))) if uses & Use.DISEASE else (),
                deadline=FOREVER,
            )
            self._play([sign(proposal, key(owner))])
            self.played.studies.append(study)
            self._owners[study] = owner
            if state > 1:
                self._play([sign(StudyApproval(id=study, reviewer=reviewer, deadline=FOREVER), key(90))])
            for old, new in {3: ((2, 3),), 4: ((2, 3), (3, 4)), 5: ((2, 5),)}.get(state, ()):
                move = StudyTransition(id=study, from_state=old, to_state=new, deadline=FOREVER)
                self._play([sign(move, key(owner))])
        for place in range(3):
            owner = place % 2 if place < 2 else r.randrange(2)
            engine = self.id()
            registration = EngineRegistration(
                id=engine,
                institution=self._institutions[owner],
                name="engine",
                signer=signer(50 + place),
                operations=KNOWN_OPERATIONS if r.random() < 0.8 else self.some(OPERATIONS),
                deadline=FOREVER,
            )
            self._play([sign(registration, key(owner))])
            self.played.engines.append(engine)
            self._owners[engine] = owner
            if r.random() < 0.1:
                self._play([sign(EngineRevocation(id=engine), key(owner))])

    def _people(self, count: int) -> None:
        r, sign = self.random, self.evm.signed
        self._people_of: dict[bytes, list[tuple[int, Capacity]]] = {}
        enrolments: list[Act] = []
        additions: list[Act] = []
        for place in range(count):
            subject, owner, first = self.id(), r.randrange(2), 100 + place
            capacity = r.choice(tuple(Capacity))
            since, until = r.choice((0, NOW)), FOREVER if r.random() < 0.5 else r.choice(TIMES[4:])
            enrolments.append(
                sign(
                    Enrolment(
                        subject=subject,
                        custodian=self._institutions[owner],
                        first_signer=signer(first),
                        capacity=capacity,
                        since=since,
                        until=until,
                        form=self.id(),
                        deadline=FOREVER,
                    ),
                    key(owner),
                )
            )
            self._people_of[subject] = [(first, capacity)]
            if capacity is not Capacity.STAFF and r.random() < 0.3:
                guardian = 10_000 + place
                end = FOREVER if r.random() < 0.5 else r.choice(TIMES[4:])
                bound = capacity in (Capacity.GUARDIAN, Capacity.PROXY)  # nobody gives more than they have
                addition = SignerAddition(
                    subject=subject,
                    id=self.id(),
                    new_signer=signer(guardian),
                    capacity=Capacity.GUARDIAN,
                    since=since if bound else 0,
                    until=min(end, until) if bound else end,
                    form=bytes(32),
                    deadline=FOREVER,
                    signer=signer(first),
                )
                additions.append(sign(addition, key(first)))
                self._people_of[subject].append((guardian, Capacity.GUARDIAN))
        self._play(enrolments)
        self._play(additions)
        self.played.subjects += self._people_of
        self._acts: dict[str, list[Act]] = {
            "first": [],
            "amended": [],
            "again": [],
            "ended": [],
            "stopped": [],
            "late": [],
        }

    def _consents(self, subject: bytes, count: int) -> None:
        r = self.random
        stops = r.random() < 0.15
        for _ in range(count):
            who, _capacity = r.choice(self._people_of[subject])
            consent = self.id()
            self._acts["first"].append(self._grant(subject, consent, 1, who))
            if r.random() < 0.25:
                self._acts["amended"].append(self._grant(subject, consent, 2, who))
                if r.random() < 0.3:
                    self._acts["again"].append(self._grant(subject, consent, 3, who))
            if r.random() < 0.15:
                withdrawal = Withdrawal(subject=subject, id=consent, signer=signer(who))
                self._acts["ended"].append(self.evm.signed(withdrawal, key(who)))
        if stops:
            who, _capacity = r.choice(self._people_of[subject])
            stop = WithdrawalOfAll(subject=subject, id=self.id(), deadline=FOREVER, signer=signer(who))
            self._acts["stopped"].append(self.evm.signed(stop, key(who)))
            if r.random() < 0.7:
                self._acts["late"].append(self._grant(subject, self.id(), 1, who, issued_at=NOW + 1))

    def _grant(self, subject: bytes, id: bytes, version: int, who: int, issued_at: int = NOW) -> Act:
        act = ConsentAct(
            subject=subject,
            id=id,
            version=version,
            scope=self.scope(),
            form=self.id(),
            issued_at=issued_at,
            deadline=FOREVER,
            signer=signer(who),
        )
        return self.evm.signed(act, key(who))

    def _send_consents(self) -> None:
        for acts in self._acts.values():
            self._play(acts)

    def _end_directory(self) -> None:
        if self.random.random() < 0.1:
            self._play([InstitutionSuspension(id=self.random.choice(self._institutions), state=2)])
