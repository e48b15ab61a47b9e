"""``/docs``: the API's reference, written from its OpenAPI document; no script, nothing from outside."""

import json
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from api.errors import KINDS, slug_of
from api.openapi import DESCRIPTION
from api.pages.rendering import page

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Operation:
    """One address and method."""

    tag: str
    method: str
    path: str
    summary: str
    more: str
    scopes: str
    parameters: tuple[tuple[str, str, bool, str], ...]
    body: str
    answer: str


@router.get("/docs")
def reference(request: Request) -> Response:
    """Every address of the API, with what it takes and answers."""
    document: dict[str, Any] = request.app.openapi()
    operations = _operations(json.dumps(document))
    groups = [(tag, list(members)) for tag, members in groupby(operations, key=lambda one: one.tag)]
    paragraphs = [part.replace("\n", " ").replace("`", "") for part in DESCRIPTION.strip().split("\n\n")]
    return page(request, "reference", groups=groups, paragraphs=paragraphs)


@router.get("/problems/{slug}")
def explain(request: Request, slug: str) -> Response:
    """What a type of problem means: its type in a problem document leads here."""
    for kind, told in KINDS.items():
        if slug_of(kind) == slug:
            words = f"{kind.__doc__} The answer has the status {told.status}."
            return page(request, "problem", title=told.title, words=words)
    raise HTTPException(404, "there is no such type of problem")


@cache
def _operations(text: str) -> tuple[Operation, ...]:
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            summary, _, more = operation["description"].partition("\n\n")
            scopes = [scope for requirement in operation.get("security", []) for scope in requirement.get("bearer", [])]
            needs = f"token with {' or '.join(scopes)}" if scopes else "any token"
            answers = operation["responses"]
            good = answers[min(code for code in answers if code.startswith("2"))]
            found.append(
                Operation(
                    tag=operation["tags"][0],
                    method=method.upper(),
                    path=path,
                    summary=summary.replace("\n", " ").replace("`", ""),
                    more=more.replace("`", ""),
                    scopes=needs if operation.get("security") else "open to all",
                    parameters=tuple(
                        (one["name"], one["in"], one.get("required", False), one.get("description", ""))
                        for one in operation.get("parameters", [])
                    ),
                    body=_shape(operation.get("requestBody", {}).get("content", {}), schemas),
                    answer=_shape(good.get("content", {}), schemas),
                )
            )
    order = {tag: place for place, tag in enumerate(dict.fromkeys(one.tag for one in found))}
    return tuple(sorted(found, key=lambda one: order[one.tag]))


def _shape(content: dict[str, Any], schemas: dict[str, Any]) -> str:
    schema = content.get("application/json", {}).get("schema")
    return "" if not schema else _sketch(schema, schemas, 0)


def _sketch(schema: dict[str, Any], schemas: dict[str, Any], depth: int) -> str:  # noqa: PLR0911 - one a kind
    """A schema as people write shapes down."""
    if "$ref" in schema:
        return _sketch(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas, depth)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return " | ".join(dict.fromkeys(_sketch(one, schemas, depth) for one in schema[word]))
    if schema.get("type") == "array":
        return f"[{_sketch(schema.get('items', {}), schemas, depth)}, …]"
    if schema.get("properties"):
        needed = set(schema.get("required", []))
        pad = "  " * (depth + 1)
        lines = [
            f"{pad}{name}{'' if name in needed else '?'}: {_sketch(one, schemas, depth + 1)}"
            for name, one in schema["properties"].items()
        ]
        return "{\n" + "\n".join(lines) + "\n" + "  " * depth + "}"
    return str(schema.get("type", "any value"))
