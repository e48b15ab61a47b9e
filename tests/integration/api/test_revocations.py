"""The feed over HTTP: pages, a stream that goes on where it was, and webhooks to a receiver of our own."""

import base64
import http.server
import json
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.transparency.encoding import from_base64url
from tests.fixtures_store import running_postgresql
from tests.support.service import WAIT, Service, build_world, fresh_id

PATIENCE = 60


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(tmp_path_factory, request):
    """A service that may send webhooks to this machine, on each database."""
    with ExitStack() as stack:
        url = "" if request.param == "sqlite" else stack.enter_context(running_postgresql()).get_uri()
        service = Service(tmp_path_factory.mktemp("feed"), webhook_hosts="127.0.0.1", database_url=url)
        stack.callback(service.close)
        yield build_world(service)


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(condition())


def withdrawn(world):
    """A subject who consents and withdraws: its id and the consent's."""
    ((subject, wallet),) = world.enrol(1)
    consent = world.consent(subject, wallet)
    world.service.post("/v1/consents", {"acts": [consent]}, "subject", subject, 200, **WAIT)
    act = world.withdrawal(subject, consent["id"], wallet)
    world.service.post("/v1/withdrawals", {"acts": [act]}, "subject", subject, 200, **WAIT)
    return subject, consent["id"]


def feed(world, role="engine", who=None, after=0):
    return world.service.get("/v1/revocations", role, who or world.engine, after=after)


def lines_of(world, subject, **who):
    return [one for one in feed(world, **who)["revocations"] if one["subject"] == subject]


@contextmanager
def stream(world, **headers):
    asked = world.service.as_("engine", world.engine) | {"Accept": "text/event-stream"} | headers
    with world.service.http.stream("GET", "/v1/revocations", headers=asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def events(lines):
    event = {}
    for line in lines:
        if line.startswith("data: "):
            event["data"] = json.loads(line[6:])
        elif line.startswith("id: "):
            event["id"] = line[4:]
        elif not line and "data" in event:
            yield event
            event = {}


def test_pages_tell_of_acceptance_and_of_the_chain(world):
    subject, consent = withdrawn(world)
    lines = until(lambda: len(found := lines_of(world, subject)) == 2 and found)
    assert [one["stage"] for one in lines] == ["accepted", "confirmed"]
    assert {(one["act"], one["consent"]) for one in lines} == {("withdrawal", consent)}
    assert lines[0]["digest"] is not None
    assert lines[1]["block"] > 0
    assert lines_of(world, subject, role="institution", who=world.institution) == lines
    assert lines_of(world, subject, role="institution", who=fresh_id()) == []
    assert lines_of(world, subject, who=fresh_id()) == []
    world.service.get("/v1/revocations", "subject", subject, 403)


def test_a_stream_sends_lines_as_they_come_and_goes_on_where_it_was(world):
    before = feed(world)["next"]
    with stream(world, **{"Last-Event-ID": str(before)}) as coming:
        subject, _ = withdrawn(world)
        first, second = next(coming), next(coming)
    assert [one["data"]["stage"] for one in (first, second)] == ["accepted", "confirmed"]
    assert {one["data"]["subject"] for one in (first, second)} == {subject}
    with stream(world, **{"Last-Event-ID": first["id"]}) as again:
        assert next(again) == second


def test_a_place_that_is_none_is_refused(world):
    asked = world.service.as_("engine", world.engine) | {"Accept": "text/event-stream", "Last-Event-ID": "soon"}
    assert world.service.http.get("/v1/revocations", headers=asked).status_code == 400


class Receiver(http.server.ThreadingHTTPServer):
    """Takes webhooks, and refuses the first ``refusals``."""

    def __init__(self, refusals=0):
        self.taken, self.refused, self.refusals = [], [], refusals
        super().__init__(("127.0.0.1", 0), _Taking)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Taking(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = (dict(self.headers), body)
        if len(self.server.refused) < self.server.refusals:
            self.server.refused.append(message)
            self.send_response(500)
        else:
            self.server.taken.append(message)
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = Receiver(refusals=1)
    yield server
    server.shutdown()
    server.server_close()


def checked(world, message):
    """The payload of a webhook whose signature holds with a published key."""
    headers, body = message
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    (key, *_) = [one for one in world.service.http.get("/.well-known/jwks.json").json()["keys"] if "exp" not in one]
    Ed25519PublicKey.from_public_bytes(from_base64url(key["x"])).verify(base64.b64decode(signature), signed)
    return json.loads(body)


def test_a_webhook_is_tried_again_until_it_is_taken_and_is_signed(world, receiver):
    made = world.service.post("/v1/webhooks", {"url": receiver.url}, "engine", world.engine, 201).json()
    subject, consent = withdrawn(world)
    until(lambda: receiver.refused)
    until(lambda: world.service.get("/v1/webhooks", "engine", world.engine)["webhooks"][0]["failures"] == 1)
    # a replay tries at once, instead of after the pause
    world.service.post(f"/v1/webhooks/{made['id']}/replay", {"after": made["after"]}, "engine", world.engine, 200)
    until(lambda: len(receiver.taken) >= 2)
    first, second = (checked(world, message) for message in receiver.taken[:2])
    assert (first["type"], first["data"]["subject"], first["data"]["consent"]) == (
        "consent.revocation",
        subject,
        consent,
    )
    assert [one["data"]["stage"] for one in (first, second)] == ["accepted", "confirmed"]
    assert receiver.refused[0][0]["webhook-id"] == receiver.taken[0][0]["webhook-id"]
    world.service.http.delete(f"/v1/webhooks/{made['id']}", headers=world.service.as_("engine", world.engine))
    assert world.service.get("/v1/webhooks", "engine", world.engine)["webhooks"] == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://localhost@10.0.0.1/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "ftp://example.org/",
        "https:///nowhere",
        "https://example.org:99999/",
    ],
)
def test_addresses_that_lead_inside_are_refused(world, url):
    world.service.post("/v1/webhooks", {"url": url}, "engine", world.engine, 400)


def test_a_webhook_is_its_owners_alone(world):
    body = {"url": "https://example.org/hook"}
    made = world.service.post("/v1/webhooks", body, "institution", world.institution, 201).json()
    again = world.service.post("/v1/webhooks", body, "institution", world.institution, 201).json()
    assert again == made, "asked for twice, sent once"
    for role, who in (("engine", world.engine), ("institution", fresh_id())):
        assert made["id"] not in str(world.service.get("/v1/webhooks", role, who))
        world.service.post(f"/v1/webhooks/{made['id']}/replay", {"after": 0}, role, who, 404)
    world.service.http.delete(f"/v1/webhooks/{made['id']}", headers=world.service.as_("institution", world.institution))
