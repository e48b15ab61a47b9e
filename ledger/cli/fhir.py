"""``consentry fhir``: FHIR Consents in and out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ledger.cli.common import err, opened, out
from ledger.cli.fhir_files import Custodians, DenyIsDefault, Found, References, TermsHash, Texts, found_in, known_from
from ledger.cli.fhir_words import plain
from ledger.domain.consent import ConsentState
from ledger.domain.identifiers import parse_bytes, parse_id, to_hex
from ledger.domain.wording import scope_to_json
from ledger.errors import InvalidInput, NotFound
from ledger.fhir.known import Known
from ledger.fhir.outcome import Severity, outcome_of
from ledger.fhir.read import Reading, read, says_deny
from ledger.fhir.write import Release, write

app = typer.Typer(help="FHIR Consents in and out (R4 and R5).", no_args_is_help=True)
REFUSED: Final = 1
_STYLES: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFORMATION: "dim"}


@app.callback()
def group() -> None:
    """FHIR Consents in and out (R4 and R5)."""


@app.command(name="import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="JSON, NDJSON or XML; Consents or Bundles; - is standard input.")],
    subject: Annotated[
        list[str] | None,
        typer.Option("--subject", help="Whose consents: ID, or PATIENT=ID for each patient reference in the files."),
    ] = None,
    signer: Annotated[str, typer.Option("--signer", help="Who will sign (0x-hex): prints the acts to sign.")] = "",
    staff_key: Annotated[
        Path | None,
        typer.Option(help="File with the key (64 hex digits) of a staff signer: signs the acts and records them."),
    ] = None,
    url: Annotated[str, typer.Option(help="The ledger's API.", envvar="CONSENTRY_URL")] = "http://127.0.0.1:8400",
    token: Annotated[str, typer.Option(help="Bearer token.", envvar="CONSENTRY_TOKEN", show_default=False)] = "",
    reference: References = None,
    custodian: Custodians = None,
    text: Texts = None,
    terms: TermsHash = "",
    deny_is_default: DenyIsDefault = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a resource, on one line.")] = False,
) -> None:
    """Say what FHIR Consents become here, and, with --subject, make them ready to count or record them.

    By itself it only reads: each resource becomes consents, in plain words, or is refused with the elements at
    fault; nothing leaves this machine. Only signatures change consents, so with --subject and --signer it asks the
    ledger for its signing domain and prints the acts with their digests, to be signed elsewhere (and sent to
    POST /v1/consents). With --subject and --staff-key it signs with that key, which must be a staff signer of the
    subject, and records them: the resource's hash stands for the paper form.

    Exit code: 0 all were read (and recorded), 1 one was refused: act on it, above all where it says deny; 2 wrong
    usage.
    """
    known = known_from(reference, custodian, text, terms, deny_is_default=deny_is_default)
    subjects = _Subjects(subject or [])
    if (signer or staff_key) and not subject:
        raise InvalidInput("say whose consents these are: --subject")
    refused = False
    readings = [(found, read(found.value, known)) for found in found_in(files)]
    if not readings:
        raise InvalidInput("the files hold no resource")
    subjects.check({reading.patient for _, reading in readings if not reading.refused})
    for found, reading in readings:
        refused |= reading.refused
        more: dict[str, Any] = {}
        if (signer or staff_key) and not reading.refused:
            from ledger.cli.fhir_signing import prepared, recorded

            of = subjects.of(reading)
            if staff_key is None:
                by = parse_bytes(signer, what="--signer", at_most=1024)
                more["acts"] = prepared(reading, of, by, url=url, token=token)
            else:
                more["items"] = recorded(reading, of, staff_key, url=url, token=token)
        if as_json:
            out.print(json.dumps(_document(found, reading, known) | more), markup=False)
        else:
            _show(found, reading, more)
    if refused:
        raise typer.Exit(REFUSED)


@app.command()
def export(
    subject: Annotated[str, typer.Option("--subject", help="Whose consents: 0x and 64 hex digits.")],
    release: Annotated[Release, typer.Option("--fhir", help="The release of FHIR to write.")] = Release.R4,
) -> None:
    """Print a subject's consents as a Bundle of FHIR Consents, from this machine's ledger.

    What is printed reads back (``consentry fhir import``, ``consentry decide``) as the same consents, field by field.
    """
    from ledger.services.pending import with_ended

    of = parse_id(subject, what="--subject")
    with opened() as ledger:
        mirror = ledger.context.mirror
        cursor = mirror.cursor()
        held = None if cursor is None else mirror.consents_at(of, cursor.block.number)
        if cursor is not None and held is not None:
            held = tuple(with_ended(ledger.context.pending.at(cursor.block).get(of, ()), held))
    if held is None:
        raise NotFound(f"subject {to_hex(of)} is not enrolled, as of the last block taken in")
    entries = [{"resource": write(one, release)} for one in sorted(held, key=lambda one: one.id)]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    out.print_json(data=bundle | ({"entry": entries} if entries else {}))


class _Subjects:
    """Which subject each patient of the files is."""

    def __init__(self, options: Sequence[str]) -> None:
        self._of_all: bytes | None = None
        self._by_patient: dict[str, bytes] = {}
        for option in options:
            patient, separator, name = option.rpartition("=")
            if separator:
                self._by_patient[patient] = parse_id(name, what=f"the subject of {patient}")
            elif self._of_all is not None:
                raise InvalidInput("--subject ID stands once; write PATIENT=ID for several patients")
            else:
                self._of_all = parse_id(name, what="--subject")

    def check(self, patients: set[str]) -> None:
        """One subject for all is only for one patient."""
        unnamed = patients - set(self._by_patient)
        if self._of_all is not None and len(unnamed) > 1:
            raise InvalidInput(f"the files are about several patients: {', '.join(sorted(unnamed))}; write PATIENT=ID")

    def of(self, reading: Reading) -> bytes:
        """The subject of a resource's patient."""
        found = self._by_patient.get(reading.patient, self._of_all)
        if found is None:
            raise InvalidInput(f"which subject is {reading.patient}? Write --subject {reading.patient}=ID")
        return found


def _document(found: Found, reading: Reading, known: Known) -> dict[str, Any]:
    return {
        "source": str(found),
        "patient": reading.patient,
        "refused": reading.refused,
        "says_deny": says_deny(found.value),
        "form": to_hex(reading.form),
        "drafts": [
            {
                "expression": draft.expression,
                "state": draft.state.name.lower(),
                "scope": scope_to_json(draft.scope) | ({} if known.terms or reading.has_terms else {"terms": None}),
            }
            for draft in reading.drafts
        ],
        "outcome": outcome_of(reading.issues),
        "resource": found.value,
    }


def _show(found: Found, reading: Reading, more: dict[str, Any]) -> None:
    out.print(str(found), style="bold", markup=False)
    if reading.refused:
        out.print("  Refused; nothing of it was taken.", style="bold red")
    for draft in reading.drafts:
        gone = "" if draft.state is ConsentState.ACTIVE else " (not in force)"
        out.print(f"  {plain(draft.scope)}{gone}", markup=False)
    for issue in reading.issues:
        (err if issue.severity is Severity.ERROR else out).print(
            f"  {issue.severity.value}: {issue}", style=_STYLES[issue.severity], markup=False
        )
    for act in more.get("acts", ()):
        out.print(f"  to sign: {act['digest']}", markup=False)
        out.print(f"    {json.dumps(act['act'])}", markup=False)
    for item in more.get("items", ()):
        out.print(f"  {item['state']}: consent {item['id']} {item['reason']}".rstrip(), markup=False)
