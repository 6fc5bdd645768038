"""Where the pages of a frontier are: queued, in memory or in the state, or lent out."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, final

from .. import _urls
from .schedule import Schedule
from .windows import Windows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._lease import Lease
    from .dealings import Waiting
    from .host import Host
    from .journal import Journal
    from .limits import Limits


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
        if self._journal is None or self.windows.takes(host, waiting[0]):
            self.schedule.add(host, waiting, now)
        else:
            self._journal.changes.spilled[host.name] += 1

    def back(self, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        """Queue *lease* again, which was out, for the moment *not_before* at the earliest."""
        if lease.is_page:
            self.lent -= 1
            self.queued += 1
        host = self.host(lease)
        if host.name in self.cancelled or not self._paced:
            not_before = -inf  # it is only skipped, or nobody minds
        self.schedule.push(host, lease, now, not_before=not_before)

    def lend(self, host: Host, lease: Lease) -> None:
        """Note that the head of *host*, popped by now, is out."""
        self.windows.feed(host)
        if lease.is_page:
            self.queued -= 1
            self.lent += 1

    def remove(self, host: Host) -> None:
        """Take out the head of *host*, a page or a probe, for good."""
        self.queued -= host.lease().is_page
        host.pop()
        self.windows.feed(host)

    def each(self) -> Iterator[tuple[str, str | None]]:
        """Yield URL and referrer of each page that is queued, in memory."""
        for host in self.schedule.hosts.values():
            yield from host.each()

    def clear(self) -> int:
        """Take out every page that is queued, in memory or not; return how many."""
        for host in self.schedule.hosts.values():
            host.clear()
        number, self.queued = self.queued, 0
        return number
