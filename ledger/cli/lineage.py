"""``consentry lineage``: what was computed from what, and what withdrawn data are still in."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.cli.common import Whole, opened, out
from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from ledger.provenance.lineage import Step

app = typer.Typer(help="What was computed from what.", no_args_is_help=True)
FOUND = 1


@app.callback()
def group() -> None:
    """What was computed from what."""


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Leaf hash of a computation's entry, or SHA-256 of an output, 0x-hex.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show a computation with all that it builds on, and all that builds on it."""
    from ledger.provenance.lineage import step_json
    from ledger.services.lineage import LineageKeeper

    wanted = to_hex(parse_bytes(name, what="ID", size=32))
    with opened() as ledger:
        lineage = LineageKeeper(ledger.context.audit).now()
    found = lineage.find(wanted)
    if not found:
        raise NotFound(f"no computation has the leaf {wanted}, and none made an output with that hash")
    for step in found:
        before, after = lineage.ancestors(step), lineage.descendants(step)
        if as_json:
            document = {"ancestors": list(map(step_json, before)), "descendants": list(map(step_json, after))}
            out.print_json(data=step_json(step) | document)
            continue
        table = _table("")
        for place, steps in (("builds on", before), ("this", [step]), ("built upon", after)):
            for one in steps:
                table.add(place, *_cells(one))
        out.print(table)


@app.command()
def tainted(
    subject: Annotated[str, typer.Option(help="Everything of this subject's withdrawn consents.")] = "",
    consent: Annotated[str, typer.Option(help="Of this consent alone.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List what was computed from data whose consent has been withdrawn since, and what can be gone back to.

    Exit code: 0 nothing was, 1 something was.
    """
    from ledger.provenance.lineage import tainted_json
    from ledger.services.lineage import LineageKeeper, subject_of, taint_of

    if not subject and not consent:
        raise InvalidInput("say whose: --subject ID, or --consent ID")
    chosen = parse_id(consent, what="--consent") if consent else None
    with opened() as ledger:
        ledger.catch_up()
        whose = parse_id(subject, what="--subject") if subject else None
        if whose is None:
            assert chosen is not None
            whose = subject_of(ledger.context, chosen)
        found = taint_of(ledger.context, LineageKeeper(ledger.context.audit).now(), whose, chosen)
    if as_json:
        document: dict[str, Any] = {
            "subject": to_hex(found.subject),
            "withdrawn": [to_hex(one) for one in found.withdrawn],
            "decisions": list(found.decisions),
            "tainted": [tainted_json(one) for one in found.steps],
        }
        out.print_json(data=document)
    else:
        out.print(f"{len(found.withdrawn)} consents are withdrawn; {len(found.decisions)} decisions rested on them.")
        table = _table("how far", "clean before it")
        for one in found.steps:
            clean = one.clean[0].leaf if one.clean else "none"
            table.add(str(one.distance) if one.distance else "itself", *_cells(one.step), clean)
        if found.steps:
            out.print(table)
    raise typer.Exit(FOUND if found.steps else 0)


def _table(first: str, *last: str) -> Whole:
    return Whole(first, "ended", "operation", "leaf", "made", *last)


def _cells(step: "Step") -> tuple[str, ...]:
    ended = datetime.fromtimestamp(step.time, UTC).strftime("%Y-%m-%d %H:%M:%S")
    made = "\n".join(f"{output.name} {output.sha256}" for output in step.outputs)
    return ended, step.operation, step.leaf, made
