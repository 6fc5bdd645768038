"""HTTP/1.1 over connections of our own, to judged addresses, kept alive between hops.

The protocol is httpcore's, the engine under httpx. The connections and the
keeping of them are not: httpcore's pool resolves names itself, keeps slots that
nothing will ever use when it is cancelled at the wrong moment, and goes over
all its connections with each request.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, cast, final

import certifi
import httpcore
import trio

from .._errors import FetchError
from .._urls import Parts, split
from .connect import TlsStream, connect, start_tls
from .response import check_head, failure, gather, make_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterator

    from .._model import Hop, Response
    from ..abc import Guard

# Idle connections kept at the most, of all origins together; beyond it the longest unused is closed.
_MAX_IDLE: Final = 100
# Seconds that an idle connection is kept. Servers close theirs after 5 to 75 and are believed; this
# is for those that never do. It is longer than most delays between two pages of one host.
_KEEP_ALIVE: Final = 90.0
# RFC 9110, section 9.2.2: these can be repeated. What a server did with another can't be known.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
# RFC 9110, section 8.6: their length is told though it be 0.
_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})


class _Wire(httpcore.AsyncNetworkStream):
    """A socket as httpcore takes it. Closing never waits, so nothing can cut it short."""

    def __init__(self, stream: trio.SocketStream | TlsStream, socket: trio.socket.SocketType) -> None:
        self._stream = stream
        self._socket = socket
        self.answered = False
        """Whether anything came in since this was last set to False."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        try:
            data = await self._stream.receive_some(max_bytes)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.ReadError("the connection broke") from error
        self.answered = self.answered or bool(data)
        return bytes(data)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.WriteError("the connection broke") from error

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        # No farewell in TLS: it would tell the server that nothing is missing, and it got all it gets.
        self._socket.close()

    def get_extra_info(self, info: str) -> bool | None:
        return self._socket.is_readable() if info == "is_readable" else None


class _Content:
    """The content of a request, as often as it is asked for.

    httpcore makes an asynchronous generator of bytes, which would be left half-way
    when sending is cancelled, for the garbage collector to end. This has no state
    that needs an end.
    """

    def __init__(self, body: bytes | None) -> None:
        self._body = body
        self._rest: Iterator[bytes] = iter(())

    def __aiter__(self) -> _Content:
        self._rest = iter((self._body,) if self._body else ())
        return self

    async def __anext__(self) -> bytes:
        for part in self._rest:
            return part
        raise StopAsyncIteration


class _Reply(NamedTuple):
    """The response to a request, its content read to the end."""

    head: httpcore.Response
    body: bytes


@dataclass(frozen=True, slots=True)
class _Connection:
    """A connection: its HTTP side, its socket, and the address it leads to."""

    http: httpcore.AsyncHTTP11Connection
    wire: _Wire
    address: str

    async def converse(self, request: httpcore.Request, hop: Hop) -> _Reply:
        """Make *request*, which is *hop*; whatever goes wrong closes the connection."""
        try:
            head = await self.http.handle_async_request(request)
            check_head(head.status, head.headers, hop)
            # By its type it could be a stream for threads, which this connection never makes.
            body = await gather(cast("AsyncIterable[bytes]", head.stream), hop)
            await head.aclose()
        except BaseException:
            self.wire.close()
            raise
        return _Reply(head, body)

    async def converse_again(self, request: httpcore.Request, hop: Hop) -> _Reply | None:
        """Do the same on a kept connection; None if the server had closed it, and *hop* can be repeated."""
        self.wire.answered = False
        try:
            return await self.converse(request, hop)
        except (httpcore.NetworkError, httpcore.RemoteProtocolError):
            if self.wire.answered or hop.method not in _IDEMPOTENT:
                raise
            return None


