"""A FHIR Consent that was withdrawn is not in force from the moment the withdrawal was accepted, as for decisions."""

import pytest

from api.fhir.consents import consents_of, resource_of
from ledger.fhir.write import Release
from tests.support.house import House, build
from tests.support.scene import Patient


@pytest.fixture
def house(tmp_path):
    patients = [Patient()]
    opened = House(tmp_path / "home", build(tmp_path / "home", patients), patients)
    yield opened
    opened.close()


def statuses(house):
    held = consents_of(house.context, house.patients[0].subject)
    return [resource_of(one, release)["status"] for one in held for release in Release]


@pytest.mark.parametrize("everything", [False, True])
def test_a_withdrawal_that_waits_ends_the_resource(house, everything):
    patient = house.patients[0]
    consents = [house.scene.consent(patient) for _ in range(2)]
    house.on_chain(*consents)
    assert statuses(house) == ["active"] * 4
    act = house.scene.withdrawal_of_all(patient) if everything else house.scene.withdrawal(patient, consents[0].id)
    house.submit(act)
    expected = ["inactive"] * (4 if everything else 2)
    assert sorted(statuses(house), reverse=True) == expected + ["active"] * (4 - len(expected))
    house.seal()
    assert sorted(statuses(house), reverse=True) == expected + ["active"] * (4 - len(expected))
