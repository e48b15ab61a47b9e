"""Opaque page tokens of searches: where the page before ended, bound to the search that it belongs to."""

import base64
import binascii
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from ledger.errors import InvalidInput

_DIGEST: Final = 16


def token_after(last: str, search: Mapping[str, Any]) -> str:
    """The token of the page that follows the result ``last``.

    Args:
        last: The id or name of the page's last result.
        search: The search without its page.
    """
    return base64.urlsafe_b64encode(_digest(search) + last.encode()).rstrip(b"=").decode()


def read_token(token: str, search: Mapping[str, Any]) -> str:
    """Where a page starts: after this result; empty for the first page.

    Raises:
        InvalidInput: The token was not given out for this search.
    """
    if not token:
        return ""
    try:
        data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        last = data[_DIGEST:].decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as problem:
        raise InvalidInput("page.token is not one that was given out; start again without it") from problem
    if not last or data[:_DIGEST] != _digest(search):
        raise InvalidInput("page.token belongs to another search; start again without it")
    return last


def _digest(search: Mapping[str, Any]) -> bytes:
    return sha256(json.dumps(search, sort_keys=True, separators=(",", ":")).encode()).digest()[:_DIGEST]
