"""HTTP/1.1 by httptools, with a bound on what comes before a body: httptools itself keeps headers of any size.

Source: https://www.rfc-editor.org/rfc/rfc6585#section-5 (a server may refuse headers that are too large)
"""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD: Final = 1 << 16
"""Bytes of a request's line and headers; a read more may come before the end is noticed."""


class BoundedHeads(HttpToolsProtocol):
    """Closes a connection whose request line and headers do not end within the bound."""

    _open_head = 0

    def on_message_begin(self) -> None:
        """A request starts."""
        self._open_head = 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._ends_head()
        super().on_headers_complete()

    def _ends_head(self) -> None:
        self._open_head = 0

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        super().data_received(data)
        if self._open_head:
            self._open_head += len(data)
            if self._open_head > MOST_HEAD:
                self.send_400_response("The request's head is too large.")
