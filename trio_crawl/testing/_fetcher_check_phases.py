"""The checks of giving up: in each phase of a fetch, by a deadline and by being cancelled."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from . import _fetcher_check_contract as contract
from ._fetcher_check_bench import RecordingGuard
from ._fetcher_check_contract import expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import LOOPBACK, Server, listening, never_accepting, ok, playing

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from typing import TypeAlias

    from .._errors import FetchError
    from .._model import Hop, Response
    from ._fetcher_check_bench import Bench
    from ._fetcher_check_servers import Dialog

    Phase: TypeAlias = "Callable[[Progress], AbstractAsyncContextManager[Hop]]"

_NAME: Final = "slow.check.test"
_OK: Final = b"HTTP/1.1 200 OK\r\n"
_LENGTH: Final = b"Content-Length: 1000000\r\n\r\n"
_CHUNKS: Final = b"Transfer-Encoding: chunked\r\n\r\n"
_LARGE: Final = bytes(16 * 1024 * 1024)  # more than the buffers between two sockets
_PAUSE: Final = 0.002  # seconds between two bytes


@dataclass(slots=True)
class Progress:
    """How far a server came with a fetch that will be given up.

    Args:
        reached: set when it came as far as it will.
        given_up: set when it was given up.
        gone: set when the server has seen the end of the connection.
    """

    reached: trio.Event = field(default_factory=trio.Event)
    given_up: trio.Event = field(default_factory=trio.Event)
    gone: trio.Event = field(default_factory=trio.Event)


async def given_up_while_connecting(bench: Bench) -> None:
    """A connection that does not come about can be given up."""

    @asynccontextmanager
    async def phase(progress: Progress) -> AsyncIterator[Hop]:
        with never_accepting() as port:
            progress.gone.set()  # it was never there
            yield Server(scheme="http", address=LOOPBACK, port=port).hop(host=_NAME)

    guard = RecordingGuard()
    await _expect_given_up(bench, phase, "connecting does not end", guard)


async def given_up_in_the_handshake(bench: Bench) -> None:
    """A TLS handshake that does not go on can be given up; its connection is closed."""

    @asynccontextmanager
    async def phase(progress: Progress) -> AsyncIterator[Hop]:
        async def handle(stream: trio.SocketStream) -> None:
            await stream.receive_some()
            progress.reached.set()
            await _until_gone(stream, progress)

        async with listening(handle) as port:
            yield Server(scheme="https", address=LOOPBACK, port=port).hop(host=_NAME)

    await _expect_given_up(bench, phase, "the TLS handshake does not go on")


async def given_up_while_sending(bench: Bench) -> None:
    """A request whose body the server does not read can be given up; its connection is closed."""

    @asynccontextmanager
    async def phase(progress: Progress) -> AsyncIterator[Hop]:
        async def handle(stream: trio.SocketStream) -> None:
            await stream.receive_some(1)
            progress.reached.set()
            await progress.given_up.wait()
            await _until_gone(stream, progress)

        async with listening(handle) as port:
            yield Server(scheme="http", address=LOOPBACK, port=port).hop(method="POST", body=_LARGE)

    await _expect_given_up(bench, phase, "the server does not read the body")


async def given_up_before_the_head(bench: Bench) -> None:
    """A response that does not begin can be given up; its connection is closed."""
    await _expect_given_up(bench, partial(_stalling, b""), "no byte of the response comes")


async def given_up_in_the_head(bench: Bench) -> None:
    """So can one whose head does not go on, or that has an interim head only."""
    await _expect_given_up(bench, partial(_stalling, _OK + b"X-Beg"), "the head does not go on")
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    await _expect_given_up(bench, partial(_stalling, interim), "only an interim response comes")


async def given_up_in_the_body(bench: Bench) -> None:
    """So can one whose body does not go on: with a length, in chunks, or without either."""
    await _expect_given_up(bench, partial(_stalling, _OK + _LENGTH + b"part"), "the body does not go on")
    chunks = _OK + _CHUNKS + b"4\r\npart\r\n"
    await _expect_given_up(bench, partial(_stalling, chunks), "the chunks do not go on")
    await _expect_given_up(bench, partial(_stalling, _OK + b"\r\npart"), "neither a byte nor the end comes")


async def given_up_while_dripping(bench: Bench) -> None:
    """So can one that comes in drips, in its head or its body: a byte is no reason to wait longer."""
    head = partial(_stalling, _OK, drip=b"X-A: b\r\n")
    await _expect_given_up(bench, head, "the head comes in drips")
    interim = partial(_stalling, b"", drip=b"HTTP/1.1 102 Processing\r\n\r\n")
    await _expect_given_up(bench, interim, "interim responses come in drips")
    extension = partial(_stalling, _OK + _CHUNKS + b"1", drip=b";x=y")
    await _expect_given_up(bench, extension, "a chunk's extension comes in drips")
    body = partial(_stalling, _OK + _LENGTH, drip=b"x")
    await _expect_given_up(bench, body, "the body comes in drips")


async def given_up_over_tls(bench: Bench) -> None:
    """Over TLS it is the same: a response that does not go on can be given up; its connection is closed."""
    stalling = partial(_stalling, _OK + _LENGTH + b"part", tls=bench.authority.good(_NAME))
    await _expect_given_up(bench, stalling, "the body does not go on, over TLS")


async def given_up_on_a_kept_connection(bench: Bench) -> None:
    """So can one on a connection that was kept; the next request takes another."""

    @asynccontextmanager
    async def phase(progress: Progress) -> AsyncIterator[Hop]:
        async def play(dialog: Dialog) -> None:
            if dialog.received.target == "/first":
                await dialog.send(ok())
            else:
                progress.reached.set()
                await dialog.until_gone()
                progress.gone.set()

        async with playing(play) as server:
            await fetcher.response(server.hop("/first"))
            yield server.hop("/second")

    async with bench.opened() as fetcher:
        progress = Progress()
        async with phase(progress) as hop:
            await fetcher.cancelled(hop, progress.reached.wait, "no reply comes on the kept connection")
            await bench.expect_soon(progress.gone, "the end of a kept connection whose request was cancelled")
            first = replace(hop, url=hop.url.replace("/second", "/first"))
            await fetcher.response(first, "another request on that connection was cancelled")


async def given_up_before_it_began(bench: Bench) -> None:
    """In a scope that is cancelled already a fetch ends as well, and harms nothing."""
    async with playing(ok()) as server, bench.opened() as fetcher:
        for _ in range(3):
            came: Response | FetchError | None = None
            with trio.CancelScope() as scope:
                scope.cancel(reason="the check is about that")
                came = await fetcher.attempt(server.hop())
            expect(
                came is None or not scope.cancelled_caught,
                contract.CANCELLING,
                asked="a hop in a scope that is cancelled already",
                came=came and brief(came),
            )
        await fetcher.unharmed("fetches that were cancelled before they began")


@asynccontextmanager
async def _stalling(
    begin: bytes, progress: Progress, *, drip: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Hop]:
    """Yield a request whose reply is *begin*, and nothing more, or drips without end."""

    async def play(dialog: Dialog) -> None:
        await dialog.send(begin)
        try:
            while drip:
                await dialog.send(drip)
                progress.reached.set()
                await trio.sleep(_PAUSE)
        except trio.BrokenResourceError:
            pass
        else:
            progress.reached.set()
            await dialog.until_gone()
        progress.gone.set()

    async with playing(play, tls=tls) as server:
        yield server.hop(host=_NAME)


async def _until_gone(stream: trio.SocketStream, progress: Progress) -> None:
    try:
        while await stream.receive_some():
            pass
    except trio.BrokenResourceError:
        pass
    progress.gone.set()


async def _expect_given_up(
    bench: Bench, phase: Phase, when: str, guard: RecordingGuard | None = None
) -> None:
    """Assert that a fetch in *phase* ends when its scope does, by a deadline and by being cancelled.

    With a *guard*, the phase begins when that is asked.
    """
    async with bench.opened(guard=guard) as fetcher:
        async with phase(Progress()) as hop:
            await fetcher.timed_out(hop, when)
            await fetcher.unharmed(f"a deadline that came when {when}")
        progress = Progress()
        async with phase(progress) as hop:
            reached = guard.next_asked() if guard else progress.reached
            await fetcher.cancelled(hop, reached.wait, when)
            progress.given_up.set()
            await bench.expect_soon(
                progress.gone, f"the end of the connection of a fetch cancelled when {when}"
            )
            await fetcher.unharmed(f"a cancellation when {when}")


CHECKS: Final = (
    given_up_while_connecting,
    given_up_in_the_handshake,
    given_up_while_sending,
    given_up_before_the_head,
    given_up_in_the_head,
    given_up_in_the_body,
    given_up_while_dripping,
    given_up_over_tls,
    given_up_on_a_kept_connection,
    given_up_before_it_began,
)
