"""What the pages' scripts ask: options for the browser, and the signed answer taken in.

Invariants: only a page of this site can ask (the cookie is strict, and the Origin header must be ours); a script brings
back the act that it was given, and it is checked like any other; what is signed is what the page showed, since the act
is made here from the same facts; every refusal is in plain words, and says whether anything was sent.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field

from api.deps import answer, context_of
from api.errors import INTERNAL, KINDS, problem, slug_of
from api.pages.session import Patient
from api.reading import BoundedRoute
from api.schemas.base import Body, Hash, Id
from api.schemas.passkeys import creation_options, request_options
from api.schemas.signatures import ActSignature
from api.writing import is_settled
from ledger.domain.acts import ConsentAct, SignerAddition, Withdrawal, WithdrawalOfAll, dump, load
from ledger.domain.consent import ZERO_ID, Consent, ConsentState
from ledger.domain.directory import Engine, EngineState, Study, StudyState, Terms
from ledger.domain.identifiers import to_hex
from ledger.domain.offer import scope_for
from ledger.domain.outbox import ItemState
from ledger.domain.passkey import Passkey
from ledger.domain.vocabulary import ANY32, CATEGORY_TERMS
from ledger.domain.wording import mask_of
from ledger.errors import (
    BadSignature,
    ConsentryError,
    DeadlinePassed,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    Replayed,
    Unauthenticated,
)
from ledger.identity.principal import Principal, Role, Scope
from ledger.services import directory
from ledger.services.context import Context
from ledger.services.submit import submit
from ledger.transparency.encoding import from_base64url, to_base64url

HOUR: Final = 3600
Made = ConsentAct | Withdrawal | WithdrawalOfAll | SignerAddition
"""The acts that the patient's pages make."""
WORDS: Final[dict[type[ConsentryError], str]] = {
    BadSignature: "Your device's answer cannot be used. Nothing was sent. Please try again.",
    DeadlinePassed: "This took too long, and nothing was sent. Please start again.",
    Replayed: "We have this already. Look at your page to see how it stands.",
    Unauthenticated: "Your sign-in has ended, and nothing was sent. Open your sign-in link again.",
    NotReady: "We cannot do this now. Nothing is lost. Please try again in a minute.",
    Forbidden: "This page may not do that. Nothing was sent.",
    NotFound: "We do not find this any more. Nothing was sent.",
    InvalidInput: "Something is missing. Nothing was sent. Please check your answers.",
}


class PlainRoute(BoundedRoute):
    """A route for the pages' scripts: from this site alone, and refusing in plain words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the check of where the request comes from."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                _from_this_site(request)
                return await handler(request)
            except ConsentryError as trouble:
                return refusal(trouble)
            except RequestValidationError:
                return refusal(InvalidInput("the script and the service do not fit"))

        return handle


def refusal(trouble: ConsentryError) -> Response:
    """A problem document whose detail a patient can read."""
    kind = next((KINDS[one] for one in type(trouble).__mro__ if one in KINDS), INTERNAL)
    words = next(
        (WORDS[one] for one in type(trouble).__mro__ if one in WORDS),
        "Something is wrong on our side. Nothing is lost. Please try again later.",
    )
    return problem(kind.status, slug_of(type(trouble)), kind.title, words)


def _from_this_site(request: Request) -> None:
    if request.method == "POST" and request.headers.get("origin") not in context_of(request).passkeys.party.origins:
        raise Forbidden("the request comes from another site")


def _speaking(who: Patient) -> Principal:
    if who.role is not Role.SUBJECT:
        raise Forbidden("only patients sign on these pages")
    who.require(Scope.CONSENT_WRITE)
    return who


Speaker = Annotated[Principal, Depends(_speaking)]
"""The signed-in patient, whose sign-in allows more than reading."""
router = APIRouter(route_class=PlainRoute, include_in_schema=False)


class Registration(Body):
    """What ``navigator.credentials.create`` gave."""

    authenticatorData: str = Field(max_length=3000)  # noqa: N815 - WebAuthn's names
    clientDataJSON: str = Field(max_length=3000)  # noqa: N815


class Picked(Body):
    """What the patient chose on a page; ``passkey`` is a credential's id, "" where there is only one."""

    categories: list[str] = Field(default_factory=list, max_length=len(CATEGORY_TERMS))
    passkey: str = Field(default="", max_length=3000)


class Signed(Body):
    """An act as a page gave it out, unread by the script, and the passkey's answer."""

    act: str = Field(max_length=16_000)
    signature: ActSignature


@router.post("/me/passkeys/options")
def make_options(request: Request, who: Speaker) -> Response:
    """What to ask the browser for a new passkey."""
    keys = context_of(request).passkeys
    return answer(creation_options(keys.party, who.id, keys.challenge(who.id), keys.of(who.id)))


@router.post("/me/passkeys")
def register(request: Request, body: Registration, who: Speaker) -> Response:
    """Register a new passkey: it enrols an invited patient, or an older passkey is asked to add it."""
    context = context_of(request)
    if not is_enrolled(context, who.id) and context.passkeys.invitation(who.id) is None:
        raise NotFound("neither enrolled nor invited")
    made = context.passkeys.register(
        who.id, from_base64url(body.authenticatorData), from_base64url(body.clientDataJSON)
    )
    item = directory.enrol_invited(context, made)
    if item is not None:
        return answer({"digest": to_hex(item.digest)})
    older = usable(context, who.id)
    if not older:
        return answer({"waits": True})
    held = next(one for one in context.mirror.authorities(who.id) if one.signer == older[0].signer)
    act = SignerAddition(
        subject=who.id,
        id=context.entropy.token(32),
        new_signer=made.signer,
        capacity=held.capacity,
        since=held.since,
        until=held.until,
        form=ZERO_ID,
        deadline=context.clock.now() + HOUR,
        signer=older[0].signer,
    )
    return _to_sign(context, act, older[0])


