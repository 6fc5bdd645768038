"""HTTP/1.1 over connections of our own, to judged addresses, kept alive between hops.

The protocol is h11's, the engine under httpx and httpcore. The connections are
not httpcore's. Its pool resolves names itself, keeps slots that nothing will ever
use when it is cancelled at the wrong moment, and goes over all its connections
with each request; its connections take interim responses without end, and what a
server sends beyond one response for the next.
"""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Final, NamedTuple, final

import h11
import trio

from .._errors import FetchError
from .._urls import Parts, split
from .descriptors import opened
from .idle import Idle
from .response import CHUNKS, check_head, in_words, limit_incomplete, make_response, too_large
from .tunnel import unauthorized

if TYPE_CHECKING:
    from .._model import Hop, Response
    from ..abc import Guard
    from .proxy import Proxy
    from .route import Route
    from .wire import Wire

# Bytes of all heads of one response, interim ones included: Chromium's limit.
_MAX_HEAD: Final = 256 * 1024
_MAX_INTERIM: Final = 100  # responses before the final one
_WANTS_CREDENTIALS: Final = 407

# RFC 9110, section 9.2.2: these can be repeated. What a server did with another can't be known.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
# RFC 9110, section 8.6: their length is told though it be 0.
_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})


class _Reply(NamedTuple):
    """The response to a request, its content read to the end."""

    head: h11.Response
    body: bytes


@final
class _Connection:
    """A connection, and the state of HTTP on it."""

    __slots__ = ("_http", "_size", "wire")

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._size = 0  # bytes that came for the present response

    def is_fresh(self) -> bool:
        """Whether a request can be made: open, and nothing has come in that nobody asked for."""
        return self.wire.is_fresh()

    def close(self) -> None:
        """Close it, at once."""
        self.wire.close()

    async def converse(self, request: h11.Request, hop: Hop) -> _Reply:
        """Make *request*, which is *hop*; whatever goes wrong closes the connection.

        Raises:
            FetchError: the response is none, or not to be had whole.
            h11.RemoteProtocolError: it is no HTTP.
            trio.BrokenResourceError: the connection broke.
        """
        try:
            await self._send(request, hop.body)
            head = await self._head()
            version = head.http_version.decode("ascii")
            check_head(head.status_code, head.headers.raw_items(), hop, http_version=version)
            return _Reply(head, await self._content(hop))
        except BaseException:
            self.wire.close()
            raise

    async def converse_again(self, request: h11.Request, hop: Hop) -> _Reply | None:
        """Do the same on a kept connection; None if the server had closed it, and *hop* can be repeated."""
        self.wire.answered = False
        try:
            return await self.converse(request, hop)
        except (h11.RemoteProtocolError, trio.BrokenResourceError):
            if self.wire.answered or hop.method not in _IDEMPOTENT:
                raise
            return None

    def renew(self) -> bool:
        """Make it ready for the next request; return whether it can have one."""
        http = self._http
        leftover, ended = http.trailing_data
        if leftover or ended or not (http.our_state is http.their_state is h11.DONE):
            return False
        http.start_next_cycle()
        self._size = 0
        return True

    async def _send(self, request: h11.Request, body: bytes | None) -> None:
        http = self._http
        data = http.send(request) or b""
        if body:
            data += http.send(h11.Data(data=body)) or b""
        http.send(h11.EndOfMessage())
        try:
            await self.wire.send(data)
        except trio.BrokenResourceError:
            # The server may have answered before it had the whole request, and hung up (RFC 9112,
            # section 9.6); whether it has, reading tells.
            await trio.lowlevel.checkpoint()

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            before_head = self._http.their_state is h11.SEND_RESPONSE
            if before_head and self._size > _MAX_HEAD:
                raise FetchError("protocol", f"the header is larger than {_MAX_HEAD:,} bytes")
            data = await self.wire.receive()
            if before_head and not data:
                raise h11.RemoteProtocolError("the server closed the connection before there was a response")
            self._size += len(data)
            self._http.receive_data(data)
        return event

    async def _head(self) -> h11.Response:
        self.wire.expect_head()
        limit_incomplete(self._http, _MAX_HEAD)
        interim = 0
        while isinstance(event := await self._event(), h11.InformationalResponse):
            interim += 1
            if interim > _MAX_INTERIM:
                raise FetchError("protocol", f"more than {_MAX_INTERIM} interim responses and no final one")
        self.wire.end_head()
        if isinstance(event, h11.Response):
            return event
        raise FetchError("protocol", "the server went over to another protocol")

    async def _content(self, hop: Hop) -> bytes:
        gathered = BytesIO()
        limit_incomplete(self._http)
        number = 0
        while isinstance(event := await self._event(), h11.Data):
            number += 1
            if number % CHUNKS == 0:
                await trio.lowlevel.checkpoint()
            if gathered.tell() + len(event.data) > hop.max_bytes:
                raise too_large(hop)
            gathered.write(event.data)
        return gathered.getvalue()


