"""HTTP/1.1 by asks, over connections of our own.

Of asks this is the part that makes a request and takes its response
(``RequestProcessor``). Its sessions are left out: they resolve names themselves,
follow redirects, queue behind a semaphore, search all connections for each
request, and use anyio for it, which on today's trio fails in the version that
asks is bound to (it wants ``trio.MultiError``). Without them no function of
anyio is called.

What asks adds to a request, and what it makes of the fields of a response, is
kept away from it: see `_Exchange`.
"""

from __future__ import annotations

from functools import lru_cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import h11
import trio
from asks.errors import AsksException
from asks.request_object import RequestProcessor

from .._errors import FetchError
from .._urls import Parts, split
from .descriptors import opened
from .idle import Idle
from .response import CHUNKS, check_head, limit_incomplete, make_response, too_large

if TYPE_CHECKING:
    from .._model import Hop, Response
    from ..abc import Guard
    from .route import Route
    from .wire import Wire

# Bytes of all heads of one response, interim ones included: Chromium's limit.
_MAX_HEAD: Final = 256 * 1024
_MAX_INTERIM: Final = 100  # responses before the final one
_AROUND: Final = 4  # bytes of a field beside name and value: a colon, a space, an end of line
_TOO_LARGE: Final = 431  # the status by which h11 would have a server say so

# RFC 9110, section 9.2.2: these can be repeated. What a server did with another can't be known.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
# RFC 9110, section 8.6: their length is told though it be 0.
_WITH_CONTENT: Final = frozenset({"POST", "PUT", "PATCH"})


class _Exchange(RequestProcessor):  # type: ignore[misc] # asks has no types
    """One request and its response, made by asks.

    It sees of both what it needs and understands. The request that it puts
    together, with fields of its own and the path quoted anew, is exchanged for
    that of the hop, before it is sent. Of the response it is not shown the
    fields, of which it would lose some, fail over others, and take yet others
    for reasons to wait for content or not to; but an end that is to be waited
    for. What marks that end, h11 knows.
    """

    def __init__(self, hop: Hop, request: h11.Request, wire: Wire) -> None:
        super().__init__(
            None,
            hop.method,
            hop.url,
            "",  # the port, for the field Host of the request that is not sent
            headers={"Connection": "keep-alive"},  # otherwise asks closes the connection at its end
            sock=wire,
            encoding="utf-8",
            follow_redirects=False,
            callback=self._take,
        )
        self._hop = hop
        self._request = request
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._interim = 0
        self._head_size = 0
        self._content = BytesIO()
        self._chunks = 0
        self._wire = wire
        wire.expect_head()
        self._head: h11.Response | None = None

    async def made(self) -> h11.Response:
        """Make the request; return the final response, and have its content."""
        await self.make_request()
        assert self._head is not None  # noqa: S101 - asks has waited for it
        return self._head

    @property
    def content(self) -> bytes:
        """The content that came."""
        return self._content.getvalue()

    @property
    def reusable(self) -> bool:
        """Whether both sides are through with this, keep the connection, and nothing else came over it."""
        leftover, ended = self._parser.trailing_data
        through = self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE
        return through and not leftover and not ended

    async def _request_io(self, _request: h11.Request, _body: object, _parser: h11.Connection) -> Any:  # noqa: ANN401
        body = h11.Data(data=self._hop.body) if self._hop.body else None
        return await super()._request_io(self._request, body, self._parser)

    async def _send(self, request: h11.Request, body: h11.Data | None, parser: h11.Connection) -> None:
        try:
            await super()._send(request, body, parser)
        except trio.BrokenResourceError:
            # The server may have answered before it had the whole request, and hung up (RFC 9112,
            # section 9.6); whether it has, reading tells.
            await trio.lowlevel.checkpoint()

    async def _recv_event(self, parser: h11.Connection) -> Any:  # noqa: ANN401 - one of h11's, a sentinel too
        while True:
            event = await super()._recv_event(parser)
            if isinstance(event, (h11.InformationalResponse, h11.Response)):
                self._count(event)
            if isinstance(event, h11.Response):
                self._check(event)
                self._head = event
                self._wire.end_head()
                limit_incomplete(parser)
                return _shown(event.status_code)
            if not isinstance(event, h11.InformationalResponse):
                if self._head is None:
                    raise FetchError("protocol", "the server went over to another protocol")
                return event

    def _count(self, event: h11.InformationalResponse | h11.Response) -> None:
        """Bound what comes before the content."""
        self._interim += isinstance(event, h11.InformationalResponse)
        if self._interim > _MAX_INTERIM:
            raise FetchError("protocol", f"more than {_MAX_INTERIM} interim responses and no final one")
        self._head_size += sum(len(name) + len(value) + _AROUND for name, value in event.headers)
        if self._head_size > _MAX_HEAD:
            raise FetchError("protocol", f"the header is larger than {_MAX_HEAD:,} bytes")

    def _check(self, head: h11.Response) -> None:
        """Look whether *head* is that of a response worth reading."""
        version = head.http_version.decode("ascii")
        check_head(head.status_code, head.headers.raw_items(), self._hop, http_version=version)

    async def _take(self, data: bytes) -> None:
        self._chunks += 1
        if self._chunks % CHUNKS == 0:
            await trio.lowlevel.checkpoint()
        if self._content.tell() + len(data) > self._hop.max_bytes:
            raise too_large(self._hop)
        self._content.write(data)


