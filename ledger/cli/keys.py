"""``consentry keys``: the keys that sign receipts, and those that sign the logs' heads."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli.common import out, settings
from ledger.domain.identifiers import parse_id

if TYPE_CHECKING:
    from ledger.identity.seals import FileLogKeys

app = typer.Typer(help="The keys that sign receipts and the logs' heads.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The keys that sign receipts and the logs' heads."""


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


@app.command(name="rotate-log")
def rotate_log(log: Annotated[str, typer.Argument(help="The log's id (0x-hex), which is its institution's.")]) -> None:
    """Let a fresh key sign a log's heads. The log names it, under a head that the old key signed; old heads verify."""
    from ledger.cli.common import opened
    from ledger.services.log_key import rotate_log_key

    with opened() as ledger:
        held = parse_id(log)
        appended = rotate_log_key(ledger.context, ledger.appender, held)
        new = ledger.context.log_keys.note_signer(held).verifier
    out.print(f"{new} signs from now on; entry {appended.entries[0].index} of the log says so.", markup=False)


def _keys() -> "FileLogKeys":
    from ledger.identity.seals import FileLogKeys

    return FileLogKeys(settings().home / "keys")


def _when(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
