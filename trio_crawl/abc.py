"""The four seams: what a fetcher, a parser, a writer and a frontier are.

Each is a Protocol of one to a few methods. Whatever has these methods fits;
nothing has to be subclassed. A crawl calls them in this order::

    frontier.take() ─▶ Fetcher.fetch(Hop) ─▶ Parser(Page) ─▶ Writer.encode, Writer.write
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple, runtime_checkable

from ._model import Exchange, Hop, Json, Outcome, Parse as Parser, Response

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    import trio

    from ._errors import FetchError
    from ._lease import Decision, Kept, Lease, Redirect, Stored, Unchanged
    from ._model import Link, Request, SkipReason

__all__ = [
    "Environment",
    "Exchange",
    "ExchangeWriter",
    "Fetcher",
    "Frontier",
    "Guard",
    "Hop",
    "Outcome",
    "Parser",
    "RecordedFetcher",
    "Response",
    "Rules",
    "RunInThread",
    "TimedFetcher",
    "Writer",
]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Guard(Protocol):
    """Says whether an address may be connected to."""

    def refusal(self, host: str, port: int, address: str) -> str | None:
        """Return why *address* may not be connected to for ``host:port``, or None if it may.

        Pure and quick: it is called where the socket is opened, on the very
        address that is about to be connected.
        """


class RunInThread(Protocol):
    """Runs blocking code off the loop; the one way a crawl has to do so."""

    async def __call__(
        self, function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
    ) -> T:
        """Call ``function(*args)`` in a thread, and return what it returns.

        Not interrupted by cancellation. Under virtual time the call is made
        inline instead, since a clock that jumps can't wait for a thread.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What a crawl lends to its fetcher and its writers while it runs.

    Args:
        own_rows: whether a parser of the user's makes the rows; if not, pages are the rows.
        nursery: for background tasks of this fetcher or writer; what one raises ends the crawl, after its
            rows are written. It outlives the crawl's own tasks: it is
            cancelled when the last row is flushed, not when the crawl is.
        guard: the judge of addresses.
        concurrency: the greatest number of hops at once.
        run_in_thread: how to call what blocks.
        run_or_leave: how to call what may block for ever: cancelled, it leaves the thread to itself.
            None: likewise.
    """

    own_rows: bool = False
    nursery: trio.Nursery
    guard: Guard
    concurrency: int
    run_in_thread: RunInThread
    run_or_leave: RunInThread | None = None


class Fetcher(Protocol):
    """Makes one hop: no redirects, retries, cookies or robots inside it."""

    @property
    def opens_connections(self) -> bool:
        """Whether it connects to the addresses in `Hop.addresses`.

        Where it doesn't (an application called in-process, an archive), no name
        is resolved and no address is judged.
        """

    @property
    def virtual(self) -> bool:
        """Whether it knows no time but trio's clock, which may then be a `trio.testing.MockClock`."""

    def open(self, environment: Environment, /) -> AbstractAsyncContextManager[None]:
        """Hold what `fetch` needs for the length of one crawl.

        Raises:
            trio.BusyResourceError: another crawl has this fetcher open.
        """

    async def fetch(self, hop: Hop, /) -> Response:
        """Make one request and return its final response, whatever its status.

        Cancelling it at any moment leaves nothing open and disturbs no other fetch.
        The crawl bounds its time from outside.

        Raises:
            FetchError: there is no response; its kind and message say why.
        """


@runtime_checkable
class RecordedFetcher(Fetcher, Protocol):
    """A fetcher that may answer from a record, behind which no host is."""

    @property
    def recorded(self) -> bool:
        """Whether it does, so that no delay, back-off or rest has to be kept."""


@runtime_checkable
class TimedFetcher(Fetcher, Protocol):
    """A virtual fetcher that says what time it is: all moments of a crawl are then of its clock."""

    @property
    def now(self) -> datetime:
        """The present moment, aware."""


ItemT = TypeVar("ItemT")


