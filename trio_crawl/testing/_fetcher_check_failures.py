"""The checks of failures: each is a `FetchError` of its kind, and harms nothing after it."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._model import Hop
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import expect
from ._fetcher_check_servers import nobody_listening, ok, playing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import FailureKind
    from ._fetcher_check_bench import Asker, Bench
    from ._fetcher_check_servers import Dialog

_HEAD: Final = b"HTTP/1.1 200 OK\r\n"
_BROKEN_STATUS_LINES: Final = (
    b"HTTP/1.1\r\n",
    b"HTTP/1.1 \r\n",
    b"HTTP/1.1 abc OK\r\n",
    b"HTTP/1.1 20 OK\r\n",
    b"HTTP/1.1 2000 OK\r\n",
    b"HTTP/1.1 000 No\r\n",
    b"HTTP/1.1 099 No\r\n",
    b"HTTP/1.1 -200 No\r\n",
    b"HTTP/x.1 200 OK\r\n",
    b"HTTP 200 OK\r\n",
    b"ICY 200 OK\r\n",
    b"200 OK\r\n",
)
_EARLY_ENDS: Final = (
    b"",
    b"HT",
    b"HTTP/1.1 200 OK",
    _HEAD + b"Content-Length: 10\r\n",
    _HEAD + b"Content-Length: 10\r\n\r\n",
    _HEAD + b"Content-Length: 10\r\n\r\n123456789",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n1234",
    b"HTTP/1.1 100 Continue\r\n\r\n",
)
_BROKEN_FRAMING: Final = (
    b"Content-Length: two\r\n\r\nok",
    b"Content-Length: -2\r\n\r\nok",
    b"Content-Length: 2, 3\r\n\r\nok!",
    b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
)


async def refused_connections(bench: Bench) -> None:
    """Where nobody listens, there is a failure of kind ``connect``."""
    with nobody_listening() as port:
        async with playing(ok()) as server, bench.opened() as fetcher:
            for method in ("GET", "POST"):
                hop = server.hop(url=f"http://127.0.0.1:{port}/", method=method)
                await fetcher.failure(hop, "connect", when="nobody listens there")
            await fetcher.response(server.hop())


async def broken_connections(bench: Bench) -> None:
    """A connection that is reset, before or within the response, is a failure of kind ``protocol``."""

    async def play(dialog: Dialog) -> None:
        await dialog.send(beginning) if beginning else None
        await dialog.reset()

    async with bench.opened() as fetcher:
        for beginning in (b"", _HEAD, _HEAD + b"Content-Length: 10\r\n\r\n", _HEAD + b"\r\nhalf"):
            async with playing(play) as server:
                await fetcher.failure(server.hop(), "protocol", when=f"{beginning!r} and then a reset")
            await fetcher.unharmed("a reset")


async def early_ends(bench: Bench) -> None:
    """A response that ends early is a failure of kind ``protocol``, never a short page."""
    await _expect_all_fail(bench, _EARLY_ENDS)


async def broken_status_lines(bench: Bench) -> None:
    """A status line that can't be read is a failure of kind ``protocol``, and no guess is made."""
    fields = b"Content-Length: 2\r\n\r\nok"
    await _expect_all_fail(bench, [line + fields for line in _BROKEN_STATUS_LINES])


async def http_0_9(bench: Bench) -> None:
    """A reply without a head, as HTTP/0.9 had it, is a failure of kind ``protocol``."""
    await _expect_all_fail(
        bench, (b"<title>No head</title>" * 10, b"\r\n\r\n<p>", b"\0" * 100, b"SSH-2.0-x\r\n")
    )


async def other_protocols(bench: Bench) -> None:
    """A switch of protocols that nobody asked for is a failure of kind ``protocol``."""
    await _expect_all_fail(
        bench, (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n!",)
    )


async def broken_framing(bench: Bench) -> None:
    """A length that is none, or two of them, and a chunk's size that is none, are of kind ``protocol``."""
    await _expect_all_fail(bench, [_HEAD + framing for framing in _BROKEN_FRAMING])


async def messages(bench: Bench) -> None:
    """A failure's message begins with the URL of the hop, so that it can be logged as it is."""
    async with bench.opened() as fetcher:
        with nobody_listening() as port:
            await _expect_named(fetcher, f"http://127.0.0.1:{port}/refused", "connect", "127.0.0.1")
            await _expect_named(fetcher, f"http://name.check.test:{port}/unknown", "dns")
        for reply, kind in _NAMED:
            async with playing(reply) as server:
                await _expect_named(fetcher, f"http://127.0.0.1:{server.port}/path?query", kind, "127.0.0.1")
        async with playing(ok(), tls=bench.authority.strange("127.0.0.1")) as server:
            await _expect_named(fetcher, f"https://127.0.0.1:{server.port}/", "tls", "127.0.0.1")


_NAMED: Final[tuple[tuple[bytes, FailureKind], ...]] = (
    (b"no HTTP\r\n\r\n", "protocol"),
    (ok(b"x" * 11), "too_large"),
    (_HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n\r\n", "protocol"),
)


async def _expect_named(fetcher: Asker, url: str, kind: FailureKind, *addresses: str) -> None:
    hop = Hop(url=url, addresses=addresses, max_bytes=10)
    failure = await fetcher.failure(hop, kind, when=f"a failure of kind {kind} is provoked")
    expect(
        failure.message.startswith(f"{url}: "), contract.NAMED, asked=f"{kind} at {url}", came=failure.message
    )


async def _expect_all_fail(bench: Bench, replies: Sequence[bytes]) -> None:
    """Assert that each of *replies*, after which the connection ends, is of kind ``protocol``."""

    async def play(dialog: Dialog) -> None:
        await dialog.send(replies[int(dialog.received.target[1:])])
        await dialog.hang_up()

    async with playing(play) as server, bench.opened() as fetcher:
        for number, reply in enumerate(replies):
            hop = server.hop(f"/{number}")
            await fetcher.failure(
                hop, "protocol", when=f"the reply is {reply!r}, and then the connection ends"
            )
            await fetcher.unharmed(f"a reply of {reply!r}")


CHECKS: Final = (
    refused_connections,
    broken_connections,
    early_ends,
    broken_status_lines,
    http_0_9,
    other_protocols,
    broken_framing,
    messages,
)