class _Idle:
    """Connections that wait for their next request, by origin, the longest unused origin first."""

    def __init__(self) -> None:
        self._by_origin: dict[str, list[_Connection]] = {}
        self._count = 0
        self._closed = False

    def take(self, origin: str) -> _Connection | None:
        """Return a connection to *origin* that looks usable; None if there is none."""
        kept = self._by_origin.pop(origin, [])
        found = None
        while kept and found is None:
            connection = kept.pop()
            self._count -= 1
            if connection.http.has_expired():  # or was closed by the server
                connection.wire.close()
            else:
                found = connection
        if kept:
            self._by_origin[origin] = kept
        return found

    def put(self, origin: str, connection: _Connection) -> None:
        """Keep *connection*, unless it can't be used again; close the oldest if there are too many."""
        if self._closed or not connection.http.is_available():
            connection.wire.close()
            return
        kept = self._by_origin.pop(origin, [])
        kept.append(connection)
        self._by_origin[origin] = kept
        self._count += 1
        if self._count > _MAX_IDLE:
            oldest, longest_unused = next(iter(self._by_origin.items()))
            longest_unused.pop(0).wire.close()
            self._count -= 1
            if not longest_unused:
                del self._by_origin[oldest]

    def close(self) -> None:
        """Close every connection, and each that is still in use as soon as it is put back."""
        self._closed = True
        for kept in self._by_origin.values():
            for connection in kept:
                connection.wire.close()
        self._by_origin.clear()


@final
class Http11:
    """Makes hops over connections of its own.

    Args:
        ssl_context: says which certificates are trusted; by default the
            authorities of certifi.
    """

    def __init__(self, ssl_context: ssl.SSLContext | None = None) -> None:
        self._ssl_context = ssl_context
        self._idle = _Idle()

    def close(self) -> None:
        """Close the connections that are idle, and those in use when their response is there."""
        self._idle.close()
        self._idle = _Idle()

    async def exchange(self, hop: Hop, guard: Guard) -> Response:
        """Make one request and return its response.

        An idempotent request on a connection that turns out to have been closed
        by the server is made once more, on a new one.

        Args:
            hop: the request.
            guard: the judge of the addresses that *hop* names.

        Raises:
            FetchError: there is no response.
        """
        started = trio.current_time()
        parts = split(hop.url)
        request = _request(hop, parts)
        idle = self._idle
        try:
            connection = idle.take(parts.origin)
            reply = await connection.converse_again(request, hop) if connection else None
            if connection is None or reply is None:
                connection = await self._connect(hop, parts, guard)
                reply = await connection.converse(request, hop)
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise failure(error, hop.url) from error
        idle.put(parts.origin, connection)
        return make_response(
            hop,
            status=reply.head.status,
            headers=reply.head.headers,
            body=reply.body,
            http_version=reply.head.extensions["http_version"].decode("ascii"),
            address=connection.address,
            started=started,
        )

    async def _connect(self, hop: Hop, parts: Parts, guard: Guard) -> _Connection:
        stream, address = await connect(parts.hostname, parts.port, hop.addresses, guard)
        if parts.scheme == "https":
            wire = _Wire(await start_tls(stream, self._trust(), parts.hostname), stream.socket)
        else:
            wire = _Wire(stream, stream.socket)
        origin = httpcore.URL(parts.origin).origin
        http = httpcore.AsyncHTTP11Connection(origin, wire, keepalive_expiry=_KEEP_ALIVE)
        return _Connection(http, wire, address)

    def _trust(self) -> ssl.SSLContext:
        # Made when it is needed, since it takes 22 ms, and only once.
        if self._ssl_context is None:
            self._ssl_context = ssl.create_default_context(cafile=certifi.where())
            self._ssl_context.set_alpn_protocols(["http/1.1"])
        return self._ssl_context


def _request(hop: Hop, parts: Parts) -> httpcore.Request:
    """Return *hop* as httpcore takes it, to be sent byte for byte.

    Raises:
        FetchError: a header field can't be sent.
    """
    fields = [("Host", parts.origin.partition("//")[2]), *hop.headers]
    if hop.body or hop.method in _WITH_CONTENT:
        fields.append(("Content-Length", str(len(hop.body or b""))))
    try:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    except UnicodeEncodeError as error:
        raise FetchError(
            "protocol", f"{hop.url}: a header field of the request is not Latin-1: {error}"
        ) from error
    # What the URL standard left as it is must not be escaped anew, as httpx.URL would.
    url = httpcore.URL(
        scheme=parts.scheme.encode(),
        host=parts.hostname.encode(),
        port=parts.port,
        target=b"/" + hop.url.split("/", 3)[3].encode(),
    )
    return httpcore.Request(hop.method, url, headers=headers, content=_Content(hop.body))
