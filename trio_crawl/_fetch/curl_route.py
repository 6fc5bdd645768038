"""Where a transfer's connection leads to: to the addresses of the hop, or to a proxy.

It keeps what the handles of one multi handle share: what libcurl was told about
names, and the addresses of the proxy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import FetchError
from .._urls import origin
from .curl_head import resolve_line, target_of
from .resolve import ResolveError, Resolver

if TYPE_CHECKING:
    from .._model import Hop
    from ..abc import Guard
    from .curl_head import Target
    from .proxy import Proxy

# Seconds for which libcurl is not told again. It forgets what it was told after 60.
_TOLD_FOR: Final = 30.0
_MAX_SHARING: Final = 10_000  # origins
_MAX_TOLD: Final = 10_000  # names; libcurl itself holds 30,000, and then forgets earlier


@final
class Route:
    """How hops come to their servers.

    Args:
        guard: the judge of addresses.
        proxy: what they go through; None if they go directly.
        resolver: finds the addresses of the proxy.
    """

    __slots__ = ("_guard", "_resolver", "_sharing", "_told", "descriptors", "proxy", "through")

    def __init__(self, guard: Guard, proxy: Proxy | None = None, resolver: Resolver | None = None) -> None:
        self.proxy = proxy
        self.descriptors: set[int] = set()  # of sockets that were opened; some may be closed again
        self.through: tuple[str, ...] = ()  # the addresses of the proxy
        self._guard = guard
        self._resolver = resolver or Resolver()
        self._told: dict[Target, tuple[tuple[str, ...], float]] = {}
        self._sharing: set[Target] = set()

    async def look_up(self, hop: Hop, proxy: Proxy) -> None:
        """Find the addresses of *proxy*. Not a checkpoint if they are known.

        Raises:
            FetchError: of kind ``connect``, it has none.
        """
        try:
            known = self._resolver.cached(proxy.hostname, trio.current_time())
            self.through = known if known is not None else await self._resolver.resolve(proxy.hostname)
        except ResolveError as error:
            message = f"{hop.url}: proxy {proxy.authority}: {error.message}"
            raise FetchError("connect", message) from error

    def news(self, hop: Hop, target: Target) -> list[str] | None:
        """Return what libcurl has to be told of a name before *hop*; None for nothing.

        Raises:
            FetchError: of kind ``dns``, the host is a name without addresses.
        """
        if not hop.addresses:
            raise FetchError("dns", f"{hop.url}: no address is known for {target.hostname!r}")
        now = time.monotonic()
        told = self._told.get(target)
        if told is not None and told[1] > now and told[0] == hop.addresses:
            return None
        if len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told[target] = (hop.addresses, now + _TOLD_FOR)
        return [resolve_line(target.host, target.port, hop.addresses)]

    def attempts(self, hop: Hop, proxy: Proxy) -> list[tuple[str, ...]]:
        """Return the addresses of *hop* for each request that *proxy* gets, until one does not fail.

        No socket is opened to them, so here is the place to judge them.

        Raises:
            FetchError: of kind ``dns``, the host is a name without addresses; of
                kind ``blocked_address``, none of them may be connected to.
        """
        target = target_of(origin(hop.url))
        addresses = (target.hostname,) if target.literal else hop.addresses
        if not addresses:
            raise FetchError("dns", f"{hop.url}: no address is known for {target.hostname!r}")
        refusals = {each: self._guard.refusal(target.hostname, target.port, each) for each in addresses}
        permitted = tuple([address for address, refusal in refusals.items() if refusal is None])
        if not permitted:
            raise FetchError("blocked_address", next(filter(None, refusals.values())))
        return [permitted] if proxy.given_names else [(address,) for address in permitted]

    def proxy_lines(self, hop: Hop, target: Target, proxy: Proxy) -> tuple[list[str], list[str]]:
        """Return what is told to libcurl before *hop*, by ``CURLOPT_RESOLVE`` and ``CURLOPT_CONNECT_TO``.

        The latter has an address for the proxy to connect to. An entry of the former
        would be forgotten where the proxy takes a minute to answer, and the name looked up.
        """
        resolved = [resolve_line(proxy.host, proxy.port, self.through)]
        if proxy.given_names or target.literal:
            return resolved, []
        address = hop.addresses[0]
        bracketed = f"[{address}]" if ":" in address else address
        return resolved, [f"{target.host}:{target.port}:{bracketed}:{target.port}"]

    def shares(self, target: Target) -> bool:
        """Return whether a request had better wait for a connection to *target* that is being made.

        It does where one of HTTP/2 was had before. Elsewhere each makes its own at
        once: libcurl lets them wait for the first response, if it turns out that the
        connection is for one request at a time.
        """
        return target in self._sharing

    def answered(self, target: Target, http_version: str) -> None:
        """Note in which version of HTTP *target* answered over TLS."""
        if http_version not in {"2", "3"}:
            self._sharing.discard(target)
        elif len(self._sharing) < _MAX_SHARING:
            self._sharing.add(target)

    def failed(self, target: Target) -> None:
        """Tell libcurl everything again the next time that *target* is asked for something."""
        self._told.pop(target, None)

    def refusal(self, target: Target, address: str, through: tuple[str, ...]) -> str | None:
        """Return why no socket may be opened to *address*, or None if one may.

        Args:
            target: where the hop goes.
            address: where the socket would lead to.
            through: the addresses of the proxy when the hop began.
        """
        if self.proxy is None:
            return self._guard.refusal(target.hostname, target.port, address)
        if address in through:
            return None
        return f"{address} is no address of the proxy {self.proxy.authority}"
