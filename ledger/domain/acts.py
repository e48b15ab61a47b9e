"""Signed acts: what people and institutions ask the contracts to do.

An act is complete: with its signature it can be carried to the chain by anybody. ``signer`` values are ERC-7913 bytes
(20 bytes: an address); ``signature`` covers the EIP-712 digest of the other fields. Times are seconds UTC.
Field for field these are the structs of ``contracts/src/types/Acts.sol`` and the calls of ``IDirectory``.
"""

from typing import ClassVar

import msgspec

from ledger.domain.consent import Scope
from ledger.errors import InvalidInput


class _Act(msgspec.Struct, frozen=True, kw_only=True, tag_field="act", forbid_unknown_fields=True):
    """Base of all acts; the tag names the kind in stored JSON."""

    contract: ClassVar[str]
    function: ClassVar[str]
    admin: ClassVar[bool] = False


class Enrolment(_Act, frozen=True, tag="enrolment"):
    """A custodian enrols a subject with a first signer."""

    contract = "ConsentRegistry"
    function = "enrol"
    subject: bytes
    custodian: bytes
    first_signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes
    deadline: int
    signature: bytes = b""


class ConsentAct(_Act, frozen=True, tag="consent"):
    """A grant (version 1) or an amendment (higher versions)."""

    contract = "ConsentRegistry"
    function = "record"
    subject: bytes
    id: bytes
    version: int
    scope: Scope
    form: bytes
    issued_at: int
    deadline: int
    signer: bytes
    signature: bytes = b""


class Withdrawal(_Act, frozen=True, tag="withdrawal"):
    """The end of one consent."""

    contract = "ConsentRegistry"
    function = "withdraw"
    subject: bytes
    id: bytes
    signer: bytes
    signature: bytes = b""


class WithdrawalOfAll(_Act, frozen=True, tag="withdrawal-of-all"):
    """The end of every consent of a subject; ``id`` is fresh and spent by the act."""

    contract = "ConsentRegistry"
    function = "withdrawAll"
    subject: bytes
    id: bytes
    deadline: int
    signer: bytes
    signature: bytes = b""


class SignerAddition(_Act, frozen=True, tag="signer-addition"):
    """A further signer gets authority; ``id`` is fresh and spent by the act."""

    contract = "ConsentRegistry"
    function = "addSigners"
    subject: bytes
    id: bytes
    new_signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes
    deadline: int
    signer: bytes
    signature: bytes = b""


class SignerRemoval(_Act, frozen=True, tag="signer-removal"):
    """A signer loses authority; ``id`` is fresh and spent by the act."""

    contract = "ConsentRegistry"
    function = "removeSigners"
    subject: bytes
    id: bytes
    old_signer: bytes
    deadline: int
    signer: bytes
    signature: bytes = b""


class RecoveryProposal(_Act, frozen=True, tag="recovery-proposal"):
    """A custodian asks for a new signer for a subject who lost the key; ``id`` is fresh and spent by the act.

    ``form`` is the hash of the record of how the person was identified.
    """

    contract = "ConsentRegistry"
    function = "proposeRecovery"
    subject: bytes
    id: bytes
    custodian: bytes
    new_signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes
    deadline: int
    signature: bytes = b""


class RecoveryObjection(_Act, frozen=True, tag="recovery-objection"):
    """A signer ends the pending recovery whose proposal has this ``id``."""

    contract = "ConsentRegistry"
    function = "objectToRecovery"
    subject: bytes
    id: bytes
    signer: bytes
    signature: bytes = b""


class RecoveryCompletion(_Act, frozen=True, tag="recovery-completion"):
    """A recovery that stood unobjected is carried out, exactly as it was proposed. Needs nobody's signature."""

    contract = "ConsentRegistry"
    function = "completeRecovery"
    subject: bytes
    id: bytes
    custodian: bytes
    new_signer: bytes
    capacity: int
    since: int
    until: int
    form: bytes


class InstitutionAdmission(_Act, frozen=True, tag="institution-admission"):
    """The consortium admits an institution. Sent from the consortium's account, not signed as typed data."""

    contract = "Directory"
    function = "admitInstitution"
    admin = True
    id: bytes
    name: str
    signer: bytes


class InstitutionSuspension(_Act, frozen=True, tag="institution-suspension"):
    """The consortium suspends an institution or takes it back (state 2 or 1)."""

    contract = "Directory"
    function = "setInstitutionState"
    admin = True
    id: bytes
    state: int


class ReviewerNaming(_Act, frozen=True, tag="reviewer-naming"):
    """The consortium names a reviewer, or ends the role."""

    contract = "Directory"
    function = "nameReviewer"
    admin = True
    id: bytes
    name: str
    signer: bytes
    active: bool


