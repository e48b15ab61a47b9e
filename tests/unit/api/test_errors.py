"""Every error of the tree has its problem; nothing of the inside gets out."""

import json

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import errors as edge
from api.bounds import BoundedBody, Envelope, Rates
from api.errors import KINDS, RateExceeded, pointer, problem_of, slug_of
from ledger import errors
from ledger.errors import ConsentryError

STATUS = {
    "InvalidInput": 400,
    "UnknownCode": 400,
    "BadSignature": 400,
    "DeadlinePassed": 400,
    "TooLarge": 413,
    "NotFound": 404,
    "Conflict": 409,
    "Replayed": 409,
    "WrongState": 409,
    "Forbidden": 403,
    "ConsentDenied": 403,
    "Unauthenticated": 401,
    "NotReady": 503,
    "MirrorLagging": 503,
    "ReorgTooDeep": 503,
    "NodesDisagree": 503,
    "LedgerUnreachable": 503,
    "ProofInvalid": 500,
    "MirrorDiverged": 500,
    "CannotCheck": 500,
    "ConfigurationError": 500,
}
TREE = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ConsentryError) and kind is not ConsentryError
}


def test_the_table_covers_the_tree():
    assert set(STATUS) == set(TREE)
    assert set(KINDS) == {TREE[name] for name, status in STATUS.items() if status != 500}


@pytest.mark.parametrize("name", STATUS)
def test_each_error_is_a_problem_document(name):
    answer = problem_of(TREE[name]("what happened; what to do"), "/v1/x")
    document = json.loads(answer.body)
    assert answer.status_code == document["status"] == STATUS[name]
    assert answer.media_type == "application/problem+json"
    assert document["instance"] == "/v1/x"
    if STATUS[name] == 500:
        assert document["type"] == "/problems/internal"
        assert "what happened" not in answer.body.decode()
    else:
        assert document["type"] == f"/problems/{slug_of(TREE[name])}"
        assert document["detail"] == "what happened; what to do"
    assert ("Retry-After" in answer.headers) is (STATUS[name] == 503)
    assert ("WWW-Authenticate" in answer.headers) is (STATUS[name] == 401)


def test_the_bad_item_of_several_is_named():
    error = errors.BadSignature("no")
    error.index = 0
    assert json.loads(problem_of(error).body)["index"] == 0


def test_places_are_json_pointers():
    assert pointer(["acts", 0, "a/b~c"]) == "/acts/0/a~1b~0c"


def application(handler, most=100):
    app = FastAPI()
    edge.install(app)
    app.post("/x")(handler)
    return TestClient(Envelope(BoundedBody(app, most)), raise_server_exceptions=False)


def test_a_failure_outside_the_tree_says_nothing_of_the_inside():
    def broken():
        raise ZeroDivisionError("secret path and token")

    answer = application(broken).post("/x")
    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "secret" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_caller_who_asks_too_often_is_told_when_to_come_back():
    def busy():
        raise RateExceeded(7)

    answer = application(busy).post("/x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["type"] == "/problems/too-many-requests"


def test_a_body_is_bounded_by_its_header_and_while_it_streams():
    seen = []

    def take(body: dict[str, str]):
        seen.append(body)

    client = application(take, most=100)
    assert client.post("/x", json={"a": "b"}).status_code == 200
    assert client.post("/x", json={"a": "b" * 200}).status_code == 413

    def parts():
        yield b'{"a": "'
        for _ in range(50):
            yield b"b" * 10
        yield b'"}'

    answer = client.post("/x", content=parts(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"
    for length in ("-1", "x", "1e9", "99999999999999999999"):
        assert client.post("/x", content=b"{}", headers={"Content-Length": length}).status_code == 413
    assert seen == [{"a": "b"}]


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("", False), ("x" * 129, False), ("a b", False)])
def test_a_request_id_is_echoed_only_if_it_is_harmless(given, kept):
    answer = application(lambda: None).post("/x", headers={"X-Request-ID": given})
    assert (answer.headers["X-Request-ID"] == given) is kept
    assert len(answer.headers["X-Request-ID"]) > 0


def test_the_access_log_leaves_out_what_is_secret(caplog):
    with caplog.at_level("INFO", logger="consentry.access"):
        application(lambda: None).post("/x?token=SECRET", headers={"Authorization": "Bearer SECRET"})
    assert "POST /x 200" in caplog.text
    assert "SECRET" not in caplog.text


def test_a_caller_may_ask_as_often_as_said_and_then_waits():
    rates = Rates(60)
    for _ in range(60):
        rates.count("ann", 0)
    with pytest.raises(RateExceeded):
        rates.count("ann", 0)
    rates.count("bob", 0)
    rates.count("ann", 1)
    with pytest.raises(RateExceeded) as refused:
        rates.count("ann", 1.5)
    assert refused.value.seconds == 1


def test_callers_who_are_silent_longest_are_forgotten_first():
    rates = Rates(1, most_callers=2)
    for caller in ("a", "b", "c"):
        rates.count(caller, 0)
    rates.count("a", 0)
    with pytest.raises(RateExceeded):
        rates.count("c", 0)


def test_no_bound_means_no_bound():
    rates = Rates(0)
    for _ in range(1000):
        rates.count("ann", 0)
