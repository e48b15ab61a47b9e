"""The API is described, and what is committed is what is served."""

from pathlib import Path

import pytest

from api.app import assemble
from api.openapi import document_of, text_of

COMMITTED = Path(__file__).parents[3] / "api" / "openapi.json"
DOCUMENT = document_of(assemble())
OPERATIONS = [
    (method, path, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]
PUBLIC = {
    *("/healthz", "/readyz", "/v1/domain", "/v1/state-digest", "/issuer/jwks.json"),
    *("/.well-known/jwks.json", "/.well-known/authzen-configuration"),
    "/fhir/metadata",
}


def test_the_committed_document_is_the_one_that_is_served():
    assert COMMITTED.read_text("utf-8") == text_of(assemble()), (
        "the API has changed: read the change, then write it with python -m api"
    )


@pytest.mark.parametrize(
    ("method", "path", "operation"), OPERATIONS, ids=lambda part: part if type(part) is str else ""
)
def test_every_address_is_described_guarded_and_fails_with_a_problem(method, path, operation):
    assert operation["description"].endswith(".")
    assert bool(operation.get("security")) is (path not in PUBLIC)
    failure = "application/fhir+json" if path.startswith("/fhir/") else "application/problem+json"
    assert set(operation["responses"]["default"]["content"]) == {failure}
    assert set(operation["responses"].get("422", {"content": ()})["content"]) <= {"application/fhir+json"}


def test_only_reading_the_directory_and_acts_and_typed_data_needs_no_scope():
    open_to_any = {path for _, path, one in OPERATIONS if one.get("security") == [{"bearer": []}]}
    writes = {path for method, path, one in OPERATIONS if method == "post" and one.get("security") == [{"bearer": []}]}
    assert writes == {"/v1/typed-data"}
    assert open_to_any - writes == {
        "/v1/institutions",
        "/v1/reviewers",
        "/v1/terms",
        "/v1/studies",
        "/v1/studies/{study}",
        "/v1/engines",
        "/v1/datasets",
        "/v1/datasets/{dataset}",
        "/v1/acts/{digest}",
        "/v1/entry-schemas/{kind}",
    }
