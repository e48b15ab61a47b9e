"""One service and one world for all tests of the API."""

import pytest

from tests.support.service import Service, build_world


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    running = Service(tmp_path_factory.mktemp("home"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def world(service):
    return build_world(service)
