"""``consentry vault``: sealed personal data."""

import typer

from ledger.cli.common import opened, out

app = typer.Typer(help="Sealed personal data.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Sealed personal data."""


@app.command()
def rotate() -> None:
    """Bring all records under a new key, and destroy the old one: then copies in old backups cannot be read."""
    with opened() as ledger:
        moved = ledger.context.vault.rotate()
    out.print(f"{moved:,} records are under a new key; the older keys are destroyed.")
