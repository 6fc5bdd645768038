"""The handle on a crawl that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio
from trio.lowlevel import enable_ki_protection

from .._callbacks import log
from .seeds import checked, host_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model import InFlight, Report, Request, Statistics
    from ..abc import Frontier
    from .ending import Ending
    from .explain import Explainer
    from .loop import Loop
    from .numbers import Numbers
    from .outlet import Outlet


@final
class Control:
    """Steers a crawl from outside: what ``nursery.start(crawl, ...)`` returns.

    Every method may be called from any task of the same trio run.
    """

    def __init__(  # noqa: PLR0913 - the parts that it steers; a crawl makes it, and nobody else
        self,
        *,
        loop: Loop,
        frontier: Frontier,
        outlet: Outlet | None,
        numbers: Numbers,
        explainer: Explainer,
        ending: Ending,
        cancel: Callable[[str], None],
    ) -> None:
        self._cancel = cancel
        self._loop = loop
        self._frontier = frontier
        self._outlet = outlet
        self._numbers = numbers
        self._explainer = explainer
        self._ending = ending

    def __repr__(self) -> str:
        return f"<Control of a crawl: {self._explainer.line()}>"

    @enable_ki_protection
    async def add(self, seed: str | Request) -> bool:
        """Add a seed, and return whether it is new; when this returns, it is in the frontier.

        With ``state=`` it is then in the state, too, and survives a kill; cancelled before that, it
        is in the frontier all the same. That takes until the next commit, a second at most if the
        outputs keep up. Where a commit may have to wait for the caller, it is in the state with the commit
        after: in an async function in ``write=`` at once, while rows wait for the consumer of a stream or
        of a channel at once, and while such a function, or a writer of your own, has them after a second.

        Args:
            seed: an http(s) URL, or a `Request` for one. Being a seed, it is in
                scope, and widens it.

        Raises:
            SeedError: it is no http(s) URL.
            trio.ClosedResourceError: the crawl has ended, or is about to; or, with ``state=``, it ended
                by an error or a cancellation before the seed was committed.
        """
        request = checked(seed)
        await trio.lowlevel.checkpoint()
        if self._loop.closed:
            raise trio.ClosedResourceError("the crawl has ended: nothing can be added to it")
        new = self._frontier.add_seed(request, trio.current_time())
        self._loop.wake()
        if self._outlet is not None and not await self._outlet.saved() and self._ending.finished:
            raise trio.ClosedResourceError("the crawl ended before what was added was in its state")
        return new

    @enable_ki_protection
    def stop(self) -> None:
        """Start nothing more, finish what is in flight, write it, and end; the rest stays pending.

        Calling it again, or after the end, changes nothing.
        """
        self._ending.choose("stopped")
        self._loop.stop()

    @enable_ki_protection
    def cancel(self, reason: str) -> None:
        """Drop what is in flight, write what is parsed, within ``grace``, and end; the rest stays pending.

        The crawl returns its report, with ``ended="cancelled"``: a scope around it that is cancelled
        does the same, and returns nothing. Calling it again, or after the end, changes nothing.

        Args:
            reason: what the log says of it.
        """
        if not self._ending.finished:
            log.info("the crawl is cancelled: %s", reason)
            self._cancel(reason)

    @enable_ki_protection
    def in_flight(self) -> list[InFlight]:
        """Return the requests that are under way at this moment, the oldest first.

        Pages that are being parsed or written are not among them; `Statistics.in_flight` counts all.
        """
        return self._explainer.in_flight()

    @enable_ki_protection
    def explain(self) -> str:
        """Return in words what the crawl waits for at this moment, for a person to read.

        A line for each hop that is under way, and how long it has been; how many pages are being
        parsed or are to be written, and since when an output or the state has had a batch, or the
        source of seeds been waited for; and of each host that has pages left, what it waits for, and
        how long still, where that is known. Of hops and hosts at most 20 are shown, the longest waits
        first. Hosts that were cancelled are told with the reason.

        A crawl without any progress for a minute logs the same as a warning, and again after two, four
        and so on, up to an hour each.
        """
        return self._explainer.in_words()

    @enable_ki_protection
    def cancel_host(self, host: str, *, reason: str) -> None:
        """Drop what is in flight to a host at once, and skip its pages, those to be found later, too.

        They are counted as skips for the reason ``"cancelled_host"``. What was fetched already is
        parsed and written. It holds for this run: one that goes on with the state may ask the host
        for what it finds there anew, but what was skipped stays so.

        Args:
            host: its name, without a port; an IPv6 address in brackets.
            reason: what the log and `explain` say of it; a state keeps it, in its table ``cancelled``.

        Raises:
            UsageError: *host* is no name of a host.
        """
        name = host_name(host)
        if not self._loop.closed:
            log.warning("the host %s is cancelled: %s", name, reason)
            self._loop.cancel_host(name, reason)

    @enable_ki_protection
    def pause(self) -> None:
        """Start nothing more until `resume`; what is in flight is finished and written."""
        self._loop.paused = True

    @enable_ki_protection
    def resume(self) -> None:
        """Go on after `pause`."""
        self._loop.paused = False
        self._loop.wake()

    @enable_ki_protection
    def statistics(self) -> Statistics:
        """Return the numbers of the crawl at this moment."""
        return self._numbers.statistics()

    @enable_ki_protection
    async def wait(self) -> Report:
        """Wait until the crawl has ended, and return its report.

        Raises:
            CrawlError: it ended with an exception, which is the cause of this one,
                or was cancelled.
        """
        return await self._ending.wait()
