"""The checks of HTTP/2: neighbours on one connection, and a server for them."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import trio

from .._model import Hop, Response
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import expect, expect_unless
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import LOOPBACK, listening
from ._fetcher_check_tls import missing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import h2.connection
    import h2.events

    from ._fetcher_check_bench import Asker, Bench

    Stream = trio.SSLStream[trio.SocketStream]

_NAME: Final = "http2.check.test"
_NEIGHBOURS: Final = 40  # below 100, the least that a server should take at once: RFC 9113, section 6.5.2
_VICTIMS: Final = 10
_SIZE: Final = 100_000  # bytes of a body: more than the 65,535 that may be sent unasked
_CHUNK: Final = 16_384  # of a frame, at the most: RFC 9113, section 4.2
_RECEIVED: Final = 65_536


@dataclass(slots=True, kw_only=True)
class _Server:
    """A server of HTTP/2, which answers with half a body, and with the rest when it is told to.

    Args:
        connections: how many came to speak HTTP/2.
        others: how many came to speak something else.
        begun: paths whose first half is sent, or on its way.
        changed: is replaced and set whenever one is added.
        finish: set when the rest may be sent.
        given_up: paths that the client has reset.
    """

    port: int = 0
    connections: int = 0
    others: int = 0
    begun: set[str] = field(default_factory=set)
    changed: trio.Event = field(default_factory=trio.Event)
    finish: trio.Event = field(default_factory=trio.Event)
    given_up: set[str] = field(default_factory=set)

    def hop(self, path: str) -> Hop:
        """Return a request of *path*; only below ``/wait/`` is waited for `finish`."""
        return Hop(url=f"https://{_NAME}:{self.port}{path}", addresses=(LOOPBACK,))

    async def has_begun(self, number: int) -> None:
        """Return when *number* paths have."""
        while len(self.begun) < number:
            await self.changed.wait()


async def http2(bench: Bench) -> None:
    """Where the server agrees to HTTP/2 it is spoken, over one connection, and says so."""
    async with _serving(bench) as server, bench.opened() as fetcher:
        server.finish.set()
        for number in range(3):
            await _expect_http2(fetcher, server, f"/{number}")
        expect(server.connections == 1, contract.SHARED, asked="three requests", came=_seen(server))
        responses = await _all(fetcher, server, [f"/together/{number}" for number in range(_NEIGHBOURS)])
        for path, response in responses.items():
            _expect_whole(path, response)
        expect(
            server.connections == 1,
            contract.SHARED,
            asked=f"{_NEIGHBOURS} requests at once",
            came=_seen(server),
        )


async def http2_neighbours(bench: Bench) -> None:
    """Cancelling fetches on a shared connection ends these, and leaves their neighbours undisturbed."""
    async with _serving(bench) as server, bench.opened() as fetcher:
        await _expect_http2(fetcher, server, "/first")
        victims = [f"/wait/victim/{number}" for number in range(_VICTIMS)]
        neighbours = [f"/wait/neighbour/{number}" for number in range(_NEIGHBOURS)]

        async def cancel() -> None:
            async with trio.open_nursery() as doomed:
                for path in victims:
                    doomed.start_soon(fetcher.response, server.hop(path))
                await server.has_begun(1 + _VICTIMS + _NEIGHBOURS)
                doomed.cancel_scope.cancel(reason="the check is about that")
            await fetcher.response(server.hop("/after"), "neighbours wait, and others were cancelled")
            server.finish.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel)
            responses = await _all(fetcher, server, neighbours)
        for path, response in responses.items():
            _expect_whole(path, response)
        expect(
            server.given_up >= set(victims) and not server.given_up & set(neighbours),
            contract.CANCELLING,
            asked=f"to cancel {_VICTIMS} of {_VICTIMS + _NEIGHBOURS} requests of one connection",
            came=f"the server was told to stop {sorted(server.given_up)}",
        )
        expect(server.connections == 1, contract.SHARED, asked="50 requests at once", came=_seen(server))


async def _expect_http2(fetcher: Asker, server: _Server, path: str) -> None:
    response = await fetcher.response(server.hop(path), "the server speaks HTTP/2 and HTTP/1.1")
    expect_unless(
        "http2",
        response.http_version == "2",
        contract.SHARED,
        asked=f"GET {response.url}, whose server agrees to HTTP/2",
        came=brief(response),
    )
    _expect_whole(path, response)


def _expect_whole(path: str, response: Response) -> None:
    names = [name for name, _ in response.headers]
    expect(
        response.status == 200 and response.body == _body(path) and names == ["x-path", "x-again", "x-again"],  # noqa: PLR2004 - as sent
        contract.CANCELLING,
        asked=f"GET {path} by HTTP/2: 200, {_SIZE:,} bytes, the fields x-path, x-again, x-again",
        came=brief(response),
    )


async def _all(fetcher: Asker, server: _Server, paths: list[str]) -> dict[str, Response]:
    """Ask for *paths*, all at once."""
    responses: dict[str, Response] = {}

    async def ask(path: str) -> None:
        responses[path] = await fetcher.response(server.hop(path), "others are asked for at the same time")

    async with trio.open_nursery() as nursery:
        for path in paths:
            nursery.start_soon(ask, path)
    return responses


def _seen(server: _Server) -> str:
    return f"{server.connections} connections of HTTP/2, {server.others} of HTTP/1.1"


def _body(path: str) -> bytes:
    return (path.encode() + b" ") * (_SIZE // (len(path) + 1))


@asynccontextmanager
async def _serving(bench: Bench) -> AsyncIterator[_Server]:
    """Yield a server of HTTP/2 and, for who wants no better, of HTTP/1.1.

    Raises:
        MissingExtraError: h2, which speaks HTTP/2, is not installed.
    """
    _server_side()  # here, and not in a task of the server, it says what is missing
    context = bench.authority.good(_NAME, alpn=("h2", "http/1.1"))
    server = _Server()

    async def talk(plain: trio.SocketStream) -> None:
        stream = trio.SSLStream(plain, context, server_side=True, https_compatible=True)
        try:
            await stream.do_handshake()
            if stream.selected_alpn_protocol() == "h2":
                server.connections += 1
                async with trio.open_nursery() as nursery:
                    await _Connection(server, stream, nursery).run()
            else:
                server.others += 1
                await stream.receive_some()
                await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await stream.receive_some()
        except* (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has hung up, perhaps while answers were on their way

    async with listening(talk) as server.port:
        yield server


class _Connection:
    """One connection of HTTP/2, on the server's side."""

    def __init__(self, server: _Server, stream: Stream, nursery: trio.Nursery) -> None:
        self._server = server
        self._stream = stream
        self._nursery = nursery
        self._http = _server_side()
        self._sending = trio.Lock()
        self._window = trio.Event()
        self._paths: dict[int, str] = {}
        self._scopes: defaultdict[int, trio.CancelScope] = defaultdict(trio.CancelScope)

    async def run(self) -> None:
        """Answer until the client has had enough."""
        self._http.initiate_connection()
        await self._flush()
        while data := await self._stream.receive_some(_RECEIVED):
            for event in self._http.receive_data(data):
                self._handle(event)
            self._window.set()
            self._window = trio.Event()
            await self._flush()
        self._nursery.cancel_scope.cancel(reason="the client hung up")

    def _handle(self, event: h2.events.Event) -> None:
        import h2.events as kinds  # noqa: PLC0415 - it is there, since the connection is

        if isinstance(event, kinds.RequestReceived) and event.headers and event.stream_id:
            fields = {bytes(name): bytes(value) for name, value in event.headers}
            self._paths[event.stream_id] = fields[b":path"].decode()
            self._nursery.start_soon(self._answer, event.stream_id)
        elif isinstance(event, kinds.StreamReset) and event.stream_id:
            self._server.given_up.add(self._paths[event.stream_id])
            self._scopes[event.stream_id].cancel(reason="the client has reset the stream")

    async def _answer(self, stream_id: int) -> None:
        with self._scopes[stream_id]:
            path = self._paths[stream_id]
            fields = [(":status", "200"), ("x-path", path), ("x-again", "1"), ("x-again", "2")]
            self._http.send_headers(stream_id, fields)
            body = _body(path)
            half = 1000  # well within the client's window, so that it gets there
            await self._send(stream_id, body[:half])
            self._server.begun.add(path)
            changed, self._server.changed = self._server.changed, trio.Event()
            changed.set()
            if path.startswith("/wait/"):
                await self._server.finish.wait()
            await self._send(stream_id, body[half:])
            self._http.end_stream(stream_id)
            await self._flush()

    async def _send(self, stream_id: int, data: bytes) -> None:
        """Send *data*, as the client's windows let it pass."""
        while data:
            size = min(self._http.local_flow_control_window(stream_id), _CHUNK, len(data))
            if size <= 0:
                await self._window.wait()
                continue
            self._http.send_data(stream_id, data[:size])
            data = data[size:]
            await self._flush()

    async def _flush(self) -> None:
        async with self._sending:
            if data := self._http.data_to_send():
                await self._stream.send_all(data)


def _server_side() -> h2.connection.H2Connection:
    try:
        from h2.config import H2Configuration  # noqa: PLC0415 - only who checks a fetcher needs it
        from h2.connection import H2Connection  # noqa: PLC0415
    except ImportError as error:
        raise missing("h2", error) from error
    return H2Connection(H2Configuration(client_side=False, header_encoding=None))


CHECKS: Final = (http2, http2_neighbours)
