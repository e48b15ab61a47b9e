"""What the end-to-end tests of the checker share."""

import pytest

from tests.support.checker import Page


@pytest.fixture(scope="session")
def page(tmp_path_factory):
    """The checker page as a command."""
    return Page(tmp_path_factory.mktemp("page"))
