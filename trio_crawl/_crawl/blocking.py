"""The public function for programs that are not async: ``run``."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import trio

from .._errors import UsageError
from .api import crawl

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from .._model import Report
    from .options import CrawlOptions
    from .seeds import Seeds


def run(seeds: Seeds, **keywords: Unpack[CrawlOptions]) -> Report:
    """Crawl from *seeds*, and block until it is done: `crawl` for programs that are not async.

    In a notebook, where an asyncio loop runs in this thread, the crawl runs in a
    thread of its own; an interrupt cancels it, and is raised when it has ended. In
    an asyncio program, ``await asyncio.to_thread(trio_crawl.run, seeds)``, which can't be
    cancelled: the crawl goes on until it is done, or *max_time* has passed.

    Args:
        seeds: where to begin, as for `crawl`.
        **keywords: those of `crawl`.

    Returns:
        The report.

    Raises:
        UsageError: it was called from a trio program, which can ``await crawl()``.
        Exception: as `crawl` does.
    """
    if trio.lowlevel.in_trio_run():
        raise UsageError("run() was called inside trio: use `await trio_crawl.crawl(...)` there")
    crawling = partial(crawl, seeds, **keywords)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return trio.run(crawling)
    return _run_in_thread(crawling)


def _run_in_thread(crawling: partial[Any]) -> Report:
    """Run *crawling* in a thread, and keep this one open to interrupts."""
    scope = trio.CancelScope()
    outcome: list[Report | BaseException] = []
    token: list[trio.lowlevel.TrioToken] = []
    interrupted, ended = threading.Event(), threading.Event()

    async def cancellable() -> None:
        token.append(trio.lowlevel.current_trio_token())
        if interrupted.is_set():
            scope.cancel(reason="interrupted")
        with scope:
            outcome.append(await crawling())

    def body() -> None:
        try:
            trio.run(cancellable)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised in the caller's thread
            outcome.append(error)
        finally:
            ended.set()

    def cancel() -> None:
        interrupted.set()
        with suppress(trio.RunFinishedError):
            for running in token:
                running.run_sync_soon(partial(scope.cancel, reason="interrupted"))

    _wait_for(threading.Thread(target=body, name="trio_crawl.run"), ended, cancel)
    result = outcome[0]
    if isinstance(result, BaseException):
        raise result
    return result


def _wait_for(thread: threading.Thread, ended: threading.Event, cancel: Callable[[], None]) -> None:
    """Start *thread*, and wait until it has *ended*; interrupted, *cancel*, and raise that in the end."""
    interrupt: KeyboardInterrupt | None = None
    while not ended.is_set():
        try:
            if thread.ident is None:
                thread.start()
            # Not by joining: on Windows that sees no interrupt, and where it does, Python 3.11 takes the
            # thread for ended. A wait without end sees none there either.
            ended.wait(0.1)
        except KeyboardInterrupt as error:
            interrupt = interrupt or error
            cancel()
            if thread.ident is None:
                raise
    thread.join()
    if interrupt is not None:
        raise interrupt
