"""Consent receipts: for every grant, amendment and withdrawal of a consent, from its acceptance on.

Sealed ones are read from the chain's events, the others from the outbox; nothing is kept for them, as the same act in
the same state always gives the same receipt.

Invariant: what is said of a sealed act is what the chain recorded, not what was handed in.
"""

from dataclasses import dataclass

from ledger.domain import events as ev
from ledger.domain.acts import ConsentAct, Withdrawal, WithdrawalOfAll
from ledger.domain.consent import Consent, ConsentState, Scope
from ledger.domain.events import Logged
from ledger.domain.identifiers import to_hex
from ledger.domain.outbox import Item, ItemState
from ledger.domain.projection import Authority
from ledger.domain.vocabulary import Capacity, RecipientKind
from ledger.errors import MirrorDiverged, NotFound, NotReady
from ledger.provenance import consent_receipt as form
from ledger.services.context import Context

MOST_OPEN = 1_000
"""Acts of a subject in the outbox that are looked through, newest first."""


@dataclass(frozen=True, slots=True)
class _Told:
    """One act on a consent, from wherever it is known."""

    scope: Scope
    valid_until: int
    event: form.Event
    logged: Logged | None


def receipts_of(context: Context, subject: bytes, custodian: bytes, consent: bytes) -> list[form.Issued]:
    """The receipts of a consent, oldest first, without their proofs.

    Args:
        context: The ports.
        subject: Whose consent.
        custodian: The institution that enrolled the subject.
        consent: The consent's id.
    """
    return [_issued(context, subject, custodian, consent, told) for told in _acts(context, subject, consent)]


def receipt_of(
    context: Context, subject: bytes, custodian: bytes, consent: bytes, act: bytes | None = None
) -> form.Issued:
    """The receipt of one act on a consent, with the proof out of the chain once it is sealed.

    Args:
        context: The ports.
        subject: Whose consent.
        custodian: The institution that enrolled the subject.
        consent: The consent's id.
        act: The act's digest; None: the newest act that was not refused.

    Raises:
        NotFound: There is no such act on this consent.
        NotReady: The node is on another chain than the copy now.
    """
    acts = _acts(context, subject, consent)
    if act is None:
        acts = [told for told in acts if told.event.event_state != "refused"]
    else:
        acts = [told for told in acts if told.event.digest == to_hex(act)]
    if not acts:
        raise NotFound(f"there is no such act on the consent {to_hex(consent)} of this subject")
    issued = _issued(context, subject, custodian, consent, acts[-1])
    logged = acts[-1].logged
    return form.Issued(
        receipt=issued.receipt, jws=issued.jws, proof=None if logged is None else _proof(context, logged)
    )


def _acts(context: Context, subject: bytes, consent: bytes) -> list[_Told]:
    sealed = _sealed(context, subject, consent)
    known = {told.event.digest for told in sealed}
    held = context.mirror.consent(subject, consent)
    waiting: list[_Told] = []
    for item in reversed(context.outbox.items(subject=subject, limit=MOST_OPEN)):
        if to_hex(item.digest) in known:
            continue
        told = _waiting(context, item, consent, held)
        if told is not None:
            waiting.append(told)
            if told.event.event_state == "accepted" and isinstance(item.act, ConsentAct):
                held = _as_asked(item.act)
    return sealed + waiting


def _sealed(context: Context, subject: bytes, consent: bytes) -> list[_Told]:
    found: list[_Told] = []
    for logged in context.mirror.events_for("Consent", subject, consent):
        event = logged.event
        if isinstance(event, ev.ConsentRecorded):
            kind: form.EventType = "grant" if event.version == 1 else "amendment"
            scope, valid_until, version, paper = event.scope, event.valid_until, event.version, event.form
        elif isinstance(event, ev.ConsentWithdrawn | ev.AllWithdrawn) and found:
            kind = "withdrawal" if isinstance(event, ev.ConsentWithdrawn) else "withdrawal-of-all"
            ended, paper = found[-1], bytes(32)
            scope, valid_until, version = ended.scope, ended.valid_until, ended.event.version
        else:
            raise MirrorDiverged(f"consent {to_hex(consent)} has an event that none can begin with; run mirror verify")
        found.append(
            _Told(
                scope,
                valid_until,
                form.Event(
                    event_type=kind,
                    event_state="sealed",
                    event_time=_time(context, logged),
                    version=version,
                    signer=to_hex(event.signer),
                    capacity=Capacity(event.capacity).name.lower(),
                    form=to_hex(paper),
                    digest=to_hex(event.digest),
                    reason="",
                ),
                logged,
            )
        )
    return found


