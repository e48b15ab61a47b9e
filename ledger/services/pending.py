"""What was accepted but is not in the copy of the chain yet, and how it already counts.

A request is permitted only if it is permitted by the chain **and** by the chain with the waiting acts applied. So a
withdrawal, a deny or a narrowing bites the moment the outbox has it, and a grant counts only once it is sealed.

The set is kept in memory and brought up to date at every question: newly accepted acts (of any process) are read from
the outbox by their sequence, and the whole set is read anew when the view moves to another block. A set that is too
large only makes answers stricter, never laxer.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ledger.domain.acts import ConsentAct, Withdrawal, WithdrawalOfAll
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.events import Block
from ledger.domain.outbox import Item
from ledger.ports import MirrorStore, OutboxStore

ChangingAct = ConsentAct | Withdrawal | WithdrawalOfAll


def apply(acts: Sequence[ChangingAct], consents: Sequence[Consent], terms: MirrorStore) -> tuple[Consent, ...]:
    """The consents as they will be once the acts are sealed, in order.

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
                if known is not None and known.state is ConsentState.WITHDRAWN:
                    continue
                text = terms.terms(act.scope.terms)
                held[act.id] = Consent(
                    subject=act.subject,
                    id=act.id,
                    version=act.version,
                    scope=act.scope,
                    terms_version=0 if text is None else text.version,
                    valid_until=act.scope.valid_until,
                )
    return tuple(held.values())


class Pending:
    """The waiting acts by subject. Thread-safe."""

    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._block: bytes | None = None
        self._last = 0
        self._acts: dict[bytes, tuple[ChangingAct, ...]] = {}

    def at(self, block: Block) -> Mapping[bytes, tuple[ChangingAct, ...]]:
        """The waiting acts of every subject that has any, as a view at ``block`` needs them."""
        with self._lock:
            if block.hash != self._block:
                self._acts, self._last = {}, 0
                self._take(self._outbox.unsealed(above=block.number))
                self._block = block.hash
            else:
                self._take(self._outbox.unsealed(above=block.number, after=self._last))
            return self._acts

    def _take(self, items: Sequence[Item]) -> None:
        if not items:
            return
        acts = dict(self._acts)  # readers keep the mapping that they were given
        for item in items:
            self._last = max(self._last, item.sequence)
            if isinstance(item.act, ConsentAct | Withdrawal | WithdrawalOfAll):
                acts[item.act.subject] = (*acts.get(item.act.subject, ()), item.act)
        self._acts = acts
