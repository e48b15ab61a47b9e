"""``consentry export``: a log as one file."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ledger.cli.common import err, opened
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.selection import ACTOR, OUTCOME, Selection
from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput

if TYPE_CHECKING:
    from ledger.export.source import Progress as Told

_KIND = "bundle, prov-json, prov-jsonld, fhir-audit-event, fhir-provenance, ro-crate, ndjson, csv or parquet."


def export(
    log: Annotated[str, typer.Argument(help="The log's id, which is its institution's: 0x and 64 hex digits.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", dir_okay=False)],
    kind: Annotated[str, typer.Option("--format", help=_KIND)] = "bundle",
    members: Annotated[
        bool, typer.Option(help="Show the subjects' rows: without them a bundle's decisions cannot be replayed.")
    ] = True,
    study: Annotated[str, typer.Option(help="Only entries of this study.")] = "",
    actor: Annotated[str, typer.Option(help="Only what this actor did: engine:0x.. and so on.")] = "",
    outcome: Annotated[str, typer.Option(help="permit, deny, abstain; completed, failed, withheld.")] = "",
    since: Annotated[int, typer.Option(help="Only from this second on (UTC).", min=0, show_default=False)] = 0,
    until: Annotated[int | None, typer.Option(help="Only before this second (UTC).", min=0)] = None,
    subject: Annotated[str, typer.Option(help="Only what concerns decisions on this subject.")] = "",
    words: Annotated[str, typer.Option(help="Only entries with this text in a value.")] = "",
) -> None:
    """Write a log into a file: a bundle that `consentry verify` checks offline, or a form that other tools read.

    Anchor the log first: entries newer than its last anchor cannot be proved to the chain.
    """
    from ledger.export.formats import Format, write_export
    from ledger.export.source import Source
    from ledger.services.entries import decisions_about

    known = [one.value for one in Format]
    if kind not in known:
        raise InvalidInput(f"there is no format {kind!r}; there are {', '.join(known)}")
    wanted = parse_id(log, what="LOG")
    person = parse_id(subject, what="--subject") if subject else None
    _check(actor, outcome)
    with _whole(output) as descriptor, os.fdopen(descriptor, "w+b") as draft, opened() as ledger, _bar() as progress:
        selection = Selection(
            study=to_hex(parse_id(study, what="--study")) if study else "",
            actor=actor,
            outcome=outcome,
            since=since,
            until=FOREVER if until is None else until,
            decisions=None if person is None else decisions_about(ledger.context.audit, person),
            words=words,
        )
        source = Source(ledger.context, wanted, selection, with_members=members, subject=person, progress=progress)
        written = write_export(source, Format(kind), draft)
    err.print(f"{output}: {output.stat().st_size:,} bytes")
    if not source.met and not source.selection.everything:
        err.print("No entry meets the conditions, so the file has none.", style="yellow")
    if written.hash:
        err.print(f"It reaches up to block {written.block}. To check it, with the hash from a node that you trust:")
        err.print(f"  consentry verify {output} --block {to_hex(written.hash)}", markup=False)


def _check(actor: str, outcome: str) -> None:
    """Refuse conditions that no entry could ever meet.

    Raises:
        InvalidInput: One is not of its form.
    """
    if actor and not re.fullmatch(ACTOR, actor):
        raise InvalidInput(
            "--actor must be service, or a role and an id, such as engine:0x and 64 lower-case hex digits"
        )
    if outcome and not re.fullmatch(OUTCOME, outcome):
        raise InvalidInput("--outcome must be one lower-case word, such as permit or completed")


@contextmanager
def _whole(output: Path) -> Iterator[int]:
    """A descriptor of a new file beside the target, so that the target appears whole or not at all.

    Raises:
        InvalidInput: There is no such folder, or it cannot be written.
    """
    try:
        descriptor, name = mkstemp(dir=output.absolute().parent)
    except OSError as problem:
        raise InvalidInput(f"cannot write {output}: {problem.strerror}") from problem
    path = Path(name)
    try:
        yield descriptor
        path.replace(output)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def _bar() -> Iterator["Told"]:
    """A bar on a terminal; elsewhere nothing is shown."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("entries", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
