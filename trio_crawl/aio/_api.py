"""The functions of `trio_crawl.aio`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, final

import trio
from trio.lowlevel import enable_ki_protection

from .. import _crawl
from ._guest import Call, call, guest_run
from ._handles import Control, Stream
from ._host import Host

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator
    from typing import Unpack

    from .._crawl.options import CrawlOptions
    from .._crawl.stream import Stream as TrioStream
    from .._model import Page, Report, Request


async def crawl(
    seeds: Any,  # noqa: ANN401 - what `trio_crawl.crawl` takes, or an asyncio.Queue
    *,
    started: asyncio.Future[Control] | None = None,
    **keywords: Unpack[CrawlOptions],
) -> Report:
    """Crawl from *seeds*, and return what it came to: `trio_crawl.crawl` for asyncio.

    Cancelling the task drops what is in flight, writes the rows that are there (at
    most *grace* seconds), and waits for that; cancelling it once more meanwhile changes
    nothing. So does the first Ctrl-C in a program of ``asyncio.run``.

    Args:
        seeds: where to begin, as for `trio_crawl.crawl`. An async iterable is one of
            asyncio's, read by one task. From an `asyncio.Queue` seeds are taken until a
            None comes, or (from Python 3.13 on) it is shut down; ``queue.join()`` waits
            until all have been added.
        started: gets the `Control` of the crawl when that has begun, and is cancelled where it has not.
        **keywords: those of `trio_crawl.crawl`; async functions among them are asyncio's.

    Returns:
        The report.

    Raises:
        UsageError: no asyncio loop runs here, or trio does already; or as `trio_crawl.crawl` says.
        asyncio.CancelledError: the task was cancelled.
        Exception: as `trio_crawl.crawl` does.
    """
    try:
        async with guest_run() as guest:
            host = Host(guest.loop, copy_context())
            crawling = partial(
                _crawl.crawl,
                host.seeds(seeds),
                **host.keywords(keywords),
                task_status=trio.TASK_STATUS_IGNORED if started is None else _Started(started),
            )
            return await call(guest, crawling)
    finally:
        if started is not None:
            started.cancel()  # which changes nothing where it has its result


@asynccontextmanager
async def open_crawl(
    seeds: Any,  # noqa: ANN401 - what `trio_crawl.crawl` takes, or an asyncio.Queue
    *,
    failures: bool = False,
    skips: bool = False,
    **keywords: Unpack[CrawlOptions],
) -> AsyncIterator[Stream]:
    """Crawl from *seeds*, and give the pages as a stream: `trio_crawl.open_crawl` for asyncio.

    Args:
        seeds: where to begin, as for `crawl`.
        failures: give each `Failure`, too.
        skips: give each `Skip`, too.
        **keywords: those of `crawl`.

    Yields:
        The stream: an async iterable of `Page`, or of what ``parse`` yields, with
        ``control``, and ``report`` after the block.

    Raises:
        Exception: as `trio_crawl.open_crawl` does.
    """
    async with guest_run() as guest:
        host = Host(guest.loop, copy_context())
        opened: asyncio.Future[TrioStream] = guest.loop.create_future()
        left = trio.Event()
        failed = False

        @enable_ki_protection
        async def hold() -> None:
            keys = {"failures": failures, "skips": skips, **host.keywords(keywords)}
            async with _crawl.open_crawl(host.seeds(seeds), **keys) as stream:
                opened.set_result(stream)
                await left.wait()
                if failed:
                    raise _BlockFailed

        holding = Call(guest, hold)
        await holding.wait(opened)
        try:
            yield Stream(guest, opened.result())
        except BaseException as error:
            failed = True
            left.set()
            try:
                await holding.wait()  # noqa: ASYNC102 - it lasts as long as the crawl, whoever cancels
            except _BlockFailed as end:
                for note in getattr(end, "__notes__", ()):
                    error.add_note(note)
            raise
        left.set()
        await holding.wait()


async def fetch_page(url: str | Request, **keywords: Unpack[CrawlOptions]) -> Page:
    """Fetch one page, through the guard, robots.txt, redirects and retries of a crawl: for asyncio.

    Args:
        url: an http(s) URL, or a `Request` for one.
        **keywords: those of `crawl` that concern fetching.

    Returns:
        The page, whatever its status.

    Raises:
        CrawlError: as `trio_crawl.fetch_page` does.
    """
    async with guest_run() as guest:
        return await call(guest, partial(_crawl.fetch_page, url, **keywords))


class _BlockFailed(Exception):  # noqa: N818 - no error: it never leaves this file
    """The block of a stream was left by an exception, which comes out as it is."""


@final
class _Started(trio.TaskStatus[Any]):
    """Hands a crawl's control to who waits for it in asyncio."""

    def __init__(self, future: asyncio.Future[Control]) -> None:
        self._future = future

    def started(self, value: Any = None) -> None:  # noqa: ANN401 - a Control
        """Set the result, unless it was cancelled."""
        if not self._future.done():
            self._future.set_result(Control(value))