@final
class Http11:
    """Makes hops over connections that it keeps and closes.

    Args:
        route: opens them.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._idle: Idle[_Connection] = Idle()

    def close(self) -> None:
        """Close the connections that are idle, and those in use when their response is there."""
        self._idle.close()
        self._idle = Idle()

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
        idle = self._idle
        try:
            request = _request(hop, parts, self._route.proxy)
            # By the origin also where the connection leads to a proxy that would take requests for any:
            # what one origin sends can then never be taken for an answer of another.
            connection = idle.take(parts.origin, started)
            reply = await connection.converse_again(request, hop) if connection else None
            if connection is None or reply is None:
                opening = partial(self._route.open, parts, hop.addresses, guard)
                connection = _Connection(await opened(opening, idle.close))
                reply = await connection.converse(request, hop)
        except FetchError as error:
            if error.ours or error.message.startswith(hop.url):
                raise
            raise FetchError(error.kind, f"{hop.url}: {error.message}") from error
        except h11.ProtocolError as error:
            raise FetchError("protocol", f"{hop.url}: {in_words(error)}") from error
        except trio.BrokenResourceError as error:
            raise FetchError("protocol", f"{hop.url}: the connection broke") from error
        if idle is self._idle and connection.renew():
            idle.put(parts.origin, connection, trio.current_time())
        else:
            connection.close()
        proxy = self._route.proxy
        if (
            proxy is not None
            and _answers_itself(proxy, parts)
            and reply.head.status_code == _WANTS_CREDENTIALS
        ):
            raise FetchError("connect", f"{hop.url}: {unauthorized(proxy, _WANTS_CREDENTIALS).message}")
        return make_response(
            hop,
            status=reply.head.status_code,
            headers=reply.head.headers.raw_items(),
            body=reply.body,
            http_version=reply.head.http_version.decode("ascii"),
            address=connection.wire.address,
            started=started,
        )


def _answers_itself(proxy: Proxy, parts: Parts) -> bool:
    """Return whether *proxy* answers requests itself, rather than pass bytes on as a tunnel."""
    return parts.scheme == "http" and not proxy.is_socks


def _request(hop: Hop, parts: Parts, proxy: Proxy | None) -> h11.Request:
    """Return what is sent for *hop*: its own fields, ``Host``, and what frames the content.

    Raises:
        FetchError: that can't be sent.
    """
    authority = parts.origin.partition("//")[2]
    fields = [("Host", authority), *hop.headers]
    # What the URL standard left as it is must not be escaped anew.
    target = f"/{hop.url.split('/', 3)[3]}"
    if proxy is not None and _answers_itself(proxy, parts):
        target = parts.origin + target  # RFC 9112, section 3.2.2
        if proxy.basic is not None:
            fields.append(("Proxy-Authorization", proxy.basic))
    if hop.body or hop.method in _WITH_CONTENT:
        fields.append(("Content-Length", str(len(hop.body or b""))))
    try:
        return h11.Request(
            method=hop.method.encode("ascii"),
            target=target.encode("utf-8"),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields],
        )
    except (UnicodeEncodeError, h11.LocalProtocolError) as error:
        raise FetchError("protocol", f"the request can't be sent: {error}") from error
