"""What is signed of each act: one table, ``MESSAGES``, with its EIP-712 type and how to write it.

Field for field the type hashes of the contracts. ``encode`` gives the words of the struct (EIP-712 ``encodeData``
without the type hash), ``values`` the same as JSON for wallets.

Source: https://eips.ethereum.org/EIPS/eip-712
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case
from typing import Any

from ledger.chain import abi
from ledger.chain.hashing import keccak
from ledger.domain.acts import (
    Anchoring,
    ConsentAct,
    DatasetAmendment,
    DatasetClosure,
    DatasetRegistration,
    EngineRegistration,
    EngineRevocation,
    Enrolment,
    RecoveryCompletion,
    RecoveryObjection,
    RecoveryProposal,
    SignerAddition,
    SignerRemoval,
    StudyApproval,
    StudyProposal,
    StudyTransition,
    Withdrawal,
    WithdrawalOfAll,
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


@dataclass(frozen=True, slots=True)
class Message:
    """How one act is signed: primary type, its fields, the words of its struct, and its values in JSON."""

    name: str
    fields: str
    encode: Callable[[Any], bytes]
    values: Callable[[Any], dict[str, Any]]
    refers: tuple[tuple[str, str], ...] = ()
    """The structs among its fields, each its name and its fields."""

    @property
    def type_hash(self) -> bytes:
        """The hash of the type, with the types that it refers to."""
        types = ((self.name, self.fields), *self.refers)
        return keccak("".join(f"{name}({fields})" for name, fields in types).encode())


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _encode_enrolment(act: Enrolment) -> bytes:
    return (
        abi.fixed(act.subject)
        + abi.fixed(act.custodian)
        + keccak(act.first_signer)
        + abi.uints((act.capacity, act.since, act.until), (8, 40, 40))
        + abi.fixed(act.form)
        + abi.uint(act.deadline, 40)
    )


def _encode_consent(act: ConsentAct) -> bytes:
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


def _encode_addition(act: SignerAddition) -> bytes:
    return (
        abi.fixed(act.subject)
        + abi.fixed(act.id)
        + keccak(act.new_signer)
        + abi.uints((act.capacity, act.since, act.until), (8, 40, 40))
        + abi.fixed(act.form)
        + abi.uint(act.deadline, 40)
    )


def _encode_removal(act: SignerRemoval) -> bytes:
    return abi.fixed(act.subject) + abi.fixed(act.id) + keccak(act.old_signer) + abi.uint(act.deadline, 40)


def _encode_recovery(act: RecoveryProposal | RecoveryCompletion) -> bytes:
    return (
        abi.fixed(act.subject)
        + abi.fixed(act.id)
        + abi.fixed(act.custodian)
        + keccak(act.new_signer)
        + abi.uints((act.capacity, act.since, act.until), (8, 40, 40))
        + abi.fixed(act.form)
    )


def _encode_proposal(act: StudyProposal) -> bytes:
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


def _encode_registration(act: EngineRegistration) -> bytes:
    return (
        abi.fixed(act.id)
        + abi.fixed(act.institution)
        + keccak(act.name.encode())
        + keccak(act.signer)
        + abi.uints((act.operations, act.deadline), (16, 40))
    )


def _encode_dataset(act: DatasetRegistration) -> bytes:
    return abi.fixed(act.id) + abi.fixed(act.custodian) + keccak(act.terms) + abi.uint(act.deadline, 40)


def _encode_dataset_amendment(act: DatasetAmendment) -> bytes:
    return abi.fixed(act.id) + abi.uint(act.version, 32) + keccak(act.terms) + abi.uint(act.deadline, 40)


def _recovery_values(act: RecoveryProposal | RecoveryCompletion) -> dict[str, Any]:
    return {
        "subject": _hex(act.subject),
        "id": _hex(act.id),
        "custodian": _hex(act.custodian),
        "newSigner": _hex(act.new_signer),
        "capacity": act.capacity,
        "from": act.since,
        "until": act.until,
        "form": _hex(act.form),
    }


def _scope_values(scope: Scope) -> dict[str, Any]:
    return {
        "effect": scope.effect,
        "recipientKind": scope.recipient_kind,
        "recipient": _hex(scope.recipient),
        "purposes": scope.purposes,
        "conditions": scope.conditions,
        "operations": scope.operations,
        "categories": scope.categories,
        "validFrom": scope.valid_from,
        "validUntil": scope.valid_until,
        "dataFrom": scope.data_from,
        "dataUntil": scope.data_until,
        "diseases": str(scope.diseases),  # wider than a JSON number can be trusted with
        "terms": _hex(scope.terms),
    }


def _encode_anchoring(act: Anchoring) -> bytes:
    groups = [
        keccak(_ACCESSES_TYPE_HASH + abi.fixed(group.study) + abi.fixed(group.engine) + keccak(group.entries))
        for group in act.accesses
    ]
    return abi.fixed(act.log) + abi.uint(act.size, 64) + abi.fixed(act.root) + keccak(b"".join(groups))


_SCOPE_TYPE_HASH = keccak(f"Scope({SCOPE_FIELDS})".encode())
_ACCESSES_TYPE_HASH = keccak(f"Accesses({ACCESSES_FIELDS})".encode())
_RECOVERY_TYPE_HASH = keccak(f"Recovery({RECOVERY_FIELDS})".encode())
_SIGNER_FIELDS = "uint8 capacity,uint40 from,uint40 until,bytes32 form,uint40 deadline"

MESSAGES: Mapping[type, Message] = {
    Enrolment: Message(
        "Enrolment",
        f"bytes32 subject,bytes32 custodian,bytes firstSigner,{_SIGNER_FIELDS}",
        _encode_enrolment,
        lambda act: {
            "subject": _hex(act.subject),
            "custodian": _hex(act.custodian),
            "firstSigner": _hex(act.first_signer),
            "capacity": act.capacity,
            "from": act.since,
            "until": act.until,
            "form": _hex(act.form),
            "deadline": act.deadline,
        },
    ),
    ConsentAct: Message(
        "Consent",
        "bytes32 subject,bytes32 id,uint24 version,Scope scope,bytes32 form,uint40 issuedAt,uint40 deadline",
        _encode_consent,
        lambda act: {
            "subject": _hex(act.subject),
            "id": _hex(act.id),
            "version": act.version,
            "scope": _scope_values(act.scope),
            "form": _hex(act.form),
            "issuedAt": act.issued_at,
            "deadline": act.deadline,
        },
        refers=(("Scope", SCOPE_FIELDS),),
    ),
    Withdrawal: Message(
        "Withdrawal",
        "bytes32 subject,bytes32 id",
        lambda act: abi.fixed(act.subject) + abi.fixed(act.id),
        lambda act: {"subject": _hex(act.subject), "id": _hex(act.id)},
    ),
    WithdrawalOfAll: Message(
        "WithdrawalOfAll",
        "bytes32 subject,bytes32 id,uint40 deadline",
        lambda act: abi.fixed(act.subject) + abi.fixed(act.id) + abi.uint(act.deadline, 40),
        lambda act: {"subject": _hex(act.subject), "id": _hex(act.id), "deadline": act.deadline},
    ),
    SignerAddition: Message(
        "SignerAddition",
        f"bytes32 subject,bytes32 id,bytes newSigner,{_SIGNER_FIELDS}",
        _encode_addition,
        lambda act: {
            "subject": _hex(act.subject),
            "id": _hex(act.id),
            "newSigner": _hex(act.new_signer),
            "capacity": act.capacity,
            "from": act.since,
            "until": act.until,
            "form": _hex(act.form),
            "deadline": act.deadline,
        },
    ),
    SignerRemoval: Message(
        "SignerRemoval",
        "bytes32 subject,bytes32 id,bytes oldSigner,uint40 deadline",
        _encode_removal,
        lambda act: {
            "subject": _hex(act.subject),
            "id": _hex(act.id),
            "oldSigner": _hex(act.old_signer),
            "deadline": act.deadline,
        },
    ),
    RecoveryProposal: Message(
        "RecoveryProposal",
        "Recovery recovery,uint40 deadline",
        lambda act: keccak(_RECOVERY_TYPE_HASH + _encode_recovery(act)) + abi.uint(act.deadline, 40),
        lambda act: {"recovery": _recovery_values(act), "deadline": act.deadline},
        refers=(("Recovery", RECOVERY_FIELDS),),
    ),
    RecoveryObjection: Message(
        "RecoveryObjection",
        "bytes32 subject,bytes32 id",
        lambda act: abi.fixed(act.subject) + abi.fixed(act.id),
        lambda act: {"subject": _hex(act.subject), "id": _hex(act.id)},
    ),
    # Nobody signs a completion; its digest is what tells it from other acts.
    RecoveryCompletion: Message("Recovery", RECOVERY_FIELDS, _encode_recovery, _recovery_values),
    StudyProposal: Message(
        "StudyProposal",
        "bytes32 id,bytes32 institution,string title,uint8 uses,uint16 conditions,uint32 requiredTerms,"
        "bytes32 ethics,uint40 ethicsUntil,bytes32 diseases,bytes purpose,uint40 deadline",
        _encode_proposal,
        lambda act: {
            "id": _hex(act.id),
            "institution": _hex(act.institution),
            "title": act.title,
            "uses": act.uses,
            "conditions": act.conditions,
            "requiredTerms": act.required_terms,
            "ethics": _hex(act.ethics),
            "ethicsUntil": act.ethics_until,
            "diseases": _hex(diseases_hash(act.diseases)),
            "purpose": _hex(act.purpose),
            "deadline": act.deadline,
        },
    ),
    StudyApproval: Message(
        "StudyApproval",
        "bytes32 id,bytes32 reviewer,uint40 deadline",
        lambda act: abi.fixed(act.id) + abi.fixed(act.reviewer) + abi.uint(act.deadline, 40),
        lambda act: {"id": _hex(act.id), "reviewer": _hex(act.reviewer), "deadline": act.deadline},
    ),
    StudyTransition: Message(
        "StudyState",
        "bytes32 id,uint8 from,uint8 to,uint40 deadline",
        lambda act: abi.fixed(act.id) + abi.uints((act.from_state, act.to_state, act.deadline), (8, 8, 40)),
        lambda act: {
            "id": _hex(act.id),
            "from": act.from_state,
            "to": act.to_state,
            "deadline": act.deadline,
        },
    ),
    EngineRegistration: Message(
        "EngineRegistration",
        "bytes32 id,bytes32 institution,string name,bytes signer,uint16 operations,uint40 deadline",
        _encode_registration,
        lambda act: {
            "id": _hex(act.id),
            "institution": _hex(act.institution),
            "name": act.name,
            "signer": _hex(act.signer),
            "operations": act.operations,
            "deadline": act.deadline,
        },
    ),
    EngineRevocation: Message(
        "EngineRevocation",
        "bytes32 id",
        lambda act: abi.fixed(act.id),
        lambda act: {"id": _hex(act.id)},
    ),
    DatasetRegistration: Message(
        "DatasetRegistration",
        "bytes32 id,bytes32 custodian,bytes terms,uint40 deadline",
        _encode_dataset,
        lambda act: {
            "id": _hex(act.id),
            "custodian": _hex(act.custodian),
            "terms": _hex(act.terms),
            "deadline": act.deadline,
        },
    ),
    DatasetAmendment: Message(
        "DatasetAmendment",
        "bytes32 id,uint32 version,bytes terms,uint40 deadline",
        _encode_dataset_amendment,
        lambda act: {
            "id": _hex(act.id),
            "version": act.version,
            "terms": _hex(act.terms),
            "deadline": act.deadline,
        },
    ),
    DatasetClosure: Message(
        "DatasetClosure",
        "bytes32 id",
        lambda act: abi.fixed(act.id),
        lambda act: {"id": _hex(act.id)},
    ),
    Anchoring: Message(
        "Anchoring",
        "bytes32 log,uint64 size,bytes32 root,Accesses[] accesses",
        _encode_anchoring,
        lambda act: {
            "log": _hex(act.log),
            "size": act.size,
            "root": _hex(act.root),
            "accesses": [
                {"study": _hex(group.study), "engine": _hex(group.engine), "entries": _hex(group.entries)}
                for group in act.accesses
            ],
        },
        refers=(("Accesses", ACCESSES_FIELDS),),
    ),
}
