"""Open files are few: connections stay within what a process may have, and a lack is no host's failure."""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from crawl_support import counts

from trio_crawl import UsageError, crawl
from trio_crawl._errors import FetchError
from trio_crawl._fetch import descriptors
from trio_crawl._fetch.descriptors import NoDescriptorError, check_concurrency, opened, room
from trio_crawl._policy.health import is_failure
from trio_crawl._policy.pace import is_trouble
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER: Final = r"""
import trio

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx"

async def serve(stream):
    with trio.move_on_after(60):
        try:
            while await stream.receive_some():
                await stream.send_all(ANSWER)
        except trio.BrokenResourceError:
            pass
    await trio.aclose_forcefully(stream)

async def main():
    listeners = await trio.open_tcp_listeners(0, host="0.0.0.0", backlog=500)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(serve, listeners)

trio.run(main)
"""


@contextmanager
def limited(most: int) -> Iterator[None]:
    """Let this process have so many open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Serve pages in another process, whose open files are its own; keeps connections."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


def seeds_at(port: int, number: int) -> list[str]:
    """Return URLs of so many hosts, each of which is a loopback address of its own."""
    return [f"http://127.0.{1 + each // 250}.{1 + each % 250}:{port}/" for each in range(number)]


def test_how_many_there_may_be() -> None:
    """What is open counts, and a reserve; an impossible number is an error that says what to do."""
    with limited(400):
        most = room()
        assert most is not None
        assert 400 - descriptors.RESERVE - 150 < most < 400 - descriptors.RESERVE
        check_concurrency(most)
        with pytest.raises(UsageError, match=rf"is {most + 1}, .* {most} connections.*ulimit -n"):
            check_concurrency(most + 1)


async def test_an_impossible_concurrency() -> None:
    """It is an error before anything is asked for; a web that has no sockets has no such limit."""
    with limited(400):
        with pytest.raises(UsageError, match="raise the limit"):
            await crawl("http://127.0.0.1/", allow_private=True, concurrency=1000)
        web = MemoryWeb()
        web.add("https://a.test/", "x")
        assert (await crawl("https://a.test/", fetch=web, concurrency=1000)).pages == 1


def test_a_lack_is_no_fault_of_a_host() -> None:
    """It says nothing of how the host is, nor how fast it may be asked."""
    error = NoDescriptorError("too many open files")
    assert error.kind == "connect"
    assert not is_failure(error)
    assert not is_trouble(error)
    assert is_failure(FetchError("connect", "refused"))


async def test_idle_connections_are_dropped_first(autojump_clock: trio.testing.MockClock) -> None:
    """The attempt is repeated after they are, and given up after a while."""
    dropped = 0
    left = 3

    def drop() -> None:
        nonlocal dropped
        dropped += 1

    async def attempt() -> str:
        nonlocal left
        await trio.lowlevel.checkpoint()
        left -= 1
        if left >= 0:
            raise NoDescriptorError("too many open files")
        return "opened"

    assert await opened(attempt, drop) == "opened"
    assert dropped == 3
    left = 100
    with pytest.raises(NoDescriptorError):
        await opened(attempt, drop)
    assert autojump_clock.current_time() < 2


@pytest.mark.slow
@pytest.mark.parametrize("fetch", ["curl", "httpx"])
async def test_connections_that_are_kept_are_bounded(fetch: Any, port: int) -> None:  # noqa: ANN401 - a Literal
    """However many hosts keep their connections open, new ones find a descriptor."""
    with limited(300):
        report = await crawl(
            seeds_at(port, 600), fetch=fetch, robots=False, allow_private=True, concurrency=64, max_depth=0
        )
    assert counts(report) == (600, 600, {}, {}, 0)


@pytest.mark.slow
@pytest.mark.parametrize("fetch", ["curl", "httpx"])
async def test_what_others_have_open_is_no_failure(
    fetch: Any,  # noqa: ANN401 - a Literal
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the rest of the program uses up all descriptors for a while, no page fails, and no host."""
    lacks: list[str] = []
    lacking, begun = trio.Event(), trio.Event()
    init = NoDescriptorError.__init__

    def noted(self: NoDescriptorError, message: str) -> None:
        lacks.append(message)
        lacking.set()
        init(self, message)

    async def write(_row: object) -> None:
        begun.set()

    async def use_up() -> None:
        await begun.wait()
        with ExitStack() as files:
            with suppress(OSError):
                while True:
                    files.enter_context(open(sys.executable, "rb"))  # noqa: PTH123, ASYNC230
            await lacking.wait()
            # Longer than one hop waits for a descriptor.
            await trio.sleep(2 * sum(descriptors.WAITS))

    monkeypatch.setattr(NoDescriptorError, "__init__", noted)
    keywords: dict[str, Any] = {"robots": False, "allow_private": True, "concurrency": 64, "max_depth": 0}
    with limited(300):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use_up)
            report = await crawl(seeds_at(port, 600), fetch=fetch, write=write, **keywords)
    assert len(lacks) > len(descriptors.WAITS)
    assert counts(report) == (600, 600, {}, {}, 0)
    assert all(not host.failures for host in report.hosts)
