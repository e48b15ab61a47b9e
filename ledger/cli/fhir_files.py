"""What ``consentry decide`` and ``consentry fhir`` share: reading files, and what the caller knows of references."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ledger.domain.identifiers import parse_bytes
from ledger.errors import InvalidInput
from ledger.fhir.documents import resources_in
from ledger.fhir.known import Known, recipient_from, text_from

References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        help="REFERENCE=institution:0x.. or REFERENCE=study:0x..: who a FHIR reference is; repeat for each.",
    ),
]
Custodians = Annotated[
    list[str] | None,
    typer.Option("--custodian", help="A FHIR reference that means the subject's own custodian; repeat for each."),
]
Texts = Annotated[
    list[str] | None,
    typer.Option("--text", help="URI=HASH: the published text that a FHIR policy address means; repeat for each."),
]
TermsHash = Annotated[
    str, typer.Option("--terms", help="SHA-256 of the text that was shown, whatever the resources say (0x-hex).")
]
DenyIsDefault = Annotated[
    bool,
    typer.Option(
        "--deny-is-default",
        help="In R4, a base rule that denies with permits inside says what is closed anyway, and no more.",
    ),
]


@dataclass(frozen=True, slots=True)
class Found:
    """One resource or native document of a file, and where it stands."""

    file: str
    place: str
    value: Any

    def __str__(self) -> str:
        return f"{self.file} {self.place}".strip()

    @property
    def is_fhir(self) -> bool:
        """Whether it says that it is a FHIR resource (or is not even an object)."""
        return not isinstance(self.value, dict) or "resourceType" in self.value


def known_from(
    references: Iterable[str] | None,
    custodians: Iterable[str] | None,
    texts: Iterable[str] | None,
    terms: str,
    *,
    deny_is_default: bool,
) -> Known:
    """What the options say.

    Raises:
        InvalidInput: One of them is malformed.
    """
    return Known(
        recipients={key: recipient_from(value) for key, value in map(_pair, references or ())},
        custodians=frozenset(custodians or ()),
        texts={key: text_from(value) for key, value in map(_pair, texts or ())},
        terms=parse_bytes(terms, what="--terms", size=32) if terms else None,
        deny_is_default=deny_is_default,
    )


def found_in(files: Iterable[Path]) -> Iterator[Found]:
    """Everything in the files.

    Raises:
        InvalidInput: A file cannot be read, or is none of the forms.
    """
    for path in files:
        data = bytes_of(path)
        try:
            resources = resources_in(data)
        except InvalidInput as problem:
            raise type(problem)(f"{path}: {problem}") from problem
        for place, value in resources:
            yield Found(str(path), place, value)


def bytes_of(path: Path) -> bytes:
    """A file's bytes; ``-`` is the standard input.

    Raises:
        InvalidInput: It cannot be read.
    """
    try:
        return typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    except OSError as problem:
        raise InvalidInput(f"cannot read {path}: {problem.strerror}") from problem


def _pair(text: str) -> tuple[str, str]:
    """KEY=VALUE; the last = divides, since an address may hold one."""
    key, separator, value = text.rpartition("=")
    if not separator or not key:
        raise InvalidInput(f"write KEY=VALUE, not {text!r}")
    return key, value
