"""A small HTTP/1.1 server that puts a fetcher's pages behind a real loopback socket."""

from __future__ import annotations

from contextlib import asynccontextmanager
from email.utils import formatdate
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, final

import h11
import trio

from .. import _urls
from .._errors import FetchError, UsageError
from .._model import Hop, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..abc import Fetcher

MAX_CONNECTIONS: Final = 256
"""Connections at once, above the 64 that a crawl opens by default; more wait in the listener's queue."""

IDLE_TIMEOUT: Final = 60.0
"""Seconds that a client may take for its next request, or for one part of it."""

MAX_REQUEST_BODY: Final = 10 * 1024 * 1024
"""Bytes of a request's body that are read; more of them are answered with 413."""

_CHUNK: Final = 64 * 1024
_UNLIMITED: Final = 2**63
_BODILESS: Final = frozenset({204, 304})

_OURS: Final = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length", b"upgrade"})
"""Fields that belong to one connection (RFC 9110, section 7.6.1) or frame the body: they are the server's."""

_LINGER: Final = 1.0
"""Seconds for which the rest of a refused request is read: closed at once, TCP would take the answer back."""


async def serve(
    site: Fetcher,
    *,
    origin: str,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve the pages that *site* has under *origin* over HTTP/1.1, until it is cancelled.

    ::

        base_url = await nursery.start(partial(serve, web, origin="http://site.test"))

    A request for ``http://127.0.0.1:PORT/path`` is answered with what *site* has
    at ``http://site.test/path``, whatever ``Host`` it names. Bodies and header
    fields go out as they are: links that name *origin* lead away from here, so
    write relative ones. A page that fails (`FetchError`) closes the connection
    without an answer.

    Connections are kept alive, and at most 256 are open at once. A client that
    hangs up in the middle ends nothing but its own request. An exception of a
    handler's that is no `FetchError` ends the server, in a group.

    Args:
        site: a `MemoryWeb`, or any other fetcher.
        origin: the origin of the pages, such as ``http://site.test``.
        host: the address to listen on.
        port: the port to listen on; 0 picks one that is free.
        task_status: is given the base URL once connections are accepted: scheme,
            host and port, without a slash at the end.

    Raises:
        UsageError: *origin* is no http or https URL.
        OSError: the address can't be listened on.
    """
    listeners = await _listen(origin, host, port)
    async with trio.open_nursery() as nursery:
        task_status.started(await _start(nursery, listeners, site, origin))


@asynccontextmanager
async def serving(
    site: Fetcher, *, origin: str, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """`serve` for the length of a block, which is given the base URL.

    ::

        async with serving(web, origin="http://site.test") as base_url:
            page = await trio_crawl.fetch_page(base_url + "/path", allow_private=True)

    Leaving the block closes every socket.
    """
    raised: BaseException | None = None
    listeners = await _listen(origin, host, port)
    async with trio.open_nursery() as nursery:
        base_url = await _start(nursery, listeners, site, origin)
        try:
            yield base_url
        except trio.Cancelled:
            raise
        except BaseException as error:
            if nursery.cancel_scope.cancel_called:  # The server failed, and that ended the block.
                raise
            raised = error
        nursery.cancel_scope.cancel(reason="the block was left")
    if raised is not None:  # Out here it comes out as itself, not in the nursery's group.
        raise raised


async def _listen(origin: str, host: str, port: int) -> list[trio.SocketListener]:
    if _urls.parse(origin) is None:
        raise UsageError(_urls.explain(origin))
    return await trio.open_tcp_listeners(port, host=host)


async def _start(
    nursery: trio.Nursery, listeners: list[trio.SocketListener], site: Fetcher, origin: str
) -> str:
    """Accept connections in *nursery*, and return the base URL."""
    slots = trio.Semaphore(MAX_CONNECTIONS)
    talk = partial(_talk, site, _urls.origin(_urls.parse(origin) or origin), slots)
    host, port = listeners[0].socket.getsockname()[:2]
    await nursery.start(trio.serve_listeners, talk, [_Bounded(listener, slots) for listener in listeners])
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@final
class _Bounded(trio.abc.Listener[trio.SocketStream]):
    """A listener that accepts only while there is a slot; who talks to the client gives it back."""

    def __init__(self, listener: trio.SocketListener, slots: trio.Semaphore) -> None:
        self._listener = listener
        self._slots = slots

    async def accept(self) -> trio.SocketStream:
        await self._slots.acquire()
        try:
            return await self._listener.accept()
        except BaseException:
            self._slots.release()
            raise

    async def aclose(self) -> None:
        await self._listener.aclose()


async def _talk(site: Fetcher, origin: str, slots: trio.Semaphore, stream: trio.SocketStream) -> None:
    """Answer one client until it, or we, have had enough; the listener's task closes the stream."""
    connection = h11.Connection(h11.SERVER)
    try:
        while await _exchange(site, origin, stream, connection):
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        await _refuse(stream, connection, error.error_status_hint)
    except trio.BrokenResourceError:
        return  # The client hung up, as clients do: nobody is there to be told.
    finally:
        slots.release()


async def _exchange(
    site: Fetcher, origin: str, stream: trio.SocketStream, connection: h11.Connection
) -> bool:
    """Answer one request; return whether the connection stays open for another."""
    request = await _next_event(stream, connection)
    if not isinstance(request, h11.Request):
        return False
    body = bytearray()
    while isinstance(part := await _next_event(stream, connection), h11.Data):
        body += part.data
        if len(body) > MAX_REQUEST_BODY:
            await _refuse(stream, connection, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return False
    if not isinstance(part, h11.EndOfMessage):
        return False
    hop = _hop(origin, request, bytes(body) or None)
    if hop is None:
        await _refuse(stream, connection, HTTPStatus.BAD_REQUEST)
        return False
    response = await _fetch(site, hop, stream, connection)
    if response is None or not await _send(stream, connection, _head(hop, response), response.body):
        return False
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _next_event(stream: trio.SocketStream, connection: h11.Connection) -> h11.Event:
    """Return what the client says next; `h11.ConnectionClosed` if it says nothing for too long."""
    while not isinstance(event := connection.next_event(), h11.Event):
        if connection.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            await stream.send_all(connection.send(go_on) or b"")
        with trio.move_on_after(IDLE_TIMEOUT) as idle:
            connection.receive_data(await stream.receive_some(_CHUNK))
        if idle.cancelled_caught:
            return h11.ConnectionClosed()
    return event


def _hop(origin: str, request: h11.Request, body: bytes | None) -> Hop | None:
    """Return the hop that asks *origin* for the same; None if there is no such URL."""
    target = request.target.decode("latin-1")
    if not target.startswith("/"):  # absolute-form (RFC 9112, section 3.2.2): its authority is not ours
        target = "/" + target.partition("://")[2].partition("/")[2]
    url = _urls.parse(origin + target)
    if url is None:
        return None
    fields = tuple(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.headers.raw_items()
        if name.lower() not in _OURS and name.lower() != b"host"
    )
    method = request.method.decode("latin-1")
    return Hop(url=url, method=method, headers=fields, body=body, max_bytes=_UNLIMITED)


async def _fetch(
    site: Fetcher, hop: Hop, stream: trio.SocketStream, connection: h11.Connection
) -> Response | None:
    """Fetch while the client is there; None if it left, or if there is no response."""
    response: Response | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_if_gone, stream, connection, nursery.cancel_scope)
        try:
            response = await site.fetch(hop)
        except FetchError:
            response = None  # To the client, too, there is none: its connection is closed.
        nursery.cancel_scope.cancel(reason="the fetch is over")
    return response


async def _cancel_if_gone(
    stream: trio.SocketStream, connection: h11.Connection, scope: trio.CancelScope
) -> None:
    """Cancel *scope* when the client hangs up; what it sends ahead is kept for later, within a bound."""
    ahead = 0
    while ahead < _CHUNK:
        try:
            data = await stream.receive_some(_CHUNK)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            scope.cancel(reason="the client hung up")
            return
        connection.receive_data(data)
        ahead += len(data)


def _head(hop: Hop, response: Response) -> h11.Response:
    fields = [(name, value) for name, value in response.headers.raw if name.lower() not in _OURS]
    if response.headers.get("date") is None:
        fields.append((b"Date", formatdate(usegmt=True).encode()))
    length = response.headers.get("content-length") if hop.method == "HEAD" else str(len(response.body))
    if length is not None and response.status not in _BODILESS:
        fields.append((b"Content-Length", length.encode("latin-1")))
    return h11.Response(status_code=response.status, headers=fields, reason=_reason(response.status))


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode() if status in HTTPStatus.__members__.values() else b""


async def _send(
    stream: trio.SocketStream, connection: h11.Connection, head: h11.Response, body: bytes
) -> bool:
    """Send an answer; return whether the client took it in time."""
    parts: list[h11.Event] = [head, h11.Data(data=body), h11.EndOfMessage()]
    data = b"".join(connection.send(part) or b"" for part in parts)
    with trio.move_on_after(IDLE_TIMEOUT) as slow:
        await stream.send_all(data)
    return not slow.cancelled_caught


async def _refuse(stream: trio.SocketStream, connection: h11.Connection, status: int) -> None:
    """Answer what can't be served, and let go of the client."""
    if connection.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
        return
    reason = _reason(status)
    fields = {"Connection": "close", "Content-Type": "text/plain", "Content-Length": str(len(reason))}
    head = h11.Response(status_code=status, headers=list(fields.items()), reason=reason)
    try:
        if await _send(stream, connection, head, reason):
            await stream.send_eof()
            with trio.move_on_after(_LINGER):
                while await stream.receive_some(_CHUNK):
                    pass
    except trio.BrokenResourceError:
        return  # It hung up before it was told.
