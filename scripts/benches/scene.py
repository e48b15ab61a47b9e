"""A small consortium on an open ledger: one institution, a study, an engine, and patients with keys of their own.

Everything goes the way that it goes in the service: signed acts, outbox, relayer, contracts, mirror.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
from coincurve import PrivateKey

from ledger.bootstrap import Ledger, open_ledger
from ledger.chain.keys import address_of, sign_digest
from ledger.config import Settings
from ledger.domain.acts import ConsentAct
from ledger.domain.consent import ZERO_ID, Scope
from ledger.domain.directory import Study, StudyState
from ledger.domain.outbox import Item, ItemState
from ledger.domain.policy import Request
from ledger.domain.vocabulary import ANY16, ANY32, FOREVER, Category, Effect, Operation, Purpose, RecipientKind, Use
from ledger.errors import WrongState
from ledger.services import directory

WAIT_SECONDS = 300
PAUSE = 0.01
DAY = 86_400
OPERATION = Operation.DIFFERENTIAL_PRIVACY
CATEGORIES = Category.DEMOGRAPHICS | Category.OUTCOMES


@dataclass(frozen=True, slots=True)
class Patient:
    """A subject and the key of its wallet."""

    subject: bytes
    key: PrivateKey

    @property
    def signer(self) -> bytes:
        """The address of the key."""
        return address_of(self.key)


class Scene:
    """The consortium.

    Args:
        ledger: Open, with its threads started.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        context = ledger.context
        self.now = int(time.time())
        self.study, self.terms = secrets.token_bytes(32), secrets.token_bytes(32)
        admitted, self.institution, _ = directory.admit_institution(context, "St Elsewhere")
        named, reviewer, _ = directory.name_reviewer(context, "Ethics board")
        self.sealed([admitted, named, directory.publish_terms(context, self.terms, 1, "en", "")])
        proposed = directory.propose_study(
            context,
            Study(
                id=self.study,
                institution=self.institution,
                number=0,
                title="Survival",
                uses=int(Use.BIOMEDICAL),
                conditions=0,
                required_terms=1,
                ethics=secrets.token_bytes(32),
                ethics_until=self.now + 365 * DAY,
            ),
        )
        registered, self.engine, _ = directory.register_engine(context, self.institution, "OpenDP", int(OPERATION))
        self.sealed([proposed, registered])
        self.sealed([directory.approve_study(context, self.study, reviewer)])
        self.sealed([directory.set_study_state(context, self.study, StudyState.ACTIVE)])

    @property
    def request(self) -> Request:
        """What the engine asks for."""
        return Request(self.study, self.engine, int(OPERATION), int(CATEGORIES))

    def sealed(self, items: Sequence[Item]) -> None:
        """Wait until the acts are on the chain and count in decisions.

        Raises:
            WrongState: One of them was refused, or took too long.
        """
        self.counted([item.digest for item in items])

    def counted(self, digests: Sequence[bytes]) -> None:
        """As ``sealed``, of acts by their digests.

        Raises:
            WrongState: One of them was refused, or took too long.
        """
        for item in self.ledger.settled(digests, WAIT_SECONDS):
            if item.state is not ItemState.SEALED:
                raise WrongState(f"an act of the bench is {item.state.name.lower()}: {item.reason}")

    def drained(self) -> None:
        """Wait until no accepted act is left to seal, and decisions see the block of the last.

        Cheaper than to ask after each act, which ``counted`` does; what became of them is not looked at.

        Raises:
            WrongState: It took too long.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        outbox, keeper = self.ledger.context.outbox, self.ledger.keeper
        while outbox.waiting(1) or outbox.under_way():
            if time.monotonic() > deadline:
                raise WrongState("the acts of the bench are not carried to the chain; see the log")
            time.sleep(PAUSE)
        if not keeper.wait_for(self.ledger.context.reader.head().number, WAIT_SECONDS):
            raise WrongState("the copy of the chain does not reach its newest block; see the log")

    def enrol(self, count: int) -> list[Patient]:
        """New patients of the institution."""
        keys = [PrivateKey() for _ in range(count)]
        enrolled = directory.enrol(
            self.ledger.context, self.institution, [directory.NewSubject(signer=address_of(key)) for key in keys]
        )
        self.sealed([item for item, _ in enrolled])
        return [Patient(subject, key) for (_, subject), key in zip(enrolled, keys, strict=True)]

    def grant(self, patient: Patient) -> ConsentAct:
        """A consent to all health research, not signed yet."""
        return self.grant_by(patient.subject, patient.signer)

    def grant_by(self, subject: bytes, signer: bytes) -> ConsentAct:
        """The same, of any subject and signer."""
        return ConsentAct(
            subject=subject,
            id=secrets.token_bytes(32),
            version=1,
            scope=wide_scope(self.terms),
            form=ZERO_ID,
            issued_at=self.now,
            deadline=self.now + DAY,
            signer=signer,
        )

    def signed(self, act: ConsentAct, patient: Patient) -> ConsentAct:
        """The act with the patient's signature."""
        return msgspec.structs.replace(act, signature=sign_digest(patient.key, self.ledger.context.writer.digest(act)))

    def grants(self, patients: Sequence[Patient]) -> list[ConsentAct]:
        """A signed consent of each patient."""
        return [self.signed(self.grant(patient), patient) for patient in patients]


def wide_scope(terms: bytes) -> Scope:
    """Health research by anybody on everything, for ever."""
    return Scope(
        effect=Effect.PERMIT,
        recipient_kind=RecipientKind.ANY,
        recipient=ZERO_ID,
        purposes=int(Purpose.HMB),
        conditions=0,
        operations=ANY16,
        categories=ANY32,
        valid_from=0,
        valid_until=FOREVER,
        data_from=0,
        data_until=FOREVER,
        diseases=0,
        terms=terms,
    )


def settings(home: Path, *, rpc_url: str = "", port: int = 8400) -> Settings:
    """Settings of a bench's ledger: logs are anchored only when asked, so that nothing else runs while it is timed."""
    return Settings(home=home, rpc_url=rpc_url, port=port, anchor_seconds=0, most_staleness=600)


@contextmanager
def scene(chosen: Settings) -> Iterator[Scene]:
    """Open a ledger, start it, found the consortium; close it all at the end."""
    with open_ledger(chosen) as ledger:
        ledger.start()
        yield Scene(ledger)
