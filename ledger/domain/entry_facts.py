"""What the facts of each kind of entry are: one versioned form a kind, and its JSON Schema.

Invariants: a kind has exactly one form in a version of the schema (``audit.SCHEMA``); what a form names has the type
that it says, wherever it is given. The service's own kinds hold what their form says and nothing else. Engines may say
more than their forms do, as nobody knows the facts of every engine; the lineage among it is typed.

The fields of lineage follow PROV (what was used, generated and derived), OpenLineage (the states of a run) and the
RO-Crate profile of process runs (instrument, object, result); epsilon, rho and k are words of ours.

Sources: https://www.w3.org/TR/prov-dm/ https://openlineage.io/docs/spec/object-model
https://www.researchobject.org/workflow-run-crate/profiles/process_run_crate/
https://terminology.hl7.org/ValueSet-v3-PurposeOfUse.html (reasons of an override)
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ledger.domain.audit import SCHEMA, Kind
from ledger.errors import InvalidInput, UnknownCode

_END = r"(?![\s\S])"  # a dollar sign would let a line break follow in Python; this is the same everywhere
_Id: TypeAlias = Annotated[str, msgspec.Meta(pattern=rf"^0x[0-9a-f]{{64}}{_END}", description="32 bytes, 0x-hex")]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
_Word: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Number: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=rf"^(0|[1-9][0-9]{{0,17}})(\.[0-9]{{1,18}})?{_END}", description="a decimal number"),
]
Outcome: TypeAlias = Literal["holds", "fails", "could-not-check"]
Emergency: TypeAlias = Literal["ETREAT", "BTG"]


class _Commitment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cohort: the root of the salted leaves of all who were asked about, and how many they are."""

    root: _Id
    size: _Count
    permitted: Annotated[str, msgspec.Meta(description="a band, such as 20-29")] | msgspec.UnsetType = msgspec.UNSET


class _Engine(msgspec.Struct, frozen=True):
    """The software that computed; ``code`` is the SHA-256 of what ran."""

    id: _Id
    name: _Word
    version: _Word
    code: _Id | msgspec.UnsetType = msgspec.UNSET


class _Input(msgspec.Struct, frozen=True):
    """Rows that were read, as a commitment with a fresh salt; ``rows`` is a band."""

    commitment: _Id
    rows: str | msgspec.UnsetType = msgspec.UNSET


class _Output(msgspec.Struct, frozen=True):
    """A result, by name and SHA-256."""

    name: _Word
    sha256: _Id


class Lineage(msgspec.Struct, frozen=True):
    """What a computation was: any field may be missing, and engines may add others."""

    run: _Word | msgspec.UnsetType = msgspec.UNSET
    cohort: _Commitment | msgspec.UnsetType = msgspec.UNSET
    engine: _Engine | msgspec.UnsetType = msgspec.UNSET
    parameters: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    categories: list[str] | msgspec.UnsetType = msgspec.UNSET
    parents: list[_Id] | msgspec.UnsetType = msgspec.UNSET
    inputs: list[_Input] | msgspec.UnsetType = msgspec.UNSET
    outputs: list[_Output] | msgspec.UnsetType = msgspec.UNSET
    rechecks: list[_Id] | msgspec.UnsetType = msgspec.UNSET
    facts: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Started(Lineage, frozen=True):
    """A run began."""


class Completed(Lineage, frozen=True):
    """A run ended and gave its outputs."""


class Failed(Lineage, frozen=True):
    """A run ended with an error, named by its type: a message could hold rows."""

    error: _Word | msgspec.UnsetType = msgspec.UNSET


class Withheld(Lineage, frozen=True):
    """A run ended, and its result was not given out."""

    reason: str | msgspec.UnsetType = msgspec.UNSET


class Accessed(Lineage, frozen=True):
    """Rows were read outside of a run."""


class Disclosed(Lineage, frozen=True):
    """Something went to a recipient."""

    recipient: _Word | msgspec.UnsetType = msgspec.UNSET


class Derived(Lineage, frozen=True):
    """A model was made from others."""


class Reserved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Privacy budget was set aside before a release: ``rho`` of zCDP, or ``epsilon`` (and ``delta``) of DP."""

    dataset: _Word
    rho: _Number | msgspec.UnsetType = msgspec.UNSET
    epsilon: _Number | msgspec.UnsetType = msgspec.UNSET
    delta: _Number | msgspec.UnsetType = msgspec.UNSET
    run: _Word | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if (self.rho is msgspec.UNSET) == (self.epsilon is msgspec.UNSET):
            raise ValueError("a reservation is of rho or of epsilon, and of one of them")


class _Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block of the chain."""

    number: _Count
    hash: _Id