class Writer(Protocol[ItemT]):
    """Brings what a crawl found to one output."""

    @property
    def name(self) -> str:
        """The output as a person would name it: a path, ``"-"``, a function's name."""

    @property
    def prompt(self) -> bool:
        """Whether each item is wanted as soon as it is there, rather than gathered to batches."""

    @property
    def rows(self) -> int:
        """Rows encoded since the output was opened, headers not counted."""

    def check(self, position: Json = None, /) -> None:
        """Look whether the output can be opened, changing nothing.

        Args:
            position: what the last `write` that counts returned, where a crawl goes on;
                None for a new one.

        Raises:
            OutputError: it can't; or what is up to *position* is not what was written.
        """

    def open(self, environment: Environment, position: Json = None, /) -> AbstractAsyncContextManager[None]:
        """Hold the output open for the length of one crawl; called after every `check`.

        Args:
            environment: what the crawl lends.
            position: as in `check`; what stands behind it is cut off.

        Raises:
            OutputError: it can't be opened.
        """

    def encode(self, outcome: Outcome, /) -> ItemT | None:
        """Return what this output keeps of *outcome*, None for nothing.

        Called once an outcome, in the order of writing, on the loop: quick, and
        without a side effect outside this object. What it does not return is
        dropped before the batch is written, so a page's body lives on only if
        the output wants it. What has a ``len()`` (`str`, `bytes`, an item of your own that
        tells about how many bytes it is) counts by it towards the size of a batch: 256 KiB.

        Raises:
            RowError: a row that this output can't hold.
        """

    def ending(self) -> ItemT | None:
        """Return what the output lacks when nothing more comes, None for nothing.

        Called once, when the crawl has ended by itself; it is written as the last item.
        """

    async def write(self, items: Sequence[ItemT], /) -> Json:
        """Make *items* durable, in order, and return the position after them.

        They are what `encode` returned for up to 1,000 outcomes (64 if an output is `prompt`), or 256 KiB
        and the outcome with which that was reached. While one batch is written at most three more are
        in memory: one that is gathered, and two that wait; then fetching waits, too. The list is the
        writer's to keep.

        The position is a JSON value that means something to this writer only.
        Cancelled or failed half-way, the output may hold a part of the batch
        after the last position.
        """

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        """Return in words how the output differs from what was written: a line for each difference.

        What was changed, is missing, foreign or repeated is called that, with its place. Reads
        only, all of the output; blocks. Called while the output is not open, or is by another
        process, which may have written more by now.

        Args:
            positions: what `write` returned, by the number of the batch in the state. Batches that
                were of other outputs only have the position of the one before them.
            rows: by that number, the rows that the output should have of it; empty if that is not known.
            total: the rows that it should have in all.
            finished: whether nothing may stand behind the last position.

        Raises:
            OutputError: the output can't be read (again), or is nothing that the positions are of.
        """


@runtime_checkable
class ExchangeWriter(Writer[ItemT], Protocol[ItemT]):
    """A writer that keeps what went over the wire, too.

    Where a crawl has one, the outcomes that its writers are given have their
    ``exchanges``, from the first request of a page to its last.
    """

    def encode_aside(self, exchanges: Sequence[Exchange], /) -> ItemT | None:
        """Return what this output keeps of *exchanges* that no outcome has, None for nothing.

        They are those of a robots.txt, or of a page that was skipped on its way. They
        make no row. Called as `encode` is, in the order of writing.
        """


