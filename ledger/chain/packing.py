"""The arguments of the functions that carry acts, packed by hand: one writer a kind of act.

A consent that an account signed, as most are, is written with one struct.

Source: https://docs.soliditylang.org/en/latest/abi-spec.html
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from struct import Struct
from struct import error as StructError  # noqa: N812 - a class, whatever its case
from typing import Any

from ledger.chain import abi
from ledger.chain.abi import Tail, dynamic, fixed, pack, text, uint, uints
from ledger.chain.words import disease_words
from ledger.domain.acts import (
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

# Subject, id, recipient, terms; rights and limits from the highest bit (types/ConsentWords.sol), where a number of 40
# bits goes in with what stands beside it; form, deadline, the offsets of the tails; signer and signature after lengths.
_CONSENT = Struct(">32s32s32s32s" + "2xQHQIHHHBB" + "2x20sHQ" + "32s24xQ24xQ24xQ" + "24xQ20s12x" + "24xQ65s31x")
_TAILS = (10 * abi.WORD, 12 * abi.WORD)
_ACCOUNT, _SIGNATURE = 20, 65
_WHOLE = (abi.WORD,) * 5


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


WRITERS: Mapping[type, Callable[[Any], bytes]] = {
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
"""By the kind of act."""