class _Paged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cohort as bits over the register of everybody who was enrolled at a block: ``rows`` of them."""

    block: _Block
    rows: _Count
    considered: _Count
    leaves: _Count
    root: _Id


class Decided(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision on one subject or a cohort; ``request`` and ``receipt`` are SHA-256."""

    outcome: Literal["permit", "deny", "abstain"]
    request: _Id
    receipt: _Id
    at: _Count
    considered: _Count
    permitted: _Count
    excluded: dict[str, _Count]
    cohort: _Commitment
    policy: _Word
    register: _Paged | msgspec.UnsetType = msgspec.UNSET


class Erased(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Personal parts were destroyed; ``openings`` are the indices of the decisions beside which rows were."""

    erasure: _Word
    at: _Count
    destroyed: list[Literal["local-record", "passkeys", "openings"]]
    openings: list[_Count]


class Overridden(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody went on against a decision, in an emergency (break-glass). It is a record, and never a permit.

    ``justification`` is a commitment to what they wrote down, which stays with them.
    """

    reason: Emergency
    justification: _Id
    refused: _Count


class _Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault, and the first entry that it concerns."""

    fault: _Word
    index: _Count | None


class Verified(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody checked the log: up to which head, with which outcome, and what they found."""

    check: Literal["fsck", "bundle", "mirror"]
    outcome: Outcome
    size: _Count
    root: _Id
    anchored: _Count | msgspec.UnsetType = msgspec.UNSET
    block: _Id | msgspec.UnsetType = msgspec.UNSET
    failing: Annotated[list[_Word], msgspec.Meta(max_length=100)] | msgspec.UnsetType = msgspec.UNSET
    findings: Annotated[list[_Place], msgspec.Meta(max_length=100)] | msgspec.UnsetType = msgspec.UNSET


class Administered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something in the service was changed: so far, the key of a log's heads."""

    act: Literal["log-key-rotated"]
    old: _Word
    new: _Word


FORMS: Mapping[Kind, type[msgspec.Struct]] = {
    Kind.DECISION: Decided,
    Kind.STARTED: Started,
    Kind.COMPLETED: Completed,
    Kind.FAILED: Failed,
    Kind.WITHHELD: Withheld,
    Kind.ACCESSED: Accessed,
    Kind.DISCLOSED: Disclosed,
    Kind.DERIVED: Derived,
    Kind.RESERVED: Reserved,
    Kind.ERASURE: Erased,
    Kind.OVERRIDE: Overridden,
    Kind.VERIFICATION: Verified,
    Kind.ADMINISTRATION: Administered,
}
"""The form of the facts of each kind."""


def check_facts(kind: Kind, facts: Mapping[str, Any]) -> None:
    """Go on only with facts that are of their kind's form.

    Raises:
        InvalidInput: They are not; the message names the field.
    """
    try:
        msgspec.convert(dict(facts), FORMS[kind])
    except (msgspec.ValidationError, ValueError) as problem:
        raise InvalidInput(f"the facts of a {kind} entry: {problem}") from problem


def schema_of(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one kind of entry, envelope and facts.

    Raises:
        UnknownCode: There is no such kind.
    """
    if kind not in set(Kind):
        raise UnknownCode(f"there is no kind of entry {kind!r}; there are {', '.join(sorted(Kind))}")
    (facts,), parts = msgspec.json.schema_components([FORMS[Kind(kind)]], ref_template="#/$defs/{name}")
    identity, count = {"type": "string", "pattern": "^0x[0-9a-f]{64}$"}, {"type": "integer", "minimum": 0}
    block = {
        "type": "object",
        "properties": {"number": count, "hash": identity},
        "required": ["number", "hash"],
        "additionalProperties": False,
    }
    optional = {"anyOf": [identity, {"const": ""}]}
    fields = {
        "schema": {"const": SCHEMA},
        "log": identity,
        "index": count,
        "time": {**count, "description": "seconds UTC"},
        "kind": {"const": kind},
        "actor": {"type": "string"},
        "study": optional,
        "engine": optional,
        "operation": {"type": "string"},
        "decision": optional,
        "block": {"anyOf": [block, {"type": "null"}]},
        "facts": facts,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:consentry:{SCHEMA.partition('.')[2]}:{kind}",
        "title": kind,
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
        "$defs": parts,
    }
