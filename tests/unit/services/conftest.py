"""Each test gets its own copy of a ledger that is built once: a study, an engine, and patients without consents."""

import copy
from collections.abc import Iterator

import pytest

from tests.support.house import House, build, copied
from tests.support.scene import Patient


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("template") / "home"
    patients = [Patient() for _ in range(6)]
    return folder, build(folder, patients), patients


@pytest.fixture
def house(template, tmp_path) -> Iterator[House]:
    folder, scene, patients = template
    house = House(copied(folder, tmp_path / "home"), copy.copy(scene), patients)
    yield house
    house.close()


@pytest.fixture
def patient(house) -> Patient:
    return house.patients[0]
