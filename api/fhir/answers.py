"""How the FHIR routes speak: their media type, the release that a caller asks for, and failures as OperationOutcomes.

Source: https://hl7.org/fhir/R4/http.html
"""

import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from api.errors import RateExceeded, problem_of
from ledger.errors import ConsentryError, InvalidInput
from ledger.fhir.outcome import Issue, Kind, Severity, outcome_of
from ledger.fhir.write import Release

MEDIA_TYPE: Final = "application/fhir+json"
_encode: Final = msgspec.json.Encoder().encode
# http://hl7.org/fhir/issue-type
_KINDS: Final[Mapping[int, str]] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    406: "not-supported",
    409: "conflict",
    413: "too-long",
    415: "not-supported",
    429: "throttled",
    503: "transient",
}


class FhirResponse(Response):
    """An answer in FHIR's media type."""

    media_type = MEDIA_TYPE


def fhir(resource: Mapping[str, Any], status: int = 200, release: Release = Release.R4, **headers: str) -> Response:
    """A resource as an answer."""
    return Response(
        _encode(resource), status, media_type=f"{MEDIA_TYPE}; fhirVersion={release.value}", headers=headers or None
    )


def failure(status: int, words: str, headers: Mapping[str, str] | None = None) -> Response:
    """An OperationOutcome of one error."""
    issue = {"severity": "error", "code": _KINDS.get(status, "exception"), "details": {"text": words}}
    document = {"resourceType": "OperationOutcome", "issue": [issue]}
    return Response(_encode(document), status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def release_of(request: Request) -> Release:
    """The release that the Accept header asks for; R4 where it asks for none.

    Raises:
        InvalidInput: It asks for one that is not written here.
    """
    for part in request.headers.get("accept", "").split(","):
        for parameter in part.split(";")[1:]:
            name, _, value = parameter.strip().partition("=")
            if name.lower() == "fhirversion":
                version = value.strip('"')
                if version not in set(Release):
                    known = ", ".join(Release)
                    raise InvalidInput(f"FHIR {version} is not written here; ask for fhirVersion {known}")
                return Release(version)
    return Release.R4


class FhirRoute(APIRoute):
    """A route whose failures are OperationOutcomes."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with failures put into FHIR's words."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ConsentryError as error:
                problem = problem_of(error, request.url.path)
                words = json.loads(bytes(problem.body))["detail"]
                kept = {
                    name: value
                    for name, value in problem.headers.items()
                    if name in {"www-authenticate", "retry-after"}
                }
                return failure(problem.status_code, words, kept)
            except RateExceeded as error:
                return failure(429, str(error), {"Retry-After": str(error.seconds)})
            except RequestValidationError as error:
                faults = [f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in error.errors()[:3]]
                return failure(400, "; ".join(faults))

        return handle


def refusal(issues: tuple[Issue, ...]) -> Response:
    """A resource that was refused."""
    return Response(_encode(outcome_of(issues)), 422, media_type=MEDIA_TYPE)


def refusal_at(expression: str, words: str) -> Response:
    """A resource that was refused for one thing."""
    return refusal((Issue(Severity.ERROR, Kind.BUSINESS_RULE, expression, words),))
