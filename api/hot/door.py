"""Raw ASGI in front of the application: the usual form of the routes that are asked most.

A hot route answers a request whose every part it knows: the method and path, JSON with a length, a token that was
checked moments ago, a body in the usual form. Anything else, a mistake above all, it hands on with the bytes as they
came, to the route of the same address in ``api.routes``. So there is one place that says what is wrong with a request,
and one description of both.

Under our server ``api.hot.line`` knocks at the same door from the connection itself, for what is answered at once.

Invariants: nothing was counted, written or answered when a request is handed on; an error after that is answered as
the application would; the bound on bodies and the headers of answers are those of ``api.bounds``.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import itertools
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import anyio.to_thread
from fastapi import Response
from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bounds import REQUEST_ID, SAFE_HEADERS, Rates, log_request
from api.errors import RateExceeded, internal, problem_of, rate_problem
from ledger.errors import ConsentryError
from ledger.identity.principal import Principal
from ledger.identity.principal import Scope as Allowed
from ledger.identity.tokens import TokenChecker, digest_of

_START: Final = "http.response.start"
_JSON: Final = (b"content-type", b"application/json")
_LOOKED_AT: Final = frozenset({_JSON[0], b"authorization", b"content-length", b"x-request-id"})
HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()] + [
    (b"cache-control", b"no-store")
]
"""Of every answer."""
_KEPT_APART: Final = frozenset({b"transfer-encoding", b"idempotency-key"})
"""Headers that ask for more than a hot route does."""
_PROCESS: Final = secrets.token_hex(8).encode()
_NUMBERS: Final = itertools.count()


class Unusual(Exception):  # noqa: N818 - no error: another route answers
    """The request is not of the usual form."""


class Work(Struct, frozen=True, gc=False):
    """What answers a request: ``run`` gives the body; ``quick`` where it takes microseconds and waits for nothing."""

    run: Callable[[], bytes]
    quick: bool


Route = Callable[[Principal, bytes], Work]
"""Reads a body for a caller, and gives what answers it; raises ``Unusual`` or a ``ConsentryError`` to hand it on."""


class Head(NamedTuple):
    """What the head of a request says, whoever sends it and when.

    Attributes:
        path: Its address.
        route: What answers there.
        token: The digest of the token.
        size: Bytes of the body.
        request_id: The one that the caller gave it; empty where we do.
    """

    path: str
    route: Route
    token: bytes
    size: int
    request_id: bytes


class Asked(Struct, frozen=True, gc=False):
    """A request at the door, up to its body."""

    path: str
    route: Route
    who: Principal
    request_id: bytes


class Reply(Struct, frozen=True, gc=False):
    """An answer; ``failure`` where there is no body."""

    body: bytes
    failure: Response | None = None


class HotDoor:
    """Answers the usual requests, and hands on the rest.

    Args:
        app: The application inside.
        routes: By path; all of them are POST.
        checker: Knows the tokens that were checked.
        rates: How often each caller may ask, counted together with the application inside.
        most: Bytes of a body.
    """

    def __init__(
        self, app: ASGIApp, routes: Mapping[str, Route], checker: TokenChecker, rates: Rates, most: int
    ) -> None:
        self._app = app
        self._routes = routes
        self._checker = checker
        self._rates = rates
        self._most = most

    @property
    def door(self) -> "HotDoor":
        """Itself: so ``api.hot.line`` finds it, and likewise in an application around it."""
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        usual = scope["type"] == "http" and scope["method"] == "POST"
        asked = self.asked(scope["path"], scope["headers"]) if usual else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        message = await receive()
        body: bytes = message.get("body", b"")
        while message.get("more_body", False) and len(body) <= self._most:
            message = await receive()
            body += message.get("body", b"")
        if message["type"] != "http.request":  # the caller is gone
            return
        work = self.read(asked, body)
        if work is None:
            await self._app(scope, _again(body, more=message.get("more_body", False), receive=receive), send)
            return
        status = 500
        try:
            if work.quick:
                reply = self.answer(asked, work, started)
            else:
                reply = await anyio.to_thread.run_sync(self.answer, asked, work, started)
            status = await _send(reply, asked.request_id, send)
        finally:
            log_request("POST", asked.path, status, started, asked.request_id.decode("latin-1"))

    def asked(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Asked | None:
        """What a POST asks for, by its head; None where another must answer."""
        head = self.head(path, headers)
        return None if head is None else self.admit(head)

    def head(self, path: str, headers: Iterable[tuple[bytes, bytes]]) -> Head | None:
        """What the head of a POST says: the same for the same bytes, always. None where another must answer."""
        route = self._routes.get(path)
        return None if route is None else _head(path, route, headers, self._most)

    def admit(self, head: Head) -> Asked | None:
        """What a request with this head asks for, now.

        None where another must answer: its caller did not show this token before within its time, or may not ask.
        """
        who = self._checker.known(head.token)
        if who is None or Allowed.DECISION_CHECK not in who.scopes:
            return None
        return Asked(head.path, head.route, who, head.request_id or b"%b-%x" % (_PROCESS, next(_NUMBERS)))

    def read(self, asked: Asked, body: bytes) -> Work | None:
        """What answers a body; None where another must."""
        try:
            return asked.route(asked.who, body)
        except (Unusual, ConsentryError):
            return None

    def answer(self, asked: Asked, work: Work, now: float) -> Reply:
        """Count the request, at an instant of the steady clock, and answer it. Raises nothing."""
        try:
            self._rates.count((asked.who.role, asked.who.id), now)
            return Reply(work.run())
        except RateExceeded as problem:
            return Reply(b"", rate_problem(problem, asked.path))
        except ConsentryError as problem:
            return Reply(b"", problem_of(problem, asked.path))
        except Exception as problem:  # noqa: BLE001 - as the application does
            return Reply(b"", internal(problem, asked.path))


def _head(path: str, route: Route, headers: Iterable[tuple[bytes, bytes]], most: int) -> Head | None:
    """What a hot route looks at; None for a request that is of another kind, or asks for more."""
    said: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _KEPT_APART or name in said:  # which of two counts is not for this door to say
            return None
        if name in _LOOKED_AT:
            said[name] = value
    bearer, length = said.get(b"authorization", b""), said.get(b"content-length", b"")
    size = int(length) if length.isdigit() and len(length) < 16 else -1
    if bearer[:7] != b"Bearer " or not bearer[7:] or said.get(_JSON[0]) != _JSON[1] or not 0 <= size <= most:
        return None
    request_id = said.get(b"x-request-id", b"")
    if not REQUEST_ID.match(request_id.decode("latin-1")):
        request_id = b""
    return Head(path, route, digest_of(bearer[7:]), size, request_id)


async def _send(reply: Reply, request_id: bytes, send: Send) -> int:
    headers = [*HEADERS, (b"x-request-id", request_id)]
    status, body = 200, reply.body
    if reply.failure is None:
        headers += [_JSON, (b"content-length", b"%d" % len(body))]
    else:
        headers += reply.failure.raw_headers
        status, body = reply.failure.status_code, bytes(reply.failure.body)
    await send({"type": _START, "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    return status


def _again(body: bytes, *, more: bool, receive: Receive) -> Receive:
    """Gives what was read once more, then what comes."""
    held: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": more}]

    async def receiving() -> Message:
        return held.pop() if held else await receive()

    return receiving