@router.post("/me/give/{study}")
def give(request: Request, study: Annotated[Id, Path()], body: Picked, who: Speaker) -> Response:
    """The yes to a study, to be signed."""
    context = context_of(request)
    terms = text_for(context, study)
    held = context.mirror.study(study)
    if held is None or terms is None or held.state is not StudyState.ACTIVE:
        raise NotFound("the study does not ask")
    passkey = _chosen(context, who, body.passkey)
    now = context.clock.now()
    act = ConsentAct(
        subject=who.id,
        id=context.entropy.token(32),
        version=1,
        scope=scope_for(
            held,
            work_of(context, held),
            mask_of(body.categories, CATEGORY_TERMS, ANY32, what="categories"),
            terms.hash,
        ),
        form=ZERO_ID,
        issued_at=now,
        deadline=now + HOUR,
        signer=passkey.signer,
    )
    return _to_sign(context, act, passkey)


@router.post("/me/stop/{consent}")
def stop(request: Request, consent: Annotated[Id, Path()], body: Picked, who: Speaker) -> Response:
    """The end of a consent, to be signed."""
    context = context_of(request)
    consent_of(context, who.id, consent)
    passkey = _chosen(context, who, body.passkey)
    return _to_sign(context, Withdrawal(subject=who.id, id=consent, signer=passkey.signer), passkey)


@router.post("/me/stop-all")
def stop_all(request: Request, body: Picked, who: Speaker) -> Response:
    """The end of everything that the patient said yes or no to, to be signed."""
    context = context_of(request)
    passkey = _chosen(context, who, body.passkey)
    act = WithdrawalOfAll(
        subject=who.id,
        id=context.entropy.token(32),
        deadline=context.clock.now() + HOUR,
        signer=passkey.signer,
    )
    return _to_sign(context, act, passkey)


@router.post("/me/acts")
def send(request: Request, body: Signed, who: Speaker) -> Response:
    """Take the signed act in. The same one again changes nothing."""
    act = load(body.act.encode())
    if not isinstance(act, Made) or act.subject != who.id:
        raise Forbidden("the act is not one that the patient's pages make for this patient")
    (item,) = submit(context_of(request), [msgspec.structs.replace(act, signature=body.signature)])
    return answer({"digest": to_hex(item.digest)}, 202)


@router.get("/me/acts/{digest}")
def progress(request: Request, digest: Annotated[Hash, Path()], who: Speaker) -> Response:
    """How far an act has come: sent, sealing, sealed or failed."""
    context = context_of(request)
    item = context.outbox.item(digest)
    if item is None or getattr(item.act, "subject", None) != who.id:
        raise NotFound("no such act")
    state: Literal["sent", "sealing", "sealed", "failed"] = "sealing"
    if item.state is ItemState.REFUSED:
        state = "failed"
    elif item.state is ItemState.ACCEPTED:
        state = "sent"
    elif is_settled(context, [item]):
        state = "sealed"
    return answer({"state": state})


def is_enrolled(context: Context, subject: bytes) -> bool:
    """Whether the copy of the chain has the subject."""
    cursor = context.mirror.cursor()
    return cursor is not None and context.mirror.consents_at(subject, cursor.block.number) is not None


def usable(context: Context, subject: bytes) -> list[Passkey]:
    """The subject's passkeys that are in authority now, oldest first."""
    now = context.clock.now()
    held = {one.signer for one in context.mirror.authorities(subject) if one.active and one.since <= now < one.until}
    return [one for one in context.passkeys.of(subject) if one.signer in held]


def text_for(context: Context, study: bytes) -> Terms | None:
    """The newest text that counts for a study and can be shown; None when there is none."""
    held = context.mirror.study(study)
    facts = [fact for fact in context.mirror.current("Terms") if isinstance(fact, Terms)]
    for fact in sorted(facts, key=lambda one: -one.version):
        if held is not None and fact.version >= held.required_terms and context.texts.get(fact.hash) is not None:
            return fact
    return None


def work_of(context: Context, study: Study) -> int:
    """The mask of what the programs do that may work for a study now: the active ones of its institution."""
    work = 0
    for fact in context.mirror.current("Engine"):
        if isinstance(fact, Engine) and fact.institution == study.institution and fact.state is EngineState.ACTIVE:
            work |= fact.operations
    return work


def consent_of(context: Context, subject: bytes, id: bytes) -> Consent:
    """A consent of the subject that has not ended.

    Raises:
        NotFound: There is none.
    """
    held = context.mirror.consent(subject, id)
    if held is None or held.state is ConsentState.WITHDRAWN:
        raise NotFound("This choice is not there, or you stopped it already.")
    return held


def _chosen(context: Context, who: Principal, credential: str) -> Passkey:
    held = usable(context, who.id)
    for one in held:
        if to_base64url(one.credential) == credential or (not credential and len(held) == 1):
            return one
    raise NotFound("no such passkey in authority")


def _to_sign(context: Context, act: Made, passkey: Passkey) -> Response:
    options = request_options(context.passkeys.party, context.writer.digest(act), [passkey])
    return answer({"act": dump(act).decode(), "options": options})
