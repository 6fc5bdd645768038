"""The four seams: what a fetcher, a parser, a writer and a frontier are.

Each is a Protocol of one to a few methods. Whatever has these methods fits;
nothing has to be subclassed. A crawl calls them in this order::

    frontier.take() ─▶ Fetcher.fetch(Hop) ─▶ Parser(Page) ─▶ Writer.encode, Writer.write
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple

from ._model import Hop as Hop, Json as Json, Outcome as Outcome, Parse as Parser, Response as Response

if TYPE_CHECKING:
    import trio

__all__ = ["Environment", "Fetcher", "Frontier", "Guard", "Hop", "Outcome", "Parser", "Response", "Writer"]

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
        nursery: for background tasks. It outlives the crawl's own tasks: it is
            cancelled when the last row is flushed, not when the crawl is.
        guard: the judge of addresses.
        concurrency: the greatest number of hops at once.
        run_in_thread: how to call what blocks.
    """

    nursery: trio.Nursery
    guard: Guard
    concurrency: int
    run_in_thread: RunInThread


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


ItemT = TypeVar("ItemT")


class Writer(Protocol[ItemT]):
    """Brings what a crawl found to one output."""

    @property
    def name(self) -> str:
        """The output as a person would name it: a path, ``"-"``, a function's name."""

    @property
    def prompt(self) -> bool:
        """Whether each item is wanted as soon as it is there, rather than gathered to batches."""

    def check(self) -> None:
        """Look whether the output can be opened, changing nothing.

        Raises:
            OutputError: it can't.
        """

    def open(self, environment: Environment, /) -> AbstractAsyncContextManager[None]:
        """Hold the output open for the length of one crawl; called after every `check`.

        Raises:
            OutputError: it can't be opened.
        """

    def encode(self, outcome: Outcome, /) -> ItemT | None:
        """Return what this output keeps of *outcome*, None for nothing.

        Called once an outcome, in the order of writing, on the loop: quick, and
        without a side effect outside this object. What it does not return is
        dropped before the batch is written, so a page's body lives on only if
        the output wants it. `str` and `bytes` count by their length towards the
        size of a batch.

        Raises:
            RowError: a row that this output can't hold.
        """

    async def write(self, items: Sequence[ItemT], /) -> Json:
        """Make *items* durable, in order, and return the position after them.

        The position is a JSON value that means something to this writer only.
        Cancelled or failed half-way, the output may hold a part of the batch
        after the last position.
        """


class Frontier(Protocol):
    """Holds the URLs of a crawl, and knows which may be asked for now."""


Sink = Callable[[Any], Awaitable[object]]
"""An async function that takes one row at a time."""
