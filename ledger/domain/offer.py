"""What a study asks of a patient: the narrowest yes that would let it work, with the data that the patient picks.

Invariants: the yes names this study alone; of the purposes that would do, each is the narrowest; only the conditions
and kinds of work that the study needs are accepted; nothing is added that the patient did not pick.
"""

from ledger.domain.consent import Scope, pack_diseases
from ledger.domain.directory import Study
from ledger.domain.vocabulary import FOREVER, Effect, Purpose, RecipientKind, Use
from ledger.errors import InvalidInput

NARROWEST: dict[Use, Purpose] = {
    Use.GENERAL: Purpose.GRU,
    Use.BIOMEDICAL: Purpose.HMB,
    Use.DISEASE: Purpose.DS,
    Use.ANCESTRY: Purpose.POA,
    Use.METHODS: Purpose.METHODS,
    Use.CLINICAL_CARE: Purpose.CLINICAL_CARE,
}
"""For each use of a study, the narrowest purpose that accepts it (``vocabulary.ACCEPTS``)."""


def scope_for(study: Study, operations: int, categories: int, terms: bytes) -> Scope:
    """The scope of a yes to one study.

    Args:
        study: The study.
        operations: Mask of what its programs do.
        categories: Mask of the categories that the patient picked.
        terms: SHA-256 of the text that was shown.

    Raises:
        InvalidInput: No category was picked, the study has no program, or more diseases than a consent can name.
    """
    if not categories:
        raise InvalidInput("no data was picked, and a yes to nothing is no yes; pick some")
    purposes = 0
    for use in Use:
        if study.uses & use:
            purposes |= NARROWEST[use]
    diseases = [closure[0] for closure in study.diseases] if purposes & Purpose.DS else []
    scope = Scope(
        effect=Effect.PERMIT,
        recipient_kind=RecipientKind.STUDY,
        recipient=study.id,
        purposes=purposes,
        conditions=study.conditions,
        operations=operations,
        categories=categories,
        valid_from=0,
        valid_until=FOREVER,
        data_from=0,
        data_until=FOREVER,
        diseases=pack_diseases(diseases),
        terms=terms,
    )
    scope.check()
    return scope
