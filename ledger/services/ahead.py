"""What the acts of one request meet: the copy of the chain, the outbox on top of it, and the request's earlier acts.

Invariants: the outbox is read before the facts, so that an act which is sealed meanwhile is seen in one of them; what
the acts of a request have in common is read once, and what they have each, in one question a kind.
"""

from collections.abc import Collection, Sequence
from functools import cache
from typing import cast

from ledger.domain.acts import (
    Act,
    ConsentAct,
    Enrolment,
    SignerAddition,
    SignerRemoval,
    Withdrawal,
    WithdrawalOfAll,
)
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.outbox import Item
from ledger.domain.projection import Authority, Fact
from ledger.errors import Replayed
from ledger.services.context import Context

_SIGNED = (ConsentAct, Withdrawal, WithdrawalOfAll, SignerAddition, SignerRemoval)


class Ahead:
    """The state in which each act of a request is checked.

    Args:
        context: The ports.
        acts: The request.
        digests: Of the acts, in order.
    """

    def __init__(self, context: Context, acts: Sequence[Act], digests: Sequence[bytes]) -> None:
        self._mirror = context.mirror
        self._versions: dict[tuple[bytes, bytes], int] = {}
        self._enrolled: set[bytes] = set()
        self._given: dict[tuple[bytes, bytes], tuple[int, int, int]] = {}
        cursor = context.mirror.cursor()
        block = -1 if cursor is None else cursor.block.number
        subjects = {subject for act in acts if (subject := getattr(act, "subject", None)) is not None}
        for item in context.outbox.unsealed(above=block, subjects=subjects):
            self.note(item.act)
        self._items = dict(zip(digests, context.outbox.find(digests), strict=True))
        granted = {(act.subject, act.id) for act in acts if isinstance(act, ConsentAct)}
        self._authorities = self._find(
            "Authority", {(act.subject, act.signer) for act in acts if isinstance(act, _SIGNED)}
        )
        self._consents = self._find("Consent", granted)
        self._spent = self._find("SpentId", {key for key in granted if self._consents[key] is None})
        self.institution = cache(context.mirror.institution)
        self.study = cache(context.mirror.study)
        self.terms = cache(context.mirror.terms)

    def note(self, act: Act) -> None:
        """Let the later acts meet this one too."""
        match act:
            case Enrolment():
                self._enrolled.add(act.subject)
                self._given.setdefault((act.subject, act.first_signer), (act.capacity, act.since, act.until))
            case SignerAddition():
                self._given.setdefault((act.subject, act.new_signer), (act.capacity, act.since, act.until))
            case ConsentAct():
                self._versions[act.subject, act.id] = act.version
            case Withdrawal():
                self._versions[act.subject, act.id] = 0

    def item(self, digest: bytes) -> Item | None:
        """The item of an act that was handed in before this request."""
        return self._items[digest]

    def enrolled(self, subject: bytes) -> bool:
        """Whether the subject is enrolled, or waits to be."""
        return subject in self._enrolled or self._mirror.find("Subject", [(subject,)])[0] is not None

    def authority(self, subject: bytes, signer: bytes) -> tuple[int, int, int] | None:
        """Capacity, start and end of a signer's authority, waiting or held; None when it has none."""
        waiting = self._given.get((subject, signer))
        if waiting is not None:
            return waiting
        held = cast("Authority | None", self._authorities[subject, signer])
        return (held.capacity, held.since, held.until) if held is not None and held.active else None

    def version(self, subject: bytes, id: bytes) -> int:
        """The newest version of a consent, waiting or held; 0 where there is none yet.

        Raises:
            Replayed: The id was used up; the message says by what.
        """
        waiting = self._versions.get((subject, id))
        held = cast("Consent | None", self._consents[subject, id])
        if waiting == 0 or (waiting is None and held is not None and held.state is ConsentState.WITHDRAWN):
            raise Replayed("this consent was withdrawn, which is final; a new consent needs a new id")
        if waiting is not None:
            return waiting
        if held is not None:
            return held.version
        if self._spent[subject, id] is not None:
            raise Replayed("this id was used before; make a new random one")
        return 0

    def _find(self, kind: str, keys: Collection[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], Fact | None]:
        asked = list(keys)
        return dict(zip(asked, self._mirror.find(kind, asked), strict=True))
