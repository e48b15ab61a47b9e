"""The Gate: no rows without a decision, no result without an entry.

The order of every computation: one cohort decision at one block, the smallest cohort, the ``started`` entry, the
computation on permitted rows alone, a last decision on the same subjects (``confirm``), the ``completed`` entry, and
only then the result (``course`` walks it). When any step cannot be done the result is not released; where something
was started an entry says what became of it: ``failed`` when the code raised, ``withheld`` when consent no longer
covered it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from ledger.errors import ConsentryError
from ledger.gate.client import AsyncLedgerClient, LedgerClient
from ledger.gate.course import abandon, admit, finish, start
from ledger.gate.plan import SMALLEST_COHORT, EngineIdentity, Plan, plain
from ledger.gate.requests import CohortRequest, Subjects
from ledger.gate.run import AsyncRun, Run

_Args = ParamSpec("_Args")
_Result = TypeVar("_Result")


class _Gate:
    """What both gates share: who computes, and the bounds.

    Args:
        engine: Who computes.
        smallest_cohort: With fewer permitted subjects nothing is computed.
        confirm: Decide once more on the same subjects before the result is released, so that a withdrawal that came
            while the computation ran withholds it.
    """

    def __init__(self, engine: EngineIdentity, *, smallest_cohort: int, confirm: bool) -> None:
        self.engine: Final = engine
        self._smallest: Final = smallest_cohort
        self._confirm: Final = confirm

    def _plan(
        self,
        study: str,
        operation: str,
        categories: Sequence[str],
        subjects: Subjects | Mapping[str, str],
        params: Mapping[str, Any] | None,
        parents: Sequence[str],
        data_window: tuple[int, int] | None,
        dataset: str,
    ) -> Plan:
        request = CohortRequest.of(
            study=study,
            engine=self.engine.id,
            operation=operation,
            categories=categories,
            subjects=subjects,
            data_window=data_window,
            dataset=dataset,
        )
        return Plan(request, self.engine, plain(params or {}), tuple(parents), max(1, self._smallest), self._confirm)


class Gate(_Gate):
    """The gate for threads.

    Args:
        client: The ledger, with the engine's token.
        engine: Who computes.
        smallest_cohort: With fewer permitted subjects nothing is computed.
        confirm: Decide once more before the result is released.
    """

    def __init__(
        self,
        client: LedgerClient,
        engine: EngineIdentity,
        *,
        smallest_cohort: int = SMALLEST_COHORT,
        confirm: bool = True,
    ) -> None:
        super().__init__(engine, smallest_cohort=smallest_cohort, confirm=confirm)
        self._client: Final = client

    @contextmanager
    def computation(
        self,
        study: str,
        operation: str,
        categories: Sequence[str],
        subjects: Subjects | Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        parents: Sequence[str] = (),
        data_window: tuple[int, int] | None = None,
        dataset: str = "",
    ) -> Iterator[Run]:
        """One computation.

        Args:
            study: Study id, 0x-hex; it carries the purpose.
            operation: API name of the operation, one that the engine is registered for.
            categories: API names of every data category that is used.
            subjects: Subject ids, ``"all"``, or ``{"custodian": id}``.
            params: Parameters, for the lineage; no floats.
            parents: What this computation builds on: leaf hashes of entries or SHA-256 of outputs, 0x-hex.
            data_window: When the data were recorded, seconds UTC, half open.
            dataset: Id of the custodian's dataset that is used, 0x-hex; "": all of the custodian's data.

        Yields:
            The run; its ``permitted`` gives the rows.

        Raises:
            ConsentDenied: The request is refused, too few permit, or consent ended while it ran.
            NotReady: The ledger is away or not ready; nothing was computed, or the result is not released.
            ProofInvalid: The ledger's answer does not hold.
        """
        plan = self._plan(study, operation, categories, subjects, params, parents, data_window, dataset)
        talks = self._client.conversation
        answer, asked = self._client.perform(admit(talks, plan))
        run = Run(plan, answer, asked, self._client)
        self._client.perform(start(talks, run))
        try:
            yield run
        except BaseException as problem:
            try:
                self._client.perform(abandon(talks, run, problem))
            except ConsentryError as trouble:
                problem.add_note(f"and the ledger could not be told that the computation failed: {trouble}")
            raise
        self._client.perform(finish(talks, run))

    def gated(
        self,
        *,
        study: str,
        operation: str,
        categories: Sequence[str],
        params: Mapping[str, Any] | None = None,
    ) -> Callable[
        [Callable[Concatenate[Run, _Args], _Result]],
        Callable[Concatenate["Subjects | Mapping[str, str]", _Args], _Result],
    ]:
        """The decorator form: ``f(run, ...)`` becomes ``f(subjects, ...)``, and returns only what may be released.

        Args:
            study: As ``computation``; so are the others.
            operation: API name of the operation.
            categories: API names of the categories.
            params: Parameters, for the lineage.
        """

        def decorate(
            function: Callable[Concatenate[Run, _Args], _Result],
        ) -> Callable[Concatenate["Subjects | Mapping[str, str]", _Args], _Result]:
            @wraps(function)
            def gated(subjects: Subjects | Mapping[str, str], /, *args: _Args.args, **kwargs: _Args.kwargs) -> _Result:
                with self.computation(study, operation, categories, subjects, params=params) as run:
                    return function(run, *args, **kwargs)

            return gated

        return decorate


class AsyncGate(_Gate):
    """The gate for asyncio; as ``Gate``."""

    def __init__(
        self,
        client: AsyncLedgerClient,
        engine: EngineIdentity,
        *,
        smallest_cohort: int = SMALLEST_COHORT,
        confirm: bool = True,
    ) -> None:
        super().__init__(engine, smallest_cohort=smallest_cohort, confirm=confirm)
        self._client: Final = client

    @asynccontextmanager
    async def computation(
        self,
        study: str,
        operation: str,
        categories: Sequence[str],
        subjects: Subjects | Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        parents: Sequence[str] = (),
        data_window: tuple[int, int] | None = None,
        dataset: str = "",
    ) -> AsyncIterator[AsyncRun]:
        """As ``Gate.computation``."""
        plan = self._plan(study, operation, categories, subjects, params, parents, data_window, dataset)
        talks = self._client.conversation
        answer, asked = await self._client.perform(admit(talks, plan))
        run = AsyncRun(plan, answer, asked, self._client)
        await self._client.perform(start(talks, run))
        try:
            yield run
        except BaseException as problem:
            try:
                await self._client.perform(abandon(talks, run, problem))
            except ConsentryError as trouble:
                problem.add_note(f"and the ledger could not be told that the computation failed: {trouble}")
            raise
        await self._client.perform(finish(talks, run))

    def gated(
        self,
        *,
        study: str,
        operation: str,
        categories: Sequence[str],
        params: Mapping[str, Any] | None = None,
    ) -> Callable[
        [Callable[Concatenate[AsyncRun, _Args], Awaitable[_Result]]],
        Callable[Concatenate["Subjects | Mapping[str, str]", _Args], Awaitable[_Result]],
    ]:
        """As ``Gate.gated``, for coroutine functions."""

        def decorate(
            function: Callable[Concatenate[AsyncRun, _Args], Awaitable[_Result]],
        ) -> Callable[Concatenate["Subjects | Mapping[str, str]", _Args], Awaitable[_Result]]:
            @wraps(function)
            async def gated(
                subjects: Subjects | Mapping[str, str], /, *args: _Args.args, **kwargs: _Args.kwargs
            ) -> _Result:
                async with self.computation(study, operation, categories, subjects, params=params) as run:
                    return await function(run, *args, **kwargs)

            return gated

        return decorate
