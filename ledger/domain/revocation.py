"""What may take a permit back, as subscribers are told of it.

A revocation is told when it was accepted, which is when it begins to count, and again when the chain has it, or has
refused it. Whether a computation is touched is for a decision to say: asked again after a revocation, it counts it.
"""

from dataclasses import dataclass
from enum import IntEnum

from ledger.domain import acts
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.vocabulary import Effect


class Act(IntEnum):
    """What the subject did."""

    WITHDRAWAL = 1
    WITHDRAWAL_OF_ALL = 2
    DENIAL = 3
    AMENDMENT = 4  # another version of a consent, which may be narrower
    ERASURE = 5  # by the custodian, at the subject's wish; nothing of it comes on the chain

    @property
    def word(self) -> str:
        """The name that the API uses."""
        return self.name.lower().replace("_", "-")


class Stage(IntEnum):
    """How far it has come."""

    ACCEPTED = 1
    CONFIRMED = 2
    REFUSED = 3

    @property
    def word(self) -> str:
        """The name that the API uses."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line of the feed.

    ``consent`` is None where it is about all of the subject's consents; ``digest`` names the accepted act, and is None
    for what was read from the chain; ``block`` is where the chain has it. ``at`` is in seconds UTC.
    """

    stage: Stage
    act: Act
    subject: bytes
    consent: bytes | None
    digest: bytes | None
    block: int | None
    at: int


def accepted(act: acts.Act) -> Act | None:
    """What an accepted act may take back; None where nothing, as of a first permit, which most are."""
    match act:
        case acts.Withdrawal():
            return Act.WITHDRAWAL
        case acts.WithdrawalOfAll():
            return Act.WITHDRAWAL_OF_ALL
        case acts.ConsentAct() if act.scope.effect != Effect.PERMIT:
            return Act.DENIAL
        case acts.ConsentAct() if act.version > 1:
            return Act.AMENDMENT
    return None


def confirmed(consent: Consent) -> Act | None:
    """What a consent, as it came to be on the chain, may have taken back; None where nothing."""
    if consent.state is not ConsentState.ACTIVE:
        return Act.WITHDRAWAL
    if consent.scope.effect != Effect.PERMIT:
        return Act.DENIAL
    return Act.AMENDMENT if consent.version > 1 else None


@dataclass(frozen=True, slots=True)
class Told:
    """A revocation with its place in the feed, from 1, which subscribers go on from."""

    number: int
    revocation: Revocation


@dataclass(frozen=True, slots=True)
class Followed:
    """How far the feed has come: the last sequence of the outbox, block (-1 and no hash: none yet) and erasure."""

    sequence: int = 0
    block: int = -1
    block_hash: bytes = bytes(32)
    erasure: int = 0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is sent the feed.

    ``role`` and ``owner`` say who sees what; ``after`` is the last number that was delivered; ``due_at`` is when the
    next try is due (seconds UTC), ``failures`` how many failed one after the other, the last for ``error``; ``dead``:
    it is not tried any more until its owner asks for a replay.
    """

    id: bytes
    role: str
    owner: bytes
    url: str
    after: int
    created_at: int
    due_at: int = 0
    failures: int = 0
    dead: bool = False
    error: str = ""
