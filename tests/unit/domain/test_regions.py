"""Regions: inside, apart, or perhaps inside."""

import pytest

from ledger.domain.regions import inside


@pytest.mark.parametrize(
    ("region", "named", "answer"),
    [
        ("DE", {"DE"}, True),
        ("de", {"DE"}, True),
        ("DE", {"fr", "de"}, True),
        ("DE-BY", {"DE"}, True),
        ("DE", {"DE-BY"}, None),
        ("DE-BY", {"DE-BE"}, False),
        ("DE", {"EU"}, True),
        ("DE-BY", {"eu"}, True),
        ("NO", {"EU"}, False),
        ("NO", {"EEA"}, True),
        ("EU", {"EEA"}, True),
        ("EEA", {"EU"}, None),
        ("EU", {"DE"}, None),
        ("EEA", {"DE"}, None),
        ("GB", {"EU", "EEA"}, False),
        ("CH", {"EEA"}, False),
        ("US", {"DE"}, False),
        ("US", set(), False),
        ("D", {"DE"}, False),
        ("DEU", {"DE"}, False),
    ],
)
def test_inside(region, named, answer):
    assert inside(region, frozenset(named)) is answer
