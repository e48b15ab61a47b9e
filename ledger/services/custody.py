"""What a custodian signs for: its datasets' terms, and new keys for subjects who lost theirs.

The use cases build an act, have the kept key sign it and submit it; the checks refuse, with words, what the chain would
refuse and what it cannot see, such as terms that are not in their form. An objection to a recovery is not here: like a
withdrawal it is refused for nothing but its signature (``submit``).
"""

from typing import TypeVar

from ledger.domain.acts import (
    DatasetAmendment,
    DatasetClosure,
    DatasetRegistration,
    RecoveryCompletion,
    RecoveryProposal,
)
from ledger.domain.consent import ZERO_ID
from ledger.domain.directory import Dataset, DatasetState, Institution, InstitutionState
from ledger.domain.identifiers import to_hex
from ledger.domain.projection import Recovery, RecoveryState
from ledger.domain.release import read_terms
from ledger.errors import Forbidden, InvalidInput, NotFound, Replayed, WrongState
from ledger.services.context import Context

DatasetAct = DatasetRegistration | DatasetAmendment | DatasetClosure
RecoveryAct = RecoveryProposal | RecoveryCompletion
_Signed = TypeVar("_Signed", DatasetRegistration, DatasetAmendment, DatasetClosure, RecoveryProposal)


def registration(context: Context, id: bytes, custodian: bytes, terms: bytes, deadline: int) -> DatasetRegistration:
    """The registration of a dataset, signed with the custodian's kept key."""
    act = DatasetRegistration(id=id, custodian=custodian, terms=terms, deadline=deadline)
    return _signed(context, act, _custodian(context, custodian))


def amendment(context: Context, id: bytes, terms: bytes, deadline: int) -> DatasetAmendment:
    """New terms for a dataset, signed with its custodian's kept key."""
    held = open_dataset(context, id)
    act = DatasetAmendment(id=id, version=held.version + 1, terms=terms, deadline=deadline)
    return _signed(context, act, _custodian(context, held.custodian))


def closure(context: Context, id: bytes) -> DatasetClosure:
    """The end of a dataset, signed with its custodian's kept key."""
    return _signed(context, DatasetClosure(id=id), _custodian(context, open_dataset(context, id).custodian))


def proposal(context: Context, act: RecoveryProposal) -> RecoveryProposal:
    """A recovery, signed with the custodian's kept key."""
    return _signed(context, act, _custodian(context, act.custodian))


def completion(context: Context, subject: bytes) -> RecoveryCompletion:
    """The completion of a subject's pending recovery, as it was proposed.

    Raises:
        NotFound: None is pending.
    """
    held = pending_recovery(context, subject)
    return RecoveryCompletion(
        subject=subject,
        id=held.id,
        custodian=held.custodian,
        new_signer=held.new_signer,
        capacity=held.capacity,
        since=held.since,
        until=held.until,
        form=held.form,
    )


def open_dataset(context: Context, id: bytes) -> Dataset:
    """A dataset that is not closed.

    Raises:
        NotFound: It is not registered.
        WrongState: It is closed.
    """
    held = context.mirror.dataset(id)
    if held is None:
        raise NotFound(f"dataset {to_hex(id)} is not registered")
    if held.state is not DatasetState.ACTIVE:
        raise WrongState(f"dataset {to_hex(id)} is closed, which is final; register another")
    return held


def pending_recovery(context: Context, subject: bytes) -> Recovery:
    """A subject's pending recovery.

    Raises:
        NotFound: None is pending.
    """
    held = context.mirror.recovery(subject)
    if held is None or held.state is not RecoveryState.PENDING:
        raise NotFound(f"no recovery of a key of subject {to_hex(subject)} is pending; its custodian can propose one")
    return held


def check_dataset(context: Context, act: DatasetAct) -> None:
    """Refuse an act about a dataset that the chain would refuse, and terms that are not in their form.

    Raises:
        ConsentryError: What is wrong, in words.
    """
    if isinstance(act, DatasetRegistration):
        if context.mirror.dataset(act.id) is not None:
            raise Replayed(f"dataset {to_hex(act.id)} is in the directory already; it cannot be registered again")
        custodian = _active(_custodian(context, act.custodian))
    else:
        held = open_dataset(context, act.id)
        custodian = _custodian(context, held.custodian)
        if isinstance(act, DatasetAmendment):
            _active(custodian)
            if act.version != held.version + 1:
                raise WrongState(f"the dataset's terms have version {held.version}; sign the next one")
    if not isinstance(act, DatasetClosure):
        read_terms(act.terms, strict=True)
    context.checker.check(act, custodian.signer)


def check_recovery(context: Context, act: RecoveryAct, now: int) -> None:
    """Refuse the proposal or the completion of a recovery that the chain would refuse.

    Raises:
        ConsentryError: What is wrong, in words.
    """
    custodian = _active(_custodian(context, act.custodian))
    if isinstance(act, RecoveryCompletion):
        held = pending_recovery(context, act.subject)
        if held.id != act.id:
            raise NotFound(f"recovery {to_hex(act.id)} is not pending; another was proposed after it")
        if now < held.opens_at:
            raise WrongState(f"signers can object until {held.opens_at} (it is {now}); complete it then")
        return
    owner = context.mirror.custodian_of(act.subject)
    if owner is None:
        raise NotFound(f"subject {to_hex(act.subject)} is not enrolled")
    if owner != act.custodian:
        raise Forbidden("only the subject's own custodian can propose the recovery of its key")
    if act.form == ZERO_ID:
        raise InvalidInput("a recovery needs the hash of the record of how the person was identified")
    authority = context.mirror.authority(act.subject, act.new_signer)
    if authority is not None and authority.active:
        raise Replayed("this key signs for the subject already; there is nothing to recover with it")
    context.checker.check(act, custodian.signer)


def _custodian(context: Context, id: bytes) -> Institution:
    held = context.mirror.institution(id)
    if held is None:
        raise NotFound(f"institution {to_hex(id)} is not admitted")
    return held


def _active(institution: Institution) -> Institution:
    if institution.state is not InstitutionState.ACTIVE:
        raise WrongState(f"institution {to_hex(institution.id)} is suspended, and cannot do this")
    return institution


def _signed(context: Context, act: _Signed, custodian: Institution) -> _Signed:
    signed = context.keys.sign(act, custodian.signer)
    assert isinstance(signed, type(act))
    return signed
