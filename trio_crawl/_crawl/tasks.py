"""What runs beside the loop: hops, look-ups, async parsers, sitemaps read in steps, questions to the state.

Each is a task that lays down what it came to, for the loop to take; nothing is decided here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, final

import trio
from trio.lowlevel import enable_ki_protection

from .. import _urls
from .._callbacks import call_async
from .._errors import FetchError
from .._fetch.lookups import LookUps
from .._fetch.resolve import ResolveError, Resolver
from .._model import InFlight
from .elsewhere import SPARE_WORKERS
from .lists import read_list
from .nurseries import is_cancellation
from .turns import Crowd, FairTurns

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from .._fetch.lookups import Place
    from .._lease import Lease, Stored, Wanted
    from .._model import Outcome, Page, Response
    from ..abc import Fetcher, Frontier
    from .course import ToAwait
    from .lists import Reading
    from .marks import Unnamed
    from .pages import Pages
    from .reading import ReadingMark
    from .recorder import Recorder
    from .turns import Turn

WAITING: Final = 4
"""Pages that may wait for a turn, for each hop that may be under way, before nothing more is asked for."""

_READERS: Final = 8  # sitemaps and feeds that are read at once; more would not be faster
_PARSED_BYTES: Final = 256 * 2**20

Arrival: TypeAlias = "Response | FetchError | Outcome | Page | Reading"
"""What a hop, an async parser, a question to the state or a step of reading a sitemap came to."""


class Turns(NamedTuple):
    """Whose turn it is at what there is little of.

    Args:
        workers: worker processes.
        parsers: async parsers, of which twice as many run at once as hops, of one host as many.
        readers: those of sitemaps and feeds.
    """

    workers: FairTurns
    parsers: FairTurns
    readers: FairTurns


@final
class Tasks:
    """Starts what takes time, and keeps what came of it.

    Args:
        frontier: is told of addresses, and of pages that the state had.
        fetcher: makes the hops; open.
        pages: makes what to ask for, and parses.
        recorder: is told of what is asked for.
        workers: worker processes at once.
        concurrency: hops at once.
        timeout: seconds for one hop, and for one look-up.
        reading: says which page is being read.
        fail: called with an exception that ends the crawl.
        wake: called when there is something to take.
        wall_clock: the moment that a time of trio's clock is.

    Attributes:
        nursery: where the tasks run; set before the first one is started.
        fetching: hops that were started and not taken back yet.
        naming: pages that wait for the state to name their original.
        parsing: pages that are with an async parser or a worker process, or wait for one.
        reading: sitemaps and feeds that are being read, or wait for that.
    """

    nursery: trio.Nursery

    load: Callable[[tuple[Wanted, ...]], Awaitable[Mapping[str, Sequence[Stored]]]]
    """How to read pages of the state; set where there is one."""

    url_of: Callable[[int], Awaitable[str | None]]
    """How to ask the state for the URL of a page, by its number; set likewise."""

    def __init__(  # noqa: PLR0913 - the parts of a crawl; the loop makes them, and nobody else calls this
        self,
        *,
        frontier: Frontier,
        fetcher: Fetcher,
        pages: Pages,
        recorder: Recorder,
        workers: int,
        concurrency: int,
        timeout: float,
        reading: ReadingMark,
        fail: Callable[[BaseException], None],
        wake: Callable[[], None],
        wall_clock: Callable[[float], datetime],
    ) -> None:
        self._frontier = frontier
        self._fetcher = fetcher
        self._pages = pages
        self._recorder = recorder
        self._timeout = timeout
        self._reading = reading
        self._fail = fail
        self._wake = wake
        self._wall_clock = wall_clock
        self._resolver = Resolver()
        self._look_ups = LookUps(wake)
        self._arrivals: list[tuple[int, Lease, Arrival]] = []
        self._hops: dict[Lease, trio.CancelScope] = {}
        self._reads = 0
        self._crowd = Crowd(WAITING * concurrency, self._hold)
        self._turns = Turns(
            FairTurns(workers, self._crowd, spare=SPARE_WORKERS),
            FairTurns(2 * concurrency, self._crowd, most_bytes=_PARSED_BYTES),
            FairTurns(_READERS, self._crowd),
        )
        self.fetching = 0
        self.naming = 0
        self.parsing = 0
        self.reading = 0

    @property
    def busy(self) -> int:
        """What counts towards the crawl's concurrency."""
        return self.fetching + self.naming

    @property
    def crowded(self) -> bool:
        """Whether so many pages wait for their turn to be parsed that nothing more is to be asked for."""
        return self._crowd.full

    def _hold(self, host: str, held: bool) -> None:  # noqa: FBT001 - see `Crowd`
        self._frontier.hold(host, held, trio.current_time())
        if not held:
            self._wake()

    def take(self) -> list[tuple[Lease, Arrival]]:
        """Return what came back, in the order of the leases: that of arrival is trio's chance."""
        self._arrivals.sort(key=lambda arrival: arrival[0])
        taken = [(lease, arrival) for _, lease, arrival in self._arrivals]
        self._arrivals.clear()
        return taken

    def _lay_down(self, lease: Lease, arrival: Arrival) -> None:
        self._arrivals.append((lease.number, lease, arrival))
        self._wake()

    # Hops

    def fetch(self, lease: Lease, ended: Callable[[], None] | None = None) -> None:
        """Make a hop, and call *ended* when it has ended, also by a cancellation."""
        self.fetching += 1
        scope = self._hops[lease] = trio.CancelScope()
        self.nursery.start_soon(self._hop, lease, scope, ended)

    def fetched(self, lease: Lease) -> None:
        """Take note that a hop was taken back."""
        self.fetching -= 1
        del self._hops[lease]

    def drop_host(self, name: str) -> None:
        """Cancel the hops to a host."""
        for lease, scope in self._hops.items():
            if _urls.host(lease.url) == name:
                scope.cancel(reason=f"the host {name} was cancelled")

    @enable_ki_protection
    async def _hop(self, lease: Lease, scope: trio.CancelScope, ended: Callable[[], None] | None) -> None:
        """Make one hop, bounded in time, and lay down what came of it."""
        arrival: Arrival = FetchError("timeout", f"no response within {self._timeout} s")
        try:
            hop = self._pages.hop(lease, self._wall_clock(trio.current_time()))
            self._recorder.asked(lease, hop)
            scope.deadline = trio.current_time() + self._timeout
            with scope:
                arrival = await call_async(self._fetcher.fetch, hop)
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
        finally:
            if ended is not None:
                ended()
        self._lay_down(lease, arrival)

    # Parsers

    def parse(self, lease: Lease, page: ToAwait) -> None:
        """Run an async parser."""
        self.parsing += 1
        # Asked for now, in the order of the leases; tasks begin in any.
        self.nursery.start_soon(self._parse, lease, page, self._pages.turn(page, self._turns))

    @enable_ki_protection
    async def _parse(self, lease: Lease, page: ToAwait, turn: Turn) -> None:
        """Run an async parser, and lay down what it found."""
        try:
            try:
                parsing = self._pages.parse_async(lease, page, turn, self._turns)
                outcome: Outcome = await self._reading.each_step(lease, parsing)
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
        self._lay_down(lease, outcome)

    def read_list(self, lease: Lease, response: Response) -> None:
        """Read a sitemap in steps."""
        self.reading += 1
        turn = self._turns.readers.ask(_urls.host(lease.url), len(response.body))
        self.nursery.start_soon(self._read_list, lease, response, turn)

    @enable_ki_protection
    async def _read_list(self, lease: Lease, response: Response, turn: Turn) -> None:
        """Read a sitemap in steps, and lay down what each found."""
        try:
            async with turn:
                await read_list(lease, response, partial(self._lay_down, lease))
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)

    # Names

    def look_up(self, host: str, now: float) -> None:
        """Bring the addresses of *host* to the frontier: at once, if they are known."""
        try:
            known = self._resolver.cached(host, now)
        except FetchError as error:
            self._frontier.resolved(host, error, now)
            return
        if known is None:
            self._look_ups.add(host)
            self.start_look_ups()
        else:
            self._frontier.resolved(host, known, now)

    def start_look_ups(self) -> None:
        """Look up what waits, as far as there are threads for it."""
        while (begun := self._look_ups.next()) is not None:
            self.nursery.start_soon(self._resolve, *begun)

    @enable_ki_protection
    async def _resolve(self, host: str, place: Place) -> None:
        answer: tuple[str, ...] | FetchError = ResolveError(
            f"no answer for {host!r} within {self._timeout} s", temporary=True
        )
        try:
            # The thread is there; the time that it was waited for is not the name server's.
            with trio.move_on_after(self._timeout):
                answer = await self._resolver.resolve(host, place)
        except FetchError as error:
            answer = error
        except trio.Cancelled:
            raise
        except BaseException as error:
            if is_cancellation(error):
                raise
            self._fail(error)
            return
        finally:
            place.leave()
        self._frontier.resolved(host, answer, trio.current_time())
        self._wake()

    # The state

    def read(self, wanted: tuple[Wanted, ...]) -> None:
        """Bring pages from the state to the frontier."""
        self.nursery.start_soon(self._read, wanted)

    @enable_ki_protection
    async def _read(self, wanted: tuple[Wanted, ...]) -> None:
        self._reads += 1
        try:
            pages = await self.load(wanted)
            self._frontier.loaded(pages, trio.current_time())
        except Exception as error:  # noqa: BLE001 - comes out of the crawl
            self._fail(error)
        self._reads -= 1
        self._wake()

    def name(self, lease: Lease, unnamed: Unnamed) -> None:
        """Ask the state for the URL of the first page with the same content, and lay down the page."""
        self.naming += 1
        self.nursery.start_soon(self._name, lease, unnamed)

    @enable_ki_protection
    async def _name(self, lease: Lease, unnamed: Unnamed) -> None:
        try:
            url = await self.url_of(unnamed.number)
        except trio.Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - comes out of the crawl
            self._fail(error)
            return
        self._lay_down(lease, replace(unnamed.page, duplicate_of=url))

    # What is waited for

    def hops(self) -> list[InFlight]:
        """Return the hops that are under way."""
        # The deadline is set as a hop begins.
        begun = trio.current_time() + self._timeout
        return [
            InFlight(
                url=lease.url,
                host=_urls.host(lease.url),
                seconds=max(begun - scope.deadline, 0.0),
                attempt=lease.attempts,
            )
            for lease, scope in self._hops.items()
        ]

    def others(self) -> list[str]:
        """Return in words what else is under way."""
        lines = [f"{self.parsing} pages are with a parser, or wait for one"] if self.parsing else []
        if self.naming:
            lines.append(f"{self.naming} pages wait for the state")
        if self.reading:
            lines.append(f"{self.reading} sitemaps or feeds are being read")
        if self._reads:
            lines.append("pages are read from the state")
        if self._look_ups.waiting:
            lines.append(f"{self._look_ups.waiting:,} names wait to be looked up")
        return lines
