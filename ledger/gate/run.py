"""A run: one computation under one decision.

Invariants:

- ``permitted`` is the only way to rows, and gives only rows of subjects who permit, while the decision still holds.
- What was held with ``hold`` can be read only once the ``completed`` entry is in the log.
- Facts and parameters hold no floats and nothing of the rows: inputs appear as salted commitments, numbers of subjects
  as bands.
"""

import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ledger.domain.data_use import Obligation
from ledger.domain.identifiers import parse_bytes, to_hex
from ledger.errors import ConsentDenied, InvalidInput, NotReady, WrongState
from ledger.gate import rows
from ledger.gate.answers import Appended, CohortAnswer
from ledger.gate.held import Held, State
from ledger.gate.plan import Plan, band, plain
from ledger.gate.requests import CohortRequest
from ledger.transparency.canonical import encode

if TYPE_CHECKING:
    from ledger.gate.client import AsyncLedgerClient, LedgerClient
    from ledger.gate.conversation import Talk

Frame = TypeVar("Frame")
_Value = TypeVar("_Value")


class _Run:
    """What sync and async runs share; made by a gate, never by an engine."""

    def __init__(self, plan: Plan, answer: CohortAnswer, asked: float) -> None:
        self.plan: Final = plan
        self.cohort: Final = answer
        self.state = State.RUNNING
        self.rechecks: list[CohortAnswer] = []
        self.salts: list[bytes] = []
        """Salts of the input commitments, in order: keep them to open the commitments later. They are not logged."""
        self.dropped: frozenset[str] = frozenset()
        """Who stopped to permit while the run ran, and was left out from then on."""
        self.completed: Appended | None = None
        """The ``completed`` entry, once it is in the log; its leaf names this run as a parent of others."""
        self._permitted = answer.permitted
        self._ends = asked + answer.seconds
        self._inputs: list[dict[str, Any]] = []
        self._outputs: dict[str, str] = {}
        self._facts: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """The run's own id, as its entries carry it."""
        return self.plan.run

    @property
    def subjects(self) -> frozenset[str]:
        """Who permits: subject ids, 0x-hex."""
        return self._permitted

    @property
    def obligations(self) -> tuple[Obligation, ...]:
        """What the permit obliges whoever uses the result to, such as not to publish before a date."""
        given = (duty for answer in (self.cohort, *self.rechecks) for duty in answer.obligations)
        found: list[Obligation] = []
        for duty in given:
            if duty not in found:
                found.append(duty)
        return tuple(found)

    @property
    def size(self) -> str:
        """How many permit, as a band: what may be published."""
        return band(len(self._permitted), self.plan.smallest)

    def permitted(self, frame: Frame, *, id_column: str) -> Frame:
        """The rows of those who permit, in their order, and a commitment to them in the run's lineage.

        Args:
            frame: A pandas or polars DataFrame, or a list of dicts.
            id_column: The column with the subject ids, 0x-hex.

        Returns:
            A frame of the same kind.

        Raises:
            NotReady: The decision no longer holds: time alone could have changed it. ``recheck`` asks again.
            InvalidInput: Not such a frame, or no such column.
        """
        self._must_run()
        if time.monotonic() >= self._ends:
            raise NotReady("the decision has run out of its validity; call recheck() for a fresh one")
        kept = rows.keep(frame, id_column, self._permitted)
        salt = secrets.token_bytes(rows.SALT_SIZE)
        self.salts.append(salt)
        self._inputs.append(
            {"commitment": to_hex(rows.commit(kept, salt)), "rows": band(rows.count_of(kept), self.plan.smallest)}
        )
        return kept

    def output(self, name: str, digest: bytes | str) -> None:
        """Name an output of the run by its SHA-256 (32 bytes, or 0x-hex).

        Raises:
            InvalidInput: Not such a hash, or the name is taken.
        """
        self._must_run()
        if not name or name in self._outputs:
            raise InvalidInput(f"the output {name!r} needs a name of its own")
        value = digest if isinstance(digest, bytes) else parse_bytes(digest, what="sha256")
        if len(value) != 32:
            raise InvalidInput("an output is named by its SHA-256, 32 bytes")
        self._outputs[name] = to_hex(value)

    def hold(self, name: str, value: _Value, content: object | bytes) -> Held[_Value]:
        """Keep a result back until the run is completed, and name it as an output.

        Args:
            name: The output's name.
            value: What is released.
            content: What is hashed for it: bytes, or JSON without floats.
        """
        self.output(name, sha256(content if isinstance(content, bytes) else encode(content)).digest())
        return Held(name, value, lambda: self.state)

    def fact(self, **facts: Any) -> None:
        """Say something of the computation in its entry: ``run.fact(noise_scale=Decimal("1.5"), k=10)``.

        Raises:
            InvalidInput: A float, or something else that an entry cannot hold; decimal numbers are Decimals or strings.
        """
        self._must_run()
        self._facts.update(plain(facts))

    def lineage(self) -> dict[str, Any]:
        """The facts of the ``completed`` entry."""
        return {
            **self.opening(),
            "inputs": list(self._inputs),
            "outputs": [{"name": name, "sha256": digest} for name, digest in self._outputs.items()],
            "rechecks": [answer.decision for answer in self.rechecks],
            "facts": dict(self._facts),
        }

    def opening(self) -> dict[str, Any]:
        """The facts of the ``started`` entry."""
        return {
            "run": self.id,
            "cohort": {"root": self.cohort.root, "size": self.cohort.considered, "permitted": self.size},
            "engine": self.plan.engine.document(),
            "parameters": plain(self.plan.parameters),
            "categories": list(self.plan.request.categories),
            "parents": list(self.plan.parents),
        }

    def take_recheck(self, answer: CohortAnswer, asked: float, *, drop: bool) -> frozenset[str]:
        """Take in a fresh decision on those who permitted.

        Returns:
            Those who no longer permit. Unless ``drop``, the run is withheld when there is one.

        Raises:
            ConsentDenied: Somebody no longer permits, or too few do.
        """
        self.rechecks.append(answer)
        gone = self._permitted - answer.permitted
        self._permitted = self._permitted & answer.permitted
        self.dropped |= gone
        self._ends = asked + answer.seconds
        if gone and not drop:
            self.state = State.WITHHELD
            raise ConsentDenied("consent was withdrawn or ran out while the computation ran; its result is withheld")
        if len(self._permitted) < self.plan.smallest:
            self.state = State.WITHHELD
            raise ConsentDenied(f"fewer than {self.plan.smallest} subjects still permit; the result is withheld")
        return gone

    def _must_run(self) -> None:
        if self.state is not State.RUNNING:
            raise WrongState(f"the run was {self.state.value}; start another computation")


