"""``consentry decision``: decisions that were given out."""

from typing import Annotated

import typer

from ledger.cli.common import opened, out
from ledger.domain.identifiers import parse_id, to_hex

app = typer.Typer(help="Decisions that were given out.", no_args_is_help=True)
DIFFERS = 1


@app.callback()
def group() -> None:
    """Decisions that were given out."""


@app.command()
def replay(
    decision: Annotated[str, typer.Argument(help="The decision's id: 0x and 64 hex digits.")],
) -> None:
    """Compute a decision again as of its block, from the copy and, for a sample, by the contract itself.

    Exit code: 0 it comes out the same, 1 it does not (each difference is named).
    """
    from ledger.services.replay import replay as compute

    wanted = to_hex(parse_id(decision, what="DECISION"))
    with opened() as ledger:
        found = compute(ledger.context, wanted)
    record = found.record
    out.print(f"Block {record.block_number} {to_hex(record.block_hash)}: {record.considered:,} subjects considered,")
    out.print(f"{record.permitted:,} permitted; the contract itself was asked about {found.asked_of_chain:,}.")
    if found.pending:
        out.print(
            f"{found.pending:,} were refused for what the chain did not show (an act on its way, or an erasure); "
            "these cannot be replayed."
        )
    if found.erased:
        out.print(f"{found.erased:,} rows were erased since, and cannot be replayed.")
    for by, differences in (("copy", found.differences), ("contract", found.chain_differences)):
        for one in differences:
            line = f"{to_hex(one.subject)}: said {one.said}, the {by} says {one.found}"
            out.print(line, style="red", markup=False)
    out.print("[green]The same.[/]" if found.same else "[bold red]It comes out otherwise.[/]")
    if not found.same:
        raise typer.Exit(DIFFERS)
