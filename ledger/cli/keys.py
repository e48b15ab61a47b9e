"""``consentry keys``: the keys that sign receipts."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli.common import out, settings

if TYPE_CHECKING:
    from ledger.identity.seals import FileLogKeys

app = typer.Typer(help="The keys that sign receipts.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The keys that sign receipts."""


@app.command(name="list")
def list_keys() -> None:
    """Show every key that ever signed receipts, oldest first."""
    published = _keys().published
    for kid in published.kids:
        ending = published.ending(kid)
        stolen = "" if ending.revoked_at is None else f", stolen since {_when(ending.revoked_at)}"
        out.print(kid, "signs" if ending.exp is None else f"signed until {_when(ending.exp)}{stolen}", markup=False)


@app.command()
def rotate(
    stolen_since: Annotated[
        int | None,
        typer.Option(help="The old key was stolen: the first second (UTC) at which it may have been in other hands."),
    ] = None,
) -> None:
    """Let a fresh key sign receipts from now on; a running service takes it up at once. Old receipts keep verifying."""
    kid = _keys().rotate(int(time.time()), stolen_since=stolen_since)  # noqa: TID251 - a command reads the clock
    out.print(f"{kid} signs from now on.", markup=False)
    if stolen_since is not None:
        out.print(
            f"Receipts of the old key for {stolen_since} and later do not verify any more. Older ones prove something "
            "only together with an anchor of before: export bundles and keep them."
        )


def _keys() -> "FileLogKeys":
    from ledger.identity.seals import FileLogKeys

    return FileLogKeys(settings().home / "keys")


def _when(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
