"""Several nodes of one chain, asked as if they were one.

Invariants:

- A node that does not answer is left for the next one, and rests for a while that grows; an error that a node itself
  answers is an answer.
- What one node says alone is not final: ``each`` asks all of them the same, for ``RpcNode.witness`` to compare.
"""

import time
from collections.abc import Callable, Sequence
from secrets import SystemRandom
from typing import Any, Protocol, TypeVar

import msgspec

from ledger.chain.jsonrpc import Call, JsonRpc, RpcError
from ledger.errors import LedgerUnreachable

_T = TypeVar("_T")
_LONGEST_REST = 60.0
_TIMEOUT = 10.0
_chance = SystemRandom()


class Rpc(Protocol):
    """What ``RpcNode`` asks of a connection, to one node or to several; see ``JsonRpc``."""

    def call(self, method: str, *params: Any) -> msgspec.Raw: ...  # noqa: D102 - see JsonRpc
    def batch(self, calls: Sequence[Call]) -> list[msgspec.Raw]: ...  # noqa: D102
    def each(self, method: str, *params: Any) -> list[msgspec.Raw | None]: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class Several:
    """Connections to nodes of the same chain; safe for several threads.

    Args:
        ways: The nodes, the one to be preferred first.
        now: Seconds that only rise.
    """

    def __init__(self, ways: Sequence[Rpc], now: Callable[[], float] = time.monotonic) -> None:
        self._ways = list(ways)
        self._now = now
        self._faults = [0] * len(ways)
        self._rests_until = [0.0] * len(ways)

    def call(self, method: str, *params: Any) -> msgspec.Raw:
        """The result of one call, from the first node that answers.

        Raises:
            RpcError: The node answered with an error.
            LedgerUnreachable: None of them answers.
        """
        return self._ask(lambda way: way.call(method, *params))

    def batch(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """The results of several calls, all from one node; see ``call``."""
        return self._ask(lambda way: way.batch(calls))

    def each(self, method: str, *params: Any) -> list[msgspec.Raw | None]:
        """The result of one call from every node; None for one that gives none now."""
        return [self._said(place, method, params) for place in range(len(self._ways))]

    def close(self) -> None:
        """Close the connections."""
        for way in self._ways:
            way.close()

    def _ask(self, question: Callable[[Rpc], _T]) -> _T:
        """Ask the nodes that do not rest in their order, then those that do."""
        now = self._now()
        problem: LedgerUnreachable | None = None
        for place in sorted(range(len(self._ways)), key=lambda place: (self._rests_until[place] > now, place)):
            try:
                answer = question(self._ways[place])
            except RpcError:
                self._answered(place)
                raise
            except LedgerUnreachable as fault:
                self._missed(place)
                problem = fault
            else:
                self._answered(place)
                return answer
        raise LedgerUnreachable(f"none of {len(self._ways)} nodes answers; the last: {problem}") from problem

    def _said(self, place: int, method: str, params: Sequence[Any]) -> msgspec.Raw | None:
        if self._rests_until[place] > self._now():
            return None
        try:
            answer = self._ways[place].call(method, *params)
        except RpcError:
            return None
        except LedgerUnreachable:
            self._missed(place)
            return None
        self._answered(place)
        return answer

    def _answered(self, place: int) -> None:
        self._faults[place] = 0
        self._rests_until[place] = 0.0

    def _missed(self, place: int) -> None:
        rest = min(_LONGEST_REST, 2.0 ** self._faults[place]) * _chance.uniform(0.5, 1.0)
        self._faults[place] = min(self._faults[place] + 1, 10)
        self._rests_until[place] = self._now() + rest


def open_ways(addresses: str) -> Rpc:
    """The connection to one address, or to several with commas between them."""
    urls = [url.strip() for url in addresses.split(",") if url.strip()]
    if len(urls) < 2:
        return JsonRpc(addresses.strip(" ,"))
    return Several([JsonRpc(url, timeout=_TIMEOUT, attempts=1) for url in urls])
