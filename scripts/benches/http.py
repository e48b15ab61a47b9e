"""Decisions over HTTP, from a process of its own, against a raw ASGI echo of the same bodies under the same server.

One uvicorn worker on the embedded chain, eight connections that are kept open, tokens checked at each request.
``single`` is a look at one subject; ``receipt`` is one whose answer is signed; ``recorded`` puts the decision on record
as well, each for itself and durable; a batch asks about all subjects, in the compact form and in the whole one.

Both servers are up all the time and take turns, so that what slows the machine slows both; the client has a core of its
own. A rate is the median of the rounds, ``.._of_echo`` the median of the ratios within each round, ``.._cpu_us`` the
processor time that the server had for a request, and a time is one of all rounds together.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benches.client import load
from benches.harness import Figures, Stage, spread
from benches.scene import CATEGORIES, OPERATION, Scene, scene, settings
from benches.server import apart, consentry, cpu_seconds, echo, free_port, request
from ledger.domain.identifiers import to_hex
from ledger.domain.vocabulary import CATEGORY_TERMS
from ledger.domain.wording import operation_word
from ledger.identity.door import local_issuer
from ledger.identity.principal import Role
from ledger.services.submit import submit

CONNECTIONS = 8
WARMING = 200
"""Requests of a connection before the first round."""
COUNT = 100
"""Requests of a connection in a round: a tenth of a second or less, so that a machine that does something else for some
seconds is slow in few rounds of many, and in those to all alike."""
ROUNDS = 3
"""Of what is not held against the echo."""


def measure(stage: Stage) -> Figures:
    """Run the bench."""
    home, port, other = stage.home(), free_port(), free_port()
    with scene(settings(home)) as founded:
        patients = founded.enrol(1_000)
        founded.sealed(submit(founded.ledger.context, founded.grants(patients)))
        asked = _Asked(founded, home, port, [to_hex(patient.subject) for patient in patients])
    stage.say(f"{len(patients)} patients enrolled")
    single = [asked.decision([subject], record=False) for subject in asked.subjects]
    with apart(), echo(other) as floor, consentry(home, port) as served:
        turns = {
            "echo": _Turns(other, floor, single, COUNT),
            "single": _Turns(port, served, single, COUNT),
            "authzen": _Turns(port, served, [asked.evaluation(subject) for subject in asked.subjects], COUNT),
            "receipt": _Turns(port, served, [asked.signed(subject) for subject in asked.subjects], COUNT),
        }
        for turn in turns.values():
            load(turn.port, turn.questions, CONNECTIONS, WARMING)
        for _ in range(stage.pick(25, 75)):
            for turn in turns.values():
                turn.take()
        for name, turn in turns.items():
            stage.say(f"{name}: {turn.busy}")
        return {**_figures(turns), **_others(stage, asked, port, served), "connections": CONNECTIONS}


@dataclass(slots=True)
class _Turns:
    """The rounds of one kind of question.

    Args:
        port: Of the server.
        process: The server's.
        questions: Sent in turn.
        count: Requests of a connection and round.
        connections: How many at once.
    """

    port: int
    process: int
    questions: Sequence[bytes]
    count: int
    connections: int = CONNECTIONS
    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    took: float = 0.0
    client: float = 0.0
    server: float = 0.0

    def take(self) -> None:
        """Take a turn."""
        ours, theirs = time.process_time(), cpu_seconds(self.process)
        took, times = load(self.port, self.questions, self.connections, self.count)
        self.client += time.process_time() - ours
        self.server += cpu_seconds(self.process) - theirs
        self.took += took
        self.times += times
        self.rates.append(len(times) / took)

    @property
    def rate(self) -> int:
        """Answers a second."""
        return round(median(self.rates))

    @property
    def cpu_us(self) -> float:
        """Processor time of the server for an answer, in microseconds."""
        return round(self.server / len(self.times) * 1e6, 1)

    def of(self, floor: "_Turns") -> float:
        """The rate in parts of another's."""
        return round(median(ours / theirs for ours, theirs in zip(self.rates, floor.rates, strict=True)), 3)

    @property
    def busy(self) -> str:
        """How far client and server were at work, for people: whoever is near 100 % is the limit."""
        rounds = ", ".join(f"{rate:,.0f}" for rate in quantiles(self.rates))
        shares = f"server {self.server / self.took:.0%}, client {self.client / self.took:.0%} of a core"
        return f"{rounds}/s (quartiles of {len(self.rates)} rounds); {shares}"


def _figures(turns: dict[str, _Turns]) -> Figures:
    floor = turns["echo"]
    middle, worst = spread(turns["single"].times, 1e3)
    figures: Figures = {f"{name}_rps": turn.rate for name, turn in turns.items()}
    figures |= {f"{name}_of_echo": turn.of(floor) for name, turn in turns.items() if turn is not floor}
    figures |= {f"{name}_cpu_us": turn.cpu_us for name, turn in turns.items()}
    return figures | {"single_p50_ms": middle, "single_p99_ms": worst}


def _others(stage: Stage, asked: "_Asked", port: int, served: int) -> Figures:
    """What the echo is no floor of: the disk is, or the work on a thousand subjects."""
    recorded = [asked.decision([subject], record=True) for subject in asked.subjects]
    compact, whole = (asked.decision(asked.subjects, record=False, compact=form) for form in (True, False))
    batches, size = stage.pick(25, 100), len(asked.subjects)
    turns = [
        _Turns(port, served, [compact], batches, connections=2),
        _Turns(port, served, [whole], batches, connections=2),
        _Turns(port, served, recorded, stage.pick(40, 150)),  # last, as the service has things to do after them
    ]
    for turn in turns:
        for _ in range(ROUNDS):
            turn.take()
    return {
        "batch_checks_per_s": turns[0].rate * size,
        "batch_whole_checks_per_s": turns[1].rate * size,
        "recorded_rps": turns[2].rate,
        "batch_size": size,
    }


class _Asked:
    """The requests that are sent."""

    def __init__(self, founded: Scene, home: Path, port: int, subjects: Sequence[str]) -> None:
        chosen = settings(home, port=port)
        issuer = local_issuer(chosen)
        self.subjects = subjects
        self._port = port
        self._study, self._engine = to_hex(founded.study), to_hex(founded.engine)
        self._token = issuer.issue(Role.ENGINE, founded.engine, now=int(time.time()), seconds=3600)
        self._categories = [term.name for term in CATEGORY_TERMS if term.bit & CATEGORIES]

    def decision(self, subjects: Sequence[str], *, record: bool, compact: bool = False, receipt: bool = False) -> bytes:
        """A native decision."""
        body = {
            "study": self._study,
            "operation": operation_word(int(OPERATION)),
            "categories": self._categories,
            "subjects": subjects,
            "record": record,
            "compact": compact,
            "receipt": receipt,
        }
        return self._post("/v1/decisions", body)

    def signed(self, subject: str) -> bytes:
        """A look with a receipt."""
        return self.decision([subject], record=False, receipt=True)

    def evaluation(self, subject: str) -> bytes:
        """The same in AuthZEN's words."""
        body = {
            "subject": {"type": "engine", "id": self._engine},
            "action": {"name": operation_word(int(OPERATION))},
            "resource": {"type": "patient", "id": subject},
            "context": {"study": self._study, "categories": self._categories},
        }
        return self._post("/access/v1/evaluation", body)

    def _post(self, path: str, body: dict[str, Any]) -> bytes:
        return request(self._port, "POST", path, json.dumps(body).encode(), self._token)
