"""The way to an origin: straight to its addresses, or by a proxy."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import FetchError
from .connect import ATTEMPT, connect, permitted, reach, start_tls
from .resolve import Resolver
from .socks import ask
from .trust import ssl_context as make_context
from .tunnel import bore
from .wire import Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Sequence

    from .._urls import Parts
    from ..abc import Guard
    from .proxy import Proxy

ALPN: Final = ("http/1.1",)
"""What is offered in TLS (RFC 7301)."""


@final
class Route:
    """Opens connections to origins.

    Args:
        proxy: the proxy to go by; None for none.
        ssl_context: says which certificates are trusted; by default the
            authorities of certifi.
    """

    def __init__(self, proxy: Proxy | None = None, ssl_context: ssl.SSLContext | None = None) -> None:
        self.proxy = proxy
        self._ssl_context = ssl_context
        self._resolver = Resolver()

    async def open(self, parts: Parts, addresses: Sequence[str], guard: Guard) -> Wire:
        """Return a new connection over which requests of an origin can be made.

        With a proxy that is given names, and no TLS, it leads to the proxy itself.
        *addresses* are judged in every case, also where another resolves the name again.

        Args:
            parts: a URL of the origin.
            addresses: the IP addresses of its host, the preferred one first.
            guard: the judge of *addresses*.

        Raises:
            FetchError: it can't be had: of kind ``blocked_address``, ``dns``,
                ``connect`` or ``tls``.
        """
        if self.proxy is None:
            stream, address = await connect(parts.hostname, parts.port, addresses, guard)
            return await self._secured(Wire(stream, stream.socket, address), parts)
        passed = permitted(parts.hostname, parts.port, addresses, guard)
        if self.proxy.is_socks:
            targets = [parts.hostname] if self.proxy.given_names else passed
            return await self._by_socks(self.proxy, parts, targets)
        return await self._by_http(self.proxy, parts)

    async def _by_http(self, proxy: Proxy, parts: Parts) -> Wire:
        wire = await self._to(proxy)
        if parts.scheme == "http":
            return wire
        with _closing_on_error(wire, proxy):
            await bore(wire, proxy, f"{parts.host}:{parts.port}")
        return await self._secured(wire, parts)

    async def _by_socks(self, proxy: Proxy, parts: Parts, targets: Sequence[str]) -> Wire:
        """Ask for one of *targets* after the other, each but the last for some seconds."""
        problems: list[str] = []
        for place, target in enumerate(targets, 1):
            seconds = ATTEMPT if place < len(targets) else math.inf
            wire = await self._to(proxy)
            answer: str | None = f"no answer in {seconds:g} seconds"
            with _closing_on_error(wire, proxy), trio.move_on_after(seconds):
                answer = await ask(wire, proxy, target, parts.port)
            if answer is None:
                return await self._secured(wire, parts)
            wire.close()
            problems.append(f"{target} port {parts.port}: {answer}")
        raise FetchError(
            "connect", f"proxy {proxy.authority}: it can't connect to {parts.hostname}: {'; '.join(problems)}"
        )

    async def _to(self, proxy: Proxy) -> Wire:
        """Connect to *proxy*. Its address is not judged: the user named it."""
        try:
            addresses = await self._resolver.resolve(proxy.hostname)
            stream, address = await reach(proxy.hostname, proxy.port, addresses)
            if proxy.scheme == "https":
                return Wire(await start_tls(stream, self._trust(), proxy.hostname), stream.socket, address)
        except FetchError as error:
            if error.ours:
                raise
            raise FetchError("connect", f"proxy {proxy.authority}: {error.message}") from error
        return Wire(stream, stream.socket, address)

    async def _secured(self, wire: Wire, parts: Parts) -> Wire:
        if parts.scheme == "http":
            return wire
        secured = await start_tls(wire.stream, self._trust(), parts.hostname)
        return Wire(secured, wire.socket, wire.address)

    def _trust(self) -> ssl.SSLContext:
        # Made when it is needed, since it takes 22 ms, and only once.
        if self._ssl_context is None:
            self._ssl_context = make_context(alpn=ALPN)
        return self._ssl_context


@contextmanager
def _closing_on_error(wire: Wire, proxy: Proxy) -> Iterator[None]:
    """Close *wire* whatever goes wrong; a connection that breaks is the fault of *proxy*."""
    try:
        yield
    except trio.BrokenResourceError as error:
        wire.close()
        raise FetchError("connect", f"proxy {proxy.authority}: the connection to it broke") from error
    except BaseException:
        wire.close()
        raise
