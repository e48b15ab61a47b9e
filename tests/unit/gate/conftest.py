import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ledger.gate import AsyncGate, AsyncLedgerClient, EngineIdentity, Gate, LedgerClient, client
from tests.fakes.http_ledger import HttpLedger

URL = "http://localhost:1"
STUDY = "0x" + "51" * 32
ENGINE = "0x" + "e1" * 32
OPERATION = "differential-privacy"
CATEGORIES = ("demographics",)


def subject(number: int) -> str:
    return "0x" + bytes([0xA0 + number]).hex() * 32


@pytest.fixture
def subjects() -> list[str]:
    return [subject(number) for number in range(20)]


@pytest.fixture
def ledger(subjects) -> HttpLedger:
    """Twenty subjects are asked about; the first fifteen permit."""
    return HttpLedger(set(subjects[:15]))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(client, "_PAUSES", (0, 0, 0))


@pytest.fixture
def identity() -> EngineIdentity:
    return EngineIdentity(ENGINE, "opendp", "1.2.3")


@pytest.fixture
def reach(ledger) -> Callable[..., LedgerClient]:
    return lambda **options: LedgerClient(URL, "token", transport=ledger.transport, **options)


class SyncWay:
    """Runs a computation through ``Gate``."""

    def __init__(self, ledger: HttpLedger, identity: EngineIdentity) -> None:
        self._ledger, self._identity = ledger, identity

    def run(self, body: Callable[[Any], Any], subjects: Any, *, options: dict[str, Any] | None = None, **more: Any):
        reached = LedgerClient(URL, "token", transport=self._ledger.transport)
        gate = Gate(reached, self._identity, **(options or {}))
        with gate.computation(STUDY, OPERATION, CATEGORIES, subjects, **more) as run:
            return body(Handle(run, run.recheck))


class AsyncWay(SyncWay):
    """Runs the same computation through ``AsyncGate``; the body stays sync and gets its re-checks made beforehand."""

    def run(self, body: Callable[[Any], Any], subjects: Any, *, options: dict[str, Any] | None = None, **more: Any):
        async def go() -> Any:
            reached = AsyncLedgerClient(URL, "token", transport=self._ledger.transport)
            gate = AsyncGate(reached, self._identity, **(options or {}))
            async with gate.computation(STUDY, OPERATION, CATEGORIES, subjects, **more) as run:
                return await asyncio.to_thread(body, Handle(run, self._waiting(run)))

        return asyncio.run(go())

    @staticmethod
    def _waiting(run: Any) -> Callable[..., Any]:
        loop = asyncio.get_running_loop()
        return lambda **more: asyncio.run_coroutine_threadsafe(run.recheck(**more), loop).result()


class Handle:
    """A run with a ``recheck`` that can be called from a sync body, whichever way it runs."""

    def __init__(self, run: Any, recheck: Callable[..., Any]) -> None:
        self.run, self.recheck = run, recheck

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run, name)


@pytest.fixture(params=[SyncWay, AsyncWay], ids=["sync", "async"])
def way(request, ledger, identity) -> SyncWay:
    """Every test of the Gate's order runs both ways."""
    return request.param(ledger, identity)
