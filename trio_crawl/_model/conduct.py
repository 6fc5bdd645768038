"""How a crawl treated the hosts that it asked: the values that its report has of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

SLACK: Final = 0.001
"""Seconds by which a gap may be short of its delay and still count as kept: clocks are no better."""

RobotsDecision: TypeAlias = Literal["rules", "allow_all", "disallow_all", "unreachable"]
"""What a robots.txt came to: its rules count; there is none, so all is allowed (a 4xx, or too many
redirects); it could not be had, so nothing is (5xx, no answer); its origin can't be reached at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotsReport:
    """What one origin's robots.txt came to, the last time that it was asked for.

    Args:
        origin: scheme, host and port.
        decision: what followed from it.
        status: the status code of the last response, redirects followed; None if there was none.
        fetched_at: when that was known, in UTC.
        until: when it is asked for again, at the earliest, in UTC.
        size: bytes of the file, decoded.
        crawl_delay: seconds between two requests that it asks for; None if it doesn't.
        skipped: pages that were skipped because of it.
    """

    origin: str
    decision: RobotsDecision
    status: int | None
    fetched_at: datetime
    until: datetime
    size: int
    crawl_delay: float | None
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """How one host was treated, measured as each request started and ended.

    With ``state=`` over all runs; a gap between two runs is measured by the wall clock,
    and not at all if that was set back meanwhile.

    Args:
        host: its name.
        requests: hops made to it: pages, redirects, retries and robots.txt.
        smallest_gap: seconds between two starts, the least that there was; None after one start.
        most_at_once: the greatest number of requests at one time.
        delay: seconds between two starts that were to be kept at the last one: the crawl's
            ``delay``, a longer ``Crawl-delay``, and slower where the host had trouble.
        shortfall: seconds by which a start came sooner than it should have, the most that
            there was; 0 in a crawl that kept to its rules.
        excess: by how many requests ``per_host`` was exceeded, the most that there was;
            0 in a crawl that kept to its rules.
        failures: failures in a row at the end; 12 where the host was given up, after as many or after
            a quarter of an hour.
        first: when the first request started, in UTC.
        last: when the last one did.
        robots: what the robots.txt of its origins came to.
    """

    host: str
    requests: int
    smallest_gap: float | None
    most_at_once: int
    delay: float
    shortfall: float
    excess: int
    failures: int
    first: datetime
    last: datetime
    robots: tuple[RobotsReport, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether every request kept to the delay and to ``per_host``."""
        return self.shortfall <= SLACK and not self.excess


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSums:
    """How the hosts were treated that a report does not have one by one; each of them kept to its rules.

    Args:
        hosts: their number; one that was asked anew after a long time may count twice.
        requests: hops made to them.
        smallest_gap: seconds between two starts on one of them, the least; None if none had two.
        most_at_once: the greatest number of requests to one of them at one time.
    """

    hosts: int = 0
    requests: int = 0
    smallest_gap: float | None = None
    most_at_once: int = 0
