"""The pages on which a patient sets up a passkey, says yes to a study, and takes a yes back.

Invariants: these pages alone run a script, which is ours; without it they read the same, and say what to do instead;
nothing is preselected, and what is not answered is no.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response

from api.bounds import CONTENT_SECURITY_POLICY
from api.deps import context_of
from api.pages.ceremony import consent_of, is_enrolled, text_for, usable, work_of
from api.pages.rendering import page
from api.pages.session import PageRoute, Patient
from api.pages.words import consent_words
from api.schemas.base import Id
from ledger.domain.consent import Consent, ConsentState
from ledger.domain.directory import Study, StudyState
from ledger.domain.vocabulary import CATEGORY_TERMS, CONDITION_TERMS, OPERATION_TERMS, USE_TERMS, RecipientKind
from ledger.errors import Forbidden, NotFound
from ledger.identity.principal import Principal, Role
from ledger.services.context import Context
from ledger.transparency.encoding import to_base64url

WITH_SCRIPT: Final = f"{CONTENT_SECURITY_POLICY}; script-src 'self'; connect-src 'self'"
router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Key:
    """A passkey on a page. ``state`` is one of ready, waits, ended."""

    id: str
    added_at: int
    state: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A study that asks for a yes."""

    id: str
    title: str
    organisation: str


@router.get("/me/passkeys")
def passkeys(request: Request, who: Patient) -> Response:
    """The patient's passkeys, and setting one up."""
    context = _patient(request, who)
    enrolled = is_enrolled(context, who.id)
    if not enrolled and context.passkeys.invitation(who.id) is None:
        raise NotFound("You are not invited yet, or the invitation has ended. Ask your hospital for a new one.")
    return _page(request, "passkeys", who, enrolled=enrolled, keys=keys_of(context, who.id))


@router.get("/me/give/{study}")
def give(request: Request, study: Annotated[Id, Path()], who: Patient) -> Response:
    """What a study asks, and saying yes."""
    context = _patient(request, who)
    held = context.mirror.study(study)
    terms = text_for(context, study)
    work = 0 if held is None else work_of(context, held)
    if held is None or held.state is not StudyState.ACTIVE or terms is None or not work:
        raise NotFound("This study does not ask here, or its text is not kept here. Ask your hospital.")
    institution = context.mirror.institution(held.institution)
    return _page(
        request,
        "give",
        who,
        study=held,
        organisation="an unknown organisation" if institution is None else institution.name,
        what_for=[term.words for term in USE_TERMS if held.uses & term.bit],
        also=[term.words for term in CONDITION_TERMS if held.conditions & term.bit],
        how=[term.words for term in OPERATION_TERMS if work & term.bit],
        categories=CATEGORY_TERMS,
        text=context.texts.get(terms.hash) or "",
        language=terms.language,
        keys=_ready(context, who.id),
    )


@router.get("/me/stop/{consent}")
def stop(request: Request, consent: Annotated[Id, Path()], who: Patient) -> Response:
    """What a stop does, and stopping."""
    context = _patient(request, who)
    one = consent_words(context, consent_of(context, who.id, consent), context.clock.now())
    return _page(request, "stop", who, one=one, keys=_ready(context, who.id))


@router.get("/me/stop-all")
def stop_all(request: Request, who: Patient) -> Response:
    """What stopping everything does, and stopping it."""
    context = _patient(request, who)
    if not is_enrolled(context, who.id):
        raise NotFound("You are not enrolled yet. If you just were, try again in a minute.")
    return _page(request, "stop_all", who, keys=_ready(context, who.id))


def keys_of(context: Context, subject: bytes) -> list[Key]:
    """The subject's passkeys, oldest first."""
    ready = {one.credential for one in usable(context, subject)}
    known = {one.signer: one.active for one in context.mirror.authorities(subject)}
    return [
        Key(
            id=to_base64url(one.credential),
            added_at=one.added_at,
            state="ready" if one.credential in ready else "ended" if known.get(one.signer) is not None else "waits",
        )
        for one in context.passkeys.of(subject)
    ]


def asking(context: Context, consents: list[Consent]) -> list[Asking]:
    """Active studies that can be said yes to here, and have no answer of the patient yet."""
    answered = {
        one.scope.recipient
        for one in consents
        if one.scope.recipient_kind == RecipientKind.STUDY and one.state is not ConsentState.WITHDRAWN
    }
    found = []
    for fact in context.mirror.current("Study"):
        if isinstance(fact, Study) and fact.state is StudyState.ACTIVE and fact.id not in answered:
            institution = context.mirror.institution(fact.institution)
            if institution is not None and work_of(context, fact) and text_for(context, fact.id) is not None:
                found.append(Asking("0x" + fact.id.hex(), fact.title, institution.name))
    return sorted(found, key=lambda one: one.title)


def _ready(context: Context, subject: bytes) -> list[Key]:
    return [one for one in keys_of(context, subject) if one.state == "ready"]


def _patient(request: Request, who: Principal) -> Context:
    if who.role is not Role.SUBJECT:
        raise Forbidden("You are signed in, but this page is for patients.")
    return context_of(request)


def _page(request: Request, template: str, who: Principal, **values: Any) -> Response:
    response = page(request, template, who=who, **values)
    response.headers["Content-Security-Policy"] = WITH_SCRIPT
    return response
