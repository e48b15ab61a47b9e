"""``consentry export``: a log as one file."""

import os
from pathlib import Path
from tempfile import mkstemp
from typing import Annotated

import typer

from ledger.cli.common import err, opened
from ledger.domain.identifiers import parse_id, to_hex
from ledger.errors import InvalidInput


def export(
    log: Annotated[str, typer.Argument(help="The log's id, which is its institution's: 0x and 64 hex digits.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.", dir_okay=False)],
    kind: Annotated[str, typer.Option("--format", help="bundle, prov-json or ndjson.")] = "bundle",
    members: Annotated[
        bool, typer.Option(help="Put the subjects' rows into a bundle: without them decisions cannot be replayed.")
    ] = True,
) -> None:
    """Write a log into a file: a bundle that `consentry verify` checks offline, PROV-JSON, or plain lines.

    Anchor the log first: entries newer than its last anchor cannot be proved to the chain.
    """
    from ledger.export.formats import Format, write_export

    known = [one.value for one in Format]
    if kind not in known:
        raise InvalidInput(f"there is no format {kind!r}; there are {', '.join(known)}")
    wanted = parse_id(log, what="LOG")
    try:
        # Beside the target, so that the file appears whole or not at all.
        descriptor, name = mkstemp(dir=output.absolute().parent)
    except OSError as problem:
        raise InvalidInput(f"cannot write {output}: {problem.strerror}") from problem
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as draft, opened() as ledger:
            number, block = write_export(ledger.context, wanted, Format(kind), draft, with_members=members)
        path.replace(output)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    err.print(f"{output}: {output.stat().st_size:,} bytes")
    if block:
        err.print(f"It reaches up to block {number}. To check it, with the hash from a node that you trust:")
        err.print(f"  consentry verify {output} --block {to_hex(block)}", markup=False)
