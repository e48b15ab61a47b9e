"""How writes are answered: once a key, at once or after waiting, with the items that the outbox holds.

Invariants: an answer is given only after the acts are durable; ``wait`` changes when the answer comes, never what is
done; "sealed" in an answer means that the block is in the copy which decisions read.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import anyio
import anyio.to_thread
from fastapi import Depends, Header, Request, Response

from api.deps import answer, context_of
from api.idempotency import Answers, place_of
from api.schemas.items import item_json
from ledger.domain.outbox import Item, ItemState
from ledger.errors import NotReady
from ledger.identity.principal import Principal
from ledger.services.context import Context

LONGEST_WAIT: Final = 60
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,4})(?:$|[,;\s])")
MakeId = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """What a write did: its items, and what else the answer says."""

    items: Sequence[Item]
    more: dict[str, Any] = field(default_factory=dict)


class Writing:
    """One write request; see ``run``.

    Args:
        request: The request.
        wait: Seconds to wait until all is sealed; 0: not at all.
        key: The idempotency key; None: none came.
    """

    def __init__(self, request: Request, wait: int, key: str | None) -> None:
        self._request = request
        self._context = context_of(request)
        self._wait = wait
        self._key = key

    async def run(self, who: Principal, work: Callable[[MakeId], Made]) -> Response:
        """Do the work (off the event loop), wait if asked to, and answer.

        Args:
            who: The caller.
            work: Does it, and returns what it did. It gets a maker of ids: 0 for the first, and so on.
        """

        async def done(make: MakeId) -> Response:
            return await self._answer(await anyio.to_thread.run_sync(work, make))

        return await self.once(who, done)

    async def once(self, who: Principal, work: Callable[[MakeId], Awaitable[Response]]) -> Response:
        """Do something once a key: the same key and body again get the answer that was given."""
        if self._key is None:
            return await work(lambda _: self._context.entropy.token(32))
        answers: Answers = self._request.app.state.answers
        place = place_of(who.actor, self._request.url.path, self._key)
        before = answers.begin(place, hashlib.sha256(await self._request.body()).digest())
        if before is not None:
            return before
        try:
            response = await work(answers.maker(place))
        except BaseException:
            answers.drop(place)
            raise
        answers.keep(place, response)
        return response

    async def _answer(self, made: Made) -> Response:
        items, settled = list(made.items), False
        if self._wait:
            pause = 0.01
            with anyio.move_on_after(self._wait):
                while not settled:
                    settled = await anyio.to_thread.run_sync(is_settled, self._context, items)
                    if not settled:
                        await anyio.sleep(pause)
                        pause = min(pause * 1.5, 0.25)
            items = await anyio.to_thread.run_sync(_again, self._context, items)
        headers = {"Preference-Applied": f"wait={self._wait}"} if self._wait else None
        document = {"items": [item_json(item) for item in items], **made.more}
        return answer(document, 200 if settled else 202, headers)


def is_settled(context: Context, items: Sequence[Item]) -> bool:
    """Whether each item is refused, or sealed in a block that decisions already see."""
    if not items:
        return True
    cursor = context.mirror.cursor()
    above = -1 if cursor is None else cursor.block.number
    waiting = {item.sequence for item in context.outbox.unsealed(above=above, after=items[0].sequence - 1)}
    if any(item.sequence in waiting for item in items):
        return False
    try:
        context.decider.view(at_least_block=above)
    except NotReady:
        return False
    return True


def _again(context: Context, items: Sequence[Item]) -> list[Item]:
    return [_newest(context, item) for item in items]


def _newest(context: Context, item: Item) -> Item:
    if item.state in {ItemState.SEALED, ItemState.REFUSED}:
        return item
    return context.outbox.item(item.digest) or item


async def _writing(
    request: Request,
    prefer: Annotated[
        str | None, Header(description="wait=N: answer when all is sealed, within N seconds (at most 60)")
    ] = None,
    idempotency_key: Annotated[
        str | None, Header(max_length=128, description="the same key and body again: the same answer")
    ] = None,
) -> Writing:
    found = _WAIT.search(prefer or "")
    return Writing(request, min(int(found[1]), LONGEST_WAIT) if found else 0, idempotency_key)


async def _asking(
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(max_length=128, description="the same key and body again: the same answer and record")
    ] = None,
) -> Writing:
    return Writing(request, 0, idempotency_key)


Write = Annotated[Writing, Depends(_writing)]
Ask = Annotated[Writing, Depends(_asking)]
