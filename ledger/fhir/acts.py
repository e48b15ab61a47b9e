"""From drafts to acts that somebody can sign, and back: whether signed acts say what a resource says.

Only signatures change consents. The act names the resource by its hash (``form``), as it would name a paper form.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ledger.domain.acts import ConsentAct
from ledger.domain.consent import ConsentState
from ledger.domain.identifiers import to_hex
from ledger.domain.wording import scope_to_json
from ledger.errors import InvalidInput, WrongState
from ledger.fhir.read import Reading


def acts_of(
    reading: Reading, subject: bytes, signer: bytes, *, ids: Sequence[bytes], issued_at: int, deadline: int
) -> list[ConsentAct]:
    """The acts that make a resource count for a subject, without signatures.

    Args:
        reading: A resource that was not refused.
        subject: Whose consents they are.
        signer: Who is to sign, in ERC-7913 form.
        ids: A fresh id for each draft; one that we wrote ourselves keeps its own.
        issued_at: Seconds UTC.
        deadline: Until when the signatures can be carried to the chain, seconds UTC.

    Raises:
        WrongState: The resource is not in force.
        InvalidInput: The resource was refused, or is another subject's.
    """
    if not reading.drafts:
        raise InvalidInput("the resource was refused; nothing of it can be signed")
    acts = []
    for draft, fresh in zip(reading.drafts, ids, strict=True):
        if draft.state is not ConsentState.ACTIVE:
            raise WrongState("the resource is inactive; withdraw the consent that it was, instead of signing it")
        if draft.native is not None and draft.native.subject != subject:
            raise InvalidInput(f"the resource is a consent of subject {to_hex(draft.native.subject)}, not of this one")
        acts.append(
            ConsentAct(
                subject=subject,
                id=fresh if draft.native is None else draft.native.id,
                version=1 if draft.native is None else draft.native.version,
                scope=draft.scope,
                form=reading.form,
                issued_at=issued_at,
                deadline=deadline,
                signer=signer,
            )
        )
    return acts


def check_acts(reading: Reading, acts: Sequence[ConsentAct]) -> None:
    """Go on only if the signed acts say what the resource says: all of it, and nothing else.

    Raises:
        InvalidInput: They do not.
    """
    if len({act.subject for act in acts}) != 1:
        raise InvalidInput("all acts of one resource are one subject's")
    if any(act.form != reading.form for act in acts):
        raise InvalidInput(f"each act must name this resource as its form: {to_hex(reading.form)}")
    if Counter(act.scope for act in acts) != Counter(draft.scope for draft in reading.drafts):
        raise InvalidInput("the signed acts do not say what the resource says; ask for its acts again and sign those")
    for draft in reading.drafts:
        if draft.native is not None and draft.native.subject != acts[0].subject:
            raise InvalidInput("the resource is another subject's consent")


def act_to_json(act: ConsentAct) -> dict[str, Any]:
    """An act without its signature, as ``POST /v1/typed-data`` takes it."""
    return {
        "act": "consent",
        "subject": to_hex(act.subject),
        "id": to_hex(act.id),
        "version": act.version,
        "scope": scope_to_json(act.scope),
        "form": to_hex(act.form),
        "issued_at": act.issued_at,
        "deadline": act.deadline,
        "signer": to_hex(act.signer),
    }
