"""``consentry audit``: the audit logs."""

from typing import Annotated

import typer
from rich.table import Table

from ledger.cli.common import opened, out
from ledger.domain.identifiers import parse_id, to_hex

app = typer.Typer(help="The audit logs.", no_args_is_help=True)
DIFFERS = 1


@app.callback()
def group() -> None:
    """The audit logs."""


@app.command()
def fsck(
    log: Annotated[str, typer.Argument(help="One log's id; without it, every log.")] = "",
) -> None:
    """Check every stored entry against its tree, its signed heads, its decisions, and the heads on the chain.

    Exit code: 0 sound, 1 something was changed (each finding is named), 3 could not be checked.
    """
    from ledger.services.fsck import check_log, check_logs

    with opened() as ledger:
        wanted = parse_id(log, what="LOG") if log else None
        found = check_logs(ledger.context) if wanted is None else [check_log(ledger.context, wanted)]
    if not found:
        out.print("There are no logs.")
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("log", "entries", "anchored", "found"):
        table.add_column(column, overflow="fold")
    for health in found:
        words = "[green]sound[/]" if health.sound else f"[bold red]{len(health.findings)} faults[/]"
        table.add_row(to_hex(health.log), f"{health.entries:,}", f"{health.anchored:,}", words)
    out.print(table)
    for health in found:
        for finding in health.findings:
            place = "" if finding.index is None else f" at entry {finding.index}"
            line = f"{to_hex(health.log)}: {finding.fault.value}{place}: {finding.detail}"
            out.print(line, style="red", markup=False)
    if not all(health.sound for health in found):
        raise typer.Exit(DIFFERS)
