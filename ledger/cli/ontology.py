"""``consentry ontology``: the ontology that diseases and topics are compared by."""

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.common import err, out, settings
from ledger.domain.ontology import curie
from ledger.domain.ontology_files import MOST_BYTES, OntologyFile, read_ontology
from ledger.errors import NotFound, TooLarge
from ledger.store.ontologies import Ontologies

app = typer.Typer(help="The ontology that diseases and topics are compared by.", no_args_is_help=True)
MOST_NAMED = 20

OntologyPath = Annotated[Path, typer.Argument(help="JSON or OBO, of Mondo or another.", exists=True, dir_okay=False)]


@app.callback()
def group() -> None:
    """The ontology that diseases and topics are compared by."""


@app.command()
def load(file: OntologyPath) -> None:
    """Read an ontology file and use it from now on: child-to-parents JSON, OBO graphs JSON, or OBO.

    Parents that the file names but does not hold are listed; a cycle is refused.
    """
    found = read_file(file)
    dangling = found.ancestry().dangling()
    Ontologies(settings().home).keep(found)
    _describe(found)
    if dangling:
        more = f" and {len(dangling) - MOST_NAMED:,} more" if len(dangling) > MOST_NAMED else ""
        names = ", ".join(dangling[:MOST_NAMED])
        err.print(f"Not held, so nothing lies below them: {names}{more}", style="yellow", markup=False)


@app.command()
def show(
    code: Annotated[str, typer.Argument(help="A code, such as MONDO:0005138; none: the ontology itself.")] = "",
) -> None:
    """Show the ontology in use, or what it says of one code."""
    found = Ontologies(settings().home).read()
    if not code:
        _describe(found)
        return
    wanted = curie(code)
    ancestry = found.ancestry()
    above = ancestry.ancestors(wanted)
    if above is None:
        raise NotFound(f"the ontology does not hold {wanted}: what names it is unknown")
    parents = ancestry.parents(wanted) or ()
    out.print(f"{wanted}  {found.labels[wanted]}", markup=False)
    for one in sorted(above - {wanted}):
        mark = "is a" if one in parents else "below"
        out.print(f"  {mark}  {one}  {found.labels[one]}", markup=False)
    for one in parents:
        if one not in above:
            out.print(f"  is a  {one}  (not held)", markup=False)


def read_file(file: Path) -> OntologyFile:
    """Read an ontology file, unless it is too large to be one."""
    if file.stat().st_size > MOST_BYTES:
        raise TooLarge(f"{file} is over {MOST_BYTES:,} bytes")
    return read_ontology(file.read_bytes())


def _describe(found: OntologyFile) -> None:
    links = sum(len(parents) for parents in found.parents.values())
    out.print(f"{len(found.parents):,} terms, {links:,} links to parents, {found.obsolete:,} obsolete terms left out.")
    out.print(f"version {found.version}")
