"""``consentry verify``: checks a bundle offline. It needs the file and one block hash; no database, no network."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ledger.cli.common import out
from ledger.domain.identifiers import parse_bytes

_STYLES = {"pass": "green", "fail": "bold red", "could not check": "yellow"}
_WORDS = {
    "pass": "It holds.",
    "fail": "It does NOT hold.",
    "could not check": "Nothing fails, but not everything could be checked.",
}


def verify(
    bundle: Annotated[Path, typer.Argument(help="The bundle's file.", exists=True, dir_okay=False)],
    block: Annotated[
        str, typer.Option("--block", help="Hash of the bundle's last block, from a node that you trust (0x-hex).")
    ] = "",
    contract: Annotated[
        list[str] | None,
        typer.Option("--contract", help="NAME=ADDRESS of a contract as the consortium published it; repeat for each."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say for each check what it proves and what not.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a bundle, and say for each claim: pass, fail, or could not check.

    Exit code: 0 holds, 1 fails, 2 wrong usage, 3 could not be checked.
    """
    from ledger.verify.checks import verify_bundle

    contracts = dict(_contract(text) for text in contract or [])
    given = parse_bytes(block, what="--block", size=32) if block else None
    report = verify_bundle(bundle, given, contracts=contracts or None)
    if as_json:
        fields = ("name", "status", "detail", "proves", "does_not_prove")
        checks = [{name: str(getattr(check, name)) for name in fields} for check in report.checks]
        out.print_json(data={"verdict": report.verdict.value, "checks": checks})
        raise typer.Exit(report.exit_code)
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for check in report.checks:
        detail = check.detail
        if explain:
            detail += f"\nproves: {check.proves}\ndoes not prove: {check.does_not_prove}"
        table.add_row(check.name, f"[{_STYLES[check.status.value]}]{check.status.value}[/]", detail)
    out.print(table)
    verdict = report.verdict.value
    out.print(f"[{_STYLES[verdict]}]{_WORDS[verdict]}[/]")
    raise typer.Exit(report.exit_code)


def _contract(text: str) -> tuple[str, bytes]:
    name, separator, address = text.partition("=")
    if not separator or not name:
        raise typer.BadParameter("write NAME=0xADDRESS", param_hint="--contract")
    return name, parse_bytes(address, what=f"the address of {name}", size=20)
