"""Raw ASGI in front of the application: the usual form of the routes that are asked most.

A hot route answers a request whose every part it knows: the method and path, JSON with a length, a token that was
checked moments ago, a body in the usual form. Anything else, a mistake above all, it hands on with the bytes as they
came, to the route of the same address in ``api.routes``. So there is one place that says what is wrong with a request,
and one description of both.

Invariants: nothing was counted, written or answered when a request is handed on; an error after that is answered as
the application would; the bound on bodies and the headers of answers are those of ``api.bounds``.

Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.bounds import REQUEST_ID, SAFE_HEADERS, Rates, log_request
from api.errors import RateExceeded, internal, problem_of, rate_problem
from ledger.errors import ConsentryError
from ledger.identity.principal import Principal
from ledger.identity.principal import Scope as Allowed
from ledger.identity.tokens import TokenChecker

_LOG = logging.getLogger("consentry.api")
_START: Final = "http.response.start"
_JSON: Final = (b"content-type", b"application/json")
_HEADERS: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()] + [
    (b"cache-control", b"no-store")
]
_KEPT_APART: Final = frozenset({b"transfer-encoding", b"idempotency-key"})
"""Headers that ask for more than a hot route does."""


class Unusual(Exception):  # noqa: N818 - no error: another route answers
    """The request is not of the usual form."""


Answering = Callable[[], bytes | Awaitable[bytes]]
Route = Callable[[Principal, bytes], Answering]
"""Reads a body for a caller, and gives what answers it; raises ``Unusual`` or a ``ConsentryError`` to hand it on."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a hot route looks at in the headers; ``token`` and ``size`` None: missing, or of another form."""

    token: bytes | None
    size: int | None
    request_id: bytes

    @classmethod
    def of(cls, scope: Scope) -> "Asked | None":
        """From a request; None for one that asks for more."""
        token = size = request_id = None
        json = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                if token is not None or value[:7] != b"Bearer ":
                    return None
                token = value[7:]
            elif name == b"content-type":
                json = value == b"application/json"
            elif name == b"content-length":
                size = int(value) if value.isdigit() and len(value) < 16 else None
            elif name == b"x-request-id":
                request_id = value
            elif name in _KEPT_APART:
                return None
        if not json:
            return None
        known = request_id is not None and REQUEST_ID.match(request_id.decode("latin-1"))
        return cls(token, size, request_id if known and request_id else secrets.token_hex(16).encode())


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        route = self._routes.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        asked = None if route is None else Asked.of(scope)
        who = None if asked is None else self._who(asked)
        if route is None or asked is None or who is None:
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
        try:
            answering = route(who, body)
        except (Unusual, ConsentryError):
            await self._app(scope, _again(body, more=message.get("more_body", False), receive=receive), send)
            return
        status = 500
        try:
            status = await self._answer(scope["path"], who, answering, asked.request_id, send)
        finally:
            log_request(scope, status, started, asked.request_id.decode("latin-1"))

    def _who(self, asked: Asked) -> Principal | None:
        """The caller, where the token was checked before, is in its time and allows to ask."""
        if asked.token is None or asked.size is None or asked.size > self._most:
            return None
        who = self._checker.remembered(asked.token)
        return who if who is not None and Allowed.DECISION_CHECK in who.scopes else None

    async def _answer(self, path: str, who: Principal, answering: Answering, request_id: bytes, send: Send) -> int:
        failure: Response | None = None
        body = b""
        try:
            self._rates.count((who.role, who.id), time.monotonic())
            given = answering()
            body = given if isinstance(given, bytes) else await given
        except RateExceeded as problem:
            failure = rate_problem(problem, path)
        except ConsentryError as problem:
            failure = problem_of(problem, path)
        except Exception as problem:  # noqa: BLE001 - as the application does
            failure = internal(problem, path)
        headers = [*_HEADERS, (b"x-request-id", request_id)]
        if failure is None:
            headers += [_JSON, (b"content-length", b"%d" % len(body))]
            await send({"type": _START, "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return 200
        await send({"type": _START, "status": failure.status_code, "headers": headers + failure.raw_headers})
        await send({"type": "http.response.body", "body": bytes(failure.body)})
        return failure.status_code


def _again(body: bytes, *, more: bool, receive: Receive) -> Receive:
    """Gives what was read once more, then what comes."""
    held: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": more}]

    async def receiving() -> Message:
        return held.pop() if held else await receive()

    return receiving
