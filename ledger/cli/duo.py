"""``consentry duo``: whether the terms of a dataset allow what a study does."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from ledger.cli.common import err, out, settings
from ledger.cli.ontology import read_file
from ledger.domain.data_use import match as match_terms
from ledger.domain.data_use_forms import parse_dataset, parse_purpose, read_object
from ledger.domain.duo_terms import TERMS, duo_term
from ledger.domain.moments import read_moment
from ledger.domain.ontology import Ontology
from ledger.errors import InvalidInput, TooLarge
from ledger.store.ontologies import Ontologies

app = typer.Typer(help="Whether the terms of a dataset allow what a study does.", no_args_is_help=True)
MALFORMED = 2
MOST_LINE = 1 << 20
_KEYS = frozenset({"dataset", "purpose", "as_of"})
_BY_ANCESTRY = frozenset({"DS", "RS", "NMDS"})


@app.callback()
def group() -> None:
    """Whether the terms of a dataset allow what a study does."""


@app.command()
def match(
    ontology: Annotated[
        Path | None,
        typer.Option(help="Compare by this file instead of the ontology in use.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Answer cases from standard input, one JSON object a line, with one JSON object a line.

    A case is {"dataset": .., "purpose": .., "as_of": ..}; as_of is an ISO date or date-time or seconds UTC, and
    without it nothing that depends on time is permitted. A malformed line is answered {"error": ..}. Blank lines are
    passed over.

    Exit code: 0 every line was a case, 2 some line was malformed.
    """
    known = read_file(ontology).ancestry() if ontology else Ontologies(settings().home).loaded()
    malformed = uncompared = False
    for line in _lines(sys.stdin.buffer):
        try:
            answer = _answer(line, known)
        except InvalidInput as problem:
            answer, malformed = {"error": str(problem)}, True
        uncompared |= not known.version and not _BY_ANCESTRY.isdisjoint(answer.get("reasons", ()))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    if uncompared:
        err.print(
            "consentry: no ontology is loaded, so diseases and topics were not compared: consentry ontology load FILE",
            markup=False,
        )
    if malformed:
        raise typer.Exit(MALFORMED)


@app.command()
def explain(
    code: Annotated[str, typer.Argument(help="A term, such as HMB or DUO:0000006; none: all of them.")] = "",
) -> None:
    """Say in plain words what a term of the Data Use Ontology means."""
    for term in (duo_term(code),) if code else TERMS:
        out.print(f"{term.name}  {term.id}  {term.kind}", markup=False)
        out.print(f"  {term.words}", markup=False)
        out.print(f"  {'Instead' if term.means is None else 'A study needs'}: {term.needs}", markup=False)


def _answer(line: bytes | None, ontology: Ontology) -> dict[str, Any]:
    if line is None:
        raise TooLarge(f"the line is over {MOST_LINE:,} bytes: a case has a few hundred")
    case = read_object(line, "the line")
    wrong = sorted(set(case) - _KEYS)
    missing = sorted({"dataset", "purpose"} - set(case))
    if wrong or missing:
        said = f"it has {', '.join(wrong)}" if wrong else f"it misses {', '.join(missing)}"
        raise InvalidInput(f"a case has dataset, purpose and as_of; {said}")
    as_of = case.get("as_of")
    found = match_terms(
        parse_dataset(_part(case, "dataset")),
        parse_purpose(_part(case, "purpose")),
        None if as_of is None else read_moment(as_of),
        ontology,
    )
    return {
        "outcome": found.outcome.value,
        "reasons": found.reasons,
        "obligations": [{"id": one.id, "properties": one.properties} for one in found.obligations],
    }


def _part(case: Any, name: str) -> Any:
    if not isinstance(case[name], dict):
        raise InvalidInput(f"{name} must be an object")
    return case[name]


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """The lines that are not blank; None for one that is too long, which is not held."""
    while line := stream.readline(MOST_LINE + 1):
        if len(line) <= MOST_LINE:
            if line.strip():
                yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(MOST_LINE)
        yield None
