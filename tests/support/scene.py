"""A small consortium on a chain, set up through the writer: institution, reviewer, study, engine, patients."""

import secrets
import time
from dataclasses import dataclass, field

import msgspec
from coincurve import PrivateKey

from ledger.chain.keys import address_of, sign_digest
from ledger.chain.opening import Chain
from ledger.domain.acts import (
    Act,
    ConsentAct,
    EngineRegistration,
    Enrolment,
    InstitutionAdmission,
    ReviewerNaming,
    StudyApproval,
    StudyProposal,
    StudyTransition,
    TermsPublication,
    Withdrawal,
    WithdrawalOfAll,
)
from ledger.domain.consent import Scope
from ledger.domain.outbox import Item, ItemState, Outcome, Transmission
from ledger.domain.policy import Request
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER

NOTHING = bytes(32)


def fresh() -> bytes:
    """A new id."""
    return secrets.token_bytes(32)


def any_scope(terms: bytes, **changes: object) -> Scope:
    """A permit of everything for everybody and ever, with changes."""
    fields = {
        "effect": 1,
        "recipient_kind": 1,
        "recipient": NOTHING,
        "purposes": ANY16,
        "conditions": ANY16,
        "operations": ANY16,
        "categories": ANY32,
        "valid_from": 0,
        "valid_until": FOREVER,
        "data_from": 0,
        "data_until": FOREVER,
        "diseases": 0,
        "terms": terms,
    }
    return Scope(**{**fields, **changes})


@dataclass
class Patient:
    """A subject with an own key."""

    subject: bytes = field(default_factory=fresh)
    key: PrivateKey = field(default_factory=PrivateKey)

    @property
    def signer(self) -> bytes:
        return address_of(self.key)


class Scene:
    """Everything that a consent needs, on one chain. ``now``: seconds UTC that deadlines are counted from."""

    def __init__(self, chain: Chain, now: int) -> None:
        self.chain = chain
        self.now = now
        self.deadline = now + 100_000
        self.institution, self.reviewer, self.study, self.engine, self.terms = (fresh() for _ in range(5))
        self.institution_key = chain.signer.create()
        self.reviewer_key = chain.signer.create()
        self._sequence = 0

    def founding(self) -> list[Act]:
        """The acts that set the scene, in order; the study is active after them."""
        sign = self.chain.signer.sign
        proposal = StudyProposal(
            id=self.study,
            institution=self.institution,
            title="Survival under treatment \N{GREEK SMALL LETTER ALPHA}",
            uses=1,
            conditions=0,
            required_terms=1,
            ethics=fresh(),
            ethics_until=self.now + 10**8,
            diseases=(),
            deadline=self.deadline,
        )
        registration = EngineRegistration(
            id=self.engine,
            institution=self.institution,
            name="OpenDP",
            signer=self.chain.signer.create(),
            operations=1,
            deadline=self.deadline,
        )
        approval = StudyApproval(id=self.study, reviewer=self.reviewer, deadline=self.deadline)
        start = StudyTransition(id=self.study, from_state=2, to_state=3, deadline=self.deadline)
        return [
            InstitutionAdmission(id=self.institution, name="Krankenhaus Süd", signer=self.institution_key),
            ReviewerNaming(id=self.reviewer, name="Ethics board", signer=self.reviewer_key, active=True),
            TermsPublication(hash=self.terms, version=1, language="en", uri="terms/1"),
            sign(proposal, self.institution_key),
            sign(approval, self.reviewer_key),
            sign(start, self.institution_key),
            sign(registration, self.institution_key),
        ]

    def found(self) -> "Scene":
        """Put the founding acts on the chain."""
        for act in self.founding():
            self.must(act)
        return self

    def enrolment(self, patient: Patient, **changes: object) -> Enrolment:
        act = Enrolment(
            subject=patient.subject,
            custodian=self.institution,
            first_signer=patient.signer,
            capacity=1,
            since=0,
            until=FOREVER,
            form=NOTHING,
            deadline=self.deadline,
        )
        return self.chain.signer.sign(msgspec.structs.replace(act, **changes), self.institution_key)

    def consent(self, patient: Patient, *, id: bytes | None = None, scope: Scope | None = None, **changes: object):
        act = ConsentAct(
            subject=patient.subject,
            id=id or fresh(),
            version=1,
            scope=scope or any_scope(self.terms),
            form=NOTHING,
            issued_at=self.now,
            deadline=self.deadline,
            signer=patient.signer,
        )
        return self.signed(msgspec.structs.replace(act, **changes), patient)

    def withdrawal(self, patient: Patient, id: bytes) -> Withdrawal:
        return self.signed(Withdrawal(subject=patient.subject, id=id, signer=patient.signer), patient)

    def withdrawal_of_all(self, patient: Patient) -> WithdrawalOfAll:
        act = WithdrawalOfAll(subject=patient.subject, id=fresh(), deadline=self.deadline, signer=patient.signer)
        return self.signed(act, patient)

    def signed(self, act, patient: Patient):
        return msgspec.structs.replace(act, signature=sign_digest(patient.key, self.chain.writer.digest(act)))

    def request(self, **changes: object) -> Request:
        return Request(**{"study": self.study, "engine": self.engine, "operation": 1, "categories": 1, **changes})

    def items(self, *acts: Act) -> list[Item]:
        """The acts as accepted items."""
        made = []
        for act in acts:
            self._sequence += 1
            made.append(Item(self._sequence, self.chain.writer.digest(act), act, ItemState.ACCEPTED, self.now))
        return made

    def carry(self, *acts: Act) -> tuple[Transmission, Outcome]:
        """One transaction with these acts, mined."""
        writer = self.chain.writer
        transmission = writer.prepare(self.items(*acts), writer.next_nonce(writer.sender_of(acts[0])))
        writer.send(transmission)
        for _ in range(1000):  # a node mines when it does; what is awaited here is the block, not a moment
            outcome = writer.outcome(transmission.hash)
            if outcome is not None:
                return transmission, outcome
            time.sleep(0.01)
        raise AssertionError(f"no block holds {transmission.hash.hex()}")

    def must(self, *acts: Act) -> tuple[Transmission, Outcome]:
        """Carry acts that the contracts must take."""
        transmission, outcome = self.carry(*acts)
        assert outcome.succeeded, outcome.error
        assert not outcome.refused, outcome.refused
        return transmission, outcome
