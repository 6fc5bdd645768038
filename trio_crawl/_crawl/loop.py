"""The loop of a crawl: takes what came back, decides by pure code, starts what may start.

Whatever comes back at one moment is taken in the order of the leases, so that a
crawl in virtual time is the same each time, in spite of trio's random scheduling.
(Tasks of one moment run in any order, this one among them; so in virtual time it
waits until every other task waits for something.)
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeAlias, final

import trio

from .. import _urls
from .._errors import FetchError, TooManyFailuresError
from .._fetch.resolve import Resolver
from .._lease import Drained, Gone, Idle, Load, Lookup, Refuse, Start, Unchanged
from .._model import Failure, Page, Parsed, Response
from .course import Course, ToAwait
from .explain import Hop
from .lists import ListEnd, Piece, ToRead, read_list
from .marks import Unnamed
from .nurseries import is_cancellation
from .recorder import Recorder
from .sowing import ROUND, Sower

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from .._frontier.contents import Contents
    from .._frontier.ledger import Ledger
    from .._lease import Lease, Stored, Wanted
    from .._model import Outcome, Request
    from ..abc import Fetcher, Frontier
    from .course import Step
    from .lists import Reading
    from .options import Options
    from .outlet import Outlet
    from .pages import Pages
    from .seeds import BadSeed

log = logging.getLogger("trio_crawl")

TURN_SECONDS: Final = 0.02
"""Seconds of taking in what came back, after which others get their turn of the event loop."""

_Arrival: TypeAlias = "Response | FetchError | Outcome | Page | Reading"
"""What a hop, an async parser, a question to the state or a step of reading a sitemap came to."""


@final
class Loop:
    """Drives one crawl.

    Args:
        options: of the crawl.
        seeds: where it begins, as `open_seeds` returns them.
        frontier: what may be asked for.
        fetcher: makes the hops; open.
        pages: makes pages, and parses them.
        outlet: takes the outcomes.
        ledger: the books.
        contents: which page had a content first.
        fail: called with an exception that ends the crawl; cancels the loop.
        wall_clock: the moment that a time of trio's clock is.
    """

    load: Callable[[tuple[Wanted, ...]], Awaitable[Mapping[str, Sequence[Stored]]]]
    """How to read pages of the state; set by who makes the loop, where there is one."""

    url_of: Callable[[int], Awaitable[str | None]]
    """How to ask the state for the URL of a page, by its number; set likewise."""

    def __init__(  # noqa: PLR0913 - the parts of a crawl; the engine makes them, and nobody else calls this
        self,
        options: Options,
        seeds: Iterator[Request | BadSeed] | AsyncIterable[str | Request],
        *,
        frontier: Frontier,
        fetcher: Fetcher,
        pages: Pages,
        outlet: Outlet,
        ledger: Ledger,
        contents: Contents,
        fail: Callable[[BaseException], None],
        wall_clock: Callable[[float], datetime],
    ) -> None:
        self._options = options
        self._seeds = seeds
        self._frontier = frontier
        self._fetcher = fetcher
        self._pages = pages
        self._outlet = outlet
        self._ledger = ledger
        self._fail = fail
        self._wall_clock = wall_clock
        self._recorder = Recorder(wanted=outlet.wants_exchanges)
        self._course = Course(frontier, pages, options, contents, self._recorder)
        self._resolver = Resolver()
        self._arrivals: list[tuple[int, Lease, _Arrival]] = []
        self._due: deque[tuple[Lease, _Arrival]] = deque()
        self._news = trio.Event()
        self._room = trio.Event()
        self._sower = Sower(seeds, frontier=frontier, wake=self.wake, fail=fail, closed=lambda: self.closed)
        self._reads = 0
        self._hops: dict[Lease, trio.CancelScope] = {}
        self._cancelled_hosts: set[str] = set()
        self._fetching = 0
        self._parsing = 0
        self._reading = 0
        self._failures = 0
        self.paused = False
        self.closed = False
        self.moved_at = 0.0
        """When the last hop began, or the last hop or async parser ended."""

    async def run(self, nursery: trio.Nursery) -> None:
        """Drive the crawl until nothing is left to do; hops and async parsers are tasks of *nursery*."""
        self._nursery = nursery
        self.moved_at = trio.current_time()
        self._failures = self._ledger.failed.total()  # those of an earlier run, too
        if not isinstance(self._seeds, Iterator):
            nursery.start_soon(self._sower.feed, self._seeds)
        while True:
            if self._fetcher.virtual:
                # All that ends at this moment of a virtual clock has to be there before any of it is taken.
                await self._all_blocked()
            # Before anything is looked at, so that no news is missed while the writer is waited for.
            self._news = trio.Event()
            self._order_arrivals()
            began = perf_counter()
            while self._due:
                lease, arrival = self._due.popleft()
                self._arrived(lease, arrival)
                if isinstance(arrival, Piece):
                    await trio.lowlevel.checkpoint()  # many may come at once, each of a hundred links
                await self._outlet.pass_on(idle=False)
                if perf_counter() - began > TURN_SECONDS and not self._fetcher.virtual:
                    # One page takes little time, but many may have come at once.
                    await trio.lowlevel.checkpoint()
                    began = perf_counter()
            self._sower.sow()
            next_step = self._start_what_may()
            if isinstance(next_step, Drained):
                self.closed = True
                self._recorder.ends()
                self._pass_asides()
                return
            # Where every token is taken there may be more to start; else rows need not wait for more.
            await self._outlet.pass_on(idle=next_step is not None)
            await self._wait_until(None if next_step is None else next_step.until)

    @staticmethod
    async def _all_blocked() -> None:
        from trio.testing import wait_all_tasks_blocked  # noqa: PLC0415 - 0.15 s that real crawls need not pay

        await wait_all_tasks_blocked()

    def _order_arrivals(self) -> None:
        # Not in the order of arrival, which is trio's chance.
        self._arrivals.sort(key=lambda arrival: arrival[0])
        self._due.extend((lease, arrival) for _, lease, arrival in self._arrivals)
        self._arrivals.clear()

    async def take_up_parsed(self) -> None:
        """After a cancellation: hand to the outputs what parsers found and the loop did not get to.

        Raises:
            CrawlError: as the loop would have.
        """
        self._order_arrivals()
        while self._due and not self._outlet.refused:
            lease, arrival = self._due.popleft()
            if isinstance(arrival, Parsed | Failure):
                if self._outlet.full:
                    await self._outlet.hand_over()
                self._arrived(lease, arrival)

    def _start_what_may(self) -> Idle | Drained | None:  # noqa: C901 - one for each answer
        """Start hops while there are tokens for them; return what there is to wait for.

        None says that every token is taken.
        """
        now = trio.current_time()
        limit = self._options.concurrency
        for _ in range(ROUND):
            if self.paused:
                return Idle(None)
            if self._fetching + self._parsing + self._reading >= limit:
                return None
            match self._frontier.take(now):
                case Start(lease):
                    self.moved_at = now
                    self._fetching += 1
                    self._ledger.robots += bool(lease.robots_of) and lease.attempts == 1 and not lease.chain
                    self._ledger.probes += lease.probe
                    scope = self._hops[lease] = trio.CancelScope()
                    self._nursery.start_soon(self._hop, lease, scope)
                case Refuse(lease, error):
                    self._refuse(lease, error, now)
                    if self._outlet.full:
                        return Idle(now)
                case Gone(lease):
                    self._recorder.ends_aside(lease)
                    self._pass_asides()
                    if self._outlet.full:
                        return Idle(now)
                case Lookup(host):
                    self._look_up(host, now)
                case Load(wanted):
                    self._nursery.start_soon(self._read, wanted)
                case Idle() | Drained() as rest_of_it:
                    return rest_of_it
        return Idle(now)

    def _refuse(self, lease: Lease, error: FetchError, now: float) -> None:
        wall = self._wall_clock(now)
        self._recorder.asked(lease, self._pages.hop(lease, wall))
        self._recorder.answered(lease, error, wall)
        self._advance(lease, self._course.settle(lease, error, now, wall))

    async def _wait_until(self, moment: float | None) -> None:
        due = self._outlet.due
        if due is not None:
            moment = min(inf if moment is None else moment, due)
        if moment is None:
            await self._news.wait()
        else:
            with trio.move_on_at(moment):
                await self._news.wait()

    def wake(self) -> None:
        """Let the loop look again: something has changed."""
        self._news.set()

    def stop(self) -> None:
        """Start nothing more; end when what is in flight has."""
        self.paused = False
        self._frontier.stop()
        self.wake()

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
        self.wake()

    async def _read(self, wanted: tuple[Wanted, ...]) -> None:
        """Bring pages from the state to the frontier."""
        self._reads += 1
        try:
            pages = await self.load(wanted)
            self._frontier.loaded(pages, trio.current_time())
        except Exception as error:  # noqa: BLE001 - comes out of the crawl
            self._fail(error)
        self._reads -= 1
        self.wake()

    def hops(self) -> list[Hop]:
        """Return the hops that are under way."""
        # The deadline is set as a hop begins.
        begun = trio.current_time() + self._options.timeout
        return [
            Hop(url=lease.url, seconds=max(begun - scope.deadline, 0.0), attempt=lease.attempts)
            for lease, scope in self._hops.items()
        ]

    def others(self) -> list[str]:
        """Return in words what else is waited for."""
        lines = [f"{self._parsing} pages are with an async parser"] if self._parsing else []
        if self._reading:
            lines.append(f"{self._reading} sitemaps or feeds are being read")
        if self._reads:
            lines.append("pages are read from the state")
        return [*lines, *self._outlet.explain(), *self._sower.explain()]

    def cancel_host(self, name: str, reason: str) -> None:
        """Drop the hops to a host, and skip its pages."""
        self._cancelled_hosts.add(name)
        for lease, scope in self._hops.items():
            if _urls.host(lease.url) == name:
                scope.cancel(reason=f"the host {name} was cancelled")
        self._frontier.cancel_host(name, reason, trio.current_time())
        self.wake()

    async def _hop(self, lease: Lease, scope: trio.CancelScope) -> None:
        """Make one hop, bounded in time, and lay down what came of it."""
        arrival: _Arrival = FetchError("timeout", f"no response within {self._options.timeout} s")
        try:
            hop = self._pages.hop(lease, self._wall_clock(trio.current_time()))
            self._recorder.asked(lease, hop)
            scope.deadline = trio.current_time() + self._options.timeout
            with scope:
                arrival = await self._fetcher.fetch(hop)
            if scope.cancelled_caught and trio.current_time() < scope.deadline:
                arrival = FetchError("cancelled", "its host was cancelled")
        except FetchError as error:
            arrival = error
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
            return
        self._arrivals.append((lease.number, lease, arrival))
        self.wake()

    async def _parse(self, lease: Lease, page: ToAwait) -> None:
        """Run an async parser, and lay down what it found."""
        try:
            try:
                outcome: Outcome = await self._pages.parse_async(page.page, page.result)
            except Exception as error:
                if is_cancellation(error):
                    raise
                outcome = self._pages.parse_failure(lease, error)
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
            return
        self._arrivals.append((lease.number, lease, outcome))
        self.wake()

    async def _read_list(self, lease: Lease, response: Response) -> None:
        """Read a sitemap in steps, and lay down what each found."""
        try:
            await read_list(lease, response, partial(self._lay_down, lease))
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)

    def _lay_down(self, lease: Lease, reading: Reading) -> None:
        self._arrivals.append((lease.number, lease, reading))
        self.wake()

    def _list_arrived(self, lease: Lease, reading: Reading) -> None:
        """Take what a step of reading a sitemap came to."""
        if isinstance(reading, Piece):
            self._frontier.add_found(reading.links, lease, trio.current_time())
            reading.taken.set()
            return
        self._reading -= 1
        if isinstance(reading.reason, FetchError):
            self._finish(lease, self._pages.failure(lease, reading.reason.kind, reading.reason.message))
        else:
            moment = self._wall_clock(trio.current_time()).timestamp()
            self._recorder.ends_aside(lease)
            self._frontier.list_ended(lease, reading.reason, moment)
            self._pass_asides()

    async def _name(self, lease: Lease, unnamed: Unnamed) -> None:
        """Ask the state for the URL of the first page with the same content, and lay down the page."""
        try:
            url = await self.url_of(unnamed.number)
        except trio.Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - comes out of the crawl
            self._fail(error)
            return
        self._arrivals.append((lease.number, lease, replace(unnamed.page, duplicate_of=url)))
        self.wake()

    def _arrived(self, lease: Lease, arrival: _Arrival) -> None:
        """Take what a hop, an async parser or a step of reading a sitemap came to."""
        self.moved_at = trio.current_time()
        if isinstance(arrival, Piece | ListEnd):
            self._list_arrived(lease, arrival)
            return
        if isinstance(arrival, Parsed | Failure):
            self._parsing -= 1
            self._finish(lease, arrival)
            return
        if isinstance(arrival, Page):
            self._parsing -= 1
            self._advance(lease, self._course.parse(lease, arrival))
            return
        self._fetching -= 1
        del self._hops[lease]
        if isinstance(arrival, Response):
            self._ledger.bytes += len(arrival.body)
        now = trio.current_time()
        wall = self._wall_clock(now)
        self._recorder.answered(lease, arrival, wall)
        if self._cancelled_hosts and _urls.host(lease.url) in self._cancelled_hosts:
            self._course.dropped(lease, now)
            self._pass_asides()
            return
        self._advance(lease, self._course.hop_ended(lease, arrival, now, wall))

    def _advance(self, lease: Lease, step: Step) -> None:
        """Take the step that a hop led to."""
        if isinstance(step, ToAwait):
            self._parsing += 1
            self._nursery.start_soon(self._parse, lease, step)
        elif isinstance(step, ToRead):
            self._reading += 1
            self._nursery.start_soon(self._read_list, lease, step.response)
        elif isinstance(step, Unnamed):
            self._parsing += 1
            self._nursery.start_soon(self._name, lease, step)
        elif step is not None:
            self._finish(lease, step)
        self._pass_asides()

    def _pass_asides(self) -> None:
        """Hand the exchanges that no outcome has to the outputs."""
        for exchanges in self._recorder.take_asides():
            self._outlet.add_aside(exchanges, trio.current_time())

    def _finish(self, lease: Lease, outcome: Outcome | Unchanged) -> None:
        """Add what the page leads to, let go of it, and hand it to the outputs."""
        now = trio.current_time()
        if isinstance(outcome, Unchanged):
            self._recorder.ends_aside(lease)
            self._frontier.finish(lease, outcome, self._outlet.unchanged(now))
            return
        if isinstance(outcome, Parsed):
            self._frontier.add_found(outcome.follow, lease, now)
        rows = self._outlet.add(self._recorder.completed(lease, outcome), now)
        self._frontier.finish(lease, outcome, rows)
        if isinstance(outcome, Failure):
            self._failures += 1
            limit = self._options.max_failures
            if limit is not None and self._failures > limit:
                message = f"more than max_failures={limit} pages failed; the last one: {outcome}"
                raise TooManyFailuresError(message)
