"""The hot door at the connection itself: what can be answered at once is, without a task, a scope or a message.

Whoever asks often sends the same head before each body, so a connection remembers the heads that it read: a read that
is one of them and its body, whole, is answered without parsing it again.

Invariants: only requests of HTTP/1.1 without anything that ASGI is needed for come here, one after the other; whatever
is not answered at once goes on as if nobody had looked at it; a head is remembered byte for byte, with what the parser
found in it and nothing that may change, above all not whether its token still counts; a server that is told to stop
answers what it began.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import logging
import time
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from api.bounds import ACCESS, log_request
from api.heads import BoundedHeads
from api.hot.door import HEADERS, Asked, Head, HotDoor, Reply

_SAFE: Final = b"".join(b"%b: %b\r\n" % header for header in HEADERS)
_OK: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + _SAFE
_END: Final = b"\r\n\r\n"
MOST_HEADS: Final = 8
"""Heads that a connection remembers."""
MOST_REMEMBERED: Final = 1 << 12
"""Bytes of a head that is remembered."""


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
        self._heads: dict[bytes, Head] = {}
        self._between = True
        self._came = b""
        self._head: Head | None = None
        self._asked: Asked | None = None
        self._read = b""
        self._started = self._answered = 0.0
        self._stopping = False
        self._dated: tuple[object, bytes] = (None, b"")

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._between:
            end = data.find(_END) + len(_END)
            head = self._heads.get(data[:end])
            if head is not None and len(data) == end + head.size and self._is_free():
                assert self._door is not None
                asked = self._door.admit(head)
                self._started = time.monotonic()
                if asked is not None and self._answers(self._door, asked, data[end:]):
                    return
            self._came = data
        super().data_received(data)
        self._came = b""

    def on_message_begin(self) -> None:
        """A request starts."""
        self._between = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        if self._door is not None and self._is_free() and self._is_plain():
            self._head = self._door.head(self.url.decode("latin-1"), self.headers)
            self._asked = None if self._head is None else self._door.admit(self._head)
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
        self._between = True
        asked, self._asked = self._asked, None
        if asked is None:
            super().on_message_complete()
        elif self._door is not None and self._answers(self._door, asked, self._read):
            self._remember()
        else:
            super().on_headers_complete()
            if self._stopping:
                self.cycle.keep_alive = False
            if self._read:
                super().on_body(self._read)
            super().on_message_complete()
        self._came = b""

    def _answers(self, door: HotDoor, asked: Asked, body: bytes) -> bool:
        """Answer what can be answered at once; whether it was."""
        work = door.read(asked, body)
        if work is None or not work.quick:
            return False
        reply = door.answer(asked, work, self._started)
        self.transport.write(self._written(reply, asked.request_id))
        if ACCESS.isEnabledFor(logging.INFO):
            status = 200 if reply.failure is None else reply.failure.status_code
            log_request("POST", asked.path, status, self._started, asked.request_id.decode("latin-1"))
        if self._stopping:
            self.transport.close()
        if self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:  # the timer looks when it was by itself, which costs less than a new one each time
            self.server_state.total_requests += 1
            self._answered = self.loop.time()
        return True

    def _remember(self) -> None:
        """Remember the head of the request that was answered, if the last read was that request and nothing else."""
        end = self._came.find(_END) + len(_END)
        if self._head is None or end > MOST_REMEMBERED or len(self._came) != end + self._head.size:
            return
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[self._came[:end]] = self._head

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for a while, or so it seemed when the timer was set."""
        rest = self._answered + self.timeout_keep_alive - self.loop.time()
        if rest > 0:
            self.timeout_keep_alive_task = self.loop.call_later(rest, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """The server stops."""
        if self._asked is not None:
            self._stopping = True
        else:
            super().shutdown()

    def _is_free(self) -> bool:
        """Whether a request that comes now is next in line."""
        busy = self.cycle is not None and not self.cycle.response_complete
        most = self.limit_concurrency
        return not (
            busy
            or self.flow.write_paused
            or (most is not None and (len(self.connections) >= most or len(self.tasks) >= most))
        )

    def _is_plain(self) -> bool:
        """Whether nothing but its body is to be known of a request after its head."""
        return not (
            self.root_path
            or self.expect_100_continue
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or not self.parser.should_keep_alive()
            or self.parser.should_upgrade()
        )

    def _written(self, reply: Reply, request_id: bytes) -> bytes:
        """The bytes of an answer; with the headers that the server itself puts before ours."""
        headers = self.server_state.default_headers  # a new list each second
        if self._dated[0] is not headers:
            self._dated = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        dated = self._dated[1]
        if reply.failure is None:
            body = reply.body
            return b"%b%bcontent-length: %d\r\nx-request-id: %b\r\n\r\n%b" % (_OK, dated, len(body), request_id, body)
        body = bytes(reply.failure.body)
        named = b"".join(b"%b: %b\r\n" % header for header in reply.failure.raw_headers)
        status = STATUS_LINE[reply.failure.status_code]
        return b"%b%b%b%bx-request-id: %b\r\n\r\n%b" % (status, _SAFE, named, dated, request_id, body)
