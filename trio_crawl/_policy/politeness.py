"""Whose turn it is on one host: how many requests at once, and how far apart."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal, final

from .._errors import UsageError
from .pace import Pace

MAX_CRAWL_DELAY: Final = 300.0
"""The longest ``Crawl-delay`` that is kept to, in seconds.

A site that says 86400 would take one page a day, which stalls a crawl for good
and can't be told from a crawl that hangs. Crawler-commons draws the line at the
same five minutes.
"""


def effective_delay(delay: float, crawl_delay: float | None) -> float:
    """Return the seconds between two starts on a host: the longer of the two wishes.

    Args:
        delay: the crawl's own ``delay``, in seconds; never shortened, never capped.
        crawl_delay: what the host's robots.txt asks for, in seconds; counts up
            to `MAX_CRAWL_DELAY`. None if it asks for nothing.
    """
    if crawl_delay is None:
        return delay
    return max(delay, min(crawl_delay, MAX_CRAWL_DELAY))


@final
@dataclass(frozen=True, slots=True)
class Delay:
    """What lies between two starts, and of what: ``delay=Delay(2, by="address")``.

    Args:
        seconds: 0 or more.
        by: ``"host"``, as with a number alone; or ``"address"``: of one host, and of one IP address
            too, for many small sites on one server.

    Raises:
        UsageError: an argument is none of these.
    """

    seconds: float
    by: Literal["host", "address"] = "host"

    def __post_init__(self) -> None:
        seconds = self.seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise UsageError(f"delay= is {seconds!r}; it takes a number of seconds, 0 or more, or a Delay")
        if self.by not in ("host", "address"):
            raise UsageError(f"Delay(by=) is {self.by!r}; it takes 'host' or 'address'")


@final
@dataclass(slots=True, eq=False, kw_only=True)
class Turns:
    """The turns on one host, as arithmetic: it is told what starts and ends, and says when the next may.

    Args:
        per_host: requests at once, at least 1.
        delay: seconds between two starts. May be set anew at any time (robots.txt
            is read after the first start); it counts from the last start.
        paced: whether the host minds how fast it is asked; if not, a turn waits for nothing but
            the end of another.
        not_before: the moment until which it is to be left alone.
        trouble: what the host's last trouble was, in words; empty if there was none.
    """

    per_host: int
    delay: float
    paced: bool = True
    # Made when there is something to learn: hosts that have only given a robots.txt are many.
    _pace: Pace | None = field(default=None, init=False)
    running: int = field(default=0, init=False)
    _last_start: float = field(default=-math.inf, init=False)
    not_before: float = field(default=-math.inf, init=False)
    trouble: str = field(default="", init=False)

    @property
    def delay_now(self) -> float:
        """The seconds to keep between two starts, at the present pace."""
        return self.delay if self._pace is None else self._pace.delay(self.delay)

    @property
    def pace(self) -> Pace:
        """Makes the delay longer while the host has trouble."""
        if self._pace is None:
            self._pace = Pace()
        return self._pace

    @property
    def learned(self) -> bool:
        """Whether anything was learned of its pace."""
        return self._pace is not None

    @property
    def slowed(self) -> bool:
        """Whether it is asked more slowly than the crawl itself would."""
        return self._pace is not None and self._pace.known()[0] is not None

    def next_start(self, now: float) -> float | None:
        """Return the moment from which one more request may start, never before *now*.

        None if `per_host` requests are running: then it depends on when one ends.
        """
        if self.running >= self.per_host:
            return None
        if not self.paced:
            return now
        return max(now, self.not_before, self._last_start + self.delay_now)

    def why(self) -> str:
        """Return in words what the next start waits for."""
        if self.not_before > self._last_start + self.delay_now:
            return f"it rests{self._after()}"
        if self.delay_now > self.delay:
            slowed = f"its delay, slowed from {self.delay:,.2f} to {self.delay_now:,.2f} s"
            return slowed + self._after()
        return "its delay"

    def _after(self) -> str:
        return f", since {self.trouble}" if self.trouble else ", as in an earlier run"

    def start(self, now: float) -> None:
        """Note that a request starts *now*.

        Raises:
            RuntimeError: as many are running as may; the caller did not ask `next_start`.
        """
        if self.running >= self.per_host:
            message = f"{self.running} requests are running on this host already, of {self.per_host}"
            raise RuntimeError(message)
        self.running += 1
        self._last_start = max(self._last_start, now)

    def finish(self) -> None:
        """Note that a request came to its end, whichever.

        Raises:
            RuntimeError: none is running.
        """
        if self.running == 0:
            message = "a request ended on this host that never started"
            raise RuntimeError(message)
        self.running -= 1

    def pause_until(self, moment: float) -> None:
        """Let nothing start before *moment* (``Retry-After``); an earlier wish never shortens a later one."""
        self.not_before = max(self.not_before, moment)

    def resume(self, *, last_start: float, not_before: float) -> None:
        """Go on from what is known of an earlier crawl; what is known of this one counts too."""
        self._last_start = max(self._last_start, last_start)
        self.pause_until(not_before)
