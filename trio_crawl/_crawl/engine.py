"""The engine of a crawl: its nurseries, its channel, and the loop that drives them.

::

    caller's scope ─┬─ work: the loop, hops, look-ups, async parsers   (dropped when cancelled)
                    └─ shield ─ service: the writer, the fetcher's     (ends after the last flush,
                                tasks, tasks of writers                 within `grace` of a cancellation)

One task, the loop, takes what came back, decides by pure code, and starts what
may start. Whatever comes back at one moment is taken in the order of the leases,
so that a crawl in virtual time is the same each time, in spite of trio's random
scheduling.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, TypeVarTuple, final

import trio

from .._errors import CrawlError, FetchError, TooManyFailuresError
from .._fetch.addresses import AddressGuard
from .._fetch.choose import choose as choose_fetcher
from .._fetch.resolve import Resolver
from .._frontier.ledger import Ledger
from .._frontier.memory import Limits, MemoryFrontier
from .._lease import Drained, Idle, Lookup, Redirect, Refuse, Start
from .._model import Failure, Parsed, Report, Response
from .._policy import robots
from .._policy.retry import RetryPolicy
from .._policy.scope import Scope
from .._policy.verdict import Again, GiveUp, Keep, judge, rest
from .._write.batch import BATCH_AGE, BATCH_OUTCOMES, Batch, Gatherer
from .._write.choose import choose as choose_writers
from ..abc import Environment
from .control import Control
from .nurseries import is_cancellation, open_own_nursery
from .pages import Pages
from .seeds import BadSeed, checked, lenient, open_seeds
from .stream import ConsumerLeft, Stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable

    from .._lease import Lease
    from .._model import Ended, Outcome, Page, Request, Statistics
    from ..abc import Writer
    from .options import Options
    from .seeds import Seeds

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("trio_crawl")

READ_AHEAD: Final = 10_000
"""Seeds that are queued before more are read: enough to find hosts whose turn it is, and
little enough that a file of ten million lines need not fit in memory."""

ROUND: Final = 256
"""Seeds read, and decisions taken, before others get their turn of the loop."""

MAX_ROBOTS_REDIRECTS: Final = 5
"""RFC 9309, section 2.3.1.2."""

# The origin can't be had at all, so neither can a page of it: that is what the page's failure says.
_NO_ORIGIN: Final = frozenset({"dns", "connect", "tls", "blocked_address"})

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
        self._seeds = open_seeds(seeds)
        self._stream = stream
        self._writers: list[Writer[Any]] = choose_writers(options.write, overwrite=options.overwrite)
        if stream is not None:
            self._writers.insert(0, stream)
        self._fetcher = choose_fetcher(options.fetch)
        self._guard = AddressGuard(_allowed(options.allow_private))
        self._resolver = Resolver()
        self._policy = RetryPolicy(retries=options.retries)
        self._product = robots.product_token(options.user_agent)
        self._pages = Pages(options)
        self._ledger = Ledger()
        self._frontier = MemoryFrontier(
            Scope(options.follow, include=options.include, exclude=options.exclude),
            Limits(
                per_host=options.per_host,
                per_address=options.per_address,
                delay=options.delay,
                max_depth=options.max_depth,
                max_pages=options.max_pages,
            ),
            self._ledger,
            guard=self._guard if self._fetcher.opens_connections else None,
            robots=options.robots,
        )
        self._gatherer = Gatherer(self._writers, most=1 if stream else BATCH_OUTCOMES)
        self._outgoing: Batch | None = None
        self._unwritten = 0
        self._failures = 0
        self._fetching = 0
        self._parsing = 0
        self._paused = False
        self._closed = False
        self._cancelled = False
        self._ended: Ended = "done"
        self.error: BaseException | None = None
        self.announced = False
        self._report: Report | None = None
        self._finished = trio.Event()
        self._work_scope = trio.CancelScope()
        self._work_done = trio.Event()
        self._writing_done = trio.Event()
        self._writers_open = trio.Event()
        self._arrivals: list[tuple[int, Lease, _Arrival]] = []
        self._news = trio.Event()
        self._room = trio.Event()

    # The whole

    async def run(self, task_status: trio.TaskStatus[Control]) -> Report:
        """Crawl, and return the report; see ``crawl()`` for what is raised."""
        for writer in self._writers:
            writer.check()
        self._began = trio.current_time()
        self._wall = _VIRTUAL_START if self._fetcher.virtual else datetime.now(UTC)
        self._send, receive = trio.open_memory_channel[Batch](1)
        try:
            await self._run(task_status, receive)
        except BaseException as error:
            if not is_cancellation(error):
                self._fail(error)
            elif self.error is None:
                self._cancelled = True
                raise
        finally:
            receive.close()
            self._conclude()
        if self.error is not None:
            raise self.error
        assert self._report is not None  # noqa: S101 - there is no error, and it was not cancelled
        return self._report

    async def _run(
        self, task_status: trio.TaskStatus[Control], batches: trio.MemoryReceiveChannel[Batch]
    ) -> None:
        async with open_own_nursery() as outer:
            with trio.CancelScope(shield=True):
                async with open_own_nursery() as service:
                    environment = self._environment(service)
                    service.start_soon(self._reported, self._writing_done, self._write, environment, batches)
                    outer.start_soon(self._reported, self._work_done, self._work, environment, task_status)
                    await self._work_done.wait()
                    with trio.move_on_after(self._options.grace):
                        await self._finish_writing()
                    service.cancel_scope.cancel(reason="the crawl has ended")

    def _conclude(self) -> None:
        """Close what is open, and make the report; whatever happened before."""
        self._closed = True
        self._send.close()
        close = getattr(self._seeds, "close", None)
        if isinstance(self._seeds, Iterator) and close is not None:
            close()
        if self.error is None and not self._cancelled:
            self._report = self._make_report()
        if self._unwritten:
            log.warning("%d outcomes were not written when the crawl ended", self._unwritten)
        if self._stream is not None:
            self._stream.end(self._report, self.error)
        self._finished.set()

    def _environment(self, service: trio.Nursery) -> Environment:
        return Environment(
            own_rows=self._pages.own_rows,
            nursery=service,
            guard=self._guard,
            concurrency=self._options.concurrency,
            run_in_thread=_run_inline if self._fetcher.virtual else _run_in_thread,
        )

    async def _reported(
        self, done: trio.Event, function: Callable[[*Ts], Awaitable[object]], *args: *Ts
    ) -> None:
        """Call *function*; make its error the crawl's, and set *done* however it ends."""
        try:
            await function(*args)
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
        finally:
            done.set()

    def _fail(self, error: BaseException) -> None:
        """End the crawl with *error*, if it is the first; note it on the first otherwise."""
        if self.error is None:
            self.error = error
        elif error is not self.error:
            self.error.add_note(f"afterwards: {type(error).__name__}: {error}")
        self._work_scope.cancel(reason=f"{type(error).__name__} ended the crawl")

    async def _work(self, environment: Environment, task_status: trio.TaskStatus[Control]) -> None:
        """Fetch and parse until nothing is left to do, and see the last batch written."""
        with self._work_scope:
            await self._writers_open.wait()
            async with self._fetcher.open(environment), open_own_nursery() as nursery:
                self._nursery = nursery
                control = Control(self)
                if self._stream is not None:
                    self._stream.control = control
                self.announced = True
                task_status.started(control)
                if self._options.max_time is not None:
                    nursery.start_soon(self._watch_time, self._options.max_time)
                if not isinstance(self._seeds, Iterator):
                    nursery.start_soon(self._reported, trio.Event(), self._feed, self._seeds)
                await self._reported(trio.Event(), self._loop)
                nursery.cancel_scope.cancel(reason="the crawl has nothing left to do")
            await self._finish_writing()

    async def _watch_time(self, seconds: float) -> None:
        await trio.sleep(seconds)
        self.stop("max_time")
        await trio.sleep(self._options.grace)
        self._work_scope.cancel(reason="max_time and grace have passed")

    # The loop

    async def _loop(self) -> None:
        while True:
            # Before anything is looked at, so that no news is missed while the writer is waited for.
            self._news = trio.Event()
            for _, lease, arrival in self._take_arrivals():
                self._arrived(lease, arrival)
                await self._pass_on(idle=False)
            self._sow()
            next_step = self._start_what_may()
            if isinstance(next_step, Drained):
                self._closed = True
                return
            # Where every token is taken there may be more to start; else rows need not wait for more.
            await self._pass_on(idle=next_step is not None)
            await self._wait_until(None if next_step is None else next_step.until)

    def _take_arrivals(self) -> Iterator[tuple[int, Lease, _Arrival]]:
        arrivals, self._arrivals = self._arrivals, []
        # Not in the order of arrival, which is trio's chance.
        arrivals.sort(key=lambda arrival: arrival[0])
        return iter(arrivals)

    def _start_what_may(self) -> Idle | Drained | None:
        """Start hops while there are tokens for them; return what there is to wait for.

        None says that every token is taken.
        """
        now = trio.current_time()
        limit = self._options.concurrency
        for _ in range(ROUND):
            if self._paused:
                return Idle(None)
            if self._fetching >= limit or self._parsing >= limit:
                return None
            match self._frontier.take(now):
                case Start(lease):
                    self._fetching += 1
                    self._ledger.robots += bool(lease.robots_of) and lease.attempts == 1 and not lease.chain
                    self._nursery.start_soon(self._hop, lease)
                case Refuse(lease, error):
                    self._settle(lease, error)
                    if self._gatherer.full:
                        return Idle(now)
                case Lookup(host):
                    self._look_up(host, now)
                case Idle() | Drained() as rest_of_it:
                    return rest_of_it
        return Idle(now)

    async def _wait_until(self, moment: float | None) -> None:
        if self._gatherer.batch is not None:
            moment = min(inf if moment is None else moment, self._gatherer.batch.since + BATCH_AGE)
        if moment is None:
            await self._news.wait()
        else:
            with trio.move_on_at(moment):
                await self._news.wait()

    def _wake(self) -> None:
        self._news.set()

    # Seeds

    def _sow(self) -> None:
        """Read seeds, as long as there is room in the frontier."""
        if not isinstance(self._seeds, Iterator):
            if self._frontier.queued < READ_AHEAD:
                self._room.set()
            return
        now = trio.current_time()
        for _ in range(ROUND):
            if self._frontier.queued >= READ_AHEAD:
                return
            seed = next(self._seeds, None)
            if seed is None:
                self._frontier.seeds_exhausted()
                return
            self._plant(seed, now)
        self._wake()

    async def _feed(self, seeds: AsyncIterable[str | Request]) -> None:
        """Read an async source of seeds; the crawl stays open until it ends."""
        async for item in seeds:
            seed = lenient(item)
            if seed is not None:
                self._plant(seed, trio.current_time())
                self._wake()
            if self._frontier.queued >= READ_AHEAD:
                self._room = trio.Event()
                await self._room.wait()
        self._frontier.seeds_exhausted()
        self._wake()

    def _plant(self, seed: Request | BadSeed, now: float) -> None:
        if isinstance(seed, BadSeed):
            log.warning("a seed is left out: %s", seed.message)
            self._ledger.discovered += 1
            self._ledger.skip("bad_seed", seed.text)
        else:
            self._frontier.add_seed(seed, now)

    # Names and hops

    def _look_up(self, host: str, now: float) -> None:
        try:
            known = self._resolver.cached(host, now)
        except FetchError as error:
            self._frontier.resolved(host, error, now)
            return
        if known is None:
            self._nursery.start_soon(self._resolve, host)
        else:
            self._frontier.resolved(host, known, now)

    async def _resolve(self, host: str) -> None:
        answer: tuple[str, ...] | FetchError = FetchError(
            "dns", f"no answer for {host!r} within {self._options.timeout} s"
        )
        try:
            with trio.move_on_after(self._options.timeout):
                answer = await self._resolver.resolve(host)
        except FetchError as error:
            answer = error
        self._frontier.resolved(host, answer, trio.current_time())
        self._wake()

    async def _hop(self, lease: Lease) -> None:
        """Make one hop, bounded in time, and lay down what came of it."""
        arrival: _Arrival = FetchError("timeout", f"no response within {self._options.timeout} s")
        try:
            with trio.move_on_after(self._options.timeout):
                arrival = await self._fetcher.fetch(self._pages.hop(lease))
        except FetchError as error:
            arrival = error
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
            return
        self._arrivals.append((lease.number, lease, arrival))
        self._wake()

    def _arrived(self, lease: Lease, arrival: _Arrival) -> None:
        """Take what a hop or an async parser came to."""
        if isinstance(arrival, Parsed | Failure):
            self._parsing -= 1
            self._finish(lease, arrival)
            return
        now = trio.current_time()
        self._fetching -= 1
        self._frontier.hop_ended(lease, now)
        if isinstance(arrival, Response):
            self._ledger.bytes += len(arrival.body)
        pause = rest(lease, arrival, self._wall_clock(now))
        if pause is not None:
            self._frontier.slow_down(lease, now + pause, now)
        self._settle(lease, arrival)

    def _settle(self, lease: Lease, result: Response | FetchError) -> None:
        """Do what is to be done about *result*."""
        now = trio.current_time()
        verdict = judge(
            lease,
            result,
            policy=self._policy,
            max_redirects=MAX_ROBOTS_REDIRECTS if lease.robots_of else self._options.max_redirects,
            now=self._wall_clock(now),
        )
        match verdict:
            case Again(wait):
                self._frontier.retry(lease, now + wait, now)
            case Redirect():
                self._frontier.redirect(lease, verdict, now)
            case _ if lease.robots_of is not None:
                self._frontier.robots_known(lease, self._read_robots(verdict), now)
            case GiveUp(error):
                self._finish(lease, self._pages.failure(lease, error.kind, error.message))
            case Keep(response):
                self._keep(lease, response, now)

    def _read_robots(self, verdict: GiveUp | Keep) -> robots.Rules | FetchError | None:
        """Return the rules of a robots.txt; why its origin can't be had; None: nothing is allowed."""
        if isinstance(verdict, GiveUp):
            if verdict.error.kind == "redirects":
                return robots.ALLOW_ALL
            return verdict.error if verdict.error.kind in _NO_ORIGIN else None
        match robots.from_status(verdict.response.status):
            case "allow":
                return robots.ALLOW_ALL
            case "disallow":
                return None
            case "parse":
                try:
                    return robots.parse(self._pages.content(verdict.response), self._product)
                except FetchError:
                    return None

    # Parsing

    def _keep(self, lease: Lease, response: Response, now: float) -> None:
        """Make the page, and parse it: at once, or in a task if the parser is async."""
        try:
            page = self._pages.page(lease, response, self._wall_clock(now))
        except FetchError as error:
            self._finish(lease, self._pages.failure(lease, error.kind, error.message))
            return
        try:
            parsed = self._pages.parse(page)
        except Exception as error:  # noqa: BLE001 - a value from here on, or raised again
            self._finish(lease, self._pages.parse_failure(lease, error))
            return
        if isinstance(parsed, Parsed):
            self._finish(lease, parsed)
        else:
            self._parsing += 1
            self._nursery.start_soon(self._parse, lease, page, parsed)

    async def _parse(self, lease: Lease, page: Page, result: object) -> None:
        outcome: Outcome
        try:
            try:
                outcome = await self._pages.parse_async(page, result)
            except Exception as error:  # noqa: BLE001 - likewise
                if is_cancellation(error):
                    raise
                outcome = self._pages.parse_failure(lease, error)
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
            return
        self._arrivals.append((lease.number, lease, outcome))
        self._wake()

    def _finish(self, lease: Lease, outcome: Outcome) -> None:
        """Add what the page leads to, let go of it, and hand it to the outputs."""
        now = trio.current_time()
        self._frontier.finish(lease, page=isinstance(outcome, Parsed))
        self._unwritten += 1
        if isinstance(outcome, Parsed):
            self._frontier.add_found(outcome.follow, depth=lease.depth + 1, referrer=lease.request.url, now=now)
        self._gatherer.add(outcome, now)
        if isinstance(outcome, Failure):
            self._failures += 1
            limit = self._options.max_failures
            if limit is not None and self._failures > limit:
                message = f"more than max_failures={limit} pages failed; the last one: {outcome}"
                raise TooManyFailuresError(message)

    # Writing

    async def _pass_on(self, *, idle: bool) -> None:
        """Hand the batch to the writer, if it is time; wait for the writer if the batch is full."""
        batch = self._gatherer.batch
        if self._outgoing is None and batch is not None:
            now = trio.current_time()
            prompt = any(writer.prompt for writer in self._writers)
            if prompt or idle or self._gatherer.full or now >= batch.since + BATCH_AGE:
                self._outgoing = self._gatherer.close()
        if self._outgoing is None:
            return
        if self._gatherer.full or self._stream is not None:
            await self._send_batch()
        else:
            self._try_to_send()

    def _try_to_send(self) -> None:
        assert self._outgoing is not None  # noqa: S101 - the caller looked
        try:
            self._send.send_nowait(self._outgoing)
        except trio.WouldBlock:
            return  # the writer wakes the loop when it takes one
        self._outgoing = None

    async def _send_batch(self) -> None:
        if self._outgoing is None:
            return
        try:
            await self._send.send(self._outgoing)
        except trio.BrokenResourceError:
            # The writer has failed, or the consumer left; the scope is cancelled by whoever saw it.
            await trio.sleep_forever()
        self._outgoing = None

    async def _finish_writing(self) -> None:
        """Hand over what is gathered, and wait until the outputs are closed."""
        if self._writing_done.is_set():
            return
        try:
            while self._outgoing is not None or self._gatherer.batch is not None:
                if self._outgoing is None:
                    self._outgoing = self._gatherer.close()
                assert self._outgoing is not None  # noqa: S101 - there was a batch
                await self._send.send(self._outgoing)
                self._outgoing = None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the writer has ended before
        self._send.close()
        await self._writing_done.wait()

    async def _write(self, environment: Environment, batches: trio.MemoryReceiveChannel[Batch]) -> None:
        """Hold the outputs open, and write batch after batch."""
        with batches:
            async with AsyncExitStack() as outputs:
                for writer in self._writers:
                    await outputs.enter_async_context(writer.open(environment))
                self._writers_open.set()
                async for batch in batches:
                    self._wake()
                    try:
                        for writer, items in zip(self._writers, batch.items, strict=True):
                            if items:
                                await writer.write(items)
                    except ConsumerLeft:
                        self.leave()
                        return
                    self._unwritten -= batch.outcomes
                    self._ledger.commit(batch)

    # What `Control` and the stream ask for

    async def add(self, seed: str | Request) -> bool:
        """Add a seed by hand."""
        request = checked(seed)
        await trio.lowlevel.checkpoint()
        if self._closed:
            raise trio.ClosedResourceError("the crawl has ended: nothing can be added to it")
        new = self._frontier.add_seed(request, trio.current_time())
        self._wake()
        return new

    def stop(self, ended: Ended) -> None:
        """Start nothing more."""
        if not self._closed and self._ended == "done":
            self._ended = ended
        self._paused = False
        self._frontier.stop()
        self._wake()

    def leave(self) -> None:
        """Drop what is in flight: the consumer of the stream has gone."""
        if self._closed:
            return
        self._ended = "left"
        self._work_scope.cancel(reason="the consumer of the pages left")

    def pause(self) -> None:
        """Start nothing more for now."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False
        self._wake()

    def statistics(self) -> Statistics:
        """Return the numbers at this moment."""
        self._ledger.links_dropped = self._pages.links_dropped
        in_flight = self._frontier.lent + self._unwritten
        began = getattr(self, "_began", None)
        return self._ledger.statistics(
            pending=self._frontier.queued + in_flight,
            in_flight=in_flight,
            elapsed=0.0 if began is None else trio.current_time() - began,
        )

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
            raise CrawlError(f"the crawl ended with {self.error!r}") from self.error
        return self._report

    def describe(self) -> str:
        """Return one line about the state, for a `repr`."""
        numbers = self._ledger
        state = "ended" if self._finished.is_set() else "paused" if self._paused else "going on"
        return f"{state}, {numbers.pages} pages of {numbers.discovered} URLs"

    def _wall_clock(self, now: float) -> datetime:
        """Return the moment that *now* is: counted from the start, so that virtual time shows."""
        return self._wall + timedelta(seconds=now - self._began)


_Arrival: TypeAlias = "Response | FetchError | Outcome"
"""What a hop or an async parser came to."""


def _allowed(allow_private: bool | Iterable[str]) -> bool | list[str]:
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
