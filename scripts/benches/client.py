"""The client that measures servers: one thread, plain sockets that are kept open, each waiting for its answer.

Nothing of it stands between two answers but a look at their heads, so that the server is what is measured.
"""

import selectors
import socket
import time
from collections.abc import Sequence

from ledger.errors import NotReady

_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
"""In small letters, as all servers of the benches write it."""


class _Line:
    """One connection, and the answer that it waits for."""

    def __init__(self, port: int, place: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.place = place
        self.sent = 0.0
        self.missing = 0
        self.head = b""

    def send(self, question: bytes) -> None:
        self.head, self.missing = b"", -1
        self.sent = time.perf_counter()
        self.socket.sendall(question)

    def receive(self) -> bool:
        """Take what came; whether the answer is whole."""
        came = self.socket.recv(1 << 18)
        if not came:
            raise NotReady("the server of the bench closed a connection")
        if self.missing >= 0:
            self.missing -= len(came)
            return self.missing == 0
        head = self.head = self.head + came if self.head else came
        end = head.find(_END)
        if end < 0:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise NotReady(f"the server of the bench answered {head[:400]!r}")
        start = head.find(_LENGTH, 0, end + 2) + len(_LENGTH)
        if start < len(_LENGTH):
            raise NotReady(f"the server of the bench does not say how long its answer is: {head[:400]!r}")
        self.missing = int(head[start : head.index(b"\r", start)]) - (len(head) - end - len(_END))
        return self.missing == 0


def load(port: int, questions: Sequence[bytes], connections: int, count: int) -> tuple[float, list[float]]:
    """Send requests over several connections at once, each waiting for its answer.

    Args:
        port: Of the server.
        questions: Sent in turn.
        connections: How many at once.
        count: Requests of each.

    Returns:
        The seconds that all took, and the time of each.

    Raises:
        NotReady: An answer was not 200.
    """
    lines = [_Line(port, thread * count) for thread in range(connections)]
    left = [count] * connections
    times: list[float] = []
    with selectors.DefaultSelector() as selector:
        for place, line in enumerate(lines):
            selector.register(line.socket, selectors.EVENT_READ, place)
        began = time.perf_counter()
        for line in lines:
            line.send(questions[line.place % len(questions)])
        waiting = connections
        while waiting:
            for key, _ in selector.select():
                place: int = key.data
                line = lines[place]
                if not line.receive():
                    continue
                times.append(time.perf_counter() - line.sent)
                left[place] -= 1
                line.place += 1
                if left[place]:
                    line.send(questions[line.place % len(questions)])
                else:
                    waiting -= 1
        took = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return took, times