def _waiting(context: Context, item: Item, consent: bytes, held: Consent | None) -> _Told | None:
    """An act of the outbox, if it is about the consent and the copy of the chain does not show it."""
    act = item.act
    match act:
        case ConsentAct(id=id) if id == consent:
            kind: form.EventType = "grant" if act.version == 1 else "amendment"
            scope, valid_until, version, paper = act.scope, act.scope.valid_until, act.version, act.form
        case Withdrawal(id=id) if id == consent and held is not None:
            kind, paper = "withdrawal", bytes(32)
            scope, valid_until, version = held.scope, held.valid_until, held.version
        case WithdrawalOfAll() if held is not None and held.state is ConsentState.ACTIVE:
            kind, paper = "withdrawal-of-all", bytes(32)
            scope, valid_until, version = held.scope, held.valid_until, held.version
        case _:
            return None
    if item.state is ItemState.SEALED and isinstance(act, WithdrawalOfAll) and _is_past(context, item):
        return None  # it was sealed before this consent was given
    authority: Authority | None = context.mirror.authority(act.subject, act.signer)
    event = form.Event(
        event_type=kind,
        event_state="refused" if item.state is ItemState.REFUSED else "accepted",
        event_time=item.accepted_at,
        version=version,
        signer=to_hex(act.signer),
        capacity=None if authority is None else authority.capacity.name.lower(),
        form=to_hex(paper),
        digest=to_hex(item.digest),
        reason=item.reason,
    )
    return _Told(scope, valid_until, event, None)


def _is_past(context: Context, item: Item) -> bool:
    cursor = context.mirror.cursor()
    return cursor is not None and item.block is not None and item.block <= cursor.block.number


def _as_asked(act: ConsentAct) -> Consent:
    return Consent(act.subject, act.id, act.version, act.scope, 0, act.scope.valid_until)


def _issued(context: Context, subject: bytes, custodian: bytes, consent: bytes, told: _Told) -> form.Issued:
    institution = context.mirror.institution(custodian)
    parties = [
        form.Party(
            party_id=to_hex(custodian),
            party_role="controller",
            party_name="" if institution is None else institution.name,
        )
    ]
    if told.scope.recipient_kind != RecipientKind.ANY:
        parties.append(_recipient(context, told.scope))
    receipt = form.ConsentReceipt(
        schema_version=form.SCHEMA,
        receipt_id=form.receipt_id(bytes.fromhex(told.event.digest[2:]), consent, told.event.event_state),
        record_id=to_hex(consent),
        pii_principal_id=to_hex(subject),
        pii_processing=form.processing_of(told.scope, told.valid_until, context.mirror.terms(told.scope.terms)),
        party_identification=parties,
        event=told.event,
        chain=None if told.logged is None else _chain(context, told.logged),
    )
    return form.Issued(receipt=receipt, jws=form.sign(receipt, context.log_keys.receipts), proof=None)


def _recipient(context: Context, scope: Scope) -> form.Party:
    if scope.recipient_kind == RecipientKind.STUDY:
        study = context.mirror.study(scope.recipient)
        name = "" if study is None else study.title
    else:
        institution = context.mirror.institution(scope.recipient)
        name = "" if institution is None else institution.name
    return form.Party(party_id=to_hex(scope.recipient), party_role="recipient", party_name=name)


def _chain(context: Context, logged: Logged) -> form.Chain:
    return form.Chain(
        chain_id=context.reader.chain_id,
        contract=to_hex(logged.address),
        block=form.Block(number=logged.block_number, hash=to_hex(logged.block_hash)),
        transaction=to_hex(logged.transaction),
        log_index=logged.log_index,
    )


def _time(context: Context, logged: Logged) -> int:
    block = context.mirror.block_at(logged.block_number)
    if block is None:
        raise NotReady("the copy of the chain is being rolled back; ask again")
    return block.timestamp


def _proof(context: Context, logged: Logged) -> form.Proof:
    if context.reader.block(logged.block_number).hash != logged.block_hash:
        raise NotReady("the node is on another chain than the copy now; ask again when it has caught up")
    header = context.reader.header(logged.block_number)
    nodes = context.reader.receipt_proof(logged.transaction).nodes
    return form.Proof(header=to_hex(header), nodes=[to_hex(node) for node in nodes])
