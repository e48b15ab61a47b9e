"""Acts of every kind with random fields, for hypothesis."""

from hypothesis import strategies as st

from ledger.domain import acts
from ledger.domain.accesses import pack_entries
from ledger.domain.consent import Scope

ids = st.binary(min_size=32, max_size=32)
signers = st.one_of(st.binary(min_size=20, max_size=20), st.binary(min_size=0, max_size=120))
signatures = st.binary(max_size=200)
texts = st.text(max_size=60)
documents = st.binary(max_size=100)


def uints(bits: int) -> st.SearchStrategy[int]:
    return st.one_of(st.integers(0, (1 << bits) - 1), st.sampled_from([0, (1 << bits) - 1]))


scopes = st.builds(
    Scope,
    effect=uints(8),
    recipient_kind=uints(8),
    recipient=ids,
    purposes=uints(16),
    conditions=uints(16),
    operations=uints(16),
    categories=uints(32),
    valid_from=uints(40),
    valid_until=uints(40),
    data_from=uints(40),
    data_until=uints(40),
    diseases=uints(160),
    terms=ids,
)
_times = {"since": uints(40), "until": uints(40), "deadline": uints(40)}
_signed = {"signer": signers, "signature": signatures}
diseases = st.lists(st.lists(uints(32), max_size=4).map(tuple), max_size=3).map(tuple)
entries = st.lists(st.tuples(uints(64), ids), max_size=3).map(pack_entries)
accesses = st.builds(acts.Accesses, study=ids, engine=ids, entries=entries)

SIGNED = {
    acts.Enrolment: st.builds(
        acts.Enrolment,
        subject=ids,
        custodian=ids,
        first_signer=signers,
        capacity=uints(8),
        form=ids,
        signature=signatures,
        **_times,
    ),
    acts.ConsentAct: st.builds(
        acts.ConsentAct,
        subject=ids,
        id=ids,
        version=uints(24),
        scope=scopes,
        form=ids,
        issued_at=uints(40),
        deadline=uints(40),
        **_signed,
    ),
    acts.Withdrawal: st.builds(acts.Withdrawal, subject=ids, id=ids, **_signed),
    acts.WithdrawalOfAll: st.builds(acts.WithdrawalOfAll, subject=ids, id=ids, deadline=uints(40), **_signed),
    acts.SignerAddition: st.builds(
        acts.SignerAddition,
        subject=ids,
        id=ids,
        new_signer=signers,
        capacity=uints(8),
        form=ids,
        **_times,
        **_signed,
    ),
    acts.SignerRemoval: st.builds(
        acts.SignerRemoval, subject=ids, id=ids, old_signer=signers, deadline=uints(40), **_signed
    ),
    acts.RecoveryProposal: st.builds(
        acts.RecoveryProposal,
        subject=ids,
        id=ids,
        custodian=ids,
        new_signer=signers,
        capacity=uints(8),
        form=ids,
        signature=signatures,
        **_times,
    ),
    acts.RecoveryObjection: st.builds(acts.RecoveryObjection, subject=ids, id=ids, **_signed),
    acts.RecoveryCompletion: st.builds(
        acts.RecoveryCompletion,
        subject=ids,
        id=ids,
        custodian=ids,
        new_signer=signers,
        capacity=uints(8),
        since=uints(40),
        until=uints(40),
        form=ids,
    ),
    acts.StudyProposal: st.builds(
        acts.StudyProposal,
        id=ids,
        institution=ids,
        title=texts,
        uses=uints(8),
        conditions=uints(16),
        required_terms=uints(32),
        ethics=ids,
        ethics_until=uints(40),
        diseases=diseases,
        purpose=documents,
        deadline=uints(40),
        signature=signatures,
    ),
    acts.StudyApproval: st.builds(acts.StudyApproval, id=ids, reviewer=ids, deadline=uints(40), signature=signatures),
    acts.StudyTransition: st.builds(
        acts.StudyTransition,
        id=ids,
        from_state=uints(8),
        to_state=uints(8),
        deadline=uints(40),
        signature=signatures,
    ),
    acts.EngineRegistration: st.builds(
        acts.EngineRegistration,
        id=ids,
        institution=ids,
        name=texts,
        signer=signers,
        operations=uints(16),
        deadline=uints(40),
        signature=signatures,
    ),
    acts.EngineRevocation: st.builds(acts.EngineRevocation, id=ids, signature=signatures),
    acts.DatasetRegistration: st.builds(
        acts.DatasetRegistration,
        id=ids,
        custodian=ids,
        terms=documents,
        deadline=uints(40),
        signature=signatures,
    ),
    acts.DatasetAmendment: st.builds(
        acts.DatasetAmendment,
        id=ids,
        version=uints(32),
        terms=documents,
        deadline=uints(40),
        signature=signatures,
    ),
    acts.DatasetClosure: st.builds(acts.DatasetClosure, id=ids, signature=signatures),
    acts.Anchoring: st.builds(
        acts.Anchoring,
        log=ids,
        size=uints(64),
        root=ids,
        proof=st.lists(ids, max_size=4).map(tuple),
        accesses=st.lists(accesses, max_size=3).map(tuple),
        signature=signatures,
    ),
}
ADMIN = {
    acts.InstitutionAdmission: st.builds(acts.InstitutionAdmission, id=ids, name=texts, signer=signers),
    acts.InstitutionSuspension: st.builds(acts.InstitutionSuspension, id=ids, state=uints(8)),
    acts.ReviewerNaming: st.builds(acts.ReviewerNaming, id=ids, name=texts, signer=signers, active=st.booleans()),
    acts.TermsPublication: st.builds(acts.TermsPublication, hash=ids, version=uints(32), language=texts, uri=texts),
}
"""One strategy a kind of act."""
