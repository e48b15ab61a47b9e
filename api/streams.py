"""The ids of a cohort as a stream: for cohorts whose JSON would be too large to build, or to read at once.

Two forms, chosen by ``Accept``:

- ``application/x-ndjson``: the answer without the ids on the first line, one id a line, ``{"end":{"count":N}}`` last;
- ``application/octet-stream``: four bytes with the length of the answer (big-endian), the answer as JSON, the ids with
  32 bytes each, and the count once more in eight bytes.

Invariants: every id of the answer is sent, in its order; the length is declared beforehand and the count stands at the
end, so a stream that was cut is noticed; a slow reader holds the stream back, and nothing piles up for it here. The
ids are cut from one block of memory: no step is taken for each.
"""

from binascii import hexlify
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import numpy as np
from fastapi import Response
from starlette.types import Receive, Scope, Send

NDJSON: Final = "application/x-ndjson"
PACKED: Final = "application/octet-stream"
ID_BYTES: Final = 32
_BEFORE, _AFTER = b'"0x', b'"\n'  # the digits, on a line
_LINE_BYTES: Final = len(_BEFORE) + 2 * ID_BYTES + len(_AFTER)
_AT_ONCE: Final = 8_192  # ids
_PART_BYTES: Final = _AT_ONCE * ID_BYTES
_encode = msgspec.json.Encoder().encode

DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            NDJSON: {"schema": {"type": "string"}},
            PACKED: {"schema": {"type": "string", "format": "binary"}},
        }
    }
}
"""What a route that can stream says of it in the OpenAPI document."""


def form_of(accept: str) -> str | None:
    """The form that a caller asks for; None: the ordinary JSON."""
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((kind for kind in wanted if kind in {NDJSON, PACKED}), None)


class IdStream(Response):
    """An answer followed by its ids.

    Args:
        document: The answer, without the ids.
        ids: The ids, 32 bytes each, end to end.
        form: ``NDJSON`` or ``PACKED``.
    """

    def __init__(self, document: Any, ids: bytes | memoryview, form: str) -> None:
        super().__init__(None, media_type=form)
        self.body = ids  # whoever keeps answers counts it
        count, head = len(ids) // ID_BYTES, _encode(document)
        if form == NDJSON:
            self._first, self._last = head + b"\n", _encode({"end": {"count": count}}) + b"\n"
            size = count * _LINE_BYTES
        else:
            self._first, self._last = len(head).to_bytes(4) + head, count.to_bytes(8)
            size = len(ids)
        self.headers["Content-Length"] = str(len(self._first) + size + len(self._last))
        self.headers["Vary"] = "Accept"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, as fast as it is read."""
        del scope, receive
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        for part in self._parts():
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": self._last, "more_body": False})

    def _parts(self) -> Iterator[bytes | memoryview]:
        ids = memoryview(self.body)
        parts = (ids[start : start + _PART_BYTES] for start in range(0, len(ids), _PART_BYTES))
        return parts if self.media_type == PACKED else _lines(parts)


def _lines(parts: Iterable[memoryview]) -> Iterator[bytes]:
    """Parts of so many ids at most, as lines: what is around the digits is written once for all parts."""
    room = np.empty((_AT_ONCE, _LINE_BYTES), np.uint8)
    room[:, : len(_BEFORE)] = np.frombuffer(_BEFORE, np.uint8)
    room[:, -len(_AFTER) :] = np.frombuffer(_AFTER, np.uint8)
    for part in parts:
        rows = room[: len(part) // ID_BYTES]
        rows[:, len(_BEFORE) : -len(_AFTER)] = np.frombuffer(hexlify(part), np.uint8).reshape(len(rows), -1)
        yield rows.tobytes()
