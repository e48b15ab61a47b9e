"""The ids of a cohort over HTTP: a server in a process of its own sends them, a plain socket takes them.

What is measured is the way from the ids in memory to the last byte at the caller, in both forms of the stream, through
all that an answer of the service passes.
"""

import os
import socket
import time
from statistics import median
from typing import Final

from fastapi import FastAPI, Response
from starlette.types import ASGIApp

from api import errors
from api.bounds import BoundedBody, Envelope
from api.streams import ID_BYTES, NDJSON, PACKED, IdStream
from benches.harness import Figures, Stage
from benches.server import asgi, free_port
from ledger.errors import ProofInvalid

COUNT: Final = "BENCH_IDS"
_IDS: Final = os.urandom(ID_BYTES) * int(os.environ.get(COUNT, "0"))
_ROOM: Final = 1 << 20


def _application() -> ASGIApp:
    """Streams all ids in the form that the path names, or none at ``/``."""
    inside = FastAPI()
    errors.install(inside)

    @inside.get("/")
    def none() -> Response:
        return IdStream({}, b"", PACKED)

    @inside.get("/{form}")
    def every(form: str) -> Response:
        return IdStream({}, _IDS, NDJSON if form == "ndjson" else PACKED)

    return Envelope(BoundedBody(inside, _ROOM))


app: Final = _application()


def measure(stage: Stage) -> Figures:
    """Time three streams of each form, of as many ids as a country has patients."""
    count, port = stage.pick(1_000_000, 14_000_000), free_port()
    with asgi("benches.streams:app", port, {COUNT: str(count)}):
        stage.say(f"{count:,} ids in the server's memory")
        packed = median(_take(port, "/packed", count * ID_BYTES) for _ in range(3))
        lines = median(_take(port, "/ndjson", count * (2 * ID_BYTES + 5)) for _ in range(3))
    return {"stream_ids": count, "stream_ids_s": round(packed, 2), "stream_lines_s": round(lines, 2)}


def _take(port: int, path: str, least: int) -> float:
    """Seconds until the last byte of a stream is here.

    Raises:
        ProofInvalid: It was cut.
    """
    room = memoryview(bytearray(_ROOM))
    taken = 0
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode())
        while got := line.recv_into(room):
            taken += got
    took = time.perf_counter() - began
    if taken < least:
        raise ProofInvalid(f"{path}: {taken} bytes came, of at least {least}")
    return took
