"""Windows on a state: of each host, the pages that come next are in memory, and the others are not."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Final, final

from .._errors import StateError
from .._lease import Lease, Load, Wanted, number_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._lease import Stored
    from .dealings import Queued
    from .host import Host
    from .schedule import Schedule

WINDOWS: Final = 100_000
"""Pages that all windows together hold, about; 250 bytes each."""

_WINDOW: Final = range(1, 513)
"""What the window of one host may hold: a hop to the database brings many, and no host takes all."""

_FIRST: Final = -(1 << 120)
"""An order before any."""

_AT_ONCE: Final = 64
"""Hosts that one hop to the database asks for."""


@final
class Windows:
    """Decides which pages are held in memory, and asks for more in time.

    Of a host, every page that waits is in memory up to its `Host.bound`, and in
    the state after it.

    Args:
        schedule: has the hosts.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        # Hosts whose next pages are to be loaded, in the order in which that was found out.
        self._hungry: dict[str, Host] = {}
        self._loading = False
        # What was committed while its host's pages were read: the answer may be without it.
        self._late: Counter[str] = Counter()
        self.out: set[int] = set()
        """Pages, by number, that have left their queue and of which the state does not know what became."""

    def resume(self, stored: Mapping[str, int]) -> Iterator[None]:
        """Begin with so many pages of each host in the state, and none in memory; yield after each."""
        for name, number in stored.items():
            host = self._schedule.host(name)
            host.stored = number
            self._hungry[name] = host
            yield

    def _size(self) -> int:
        share = WINDOWS // max(len(self._schedule.hosts), 1)
        return min(max(share, _WINDOW.start), _WINDOW.stop - 1)

    def takes(self, host: Host, order: int) -> bool:
        """Return whether a new page of *host* is held in memory; it is left to the state otherwise."""
        if order < host.bound:
            return True
        if host.stored or len(host.pages) >= self._size():
            host.spill(order)
            return False
        host.bound = order
        return True

    def shrink(self, host: Host) -> int:
        """Leave the last pages of *host* to the state if it has twice as many in memory as it may.

        Pages that go before all others, as the newest do where each has a higher priority than the
        one that led to it, are taken into memory whatever is there.

        Returns:
            How many; the state may not have all of them yet.
        """
        size = self._size()
        if host.loading or len(host.pages) <= 2 * size:
            return 0
        pages = sorted(host.pages)
        rest = pages[size:]
        gone = [page for page in rest if _is_stored(page)]
        if gone:
            # A sorted list is a heap.
            host.pages = [*pages[:size], *[page for page in rest if not _is_stored(page)]]
            host.bound = pages[size - 1][0]
            for page in gone:
                host.spill(page[0])
        return len(gone)

    def feed(self, host: Host) -> None:
        """Ask for the next pages of *host* if its window runs low."""
        if host.stored and not host.loading and not host.unsaved and len(host.pages) <= self._size() // 4:
            self._hungry[host.name] = host

    def load(self) -> Load | None:
        """Return what is to be loaded now; one at a time."""
        if self._loading or not self._hungry:
            return None
        hosts = [self._hungry.pop(name) for name in list(islice(self._hungry, _AT_ONCE))]
        self._loading = True
        most = self._size()
        for host in hosts:
            host.loading = True
        return Load(tuple(Wanted(host.name, _after(host), most) for host in hosts))

    def loaded(self, pages: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Queue what was loaded.

        Raises:
            StateError: the state lacks pages that it had.
        """
        self._loading = False
        for name, found in pages.items():
            host = self._schedule.host(name)
            host.loading = False
            if not found and host.stored and not host.unsaved:
                raise StateError(
                    f"the state lacks {host.stored} pages of {name}: it was changed from outside"
                )
            # What was not committed yet may have to go before some of what was read.
            seen = [page for page in found if page.order < host.lowest_unsaved]
            next_ones = [page for page in seen if number_in(page.order) not in self.out]
            host.stored -= len(next_ones)
            if seen:
                host.bound = seen[-1].order
            for page in next_ones:
                self._schedule.add(host, page, now)
            host.saved(self._late.pop(name, 0))
            self.feed(host)

    def committed(self, spilled: Counter[str], ended: Iterable[int] = ()) -> None:
        """Note that pages which are not held in memory can be loaded now; by host, how many.

        What became of those that have *ended*, by number, the state knows by now.
        """
        self.out.difference_update(ended)
        for name, number in spilled.items():
            host = self._schedule.host(name)
            if host.loading:
                self._late[name] += number
            else:
                host.saved(number)
                self.feed(host)


def _is_stored(page: Queued) -> bool:
    """Return whether the state has all that there is to know of *page*: it was not out in this run."""
    more = page[3] if len(page) == 4 else None  # noqa: PLR2004 - see `Queued`
    return not isinstance(more, Lease) or (more.is_page and not more.number and not more.begun)


def _after(host: Host) -> int:
    """Return the order after which the pages of *host* wait in the state."""
    return _FIRST if host.bound == -inf else int(host.bound)
