"""What every request passes through: a bound on its body, an id, and the headers that keep browsers strict.

Invariants: a body is never read past its bound, whatever its length header says; what is logged is the method, path,
status and time of a request, never its query, headers or body; a page may load nothing from
outside, and runs nothing unless it asks for it itself.
"""

import logging
import re
import secrets
import threading
import time
from collections import OrderedDict
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import RateExceeded, problem

ACCESS = logging.getLogger("consentry.access")
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
SAFE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class BoundedBody:
    """Refuses bodies over a bound, by their length header at once, else while they stream in.

    Args:
        app: The application inside.
        most: Bytes of a body.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdecimal() or int(declared) > self._most:
            detail = f"the body has {declared} bytes; at most {self._most} are accepted"
            answer = problem(413, "too-large", "The request is too large", detail, instance=scope["path"])
            await answer(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise HTTPException(413, f"the body is larger than {self._most} bytes")
            return message

        await self._app(scope, bounded, send)


class Envelope:
    """Gives each answer the caller's request id (or a new one) and the security headers, and writes the access log.

    Args:
        app: The application inside.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and dress its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.match(given) else secrets.token_hex(16)
        started = time.monotonic()
        status = 500

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self._app(scope, receive, dressed)
        finally:
            log_request(scope["method"], scope["path"], status, started, request_id)


def log_request(method: str, path: str, status: int, started: float, request_id: str) -> None:
    """Write a line of the access log about a request that came at an instant of the steady clock."""
    if ACCESS.isEnabledFor(logging.INFO):
        took = round((time.monotonic() - started) * 1000, 1)
        ACCESS.info("%s %s %s %s ms %s", method, path, status, took, request_id)


class Rates:
    """How often each caller asked: a token bucket a caller, filled over a minute.

    Args:
        per_minute: Requests a caller may make in a minute, at once if it likes; 0: no bound.
        most_callers: Callers remembered; the longest silent are forgotten first.
    """

    def __init__(self, per_minute: int, most_callers: int = 10_000) -> None:
        self._per_minute = per_minute
        self._most_callers = most_callers
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, caller: object, now: float) -> None:
        """Count one request of a caller.

        Args:
            caller: Who asks.
            now: Seconds of any steady clock.

        Raises:
            RateExceeded: It is one too many.
        """
        if not self._per_minute:
            return
        with self._lock:
            level, at = self._buckets.pop(caller, (float(self._per_minute), now))
            level = min(float(self._per_minute), level + (now - at) * self._per_minute / 60)
            allowed = level >= 1
            self._buckets[caller] = (level - 1 if allowed else level, now)
            if len(self._buckets) > self._most_callers:
                self._buckets.popitem(last=False)
        if not allowed:
            raise RateExceeded(max(1, round((1 - level) * 60 / self._per_minute)))
