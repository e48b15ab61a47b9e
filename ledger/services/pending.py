"""What was accepted but is not in the copy of the chain yet, and how it already counts.

A request is permitted only if one and the same consent permits it on the chain and after each of the waiting acts. So
a withdrawal, a deny or a narrowing bites the moment the outbox has it, and a grant or a widening counts only once it is
sealed: it does not outweigh a withdrawal that waits beside it, and of two acts that contradict each other the stricter
one counts until the chain has taken one of them.

The set is kept in memory and brought up to date at every question: the outbox is asked for its newest sequence, acts
that came since (of any process) are read by theirs, and the whole set is read anew when the view moves to another
block. A set that is too large only makes answers stricter, never laxer.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ledger.domain.acts import ConsentAct, Withdrawal, WithdrawalOfAll
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.events import Block
from ledger.domain.outbox import Item
from ledger.domain.policy import Request, Setting, decide
from ledger.domain.vocabulary import Effect
from ledger.ports import MirrorStore, OutboxStore

ChangingAct = ConsentAct | Withdrawal | WithdrawalOfAll


def stages(
    acts: Sequence[ChangingAct], consents: Sequence[Consent], terms: MirrorStore
) -> Iterator[tuple[Consent, ...]]:
    """The consents as they will be after each of the acts.

    Args:
        acts: Acts of one subject, in order of acceptance.
        consents: The subject's consents on the chain.
        terms: Where published texts are looked up.
    """
    held = {consent.id: consent for consent in consents}
    for act in acts:
        match act:
            case WithdrawalOfAll():
                held = {key: replace(consent, state=ConsentState.WITHDRAWN) for key, consent in held.items()}
            case Withdrawal():
                if act.id in held:
                    held[act.id] = replace(held[act.id], state=ConsentState.WITHDRAWN)
            case ConsentAct():
                known = held.get(act.id)
                if known is None or known.state is not ConsentState.WITHDRAWN:
                    text = terms.terms(act.scope.terms)
                    held[act.id] = Consent(
                        subject=act.subject,
                        id=act.id,
                        version=act.version,
                        scope=act.scope,
                        terms_version=0 if text is None else text.version,
                        valid_until=act.scope.valid_until,
                    )
        yield tuple(held.values())


def ended_by(acts: Sequence[ChangingAct], consents: Sequence[bytes]) -> Iterator[bytes]:
    """Those of some consents of a subject, by id, that waiting acts of the subject withdraw."""
    for act in acts:
        if isinstance(act, WithdrawalOfAll):
            yield from consents
        elif isinstance(act, Withdrawal) and act.id in consents:
            yield act.id


def with_ended(acts: Sequence[ChangingAct], consents: Sequence[Consent]) -> list[Consent]:
    """Consents of a subject, those that waiting acts withdraw as withdrawn."""
    ended = set(ended_by(acts, [one.id for one in consents]))
    return [replace(one, state=ConsentState.WITHDRAWN) if one.id in ended else one for one in consents]


def still_permitted(
    request: Request,
    setting: Setting,
    consents: Sequence[Consent],
    acts: Sequence[ChangingAct],
    at: int,
    terms: MirrorStore,
) -> bool:
    """Whether a request that the chain permits stays so while acts wait.

    Args:
        request: What is asked.
        setting: What the Directory says of it.
        consents: The subject's consents on the chain, as of the block that permits.
        acts: The waiting acts, in order of acceptance.
        at: The instant, in seconds UTC.
        terms: Where published texts are looked up.
    """
    permitting = {consent.id for consent in consents if decide(request, setting, (consent,), at).permitted}
    for stage in stages(acts, consents, terms):
        counted = [c for c in stage if c.scope.effect != Effect.PERMIT or c.id in permitting]
        if not decide(request, setting, counted, at).permitted:
            return False
    return True


class Pending:
    """The waiting acts by subject. Thread-safe."""

    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._block: bytes | None = None
        self._last = 0
        self._acts: dict[bytes, tuple[ChangingAct, ...]] = {}

    def at(self, block: Block, newest: int | None = None) -> Mapping[bytes, tuple[ChangingAct, ...]]:
        """The waiting acts of every subject that has any, as a view at ``block`` needs them.

        Args:
            block: The view's.
            newest: The newest sequence, where it was asked for since the question came; else it is asked for here.
        """
        with self._lock:
            if newest is None:
                newest = self._outbox.newest()
            if block.hash != self._block:
                self._acts, self._last, self._block = {}, 0, None
                self._take(self._outbox.unsealed(above=block.number))
                self._block = block.hash
            elif newest > self._last:
                self._take(self._outbox.unsealed(above=block.number, after=self._last))
            # Whoever has seen a sequence has seen all before it: those not taken are sealed in the view, or refused.
            self._last = max(self._last, newest)
            return self._acts

    def _take(self, items: Sequence[Item]) -> None:
        acts = dict(self._acts)  # readers keep the mapping that they were given
        for item in items:
            self._last = max(self._last, item.sequence)
            if isinstance(item.act, ConsentAct | Withdrawal | WithdrawalOfAll):
                acts[item.act.subject] = (*acts.get(item.act.subject, ()), item.act)
        self._acts = acts
