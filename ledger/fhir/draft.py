"""What a resource becomes: drafts of consents, each with the expression of the rule that it says."""

from dataclasses import dataclass

from ledger.domain.consent import Consent, ConsentState, Scope


@dataclass(frozen=True, slots=True)
class Draft:
    """One consent that a resource becomes, before anybody signed it.

    ``native`` is the consent itself where the resource was written by us.
    """

    scope: Scope
    expression: str
    state: ConsentState = ConsentState.ACTIVE
    native: Consent | None = None
