"""Call data of the transactions that carry acts, packed by hand.

The functions of the ConsentRegistry take arrays, so that one transaction carries many acts; all others carry one.
A consent that an account signed, as most are, is written with one struct.
Selectors come from the signatures below; a test holds them equal to the artifacts.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case
from typing import Any

from ledger.chain import abi
from ledger.chain.abi import Tail, dynamic, fixed, pack, text, uint, uints
from ledger.chain.hashing import keccak
from ledger.chain.words import disease_words
from ledger.domain.acts import (
    Act,
    Anchoring,
    ConsentAct,
    DatasetAmendment,
    DatasetClosure,
    DatasetRegistration,
    EngineRegistration,
    EngineRevocation,
    Enrolment,
    InstitutionAdmission,
    InstitutionSuspension,
    RecoveryCompletion,
    RecoveryObjection,
    RecoveryProposal,
    ReviewerNaming,
    SignerAddition,
    SignerRemoval,
    StudyApproval,
    StudyProposal,
    StudyTransition,
    TermsPublication,
    Withdrawal,
    WithdrawalOfAll,
)
from ledger.domain.policy import Request
from ledger.errors import InvalidInput

_RECOVERY = "(bytes32,bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32)"
SIGNATURES: Mapping[str, str] = {
    "enrol": "enrol((bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32,uint40,bytes)[])",
    "record": "record((bytes32,bytes32,bytes32,bytes32,uint256,uint256,bytes32,uint40,bytes,bytes)[])",
    "withdraw": "withdraw((bytes32,bytes32,bytes,bytes)[])",
    "withdrawAll": "withdrawAll((bytes32,bytes32,uint40,bytes,bytes)[])",
    "addSigners": "addSigners((bytes32,bytes32,bytes,uint8,uint40,uint40,bytes32,uint40,bytes,bytes)[])",
    "removeSigners": "removeSigners((bytes32,bytes32,bytes,uint40,bytes,bytes)[])",
    "proposeRecovery": f"proposeRecovery(({_RECOVERY},uint40,bytes))",
    "objectToRecovery": "objectToRecovery((bytes32,bytes32,bytes,bytes))",
    "completeRecovery": f"completeRecovery({_RECOVERY})",
    "admitInstitution": "admitInstitution(bytes32,string,bytes)",
    "setInstitutionState": "setInstitutionState(bytes32,uint8)",
    "nameReviewer": "nameReviewer(bytes32,string,bytes,bool)",
    "publishTerms": "publishTerms(bytes32,uint32,string,string)",
    "proposeStudy": (
        "proposeStudy((bytes32,bytes32,string,uint8,uint16,uint32,bytes32,uint40,uint32[][],bytes,uint40,bytes))"
    ),
    "registerEngine": "registerEngine((bytes32,bytes32,string,bytes,uint16,uint40,bytes))",
    "setStudyState": "setStudyState(bytes32,uint8,uint8,uint40,bytes)",
    "revokeEngine": "revokeEngine(bytes32,bytes)",
    "approveStudy": "approveStudy(bytes32,bytes32,uint40,bytes)",
    "registerDataset": "registerDataset((bytes32,bytes32,bytes,uint40,bytes))",
    "amendDataset": "amendDataset((bytes32,uint32,bytes,uint40,bytes))",
    "closeDataset": "closeDataset(bytes32,bytes)",
    "append": "append((bytes32,uint64,bytes32,bytes32[],(bytes32,bytes32,bytes)[],bytes))",
    "decide": "decide(bytes32,(bytes32,bytes32,uint16,uint32,uint40,uint40),uint40,bytes32[])",
}
SELECTORS: Mapping[str, bytes] = {name: keccak(signature.encode())[:4] for name, signature in SIGNATURES.items()}
BATCHED = frozenset({Enrolment, ConsentAct, Withdrawal, WithdrawalOfAll, SignerAddition, SignerRemoval})


# Subject, id, recipient, terms; rights and limits from the highest bit (types/ConsentWords.sol), where a number of 40
# bits goes in with what stands beside it; form, deadline, the offsets of the tails; signer and signature after lengths.
_CONSENT = Struct(">32s32s32s32s" + "2xQHQIHHHBB" + "2x20sHQ" + "32s24xQ24xQ24xQ" + "24xQ20s12x" + "24xQ65s31x")
_TAILS = (10 * abi.WORD, 12 * abi.WORD)
_ACCOUNT, _SIGNATURE = 20, 65
_WHOLE = (abi.WORD,) * 5


def encode(acts: Sequence[Act]) -> bytes:
    """The call data of one transaction that carries ``acts``.

    Args:
        acts: At least one, all of one kind; more than one only where the function takes a batch.

    Raises:
        InvalidInput: The acts do not go together, or a field does not fit its type.
    """
    kinds = {type(act) for act in acts}
    if len(kinds) != 1:
        raise InvalidInput("one transaction carries acts of exactly one kind")
    kind = kinds.pop()
    writer = _WRITERS[kind]
    if kind in BATCHED:
        arguments = pack(abi.array_of_dynamic([writer(act) for act in acts]))
    elif len(acts) == 1:
        arguments = writer(acts[0])
    else:
        raise InvalidInput(f"a {kind.__name__} needs a transaction of its own")
    return SELECTORS[acts[0].function] + arguments


def encode_decide(subject: bytes, request: Request, at: int, consents: Sequence[bytes]) -> bytes:
    """The call data of ``ConsentRegistry.decide``; ``consents`` are all live ids, ascending."""
    return SELECTORS["decide"] + pack(
        fixed(subject),
        fixed(request.study),
        fixed(request.engine),
        uints((request.operation, request.categories, request.data_from, request.data_until, at), (16, 32, 40, 40, 40)),
        abi.array_of_static([fixed(consent) for consent in consents]),
    )


def _enrolment(act: Enrolment) -> bytes:
    return pack(
        fixed(act.subject),
        fixed(act.custodian),
        dynamic(act.first_signer),
        uints((act.capacity, act.since, act.until), (8, 40, 40)),
        fixed(act.form),
        uint(act.deadline, 40),
        dynamic(act.signature),
    )


def rights(act: ConsentAct) -> bytes:
    """The word of a consent's numbers: the contracts' ``types/ConsentWords.sol``.

    Raises:
        InvalidInput: A number is wider than its place.
    """
    scope = act.scope
    return abi.packed(
        (scope.effect, 8),
        (scope.recipient_kind, 8),
        (scope.purposes, 16),
        (scope.conditions, 16),
        (scope.operations, 16),
        (scope.categories, 32),
        (scope.valid_from, 40),
        (scope.valid_until, 40),
        (act.version, 24),
        (act.issued_at, 40),
    )


def limits(act: ConsentAct) -> bytes:
    """The word of a consent's data window and diseases.

    Raises:
        InvalidInput: A number is wider than its place.
    """
    scope = act.scope
    return abi.packed((scope.data_from, 40), (scope.data_until, 40), (scope.diseases, 160))


def _consent(act: ConsentAct) -> bytes:
    scope = act.scope
    times = scope.valid_from | scope.valid_until | scope.data_from | scope.data_until | act.issued_at | act.deadline
    lengths = (len(act.subject), len(act.id), len(scope.recipient), len(scope.terms), len(act.form))
    signed = (len(act.signer), len(act.signature))
    if times >> 40 == act.version >> 24 == 0 and lengths == _WHOLE and signed == (_ACCOUNT, _SIGNATURE):
        with suppress(StructError, OverflowError):
            return _CONSENT.pack(
                act.subject,
                act.id,
                scope.recipient,
                scope.terms,
                act.issued_at << 24 | act.version,
                scope.valid_until >> 24,
                (scope.valid_until & 0xFF_FFFF) << 40 | scope.valid_from,
                scope.categories,
                scope.operations,
                scope.conditions,
                scope.purposes,
                scope.recipient_kind,
                scope.effect,
                scope.diseases.to_bytes(20, "big"),
                scope.data_until >> 24,
                (scope.data_until & 0xFF_FFFF) << 40 | scope.data_from,
                act.form,
                act.deadline,
                *_TAILS,
                _ACCOUNT,
                act.signer,
                _SIGNATURE,
                act.signature,
            )
    return _consent_field_by_field(act)  # which says what does not fit


def _consent_field_by_field(act: ConsentAct) -> bytes:
    return pack(
        fixed(act.subject),
        fixed(act.id),
        fixed(act.scope.recipient),
        fixed(act.scope.terms),
        rights(act),
        limits(act),
        fixed(act.form),
        uint(act.deadline, 40),
        dynamic(act.signer),
        dynamic(act.signature),
    )


def _withdrawal(act: Withdrawal) -> bytes:
    return pack(fixed(act.subject), fixed(act.id), dynamic(act.signer), dynamic(act.signature))


def _withdrawal_of_all(act: WithdrawalOfAll) -> bytes:
    return pack(fixed(act.subject), fixed(act.id), uint(act.deadline, 40), dynamic(act.signer), dynamic(act.signature))


def _addition(act: SignerAddition) -> bytes:
    return pack(
        fixed(act.subject),
        fixed(act.id),
        dynamic(act.new_signer),
        uints((act.capacity, act.since, act.until), (8, 40, 40)),
        fixed(act.form),
        uint(act.deadline, 40),
        dynamic(act.signer),
        dynamic(act.signature),
    )


def _removal(act: SignerRemoval) -> bytes:
    return pack(
        fixed(act.subject),
        fixed(act.id),
        dynamic(act.old_signer),
        uint(act.deadline, 40),
        dynamic(act.signer),
        dynamic(act.signature),
    )


def _recovery(act: RecoveryProposal | RecoveryCompletion) -> Tail:
    return Tail(
        pack(
            fixed(act.subject),
            fixed(act.id),
            fixed(act.custodian),
            dynamic(act.new_signer),
            uints((act.capacity, act.since, act.until), (8, 40, 40)),
            fixed(act.form),
        )
    )


def _recovery_proposal(act: RecoveryProposal) -> bytes:
    return pack(Tail(pack(_recovery(act), uint(act.deadline, 40), dynamic(act.signature))))


def _objection(act: RecoveryObjection) -> bytes:
    return pack(Tail(pack(fixed(act.subject), fixed(act.id), dynamic(act.signer), dynamic(act.signature))))


def _proposal(act: StudyProposal) -> bytes:
    closures = [disease_words(closure) for closure in act.diseases]
    study = pack(
        fixed(act.id),
        fixed(act.institution),
        text(act.title),
        uints((act.uses, act.conditions, act.required_terms), (8, 16, 32)),
        fixed(act.ethics),
        uint(act.ethics_until, 40),
        abi.array_of_dynamic(closures),
        dynamic(act.purpose),
        uint(act.deadline, 40),
        dynamic(act.signature),
    )
    return pack(Tail(study))


def _registration(act: EngineRegistration) -> bytes:
    engine = pack(
        fixed(act.id),
        fixed(act.institution),
        text(act.name),
        dynamic(act.signer),
        uints((act.operations, act.deadline), (16, 40)),
        dynamic(act.signature),
    )
    return pack(Tail(engine))


def _dataset(act: DatasetRegistration) -> bytes:
    dataset = pack(
        fixed(act.id),
        fixed(act.custodian),
        dynamic(act.terms),
        uint(act.deadline, 40),
        dynamic(act.signature),
    )
    return pack(Tail(dataset))


def _dataset_amendment(act: DatasetAmendment) -> bytes:
    amendment = pack(
        fixed(act.id),
        uint(act.version, 32),
        dynamic(act.terms),
        uint(act.deadline, 40),
        dynamic(act.signature),
    )
    return pack(Tail(amendment))


def _anchoring(act: Anchoring) -> bytes:
    accesses = [pack(fixed(group.study), fixed(group.engine), dynamic(group.entries)) for group in act.accesses]
    anchoring = pack(
        fixed(act.log),
        uint(act.size, 64),
        fixed(act.root),
        abi.array_of_static([fixed(node) for node in act.proof]),
        abi.array_of_dynamic(accesses),
        dynamic(act.signature),
    )
    return pack(Tail(anchoring))


_WRITERS: Mapping[type, Callable[[Any], bytes]] = {
    Enrolment: _enrolment,
    ConsentAct: _consent,
    Withdrawal: _withdrawal,
    WithdrawalOfAll: _withdrawal_of_all,
    SignerAddition: _addition,
    SignerRemoval: _removal,
    RecoveryProposal: _recovery_proposal,
    RecoveryObjection: _objection,
    RecoveryCompletion: lambda act: pack(_recovery(act)),
    InstitutionAdmission: lambda act: pack(fixed(act.id), text(act.name), dynamic(act.signer)),
    InstitutionSuspension: lambda act: pack(fixed(act.id), uint(act.state, 8)),
    ReviewerNaming: lambda act: pack(fixed(act.id), text(act.name), dynamic(act.signer), uint(act.active, 1)),
    TermsPublication: lambda act: pack(fixed(act.hash), uint(act.version, 32), text(act.language), text(act.uri)),
    StudyProposal: _proposal,
    StudyApproval: lambda act: pack(fixed(act.id), fixed(act.reviewer), uint(act.deadline, 40), dynamic(act.signature)),
    StudyTransition: lambda act: pack(
        fixed(act.id), uints((act.from_state, act.to_state, act.deadline), (8, 8, 40)), dynamic(act.signature)
    ),
    EngineRegistration: _registration,
    EngineRevocation: lambda act: pack(fixed(act.id), dynamic(act.signature)),
    DatasetRegistration: _dataset,
    DatasetAmendment: _dataset_amendment,
    DatasetClosure: lambda act: pack(fixed(act.id), dynamic(act.signature)),
    Anchoring: _anchoring,
}
