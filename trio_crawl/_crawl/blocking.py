"""The public functions for programs that are not async: ``run``, ``collect`` and ``iterate``."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, final

import outcome
import trio

from .._errors import UsageError
from .api import crawl
from .beside import Beside, is_asyncio_running
from .streaming import open_crawl

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from types import TracebackType
    from typing import Unpack

    from .._model import Report
    from .options import CrawlOptions
    from .seeds import Seeds

T = TypeVar("T")


def run(seeds: Seeds, **keywords: Unpack[CrawlOptions]) -> Report:
    """Crawl from *seeds*, and block until it is done: `crawl` for programs that are not async.

    In a notebook, where an asyncio loop runs in this thread, the crawl runs in a
    thread of its own; an interrupt cancels it, and is raised when it has ended. In
    an asyncio program, `trio_crawl.aio.crawl` does not block.

    Args:
        seeds: where to begin, as for `crawl`.
        **keywords: those of `crawl`.

    Returns:
        The report.

    Raises:
        UsageError: it was called from a trio program, which can ``await crawl()``.
        Exception: as `crawl` does.
    """
    return _blocking("run", "await trio_crawl.crawl(...)", partial(crawl, seeds, **keywords))


def collect(
    seeds: Seeds, *, failures: bool = False, skips: bool = False, **keywords: Unpack[CrawlOptions]
) -> tuple[list[Any], Report]:
    """Crawl from *seeds*, block until it is done, and return all its pages, and the report.

    It runs where `run` does. All pages are in memory: where they are many, take
    `iterate`, or an output.

    Args:
        seeds: where to begin, as for `crawl`.
        failures: return each `Failure`, too.
        skips: return each `Skip`, too.
        **keywords: those of `crawl`.

    Returns:
        The pages, or what ``parse`` yielded, in the order of parsing; and the report.

    Raises:
        UsageError: it was called from a trio program, which has `open_crawl`.
        Exception: as `crawl` does.
    """

    async def all_of_them() -> tuple[list[Any], Report]:
        async with open_crawl(seeds, failures=failures, skips=skips, **keywords) as pages:
            rows = [page async for page in pages]
        return rows, pages.report

    return _blocking("collect", "async with trio_crawl.open_crawl(...)", all_of_them)


def iterate(
    seeds: Seeds, *, failures: bool = False, skips: bool = False, **keywords: Unpack[CrawlOptions]
) -> Iteration:
    """Crawl from *seeds*, and give its pages: `open_crawl` for programs that are not async.

    ::

        for page in trio_crawl.iterate(seeds, max_pages=500):
            print(page.status, page.url, page.title)

    The crawl begins with the first page that is asked for, in a thread of its own
    (where a parser runs as well), and goes on a few pages ahead of the loop.
    Leaving the loop cancels what is in flight, at once where nothing else holds the
    iterator; else ``close()`` does, or the end of a ``with`` block around it.

    Args:
        seeds: where to begin, as for `crawl`.
        failures: give each `Failure`, too.
        skips: give each `Skip`, too.
        **keywords: those of `crawl`.

    Returns:
        The iterator, with ``close()``, and ``report`` after its end.

    Raises:
        UsageError: it was called from a trio program, which has `open_crawl`.
    """
    _refuse_in_trio("iterate", "async with trio_crawl.open_crawl(...)")
    return Iteration(partial(open_crawl, seeds, failures=failures, skips=skips, **keywords))


@final
class Iteration:
    """The pages of a crawl that goes on in a thread of its own: what `iterate` returns.

    Asking for the next page acknowledges the one before, and so does closing it; leaving
    a ``with`` block by an exception does not: that page counts as pending.
    An error of the crawl comes out of the iteration, or else of closing it.
    """

    def __init__(self, opening: Callable[[], Any]) -> None:
        self._relay = _Relay(opening)
        self._pages = _pages(self._relay)

    def __iter__(self) -> Iteration:
        return self

    def __next__(self) -> Any:  # noqa: ANN401 - a Page, or whatever the user's parser yields
        return next(self._pages)

    def __enter__(self) -> Iteration:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._relay.failed = error is not None
        self.close()

    def close(self) -> None:
        """Cancel what is in flight, and wait until the crawl has ended."""
        self._pages.close()

    @property
    def report(self) -> Report:
        """What the crawl came to; there after its end.

        Raises:
            RuntimeError: the crawl has not ended, did not begin, or ended with an exception.
        """
        if self._relay.report is None:
            raise RuntimeError("there is no report: the crawl goes on, or ended with an exception")
        return self._relay.report


@final
class _Relay:
    """Hands pages from a crawl to another thread, one for each time that it is asked.

    Attributes:
        failed: whether the one who asks left by an exception.
        report: of the crawl, when it has ended.
    """

    beside: Beside[Report]

    def __init__(self, opening: Callable[[], Any]) -> None:
        self._opening = opening
        self._asks, self._asked = trio.open_memory_channel[None](1)
        self.failed = False
        self.report: Report | None = None

    def ask(self) -> None:
        """Let the crawl give its next page, unless it has ended; in its thread, as all that follows."""
        with suppress(trio.ClosedResourceError):
            self._asks.send_nowait(None)

    def leave(self) -> None:
        """Let it end."""
        self._asks.close()

    async def serve(self) -> Report:
        """Crawl, and give pages until nobody asks any more."""
        with self._asks, self._asked:
            try:
                async with self._opening() as pages:
                    async for _ in self._asked:
                        self.beside.give(outcome.Value(await anext(pages)))
                    self._check_left()
            except (_ConsumerError, StopAsyncIteration):
                pass
        report: Report = pages.report
        return report

    def _check_left(self) -> None:
        if self.failed:
            raise _ConsumerError


class _ConsumerError(Exception):
    """The page that was given last is not acknowledged."""


def _pages(relay: _Relay) -> Generator[Any, None, None]:
    """Give the pages of a crawl in a thread: a generator, as that is closed where a loop is left."""
    relay.beside = Beside(relay.serve, leave=relay.leave)
    try:
        with relay.beside:
            while True:
                relay.beside.call_soon(relay.ask)
                page = relay.beside.take()
                if page is None:
                    break
                yield page.unwrap()
    except GeneratorExit:
        relay.report = relay.beside.result()
        raise
    relay.report = relay.beside.result()


def _blocking(name: str, instead: str, function: Callable[[], Awaitable[T]]) -> T:
    """Run *function* by trio, and wait for its end; in a thread of its own, where a loop runs here."""
    _refuse_in_trio(name, instead)
    if not is_asyncio_running() and not trio.lowlevel.in_trio_run():
        return trio.run(function)
    with Beside(function) as beside:
        return beside.result()


def _refuse_in_trio(name: str, instead: str) -> None:
    # As a guest, trio may run in this thread, and not call this.
    if trio.lowlevel.in_trio_task():
        raise UsageError(f"{name}() was called inside trio: use `{instead}` there")
