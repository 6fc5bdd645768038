"""The engine of a crawl: its nurseries, its channel, and the loop that drives them.

::

    caller's scope ─┬─ work: the loop, hops, look-ups, async parsers   (dropped when cancelled)
                    └─ shield ─ service: the writer, the fetcher's     (ends after the last flush,
                                tasks, tasks of writers                 within `grace` of a cancellation)

Errors of tasks are reported to the engine, not raised through nurseries: the first
one comes out of the crawl as itself, later ones as notes on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, final

import trio
from trio.lowlevel import enable_ki_protection

from .._callbacks import log
from .._fetch.choose import choose as choose_fetcher, files_of
from .._fetch.descriptors import check_concurrency
from .._frontier.contents import Contents
from .._frontier.journal import Journal
from .._frontier.ledger import Ledger
from .._write.batch import BATCH_OUTCOMES
from .._write.channel import ConsumerLeft
from .._write.choose import choose as choose_writers, kinds_wanted, things_of
from .._write.same import forbid_same
from ..abc import Environment, TimedFetcher
from .assembly import make_frontier, make_guard
from .clock import WallClock
from .control import Control
from .durable import Durable, state_files
from .elsewhere import Elsewhere
from .ending import Ending
from .explain import Explainer
from .loop import Loop
from .numbers import Numbers
from .nurseries import is_cancellation, open_own_nursery
from .outlet import Outlet
from .pages import Pages
from .reading import ReadingMark
from .seed_lines import SeedLines
from .seeds import open_seeds, seed_files
from .threads import run_in_thread, run_inline, run_or_leave
from .watchdog import watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from .._frontier.journal import Changes
    from .._model import Json, Report
    from ..abc import RunInThread, Writer
    from .options import Options
    from .seeds import Seeds
    from .stream import Stream

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


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

    def __init__(self, seeds: Seeds, options: Options, *, stream: Stream[Any] | None = None) -> None:
        self._options = options
        self._stream = stream
        self._work_scope = trio.CancelScope()
        self._work_done = trio.Event()
        self._ending = Ending(lambda reason: self._work_scope.cancel(reason=reason))
        self._writers: list[Writer[Any]] = choose_writers(options.write, overwrite=options.overwrite)
        if stream is not None:
            self._writers.insert(0, stream)
        self._fetcher = choose_fetcher(options.fetch)
        if self._fetcher.opens_connections:
            check_concurrency(options.concurrency)
        forbid_same(
            [
                *things_of(self._writers),
                *files_of(self._fetcher),
                *state_files(options.state),
                *seed_files(seeds),
            ]
        )
        self._guard = make_guard(options.allow_private)
        kinds = kinds_wanted(self._writers)
        self._elsewhere = Elsewhere(options, kinds=kinds, virtual=self._fetcher.virtual)
        self._reading = ReadingMark()
        self._pages = Pages(options, self._elsewhere, self._reading, kinds=kinds)
        self._ledger = Ledger(heard=[] if stream is not None and stream.skips else None)
        self._journal = None if options.state is None else Journal()
        self._frontier = make_frontier(
            options, self._ledger, self._fetcher, guard=self._guard, journal=self._journal
        )
        timed = self._fetcher if isinstance(self._fetcher, TimedFetcher) else None
        self._wall_clock = WallClock(
            virtual=self._fetcher.virtual,
            timed=timed if self._fetcher.virtual else None,
            begin=self._frontier.begin,
        )
        self._contents = Contents(stored=options.state is not None)
        # A consumer acknowledges page by page, and so they are counted page by page.
        self._outlet = Outlet(
            self._writers, self._ledger, most=1 if stream else BATCH_OUTCOMES, journal=self._journal
        )
        # Last, since it may open a file, which nobody closes if an option turns out to be wrong.
        self._seeds = open_seeds(seeds, inline=self._fetcher.virtual)
        self._loop = Loop(
            options,
            self._seeds,
            frontier=self._frontier,
            fetcher=self._fetcher,
            pages=self._pages,
            outlet=self._outlet,
            ledger=self._ledger,
            contents=self._contents,
            reading=self._reading,
            fail=self._ending.fail,
            wall_clock=self._wall_clock,
        )
        self._outlet.wake = self._loop.wake
        self._durable = self._make_durable()
        self._numbers = Numbers(
            self._ledger,
            frontier=self._frontier,
            outlet=self._outlet,
            pages=self._pages,
            ending=self._ending,
            fetcher=self._fetcher,
        )
        self._explainer = Explainer(
            loop=self._loop, frontier=self._frontier, numbers=self._numbers, ending=self._ending
        )
        self.announced = False

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
        assert self._journal is not None  # noqa: S101 - who has a state has a journal
        self._journal.sources.append(self._pages)
        self._loop.tasks.load = durable.load
        self._loop.tasks.url_of = durable.url_of
        self._outlet.commit = self._commit
        self._outlet.committed = self._committed
        return durable

    @property
    def _run_in_thread(self) -> RunInThread:
        return run_inline if self._fetcher.virtual else run_in_thread

    # The whole

    async def run(self, task_status: trio.TaskStatus[Control]) -> Report:
        """Crawl, and return the report; see ``crawl()`` for what is raised."""
        self._numbers.began = trio.current_time()
        self._began = self._wall_clock.begin()
        try:
            # Trio raises an interrupt at a checkpoint of its main task, which this may be. All that has to
            # be whole is done in other tasks; here it cancels them, and waits for them like anybody.
            async with open_own_nursery() as nursery:
                nursery.start_soon(self._run_whole, task_status)
        except trio.Cancelled:  # noqa: ASYNC103 - see below
            # An error of the crawl counts more than the cancellation that it met, or was met by.
            if self.error is None:
                self._ending.cancelled = True
                raise
        except BaseException as error:  # noqa: ASYNC103, BLE001 - no cancellation; raised below
            self._ending.fail(error)
        finally:
            self._conclude()
        if self.error is not None:
            raise self.error
        assert self._ending.report is not None  # noqa: S101 - there is no error, and it was not cancelled
        return self._ending.report

    @property
    def error(self) -> BaseException | None:
        """The exception that the crawl ended with, if it did."""
        return self._ending.error

    @enable_ki_protection
    async def _run_whole(self, task_status: trio.TaskStatus[Control]) -> None:
        """Open the state, crawl, and close the state, before anybody is told that the crawl has ended."""
        try:
            await self._open_state()
            for writer, position in zip(self._writers, self._outlet.positions, strict=True):
                await self._run_in_thread(writer.check, position)
            # The outputs are opened under a shield: what is cancelled already must not get there.
            await trio.lowlevel.checkpoint_if_cancelled()
            await self._run(task_status)
            await self._look_back()
        except trio.Cancelled:
            raise
        except BaseException as error:  # noqa: ASYNC103, BLE001 - no cancellation; raised by `run`
            self._ending.fail(error)
        finally:
            await self._close_state()  # noqa: ASYNC102 - it shields itself

    async def _close_state(self) -> None:
        self._loop.closed = True
        if self._durable is not None:
            try:
                await self._durable.close()
            except Exception as error:  # noqa: BLE001 - comes out of the crawl
                self._ending.fail(error)

    async def _open_state(self) -> None:
        """Go on where the state says that the crawl ended."""
        if self._durable is None:
            return
        positions = await self._durable.open(
            self._frontier, self._ledger, self._contents, self._pages, self._began
        )
        await self._durable.keep_mark(self._reading)
        if positions is not None:
            self._outlet.positions = positions
            self._pages.links_dropped = self._ledger.links_dropped
            self._numbers.before = self._durable.elapsed
            self._outlet.resumed = True

    async def _look_back(self) -> None:
        """Gather how hosts were treated, with a state in all runs, for the report."""
        with trio.CancelScope(shield=True):  # it has a deadline of its own
            self._numbers.seeds_unread = await self._loop.seeds_unread()
        if self._durable is None:
            self._numbers.hosts, self._numbers.hosts_beyond = self._frontier.conduct()
            return
        self._numbers.hosts = self._durable.hosts()

    async def _commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        assert self._durable is not None  # noqa: S101 - who has a journal has a state
        books = {**books, "links_dropped": self._pages.links_dropped, "elapsed": self._numbers.elapsed()}
        await self._durable.commit(changes, positions, books)

    def _committed(self, changes: Changes) -> None:
        self._frontier.committed(changes.spilled, changes.ended())

    async def _run(self, task_status: trio.TaskStatus[Control]) -> None:
        async with open_own_nursery() as outer:
            with trio.CancelScope(shield=True):
                async with open_own_nursery() as service:
                    environment, *others = [
                        self._environment(await service.start(self._lend_nursery))
                        for _ in range(1 + len(self._writers))
                    ]
                    service.start_soon(self._reported, self._outlet.done, self._write, others)
                    outer.start_soon(self._reported, self._work_done, self._work, environment, task_status)
                    await self._work_done.wait()
                    with trio.move_on_after(self._options.grace):
                        await self._take_up_parsed()
                        await self._outlet.finish(whole=False)
                    service.cancel_scope.cancel(reason="the crawl has ended")

    async def _take_up_parsed(self) -> None:
        try:
            await self._loop.take_up_parsed()
        except Exception as error:  # noqa: BLE001 - comes out of the crawl
            self._ending.fail(error)

    def _conclude(self) -> None:
        """Close what is open, and make the report; whatever happened before."""
        ending = self._ending
        try:
            self._outlet.close()
            close = getattr(self._seeds, "close", None)
            # A channel, say, is its owner's to close.
            if isinstance(self._seeds, Iterator | SeedLines) and close is not None:
                close()
            if ending.error is None and not ending.cancelled:
                outputs = tuple(writer.name for writer in self._writers if writer is not self._stream)
                ending.report = self._numbers.report(outputs)
            # A reader of standard output that has seen enough is no news.
            left = ending.how == "left" or isinstance(ending.error, BrokenPipeError)
            if self._outlet.unwritten and not left:
                log.warning("%d outcomes were not written when the crawl ended", self._outlet.unwritten)
        finally:
            # Whoever waits for the end is told of it, even if there is no report.
            ending.finish()
            if self._stream is not None:
                self._stream.end(ending.report, ending.error)

    def _environment(self, nursery: trio.Nursery) -> Environment:
        return Environment(
            own_rows=self._pages.own_rows,
            nursery=nursery,
            guard=self._guard,
            concurrency=self._options.concurrency,
            run_in_thread=self._run_in_thread,
            run_or_leave=run_inline if self._fetcher.virtual else run_or_leave,
        )

    @enable_ki_protection
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
            self._ending.fail(error)
        finally:
            done.set()

    async def _work(self, environment: Environment, task_status: trio.TaskStatus[Control]) -> None:
        """Fetch and parse until nothing is left to do, and see the last batch written."""
        with self._work_scope:
            await self._outlet.opened.wait()
            workers = self._elsewhere.workers.open()
            async with self._fetcher.open(environment), workers, open_own_nursery() as nursery:
                control = self._make_control()
                if self._stream is not None:
                    self._stream.control = control
                self.announced = True
                task_status.started(control)
                nursery.start_soon(
                    partial(watch, loop=self._loop, outlet=self._outlet, explainer=self._explainer)
                )
                if self._options.max_time is not None:
                    nursery.start_soon(self._watch_time, self._options.max_time)
                await self._reported(trio.Event(), self._loop.run, nursery)
                # Within the reach of `max_time`, which an output may use up, too.
                await self._outlet.finish(whole=True)
                nursery.cancel_scope.cancel(reason="the crawl has nothing left to do")

    @enable_ki_protection
    async def _lend_nursery(self, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        """Hold a nursery for tasks of the fetcher, or of one output: what they raise drops no rows."""

        async def hold() -> None:
            async with open_own_nursery() as nursery:
                task_status.started(nursery)
                await trio.sleep_forever()

        await self._reported(trio.Event(), hold)

    @enable_ki_protection
    async def _watch_time(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self._ending.choose("max_time")
        self._loop.stop()
        await trio.sleep(self._options.grace)
        self._work_scope.cancel(reason="max_time and grace have passed")

    async def _write(self, environments: Sequence[Environment]) -> None:
        try:
            await self._outlet.write(environments)
        except ConsumerLeft:
            self.leave()

    def _make_control(self) -> Control:
        # The consumer of a stream would wait for itself: a commit has to wait for what it holds.
        waits = self._journal is not None and self._stream is None
        return Control(
            loop=self._loop,
            frontier=self._frontier,
            outlet=self._outlet if waits else None,
            numbers=self._numbers,
            explainer=self._explainer,
            ending=self._ending,
            cancel=self._cancel,
        )

    def _cancel(self, reason: str) -> None:
        self._ending.how = "cancelled"
        self._work_scope.cancel(reason=reason)

    def leave(self) -> None:
        """Drop what is in flight: the consumer of the stream has gone."""
        if not self._ending.finished:
            self._ending.how = "left"
            self._work_scope.cancel(reason="the consumer of the pages left")
