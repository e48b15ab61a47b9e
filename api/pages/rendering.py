"""Pages: templates, static files, and what every page is given.

Invariants: everything that is shown is escaped; a missing value is an error, never an empty place; a page loads its own
stylesheet and icon and nothing else (the pages of ``choices`` a script of ours too), and reads the same without them.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from ledger.domain.vocabulary import FOREVER
from ledger.identity.principal import Principal

_HERE: Final = Path(__file__).resolve().parents[1]
_CHECKOUT: Final = _HERE.parent / "frontend"


def _folder(installed: str, checkout: str) -> Path:
    """A folder of files beside the code (in an installed wheel), or in the checkout."""
    beside = _HERE / installed
    return beside if beside.is_dir() else _CHECKOUT / checkout


def static_folder() -> Path:
    """Where the files lie that are sent as they are."""
    return _folder("static", "dist")


class Files(StaticFiles):
    """The stylesheet and the icon; browsers may keep them for an hour."""

    def __init__(self) -> None:
        super().__init__(directory=static_folder())

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_folder("templates", "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(day=day, moment=moment, iso=iso, short=short, number=number)
    return environment


def page(
    request: Request, template: str, *, status: int = 200, who: Principal | None = None, **values: Any
) -> Response:
    """A page.

    Args:
        request: The request that it answers.
        template: The template's name, without its ending.
        status: The HTTP status.
        who: Who is signed in.
        values: What the template shows.
    """
    text = _templates().get_template(f"{template}.html").render(path=request.url.path, who=who, **values)
    return HTMLResponse(text, status)


def day(seconds: int) -> str:
    """A date, such as 24 November 2026."""
    moment_ = datetime.fromtimestamp(seconds, UTC)
    return f"{moment_.day} {moment_:%B %Y}"


def moment(seconds: int) -> str:
    """A date and time in UTC, such as 24 November 2026, 04:56 UTC."""
    return f"{day(seconds)}, {datetime.fromtimestamp(seconds, UTC):%H:%M} UTC"


def iso(seconds: int) -> str:
    """A time for machines (the datetime attribute); "" for one that is out of their range."""
    return "" if seconds >= FOREVER else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def short(text: str) -> str:
    """The start of a long id; the whole stands in the address or beside it."""
    return f"{text[:10]}…" if len(text) > 14 else text


def number(value: int) -> str:
    """A number with separators."""
    return f"{value:,}"
