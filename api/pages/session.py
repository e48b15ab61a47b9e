"""Signing in to the pages: by a link that carries a token, kept in a cookie that scripts cannot read.

Invariants: the cookie holds the token itself, so it ends when the token does, and it is checked at every page; it is
sent to this site alone (SameSite=Strict) and counts for pages only, never for the API; a page changes nothing,
but for the signed acts that ``ceremony`` takes.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from api.deps import door_of, ledger_of
from api.errors import INTERNAL, KINDS, Kind
from api.pages.rendering import page
from ledger.errors import ConsentryError, Forbidden, InvalidInput, NotReady, Unauthenticated
from ledger.identity.principal import Principal, Role, Scope

HOME_OF: Final = {Role.SUBJECT: "/me", Role.AUDITOR: "/audit", Role.INSTITUTION: "/audit"}


class PageRoute(APIRoute):
    """A route whose failures are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with our error tree turned into pages."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ConsentryError as problem:
                return failure(request, problem)
            except RequestValidationError:
                return failure(request, InvalidInput("This address is not quite right."))
            except HTTPException as problem:
                return page(request, "problem", status=problem.status_code, title="This page is not there", words="")

        return handle


def failure(request: Request, problem: ConsentryError) -> Response:
    """The page that says what went wrong."""
    kind = next((KINDS[one] for one in type(problem).__mro__ if one in KINDS), INTERNAL)
    if isinstance(problem, Unauthenticated):
        response = page(request, "signed_out", status=kind.status, expired=cookie_name(request) in request.cookies)
        response.delete_cookie(cookie_name(request))
        return response
    title = _titles(problem, kind)
    return page(request, "problem", status=kind.status, title=title, words="" if kind is INTERNAL else str(problem))


def _titles(problem: ConsentryError, kind: Kind) -> str:
    if isinstance(problem, NotReady):
        return "We cannot show this now"
    if kind.status == 404:
        return "This page is not there"
    return "This page is not for you" if isinstance(problem, Forbidden) else kind.title


def cookie_name(request: Request) -> str:
    """The cookie's name; over https browsers then hold it to this very host."""
    return "__Host-consentry" if _secure(request) else "consentry"


def _secure(request: Request) -> bool:
    return ledger_of(request).settings.url.startswith("https://")


def reader(scope: Scope) -> Callable[[Request], Principal]:
    """A dependency: who is signed in and may read such pages."""

    def signed_in(request: Request) -> Principal:
        token = request.cookies.get(cookie_name(request))
        if token is None:
            raise Unauthenticated("you are not signed in")
        who = door_of(request).checker.check(token)
        if scope not in who.scopes:
            raise Forbidden("You are signed in, but this page is for somebody else.")
        return who

    return signed_in


Patient = Annotated[Principal, Depends(reader(Scope.SUBJECT_READ))]
Auditor = Annotated[Principal, Depends(reader(Scope.AUDIT_READ))]
Exporter = Annotated[Principal, Depends(reader(Scope.EXPORT_CREATE))]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/signin")
def sign_in(request: Request, token: Annotated[str, Query(max_length=8192)]) -> Response:
    """Keep the token of a sign-in link in a cookie, and go to the caller's page.

    The answer is a page that moves on by itself, not a redirect: a strict cookie is not sent along a redirect that
    began on another site, such as a web mail.
    """
    who = door_of(request).checker.check(token)
    home = HOME_OF.get(who.role)
    if home is None:
        raise Forbidden("There are no pages for this kind of sign-in yet. Use the API.")
    response = page(request, "signed_in", who=who, home=home)
    response.headers["Refresh"] = f"0; url={home}"
    response.set_cookie(
        cookie_name(request),
        token,
        max_age=max(0, who.expires - ledger_of(request).context.clock.now()),
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/signout")
def sign_out(request: Request) -> Response:
    """Forget the cookie."""
    response = page(request, "signed_out", expired=False)
    response.delete_cookie(cookie_name(request))
    return response


@router.get("/")
def home(request: Request) -> Response:
    """To the caller's own page, or to the words on how to sign in."""
    token = request.cookies.get(cookie_name(request))
    if token is None:
        return page(request, "signed_out", expired=False)
    who = door_of(request).checker.check(token)
    return RedirectResponse(HOME_OF.get(who.role, "/signin"), 303)
