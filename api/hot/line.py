"""The hot door at the connection itself: what can be answered at once is, without a task, a scope or a message.

Invariants: only requests of HTTP/1.1 without anything that ASGI is needed for come here, one after the other; whatever
is not answered at once goes on as if nobody had looked at it; a server that is told to stop answers what it began.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import time
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from api.bounds import log_request
from api.heads import BoundedHeads
from api.hot.door import HEADERS, Asked, HotDoor, Reply

_SAFE: Final = b"".join(b"%b: %b\r\n" % header for header in HEADERS)
_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + _SAFE


class HotLine(BoundedHeads):
    """A connection. Its application says by ``door`` whether there is a hot door in front of it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door: HotDoor | None = getattr(self.app, "door", None)
        self._asked: Asked | None = None
        self._read = b""
        self._started = 0.0
        self._stopping = False

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        if self._door is not None and self._is_plain():
            self._asked = self._door.asked(self.url.decode("latin-1"), self.headers)
            if self._asked is not None:
                self._ends_head()
                self._read = b""
                self._started = time.monotonic()
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body came."""
        if self._asked is None:
            super().on_body(body)
        else:
            self._read = self._read + body if self._read else body

    def on_message_complete(self) -> None:
        """The request is whole."""
        asked, self._asked = self._asked, None
        if asked is None:
            super().on_message_complete()
            return
        assert self._door is not None
        work = self._door.read(asked, self._read)
        if work is None or not work.quick:
            super().on_headers_complete()
            if self._stopping:
                self.cycle.keep_alive = False
            if self._read:
                super().on_body(self._read)
            super().on_message_complete()
            return
        reply = self._door.answer(asked, work)
        self.transport.write(self._written(reply, asked.request_id))
        status = 200 if reply.failure is None else reply.failure.status_code
        log_request("POST", asked.path, status, self._started, asked.request_id.decode("latin-1"))
        if self._stopping:
            self.transport.close()
        self.on_response_complete()

    def shutdown(self) -> None:
        """The server stops."""
        if self._asked is not None:
            self._stopping = True
        else:
            super().shutdown()

    def _is_plain(self) -> bool:
        """Whether nothing but its body is to be known of a request that is next in line."""
        busy = self.cycle is not None and not self.cycle.response_complete
        most = self.limit_concurrency
        return not (
            busy
            or self.flow.write_paused
            or self.root_path
            or self.expect_100_continue
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or self.parser.should_upgrade()
            or (most is not None and max(len(self.connections), len(self.tasks)) >= most)
        )

    def _written(self, reply: Reply, request_id: bytes) -> bytes:
        """The bytes of an answer; with the headers of ours that the server itself puts before them."""
        if reply.failure is None:
            body = reply.body
            head = b"%bcontent-length: %d\r\n" % (_OK, len(body))
        else:
            body = bytes(reply.failure.body)
            named = b"".join(b"%b: %b\r\n" % header for header in reply.failure.raw_headers)
            head = b"%b%b%b" % (STATUS_LINE[reply.failure.status_code], _SAFE, named)
        dated = b"".join(b"%b: %b\r\n" % header for header in self.server_state.default_headers)
        return b"%b%bx-request-id: %b\r\n\r\n%b" % (head, dated, request_id, body)
