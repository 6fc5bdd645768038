"""The fetcher on httpx: pure Python, and the way in for clients and transports that a user brings."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import UsageError
from .borrowed import Borrowed, Client
from .http11 import Http11
from .proxy import parse_proxy
from .route import ALPN, Route
from .trust import check_ca, check_client_cert, ssl_context as make_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

    from .._model import Hop, Response
    from ..abc import Environment
    from .trust import ClientCertArgument, StrPath

__all__ = ["Client", "Httpx"]

_ENDING: Final = 1.0  # seconds for fetches that are cancelled already


@final
class Httpx:
    """Fetches with httpx: an `abc.Fetcher`.

    Without a *client* it speaks HTTP/1.1, by httpx's own protocol engine, over
    connections to the addresses of each hop and no others. They are kept alive (up
    to 100 idle ones, for 90 seconds). Nothing is taken from the environment. An
    idempotent request that finds the server has closed its kept connection is made
    once more, on a new one. Cancelling a fetch closes its connection at once.

    With a *client* each hop is one request through it: with the headers of the
    hop, and without the client's own headers, cookies, authentication, redirects
    and timeouts. The client stays open. It keeps what httpx does, and that is not
    what a crawl does by itself:

    - The crawl resolves and judges the host, but the client resolves it again: an
      answer that changes in between (DNS rebinding) is connected to unjudged.
    - Cancelled in a TLS handshake, it leaks the socket until it is garbage; with
      HTTP/2, a cancelled fetch may break others on its connection.
    - Its pool has to hold more connections than the crawl's ``concurrency``:
      cancelled while it waits for one, it can be blocked for good.
    - The header of a response has no bound of ours, nor have interim responses.
    - A redirect whose ``Location`` it can't read is a failure, and no response.

    With a *proxy* the crawl still resolves and judges each host. A ``socks5`` proxy
    is given the address that was judged. A ``socks5h`` proxy and an HTTP proxy are
    given the name, and resolve it themselves: what they connect to can't be seen
    from here. `Response.address` is then the proxy's. Its own address is not judged.

    Args:
        client: an ``AsyncClient`` or an asynchronous transport, of httpx or httpx2.
        proxy: the URL of a proxy for all requests: ``http://``, ``https://``,
            ``socks5://`` or ``socks5h://``, with ``USER:PASSWORD@`` if it wants to
            know who asks, and always with its port.
        ca: a PEM file with the authorities to trust, instead of certifi's.
        client_cert: a PEM file with a certificate and its key, or a tuple of the
            files of both, and of the key's password if it has one. It is shown to
            every server that asks for one.
        ssl_context: in place of *ca* and *client_cert*, says which certificates are
            trusted and shown.
        opens_connections: whether *client* connects to a network. By default it is
            taken to, unless it is a ``MockTransport`` or an ``ASGITransport``, or
            a client with nothing else. False ends resolving and judging addresses.

    Raises:
        UsageError: *client* is neither, is closed, or runs on asyncio only; a file
            or the proxy can't be used; or the arguments contradict each other.
    """

    def __init__(  # noqa: PLR0913 - all that only this transport understands
        self,
        client: Client | None = None,
        *,
        proxy: str | None = None,
        ca: StrPath | None = None,
        client_cert: ClientCertArgument | None = None,
        ssl_context: ssl.SSLContext | None = None,
        opens_connections: bool | None = None,
    ) -> None:
        own = {"proxy": proxy, "ca": ca, "client_cert": client_cert, "ssl_context": ssl_context}
        _forbid_contradictions(client, own)
        if client is None and opens_connections is not None:
            raise UsageError("opens_connections tells what a client does; without a client Httpx opens them")
        self._client = None if client is None else Borrowed(client)
        if ca is not None or client_cert is not None:
            ssl_context = make_context(
                None if ca is None else check_ca(ca),
                None if client_cert is None else check_client_cert(client_cert),
                ALPN,
            )
        self._proxy = None if proxy is None else parse_proxy(proxy)
        self._http = Http11(Route(self._proxy, ssl_context))
        if opens_connections is None:
            opens_connections = self._client is None or not self._client.in_process
        self._opens_connections = opens_connections
        self._environment: Environment | None = None
        self._in_flight: set[trio.CancelScope] = set()
        self._landed = trio.Event()

    def __repr__(self) -> str:
        shown = "" if self._client is None else repr(self._client)
        return f"Httpx({shown if self._proxy is None else f'proxy={self._proxy!r}'})"

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
        """Serve one crawl; on leaving, fetches in flight end, and connections of its own are closed.

        Raises:
            trio.BusyResourceError: another crawl has this fetcher open.
            UsageError: the client was closed meanwhile.
        """
        if self._environment is not None:
            raise trio.BusyResourceError("this Httpx serves another crawl; make one for each crawl")
        if self._client is not None:
            self._client.check_open()
        self._environment = environment
        try:
            yield
        finally:
            self._environment = None
            with trio.move_on_after(_ENDING, shield=True):
                await self._end()
            self._http.close()

    @trio.lowlevel.enable_ki_protection
    async def fetch(self, hop: Hop, /) -> Response:
        """Make one request and return its final response, whatever its status.

        Raises:
            FetchError: there is no response; its kind and message say why.
            trio.ClosedResourceError: the fetcher is not open, or was closed meanwhile.
        """
        environment = self._environment
        if environment is None:
            await trio.lowlevel.checkpoint()
            raise trio.ClosedResourceError("this Httpx is not open; a crawl enters open(environment) first")
        with trio.CancelScope() as scope:
            self._in_flight.add(scope)
            try:
                if self._client is not None:
                    return await self._client.exchange(hop)
                return await self._http.exchange(hop, environment.guard)
            finally:
                self._in_flight.remove(scope)
                if self._environment is None:
                    self._landed.set()
        raise trio.ClosedResourceError("this Httpx was closed while it fetched")

    async def _end(self) -> None:
        """End the fetches that are in flight, and wait for it."""
        for scope in self._in_flight:
            scope.cancel(reason="the fetcher is closed")
        while self._in_flight:
            self._landed = trio.Event()
            await self._landed.wait()


def _forbid_contradictions(client: Client | None, own: Mapping[str, object]) -> None:
    """Raise a `UsageError` if arguments exclude each other; *own* are for connections of our own."""
    given = [name for name, value in own.items() if value is not None]
    if client is not None and given:
        raise UsageError(
            f"{given[0]} is for connections of Httpx's own; a client has to be given it where it is made"
        )
    files = [name for name in given if name in {"ca", "client_cert"}]
    if "ssl_context" in given and files:
        raise UsageError(f"ssl_context says whom to trust and what to show, and so does {files[0]}: give one")
