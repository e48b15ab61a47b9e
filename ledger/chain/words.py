"""The words of each act's struct: EIP-712's ``encodeData`` without the type hash, which is what is hashed and signed.

Invariant: a field that does not fit its type is refused, never cut.

Source: https://eips.ethereum.org/EIPS/eip-712#definition-of-encodedata
"""

from contextlib import suppress
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case

from ledger.chain import abi
from ledger.chain.hashing import keccak
from ledger.domain.acts import (
    Anchoring,
    ConsentAct,
    DatasetAmendment,
    DatasetRegistration,
    EngineRegistration,
    Enrolment,
    RecoveryCompletion,
    RecoveryProposal,
    SignerAddition,
    SignerRemoval,
    StudyProposal,
)
from ledger.domain.consent import Scope

SCOPE_FIELDS = (
    "uint8 effect,uint8 recipientKind,bytes32 recipient,uint16 purposes,uint16 conditions,uint16 operations,"
    "uint32 categories,uint40 validFrom,uint40 validUntil,uint40 dataFrom,uint40 dataUntil,uint160 diseases,"
    "bytes32 terms"
)
ACCESSES_FIELDS = "bytes32 study,bytes32 engine,bytes entries"
RECOVERY_FIELDS = (
    "bytes32 subject,bytes32 id,bytes32 custodian,bytes newSigner,uint8 capacity,uint40 from,uint40 until,bytes32 form"
)
_SCOPE_TYPE_HASH = keccak(f"Scope({SCOPE_FIELDS})".encode())
_ACCESSES_TYPE_HASH = keccak(f"Accesses({ACCESSES_FIELDS})".encode())
_RECOVERY_TYPE_HASH = keccak(f"Recovery({RECOVERY_FIELDS})".encode())

# A scope's thirteen words, and those of a consent around the hash of its scope, as one struct each: numbers wider than
# their field but not than their place in the struct are looked for beside it.
_SCOPE_WORDS = Struct(">31xB31xB32s30xH30xH30xH28xI24xQ24xQ24xQ24xQ12x20s32s")
_CONSENT_WORDS = Struct(">32s32s28xI32s32s24xQ24xQ")


def scope_words(scope: Scope) -> bytes:
    """The thirteen words of a scope, as EIP-712 has them.

    Raises:
        InvalidInput: A field does not fit its type.
    """
    times = scope.valid_from | scope.valid_until | scope.data_from | scope.data_until
    if times >> 40 == 0 and len(scope.recipient) == len(scope.terms) == abi.WORD:
        with suppress(StructError, OverflowError):
            return _SCOPE_WORDS.pack(
                scope.effect,
                scope.recipient_kind,
                scope.recipient,
                scope.purposes,
                scope.conditions,
                scope.operations,
                scope.categories,
                scope.valid_from,
                scope.valid_until,
                scope.data_from,
                scope.data_until,
                scope.diseases.to_bytes(20, "big"),
                scope.terms,
            )
    return _scope_word_by_word(scope)  # which says what does not fit


def _scope_word_by_word(scope: Scope) -> bytes:
    return b"".join(
        (
            abi.uint(scope.effect, 8),
            abi.uint(scope.recipient_kind, 8),
            abi.fixed(scope.recipient),
            abi.uint(scope.purposes, 16),
            abi.uint(scope.conditions, 16),
            abi.uint(scope.operations, 16),
            abi.uint(scope.categories, 32),
            abi.uint(scope.valid_from, 40),
            abi.uint(scope.valid_until, 40),
            abi.uint(scope.data_from, 40),
            abi.uint(scope.data_until, 40),
            abi.uint(scope.diseases, 160),
            abi.fixed(scope.terms),
        )
    )


def disease_words(closure: tuple[int, ...]) -> bytes:
    """The encoding of one disease's closure, a ``uint32[]``."""
    return abi.uint(len(closure), 32) + b"".join([abi.uint(code, 32) for code in closure])


def diseases_hash(diseases: tuple[tuple[int, ...], ...]) -> bytes:
    """What a study proposal signs of its diseases: ``keccak256(abi.encode(uint32[][]))``."""
    arrays = [disease_words(closure) for closure in diseases]
    return keccak(abi.pack(abi.array_of_dynamic(arrays)))


