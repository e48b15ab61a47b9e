"""``consentry mirror``: the SQL copy of the chain."""

import typer
from rich.progress import Progress, TaskID

from ledger.cli.common import err, opened, out
from ledger.domain.identifiers import to_hex

app = typer.Typer(help="The SQL copy of the chain.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The SQL copy of the chain."""


@app.command()
def verify() -> None:
    """Replay the chain and compare every row of the copy with what comes out.

    Exit code: 0 all equal, 1 a row differs (the first one is named), 3 could not be checked.
    """
    from ledger.services.mirror_verify import verify_mirror

    with opened() as ledger, Progress(console=err, transient=True) as progress:
        task: TaskID = progress.add_task("replaying the chain", total=None)

        def tell(done: int, last: int) -> None:
            progress.update(task, completed=done, total=last)

        found = verify_mirror(ledger.context.reader, ledger.context.mirror, on_progress=tell)
    if found.cursor is None:
        out.print("The copy is empty: nothing was compared.")
        return
    block = found.cursor.block
    out.print(f"Equal: {found.blocks:,} blocks, {found.events:,} events, {found.versions:,} versions of facts,")
    out.print(f"up to block {block.number} {to_hex(block.hash)}; digest {to_hex(found.cursor.digest)}.")
