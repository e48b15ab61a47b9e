"""The Data Use Ontology: its permissions and modifiers, each with its id, its short name and plain words of ours.

Invariants: every live term that says how data may be used is here, with the id of the ontology; both published
spellings of NPOA's id are read; a term that the ontology gave up is known as such, never as one that is live.

Source: https://obofoundry.org/ontology/duo, release 2021-02-23
"""

from enum import StrEnum
from typing import Final, NamedTuple

from ledger.domain.ontology import curie
from ledger.errors import UnknownCode


class Permission(StrEnum):
    """What the data may be used for at all; a dataset has exactly one."""

    NRES = "NRES"
    GRU = "GRU"
    HMB = "HMB"
    DS = "DS"
    POA = "POA"


class Modifier(StrEnum):
    """On what conditions; a dataset may have any number."""

    RS = "RS"
    NMDS = "NMDS"
    GSO = "GSO"
    NPU = "NPU"
    NCU = "NCU"
    NPUNCU = "NPUNCU"
    NPOA = "NPOA"
    IRB = "IRB"
    PUB = "PUB"
    RTN = "RTN"
    COL = "COL"
    GS = "GS"
    MOR = "MOR"
    TS = "TS"
    US = "US"
    PS = "PS"
    IS = "IS"
    CC = "CC"


class DuoTerm(NamedTuple):
    """One term of the ontology.

    Attributes:
        id: Its id, as a CURIE.
        name: Its short name; the id itself where the ontology gives none.
        means: The permission or modifier that it is; None for a term that was given up.
        words: What it says, in plain words.
        needs: What a study must show to meet it, in plain words.
    """

    id: str
    name: str
    means: Permission | Modifier | None
    words: str
    needs: str

    @property
    def kind(self) -> str:
        """``permission``, ``modifier`` or ``deprecated``."""
        return type(self.means).__name__.lower() if self.means is not None else "deprecated"


def _live(number: int, means: Permission | Modifier, words: str, needs: str) -> DuoTerm:
    return DuoTerm(f"DUO:{number:07d}", means.value, means, words, needs)


def _gone(number: int, name: str, words: str, needs: str) -> DuoTerm:
    curie_of = f"DUO:{number:07d}"
    return DuoTerm(curie_of, name or curie_of, None, words, needs)


TERMS: Final = (
    _live(4, Permission.NRES, "The data may be used for anything.", "Nothing."),
    _live(
        42,
        Permission.GRU,
        "The data may be used for any research, on health or not.",
        "It is research: general, on health, on a disease, on ancestry, or on methods.",
    ),
    _live(
        6,
        Permission.HMB,
        "The data may be used for research on health and medicine, but not on where people come from.",
        "It is research on health, on a disease, or on methods.",
    ),
    _live(
        7,
        Permission.DS,
        "The data may be used for research on the diseases named, and on kinds of them.",
        "Each disease that it studies is one of those named or a kind of one, by the ontology that is loaded.",
    ),
    _live(
        11,
        Permission.POA,
        "The data may be used for research on where people come from, and nothing else.",
        "It is research on ancestry or population origins, or on methods.",
    ),
    _live(
        12,
        Modifier.RS,
        "Only for the kinds of research named.",
        "Each of its topics is one of those named or lies below one.",
    ),
    _live(
        15,
        Modifier.NMDS,
        "Not for developing methods, such as software or algorithms, outside the diseases named.",
        "It does not develop methods, or only on diseases that the dataset names.",
    ),
    _live(16, Modifier.GSO, "Only for studies that look at genes.", "It uses genotypes."),
    _live(45, Modifier.NPU, "Only for organisations that make no profit.", "Its organisation makes no profit."),
    _live(46, Modifier.NCU, "Not for commercial use, whoever the user is.", "Its use is not commercial."),
    _live(
        18,
        Modifier.NPUNCU,
        "Only for organisations that make no profit, and not for commercial use.",
        "Its organisation makes no profit, and its use is not commercial.",
    ),
    _live(
        44,
        Modifier.NPOA,
        "Not for research on where people come from.",
        "It does no work on ancestry or population origins.",
    ),
    _live(
        21,
        Modifier.IRB,
        "Only with the approval of an ethics committee.",
        "An approval that is on record covers the time of the use.",
    ),
    _live(
        19,
        Modifier.PUB,
        "Results must be published for other scientists to read.",
        "It has undertaken to publish; publishing stays its duty.",
    ),
    _live(
        29,
        Modifier.RTN,
        "What is derived from the data must be given back to the database.",
        "It has undertaken to give back; giving back stays its duty.",
    ),
    _live(
        20,
        Modifier.COL,
        "Only together with the investigators named.",
        "It has an agreement with every one of them.",
    ),
    _live(
        22,
        Modifier.GS,
        "Only within the regions named.",
        "Its recipient and its processing are both inside one of them.",
    ),
    _live(
        24,
        Modifier.MOR,
        "Results must not be published before the date named.",
        "It plans no earlier publication; waiting stays its duty.",
    ),
    _live(
        25,
        Modifier.TS,
        "Only for the number of months named, from the day of the grant.",
        "The months since the grant are not over.",
    ),
    _live(26, Modifier.US, "Only for the users named.", "Its user is one of them."),
    _live(27, Modifier.PS, "Only for the projects named.", "It is one of them."),
    _live(28, Modifier.IS, "Only within the institutions named.", "Its institution is one of them."),
    _live(
        43,
        Modifier.CC,
        "The data may also be used to care for patients.",
        "Nothing: this widens what is allowed, and restricts nothing.",
    ),
    _gone(2, "", "The first half of an older coding of consent.", "Use a permission, such as GRU, HMB or DS."),
    _gone(3, "", "The second half of an older coding of consent.", "Use a modifier, such as NPU or IRB."),
    _gone(5, "GRU-CC", "Any research, and the care of patients.", "Use GRU with the modifier CC."),
    _gone(14, "RU", "Research alone.", "Use GRU, or a narrower permission."),
)
"""Every term, permissions first, then modifiers, then those that the ontology gave up."""

_BY_NAME: Final = {key: term for term in TERMS for key in (term.id, term.name)}
# The OWL file spells NPOA's id with one zero more than the CSV file of the same release.
_BY_NAME["DUO:00000044"] = _BY_NAME["NPOA"]


def duo_term(text: str, *, what: str = "code") -> DuoTerm:
    """The term that a text names.

    Args:
        text: A short name (``HMB``), a CURIE (``DUO:0000006``), its form with an underscore, or its PURL.
        what: The element's path, for the message.

    Raises:
        UnknownCode: The ontology has no such term.
    """
    term = _BY_NAME.get(curie(text))
    if term is None:
        raise UnknownCode(f"{what}: the Data Use Ontology has no permission or modifier {text[:60]!r}")
    return term
