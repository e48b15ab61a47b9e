"""A question over a country and the ids that answer it, over HTTP, from the question's first byte to the last id.

A server in a process of its own holds a snapshot; asked, it decides on everybody, commits to who was considered over
the register that it made before, and streams the ids of who is permitted through all that an answer of the service
passes. A plain socket takes them, in both forms of the stream. No row a subject is written: ``recorded_ms`` says what
that takes.
"""

import os
import secrets
import time
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import count as count_from
from statistics import median
from typing import Final

from fastapi import FastAPI, Response
from starlette.types import ASGIApp

from api import errors
from api.bounds import BoundedBody, Envelope
from api.streams import NDJSON, PACKED, IdStream
from benches import history, population
from benches.harness import Figures, Stage
from benches.server import asgi, free_port
from ledger.domain.decision import Reason
from ledger.errors import ProofInvalid
from ledger.snapshot.cohort import commit
from ledger.transparency.register import SEED_SIZE

CONSENTS: Final = "BENCH_CONSENTS"
STARTING_SECONDS: Final = 300
"""A register of twelve million subjects takes a minute."""
MINUTE: Final = 60
RUNS: Final = 3
_ROOM: Final = 1 << 20


def _application(consents: int) -> ASGIApp:
    """Answers a cohort in the form that the path names; at ``/`` how many it permits."""
    inside = FastAPI()
    errors.install(inside)
    snapshot = population.snapshot(consents)
    _ = snapshot.table.register().roots
    clock = count_from(history.NOW, MINUTE)  # so that consents begin and end between two questions

    @inside.get("/")
    def permitted() -> int:
        return snapshot.cohort(population.REQUEST, history.NOW).reasons[Reason.PERMITTED]

    @inside.get("/{form}")
    def cohort(form: str) -> Response:
        found = snapshot.cohort(population.REQUEST, next(clock))
        commitment = commit(snapshot.table, found, secrets.token_bytes(SEED_SIZE)).commitment
        document = {"considered": commitment.considered, "root": commitment.root.hex()}
        return IdStream(document, snapshot.table.ids(found.permitted), NDJSON if form == "ndjson" else PACKED)

    return Envelope(BoundedBody(inside, _ROOM))


def app() -> ASGIApp:
    """The application, as the server's process makes it."""
    return _application(int(os.environ[CONSENTS]))


def measure(stage: Stage) -> Figures:
    """Time three questions of each form, over as many consents as a country has patients."""
    consents, port = stage.pick(1_000_000, 14_000_000), free_port()
    with asgi("benches.streams:app", port, {CONSENTS: str(consents)}, within=STARTING_SECONDS):
        stage.say(f"{consents:,} consents in the server's memory")
        return {
            "stream_consents": consents,
            "stream_ids": _ids(port),
            "stream_ids_s": round(median(_take(port, "/packed") for _ in range(RUNS)), 2),
            "stream_lines_s": round(median(_take(port, "/ndjson") for _ in range(RUNS)), 2),
        }


def _ids(port: int) -> int:
    line = HTTPConnection("127.0.0.1", port)
    line.request("GET", "/")
    return int(line.getresponse().read())


def _take(port: int, path: str) -> float:
    """Seconds until the last byte of an answer is here.

    Raises:
        ProofInvalid: There is none, or it was cut.
    """
    room = bytearray(_ROOM)
    line = HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    line.request("GET", path)
    answer = line.getresponse()
    left = answer.length or 0
    while got := answer.readinto(room):
        left -= got
    took = time.perf_counter() - began
    line.close()
    if answer.status != HTTPStatus.OK or left:
        raise ProofInvalid(f"{path}: status {answer.status}, and {left} bytes did not come")
    return took
