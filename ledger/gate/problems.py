"""Problem documents of the API, back to the error tree.

The slug of the problem's type names the error; where it is unknown the status does. What is not a problem document at
all did not come from the ledger, and is treated as if the ledger could not be reached.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

import re
from http import HTTPStatus

import msgspec

from ledger import errors
from ledger.errors import ConsentryError, InvalidInput, LedgerUnreachable

_BY_STATUS: dict[int, type[ConsentryError]] = {
    HTTPStatus.BAD_REQUEST: errors.InvalidInput,
    HTTPStatus.UNAUTHORIZED: errors.Unauthenticated,
    HTTPStatus.FORBIDDEN: errors.Forbidden,
    HTTPStatus.NOT_FOUND: errors.NotFound,
    HTTPStatus.CONFLICT: errors.Conflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.TooLarge,
    HTTPStatus.UNPROCESSABLE_ENTITY: errors.InvalidInput,
    HTTPStatus.SERVICE_UNAVAILABLE: errors.NotReady,
}


def _slug(kind: type[ConsentryError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()


_BY_SLUG: dict[str, type[ConsentryError]] = {
    _slug(kind): kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ConsentryError) and kind is not ConsentryError
}


class _Problem(msgspec.Struct):
    type: str = ""
    title: str = ""
    detail: str = ""


def error_of(status: int, body: bytes) -> ConsentryError:
    """The error that a failed answer stands for.

    Args:
        status: The HTTP status, 300 or higher.
        body: The body, which should be a problem document.
    """
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return LedgerUnreachable(f"the ledger answered with status {status} and no problem document: treat it as deny")
    words = problem.detail or problem.title or f"status {status}"
    kind = _BY_SLUG.get(problem.type.rsplit("/", 1)[-1]) or _BY_STATUS.get(status)
    if kind is None:
        kind = InvalidInput if 400 <= status < 500 else LedgerUnreachable
    return kind(words)
