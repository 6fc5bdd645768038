"""What the log tells of requests and pages: each hop, what is asked again, and pages that say an error."""

from __future__ import annotations

import logging
from collections import Counter
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._callbacks import log
from .._model import Response
from .._policy.pace import in_words

if TYPE_CHECKING:
    from .._errors import FetchError
    from .._lease import Lease

EVERY: Final = 60.0
"""Seconds from one count of statuses to the next."""

MOST: Final = 10_000
"""Statuses of hosts that are remembered; those of further hosts are only counted."""

ONE_PAGE: Final[ContextVar[bool]] = ContextVar("ONE_PAGE", default=False)
"""Whether one page is fetched, by who is given its status, or the failure as an exception."""

_SHOWN: Final = 10
_ERROR: Final = 400


@final
class Told:
    """Tells the log, so that no site can flood it: of each status of a host the first page, then counts."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, str]] = set()
        self._counts: Counter[tuple[int, str]] = Counter()
        self._counted_at: float | None = None

    def hop(self, lease: Lease, result: Response | FetchError, now: float) -> None:
        """Tell how a hop ended, at ``DEBUG``; and, if a minute has passed, what was counted."""
        if self._counted_at is not None and now >= self._counted_at + EVERY:
            self.counts()
        if not log.tells(logging.DEBUG):
            return
        if isinstance(result, Response):
            seconds, what = result.elapsed, f"{result.status}, {len(result.body):,} bytes"
        else:
            seconds, what = now - lease.started, in_words(result)
        line = "%s %s: %s, %.0f ms, attempt %d"
        log.debug(line, lease.method, lease.url, what, seconds * 1000, lease.attempts)

    def again(self, lease: Lease, result: Response | FetchError, wait: float) -> None:
        """Tell that a hop is made again, at ``INFO``."""
        if log.tells(logging.INFO):
            line = "%s is asked for again in %.1f s, after attempt %d: %s"
            log.info(line, lease.url, wait, lease.attempts, in_words(result))

    def page(self, lease: Lease, status: int, now: float) -> None:
        """Tell of a page whose status says that something is wrong, at ``WARNING``."""
        if status < _ERROR or ONE_PAGE.get() or not lease.is_page or lease.is_list:
            return
        key = status, _urls.host(lease.url)
        if key in self._seen or len(self._seen) >= MOST:
            self._counts[key if key in self._seen else (status, "")] += 1
            if self._counted_at is None:
                self._counted_at = now
            return
        self._seen.add(key)
        log.warning("%s: status %d, the first of its host; others are counted", lease.request.url, status)

    def counts(self) -> None:
        """Tell what was counted since the last time, at ``WARNING``."""
        self._counted_at = None
        if not self._counts:
            return
        most = self._counts.most_common()
        parts = [f"{number:,} of status {status} from {host or 'others'}" for (status, host), number in most]
        rest = len(parts) - _SHOWN
        more = f", and {rest:,} more" if rest > 0 else ""
        self._counts.clear()
        log.warning("further pages: %s%s", "; ".join(parts[:_SHOWN]), more)
