"""The asks fetcher, cancelled: its connection is closed at once, and nothing else is disturbed."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from asks_support import OK, PATIENCE, opened, playing

# The tests of another file, run with this fetcher; the fixture comes with them.
from test_cancellation import site, test_real_sockets as cancel_a_crawl  # noqa: F401

from trio_crawl import Hop
from trio_crawl.fetchers import Asks
from trio_crawl.testing import asserts_no_leaks, cancel_at

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"


async def hold(data: bytes, stream: Any) -> None:  # noqa: ANN401 - one of trio's, in TLS or not
    """Send *data*, and nothing more, until the client hangs up."""
    await stream.send_all(data)
    async for _ in stream:
        pass


async def drip(stream: trio.SocketStream) -> None:
    """Send a body, a byte at a time, that would take a day."""
    await stream.send_all(HEAD.replace(b"100", b"99999"))
    while True:
        await stream.send_all(b"x")
        await trio.sleep(0.005)


async def cancelled(fetch: Callable[[], Awaitable[object]], after: float = 0.05) -> None:
    """Cancel *fetch* after a while, in which it must not end."""
    with trio.move_on_after(after) as scope:
        await fetch()
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    "play",
    [
        *(partial(hold, data) for data in (b"", HEAD[:20], HEAD, HEAD + b"half", CHUNKS + b"abc")),
        drip,
    ],
    ids=["no answer", "head", "no body", "body", "chunk", "drip"],
)
async def test_while_it_waits_for_a_response(play: Callable[[Any], Awaitable[None]]) -> None:
    """The server sees the end of the connection at once; on a kept one, too."""
    async with asserts_no_leaks(), playing(play) as server, playing(OK) as good, opened() as asks:
        await asks.fetch(good.hop())
        await cancelled(partial(asks.fetch, server.hop()))
        await trio.sleep(0.05)
        assert server.open_now == 0
        assert (await asks.fetch(good.hop())).body == b"ok"
        assert good.connections == 1


async def test_on_a_kept_connection() -> None:
    """A fetch that is cancelled there closes it: what may still come is no later fetch's answer."""
    answers = iter((OK, b"", OK))

    async def play(stream: trio.SocketStream) -> None:
        await hold_if_empty(next(answers), stream)

    async def hold_if_empty(data: bytes, stream: trio.SocketStream) -> None:
        await (stream.send_all(data) if data else hold(b"", stream))

    async with playing(play) as server, opened() as asks:
        await asks.fetch(server.hop())
        await cancelled(partial(asks.fetch, server.hop()))
        assert (await asks.fetch(server.hop())).body == b"ok"
        assert server.connections == 2


async def test_while_it_sends() -> None:
    """A server that does not read does not hold a cancelled fetch."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    hop = Hop(url=f"http://127.0.0.1:{port}/", method="PUT", body=bytes(2**26), addresses=("127.0.0.1",))
    async with listener, opened() as asks, asserts_no_leaks():
        await cancelled(partial(asks.fetch, hop), after=0.2)


async def test_in_the_handshake() -> None:
    """A server that accepts, and says nothing in TLS, does not hold it either."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with listener, opened() as asks, asserts_no_leaks():
        hop = Hop(url=f"https://127.0.0.1:{port}/", addresses=("127.0.0.1",))
        await cancelled(partial(asks.fetch, hop), after=0.2)


@contextmanager
def nobody_accepts() -> Iterator[int]:
    """Give a port whose queue of connections is full."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_while_it_connects() -> None:
    """The attempt is given up."""
    with nobody_accepts() as port:
        async with opened() as asks, asserts_no_leaks():
            await cancelled(
                partial(asks.fetch, Hop(url=f"http://127.0.0.1:{port}/", addresses=("127.0.0.1",)))
            )


async def slowly(stream: trio.SocketStream) -> None:
    """Answer in parts."""
    for part in (OK[:10], OK[10:30], OK[30:]):
        await trio.sleep(0.005)
        await stream.send_all(part)


async def test_a_thousand_fetches_cancelled_at_random() -> None:
    """Each gets its answer or is cancelled, and nothing is left: no socket, no task, no descriptor."""
    seeded = random.Random(1121)  # noqa: S311 - moments, no secrets
    waits = [seeded.choice((PATIENCE, seeded.uniform(0, 0.06))) for _ in range(1000)]
    ended = {True: 0, False: 0}
    async with asserts_no_leaks(), playing(slowly) as server, opened() as asks:

        async def work() -> None:
            while waits:
                path = f"/{len(waits)}"
                with trio.move_on_after(waits.pop()) as scope:
                    response = await asks.fetch(server.hop(path))
                    assert (response.body, response.url) == (b"ok", server.hop(path).url)
                ended[scope.cancelled_caught] += 1

        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(work)
        assert (await asks.fetch(server.hop())).body == b"ok"
    assert sum(ended.values()) == 1000
    # An answer takes 15 ms at least, and an eighth of them may take no longer than that.
    assert min(ended.values()) > 80


async def _fetch_a_while() -> None:
    async with playing(slowly) as server, opened() as asks, trio.open_nursery() as nursery:
        for number in range(8):
            for _ in range(4):
                nursery.start_soon(asks.fetch, server.hop(f"/{number}"))
            await trio.sleep(0.02)


def test_at_any_moment() -> None:
    """Whenever the whole is cancelled, fetcher and all, nothing is left."""
    seeded = random.Random(3)  # noqa: S311 - as above
    assert cancel_at(_fetch_a_while, [seeded.uniform(0, 0.2) for _ in range(25)]) > 0


def test_a_crawl(site: str, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    """Cancelled at any time of a crawl with it, nothing is left, and what was parsed is written."""
    cancel_a_crawl(Asks, site, tmp_path)
