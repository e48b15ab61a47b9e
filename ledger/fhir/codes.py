"""What foreign codes mean in our vocabulary, in tables.

No two code systems cut the world alike, so each code has two masks: ``inside``, which a permit of the code surely
allows, and ``around``, which a deny of the code surely must forbid. A permit is rounded inwards and a deny outwards;
where one of them is None the code cannot be said with that effect, and the resource is refused.

``UNASKED`` are purposes that no question to the ledger can have: payment, running a hospital, an emergency. In a
permit they allow nothing here; a deny of nothing else is refused, since it would be lost.

Sources: v3-ActReason, v3-ActCode, v3-ParticipationType, consentaction (https://terminology.hl7.org), DUO
(https://github.com/EBISPOT/DUO), LOINC document sections, FHIR resource types.
"""

import re
from typing import Final, NamedTuple

from ledger.domain.vocabulary import (
    ANY16,
    CATEGORY_TERMS,
    OPERATION_TERMS,
    PURPOSE_TERMS,
    Category,
    Operation,
    Purpose,
)

ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ROLE: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
ACTION: Final = "http://terminology.hl7.org/CodeSystem/consentaction"
SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
POLICY_CODES: Final = "http://terminology.hl7.org/CodeSystem/consentpolicycodes"
LOINC: Final = "http://loinc.org"
RESOURCE_TYPES: Final = frozenset({"http://hl7.org/fhir/resource-types", "http://hl7.org/fhir/fhir-types"})
DUO: Final = "http://purl.obolibrary.org/obo/duo.owl"

OWN: Final = "urn:consentry:fhir:"
"""Where our own code systems, identifier systems and extensions begin."""
OWN_CATEGORY: Final = OWN + "category"
OWN_OPERATION: Final = OWN + "operation"
OWN_INSTITUTION: Final = OWN + "institution"
OWN_STUDY: Final = OWN + "study"
OWN_SUBJECT: Final = OWN + "subject"
OWN_CONSENT: Final = OWN + "consent"
OWN_TERMS: Final = OWN + "terms:"
"""Before the SHA-256 of a text, in hex: the address of a published text."""


class Meaning(NamedTuple):
    """The bits that a permit of a code allows, and those that a deny of it forbids; None: cannot be said."""

    inside: int | None
    around: int | None

    def or_else(self, other: "Meaning") -> "Meaning":
        """The meaning of either code."""
        return Meaning(
            None if self.inside is None or other.inside is None else self.inside | other.inside,
            None if self.around is None or other.around is None else self.around | other.around,
        )

    def and_also(self, other: "Meaning") -> "Meaning":
        """The meaning of what falls under both codes."""
        return Meaning(
            None if self.inside is None or other.inside is None else self.inside & other.inside,
            None if self.around is None or other.around is None else self.around & other.around,
        )


def same(mask: int) -> Meaning:
    """What has one meaning for permits and denies."""
    return Meaning(int(mask), int(mask))


NOTHING: Final = same(0)
"""Of what is named, nothing can be asked here."""
UNKNOWN: Final = Meaning(None, None)


RESEARCH: Final = int(Purpose.HMB | Purpose.POA | Purpose.METHODS)
"""What a deny of research must forbid; a permit of "research" surely allows health research alone."""

PURPOSES: Final[dict[tuple[str, str], Meaning]] = {
    (ACT_REASON, "HRESCH"): Meaning(Purpose.HMB, RESEARCH),
    (ACT_REASON, "BIORCH"): same(Purpose.HMB),
    (ACT_REASON, "POARCH"): same(Purpose.POA),
    (ACT_REASON, "TREAT"): same(Purpose.CLINICAL_CARE),
    **{(DUO, term.standard): same(term.bit) for term in PURPOSE_TERMS if term.bit != Purpose.DS},
    # Modifiers that forbid what a permit of ours does not tolerate unless it says so.
    **dict.fromkeys(((DUO, "DUO:0000018"), (DUO, "DUO:0000045"), (DUO, "DUO:0000046")), Meaning(0, None)),
}
UNASKED: Final = frozenset(
    (ACT_REASON, code)
    for code in (
        "HPAYMT", "CLMATTCH", "COVAUTH", "COVERAGE", "ELIGDTRM", "ELIGVER", "ENROLLM", "REMITADV", "HOPERAT",
        "DIRECTREF", "ERTREAT", "ETREAT", "BTG", "HMARKT", "HSYSADMIN", "LABELING", "METAMGT", "MEMADMIN", "MILCDM",
        "PATADMIN", "PATSFTY", "PERFMSR", "RECORDMGT", "TRAIN", "SYSDEV", "HTEST", "PATRQT", "FAMRQT", "PWATRNY",
        "SUPNWK",
    )
)  # fmt: skip

# The bits that each verb of consentaction can mean. Any deny of reading is a deny of every computation.
ACTIONS: Final[dict[tuple[str, str], Meaning]] = {
    (ACTION, "access"): Meaning(Operation.RECORD_ACCESS, ANY16),
    (ACTION, "use"): Meaning(
        Operation.FEDERATED_LEARNING
        | Operation.MULTI_PARTY_COMPUTATION
        | Operation.HOMOMORPHIC_ENCRYPTION
        | Operation.DIFFERENTIAL_PRIVACY
        | Operation.AGGREGATE_STATISTICS
        | Operation.RISK_ASSESSMENT,
        ANY16,
    ),
    (ACTION, "disclose"): Meaning(Operation.DEIDENTIFIED_RELEASE | Operation.SYNTHETIC_DATA, ANY16),
    (ACTION, "collect"): same(0),
    (ACTION, "correct"): same(0),
    **{(OWN_OPERATION, term.name): same(term.bit) for term in OPERATION_TERMS},
}

