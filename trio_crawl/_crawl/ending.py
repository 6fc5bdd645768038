"""How a crawl ends: its first error, its report, and those who wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import trio

from .._errors import CrawlError
from .nurseries import without_cancellation

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._model import Ended, Report


@final
class Ending:
    """What a crawl comes to.

    Args:
        drop: called with a reason where what is in flight has to be dropped.

    Attributes:
        how: how the crawl ends, as in `Report`.
        error: the exception that it ended with.
        cancelled: whether the scope around it was cancelled, and nothing else was the matter.
        report: there if neither is.
    """

    def __init__(self, drop: Callable[[str], None]) -> None:
        self._drop = drop
        self._finished = trio.Event()
        self.how: Ended = "done"
        self.error: BaseException | None = None
        self.cancelled = False
        self.report: Report | None = None
        self.moment: float = 0.0
        """When it ended, in seconds of trio's clock."""

    @property
    def finished(self) -> bool:
        """Whether the crawl has ended."""
        return self._finished.is_set()

    def choose(self, how: Ended) -> None:
        """Note how the crawl ends, unless that is known already."""
        if not self.finished and self.how == "done":
            self.how = how

    def fail(self, error: BaseException) -> None:
        """End the crawl with *error*, if it is the first; note it on the first otherwise.

        An interrupt comes before any error: its errors may well be what it led to.
        """
        error = without_cancellation(error)
        first = self.error
        if first is None:
            self.error = error
        elif isinstance(first, Exception) and not isinstance(error, Exception):
            error.add_note(f"before: {type(first).__name__}: {first}")
            self.error = error
        elif error is not first:
            first.add_note(f"afterwards: {type(error).__name__}: {error}")
        self._drop(f"{type(error).__name__} ended the crawl")

    def finish(self) -> None:
        """Tell those who wait."""
        self.moment = trio.current_time()
        self._finished.set()

    async def wait(self) -> Report:
        """Wait for the end, and return the report.

        Raises:
            CrawlError: there is none.
        """
        await self._finished.wait()
        if self.report is None or self.error is not None:
            how = "was cancelled" if self.error is None else f"ended with {self.error!r}"
            raise CrawlError(f"the crawl {how}: there is no report") from self.error
        return self.report