class Rules(Protocol):
    """What the robots.txt of one origin says to this crawler."""

    @property
    def crawl_delay(self) -> float | None:
        """Seconds that it asks to leave between two requests; None if it doesn't."""

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it names, as it writes them."""

    def allows(self, url: str, /) -> bool:
        """Return whether *url* may be asked for."""


class Frontier(Protocol):
    """Holds the URLs of a crawl, and knows which may be asked for now.

    It is told the time (seconds of trio's clock), and never waits. A lease that
    `take` lends comes back by one call of `retry`, `redirect`, `finish`, `drop` or,
    for a robots.txt, `robots_known`, for a sitemap `list_ended`; after a hop was made,
    `hop_ended` comes first.
    """

    @property
    def queued(self) -> int:
        """Pages that wait for their turn."""

    @property
    def lent(self) -> int:
        """Pages that are being fetched or parsed."""

    def add_seed(self, request: Request, now: float, /) -> bool:
        """Add a seed, which widens the scope; return whether it is new."""

    def wants_seeds(self, now: float, /) -> bool:
        """Return whether more seeds are to be read, as too few are of hosts that can start."""

    def seeds_exhausted(self) -> None:
        """Note that the source of seeds has ended."""

    def add_bad_seed(self, text: str, /) -> bool:
        """Count a seed that is no URL as skipped; return whether it is new."""

    def leads(self, found: Iterable[Link | Request], parent: Lease, /) -> Sequence[Link | Request]:
        """Return all that the page of *parent* leads to, for `judge` and `add_found`, in parts if need be."""

    def judge(self, found: Iterable[Link | Request], parent: Lease, /) -> None:
        """Ask what the user gave whether *found* is in scope, which may raise; `add_found` asks nobody then.

        Nothing changes by it. What is asked about, and then added, are the same objects.
        """

    def add_found(self, found: Iterable[Link | Request], parent: Lease, now: float, /) -> None:
        """Add what was judged, as far as scope and limits allow; skip the rest."""

    def may_start(self, now: float, /) -> bool:
        """Return whether `take` may answer with a hop at this moment."""

    def take(self, now: float, /) -> Decision:
        """Return what to do next."""

    def resolved(self, host: str, answer: tuple[str, ...] | FetchError, now: float, /) -> None:
        """Take the addresses of a host that were looked up, or why there are none."""

    def hop_ended(self, lease: Lease, now: float, result: Response | FetchError | None, /) -> None:
        """Give back the turns of host and address that a hop took, and learn from how it ended.

        None: it was dropped, which says nothing.
        """

    def slow_down(self, lease: Lease, until: float, now: float, /) -> None:
        """Let the host of *lease* rest until a moment."""

    def retry(self, lease: Lease, not_before: float, now: float, /) -> None:
        """Queue *lease* again, not before a moment."""

    def redirect(self, lease: Lease, target: Redirect, now: float, /) -> SkipReason | None:
        """Queue *lease* again for another URL, or return why it is skipped instead.

        One that was visited before (``lease.was``) is not skipped: `finish` takes it as `Kept`.
        """

    def robots_known(  # noqa: PLR0913 - what there is to say of it
        self,
        lease: Lease,
        verdict: Rules | FetchError | None,
        now: float,
        /,
        *,
        status: int | None = None,
        size: int = 0,
        temporary: bool = False,
    ) -> None:
        """Take the rules of an origin; an error says it can't be reached, None disallows all.

        Status (None without a response) and size (bytes) of the file are for the report. What is
        *temporary* says that there may be rules later: pages wait for them.
        """

    def finish(
        self, lease: Lease, outcome: Outcome | Unchanged | Kept, rows: tuple[int, ...] = (), /
    ) -> None:
        """Let go of *lease*: it came to *outcome*, of which each output has so many *rows*."""

    def list_ended(self, lease: Lease, reason: SkipReason | None, moment: float, /) -> None:
        """Let go of *lease*, a sitemap or feed that was read; a reason says that it was none.

        The *moment*, in seconds since 1970, is when.
        """

    def skip(self, lease: Lease, reason: SkipReason, /) -> None:
        """Let go of *lease*, a page that is not there to be asked for."""

    def cancel_host(self, name: str, reason: str, now: float, /) -> None:
        """Skip the pages of a host, those that wait and those that will be found."""

    def hold(self, host: str, held: bool, now: float, /) -> None:  # noqa: FBT001 - a seam has no names
        """Ask for nothing more at *host* while it is *held*: pages of it wait to be parsed."""

    def drop(self, lease: Lease, now: float, /) -> None:
        """Let go of *lease*, whose hop was cancelled with its host."""

    def loaded(self, pages: Mapping[str, Sequence[Stored]], now: float, /) -> None:
        """Take the answer of a `Load`: by host, the pages that were wanted."""

    def committed(self, spilled: Counter[str], ended: Iterable[int] = (), /) -> None:
        """Note that a batch was committed, with so many pages of each host that are not in memory.

        And with those, by number, that have ended.
        """

    def stop(self) -> None:
        """Start nothing more."""


Sink = Callable[[Any], Awaitable[object]]
"""An async function that takes one row at a time."""
