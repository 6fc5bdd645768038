"""The pages of a crawl as a stream: ``open_crawl``; and of one page, ``fetch_page``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, final, overload

import trio
from trio.lowlevel import enable_ki_protection

from .._errors import FetchError, RefusedError, UsageError
from .._model import Failure, Page, Request
from .api import check_in_trio, options_of
from .engine import Engine
from .nurseries import is_cancellation, is_interrupt, open_own_nursery
from .seeds import checked
from .stream import Stream
from .told import ONE_PAGE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Literal, Unpack

    from .._model import Skip
    from .control import Control
    from .options import CrawlOptions, OtherOptions, Parsers
    from .seeds import Seeds


ItemT = TypeVar("ItemT")


@final
class open_crawl(Generic[ItemT]):  # noqa: N801 - it is called, as `open` is
    """Crawl from *seeds*, and give the pages as a stream.

    ::

        async with trio_crawl.open_crawl(seeds, max_pages=500) as pages:
            async for page in pages:
                print(page.status, page.url, page.title)
        print(pages.report)

    The crawl goes on while the block runs, a few pages ahead of it: a consumer
    that is slow slows the fetching. Leaving the block cancels what is in flight.

    The block is given the stream: an async iterable of `Page`, or of what ``parse`` yields, with
    ``control``, and ``report`` after the block.

    Args:
        seeds: where to begin, as for `crawl`.
        parse: as for `crawl`; without one the stream gives pages.
        failures: give each `Failure`, too.
        skips: give each `Skip`, too: what was found and is not asked for. (Of those that ``max_pages``
            leaves, where there is a state, those that are in memory.)
        **keywords: those of `crawl`.

    Raises:
        Exception: as `crawl` does; an error of the crawl comes out of the iteration,
            or, if the consumer has left it by then, of the block. An exception of the
            block comes out unchanged.
        trio.BusyResourceError: two tasks iterate at once.
    """

    # A class, since an interrupt may strike between the lines of contextlib, and leave the crawl open.

    @overload
    def __init__(
        self: open_crawl[Page],
        seeds: Seeds,
        *,
        parse: None = None,
        failures: Literal[False] = False,
        skips: Literal[False] = False,
        **keywords: Unpack[OtherOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: open_crawl[Page | Failure],
        seeds: Seeds,
        *,
        parse: None = None,
        failures: Literal[True],
        skips: Literal[False] = False,
        **keywords: Unpack[OtherOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: open_crawl[Page | Failure | Skip],
        seeds: Seeds,
        *,
        parse: None = None,
        failures: bool = False,
        skips: bool = False,
        **keywords: Unpack[OtherOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: open_crawl[Any],
        seeds: Seeds,
        *,
        parse: Parsers,
        failures: bool = False,
        skips: bool = False,
        **keywords: Unpack[OtherOptions],
    ) -> None: ...

    def __init__(
        self,
        seeds: Seeds,
        *,
        parse: Parsers = None,
        failures: bool = False,
        skips: bool = False,
        **keywords: Unpack[OtherOptions],
    ) -> None:
        self._seeds = seeds
        self._failures = failures
        self._skips = skips
        self._keywords: CrawlOptions = {**keywords, "parse": parse}

    @enable_ki_protection
    async def __aenter__(self) -> Stream[ItemT]:
        check_in_trio()
        stream: Stream[ItemT] = Stream(failures=self._failures, skips=self._skips)
        self._stream = stream
        self._engine = Engine(self._seeds, options_of(**self._keywords), stream=stream)
        self._nursery = open_own_nursery()
        nursery = await self._nursery.__aenter__()
        try:
            await nursery.start(_run_for_stream, self._engine)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - raised below, after the crawl has ended
            failed = error
        else:
            return stream
        self._engine.leave()
        try:
            await self._end(failed)
        except BaseException as error:  # noqa: ASYNC103, BLE001 - likewise
            failed = error
        # A nursery copies a group on its way; the engine has it as it was raised.
        raise failed if self._engine.error is None or is_interrupt(failed) else self._engine.error

    @enable_ki_protection
    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        block_error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stream.leave(acknowledge=block_error is None)
        self._engine.leave()
        engine = self._engine
        try:
            await self._end(None)  # noqa: ASYNC102 - it was told to end, and has its deadlines
        except BaseException as error:  # noqa: ASYNC103 - what is not raised here gives way to the block's own
            if is_cancellation(error):
                if block_error is None:
                    raise
            elif engine.error is None or is_interrupt(error):
                raise
            # Otherwise it is the engine's, which has it as it was raised: a nursery copies a group.
        if block_error is not None:
            if engine.error is not None and engine.error is not block_error:
                block_error.add_note(f"the crawl ended with {type(engine.error).__name__}: {engine.error}")
            return
        if engine.error is not None and not self._stream.told:
            raise engine.error

    async def _end(self, error: BaseException | None) -> None:
        """Wait for the crawl."""
        kind = None if error is None else type(error)
        await self._nursery.__aexit__(kind, error, None if error is None else error.__traceback__)


@enable_ki_protection
async def _run_for_stream(
    engine: Engine, *, task_status: trio.TaskStatus[Control] = trio.TASK_STATUS_IGNORED
) -> None:
    """Run *engine*; what it raises is raised by the stream, where its consumer is."""
    try:
        await engine.run(task_status)
    except trio.Cancelled:
        raise
    except BaseException as error:  # noqa: ASYNC103 - no cancellation; the stream raises it
        if engine.error is not error or not engine.announced:
            raise


@enable_ki_protection
async def fetch_page(url: str | Request, **keywords: Unpack[CrawlOptions]) -> Page:
    """Fetch one page, through the same guard, robots.txt, redirects and retries as a crawl.

    Args:
        url: an http(s) URL, or a `Request` for one.
        **keywords: those of `crawl` that concern fetching.

    Returns:
        The page, whatever its status.

    Raises:
        SeedError: *url* is no http(s) URL.
        FetchError: there is no page; its ``failure`` has the details.
        RefusedError: robots.txt disallows it, or can't be had.
    """
    for name in ("parse", "write", "max_depth", "max_pages"):
        if name in keywords:
            raise UsageError(f"fetch_page() takes no {name}=: it fetches one page, and returns it")
    keywords = {"delay": 0, **keywords, "max_depth": 0}
    request = checked(url)
    token = ONE_PAGE.set(True)
    try:
        async with open_crawl(request, failures=True, **keywords) as pages:
            async for outcome in pages:
                if isinstance(outcome, Failure):
                    raise FetchError(outcome.kind, outcome.message, failure=outcome)
                if isinstance(outcome, Page):
                    return outcome
    finally:
        ONE_PAGE.reset(token)
    reason = next(iter(pages.report.skipped), "stopped")
    raise RefusedError(reason, _REFUSALS.get(reason, "{url} was not fetched").format(url=request.url))


_REFUSALS = {
    "not_archived": "{url} is not in the archive",
    "robots": "robots.txt disallows {url}; robots=False asks for it all the same",
    "host_given_up": "the host of {url} keeps failing: it was given up",
    "robots_unreachable": "the robots.txt of {url} could not be had, which disallows everything "
    "(RFC 9309, 2.3.1.4); robots=False asks for the page all the same",
}
