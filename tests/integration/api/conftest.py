"""One service and one world for all tests of the API."""

import pytest

from tests.support.service import WAIT, Service, build_world


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    running = Service(tmp_path_factory.mktemp("home"))
    yield running
    running.close()


@pytest.fixture(scope="session")
def world(service):
    return build_world(service)


@pytest.fixture(scope="session")
def ann(world):
    """An enrolled subject with one consent: (subject, wallet, the consent's signed act)."""
    ((subject, wallet),) = world.enrol(1)
    consent = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    return subject, wallet, consent


@pytest.fixture
def unwritten(world):
    """Fails the test if anything was written."""
    before = world.service.rows()
    yield
    assert world.service.rows() == before
