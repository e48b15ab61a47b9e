"""The error tree as RFC 9457 problem documents.

Invariants: one table maps classes to status and title; an error outside the tree is a 500 that says nothing of the
inside; no message repeats a token or a key; a 503 says that no answer was given, which callers must treat as deny.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ledger import errors

MEDIA_TYPE: Final = "application/problem+json"
_LOG = logging.getLogger("consentry.api")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: its HTTP status, and the title that goes with its type."""

    status: int
    title: str


# The first class of an error's line of ancestors that stands here gives its kind.
KINDS: Final[dict[type[errors.ConsentryError], Kind]] = {
    errors.BadSignature: Kind(400, "The signature does not hold"),
    errors.DeadlinePassed: Kind(400, "The act's deadline has passed"),
    errors.UnknownCode: Kind(400, "A word is not in the vocabulary"),
    errors.TooLarge: Kind(413, "The request is too large"),
    errors.InvalidInput: Kind(400, "The request is malformed"),
    errors.Unauthenticated: Kind(401, "A valid token is needed"),
    errors.ConsentDenied: Kind(403, "Consent does not allow this"),
    errors.Forbidden: Kind(403, "The token does not allow this"),
    errors.NotFound: Kind(404, "There is no such thing"),
    errors.Replayed: Kind(409, "The id or key was used before"),
    errors.WrongState: Kind(409, "Not possible in this state"),
    errors.Conflict: Kind(409, "It contradicts what is there"),
    errors.MirrorLagging: Kind(503, "The copy of the chain is too old"),
    errors.ReorgTooDeep: Kind(503, "The chain took back final blocks"),
    errors.NodesDisagree: Kind(503, "The chain's nodes contradict each other"),
    errors.LedgerUnreachable: Kind(503, "The chain cannot be reached"),
    errors.NotReady: Kind(503, "No answer can be given now"),
}
INTERNAL: Final = Kind(500, "Something went wrong here")
_PLAIN: Final[dict[int, tuple[str, str]]] = {
    400: ("invalid-input", "The request is malformed"),
    404: ("not-found", "There is no such address"),
    405: ("method-not-allowed", "This address does not take this method"),
    413: ("too-large", "The request is too large"),
}


class RateExceeded(Exception):  # noqa: N818 - named like the tree's errors
    """One caller asked more often than allowed; ``seconds`` until it may ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many requests from one caller; ask again in {seconds} s")
        self.seconds = seconds


def slug_of(kind: type[Exception]) -> str:
    """The last part of a problem's type, such as ``bad-signature``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


def problem(
    status: int,
    slug: str,
    title: str,
    detail: str,
    *,
    instance: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document."""
    document = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    if instance:
        document["instance"] = instance
    document.update({name: value for name, value in more.items() if value is not None})
    return Response(_encode(document), status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(error: errors.ConsentryError, instance: str = "") -> Response:
    """The problem document of an error of our tree."""
    for ancestor in type(error).__mro__:
        kind = KINDS.get(ancestor)
        if kind is not None:
            break
    else:  # an error that must not reach a caller: its words are for the log
        _LOG.error("unexpected %s: %s", type(error).__name__, error)
        return problem(500, "internal", INTERNAL.title, "the failure is in our log; try again later", instance=instance)
    headers = {}
    if kind.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="consentry", error="invalid_token"'
    elif kind.status == 503:
        headers["Retry-After"] = "2"
    return problem(
        kind.status,
        slug_of(ancestor),
        kind.title,
        str(error),
        instance=instance,
        headers=headers,
        index=getattr(error, "index", None),
    )


def rate_problem(error: RateExceeded, instance: str) -> Response:
    """The problem document for a caller that asks too often."""
    headers = {"Retry-After": str(error.seconds)}
    return problem(429, "too-many-requests", "Too many requests", str(error), instance=instance, headers=headers)


def internal(error: Exception, instance: str) -> Response:
    """The problem document of an error outside the tree, which says nothing of it; the log says all."""
    _LOG.error("unexpected %s at %s", type(error).__name__, instance, exc_info=error)
    return problem(500, "internal", INTERNAL.title, "the failure is in our log; try again later", instance=instance)


def pointer(place: Sequence[Any]) -> str:
    """The JSON pointer (RFC 6901) of a place in the body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in place)


def install(app: FastAPI) -> None:
    """Let every failure of ``app`` end in a problem document."""
    app.add_exception_handler(errors.ConsentryError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RateExceeded, _on_rate)
    app.add_exception_handler(Exception, _on_anything)


async def _on_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ConsentryError)
    return problem_of(error, request.url.path)


async def _on_rate(request: Request, error: Exception) -> Response:
    assert isinstance(error, RateExceeded)
    return rate_problem(error, request.url.path)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = []
    index = None
    for fault in error.errors()[:20]:
        where, *place = fault["loc"]
        named = {"pointer": pointer(place)} if where == "body" else {str(where): ".".join(map(str, place))}
        if fault["type"] == "json_invalid":
            named = {"pointer": ""}
        faults.append({**named, "detail": _words(fault)})
        if index is None and where == "body" and len(place) > 1 and isinstance(place[1], int):
            index = place[1]
    detail = "; ".join(
        f"{fault.get('pointer') or next(iter(fault.values()))}: {fault['detail']}" for fault in faults[:3]
    )
    kind = KINDS[errors.InvalidInput]
    return problem(
        kind.status, "invalid-input", kind.title, detail, instance=request.url.path, errors=faults, index=index
    )


def _words(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "json_invalid":
        return f"the body is not JSON: {fault.get('ctx', {}).get('error', 'malformed')}"
    return str(fault["msg"]).removeprefix("Value error, ")


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug, title = _PLAIN.get(error.status_code, ("http", "The request failed"))
    detail = error.detail if isinstance(error.detail, str) else title
    return problem(error.status_code, slug, title, detail, instance=request.url.path, headers=dict(error.headers or {}))


async def _on_anything(request: Request, error: Exception) -> Response:
    return internal(error, request.url.path)
