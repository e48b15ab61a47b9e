"""Exports: what to export, and how far an export is."""

from typing import Annotated

from pydantic import Field

from api.schemas.base import Answer, Id
from api.schemas.entries import Conditions
from ledger.export.formats import Format


class ExportBody(Conditions):
    """What to export. With conditions only the entries that meet them; a bundle always holds a log whole."""

    log: Id
    format: Annotated[Format, Field(strict=False)] = Format.BUNDLE
    words: Annotated[str, Field(max_length=200, description="text in one of an entry's values")] = ""
    members: bool = Field(default=True, description="show the considered subjects' rows, where the format can")


class ExportBlock(Answer):
    """The block that a bundle reaches up to; take the hash from a node that you trust, not from here."""

    number: int
    hash: str


class ExportAnswer(Answer):
    """An export: `waiting`, `running`, `done` or `failed`, and then why."""

    id: str
    log: str
    format: str
    state: str
    made: int
    expires: int
    done: int = Field(description="entries that were read")
    total: int = Field(description="of how many")
    size: int = Field(description="bytes of the file, once it is done")
    problem: str
    block: ExportBlock | None
