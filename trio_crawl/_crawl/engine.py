"""The engine of a crawl: its nurseries, its channel, and the loop that drives them.

::

    caller's scope ─┬─ work: the loop, hops, look-ups, async parsers   (dropped when cancelled)
                    └─ shield ─ service: the writer, the fetcher's     (ends after the last flush,
                                tasks, tasks of writers                 within `grace` of a cancellation)

Errors of tasks are reported to the engine, not raised through nurseries: the first
one comes out of the crawl as itself, later ones as notes on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, final

import trio

from .._errors import CrawlError
from .._fetch.addresses import AddressGuard
from .._fetch.choose import choose as choose_fetcher
from .._frontier.journal import Journal
from .._frontier.ledger import Ledger
from .._frontier.limits import Limits
from .._frontier.memory import MemoryFrontier
from .._model import Report
from .._policy.scope import Scope
from .._write.batch import BATCH_OUTCOMES
from .._write.choose import choose as choose_writers
from ..abc import Environment
from .control import Control
from .durable import Durable
from .elsewhere import Elsewhere
from .explain import HostWait, in_words
from .loop import Loop
from .nurseries import is_cancellation, open_own_nursery, without_cancellation
from .outlet import Outlet
from .pages import Pages
from .seeds import checked, host_name, open_seeds
from .stream import ConsumerLeft

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from .._frontier.journal import Changes
    from .._model import Ended, Json, Request, Statistics
    from ..abc import RunInThread, Writer
    from .options import AllowPrivate, Options
    from .seeds import Seeds
    from .stream import Stream

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("trio_crawl")

# With a virtual clock time starts here, so that two crawls write the same moments.
_VIRTUAL_START: Final = datetime(2000, 1, 1, tzinfo=UTC)


@final
class Engine:
    """Runs one crawl, once.

    Args:
        seeds: where it begins.
        options: its keywords.
        stream: a consumer of its pages, if it has one.

    Raises:
        UsageError: the seeds or an option can't be right.
    """

    def __init__(self, seeds: Seeds, options: Options, *, stream: Stream | None = None) -> None:
        self._options = options
        self._stream = stream
        self._writers: list[Writer[Any]] = choose_writers(options.write, overwrite=options.overwrite)
        if stream is not None:
            self._writers.insert(0, stream)
        self._fetcher = choose_fetcher(options.fetch)
        self._guard = AddressGuard(_allowed(options.allow_private))
        self._elsewhere = Elsewhere(options, virtual=self._fetcher.virtual)
        self._pages = Pages(options, self._elsewhere)
        self._ledger = Ledger()
        self._journal = None if options.state is None else Journal()
        self._frontier = self._make_frontier()
        # A consumer acknowledges page by page, and so they are counted page by page.
        self._outlet = Outlet(
            self._writers, self._ledger, most=1 if stream else BATCH_OUTCOMES, journal=self._journal
        )
        # Last, since it may open a file, which nobody closes if an option turns out to be wrong.
        self._seeds = open_seeds(seeds)
        self._loop = Loop(
            options,
            self._seeds,
            frontier=self._frontier,
            fetcher=self._fetcher,
            pages=self._pages,
            outlet=self._outlet,
            ledger=self._ledger,
            fail=self._fail,
            wall_clock=self._wall_clock,
        )
        self._outlet.wake = self._loop.wake
        self._durable = self._make_durable()
        self._cancelled = False
        self._ended: Ended = "done"
        self._report: Report | None = None
        self._work_scope = trio.CancelScope()
        self._work_done = trio.Event()
        self._finished = trio.Event()
        self._began = self._finished_at = 0.0
        self.announced = False
        self.error: BaseException | None = None

    def _make_frontier(self) -> MemoryFrontier:
        options = self._options
        return MemoryFrontier(
            Scope(options.follow, include=options.include, exclude=options.exclude),
            Limits(
                per_host=options.per_host,
                per_address=options.per_address,
                delay=options.delay,
                per_address_delay=options.per_address_delay,
                max_depth=options.max_depth,
                max_pages=options.max_pages,
            ),
            self._ledger,
            guard=self._guard if self._fetcher.opens_connections else None,
            robots=options.robots,
            journal=self._journal,
        )

    def _make_durable(self) -> Durable | None:
        if self._options.state is None:
            return None
        durable = Durable(
            self._options,
            self._writers,
            own_rows=self._pages.own_rows,
            run_in_thread=self._run_in_thread,
            virtual=self._fetcher.virtual,
        )
        self._loop.load = durable.load
        self._outlet.commit = self._commit
        self._outlet.committed = self._committed
        return durable

    @property
    def _run_in_thread(self) -> RunInThread:
        return _run_inline if self._fetcher.virtual else _run_in_thread

    # The whole

    async def run(self, task_status: trio.TaskStatus[Control]) -> Report:
        """Crawl, and return the report; see ``crawl()`` for what is raised."""
        self._began = trio.current_time()
        self._wall = _VIRTUAL_START if self._fetcher.virtual else datetime.now(UTC)
        try:
            await self._open_state()
            for writer, position in zip(self._writers, self._outlet.positions, strict=True):
                writer.check(position)
            # The outputs are opened under a shield: what is cancelled already must not get there.
            await trio.lowlevel.checkpoint_if_cancelled()
            await self._run(task_status)
        except trio.Cancelled:  # noqa: ASYNC103 - see below
            # An error of the crawl counts more than the cancellation that it met, or was met by.
            if self.error is None:
                self._cancelled = True
                raise
        except BaseException as error:  # noqa: ASYNC103, BLE001 - no cancellation; raised below
            self._fail(error)
        finally:
            try:
                self._conclude()
            finally:
                if self._durable is not None:
                    await self._durable.close()  # noqa: ASYNC102 - it shields itself
        if self.error is not None:
            raise self.error
        assert self._report is not None  # noqa: S101 - there is no error, and it was not cancelled
        return self._report

    async def _open_state(self) -> None:
        """Go on where the state says that the crawl ended."""
        if self._durable is None:
            return
        positions = await self._durable.open(self._frontier, self._ledger)
        if positions is not None:
            self._outlet.positions = positions
            self._pages.links_dropped = self._ledger.links_dropped
            self._outlet.resumed = True

    async def _commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        assert self._durable is not None  # noqa: S101 - who has a journal has a state
        books = {**books, "links_dropped": self._pages.links_dropped, "elapsed": self._elapsed()}
        await self._durable.commit(changes, positions, books)

    def _committed(self, changes: Changes) -> None:
        self._frontier.committed(changes.spilled)

    async def _run(self, task_status: trio.TaskStatus[Control]) -> None:
        async with open_own_nursery() as outer:
            with trio.CancelScope(shield=True):
                async with open_own_nursery() as service:
                    environment = self._environment(service)
                    service.start_soon(self._reported, self._outlet.done, self._write, environment)
                    outer.start_soon(self._reported, self._work_done, self._work, environment, task_status)
                    await self._work_ended()
                    self._take_up_parsed()
                    with trio.move_on_after(self._options.grace):
                        await self._outlet.finish(whole=False)
                    service.cancel_scope.cancel(reason="the crawl has ended")

    async def _work_ended(self) -> None:
        try:
            await self._work_done.wait()
        except KeyboardInterrupt as error:
            # Trio raises it in its main task, which this may be; hops and rows end as by any error.
            self._fail(error)
            await self._work_done.wait()

    def _take_up_parsed(self) -> None:
        try:
            self._loop.take_up_parsed()
        except Exception as error:  # noqa: BLE001 - comes out of the crawl
            self._fail(error)

    def _conclude(self) -> None:
        """Close what is open, and make the report; whatever happened before."""
        self._loop.closed = True
        try:
            self._outlet.close()
            close = getattr(self._seeds, "close", None)
            if isinstance(self._seeds, Iterator) and close is not None:
                close()
            if self.error is None and not self._cancelled:
                self._report = self._make_report()
            if self._outlet.unwritten and self._ended != "left":
                log.warning("%d outcomes were not written when the crawl ended", self._outlet.unwritten)
        finally:
            # Whoever waits for the end is told of it, even if there is no report.
            self._finished_at = trio.current_time()
            self._finished.set()
            if self._stream is not None:
                self._stream.end(self._report, self.error)

    def _environment(self, service: trio.Nursery) -> Environment:
        return Environment(
            own_rows=self._pages.own_rows,
            nursery=service,
            guard=self._guard,
            concurrency=self._options.concurrency,
            run_in_thread=self._run_in_thread,
        )

    async def _reported(
        self, done: trio.Event, function: Callable[[*Ts], Awaitable[object]], *args: *Ts
    ) -> None:
        """Call *function*; make its error the crawl's, and set *done* however it ends."""
        try:
            await function(*args)
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
        finally:
            done.set()

    def _fail(self, error: BaseException) -> None:
        """End the crawl with *error*, if it is the first; note it on the first otherwise.

        An interrupt comes before any error: its errors may well be what it led to.
        """
        error = without_cancellation(error)
        first = self.error
        if first is None:
            self.error = error
        elif isinstance(first, Exception) and not isinstance(error, Exception):
            error.add_note(f"before: {type(first).__name__}: {first}")
            self.error = error
        elif error is not first:
            first.add_note(f"afterwards: {type(error).__name__}: {error}")
        self._work_scope.cancel(reason=f"{type(error).__name__} ended the crawl")

    async def _work(self, environment: Environment, task_status: trio.TaskStatus[Control]) -> None:
        """Fetch and parse until nothing is left to do, and see the last batch written."""
        with self._work_scope:
            await self._outlet.opened.wait()
            workers = self._elsewhere.workers.open()
            async with self._fetcher.open(environment), workers, open_own_nursery() as nursery:
                control = Control(self)
                if self._stream is not None:
                    self._stream.control = control
                self.announced = True
                task_status.started(control)
                if self._options.max_time is not None:
                    nursery.start_soon(self._watch_time, self._options.max_time)
                await self._reported(trio.Event(), self._loop.run, nursery)
                # Within the reach of `max_time`, which an output may use up, too.
                await self._outlet.finish(whole=True)
                nursery.cancel_scope.cancel(reason="the crawl has nothing left to do")

    async def _watch_time(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.stop("max_time")
        await trio.sleep(self._options.grace)
        self._work_scope.cancel(reason="max_time and grace have passed")

    async def _write(self, environment: Environment) -> None:
        try:
            await self._outlet.write(environment)
        except ConsumerLeft:
            self.leave()

    # What `Control` and the stream ask for

    async def add(self, seed: str | Request) -> bool:
        """Add a seed by hand."""
        request = checked(seed)
        await trio.lowlevel.checkpoint()
        if self._loop.closed:
            raise trio.ClosedResourceError("the crawl has ended: nothing can be added to it")
        new = self._frontier.add_seed(request, trio.current_time())
        self._loop.wake()
        # The consumer of a stream would wait for itself: a commit has to wait for what it holds.
        if self._journal is not None and self._stream is None:
            saved = await self._outlet.saved()
            if not saved and self._finished.is_set():
                raise trio.ClosedResourceError("the crawl ended before what was added was in its state")
        return new

    def stop(self, ended: Ended) -> None:
        """Start nothing more."""
        if not self._finished.is_set() and self._ended == "done":
            self._ended = ended
        self._loop.paused = False
        self._frontier.stop()
        self._loop.wake()

    def explain(self) -> str:
        """Return what is waited for."""
        hosts = [
            HostWait(name=name, why=why, seconds=seconds, pages=pages)
            for name, why, seconds, pages in self._frontier.waits(trio.current_time())
        ]
        return in_words(self.describe(), self._loop.hops(), self._loop.others(), hosts)

    def cancel_host(self, host: str, reason: str) -> None:
        """Give up a host."""
        name = host_name(host)
        if not self._loop.closed:
            log.warning("the host %s is cancelled: %s", name, reason)
            self._loop.cancel_host(name)

    def leave(self) -> None:
        """Drop what is in flight: the consumer of the stream has gone."""
        if self._finished.is_set():
            return
        self._ended = "left"
        self._work_scope.cancel(reason="the consumer of the pages left")

    def pause(self) -> None:
        """Start nothing more for now."""
        self._loop.paused = True

    def resume(self) -> None:
        """Go on."""
        self._loop.paused = False
        self._loop.wake()

    def statistics(self) -> Statistics:
        """Return the numbers at this moment."""
        self._ledger.links_dropped = self._pages.links_dropped
        in_flight = self._frontier.lent + self._outlet.unwritten
        return self._ledger.statistics(
            pending=self._frontier.queued + in_flight,
            in_flight=in_flight,
            elapsed=self._elapsed(),
        )

    def _elapsed(self) -> float:
        end = self._finished_at if self._finished.is_set() else trio.current_time()
        return end - self._began + (0.0 if self._durable is None else self._durable.elapsed)

    def _make_report(self) -> Report:
        numbers = self.statistics()
        ended = "done" if not numbers.pending and self._ended != "left" else self._ended
        return Report(
            **{name: getattr(numbers, name) for name in numbers.__slots__},
            ended=ended,
            outputs=tuple(writer.name for writer in self._writers if writer is not self._stream),
        )

    async def wait(self) -> Report:
        """Wait for the end."""
        await self._finished.wait()
        if self._report is None or self.error is not None:
            how = "was cancelled" if self.error is None else f"ended with {self.error!r}"
            raise CrawlError(f"the crawl {how}: there is no report") from self.error
        return self._report

    def describe(self) -> str:
        """Return one line about the state, for a `repr`."""
        numbers = self._ledger
        state = "ended" if self._finished.is_set() else "paused" if self._loop.paused else "going on"
        return f"{state}, {numbers.pages} pages of {numbers.discovered} URLs"

    def _wall_clock(self, now: float) -> datetime:
        """Return the moment that *now* is: counted from the start, so that virtual time shows."""
        return self._wall + timedelta(seconds=now - self._began)


def _allowed(allow_private: AllowPrivate) -> bool | list[str]:
    if isinstance(allow_private, bool | str):
        return allow_private  # type: ignore[return-value] # the guard says what is wrong with a str
    return list(allow_private)


async def _run_in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


async def _run_inline(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    del limiter
    await trio.lowlevel.checkpoint()
    return function(*args)
