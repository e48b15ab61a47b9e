"""Passkeys of subjects: invited, registered, and listed.

A registered passkey is a key that is known; what gives it authority is a signed act, or the custodian's invitation.
"""

from fastapi import APIRouter, Response

from api.deps import ConsentWriter, Enroller, Ports, SubjectReader, answer
from api.reading import BoundedRoute
from api.routes.subjects import SubjectId, custodian_for
from api.schemas.acts import capacity_of
from api.schemas.items import item_json
from api.schemas.passkeys import (
    CreationOptions,
    InvitationAnswer,
    InvitationBody,
    PasskeyAnswer,
    PasskeysAnswer,
    RegistrationBody,
    RegistrationSubject,
    creation_options,
    passkey_json,
)
from ledger.domain.identifiers import to_hex
from ledger.domain.passkey import Invitation
from ledger.domain.vocabulary import FOREVER
from ledger.identity.principal import Principal, Role
from ledger.services import directory
from ledger.services.context import Context
from ledger.transparency.encoding import from_base64url

router = APIRouter(tags=["passkeys"], route_class=BoundedRoute)


@router.post("/v1/invitations", status_code=201, response_model=InvitationAnswer)
def invite(body: InvitationBody, who: Enroller, ports: Ports) -> Response:
    """Promise to enrol a subject, in the care of the caller's institution, with the first passkey that it sets up."""
    invitation = Invitation(
        subject=body.subject or ports.entropy.token(32),
        custodian=who.id,
        capacity=capacity_of(body.capacity),
        since=body.from_,
        until=FOREVER if body.until is None else body.until,
        form=body.form,
        ends_at=ports.clock.now() + body.seconds,
    )
    directory.invite(ports, invitation)
    return answer({"subject": to_hex(invitation.subject), "ends_at": invitation.ends_at}, 201)


@router.post("/v1/passkeys/options", response_model=CreationOptions)
def ask_for_a_passkey(body: RegistrationSubject, who: ConsentWriter, ports: Ports) -> Response:
    """What a browser is asked (``navigator.credentials.create``) to make a passkey for a subject."""
    _speaks_for(ports, who, body.subject)
    keys = ports.passkeys
    return answer(
        creation_options(keys.party, body.subject, keys.challenge(body.subject), keys.of(body.subject)),
    )


@router.post("/v1/passkeys", status_code=201, response_model=PasskeyAnswer)
def register_a_passkey(body: RegistrationBody, who: ConsentWriter, ports: Ports) -> Response:
    """Register what the browser gave.

    The first passkey of an invited subject enrols it; a further one is added by an act (``signer-addition``) of a
    signer in authority.
    """
    _speaks_for(ports, who, body.subject)
    passkey = ports.passkeys.register(
        body.subject, from_base64url(body.authenticatorData), from_base64url(body.clientDataJSON)
    )
    item = directory.enrol_invited(ports, passkey)
    return answer(passkey_json(passkey) | {"enrolment": None if item is None else item_json(item)}, 201)


@router.get("/v1/subjects/{subject}/passkeys", response_model=PasskeysAnswer)
def list_passkeys(subject: SubjectId, who: SubjectReader, ports: Ports) -> Response:
    """The passkeys that were registered for a subject; the subject's signers say which are in authority."""
    custodian_for(ports, who, subject)
    return answer({"passkeys": [passkey_json(one) for one in ports.passkeys.of(subject)]})


def _speaks_for(ports: Context, who: Principal, subject: bytes) -> None:
    """The caller may register passkeys for a subject that is enrolled or invited.

    Raises:
        NotFound: It may not, or there is no such subject.
    """
    invitation = ports.passkeys.invitation(subject)
    own = {Role.SUBJECT: who.id == subject, Role.INSTITUTION: invitation and invitation.custodian == who.id}
    if invitation is None or not own.get(who.role):
        custodian_for(ports, who, subject)
