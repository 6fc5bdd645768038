"""The handle on a crawl that goes on, and its pages, for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from ._guest import call, guest_run

if TYPE_CHECKING:
    from .._crawl import Control as TrioControl
    from .._crawl.stream import Stream as TrioStream
    from .._model import InFlight, Report, Request, Statistics
    from ._guest import Guest


@final
class Control:
    """Steers a crawl from asyncio: `trio_crawl.Control`, whose methods it has.

    Each may be called in the thread of the crawl's loop, also after its end.
    """

    def __init__(self, control: TrioControl) -> None:
        self._control = control

    def __repr__(self) -> str:
        return repr(self._control)

    async def add(self, seed: str | Request) -> bool:
        """Add a seed, and return whether it is new; see `trio_crawl.Control.add`.

        Raises:
            SeedError: it is no http(s) URL.
            trio.ClosedResourceError: the crawl has ended, or is about to.
        """
        async with guest_run() as guest:
            return await call(guest, self._control.add, seed)

    def stop(self) -> None:
        """Start nothing more, finish what is in flight, write it, and end; the rest stays pending."""
        self._control.stop()

    def cancel(self, reason: str) -> None:
        """Drop what is in flight, write what is parsed, and end; see `trio_crawl.Control.cancel`."""
        self._control.cancel(reason)

    def in_flight(self) -> list[InFlight]:
        """Return the requests that are under way at this moment; see `trio_crawl.Control.in_flight`."""
        return self._control.in_flight()

    def explain(self) -> str:
        """Return in words what the crawl waits for at this moment; see `trio_crawl.Control.explain`."""
        return self._control.explain()

    def cancel_host(self, host: str, *, reason: str) -> None:
        """Drop what is in flight to a host, and skip its pages; see `trio_crawl.Control.cancel_host`.

        Raises:
            UsageError: *host* is no name of a host.
        """
        self._control.cancel_host(host, reason=reason)

    def pause(self) -> None:
        """Start nothing more until `resume`; what is in flight is finished and written."""
        self._control.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._control.resume()

    def statistics(self) -> Statistics:
        """Return the numbers of the crawl at this moment."""
        return self._control.statistics()

    async def wait(self) -> Report:
        """Wait until the crawl has ended, and return its report.

        Raises:
            CrawlError: it ended with an exception, which is the cause of this one, or was cancelled.
        """
        async with guest_run() as guest:
            return await call(guest, self._control.wait)


@final
class Stream:
    """The pages of a crawl as an async iterable for asyncio, while it goes on.

    Asking for the next item acknowledges the one before, and so does leaving the
    block without an exception; what was not acknowledged counts as pending.

    Attributes:
        control: of the crawl that goes on.
    """

    def __init__(self, guest: Guest, stream: TrioStream) -> None:
        self._guest = guest
        self._stream = stream
        self._kept: list[Any] = []
        self.control = Control(stream.control)

    def __repr__(self) -> str:
        return repr(self._stream)

    @property
    def report(self) -> Report:
        """What the crawl came to; there after the block.

        Raises:
            RuntimeError: the crawl goes on, or ended with an exception.
        """
        return self._stream.report

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> Any:  # noqa: ANN401 - a Page, or whatever the user's parser yields
        """Return the next item; one that came when the task was cancelled is not lost, but comes now.

        Raises:
            StopAsyncIteration: the crawl has ended.
            trio.BusyResourceError: another task asks already.
        """
        if not self._kept:
            await call(self._guest, self._keep_next)
        return self._kept.pop()

    async def _keep_next(self) -> None:
        self._kept.append(await self._stream.__anext__())
