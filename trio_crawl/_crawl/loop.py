"""The loop of a crawl: takes what came back, decides by pure code, starts what may start.

Whatever comes back at one moment is taken in the order of the leases, so that a
crawl in virtual time is the same each time, in spite of trio's random scheduling.
(Tasks of one moment run in any order, this one among them; so in virtual time it
waits until every other task waits for something.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Final, final

import trio

from .. import _urls
from .._errors import FetchError, TooManyFailuresError
from .._lease import Drained, Gone, Idle, Kept, Load, Lookup, Refuse, Start, Unchanged
from .._model import Failure, Page, Parsed, Response
from .course import Course, Following, ToAwait, ToDecode
from .lists import ListEnd, Piece, ToRead
from .marks import Unnamed
from .recorder import Recorder
from .room import Ceiling, room_of
from .sowing import ROUND, Sower
from .tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable
    from datetime import datetime

    from .._frontier.contents import Contents
    from .._frontier.ledger import Ledger
    from .._lease import Lease
    from .._model import Outcome, Request
    from ..abc import Fetcher, Frontier
    from .course import Step
    from .lists import Reading
    from .options import Options
    from .outlet import Outlet
    from .pages import Pages
    from .reading import ReadingMark
    from .seeds import BadSeed
    from .tasks import Arrival

MOST_LISTED: Final = 200_000
"""Pages that are queued in memory, without a state, from which on no sitemap is read any further."""

TURN_SECONDS: Final = 0.02
"""Seconds of taking in what came back, after which others get their turn of the event loop."""


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
        reading: says which page is being read.
        fail: called with an exception that ends the crawl; cancels the loop.
        wall_clock: the moment that a time of trio's clock is.
    """

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
        reading: ReadingMark,
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
        self.tasks: Tasks = Tasks(
            frontier=frontier,
            fetcher=fetcher,
            pages=pages,
            recorder=self._recorder,
            workers=pages.workers,
            concurrency=options.concurrency,
            timeout=options.timeout,
            reading=reading,
            fail=fail,
            wake=self.wake,
            wall_clock=wall_clock,
        )
        self._reading = reading
        self._due: deque[tuple[Lease, Arrival | Following | ToDecode]] = deque()
        self._news = trio.Event()
        self._sower = Sower(seeds, frontier=frontier, wake=self.wake, fail=fail, closed=lambda: self.closed)
        self._room = room_of(options, self.tasks, frontier, outlet, self.wake)
        self._cancelled_hosts: set[str] = set()
        self._failures = 0
        self._ceiling = Ceiling(self.tasks, options.concurrency)
        self._unread: deque[trio.Event] = deque()
        self.paused: bool = False
        self.closed: bool = False
        self.moved_at: float = 0.0
        """When the last hop began, or the last hop or async parser ended."""

    async def run(self, nursery: trio.Nursery) -> None:
        """Drive the crawl until nothing is left to do; hops and async parsers are tasks of *nursery*."""
        try:
            await self._run(nursery)
        finally:
            self._course.told.counts()
            self._room.close()

    async def _run(self, nursery: trio.Nursery) -> None:
        self.tasks.nursery = nursery
        self.moved_at = trio.current_time()
        if not isinstance(self._seeds, Iterator):
            nursery.start_soon(self._sower.feed, self._seeds)
        while True:
            if self._fetcher.virtual:
                # All that ends at this moment of a virtual clock has to be there before any of it is taken.
                await self._all_blocked()
            # Before anything is looked at, so that no news is missed while the writer is waited for.
            self._news = trio.Event()
            self._due.extend(self.tasks.take())
            began = perf_counter()
            while self._due:
                lease, arrival = self._due.popleft()
                with self._reading.of(lease):
                    self._arrived(lease, arrival)
                if self._due and isinstance(self._due[0][1], Following | ToDecode):
                    # Until the page is whole, no batch is closed that would have a part of its links.
                    await trio.lowlevel.checkpoint()
                    continue
                if isinstance(arrival, Piece):
                    await trio.lowlevel.checkpoint()  # many may come at once, each of a hundred links
                await self._pass_on(idle=False)
                if perf_counter() - began > TURN_SECONDS and not self._fetcher.virtual:
                    # One page takes little time, but many may have come at once.
                    await trio.lowlevel.checkpoint()
                    began = perf_counter()
            self._read_on()
            self._sower.sow()
            self.tasks.start_look_ups()
            now = trio.current_time()
            next_step = self._start_what_may()
            self._room.give_back()
            if isinstance(next_step, Drained):
                self.closed = True
                self._recorder.ends()
                self._pass_asides()
                return
            # Where every token is taken there may be more to start, and where there is more to be let go
            # of; else rows need not wait for more.
            again = next_step is not None and next_step.until is not None and next_step.until <= now
            if self._ledger.heard:
                self._pass_asides()
            await self._pass_on(idle=next_step is not None and not again)
            await self._wait_until(None if next_step is None else next_step.until)

    @staticmethod
    async def _all_blocked() -> None:
        from trio.testing import wait_all_tasks_blocked  # noqa: PLC0415 - 0.15 s that real crawls need not pay

        await wait_all_tasks_blocked()

    async def take_up_parsed(self) -> None:
        """After a cancellation: hand to the outputs what parsers found and the loop did not get to.

        Raises:
            CrawlError: as the loop would have.
        """
        self._due.extend(self.tasks.take())
        while self._due and not self._outlet.refused:
            lease, arrival = self._due.popleft()
            if isinstance(arrival, Parsed | Failure | Following):
                if self._outlet.full and not isinstance(arrival, Following):
                    await self._outlet.hand_over()
                with self._reading.of(lease):
                    self._arrived(lease, arrival)

    def _start_what_may(self) -> Idle | Drained | None:  # noqa: C901 - one for each answer
        """Start hops while there are tokens for them; return what there is to wait for.

        None says that every token is taken.
        """
        now = trio.current_time()
        for _ in range(ROUND):
            if self.paused:
                return Idle(None)
            if self.tasks.crowded or self._ceiling.is_reached or not self._room.is_free(now):
                return None
            match self._frontier.take(now):
                case Start(lease):
                    self.moved_at = now
                    self._ledger.robots += bool(lease.robots_of) and lease.attempts == 1 and not lease.chain
                    self._ledger.probes += lease.probe
                    self.tasks.fetch(lease, self._room.take())
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
                    self.tasks.look_up(host, now)
                case Load(wanted):
                    self.tasks.read(wanted)
                case Idle() | Drained() as rest_of_it:
                    return rest_of_it
        return Idle(now)

    async def _pass_on(self, *, idle: bool) -> None:
        if self._outlet.full:
            self._room.give_back()  # the output may take its time
        await self._outlet.pass_on(idle=idle)

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

    async def seeds_unread(self) -> int | None:
        """Return how many seeds were never read; None if that can't be told."""
        return await self._sower.unread()

    def others(self) -> list[str]:
        """Return in words what is waited for besides hops."""
        others = (self.tasks.others(), self._room.explain(), self._outlet.explain(), self._sower.explain())
        return [line for lines in others for line in lines]

    def cancel_host(self, name: str, reason: str) -> None:
        """Drop the hops to a host, and skip its pages."""
        self._cancelled_hosts.add(name)
        self.tasks.drop_host(name)
        self._frontier.cancel_host(name, reason, trio.current_time())
        self.wake()

    def _read_on(self) -> None:
        """Let sitemaps be read on for which there was no room."""
        while self._unread and self._frontier.queued < MOST_LISTED:
            self._unread.popleft().set()

    def _list_arrived(self, lease: Lease, reading: Reading) -> None:
        """Take what a step of reading a sitemap came to."""
        if isinstance(reading, Piece):
            found = self._frontier.leads(reading.links, lease)
            self._frontier.judge(found, lease)
            self._frontier.add_found(found, lease, trio.current_time())
            if self._options.state is None and self._frontier.queued >= MOST_LISTED:
                self._unread.append(reading.taken)
            else:
                reading.taken.set()
            return
        self.tasks.reading -= 1
        self._pages.links_dropped += reading.dropped
        if isinstance(reading.reason, FetchError):
            self._finish(lease, self._pages.failure(lease, reading.reason.kind, reading.reason.message))
        else:
            moment = self._wall_clock(trio.current_time()).timestamp()
            self._recorder.ends_aside(lease)
            self._frontier.list_ended(lease, reading.reason, moment)
            self._pass_asides()

    def _arrived(self, lease: Lease, arrival: Arrival | Following | ToDecode) -> None:
        """Take what a hop, an async parser or a step of reading a sitemap came to."""
        self.moved_at = trio.current_time()
        if isinstance(arrival, Following):
            self._follow(lease, arrival)
            return
        if isinstance(arrival, ToDecode):
            self._advance(lease, self._course.decode(lease, arrival, self._wall_clock(self.moved_at)))
            return
        if isinstance(arrival, Piece | ListEnd):
            self._list_arrived(lease, arrival)
            return
        if isinstance(arrival, Parsed | Failure):
            self.tasks.parsing -= 1
            self._finish(lease, arrival)
            return
        if isinstance(arrival, Page):
            self.tasks.naming -= 1
            self._advance(lease, self._course.parse(lease, arrival))
            return
        self.tasks.fetched(lease)
        if isinstance(arrival, Response):
            self._ledger.bytes += len(arrival.body)
        now = trio.current_time()
        wall = self._wall_clock(now)
        arrival = self._ceiling.weighed(arrival, now)
        self._recorder.answered(lease, arrival, wall)
        if self._cancelled_hosts and _urls.host(lease.url) in self._cancelled_hosts:
            self._course.dropped(lease, now)
            self._pass_asides()
            return
        self._advance(lease, self._course.hop_ended(lease, arrival, now, wall))

    def _advance(self, lease: Lease, step: Step) -> None:
        """Take the step that a hop led to."""
        if isinstance(step, ToAwait):
            self.tasks.parse(lease, step)
        elif isinstance(step, ToDecode):
            self._due.appendleft((lease, step))
        elif isinstance(step, ToRead):
            self.tasks.read_list(lease, step.response)
        elif isinstance(step, Unnamed):
            self.tasks.name(lease, step)
        elif step is not None:
            self._finish(lease, step)
        self._pass_asides()

    def _pass_asides(self) -> None:
        """Hand the exchanges that no outcome has to the outputs, and skips to who wants to hear of them."""
        skips = self._ledger.take_skips()
        if skips:
            self._outlet.add_skips(skips, trio.current_time())
        for exchanges in self._recorder.take_asides():
            self._outlet.add_aside(exchanges, trio.current_time())

    def _finish(self, lease: Lease, outcome: Outcome | Unchanged | Kept) -> None:
        """Add what the page leads to, let go of it, and hand it to the outputs."""
        now = trio.current_time()
        if isinstance(outcome, Failure) and lease.was is not None:
            self._failed(outcome)
            outcome = Kept("failed", self._wall_clock(now).timestamp())
        if isinstance(outcome, Unchanged | Kept):
            self._recorder.ends_aside(lease)
            self._frontier.finish(lease, outcome, self._outlet.rowless(outcome, lease.was, now))
            return
        if isinstance(outcome, Parsed):
            self._follow(lease, self._course.leads(lease, outcome))
            return
        encoded = self._outlet.encode(self._recorder.completed(lease, outcome))
        with self._outlet.step:
            self._frontier.finish(lease, outcome, self._outlet.add(encoded, now))
        if isinstance(outcome, Failure):
            self._failed(outcome)

    def _failed(self, failure: Failure) -> None:
        self._failures += 1
        limit = self._options.max_failures
        if limit is not None and self._failures > limit:
            message = f"more than max_failures={limit} pages failed; the last one: {failure}"
            raise TooManyFailuresError(message)

    def _follow(self, lease: Lease, page: Following) -> None:
        """Take in a part of what a page leads to; with the last of it, hand the page to the outputs.

        What is the user's comes first, and may raise: nothing has changed then. After that nothing can, and
        all of it is committed together: until it is whole, the loop closes no batch.
        """
        now = trio.current_time()
        if self._course.judge(lease, page):
            if page.encoded is None:
                page.encoded = self._outlet.encode(self._recorder.completed(lease, page.parsed))
            with self._outlet.step:
                if self._course.follow(lease, page, now):
                    self._frontier.finish(lease, page.parsed, self._outlet.add(page.encoded, now))
                    return
        self._due.appendleft((lease, page))
