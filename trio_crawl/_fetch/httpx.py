"""The fetcher on httpx: pure Python, and the way in for clients and transports that a user brings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final, TypeAlias, cast, final

import httpx
import trio

from .._errors import UsageError
from .._urls import split
from .http11 import Http11
from .response import check_head, failure, gather, make_response

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, AsyncIterator
    from types import ModuleType

    from .._model import Hop, Response
    from ..abc import Environment

Client: TypeAlias = httpx.AsyncClient | httpx.AsyncBaseTransport
"""What a user may bring. The classes of these names in httpx2 do as well."""

_LIBRARIES: Final = frozenset({"httpx", "httpx2"})
_IN_PROCESS: Final = frozenset({"MockTransport", "ASGITransport"})
_NO_TIMEOUT: Final = {"connect": None, "read": None, "write": None, "pool": None}
_CLOSING: Final = 1.0  # seconds that closing a response of the user's client may take


@final
class Httpx:
    """Fetches with httpx: an `abc.Fetcher`.

    Without a *client* it speaks HTTP/1.1, by httpx's own engine, over connections
    to the addresses of each hop and no others. They are kept alive (up to 100
    idle ones, for 90 seconds). No proxy, and nothing else, is taken from the
    environment. An idempotent request that finds the server has closed its kept
    connection is made once more, on a new one.

    With a *client* each hop is one request through it: with the headers of the
    hop, and without the client's own headers, cookies, authentication, redirects
    and timeouts. The client stays open. Three things are then out of sight. The
    crawl resolves and judges the host, but the client resolves it again: an
    answer that changes in between (DNS rebinding) is connected to unjudged.
    httpx leaks a socket when it is cancelled in a TLS handshake. And its limit
    of connections has to exceed the crawl's ``concurrency``.

    Args:
        client: an ``AsyncClient`` or an asynchronous transport, of httpx or httpx2.
        ssl_context: says which certificates are trusted where there is no client;
            by default the authorities of certifi.
        opens_connections: whether *client* connects to a network. By default it is
            taken to, unless it is a ``MockTransport`` or an ``ASGITransport``, or
            a client with nothing else. False ends resolving and judging addresses.

    Raises:
        UsageError: *client* is neither, or the arguments contradict each other.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        ssl_context: ssl.SSLContext | None = None,
        opens_connections: bool | None = None,
    ) -> None:
        if client is None and opens_connections is not None:
            raise UsageError("opens_connections tells what a client does; without a client Httpx opens them")
        if client is not None and ssl_context is not None:
            raise UsageError(
                "ssl_context is for connections of Httpx's own; the client has to be given it (verify=)"
            )
        self._client = None if client is None else _Borrowed(client)
        self._http = Http11(ssl_context)
        if opens_connections is None:
            opens_connections = self._client is None or not self._client.in_process
        self._opens_connections = opens_connections
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        return f"Httpx({'' if self._client is None else repr(self._client)})"

    @property
    def opens_connections(self) -> bool:
        """Whether addresses are connected to: not by an application or a mock called in-process."""
        return self._opens_connections

    @property
    def virtual(self) -> bool:
        """Whether it knows no time but trio's clock: where it opens no connections."""
        return not self._opens_connections

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        """Serve one crawl; on leaving, the connections of its own are closed.

        Raises:
            trio.BusyResourceError: another crawl has this fetcher open.
        """
        if self._environment is not None:
            raise trio.BusyResourceError("this Httpx serves another crawl; make one for each crawl")
        self._environment = environment
        try:
            yield
        finally:
            self._environment = None
            self._http.close()

    async def fetch(self, hop: Hop, /) -> Response:
        """Make one request and return its final response, whatever its status.

        Raises:
            FetchError: there is no response; its kind and message say why.
            trio.ClosedResourceError: the fetcher is not open.
        """
        if self._environment is None:
            raise trio.ClosedResourceError("this Httpx is not open; a crawl enters open(environment) first")
        if self._client is not None:
            return await self._client.exchange(hop)
        return await self._http.exchange(hop, self._environment.guard)


class _Borrowed:
    """A client or transport of the user's, and the library that it is of."""

    def __init__(self, client: Client) -> None:
        self._library = _library_of(client)
        self._client = client
        self.in_process = all(type(transport).__name__ in _IN_PROCESS for transport in _transports_of(client))

    def __repr__(self) -> str:
        return repr(self._client)

    async def exchange(self, hop: Hop) -> Response:
        """Make *hop* through the client.

        Raises:
            FetchError: there is no response.
        """
        started = trio.current_time()
        library = self._library
        try:
            answer = await self._send(self._request(hop))
            try:
                address = _peer(answer)
                check_head(answer.status_code, answer.headers.raw, hop)
                # Not `aiter_raw`: a response made from bytes, as a mock's, counts as read already.
                body = await gather(cast("AsyncIterable[bytes]", answer.stream), hop)
            finally:
                with trio.move_on_after(_CLOSING, shield=True):
                    await answer.aclose()
        except (library.HTTPError, library.InvalidURL) as error:
            raise failure(error, hop.url) from error
        return make_response(
            hop,
            status=answer.status_code,
            headers=answer.headers.raw,
            body=body,
            http_version=answer.http_version,
            address=address,
            started=started,
        )

    def _request(self, hop: Hop) -> httpx.Request:
        request: httpx.Request = self._library.Request(
            hop.method,
            # Without a user name and password, which httpx would make authentication of.
            f"{split(hop.url).origin}/{hop.url.split('/', 3)[3]}",
            headers=[*hop.headers],
            content=hop.body,
            extensions={"timeout": dict(_NO_TIMEOUT)},
        )
        return request

    async def _send(self, request: httpx.Request) -> httpx.Response:
        if isinstance(self._client, self._library.AsyncClient):
            client = cast("httpx.AsyncClient", self._client)
            return await client.send(request, stream=True, auth=None, follow_redirects=False)
        return await cast("httpx.AsyncBaseTransport", self._client).handle_async_request(request)


def _library_of(client: object) -> ModuleType:
    """Return the module, httpx or httpx2, that *client* is of.

    Raises:
        UsageError: it is of neither, or not asynchronous.
    """
    roots = (cls.__module__.partition(".")[0] for cls in type(client).__mro__)
    name = next((root for root in roots if root in _LIBRARIES), None)
    library = None if name is None else import_module(name)
    if library is None or not isinstance(client, (library.AsyncClient, library.AsyncBaseTransport)):
        raise UsageError(
            f"Httpx takes an AsyncClient or an asynchronous transport of httpx or httpx2; got {client!r}"
        )
    return library


def _transports_of(client: Client) -> list[object]:
    """Return the transports that *client* may use, itself if it is one."""
    # A client has no public way to ask for them. Under another name they would not be found, and
    # the client be taken for one that opens connections: the safe side.
    held = vars(client)
    mounts: dict[object, object | None] = held.get("_mounts", {})
    main = held.get("_transport", client)
    return [main, *(transport for transport in mounts.values() if transport is not None)]


def _peer(answer: httpx.Response) -> str:
    """Return the address that *answer* comes from; empty if it can't be told."""
    stream = answer.extensions.get("network_stream")
    try:
        peer = stream.get_extra_info("server_addr") if stream is not None else None
    except OSError:  # the peer is gone already
        return ""
    return str(peer[0]) if peer else ""
