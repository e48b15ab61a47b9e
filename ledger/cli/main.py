"""The command ``consentry``: one group a noun, one file a noun.

Exit codes: 0 done or holds; 1 failed or does not hold; 2 wrong usage or settings; 3 could not be checked or reached.
"""

import sys
from typing import Final

import typer
from rich.console import Console

from ledger.cli import (
    audit,
    chain,
    decide,
    decision,
    duo,
    export,
    fhir,
    keys,
    lineage,
    mirror,
    ontology,
    serve,
    subject,
    token,
    vault,
    verify,
    withdraw,
    witness,
)
from ledger.errors import (
    CannotCheck,
    ConfigurationError,
    ConsentryError,
    InvalidInput,
    NotReady,
)

app = typer.Typer(
    name="consentry",
    help="Consent and audit ledger: who allowed what, who used it, and proof of both.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command()(serve.serve)
app.command()(token.token)
app.command()(export.export)
app.command()(verify.verify)
app.command()(decide.decide)
app.command()(withdraw.withdraw)
app.add_typer(mirror.app, name="mirror")
app.add_typer(audit.app, name="audit")
app.add_typer(chain.app, name="chain")
app.add_typer(decision.app, name="decision")
app.add_typer(lineage.app, name="lineage")
app.add_typer(fhir.app, name="fhir")
app.add_typer(keys.app, name="keys")
app.add_typer(subject.app, name="subject")
app.add_typer(vault.app, name="vault")
app.add_typer(witness.app, name="witness")
app.add_typer(duo.app, name="duo")
app.add_typer(ontology.app, name="ontology")

FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
_CODES: Final = (
    (InvalidInput, USAGE),
    (ConfigurationError, USAGE),
    (CannotCheck, UNREACHABLE),
    (NotReady, UNREACHABLE),
)


def code_of(problem: ConsentryError) -> int:
    """The exit code of an error."""
    return next((code for kind, code in _CODES if isinstance(problem, kind)), FAILED)


def main() -> None:
    """Run the command, and say in one line what went wrong."""
    try:
        app()
    except ConsentryError as problem:
        Console(stderr=True, soft_wrap=True).print(f"consentry: {problem}", style="bold red", markup=False)
        sys.exit(code_of(problem))
