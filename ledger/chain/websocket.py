"""A node behind a WebSocket: requests with their answers, and news of its newest block.

Invariants: a connection carries one request at a time, so that answers cannot be mixed up; what a subscription says is
news that something can be read, and never itself believed.

Source: https://geth.ethereum.org/docs/interacting-with-geth/rpc/pubsub (eth_subscribe, newHeads)
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from secrets import SystemRandom

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

_chance = SystemRandom()
_SUBSCRIBE = '{"jsonrpc":"2.0","id":0,"method":"eth_subscribe","params":["newHeads"]}'
_SILENCE = 1.0
"""Seconds after which a watch looks whether it shall end."""
_FAULTS = (WebSocketException, OSError, TimeoutError, EOFError)


class ExchangeFailed(Exception):  # noqa: N818 - said of the way, not of the node
    """A request found no way to the node and back; it may be tried again."""


def is_websocket(url: str) -> bool:
    """Whether an address is one of a WebSocket."""
    return url.startswith(("ws://", "wss://"))


class Exchange:
    """Requests and answers over WebSockets that are kept; safe for several threads.

    Args:
        url: ``ws://`` or ``wss://`` address.
        timeout: Seconds to wait for a connection, and for one answer.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._idle: list[tuple[ClientConnection, ExitStack]] = []

    def post(self, content: bytes) -> bytes:
        """Send a request; returns what came back.

        Raises:
            ExchangeFailed: Nothing did.
        """
        try:
            socket, held = self._idle.pop()
        except IndexError:
            socket, held = self._connected()
        try:
            socket.send(content, text=True)
            answer = socket.recv(timeout=self._timeout, decode=False)
        except _FAULTS as problem:
            held.close()
            raise ExchangeFailed(f"{type(problem).__name__}: {problem}") from problem
        self._idle.append((socket, held))
        return answer

    def close(self) -> None:
        """Close the connections."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop()[1].close()

    def _connected(self) -> tuple[ClientConnection, ExitStack]:
        held = ExitStack()
        try:
            return held.enter_context(_open(self._url, self._timeout)), held
        except (*_FAULTS, ValueError) as problem:
            raise ExchangeFailed(f"{type(problem).__name__}: {problem}") from problem


class HeadWatch:
    """Tells of new blocks, from a thread of its own, until it is closed; where it cannot, whoever polls still does.

    Args:
        url: ``ws://`` or ``wss://`` address.
        on_head: Called at every new block, and once whenever the subscription begins anew.
        longest_pause: Seconds between two tries at most.
    """

    def __init__(self, url: str, on_head: Callable[[], None], *, longest_pause: float = 30.0) -> None:
        self._url = url
        self._on_head = on_head
        self._longest_pause = longest_pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consentry-heads", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        pause = 0.5
        while not self._stop.is_set():
            with suppress(*_FAULTS), _open(self._url, 10.0) as socket:
                socket.send(_SUBSCRIBE)
                pause = 0.5
                self._listen(socket)
            self._stop.wait(pause * _chance.uniform(0.5, 1.0))
            pause = min(2 * pause, self._longest_pause)

    def _listen(self, socket: ClientConnection) -> None:
        while not self._stop.is_set():
            try:
                socket.recv(timeout=_SILENCE, decode=False)
            except TimeoutError:
                continue
            self._on_head()


def _open(url: str, timeout: float) -> AbstractContextManager[ClientConnection]:
    return connect(url, open_timeout=timeout, close_timeout=1, max_size=None, compression=None)
