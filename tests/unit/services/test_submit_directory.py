"""An id or a text that the directory holds already is refused before the chain would refuse it."""

import msgspec
import pytest

from ledger.domain.acts import EngineRegistration, InstitutionAdmission, StudyProposal, TermsPublication
from ledger.errors import Replayed


def founding(house, kind):
    return next(act for act in house.scene.founding() if isinstance(act, kind))


@pytest.mark.parametrize("kind", [InstitutionAdmission, TermsPublication, StudyProposal, EngineRegistration])
def test_what_the_directory_holds_is_not_taken_in_again(house, kind):
    before = house.context.outbox.items()
    act = founding(house, kind)
    # Another act on the same id: the very same act would be the same item.
    other = (
        {"uri": "elsewhere"} if kind is TermsPublication else {"title": "x"} if kind is StudyProposal else {"name": "x"}
    )
    with pytest.raises(Replayed, match="already"):
        house.submit(msgspec.structs.replace(act, **other))
    assert house.context.outbox.items() == before
