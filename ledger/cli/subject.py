"""``consentry subject``: the people behind the ids."""

from typing import Annotated

import typer

from ledger.cli.common import opened, out
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.projection import Subject
from ledger.errors import NotFound

app = typer.Typer(help="Subjects, and who they are.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Subjects, and who they are."""


@app.command()
def erase(
    subjects: Annotated[list[str], typer.Argument(help="Ids of subjects: 0x and 64 hex digits each.")],
) -> None:
    """Erase whom subjects stand for, for good; every decision on them is a deny from now on.

    Proofs, receipts and exported bundles hold as before. A second call only finishes what was interrupted.
    """
    from ledger.services.erase import erase as destroy

    wanted = [parse_id(text, what="SUBJECTS") for text in subjects]
    with opened() as ledger:
        custodians = {}
        for subject in wanted:
            enrolled = ledger.context.mirror.history("Subject", subject)
            if not enrolled or not isinstance(enrolled[-1].fact, Subject):
                raise NotFound(f"subject {to_hex(subject)} is not enrolled; nothing was erased")
            custodians[subject] = enrolled[-1].fact.custodian
        for subject, custodian in custodians.items():
            for one in destroy(ledger.context, ledger.appender, subject, custodian, "operator"):
                out.print(f"{to_hex(subject)}: erased at {one.at}, as {one.id} in the log of {to_hex(custodian)}")
