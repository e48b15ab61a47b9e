"""``/verify``: the checker, one page that works without this service.

Invariant: it is sent as it was built, under the policy that it brings itself: it may run its own script and reach
nothing, this service included.
"""

import re
from functools import cache
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse

from api.pages.rendering import static_folder
from ledger.errors import ConfigurationError

router = APIRouter(include_in_schema=False)
_POLICY: Final = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')
_MORE: Final = "; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"


@router.get("/verify")
def checker() -> Response:
    """The page; save it, and it checks files from your disk."""
    text, policy = _page()
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-cache"})


@cache
def _page() -> tuple[str, str]:
    text = (static_folder() / "checker.html").read_text(encoding="utf-8")
    found = _POLICY.search(text)
    if found is None:
        raise ConfigurationError("the checker page has no policy of its own; build it: npm --prefix frontend run build")
    return text, found[1] + _MORE
