"""The feed of revocations: following outbox and chain, and who may see which line.

Invariants: what the outbox accepted is told before what the chain made of it; a line is told at least once (a reorg
may tell one again, with another block); an engine sees only what could touch its own studies, a custodian only its own
subjects; who is neither sees nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ledger.domain.acts import ConsentAct, Withdrawal, WithdrawalOfAll
from ledger.domain.consent import Consent, Scope
from ledger.domain.directory import Engine, Study
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import Item
from ledger.domain.projection import Refusal
from ledger.domain.revocation import Act, Followed, Revocation, Stage, Told, accepted, confirmed
from ledger.domain.vocabulary import RecipientKind
from ledger.ports import RevocationStore
from ledger.services.context import Context

BLOCKS_AT_ONCE = 1_000
ITEMS_AT_ONCE = 1_000
ENGINE, CUSTODIAN = "engine", "institution"
"""The roles that see lines; the words of ``ledger.identity.principal.Role``."""


def follow(context: Context, feed: RevocationStore) -> int:
    """Tell what is new; returns how many lines were added.

    Any process may call this: of two that do at once, one adds the lines and the other none.
    """
    before = feed.followed()
    newest = context.outbox.newest()  # asked for first: who has seen an item has seen all before it
    items = context.outbox.revoking(before.sequence, newest, ITEMS_AT_ONCE) if newest > before.sequence else []
    told = [line for item in items for line in _accepted(item)]
    now = replace(before, sequence=items[-1].sequence if len(items) == ITEMS_AT_ONCE else newest)
    erased, now = _erased(context, now)
    told += erased
    told_of_chain, now = _confirmed(context, feed, now, told)
    told += told_of_chain
    if now == before:
        return 0
    return len(told) if feed.tell(told, before=before, now=now) else 0


@dataclass(frozen=True, slots=True)
class Page:
    """Lines that somebody may see, and the number up to which the feed was looked through."""

    lines: Sequence[Told]
    after: int


def page(context: Context, feed: RevocationStore, role: str, who: bytes, *, after: int, limit: int) -> Page:
    """The next lines that somebody may see.

    Args:
        context: The ports.
        feed: The feed.
        role: ``ENGINE`` or ``CUSTODIAN``; any other sees nothing.
        who: Its id.
        after: The number to go on from; 0: from the beginning.
        limit: How many lines are looked through.
    """
    told = feed.after(after, limit)
    if not told:
        return Page((), after)
    seen = [one for one in told if _touches(context, role, who, one.revocation)]
    return Page(seen, told[-1].number)


def line_json(told: Told) -> dict[str, Any]:
    """The JSON form of a line, as the API and webhooks give it."""
    one = told.revocation
    return {
        "number": told.number,
        "stage": one.stage.word,
        "act": one.act.word,
        "subject": to_hex(one.subject),
        "consent": None if one.consent is None else to_hex(one.consent),
        "digest": None if one.digest is None else to_hex(one.digest),
        "block": one.block,
        "at": one.at,
    }


def _accepted(item: Item) -> Iterator[Revocation]:
    kind = accepted(item.act)
    if kind is not None and isinstance(item.act, ConsentAct | Withdrawal | WithdrawalOfAll):
        consent = None if isinstance(item.act, WithdrawalOfAll) else item.act.id
        yield Revocation(Stage.ACCEPTED, kind, item.act.subject, consent, item.digest, None, item.accepted_at)


def _erased(context: Context, now: Followed) -> tuple[list[Revocation], Followed]:
    """Erasures count the moment they are accepted, and need no chain to confirm them."""
    newest = context.erasures.newest()
    if newest == now.erasure:
        return [], now
    subjects = context.erasures.subjects(now.erasure)  # those that come meanwhile are told with the next turn, again
    at = context.clock.now()
    lines = [Revocation(Stage.ACCEPTED, Act.ERASURE, subject, None, None, None, at) for subject in subjects]
    return lines, replace(now, erasure=newest)


def _confirmed(
    context: Context, feed: RevocationStore, now: Followed, told: Sequence[Revocation]
) -> tuple[list[Revocation], Followed]:
    cursor = context.mirror.cursor()
    if cursor is None:
        return [], now
    since = now.block
    known = context.mirror.block_at(since) if since >= 0 else None
    if since >= 0 and (known is None or known.hash != now.block_hash):
        # taken back: from the newest block that cannot have been, everything is told again
        since = max(-1, min(since, cursor.block.number) - context.limits.confirmations - 1)
    until = min(cursor.block.number, max(since, context.reader.first_block - 1) + BLOCKS_AT_ONCE)
    if until <= since:
        return [], now
    block = context.mirror.block_at(until)
    if block is None:
        return [], now
    at = context.clock.now()
    found: list[Revocation] = []
    refused: list[bytes] = []
    for fact in context.mirror.facts_revoking(since, until):
        match fact:
            case Consent():
                kind = confirmed(fact)
                if kind is not None:
                    found.append(Revocation(Stage.CONFIRMED, kind, fact.subject, fact.id, None, until, at))
            case Refusal():
                refused.append(fact.digest)
    again = [*feed.accepted(refused), *(one for one in told if one.digest in set(refused))]
    found += [replace(one, stage=Stage.REFUSED, block=until, at=at) for one in again]
    if context.mirror.block_at(until) != block:  # taken back while this read: another turn
        return [], now
    return found, replace(now, block=until, block_hash=block.hash)


def _touches(context: Context, role: str, who: bytes, line: Revocation) -> bool:
    if role == CUSTODIAN:
        return context.mirror.custodian_of(line.subject) == who
    if role != ENGINE:
        return False
    engine = context.mirror.engine(who)
    return engine is not None and any(_covers(context, scope, engine) for scope in _scopes(context, line))


def _scopes(context: Context, line: Revocation) -> Iterator[Scope]:
    """Every scope that the consents in question ever had, and that of the act itself, where it has one."""
    for held in context.mirror.history("Consent", line.subject, line.consent):
        if isinstance(held.fact, Consent):
            yield held.fact.scope
    item = None if line.digest is None else context.outbox.item(line.digest)
    if item is not None and isinstance(item.act, ConsentAct):
        yield item.act.scope


def _covers(context: Context, scope: Scope, engine: Engine) -> bool:
    match scope.recipient_kind:
        case RecipientKind.INSTITUTION:
            return scope.recipient == engine.institution
        case RecipientKind.STUDY:
            study: Study | None = context.mirror.study(scope.recipient)
            return study is not None and study.institution == engine.institution
        case _:  # anybody; and a kind that is not known, which denies everybody
            return True