def enrolment_words(act: Enrolment) -> bytes:
    """The words of an enrolment."""
    return (
        abi.fixed(act.subject)
        + abi.fixed(act.custodian)
        + keccak(act.first_signer)
        + abi.uints((act.capacity, act.since, act.until), (8, 40, 40))
        + abi.fixed(act.form)
        + abi.uint(act.deadline, 40)
    )


def consent_words(act: ConsentAct) -> bytes:
    """The words of a grant or an amendment."""
    scope = keccak(_SCOPE_TYPE_HASH + scope_words(act.scope))
    times = act.issued_at | act.deadline
    if times >> 40 == act.version >> 24 == 0 and len(act.subject) == len(act.id) == len(act.form) == abi.WORD:
        return _CONSENT_WORDS.pack(act.subject, act.id, act.version, scope, act.form, act.issued_at, act.deadline)
    return (  # word by word, which says what does not fit
        abi.fixed(act.subject)
        + abi.fixed(act.id)
        + abi.uint(act.version, 24)
        + scope
        + abi.fixed(act.form)
        + abi.uints((act.issued_at, act.deadline), (40, 40))
    )


def signer_addition_words(act: SignerAddition) -> bytes:
    """The words of an addition of a signer."""
    return (
        abi.fixed(act.subject)
        + abi.fixed(act.id)
        + keccak(act.new_signer)
        + abi.uints((act.capacity, act.since, act.until), (8, 40, 40))
        + abi.fixed(act.form)
        + abi.uint(act.deadline, 40)
    )


def signer_removal_words(act: SignerRemoval) -> bytes:
    """The words of a removal of a signer."""
    return abi.fixed(act.subject) + abi.fixed(act.id) + keccak(act.old_signer) + abi.uint(act.deadline, 40)


def recovery_words(act: RecoveryProposal | RecoveryCompletion) -> bytes:
    """The words of a recovery, proposed or completed."""
    return (
        abi.fixed(act.subject)
        + abi.fixed(act.id)
        + abi.fixed(act.custodian)
        + keccak(act.new_signer)
        + abi.uints((act.capacity, act.since, act.until), (8, 40, 40))
        + abi.fixed(act.form)
    )


def recovery_hash(act: RecoveryProposal | RecoveryCompletion) -> bytes:
    """The hash of a recovery's struct, as it stands in the message that proposes it."""
    return keccak(_RECOVERY_TYPE_HASH + recovery_words(act))


def study_proposal_words(act: StudyProposal) -> bytes:
    """The words of a study's proposal."""
    return (
        abi.fixed(act.id)
        + abi.fixed(act.institution)
        + keccak(act.title.encode())
        + abi.uints((act.uses, act.conditions, act.required_terms), (8, 16, 32))
        + abi.fixed(act.ethics)
        + abi.uint(act.ethics_until, 40)
        + diseases_hash(act.diseases)
        + keccak(act.purpose)
        + abi.uint(act.deadline, 40)
    )


def engine_words(act: EngineRegistration) -> bytes:
    """The words of an engine's registration."""
    return (
        abi.fixed(act.id)
        + abi.fixed(act.institution)
        + keccak(act.name.encode())
        + keccak(act.signer)
        + abi.uints((act.operations, act.deadline), (16, 40))
    )


def dataset_words(act: DatasetRegistration) -> bytes:
    """The words of a dataset's registration."""
    return abi.fixed(act.id) + abi.fixed(act.custodian) + keccak(act.terms) + abi.uint(act.deadline, 40)


def dataset_amendment_words(act: DatasetAmendment) -> bytes:
    """The words of an amendment of a dataset's terms."""
    return abi.fixed(act.id) + abi.uint(act.version, 32) + keccak(act.terms) + abi.uint(act.deadline, 40)


def anchoring_words(act: Anchoring) -> bytes:
    """The words of an anchoring: its groups of accesses stand in it as one hash."""
    groups = [
        keccak(_ACCESSES_TYPE_HASH + abi.fixed(group.study) + abi.fixed(group.engine) + keccak(group.entries))
        for group in act.accesses
    ]
    return abi.fixed(act.log) + abi.uint(act.size, 64) + abi.fixed(act.root) + keccak(b"".join(groups))
