"""The OpenAPI document: FastAPI's, with our problem documents in place of its validation errors.

It is committed as ``api/openapi.json``, and a test holds the two equal, so that a change of the API is seen in review.
"""

import json
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

DESCRIPTION: Final = """A consent and audit ledger for medical research.

Times are whole seconds UTC, ids are `0x` and 64 lower-case hex digits, a null end means no end. Every failure is an
RFC 9457 problem document; a 503 is no answer, and callers must treat it as deny. Writes answer 202 with the acts that
were accepted, which are durable from then on; with `Prefer: wait=N` they answer 200 once all are sealed or refused.
"""
_PROBLEM: Final = {
    "description": "A problem document (RFC 9457)",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


_OUTCOME: Final = {
    "description": "An OperationOutcome (FHIR)",
    "content": {"application/fhir+json": {"schema": {"type": "object"}}},
}


def document_of(app: FastAPI) -> dict[str, Any]:
    """The document of an application; made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, summary=app.summary
        )
        schemas = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for path, operations in document["paths"].items():
            failed = _OUTCOME if path.startswith("/fhir/") else _PROBLEM
            for operation in operations.values():
                if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                    operation["responses"].pop("422")  # FastAPI's own validation errors, which are answered as 400
                operation["responses"]["default"] = failed
                if operation.get("requestBody"):
                    operation["responses"]["400"] = failed
        app.openapi_schema = document
    return app.openapi_schema


def text_of(app: FastAPI) -> str:
    """The document as it is committed."""
    return json.dumps(document_of(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