class TermsPublication(_Act, frozen=True, tag="terms-publication"):
    """The consortium publishes a consent text by its SHA-256."""

    contract = "Directory"
    function = "publishTerms"
    admin = True
    hash: bytes
    version: int
    language: str
    uri: str


class StudyProposal(_Act, frozen=True, kw_only=True, tag="study-proposal"):
    """An institution proposes a study.

    ``diseases``: one closure a disease, its own number first. ``purpose``: canonical JSON of what is known of the use
    beyond uses and diseases; empty where nothing is.
    """

    contract = "Directory"
    function = "proposeStudy"
    id: bytes
    institution: bytes
    title: str
    uses: int
    conditions: int
    required_terms: int
    ethics: bytes
    ethics_until: int
    diseases: tuple[tuple[int, ...], ...]
    purpose: bytes = b""
    deadline: int
    signature: bytes = b""


class StudyApproval(_Act, frozen=True, tag="study-approval"):
    """A reviewer approves a study."""

    contract = "Directory"
    function = "approveStudy"
    id: bytes
    reviewer: bytes
    deadline: int
    signature: bytes = b""


class StudyTransition(_Act, frozen=True, tag="study-transition"):
    """An institution moves its study from one state to another."""

    contract = "Directory"
    function = "setStudyState"
    id: bytes
    from_state: int
    to_state: int
    deadline: int
    signature: bytes = b""


class EngineRegistration(_Act, frozen=True, tag="engine-registration"):
    """An institution registers an engine."""

    contract = "Directory"
    function = "registerEngine"
    id: bytes
    institution: bytes
    name: str
    signer: bytes
    operations: int
    deadline: int
    signature: bytes = b""


class EngineRevocation(_Act, frozen=True, tag="engine-revocation"):
    """An institution revokes an engine."""

    contract = "Directory"
    function = "revokeEngine"
    id: bytes
    signature: bytes = b""


class DatasetRegistration(_Act, frozen=True, tag="dataset-registration"):
    """A custodian registers a dataset; ``terms`` is the canonical JSON of the terms of its use."""

    contract = "Directory"
    function = "registerDataset"
    id: bytes
    custodian: bytes
    terms: bytes
    deadline: int
    signature: bytes = b""


class DatasetAmendment(_Act, frozen=True, tag="dataset-amendment"):
    """A custodian gives a dataset new terms; ``version`` is the one after that which stands."""

    contract = "Directory"
    function = "amendDataset"
    id: bytes
    version: int
    terms: bytes
    deadline: int
    signature: bytes = b""


class DatasetClosure(_Act, frozen=True, tag="dataset-closure"):
    """A custodian closes a dataset, for good."""

    contract = "Directory"
    function = "closeDataset"
    id: bytes
    signature: bytes = b""


class Accesses(msgspec.Struct, frozen=True, kw_only=True):
    """Accesses by one engine for one study that an anchoring makes public; ``entries`` as in ``domain.accesses``."""

    study: bytes
    engine: bytes
    entries: bytes


class Anchoring(_Act, frozen=True, tag="anchoring"):
    """An institution anchors a head of its log; ``proof`` is the RFC 9162 consistency proof from the last one."""

    contract = "AuditAnchor"
    function = "append"
    log: bytes
    size: int
    root: bytes
    proof: tuple[bytes, ...]
    accesses: tuple[Accesses, ...]
    signature: bytes = b""


Act = (
    Enrolment
    | ConsentAct
    | Withdrawal
    | WithdrawalOfAll
    | SignerAddition
    | SignerRemoval
    | RecoveryProposal
    | RecoveryObjection
    | RecoveryCompletion
    | InstitutionAdmission
    | InstitutionSuspension
    | ReviewerNaming
    | TermsPublication
    | StudyProposal
    | StudyApproval
    | StudyTransition
    | EngineRegistration
    | EngineRevocation
    | DatasetRegistration
    | DatasetAmendment
    | DatasetClosure
    | Anchoring
)
SubjectAct = (
    Enrolment
    | ConsentAct
    | Withdrawal
    | WithdrawalOfAll
    | SignerAddition
    | SignerRemoval
    | RecoveryProposal
    | RecoveryObjection
    | RecoveryCompletion
)
"""Acts about one subject; they have a ``subject``."""

_decoder: msgspec.json.Decoder[Act] = msgspec.json.Decoder(Act)
_encoder = msgspec.json.Encoder()


def dump(act: Act) -> bytes:
    """The stored form of an act: JSON, bytes in base64."""
    return _encoder.encode(act)


def load(stored: bytes) -> Act:
    """Read an act back from its stored form.

    Raises:
        InvalidInput: The bytes are not an act.
    """
    try:
        return _decoder.decode(stored)
    except msgspec.MsgspecError as problem:
        raise InvalidInput(f"not a stored act: {problem}") from problem