@lru_cache(maxsize=1000)
def _shown(status: int) -> h11.Response:
    """Return what asks is shown of a response: a field that makes it expect content until the end."""
    return h11.Response(status_code=status, headers=[(b"Connection", b"close")], http_version=b"1.1")


def _request(hop: Hop, origin: str) -> h11.Request:
    """Return what is sent for *hop*: its own fields, ``Host``, and what frames the content.

    Raises:
        FetchError: that can't be sent.
    """
    fields = [("Host", origin.partition("//")[2]), *hop.headers]
    if hop.body or hop.method in _WITH_CONTENT:
        fields.append(("Content-Length", str(len(hop.body or b""))))
    try:
        return h11.Request(
            method=hop.method.encode("ascii"),
            # What the URL standard left as it is must not be escaped anew.
            target=b"/" + hop.url.split("/", 3)[3].encode("utf-8"),
            headers=[(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields],
        )
    except (UnicodeEncodeError, h11.LocalProtocolError) as error:
        raise FetchError("protocol", f"the request can't be sent: {error}") from error


class _Reply(NamedTuple):
    """The response to a request: its head, its content, and the address that it came from."""

    head: h11.Response
    content: bytes
    address: str


@final
class Client:
    """Makes hops, over connections that it keeps and closes.

    Args:
        route: opens them.
        guard: the judge of the addresses that hops name.
    """

    def __init__(self, route: Route, guard: Guard) -> None:
        self._route = route
        self._guard = guard
        self._idle: Idle[Wire] = Idle()
        # Not a scope for each hop: with a thousand of them, cancelling all takes a quarter longer.
        self._connecting: set[trio.CancelScope] = set()
        self._busy: set[Wire] = set()
        self._landed = trio.Event()

    async def end(self) -> None:
        """End every hop, with a `trio.ClosedResourceError`."""
        for scope in self._connecting:
            scope.cancel(reason="the fetcher is closed")
        for wire in self._busy:
            wire.close()
        while self._connecting or self._busy:
            self._landed = trio.Event()
            await self._landed.wait()

    def close(self) -> None:
        """Close the connections that are idle: all, after `end`."""
        self._idle.close()

    async def exchange(self, hop: Hop) -> Response:
        """Make one request and return its response.

        Raises:
            FetchError: there is no response.
            trio.ClosedResourceError: this was closed meanwhile.
        """
        try:
            return await self._exchange(hop)
        except FetchError as error:
            if error.ours or error.message.startswith(hop.url):
                raise
            raise FetchError(error.kind, f"{hop.url}: {error.message}") from error
        except (h11.ProtocolError, AsksException, trio.BrokenResourceError) as error:
            raise FetchError("protocol", f"{hop.url}: {_in_words(error)}") from error
        except trio.ClosedResourceError as error:
            raise trio.ClosedResourceError("this Asks was closed while it fetched") from error

    async def _exchange(self, hop: Hop) -> Response:
        started = trio.current_time()
        parts = split(hop.url)
        request = _request(hop, parts.origin)
        reply = await self._again(hop, request, parts.origin) or await self._anew(hop, request, parts)
        return make_response(
            hop,
            status=reply.head.status_code,
            headers=reply.head.headers.raw_items(),
            body=reply.content,
            http_version=reply.head.http_version.decode("ascii"),
            address=reply.address,
            started=started,
        )

    async def _again(self, hop: Hop, request: h11.Request, origin: str) -> _Reply | None:
        """Make *hop* on a kept connection; None if there is none, or the server has closed it.

        The latter shows by no answer at all. Only a request that can be repeated
        is repeated then.
        """
        wire = self._idle.take(origin, trio.current_time())
        if wire is None:
            return None
        wire.answered = False
        try:
            return await self._converse(hop, request, origin, wire)
        except (h11.RemoteProtocolError, trio.BrokenResourceError):
            if wire.answered or hop.method not in _IDEMPOTENT:
                raise
            return None

    async def _anew(self, hop: Hop, request: h11.Request, parts: Parts) -> _Reply:
        """Make *hop* on a new connection."""
        with trio.CancelScope() as scope:
            self._connecting.add(scope)
            try:
                opening = partial(self._route.open, parts, hop.addresses, self._guard)
                wire = await opened(opening, self._idle.close)
            finally:
                self._connecting.remove(scope)
                self._landed.set()
        if scope.cancelled_caught:
            raise trio.ClosedResourceError
        return await self._converse(hop, request, parts.origin, wire)

    async def _converse(self, hop: Hop, request: h11.Request, origin: str, wire: Wire) -> _Reply:
        """Make *hop* on *wire*, which is kept after it, or closed whatever goes wrong."""
        self._busy.add(wire)
        try:
            exchange = _Exchange(hop, request, wire)
            head = await exchange.made()
        except BaseException:
            wire.close()
            raise
        finally:
            self._busy.remove(wire)
            self._landed.set()
        if exchange.reusable:
            self._idle.put(origin, wire, trio.current_time())
        else:
            wire.close()
        return _Reply(head, exchange.content, wire.address)


def _in_words(error: Exception) -> str:
    """Return what *error* says, in words that say it to a person where its own don't."""
    if isinstance(error, trio.BrokenResourceError):
        return "the connection broke"
    if isinstance(error, h11.RemoteProtocolError) and error.error_status_hint == _TOO_LARGE:
        return f"the header, or a line between chunks, is larger than {_MAX_HEAD:,} bytes"
    return str(error) or type(error).__name__
