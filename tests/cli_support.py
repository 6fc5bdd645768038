"""What the command line's tests share: a site on loopback beside the tested program."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import trio

from trio_crawl.testing import MemoryWeb, Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio_crawl.abc import Hop

ORIGIN = "http://site.test"
PATIENCE = 60.0
"""Seconds after which something that should have happened never will."""


@contextmanager
def beside(web: MemoryWeb) -> Iterator[str]:
    """Serve *web* from a thread while the block lasts, and give its base URL.

    A thread, since the program under test needs the main one: Python handles
    signals there only.
    """
    started: SimpleQueue[tuple[str, trio.lowlevel.TrioToken, trio.CancelScope]] = SimpleQueue()

    async def serve() -> None:
        with trio.CancelScope() as scope:
            async with serving(web, origin=ORIGIN) as base_url:
                started.put((base_url, trio.lowlevel.current_trio_token(), scope))
                await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    base_url, token, scope = started.get(timeout=PATIENCE)
    try:
        yield base_url
    finally:
        token.run_sync_soon(scope.cancel)
        thread.join()


def endless(*, slow_after: int | None = None, padding: int = 0, **reply: Any) -> MemoryWeb:  # noqa: ANN401 - Reply checks them
    """Return a site of which every page links to two more.

    Args:
        slow_after: the number of the page from which on there is no answer for minutes.
        padding: links of each page to itself besides, each with another query.
        reply: further arguments of each `Reply`.
    """

    def page(hop: Hop) -> Reply:
        number = int(hop.url.rpartition("/")[2].partition("?")[0] or 1)
        body = f'<a href="/{2 * number}">a</a> <a href="/{2 * number + 1}">b</a>'
        body += "".join(f'<a href="/{number}?{extra}">' for extra in range(padding))
        if slow_after is not None and number > slow_after:
            return Reply(body=body, delay=600)
        return Reply(body=body, **reply)

    web = MemoryWeb()
    web.robots(ORIGIN, "")
    web.otherwise(ORIGIN, page)
    return web


@contextmanager
def program(*arguments: str, cwd: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:  # noqa: ANN401 - Popen's
    """Run ``python -m trio_crawl`` with *arguments* in the folder *cwd*, and wait for its end.

    Where the test fails it is killed, since it may never end by itself.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "trio_crawl", *arguments], cwd=cwd, text=True, encoding="utf-8", **streams
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def eventually(condition: Callable[[], object]) -> None:
    """Wait until *condition* is true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)
