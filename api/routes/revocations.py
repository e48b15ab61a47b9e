"""The feed of revocations: as pages, as server-sent events, and by webhooks.

Invariants: an engine sees what could touch its institution's studies, a custodian what its own subjects did; a stream
ends with the token that opened it; a stream that lost its line goes on where it was, by Last-Event-ID.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.deps import FeedReader, Held, answer
from api.reading import BoundedRoute
from api.schemas.base import Id
from api.schemas.revocations import (
    ReplayBody,
    RevocationsAnswer,
    WebhookAnswer,
    WebhookBody,
    WebhooksAnswer,
    webhook_json,
)
from ledger.bootstrap import Ledger
from ledger.domain.identifiers import to_hex
from ledger.domain.revocation import Webhook
from ledger.errors import Forbidden, InvalidInput, NotFound, TooLarge
from ledger.identity.principal import Principal
from ledger.ports import RevocationStore
from ledger.services.revocations import CUSTODIAN, ENGINE, Page, line_json, page

router = APIRouter(tags=["revocations"], route_class=BoundedRoute)
EVENTS = "text/event-stream"
MOST_LINES = 500
MOST_WEBHOOKS = 10
POLL_SECONDS = 0.2
HEARTBEAT_SECONDS = 15.0
_STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {EVENTS: {"schema": {"type": "string"}}}}}
_NUMBER = Query(ge=0, lt=1 << 63, description="go on after this number; by default a stream starts now, a page at 0")
_encode = msgspec.json.Encoder().encode


@router.get("/v1/revocations", response_model=RevocationsAnswer, responses=_STREAM)
async def read_revocations(
    who: FeedReader,
    ledger: Held,
    request: Request,
    accept: Annotated[str, Header()] = "",
    last_event_id: Annotated[str, Header(description="of a stream: the last id that arrived")] = "",
    after: Annotated[int | None, _NUMBER] = None,
) -> Response:
    """What may take permits back, for engines (their institution's studies) and custodians (their own subjects).

    With `Accept: text/event-stream` it stays open and sends each line as it comes, with its number as the event's id;
    a comment every 15 seconds shows that it is alive. A line is sent at least once. An engine that gets one asks
    again for a decision on what it is computing.
    """
    _must_follow(who)
    if EVENTS not in accept.lower():
        found = await _page(ledger, who, after or 0)
        return answer({"revocations": [line_json(one) for one in found.lines], "next": found.after})
    if last_event_id:
        if not (last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) < 19):
            raise InvalidInput("Last-Event-ID must be the id of an event of this stream")
        after = int(last_event_id)
    if after is None:
        after = await anyio.to_thread.run_sync(ledger.store.revocations.newest)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(ledger, request.app.state.tail, who, after), media_type=EVENTS, headers=headers)


@router.post("/v1/webhooks", response_model=WebhookAnswer, status_code=201)
def add_webhook(body: WebhookBody, who: FeedReader, ledger: Held) -> Response:
    """Have the feed sent to an address, as Standard Webhooks, signed (`v1a`) with the key of receipts.

    The same address again is the webhook that is there already.
    """
    _must_follow(who)
    ledger.notifier.check(body.url)
    held = ledger.store.webhooks.of(who.role.value, who.id)
    for known in held:
        if known.url == body.url:  # asked for again: nothing is sent twice
            return answer(webhook_json(known), 201)
    if len(held) >= MOST_WEBHOOKS:
        raise TooLarge(f"a caller has at most {MOST_WEBHOOKS} webhooks; delete one first")
    after = ledger.store.revocations.newest() if body.after is None else body.after
    clock, entropy = ledger.context.clock, ledger.context.entropy
    hook = Webhook(entropy.token(32), who.role.value, who.id, body.url, after, clock.now())
    ledger.store.webhooks.add(hook)
    return answer(webhook_json(hook), 201)


@router.get("/v1/webhooks", response_model=WebhooksAnswer)
def list_webhooks(who: FeedReader, ledger: Held) -> Response:
    """The caller's webhooks, and how their deliveries go."""
    return answer({"webhooks": [webhook_json(one) for one in ledger.store.webhooks.of(who.role.value, who.id)]})


@router.delete("/v1/webhooks/{webhook}", response_model=WebhookAnswer)
def remove_webhook(webhook: Annotated[Id, Path()], who: FeedReader, ledger: Held) -> Response:
    """Send nothing more there."""
    hook = _own(ledger, who, webhook)
    ledger.store.webhooks.remove(hook.id)
    return answer(webhook_json(hook))


@router.post("/v1/webhooks/{webhook}/replay", response_model=WebhookAnswer)
def replay_webhook(webhook: Annotated[Id, Path()], body: ReplayBody, who: FeedReader, ledger: Held) -> Response:
    """Send again what came after a number; also revives a dead webhook."""
    hook = replace(_own(ledger, who, webhook), after=body.after, failures=0, dead=False, due_at=0, error="")
    ledger.store.webhooks.put(hook)
    return answer(webhook_json(hook))


def _must_follow(who: Principal) -> None:
    if who.role.value not in {ENGINE, CUSTODIAN}:
        raise Forbidden("revocations are for engines and custodians; use the token of one")


def _own(ledger: Ledger, who: Principal, webhook: bytes) -> Webhook:
    for hook in ledger.store.webhooks.of(who.role.value, who.id):
        if hook.id == webhook:
            return hook
    raise NotFound(f"there is no webhook {to_hex(webhook)}, or it is not yours")


async def _page(ledger: Ledger, who: Principal, after: int) -> Page:
    def read() -> Page:
        return page(ledger.context, ledger.store.revocations, who.role.value, who.id, after=after, limit=MOST_LINES)

    return await anyio.to_thread.run_sync(read)


class Tail:
    """The end of the feed, asked for once for all streams that wait for it.

    Args:
        feed: The feed.
    """

    def __init__(self, feed: RevocationStore) -> None:
        self._feed = feed
        self._newest = 0
        self._asked_at = -POLL_SECONDS
        self._asking = anyio.Lock()

    async def newest(self) -> int:
        """The number of the newest line, or of the newest a fraction of a second ago."""
        async with self._asking:
            now = time.monotonic()
            if now - self._asked_at >= POLL_SECONDS / 2:
                self._newest, self._asked_at = await anyio.to_thread.run_sync(self._feed.newest), now
            return self._newest


async def _events(ledger: Ledger, tail: Tail, who: Principal, after: int) -> AsyncIterator[bytes]:
    sent_at = time.monotonic()
    yield b": from here on\nid: %d\n\n" % after
    while ledger.context.clock.now() < who.expires:
        if await tail.newest() > after:
            found = await _page(ledger, who, after)
            after = found.after
            for one in found.lines:
                yield b"event: revocation\nid: %d\ndata: %b\n\n" % (one.number, _encode(line_json(one)))
                sent_at = time.monotonic()
            continue
        if time.monotonic() - sent_at >= HEARTBEAT_SECONDS:
            # with an id and no data it is no event, but moves the place to go on from
            yield b": still here\nid: %d\n\n" % after
            sent_at = time.monotonic()
        await anyio.sleep(POLL_SECONDS)
