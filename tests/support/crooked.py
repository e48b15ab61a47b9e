"""A node that is not what it seems: it forwards to a real one, and is away, or lies, when a test wants."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class CrookedNode:
    """A JSON-RPC server before a real node; ``url`` is its address.

    ``away``: it answers 503. ``lie`` gets the method and the true result of each call, and gives what is answered.
    """

    def __init__(self, behind: str) -> None:
        self.away = False
        self.lie: Callable[[str, object], object] = lambda _method, result: result
        self.asked: list[str] = []
        client = httpx.Client(timeout=30)
        node = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if node.away:
                    self._answer(503, b"")
                    return
                answer = client.post(behind, content=body, headers={"content-type": "application/json"}).json()
                self._answer(200, json.dumps(node.bent(json.loads(body), answer)).encode())

            def _answer(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._client = client
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def bent(self, asked, answered):
        """The answers as this node gives them."""
        if isinstance(asked, list):
            by_id = {answer["id"]: answer for answer in answered}
            return [self.bent(one, by_id[one["id"]]) for one in asked]
        self.asked.append(asked["method"])
        return (
            answered | {"result": self.lie(asked["method"], answered["result"])} if "result" in answered else answered
        )

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._client.close()
