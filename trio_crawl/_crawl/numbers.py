"""The numbers of a crawl, counted together from those who keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from .._model import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._frontier.ledger import Ledger
    from .._model import Statistics
    from .._model.conduct import HostReport, HostSums
    from ..abc import Fetcher, Frontier
    from .ending import Ending
    from .outlet import Outlet
    from .pages import Pages


@final
class Numbers:
    """Counts, at any moment, what a crawl has done.

    Args:
        ledger: the books.
        frontier: holds what waits, and what is being fetched or parsed.
        outlet: holds what is to be written.
        pages: counts the links that it dropped.
        ending: says when the crawl ended, and how.
        fetcher: knows, if it is an archive, which of its records can't be read.

    Attributes:
        began: when it began, in seconds of trio's clock.
        before: seconds that the crawl took in earlier runs.
        hosts: how hosts were treated, for the report.
        hosts_beyond: those that are not among them.
        seeds_unread: seeds that were never read, for the report.
    """

    def __init__(  # noqa: PLR0913 - those who keep them; the engine makes it
        self,
        ledger: Ledger,
        *,
        frontier: Frontier,
        outlet: Outlet,
        pages: Pages,
        ending: Ending,
        fetcher: Fetcher,
    ) -> None:
        self._ledger = ledger
        self._frontier = frontier
        self._outlet = outlet
        self._pages = pages
        self._ending = ending
        self._fetcher = fetcher
        self.began: float = 0.0
        self.before: float = 0.0
        self.hosts: Sequence[HostReport] = ()
        self.hosts_beyond: HostSums | None = None
        self.seeds_unread: int | None = 0

    def elapsed(self) -> float:
        """Return the seconds that the crawl has taken, in all runs."""
        end = self._ending.moment if self._ending.finished else trio.current_time()
        return end - self.began + self.before

    def statistics(self) -> Statistics:
        """Return the numbers at this moment."""
        self._ledger.links_dropped = self._pages.links_dropped
        in_flight = self._frontier.lent + self._outlet.unwritten
        return self._ledger.statistics(
            pending=self._frontier.queued + in_flight,
            in_flight=in_flight,
            elapsed=self.elapsed(),
        )

    def report(self, outputs: tuple[str, ...]) -> Report:
        """Return them as a report, with the names of the outputs, and `hosts`."""
        numbers = self.statistics()
        ended = "done" if not numbers.pending and self._ending.how != "left" else self._ending.how
        return Report(
            **{name: getattr(numbers, name) for name in numbers.__slots__},
            ended=ended,
            outputs=outputs,
            hosts=self.hosts,
            bad_records=getattr(self._fetcher, "bad_records", 0),
            bad_places=getattr(self._fetcher, "bad_places", ()),
            hosts_beyond=self.hosts_beyond,
            seeds_unread=self.seeds_unread,
        )

    def line(self) -> str:
        """Return them in a few words."""
        return f"{self._ledger.pages} pages of {self._ledger.discovered} URLs"
