"""A server that answers each request a fixed time after it came, over any number of connections.

    python -m benchmarks.delaying SECONDS

It prints the port on loopback that it listens on, and serves until it is ended.
The delay is the same for all, so what is due is a queue and no heap; with one
read and one write for a request it does some tens of thousands of them a second,
on one core. `benchmarks.fetch_speed` reports how much of that core it took, and
how late its answers were.

``/figures`` is answered at once with what the server has counted (`Figures`),
``/never`` not at all, and any other path after the delay with a page of 1 KB.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from selectors import EVENT_READ, DefaultSelector
from typing import Final, NoReturn, cast, final

PAGE_BYTES: Final = 1_024
BACKLOG: Final = 4_096

_HEAD: Final = "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n"
_PAGE: Final = _HEAD.format("text/html", PAGE_BYTES).encode() + b"x" * PAGE_BYTES
_END_OF_HEAD: Final = b"\r\n\r\n"
_MOST: Final = 65_536
"""Bytes of one read; no request of a benchmark is as long."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """What the server has counted since it began.

    Args:
        accepted: connections, that which asks for the figures included.
        open: those that are open now.
        held: requests that wait for an answer and get none.
        answered: requests that were answered after the delay.
        late: seconds, over all of them, between the end of the delay and the answer.
        cpu: seconds of CPU that the server used.
    """

    accepted: int = 0
    open: int = 0
    held: int = 0
    answered: int = 0
    late: float = 0.0
    cpu: float = 0.0


@final
class DelayingServer:
    """Serves on a listening socket.

    Args:
        listener: the socket.
        delay: seconds from a request to its answer.
    """

    def __init__(self, listener: socket.socket, delay: float) -> None:
        self._listener = listener
        self._delay = delay
        self._figures = Figures()
        self._due: deque[tuple[float, socket.socket]] = deque()
        self._begun: dict[socket.socket, bytes] = {}
        self._held: set[socket.socket] = set()
        self._selector = DefaultSelector()
        listener.settimeout(0)
        self._selector.register(listener, EVENT_READ)

    def serve(self) -> NoReturn:
        """Serve until the process ends."""
        while True:
            patience = max(self._due[0][0] - time.monotonic(), 0.0) if self._due else None
            for key, _ in self._selector.select(patience):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._receive(cast("socket.socket", key.fileobj))
                # A thousand requests may have come at once: what is due does not wait for them all.
                self._answer_due()
            self._answer_due()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:  # the client has gone
            return
        connection.settimeout(0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, EVENT_READ)
        self._figures.accepted += 1
        self._figures.open += 1

    def _receive(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(_MOST)
        except ConnectionError:
            received = b""
        if not received:
            self._close(connection)
            return
        request = self._begun.pop(connection, b"") + received
        if not request.endswith(_END_OF_HEAD):
            self._begun[connection] = request
        elif request.startswith(b"GET /figures "):
            self._send(connection, self._count())
        elif request.startswith(b"GET /never "):
            self._held.add(connection)
        else:
            self._due.append((time.monotonic() + self._delay, connection))

    def _answer_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            due, connection = self._due.popleft()
            if connection.fileno() >= 0:  # else it was closed meanwhile
                self._figures.answered += 1
                self._figures.late += now - due
                self._send(connection, _PAGE)

    def _send(self, connection: socket.socket, answer: bytes) -> None:
        try:
            sent = connection.send(answer)
        except ConnectionError:
            self._close(connection)
            return
        assert sent == len(answer), "a kilobyte always has room: the client asks again when it has read it"

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        self._begun.pop(connection, None)
        self._held.discard(connection)
        self._figures.open -= 1
        connection.close()

    def _count(self) -> bytes:
        self._figures.held = len(self._held)
        self._figures.cpu = time.process_time()
        body = json.dumps(asdict(self._figures))
        return (_HEAD.format("application/json", len(body)) + body).encode()


def main() -> None:
    """Serve as the command line says."""
    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        print(listener.getsockname()[1], flush=True)
        DelayingServer(listener, float(sys.argv[1])).serve()


if __name__ == "__main__":
    main()
