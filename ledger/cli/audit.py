"""``consentry audit``: the audit logs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.cli.common import Whole, err, opened, out
from ledger.domain.acts import Anchoring
from ledger.domain.audit import Kind
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import ConsentryError, NotFound

if TYPE_CHECKING:
    from ledger.bootstrap import Ledger
    from ledger.services.context import Context
    from ledger.services.fsck import Health

app = typer.Typer(help="The audit logs.", no_args_is_help=True)
DIFFERS = 1


@app.callback()
def group() -> None:
    """The audit logs."""


@app.command()
def fsck(
    log: Annotated[str, typer.Argument(help="One log's id; without it, every log.")] = "",
    record: Annotated[bool, typer.Option("--record", help="Write what was found into each log, as an entry.")] = False,
    jobs: Annotated[int, typer.Option(help="Processes to read with; 0: one a core.", min=0)] = 0,
) -> None:
    """Check every stored entry against its tree, its signed heads, its decisions, and the heads on the chain.

    Exit code: 0 sound, 1 something was changed (each finding is named) or not written down, or there is no such log, 3
    could not be checked.
    """
    from ledger.services.fsck import check_log, check_logs
    from ledger.store.scanning import usable_cores

    with opened() as ledger:
        wanted = parse_id(log, what="LOG") if log else None
        context, scan = ledger.context, ledger.store.scan(jobs or usable_cores())
        if wanted is not None and not _is_log(context, wanted):
            raise NotFound(f"{log} is no institution, so it has no log; leave it out to check every log")
        found = check_logs(context, scan=scan) if wanted is None else [check_log(context, wanted, scan=scan)]
        _tell(found)
        written = [_record(ledger, health) for health in found] if record else []
    if not all(written) or not all(health.sound for health in found):
        raise typer.Exit(DIFFERS)


def _is_log(context: "Context", log: bytes) -> bool:
    """Whether the store or the chain knows of a log, or of an institution that may have one."""
    mirror = context.mirror
    known = mirror.institution(log) is not None or mirror.head_of(log) is not None
    return known or log in context.audit.logs()


def _tell(found: "Sequence[Health]") -> None:
    """Print what was found of each log."""
    if not found:
        out.print("There are no logs.")
        return
    table = Whole("log", "entries", "anchored", "found")
    for health in found:
        words = "[green]sound[/]" if health.sound else f"[bold red]{len(health.findings)} faults[/]"
        table.add(to_hex(health.log), f"{health.entries:,}", f"{health.anchored:,}", words)
    out.print(table)
    for health in found:
        for finding in health.findings:
            place = "" if finding.index is None else f" at entry {finding.index}"
            line = f"{to_hex(health.log)}: {finding.fault.value}{place}: {finding.detail}"
            out.print(line, style="red", markup=False)


def _record(ledger: "Ledger", health: "Health") -> bool:
    """Write what was found into its log; a log may be too damaged for that, which is said."""
    from ledger.services.records import record_fsck

    try:
        (entry,) = record_fsck(ledger.context, ledger.appender, health).entries
    except ConsentryError as problem:
        err.print(f"{to_hex(health.log)}: not written down: {problem}", style="red", markup=False)
        return False
    out.print(f"{to_hex(entry.log)}: written down as entry {entry.index}")
    return True


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="Such as computation.completed; without it, the kinds are listed.")] = "",
) -> None:
    """Show the JSON Schema of a kind of entry."""
    from ledger.domain.entry_facts import schema_of

    if kind:
        out.print_json(data=schema_of(kind))
    else:
        for known in Kind:
            out.print(known.value)


@app.command()
def anchors(
    log: Annotated[str, typer.Argument(help="The log's id.")],
    last: Annotated[int, typer.Option(help="How many of the newest to show.", min=1)] = 20,
) -> None:
    """Show the heads of a log on the chain: what each covers, whether it is final, and the gas it took.

    Exit code: 0 shown, 1 there is no such log.
    """
    from ledger.services.anchor import anchored, under_way

    with opened() as ledger:
        context, wanted = ledger.context, parse_id(log, what="LOG")
        if context.mirror.institution(wanted) is None:
            raise NotFound(f"institution {log} is not admitted, so it has no log on the chain")
        size, waiting = context.audit.size(wanted), under_way(context, wanted)
        heads = anchored(context, wanted)
        outcomes = context.writer.outcomes([head.transaction for head in heads[-last:]])
        asked = context.limits.confirmations
    table = Whole("entries", "root", "block", "confirmations", "accesses", "gas")
    for head, outcome in zip(heads[-last:], outcomes, strict=True):
        final = "final" if head.final else f"{head.confirmations} of {asked}"
        gas = "not known" if outcome is None else f"{outcome.gas:,}"
        table.add(f"{head.size:,}", to_hex(head.root), str(head.block), final, str(head.accesses), gas)
    out.print(table)
    covered = heads[-1].size if heads else 0
    out.print(f"{size - covered:,} of {size:,} entries are newer than the last anchor")
    if waiting is not None and isinstance(waiting.act, Anchoring):
        out.print(f"an anchoring of {waiting.act.size:,} entries is on its way ({waiting.state.name.lower()})")
