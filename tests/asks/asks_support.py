"""What the tests of the asks fetcher share: it, open as in a crawl, and raw servers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple

import pytest
import trio

from trio_crawl import FetchError, Hop, Response
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl.abc import Environment, Guard
from trio_crawl.fetchers import Asks

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

PATIENCE: Final = 60  # seconds: a test that hangs fails, on however busy a machine
FETCHERS: Final = {"asks": Asks}
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _in_a_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


def environment(nursery: trio.Nursery, guard: Guard | None = None) -> Environment:
    """Return what a crawl lends a fetcher."""
    return Environment(
        nursery=nursery,
        guard=guard or AddressGuard(True),
        concurrency=64,
        run_in_thread=_in_a_thread,
    )


@asynccontextmanager
async def opened(fetcher: Asks | None = None, *, guard: Guard | None = None) -> AsyncIterator[Asks]:
    """Yield a fetcher, open as in a crawl."""
    fetcher = fetcher or Asks()
    async with trio.open_nursery() as nursery:
        with trio.fail_after(PATIENCE):
            async with fetcher.open(environment(nursery, guard)):
                yield fetcher


@dataclass
class Server:
    """A raw server on this machine, and what it was sent."""

    port: int
    host: str = "127.0.0.1"
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open_now: int = 0
    most_open: int = 0

    def hop(self, path: str = "/", **changes: Any) -> Hop:  # noqa: ANN401
        """Return a request of *path* to this server."""
        given = {
            "url": f"http://{self.host}:{self.port}{path}",
            "max_bytes": 100_000,
            "addresses": (self.host.strip("[]"),),
        }
        return Hop(**{**given, **changes})


Play: TypeAlias = "Callable[[Any], Awaitable[object]]"


@asynccontextmanager
async def playing(
    play: Play | bytes, *, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Yield a server that plays *play*, or sends it, after each request."""
    (listener,) = await trio.open_tcp_listeners(0, host=address)
    server = Server(listener.socket.getsockname()[1], f"[{address}]" if ":" in address else address)

    async def talk(stream: Any) -> None:  # noqa: ANN401 - one of trio's, in TLS or not
        buffered = b""
        async for chunk in stream:
            buffered += chunk
            while b"\r\n\r\n" in buffered:
                head, _, rest = buffered.partition(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = sum(int(line[15:]) for line in lines if line[:15] == b"content-length:")
                if len(rest) < length:
                    break
                server.requests.append(head + b"\r\n\r\n" + rest[:length])
                buffered = rest[length:]
                await (stream.send_all(play) if isinstance(play, bytes) else play(stream))

    async def handle(plain: trio.SocketStream) -> None:
        server.connections += 1
        server.open_now += 1
        server.most_open = max(server.most_open, server.open_now)
        async with plain:
            try:
                await talk(plain if tls is None else trio.SSLStream(plain, tls, server_side=True))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # one of the two has hung up
        server.open_now -= 1

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield server
        nursery.cancel_scope.cancel()


async def end_after(data: bytes, stream: Any) -> None:  # noqa: ANN401 - as above
    """Send *data* and hang up."""
    await stream.send_all(data)
    await stream.aclose()


async def failing(asks: Asks, hop: Hop) -> FetchError:
    """Return the failure that *hop* comes to, which names its URL first."""
    with pytest.raises(FetchError) as caught:
        await asks.fetch(hop)
    assert caught.value.message.startswith(f"{hop.url}: ")
    return caught.value


async def answer(to: bytes | Play, **changes: Any) -> Response:  # noqa: ANN401
    """Return what a server that sends *to* is understood to say."""
    async with playing(to) as server, opened() as asks:
        return await asks.fetch(server.hop(**changes))


async def failure_of(to: bytes | Play, **changes: Any) -> FetchError:  # noqa: ANN401
    """Return the failure that an answer of *to* comes to; after it the fetcher is as well as before."""
    async with playing(to) as server, playing(OK) as good, opened() as asks:
        failure = await failing(asks, server.hop(**changes))
        assert (await asks.fetch(good.hop())).body == b"ok"
        return failure
