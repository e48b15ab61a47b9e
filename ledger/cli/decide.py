"""``consentry decide``: try a policy on consents in files. No ledger, no chain, no network."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ledger.cli.common import err, out
from ledger.cli.fhir_files import (
    Custodians,
    DenyIsDefault,
    Found,
    References,
    TermsHash,
    Texts,
    bytes_of,
    found_in,
    known_from,
)
from ledger.domain.consent import Consent
from ledger.domain.identifiers import to_hex
from ledger.domain.policy import decide as rule
from ledger.domain.question import NAMELESS, Question, consents_from_json, question_from_json
from ledger.domain.vocabulary import FOREVER
from ledger.errors import InvalidInput
from ledger.fhir.documents import json_of
from ledger.fhir.known import Known
from ledger.fhir.outcome import Severity
from ledger.fhir.read import Reading, read

DENIED: Final = 1


def decide(
    consents: Annotated[
        list[Path],
        typer.Option("--consents", help="FHIR Consents (JSON, NDJSON, XML, Bundles) or native JSON; repeat for more."),
    ],
    request: Annotated[Path, typer.Option("--request", help="The question, as JSON; - is the standard input.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="More files of consents.")] = None,
    reference: References = None,
    custodian: Custodians = None,
    text: Texts = None,
    terms: TermsHash = "",
    deny_is_default: DenyIsDefault = False,
) -> None:
    """Answer a question from consents in files, with the rule that the ledger and its contract use.

    The question names the study, the operation, the data and the instant (docs/fhir.md); all consents are taken to
    be one subject's. Prints the decision as JSON.

    Exit code: 0 permit, 1 deny, 2 nothing was decided: a file is malformed, or a resource cannot be said exactly.
    """
    question = question_from_json(json_of(bytes_of(request)))
    known = known_from(reference, custodian, text, terms, deny_is_default=deny_is_default)
    held: list[Consent] = []
    sources: dict[bytes, dict[str, Any]] = {}
    subjects: set[bytes] = set()
    patients: set[str] = set()
    for found in found_in([*consents, *(more or ())]):
        for consent, source in _consents(found, known, question, patients):
            if consent.subject != NAMELESS:
                subjects.add(consent.subject)
            if consent.id in sources:
                raise InvalidInput(f"{found}: consent {to_hex(consent.id)} stands in the files twice")
            held.append(consent)
            sources[consent.id] = source
    if max(len(patients), len(subjects)) > 1:
        named = ", ".join(sorted(patients | {to_hex(one) for one in subjects}))
        raise InvalidInput(f"the consents are of several patients: {named}; ask about one")
    decision = rule(question.request, question.setting, held, question.at)
    answer: dict[str, Any] = {
        "outcome": decision.outcome.name.lower(),
        "reasons": [decision.reason.code],
        "consents": [],
        "valid_until": None if decision.valid_until >= FOREVER else decision.valid_until,
    }
    if decision.consent is not None:
        by = {"id": to_hex(decision.consent), "version": decision.version, **sources[decision.consent]}
        answer["consents"].append(by)
    out.print_json(data=answer)
    if not decision.permitted:
        raise typer.Exit(DENIED)


def _consents(
    found: Found, known: Known, question: Question, patients: set[str]
) -> list[tuple[Consent, dict[str, Any]]]:
    if not found.is_fhir:
        held = consents_from_json(found.value, question)
        return [(one, {"source": str(found)}) for one in held]
    reading = read(found.value, known)
    if reading.refused:
        for issue in reading.issues:
            if issue.severity is Severity.ERROR:
                err.print(f"{found}: {issue}", style="bold red", markup=False)
        raise InvalidInput(f"{found} cannot be read exactly, so nothing was decided")
    if reading.drafts[0].native is None:
        patients.add(reading.patient)
    return [
        (_consent(reading, place, question), {"source": str(found), "expression": draft.expression})
        for place, draft in enumerate(reading.drafts)
    ]


def _consent(reading: Reading, place: int, question: Question) -> Consent:
    """A draft as if it had been recorded; its id follows from the resource and its place in it."""
    draft = reading.drafts[place]
    if draft.native is not None:
        return draft.native
    return Consent(
        subject=question.subject or NAMELESS,
        id=hashlib.sha256(reading.form + place.to_bytes(4, "big")).digest(),
        version=1,
        scope=draft.scope,
        terms_version=question.version_of(draft.scope.terms),
        valid_until=draft.scope.valid_until,
        state=draft.state,
    )