class Run(_Run):
    """A run of a ``Gate``."""

    def __init__(self, plan: Plan, answer: CohortAnswer, asked: float, client: "LedgerClient") -> None:
        super().__init__(plan, answer, asked)
        self._client = client

    def recheck(self, *, drop: bool = False) -> frozenset[str]:
        """Ask again, now, for those who permitted: a decision of its own, recorded.

        Args:
            drop: Go on without those who no longer permit (a federated round filters locally); else the run ends
                withheld when there is one.

        Returns:
            Those who no longer permit.

        Raises:
            ConsentDenied: Somebody no longer permits and ``drop`` is false, or too few remain.
            NotReady: The ledger gave no answer; nothing may go on.
        """
        self._must_run()
        return self._client.perform(again(self, self._client.conversation.cohort, drop=drop))


class AsyncRun(_Run):
    """A run of an ``AsyncGate``."""

    def __init__(self, plan: Plan, answer: CohortAnswer, asked: float, client: "AsyncLedgerClient") -> None:
        super().__init__(plan, answer, asked)
        self._client = client

    async def recheck(self, *, drop: bool = False) -> frozenset[str]:
        """As ``Run.recheck``, awaited."""
        self._must_run()
        return await self._client.perform(again(self, self._client.conversation.cohort, drop=drop))


def again(
    run: _Run, ask: "Callable[[CohortRequest, str], Talk[CohortAnswer]]", *, drop: bool
) -> "Talk[frozenset[str]]":
    """The conversation of a re-check."""
    request = run.plan.request
    narrowed = CohortRequest(
        study=request.study,
        engine=request.engine,
        operation=request.operation,
        categories=request.categories,
        subjects=tuple(sorted(run.subjects)),
        data_window=request.data_window,
        dataset=request.dataset,
        at_least_block=run.cohort.block.number,
    )
    asked = time.monotonic()
    answer = yield from ask(narrowed, f"{run.id}-recheck-{len(run.rechecks)}")
    return run.take_recheck(answer, asked, drop=drop)
