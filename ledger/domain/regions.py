"""Regions: whether one lies inside another, from their codes alone.

Invariants: codes are compared without regard to case; a subdivision (ISO 3166-2, ``DE-BY``) lies inside its country,
and the members of the European Union and of the European Economic Area inside ``EU`` and ``EEA``. The larger region is
never inside the smaller one, but it may be: that is unknown. Every other pair lies apart.

Sources: https://www.iso.org/iso-3166-country-codes.html, https://european-union.europa.eu/principles-countries-history_en
"""

from typing import Final

from ledger.domain.kleene import Truth

_EU: Final = frozenset(
    {
        "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
        "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
    }
)  # fmt: skip
_EEA: Final = _EU | {"IS", "LI", "NO"}


def wider(region: str) -> frozenset[str]:
    """The regions that a region lies inside of, itself included, in upper case."""
    code = region.upper()
    country = code.partition("-")[0]
    found = {code, country}
    if country in _EU or country == "EU":
        found.add("EU")
    if country in _EEA or country == "EU":
        found.add("EEA")
    return frozenset(found)


def inside(region: str, named: frozenset[str]) -> Truth:
    """Whether a region lies inside one of those named; None where it only contains one of them."""
    if any(code.upper() in wider(region) for code in named):
        return True
    return None if any(region.upper() in wider(code) for code in named) else False
