"""Files of resources: JSON, NDJSON or XML; single resources or Bundles. Bytes in, resources out.

Invariants: every resource of a file comes out, so that none is passed over, except what a Bundle holds beside its
Consents by way of context (patients, organizations, documents); a repeated JSON key is refused, since two readers
could take different ones; nesting is bounded.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

from ledger.errors import InvalidInput, TooLarge
from ledger.fhir.xml import from_xml

MOST_BYTES: Final = 16 << 20
MOST_RESOURCES: Final = 10_000
CONTEXT: Final = frozenset(
    {
        "Binary", "CareTeam", "Composition", "Device", "DocumentReference", "Group", "MessageHeader",
        "OperationOutcome", "Organization", "Patient", "Practitioner", "PractitionerRole", "Provenance",
        "Questionnaire", "QuestionnaireResponse", "RelatedPerson", "ResearchStudy", "ResearchSubject",
    }
)  # fmt: skip
"""Types that a Bundle holds for the sake of its Consents; they permit and deny nothing."""
_BOM: Final = b"\xef\xbb\xbf"


def resources_in(data: bytes) -> list[tuple[str, Any]]:
    """The resources of a file, each with the place where it stands (``Bundle.entry[3].resource``, ``line 2``, "").

    Raises:
        InvalidInput: The bytes are none of the forms.
        TooLarge: More bytes or resources than are read at once.
    """
    if len(data) > MOST_BYTES:
        raise TooLarge(f"the file has {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    data = data.removeprefix(_BOM).strip()
    found = list(_unpacked(from_xml(data), "") if data.startswith(b"<") else _json(data))
    if len(found) > MOST_RESOURCES:
        raise TooLarge(f"the file has {len(found):,} resources; at most {MOST_RESOURCES:,} are read")
    return found


def json_of(data: bytes | str) -> Any:
    """A JSON value.

    Raises:
        InvalidInput: It is not JSON, is nested too deep, or has a key twice in one object.
    """
    try:
        from_json(data, allow_inf_nan=False)  # bounds the depth
        return json.loads(data, object_pairs_hook=_once)
    except ValueError as problem:
        raise InvalidInput(f"not JSON: {problem}") from problem


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"the key {twice!r} stands twice in one object")
    return made


def _json(data: bytes) -> Iterator[tuple[str, Any]]:
    lines = [(number, line) for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and all(line.strip().startswith(b"{") and line.strip().endswith(b"}") for _, line in lines):
        for number, line in lines:
            yield from _unpacked(json_of(line), f"line {number}")
        return
    yield from _unpacked(json_of(data), "")


def _unpacked(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """A Bundle's resources and an array's items, or the value itself."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _unpacked(item, f"{place}[{number}]")
    elif isinstance(value, Mapping) and value.get("resourceType") == "Bundle":
        entries = value.get("entry", [])
        if not isinstance(entries, list):
            raise InvalidInput("Bundle.entry must be a list")
        for number, entry in enumerate(entries):
            resource = entry.get("resource") if isinstance(entry, Mapping) else None
            if isinstance(resource, Mapping) and resource.get("resourceType") in CONTEXT:
                continue
            yield from _unpacked(resource, f"{place} Bundle.entry[{number}].resource".strip())
    else:
        yield place, value
