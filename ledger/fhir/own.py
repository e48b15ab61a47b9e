"""Our own modifier extension: the whole consent, in the words of ``docs/consent.md``.

FHIR has no element for what a study may need (money, transfer abroad), for kinds of computation, or for a text's hash.
A reader that does not know the extension must refuse the resource (FHIR R4 2.1.4.1); one that passes over it all the
same finds standard elements that allow no more than the consent does (see ``write``).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ledger.domain.consent import Consent, ConsentState
from ledger.domain.identifiers import parse_id, to_hex
from ledger.domain.vocabulary import FOREVER, Capacity
from ledger.domain.wording import scope_from_json, scope_to_json
from ledger.errors import InvalidInput
from ledger.fhir.codes import OWN_CONSENT

_FIELDS: Final = frozenset({"subject", "id", "version", "state", "scope", "valid_until", "terms_version", "capacity"})
_encoder: Final = msgspec.json.Encoder(order="sorted")


def extension_of(consent: Consent) -> dict[str, Any]:
    """The modifier extension that holds a consent; ``consent_in`` reads it back."""
    document = {
        "subject": to_hex(consent.subject),
        "id": to_hex(consent.id),
        "version": consent.version,
        "state": consent.state.name.lower(),
        "scope": scope_to_json(consent.scope),
        "valid_until": None if consent.valid_until == FOREVER else consent.valid_until,
        "terms_version": consent.terms_version,
        "capacity": consent.capacity.name.lower(),
    }
    return {"url": OWN_CONSENT, "valueString": _encoder.encode(document).decode()}


def consent_in(resource: Mapping[str, Any]) -> Consent | None:
    """The consent in a resource's modifier extension; None where it has none of ours.

    Raises:
        InvalidInput: The extension is there, and is not what ``extension_of`` writes.
    """
    extensions = resource.get("modifierExtension")
    if not isinstance(extensions, list):
        return None
    mine = [one for one in extensions if isinstance(one, Mapping) and one.get("url") == OWN_CONSENT]
    if not mine:
        return None
    if len(extensions) != 1 or set(mine[0]) != {"url", "valueString"}:
        raise InvalidInput("the consent's own modifier extension must stand alone, as one string")
    text = mine[0]["valueString"]
    try:
        held = msgspec.json.decode(text)
    except (msgspec.DecodeError, TypeError, RecursionError) as problem:
        raise InvalidInput(f"the consent's own extension is not JSON: {problem}") from problem
    if not isinstance(held, dict) or set(held) != _FIELDS:
        raise InvalidInput(f"the consent's own extension must have exactly {', '.join(sorted(_FIELDS))}")
    try:
        consent = Consent(
            subject=parse_id(held["subject"], what="subject"),
            id=parse_id(held["id"]),
            version=_whole(held["version"], "version"),
            scope=scope_from_json(held["scope"]),
            terms_version=_whole(held["terms_version"], "terms_version"),
            valid_until=FOREVER if held["valid_until"] is None else _whole(held["valid_until"], "valid_until"),
            capacity=Capacity[str(held["capacity"]).upper()],
            state=ConsentState[str(held["state"]).upper()],
        )
    except KeyError as problem:
        raise InvalidInput(f"the consent's own extension says {problem}, which has no meaning here") from problem
    if extension_of(consent)["valueString"] != text:
        raise InvalidInput("the consent's own extension is not in the form in which it is written")
    return consent


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= FOREVER:
        raise InvalidInput(f"{what} must be a whole number")
    return value
