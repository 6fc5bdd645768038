"""Where the pages of a frontier are: queued, in memory or in the state, or lent out."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._lease import depth_in
from .schedule import Schedule
from .seeds import SeedsWaiting
from .windows import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._lease import Lease
    from .dealings import Waiting
    from .host import Host
    from .journal import Journal
    from .limits import Limits


MOST_ASTRAY: Final = 32
"""Pages of a host that may wait for a further hop (a retry, or a turn of the host that they were
redirected to) before no other of its pages is begun: they take much more memory than what waits."""


@final
class Queues:
    """Puts pages where they belong, and counts them.

    Args:
        limits: the turns.
        journal: takes down what is left to a state; None if there is none.
    """

    def __init__(self, limits: Limits, journal: Journal | None) -> None:
        self._journal = journal
        self.schedule = Schedule(
            per_host=limits.per_host,
            per_address=limits.per_address,
            delay=limits.delay,
            per_address_delay=limits.per_address_delay,
            paced=limits.paced,
            adaptive=limits.adaptive,
        )
        self._paced = limits.paced
        self.windows = Windows(self.schedule)
        self.seeds = SeedsWaiting(self.schedule, limits.delay if limits.paced else 0, limits.max_pages)
        self._astray: Counter[str] = Counter()
        self.cancelled: dict[str, str] = {}
        """Hosts whose pages are only skipped, and why."""
        self.queued = 0
        """Pages that wait for their turn."""
        self.lent = 0
        """Pages that are out."""

    def host(self, lease: Lease) -> Host:
        """Return the host that *lease* is to be asked for at."""
        return self.schedule.host(_urls.host(lease.url))

    def add(self, waiting: Waiting, now: float) -> None:
        """Queue a page for the first time."""
        self.queued += 1
        host = self.schedule.host(_urls.host(waiting[1]))
        if not depth_in(waiting[0]):
            self.seeds.add(host)
        if self._journal is None:
            self.schedule.add(host, waiting, now)
        elif self.windows.takes(host, waiting[0]):
            self.schedule.add(host, waiting, now)
            gone = self.windows.shrink(host)
            if gone:
                self._journal.changes.spilled[host.name] += gone
        else:
            self._journal.changes.spilled[host.name] += 1

    def back(self, lease: Lease, now: float, *, not_before: float = -inf, failed: bool = False) -> None:
        """Queue *lease* again, which was out, for the moment *not_before* at the earliest.

        One that *failed* waits until its host answers, if that can't be reached now.
        """
        if lease.is_page:
            self.lent -= 1
            self.queued += 1
        if lease.begun and not lease.astray:
            self._count(lease, 1, now)
        host = self.host(lease)
        if host.name in self.cancelled or not self._paced:
            not_before = -inf  # it is only skipped, or nobody minds
        if failed and self._paced and lease.is_page and host.park(lease, now):
            self.schedule.settle(host, now)
        else:
            self.schedule.push(host, lease, now, not_before=not_before)

    def _count(self, lease: Lease, more: int, now: float) -> None:
        """Count the pages of a host that wait for a further hop: with so many it begins no others."""
        lease.astray = more > 0
        home = self.schedule.host(_urls.host(lease.request.url))
        self._astray[home.name] += more
        full = self._astray[home.name] >= MOST_ASTRAY and home.name not in self.cancelled
        if not self._astray[home.name]:
            del self._astray[home.name]
        met = home.meet()
        if full != met.full:
            met.full = full
            self.schedule.settle(home, now)

    def lend(self, host: Host, lease: Lease, now: float = 0.0) -> None:
        """Note that the head of *host*, popped by now, is out."""
        self.windows.feed(host)
        self.begun(host, lease)
        self._out(lease, now)
        if lease.is_page:
            self.queued -= 1
            self.lent += 1

    def _out(self, lease: Lease, now: float) -> None:
        if lease.astray:
            self._count(lease, -1, now)
        if self._journal is not None and lease.is_page:
            self.windows.out.add(lease.id)

    def remove(self, host: Host, now: float) -> None:
        """Take out the head of *host*, a page or a probe, for good."""
        lease = host.lease()
        host.pop()
        self.let_go(host, lease, now)

    def let_go(self, host: Host, lease: Lease, now: float) -> None:
        """Note that *lease*, a page or a probe that was taken out of the queue of *host*, is done with."""
        self.queued -= lease.is_page
        self.begun(host, lease)
        self._out(lease, now)
        self.windows.feed(host)

    def each(self) -> Iterator[tuple[str, str | None]]:
        """Yield URL and referrer of each page that is queued, in memory."""
        for host in self.schedule.hosts.values():
            yield from host.each()

    def begun(self, host: Host, lease: Lease) -> None:
        """Take note that *lease*, if it is a seed, does not wait for its first hop any more."""
        if lease.seed and lease.is_page and not lease.attempts and not lease.chain:
            self.seeds.gone(host)

    def clear(self) -> int:
        """Count no page as queued any more, in memory or not; return how many were. None is chosen then."""
        self.seeds.clear()
        number, self.queued = self.queued, 0
        return number