# Which resource types hold data of a category. A permit of types allows the categories whose types are all named; a
# deny forbids those of which any is. The sensitive categories cut across all types.
TYPES_OF: Final[dict[Category, frozenset[str]]] = {
    Category.DEMOGRAPHICS: frozenset({"Patient"}),
    Category.DIAGNOSES: frozenset({"Condition"}),
    Category.MEDICATIONS: frozenset(
        {"Medication", "MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"}
    ),
    Category.LABORATORY: frozenset({"Observation", "DiagnosticReport"}),
    Category.VITALS: frozenset({"Observation"}),
    Category.PROCEDURES: frozenset({"Procedure"}),
    Category.IMAGING: frozenset({"ImagingStudy", "DiagnosticReport"}),
    Category.GENOMICS: frozenset({"MolecularSequence", "GenomicStudy", "Observation", "DiagnosticReport"}),
    Category.NOTES: frozenset({"DocumentReference", "Composition"}),
    Category.DEVICES: frozenset({"Device", "DeviceUsage", "DeviceUseStatement", "DeviceMetric", "Observation"}),
    Category.OUTCOMES: frozenset({"Observation", "Condition", "Procedure", "Patient"}),
    Category.FAMILY_HISTORY: frozenset({"FamilyMemberHistory"}),
    Category.SOCIAL_HISTORY: frozenset({"Observation"}),
}
KNOWN_TYPES: Final = frozenset().union(*TYPES_OF.values())
SENSITIVE: Final = int(Category.MENTAL_HEALTH | Category.REPRODUCTIVE_HEALTH | Category.SUBSTANCE_USE)

# A document section or a label picks out some data of a category, so that a permit of it is no permit of the category;
# a deny of it must deny the category whole.
CATEGORIES: Final[dict[tuple[str, str], Meaning]] = {
    (LOINC, "11450-4"): Meaning(None, Category.DIAGNOSES | SENSITIVE),
    (LOINC, "10160-0"): Meaning(None, Category.MEDICATIONS | SENSITIVE),
    (LOINC, "26436-6"): Meaning(None, Category.LABORATORY | Category.GENOMICS | SENSITIVE),
    (LOINC, "8716-3"): Meaning(None, Category.VITALS),
    (LOINC, "47519-4"): Meaning(None, Category.PROCEDURES | SENSITIVE),
    (LOINC, "18748-4"): Meaning(None, Category.IMAGING),
    (LOINC, "10157-6"): Meaning(None, Category.FAMILY_HISTORY),
    (LOINC, "29762-2"): Meaning(None, Category.SOCIAL_HISTORY | Category.SUBSTANCE_USE),
    **{(OWN_CATEGORY, term.name): same(term.bit) for term in CATEGORY_TERMS},
}
LABELS: Final[dict[tuple[str, str], Meaning]] = {
    (ACT_CODE, "MH"): Meaning(None, Category.MENTAL_HEALTH),
    (ACT_CODE, "PSY"): Meaning(None, Category.MENTAL_HEALTH),
    (ACT_CODE, "SEX"): Meaning(None, Category.REPRODUCTIVE_HEALTH),
    (ACT_CODE, "SUD"): Meaning(None, Category.SUBSTANCE_USE),
    (ACT_CODE, "ETH"): Meaning(None, Category.SUBSTANCE_USE),
    (ACT_CODE, "GDIS"): Meaning(None, Category.GENOMICS | Category.DIAGNOSES | Category.FAMILY_HISTORY),
    (ACT_CODE, "HIV"): Meaning(
        None, Category.DIAGNOSES | Category.LABORATORY | Category.MEDICATIONS | Category.REPRODUCTIVE_HEALTH
    ),
}

RECIPIENT_ROLES: Final = frozenset({(ROLE, "IRCP"), (ROLE, "PRCP")})
CUSTODIAN_ROLE: Final = (ROLE, "CST")
OPT_IN: Final = (ACT_CODE, "OPTIN")
OPT_OUT: Final = (ACT_CODE, "OPTOUT")
RESEARCH_SCOPE: Final = (SCOPE, "research")
PRIVACY_SCOPE: Final = (SCOPE, "patient-privacy")
CATEGORY_CODES: Final = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
NOT_ABOUT_DATA: Final = frozenset(
    {(SCOPE, "treatment"), (SCOPE, "adr"), *((CATEGORY_CODES, code) for code in ("acd", "dnr", "hcd", "polst"))}
)
"""Consents to treatments, and directives for when one cannot decide."""

_DUO = re.compile(r"(?:http://purl\.obolibrary\.org/obo/)?DUO[_:]0*(\d{1,7})", re.ASCII)


def duo_code(code: str) -> str | None:
    """The one spelling (DUO:0000042) of a DUO code in any of its spellings; None: it is not one."""
    found = _DUO.fullmatch(code)
    return None if found is None else f"DUO:{int(found[1]):07d}"


def coding_of(system: str, code: str) -> tuple[str, str]:
    """System and code, with the spellings of DUO made one."""
    if "purl.obolibrary.org" in system or system.lower().rstrip("/").endswith("duo"):
        duo = duo_code(code)
        if duo is not None:
            return DUO, duo
    return system, code


def of_types(types: frozenset[str]) -> Meaning:
    """The categories of a set of resource types."""
    inside = sum(category for category, holds in TYPES_OF.items() if holds <= types)
    around = sum(category for category, holds in TYPES_OF.items() if holds & types)
    return Meaning(int(inside), int(around) | (SENSITIVE if around else 0))
