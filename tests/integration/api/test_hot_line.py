"""The hot door at the connection: over a socket, byte by byte or many at once, every request has its own answer."""

import json
import socket
import threading
import time

import pytest
import uvicorn

from api.app import create_app
from api.bounds import Rates
from api.worker import protocol
from tests.support.service import fresh_id

WAIT = 60


class Line:
    """A connection to a service, kept open."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT)
        self.file = self.socket.makefile("rb")

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part)

    def receive(self):
        """The next answer: its status, headers and document."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().rstrip("\r\n").partition(": ")
            headers[name.lower()] = value
        return status, headers, json.loads(self.file.read(int(headers["content-length"])))

    def ended(self):
        return self.file.read(1) == b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


class Asking:
    """Writes requests of one engine."""

    def __init__(self, world, subject):
        self.token = world.service.token("engine", world.engine)
        self.body = world.question(subjects=[subject], record=False)

    def __call__(self, *, version="1.1", path="/v1/decisions", headers=(), **changes):
        body = json.dumps(self.body | changes).encode()
        lines = [
            f"POST {path} HTTP/{version}",
            "Host: here",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Authorization: Bearer {self.token}",
            *headers,
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body


@pytest.fixture
def handed_on(service):
    """How many requests another route than a hot one answered."""
    door = service.server.config.loaded_app
    counted = []
    inner = door._app

    async def count(scope, *call):
        counted.append(scope["path"])
        await inner(scope, *call)

    door._app = count
    yield counted
    door._app = inner


@pytest.fixture
def ask(world, ann, handed_on):
    asking = Asking(world, ann[0])
    with Line(world.service.settings.port) as line:  # the first time a token is seen, another route checks it
        line.send(asking())
        assert line.receive()[0] == 200
    handed_on.clear()
    return asking


@pytest.fixture
def line(service):
    with Line(service.settings.port) as open_line:
        yield open_line


def until(condition):
    """Wait for something that another thread does."""
    latest = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < latest
        time.sleep(0.01)


def test_requests_on_one_connection_are_answered_in_order(ask, line, ann, handed_on):
    stranger = fresh_id()
    line.send(ask() + ask(subjects=[stranger]) + ask(finalized=True) + ask())  # the third is for another route
    answers = [line.receive() for _ in range(4)]
    assert [status for status, _, _ in answers] == [200] * 4
    assert [one["decisions"][0]["subject"] for _, _, one in answers] == [ann[0], stranger, ann[0], ann[0]]
    assert [one["permitted"] for _, _, one in answers] == [1, 0, 1, 1]
    assert "/v1/decisions" in handed_on


def test_a_request_may_come_byte_by_byte(ask, line, handed_on):
    asked = ask(headers=["X-Request-ID: slow-1"])
    line.send(*(asked[place : place + 1] for place in range(len(asked))))
    status, headers, document = line.receive()
    assert (status, headers["x-request-id"], document["permitted"]) == (200, "slow-1", 1)
    assert not handed_on


def test_both_ways_give_the_same_headers(ask, line, handed_on):
    line.send(ask())
    _, hot, _ = line.receive()
    assert not handed_on
    line.send(ask(finalized=False, headers=["Idempotency-Key: k"]))
    _, cold, _ = line.receive()
    assert handed_on
    changing = {"date", "content-length", "x-request-id"}
    assert hot.keys() == cold.keys()
    assert {hot[name] == cold[name] for name in hot.keys() - changing} == {True}
    assert hot["x-request-id"] != cold["x-request-id"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"subjects": []}, 400), ({"subjects": ["x"]}, 400), ({"at_least_block": 1 << 40}, 503), ({"as_of": {}}, 400)],
)
def test_what_is_refused_is_refused_here_too_and_the_line_stays(ask, line, changes, status):
    line.send(ask(**changes))
    given, headers, document = line.receive()
    assert (given, document["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    line.send(ask())
    assert line.receive()[0] == 200


def test_a_record_goes_past_the_line_and_comes_back_in_order(ask, line, service):
    before = service.rows()["decision"]
    line.send(ask(record=True) + ask())
    assert "receipt" in line.receive()[2]
    assert "receipt" not in line.receive()[2]
    assert service.rows()["decision"] == before + 1


@pytest.mark.parametrize("how", [{"version": "1.0"}, {"headers": ["Connection: close"]}])
def test_a_connection_that_is_to_end_ends(ask, line, how):
    line.send(ask(**how))
    assert line.receive()[2]["permitted"] == 1
    assert line.ended()


def test_expecting_to_be_asked_for_the_body_works(ask, line):
    head, _, body = ask(headers=["Expect: 100-continue"]).partition(b"\r\n\r\n")
    line.send(head + b"\r\n\r\n")
    assert line.file.readline().startswith(b"HTTP/1.1 100")
    assert line.file.readline() == b"\r\n"
    line.send(body)
    assert line.receive()[2]["permitted"] == 1


def test_too_many_requests_are_refused_at_the_line(ask, line, service, monkeypatch):
    monkeypatch.setattr(service.server.config.loaded_app, "_rates", Rates(1))
    line.send(ask() + ask())
    assert [line.receive()[0] for _ in range(2)] == [200, 429]


def test_a_chunked_body_is_read_by_another_route(ask, line):
    head, _, body = ask().partition(b"\r\n\r\n")
    kept = b"\r\n".join(one for one in head.split(b"\r\n") if not one.startswith(b"Content-Length"))
    line.send(kept + b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert line.receive()[2]["permitted"] == 1


def test_what_was_begun_when_the_server_stops_is_answered(service, ask):
    app = create_app(service.ledger)
    app._checker._known.update(service.server.config.loaded_app._checker._known)
    config = uvicorn.Config(
        app, http=protocol(), log_config=None, access_log=False, proxy_headers=False, lifespan="off"
    )
    listening = uvicorn.Config("none:none", host="127.0.0.1", port=0).bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        until(lambda: server.started)
        with Line(listening.getsockname()[1]) as line:
            asked = ask()
            line.send(asked)
            assert line.receive()[0] == 200
            line.send(asked[:-1])  # its head is whole, its body is not
            until(lambda: any(one._asked for one in list(server.server_state.connections)))
            server.should_exit = True
            until(lambda: any(one._stopping for one in list(server.server_state.connections)))
            line.send(asked[-1:])
            assert line.receive()[2]["permitted"] == 1
            assert line.ended()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def test_a_head_seen_before_says_the_same_and_no_more(ask, line, ann, handed_on, service):
    stranger = fresh_id()
    for _ in range(3):
        for subject, permitted in ((ann[0], 1), (stranger, 0)):
            line.send(ask(subjects=[subject]))
            assert line.receive()[2]["permitted"] == permitted
    asked = ask()
    line.send(asked[:-10])  # the same head, but less than all of its body
    line.send(asked[-10:] + ask(subjects=[stranger]))
    assert [line.receive()[2]["permitted"] for _ in range(2)] == [1, 0]
    line.send(asked + ask(subjects=[stranger])[:90])  # and more than it
    line.send(ask(subjects=[stranger])[90:])
    assert [line.receive()[2]["permitted"] for _ in range(2)] == [1, 0]
    line.send(asked[:-1] + b"!")
    assert line.receive()[0] == 400
    assert handed_on == ["/v1/decisions"]  # that last one


def test_a_token_that_ends_ends_for_a_head_seen_before(ask, line, service, handed_on):
    for _ in range(3):
        line.send(ask())
        assert line.receive()[0] == 200
    assert not handed_on
    service.server.config.loaded_app._checker._known.clear()
    line.send(ask())
    assert line.receive()[0] == 200
    assert handed_on == ["/v1/decisions"]  # its token is checked anew


def test_a_line_that_is_silent_ends_however_much_was_answered_before(ask, service):
    protocols = service.server.server_state.connections
    with Line(service.settings.port) as line:
        for _ in range(3):
            line.send(ask())
            assert line.receive()[0] == 200
        (mine,) = (one for one in list(protocols) if one.client == line.socket.getsockname())
        assert mine._heads
        mine._answered = mine.loop.time() + 1_000
        mine.loop.call_soon_threadsafe(mine.timeout_keep_alive_handler)  # the timer rings, but not for long
        line.send(ask())
        assert line.receive()[0] == 200
        mine._answered = 0.0
        mine.loop.call_soon_threadsafe(mine.timeout_keep_alive_handler)
        assert line.ended()
