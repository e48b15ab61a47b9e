"""The answer of the decision rule and its reasons.

``Reason`` up to 31 is the same table as ``contracts/src/libraries/Reasons.sol``; codes are never renumbered.
"""

from enum import IntEnum
from typing import NamedTuple

from ledger.domain.data_use import Obligation
from ledger.domain.vocabulary import FOREVER


class Outcome(IntEnum):
    """What the rule says. An error is never an outcome: a broken input raises."""

    PERMIT = 1
    DENY = 2
    ABSTAIN = 3  # by the data-use layer alone: what it needs to know is not known, which is never a yes


class Reason(IntEnum):
    """Why, in the order in which the rule looks."""

    PERMITTED = 1
    UNKNOWN_CODE = 2
    STUDY_UNKNOWN = 3
    STUDY_NOT_ACTIVE = 4
    INSTITUTION_NOT_ACTIVE = 5
    ETHICS_EXPIRED = 6
    ENGINE_UNKNOWN = 7
    ENGINE_NOT_ACTIVE = 8
    ENGINE_OF_ANOTHER_INSTITUTION = 9
    OPERATION_NOT_REGISTERED = 10
    SUBJECT_UNKNOWN = 11
    DENIED_BY_SUBJECT = 12
    RECONSENT_REQUIRED = 13
    NOT_COVERED = 14
    NO_CONSENT = 15
    PENDING_WITHDRAWAL = 16
    # From 32 on: reasons that the service alone gives; the contract's view knows nothing of them.
    ERASED = 32
    DATASET_UNKNOWN = 33
    DATASET_NOT_ACTIVE = 34
    DATASET_OF_ANOTHER_CUSTODIAN = 35
    DATA_USE_DENIED = 36
    DATA_USE_UNKNOWN = 37
    ONTOLOGY_DISAGREES = 38
    NOT_FINAL = 39

    @property
    def code(self) -> str:
        """The lower-case name that the API and the log use."""
        return self.name.lower()


NOT_ON_CHAIN = frozenset({Reason.PENDING_WITHDRAWAL, Reason.ERASED, Reason.ONTOLOGY_DISAGREES, Reason.NOT_FINAL})
"""Refusals by the service that the chain alone cannot explain."""
OF_DATA_USE = frozenset(
    {
        Reason.DATASET_UNKNOWN,
        Reason.DATASET_NOT_ACTIVE,
        Reason.DATASET_OF_ANOTHER_CUSTODIAN,
        Reason.DATA_USE_DENIED,
        Reason.DATA_USE_UNKNOWN,
        Reason.ONTOLOGY_DISAGREES,
    }
)
"""Refusals by the data-use layer (``release``), of what the patient's own rule permits."""


class Decision(NamedTuple):
    """One answer on one subject; a tuple, as one is made in a third of the time of a frozen dataclass.

    ``consent`` and ``version`` name the consent that decided (``None``, 0: none did); ``valid_until`` is the first
    instant (seconds UTC) after the question's at which time alone could change the answer. ``codes`` are the terms of
    the Data Use Ontology that refused, ``obligations`` what a permit obliges to.
    """

    outcome: Outcome
    reason: Reason
    consent: bytes | None = None
    version: int = 0
    valid_until: int = FOREVER
    codes: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()

    @property
    def permitted(self) -> bool:
        """True only for a permit."""
        return self.outcome is Outcome.PERMIT
