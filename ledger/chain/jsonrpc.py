"""JSON-RPC 2.0 over HTTP or WebSocket, with batches, time-outs, and retries for what passes by itself.

Faults of the way (no connection, time-out, HTTP 429 and 5xx) are retried with back-off and jitter; an error that the
node itself answers is not. Everything that is asked here may be asked twice.

Source: https://www.jsonrpc.org/specification
"""

import time
from collections.abc import Callable, Sequence
from secrets import SystemRandom
from typing import Any, Protocol

import msgspec

from ledger.chain.http import Post
from ledger.chain.websocket import Exchange, ExchangeFailed, is_websocket
from ledger.errors import LedgerUnreachable

Call = tuple[str, list[Any]]
_MOST_IN_BATCH = 500
_chance = SystemRandom()


class RpcError(LedgerUnreachable):
    """The node answered with an error: its code, message and data."""

    def __init__(self, method: str, code: int, message: str, data: Any) -> None:
        super().__init__(f"the node refused {method}: {message} (code {code})")
        self.code = code
        self.message = message
        self.data = data


class _Error(msgspec.Struct):
    code: int
    message: str
    data: Any = None


class _Answer(msgspec.Struct):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


_answer = msgspec.json.Decoder(_Answer)
_answers = msgspec.json.Decoder(list[_Answer])
_encode = msgspec.json.Encoder().encode


class Way(Protocol):
    """How requests reach a node."""

    def post(self, content: bytes) -> bytes: ...  # noqa: D102 - see Post and Exchange
    def close(self) -> None: ...  # noqa: D102


class JsonRpc:
    """A connection to one node; safe for several threads.

    Args:
        url: The node's address: ``http://``, ``https://``, ``ws://`` or ``wss://``.
        timeout: Seconds to wait for one answer.
        attempts: How often a request is tried.
        sleep: Waits between attempts (seconds); tests pass their own.
        way: How requests reach it; made from the address when left out.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        attempts: int = 4,
        sleep: Callable[[float], None] = time.sleep,
        way: Way | None = None,
    ) -> None:
        self._url = url
        self._attempts = attempts
        self._sleep = sleep
        self._way: Way = way or (Exchange(url, timeout) if is_websocket(url) else Post(url, timeout))

    def call(self, method: str, *params: Any) -> msgspec.Raw:
        """The result of one call, still in JSON.

        Raises:
            RpcError: The node answered with an error.
            LedgerUnreachable: It did not answer, or not in JSON-RPC.
        """
        body = self._post({"jsonrpc": "2.0", "id": 0, "method": method, "params": params})
        try:
            answer = _answer.decode(body)
        except msgspec.MsgspecError as problem:
            raise self._not_json_rpc(problem) from problem
        return _result(method, answer)

    def batch(self, calls: Sequence[Call]) -> list[msgspec.Raw]:
        """The results of several calls, in their order; the first error of the node is raised.

        Raises:
            RpcError: The node answered one of them with an error.
            LedgerUnreachable: It did not answer, or not all of them.
        """
        results: list[msgspec.Raw] = []
        for start in range(0, len(calls), _MOST_IN_BATCH):
            part = calls[start : start + _MOST_IN_BATCH]
            body = self._post(
                [
                    {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                    for number, (method, params) in enumerate(part)
                ]
            )
            try:
                answers = {answer.id: answer for answer in _answers.decode(body)}
            except msgspec.MsgspecError as problem:
                raise self._not_json_rpc(problem) from problem
            for number, (method, _) in enumerate(part):
                if number not in answers:
                    raise LedgerUnreachable(f"the node at {self._url} left a {method} of a batch without an answer")
                results.append(_result(method, answers[number]))
        return results

    def each(self, method: str, *params: Any) -> list[msgspec.Raw | None]:
        """The result of one call from every node that there is: here one."""
        return [self.call(method, *params)]

    def close(self) -> None:
        """Close the connections."""
        self._way.close()

    def _post(self, request: Any) -> bytes:
        content = _encode(request)
        for attempt in range(1, self._attempts + 1):
            try:
                return self._way.post(content)
            except ExchangeFailed as fault:
                problem = str(fault)
            if attempt < self._attempts:
                self._sleep(min(5.0, 0.2 * 2**attempt) * _chance.uniform(0.5, 1.0))
        raise LedgerUnreachable(
            f"the node at {self._url} did not answer in {self._attempts} attempts ({problem}); is it running?"
        )

    def _not_json_rpc(self, problem: Exception) -> LedgerUnreachable:
        return LedgerUnreachable(
            f"what answers at {self._url} does not speak JSON-RPC ({problem}); check CONSENTRY_RPC_URL"
        )


def _result(method: str, answer: _Answer) -> msgspec.Raw:
    if answer.error is not None:
        raise RpcError(method, answer.error.code, answer.error.message, answer.error.data)
    return answer.result
