"""Requests to a node over HTTP, to a server of the test's own (``ledger.chain.http``)."""

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ledger.chain.http import Post
from ledger.chain.websocket import ExchangeFailed

PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


class Node(ThreadingHTTPServer):
    """Says back what it is told; keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/path?key=1"
        self.status, self.packed, self.closes = 200, False, False
        self.silent = threading.Event()
        self.asked: list[tuple[str, dict[str, str], int]] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.silent.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Node

    def do_POST(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, self.client_address[1]))
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.startswith("/silent"):
            self.server.silent.wait()
            return
        if self.server.packed:
            body = gzip.compress(body)
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        if self.server.packed:
            self.send_header("content-encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.server.closes

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def node(monkeypatch) -> Iterator[Node]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    node = Node()
    yield node
    node.stop()


@pytest.fixture
def way(node) -> Iterator[Post]:
    way = Post(node.url, 60)
    yield way
    way.close()


def test_a_request_is_answered_over_one_connection_that_is_kept(node, way):
    assert [way.post(b"one"), way.post(b"two")] == [b"one", b"two"]
    (path, headers, port), (_, _, second) = node.asked
    assert path == "/path?key=1"
    assert headers["content-type"] == "application/json"
    assert port == second


def test_a_connection_that_the_node_closed_meanwhile_is_made_anew(node, way):
    node.closes = True
    for number in range(20):
        content = str(number).encode()
        for _ in range(3):  # the end of a connection may be seen only once it is used
            try:
                answer = way.post(content)
            except ExchangeFailed:
                continue
            break
        assert answer == content


def test_a_packed_answer_is_unpacked(node, way):
    node.packed = True
    assert way.post(b"x" * 10_000) == b"x" * 10_000
    assert "gzip" in node.asked[0][1]["accept-encoding"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_node_that_is_overloaded_has_not_answered(node, way, status):
    node.status = status
    with pytest.raises(ExchangeFailed, match=str(status)):
        way.post(b"x")


@pytest.mark.parametrize("status", [200, 302, 400])
def test_what_else_a_node_says_is_its_answer(node, way, status):
    node.status = status
    assert way.post(b"x") == b"x"


def test_an_answer_that_does_not_come_is_not_waited_for(node):
    way = Post(node.url.replace("/path", "/silent"), 0.05)
    with pytest.raises(ExchangeFailed, match="Timeout"):
        way.post(b"x")
    way.close()


def test_nobody_there_and_an_address_that_is_none():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        for address in (url, "http://", "nowhere", "http://[::1", "http://x:y"):
            way = Post(address, 60)
            with pytest.raises(ExchangeFailed):
                way.post(b"x")
            way.close()


def test_a_name_and_password_of_the_address_are_said(node):
    way = Post(node.url.replace("//", "//me:p%40ss@"), 60)
    assert way.post(b"x") == b"x"
    assert node.asked[0][1]["authorization"] == "Basic bWU6cEBzcw=="
    way.close()


def test_a_proxy_of_the_environment_is_used_where_it_is_not_excepted(node, monkeypatch):
    monkeypatch.setenv("http_proxy", node.url)
    way = Post("http://elsewhere.invalid/", 60)
    assert way.post(b"x") == b"x"
    assert node.asked[0][0] == "http://elsewhere.invalid/"
    way.close()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    way = Post(node.url, 60)
    way.post(b"x")
    assert node.asked[1][0] == "/path?key=1"
    way.close()
