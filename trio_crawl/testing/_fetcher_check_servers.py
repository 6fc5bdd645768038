"""Raw servers on loopback, which answer a fetcher byte for byte as a check wants it."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final
from unittest import SkipTest

import h11
import trio

from .._model import Hop

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Stream: TypeAlias = "trio.SocketStream | trio.SSLStream[trio.SocketStream]"
    Play: TypeAlias = "Callable[[Dialog], Awaitable[object]] | bytes"

LOOPBACK: Final = "127.0.0.1"
LOOPBACK_6: Final = "::1"

MAX_SENT: Final = 64 * 1024 * 1024
"""Bytes after which a server that sends without end gives up: more than all buffers between."""

_CHUNK: Final = 64 * 1024
_MAX_HEAD: Final = 1024 * 1024
_FILLERS: Final = 64
_FULL: Final = 0.1  # seconds: on loopback a connection is there at once, or waits for its turn
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER, on, of no seconds: closing sends RST


def ok(body: bytes = b"ok", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a response of HTTP/1.1 with a length, and with *fields* before that."""
    head = [b"HTTP/1.1 " + status, *fields, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in.

    Args:
        method: the HTTP method.
        target: the request target, path and query.
        headers: every field, in order, with the names as they were written.
        body: the content, transfer-decoded.
        connection: the number of its connection, from 1.
        number: its own number on that connection, from 1.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    number: int

    def get_all(self, name: str) -> list[str]:
        """Return the values of the fields called *name*, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass(slots=True, kw_only=True)
class Server:
    """A server on this machine, and what it has seen.

    Args:
        scheme: ``"http"`` or ``"https"``.
        address: the IP address it listens on.
        port: the TCP port.
        received: the requests, in order.
        connections: how many connections were accepted.
        refused: TLS handshakes that came to nothing.
        complaints: why requests could not be read.
        gone: connections that the client ended.
    """

    scheme: str
    address: str
    port: int
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    refused: int = 0
    complaints: list[str] = field(default_factory=list)
    gone: int = 0

    def hop(self, path: str = "/", *, host: str | None = None, **changes: Any) -> Hop:  # noqa: ANN401
        """Return a request of *path*, by default under the address itself.

        Args:
            path: path and query.
            host: a name for the server, which its address is given for.
            changes: other fields of the `Hop`.
        """
        name = host or (f"[{self.address}]" if ":" in self.address else self.address)
        url = f"{self.scheme}://{name}:{self.port}{path}"
        return Hop(**{"url": url, "addresses": (self.address,), "max_bytes": 4 * 1024 * 1024, **changes})


@final
class Dialog:
    """A connection on which a request came in; what a server plays, it plays on this."""

    def __init__(self, server: Server, stream: Stream, received: Received) -> None:
        self.server = server
        self.received = received
        self._stream = stream

    async def send(self, data: bytes) -> None:
        """Send *data*."""
        await self._stream.send_all(data)

    async def hang_up(self) -> None:
        """End the connection in order."""
        await self._stream.aclose()

    async def reset(self) -> None:
        """Break the connection off."""
        stream = (
            self._stream if isinstance(self._stream, trio.SocketStream) else self._stream.transport_stream
        )
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        await trio.aclose_forcefully(stream)

    async def until_gone(self) -> None:
        """Wait until the client has ended the connection."""
        try:
            while await self._stream.receive_some(_CHUNK):
                pass
        except trio.BrokenResourceError:
            return

    async def send_until_gone(self, data: bytes) -> None:
        """Send *data* again and again, until the client ends the connection or `MAX_SENT` is reached."""
        block = data * max(1, _CHUNK // len(data))
        for _ in range(MAX_SENT // len(block)):
            await self._stream.send_all(block)


@asynccontextmanager
async def listening(
    handle: Callable[[trio.SocketStream], Awaitable[object]], *, address: str = LOOPBACK, port: int = 0
) -> AsyncIterator[int]:
    """Call *handle* for each connection while the block lasts; yield the port.

    Raises:
        unittest.SkipTest: this machine has no such address.
    """
    try:
        listeners = await trio.open_tcp_listeners(port, host=address)
    except OSError as error:
        raise SkipTest(f"nothing can listen on {address} here: {error}") from error
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, listeners))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel(reason="the check is over")


@asynccontextmanager
async def playing(
    play: Play, *, address: str = LOOPBACK, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Play *play*, or send it, after each request, while the block lasts.

    Args:
        play: what to do once a request is there; the next one is read when it
            has returned, unless it has ended the connection.
        address: the IP address to listen on.
        port: the TCP port; any that is free by default.
        tls: the server's side of TLS, if there is one.

    Raises:
        unittest.SkipTest: this machine has no such address.
    """
    server = Server(scheme="https" if tls else "http", address=address, port=port)
    async with listening(partial(_serve, server, play, tls), address=address, port=port) as server.port:
        yield server


async def _serve(server: Server, play: Play, tls: ssl.SSLContext | None, plain: trio.SocketStream) -> None:
    server.connections += 1
    stream: Stream = plain
    if tls is not None:
        stream = trio.SSLStream(plain, tls, server_side=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError:
            server.refused += 1
            return
    try:
        await _converse(server, play, stream, server.connections)
    except h11.RemoteProtocolError as error:
        server.complaints.append(str(error))
    except trio.BrokenResourceError:
        server.gone += 1
    except trio.ClosedResourceError:
        return  # *play* has ended it


async def _converse(server: Server, play: Play, stream: Stream, connection: int) -> None:
    """Answer request after request, until the client hangs up."""
    rest = b""
    number = 0
    while True:
        # What is answered is none of h11's business: each request is read by a fresh one.
        reader = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
        if rest:  # to h11, no bytes are the end
            reader.receive_data(rest)
        number += 1
        received = await _receive(stream, reader, connection, number)
        if received is None:
            server.gone += 1
            return
        rest = reader.trailing_data[0]
        server.received.append(received)
        if isinstance(play, bytes):
            await stream.send_all(play)
        else:
            await play(Dialog(server, stream, received))


async def _receive(stream: Stream, reader: h11.Connection, connection: int, number: int) -> Received | None:
    """Return the next request; None if the client hangs up before its end."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = reader.next_event()
        if event is h11.NEED_DATA:
            data = await stream.receive_some(_CHUNK)
            if not data:
                return None
            reader.receive_data(bytes(data))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            break
        else:
            return None
    return Received(
        method=request.method.decode("latin-1"),
        target=request.target.decode("latin-1"),
        headers=tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw_items()
        ),
        body=bytes(body),
        connection=connection,
        number=number,
    )


@contextmanager
def nobody_listening() -> Iterator[int]:
    """Yield a TCP port on which connections are refused while the block lasts."""
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))  # taken, and not listening
        yield bound.getsockname()[1]


@contextmanager
def never_accepting() -> Iterator[int]:
    """Yield a TCP port on which connecting never ends, neither well nor badly, while the block lasts.

    Raises:
        unittest.SkipTest: this system refuses connections when a queue is full.
    """
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        for _ in range(_FILLERS):
            filler = opened.enter_context(socket.socket())
            filler.settimeout(_FULL)
            try:
                filler.connect(listener.getsockname())
            except TimeoutError:
                break
            except OSError as error:
                raise SkipTest(
                    f"a full queue of connections refuses here, and does not wait: {error}"
                ) from error
        else:
            raise SkipTest(f"{_FILLERS} connections did not fill a queue for one")
        yield listener.getsockname()[1]
