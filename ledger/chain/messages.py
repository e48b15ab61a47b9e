"""What is signed of each act: one table, ``MESSAGES``, with its EIP-712 type and how to write it.

Field for field the type hashes of the contracts. ``encode`` gives the words of the struct (``chain.words``), ``values``
the same as JSON for wallets.

Source: https://eips.ethereum.org/EIPS/eip-712
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.chain import abi, words
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

_SIGNER_FIELDS = "uint8 capacity,uint40 from,uint40 until,bytes32 form,uint40 deadline"


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


MESSAGES: Mapping[type, Message] = {
    Enrolment: Message(
        "Enrolment",
        f"bytes32 subject,bytes32 custodian,bytes firstSigner,{_SIGNER_FIELDS}",
        words.enrolment_words,
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
        words.consent_words,
        lambda act: {
            "subject": _hex(act.subject),
            "id": _hex(act.id),
            "version": act.version,
            "scope": _scope_values(act.scope),
            "form": _hex(act.form),
            "issuedAt": act.issued_at,
            "deadline": act.deadline,
        },
        refers=(("Scope", words.SCOPE_FIELDS),),
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
        words.signer_addition_words,
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
        words.signer_removal_words,
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
        lambda act: words.recovery_hash(act) + abi.uint(act.deadline, 40),
        lambda act: {"recovery": _recovery_values(act), "deadline": act.deadline},
        refers=(("Recovery", words.RECOVERY_FIELDS),),
    ),
    RecoveryObjection: Message(
        "RecoveryObjection",
        "bytes32 subject,bytes32 id",
        lambda act: abi.fixed(act.subject) + abi.fixed(act.id),
        lambda act: {"subject": _hex(act.subject), "id": _hex(act.id)},
    ),
    # Nobody signs a completion; its digest is what tells it from other acts.
    RecoveryCompletion: Message("Recovery", words.RECOVERY_FIELDS, words.recovery_words, _recovery_values),
    StudyProposal: Message(
        "StudyProposal",
        "bytes32 id,bytes32 institution,string title,uint8 uses,uint16 conditions,uint32 requiredTerms,"
        "bytes32 ethics,uint40 ethicsUntil,bytes32 diseases,bytes purpose,uint40 deadline",
        words.study_proposal_words,
        lambda act: {
            "id": _hex(act.id),
            "institution": _hex(act.institution),
            "title": act.title,
            "uses": act.uses,
            "conditions": act.conditions,
            "requiredTerms": act.required_terms,
            "ethics": _hex(act.ethics),
            "ethicsUntil": act.ethics_until,
            "diseases": _hex(words.diseases_hash(act.diseases)),
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
        words.engine_words,
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
        words.dataset_words,
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
        words.dataset_amendment_words,
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
        words.anchoring_words,
        lambda act: {
            "log": _hex(act.log),
            "size": act.size,
            "root": _hex(act.root),
            "accesses": [
                {"study": _hex(group.study), "engine": _hex(group.engine), "entries": _hex(group.entries)}
                for group in act.accesses
            ],
        },
        refers=(("Accesses", words.ACCESSES_FIELDS),),
    ),
}
