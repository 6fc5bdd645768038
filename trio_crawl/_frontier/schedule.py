"""Which host is next: queues by host, and the turns of hosts and of shared addresses.

Every host is in exactly one state. ``ready`` and ``waiting`` hosts stand in a
heap; entries that no longer hold are left there and dropped when they come up,
which is cheaper than to search for them.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Final, final

from .._policy.carried import servers
from .._policy.politeness import Turns
from .host import Host, State, Terms
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._lease import Lease
    from .dealings import Waiting

_AT_ONCE: Final = 1_000
"""Hosts whose waiting is over that are looked at in one go, in some milliseconds."""

_ANY: Final = 1 << 62
"""More hops at once than there can be."""


IDLE: Final = 60.0
"""Seconds after which a host that has nothing more to be asked for is let go of: its addresses are old
by then. What is measured of it, and its robots.txt, are kept elsewhere."""

MOST_IDLE: Final = 5_000
"""Such hosts that are kept so long; with more, those that had their last turn first go before."""


@final
class Schedule:
    """Chooses the host whose turn it is.

    Args:
        per_host: hops at once on one host.
        per_address: hops at once to one IP address, whatever hosts share it.
        delay: seconds between two starts on one host.
        per_address_delay: whether *delay* lies between two starts on one IP address, too.
        paced: whether hosts mind how fast they are asked.
        adaptive: whether their trouble slows the crawl down.
    """

    def __init__(  # noqa: PLR0913 - all are keywords, of one call
        self,
        *,
        per_host: int,
        per_address: int,
        delay: float,
        per_address_delay: bool = False,
        paced: bool = True,
        adaptive: bool = True,
    ) -> None:
        self._terms = Terms(per_host, delay, paced=paced, adaptive=adaptive)
        self._per_address = per_address
        self._address_delay = delay if per_address_delay and paced else 0.0
        self.hosts: dict[str, Host] = {}
        self._idle: deque[tuple[float, str]] = deque()
        # By the name of a host that was let go of, from when on it may be asked again.
        self._until: dict[str, float] = {}
        self._many = MOST_IDLE
        self._ready: list[tuple[int, str]] = []
        self._waiting: list[tuple[float, str]] = []
        self._crowds: dict[str, deque[Host]] = {}
        self._running: dict[str, int] = {}
        # By address, from when on the next may start there; and when crowds are to be looked at again.
        self._open_from: dict[str, float] = {}
        self._openings: list[tuple[float, str]] = []

    def host(self, name: str) -> Host:
        """Return the host called *name*, made if it is new."""
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = Host(name, self._terms)
            until = self._until.pop(name, None) if self._until else None
            if until is not None:
                host.turns.pause_until(until)
        return host

    def idle(self, host: Host, now: float) -> None:
        """Take note that *host* has nothing more to be asked for; after a while it is let go of."""
        self._idle.append((now, host.name))
        for _ in range(2):
            if self._idle and (len(self._idle) > MOST_IDLE or self._idle[0][0] <= now - IDLE):
                self._let_go(self._idle.popleft()[1], now)

    def _let_go(self, name: str, now: float) -> None:
        host = self.hosts.get(name)
        if host is None or not host.forgettable:
            return
        del self.hosts[name]
        start = host.next_start(now)
        if start is not None and start > now:
            self._until[name] = start
        if len(self._until) >= self._many:
            self._until = {name: start for name, start in self._until.items() if start > now}
            self._many = 2 * len(self._until) + MOST_IDLE

    def add(self, host: Host, waiting: Waiting, now: float) -> None:
        """Queue a page at *host* for the first time."""
        first = host.add(waiting)
        if first or host.state is not State.READY:
            self.settle(host, now)

    def push(self, host: Host, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        """Queue *lease* at *host*, for the moment *not_before* at the earliest."""
        if not_before > now:
            host.push_later(lease, not_before)
        else:
            host.push(lease)
        self.settle(host, now)

    def release(self, host: Host, now: float) -> None:
        """Let the pages of *host* come up at once: nothing is to be asked for any more."""
        host.bring_up(inf)
        met = host.meet()
        running = met.turns.running
        met.held = met.full = False
        met.turns = Turns(per_host=_ANY, delay=0)
        met.turns.running = running
        self.settle(host, now)

    def waits(self, now: float) -> Iterator[tuple[str, str, float | None, int]]:
        """Yield of each host with pages: its name, why it waits, for how many seconds more, and the pages."""
        for host in self.hosts.values():
            pages = host.waiting
            if pages or host.robots_first:
                seconds = max(host.wake - now, 0) if host.state is State.WAITING else None
                yield host.name, host.why(), seconds, pages

    def settle(self, host: Host, now: float) -> None:
        """Work out what *host* waits for; to be called when anything about it changed."""
        if host.state is State.CROWDED:
            return  # its address calls it
        given_up = host.given_up
        later = host.bring_up(inf if given_up else now)
        if host.met is not None and (host.met.looking_up or (host.met.held and not given_up)):
            host.state = State.BUSY
            return
        head = host.head()
        if head is None and later is None:
            begun = host.met is not None and host.met.begun
            host.state = State.BUSY if host.pages or begun else State.EMPTY
            return
        # The pages of a host that was given up are skipped, which takes no turn.
        start = now if given_up and not host.robots_first else host.next_start(now)
        if start is None:
            host.state = State.BUSY
            return
        if head is None:
            start = max(start, later or 0.0)
        elif start <= now:
            host.state = State.READY
            heappush(self._ready, (head[0], host.name))
            return
        host.state, host.wake = State.WAITING, start
        heappush(self._waiting, (start, host.name))

    def next(self, now: float) -> Host | float | None:
        """Return a host that may start its head now; else the moment to ask again; else None."""
        more = self._wake(now)
        while self._openings and self._openings[0][0] <= now:
            self._call(heappop(self._openings)[1], now)
        ready = self._first_ready()
        if ready is None and self._crowds:
            # A host that was called from a crowd may have had no use for the place.
            for address in list(self._crowds):
                self._call(address, now)
            ready = self._first_ready()
        if ready is not None:
            return ready
        if more:
            return now
        while self._openings and self._openings[0][1] not in self._crowds:
            heappop(self._openings)
        opening = self._openings[0][0] if self._openings else inf
        while self._waiting:
            wake, name = self._waiting[0]
            waiter = self.hosts.get(name)
            if waiter is not None and waiter.state is State.WAITING and waiter.wake == wake:
                return min(wake, opening)
            heappop(self._waiting)
        return opening if self._openings else None

    def _wake(self, now: float) -> bool:
        """Settle hosts whose waiting is over; return whether there may be more of them."""
        for _ in range(_AT_ONCE):
            if not self._waiting or self._waiting[0][0] > now:
                return False
            wake, name = heappop(self._waiting)
            host = self.hosts.get(name)
            if host is not None and host.state is State.WAITING and host.wake == wake:
                self.settle(host, now)
        return True

    def _first_ready(self) -> Host | None:
        while self._ready:
            order, name = self._ready[0]
            host = self.hosts.get(name)
            head = None if host is None or host.state is not State.READY else host.head()
            if head is not None and head[0] == order:
                return host
            heappop(self._ready)
        return None

    def _call(self, address: str, now: float) -> None:
        """Let hosts that wait for *address* be chosen, as many as it has places for."""
        crowd = self._crowds.get(address)
        if crowd is None:
            return
        places = self._per_address - self._running.get(address, 0)
        if self._address_delay:
            places = 0 if self._open_from.get(address, -inf) > now else min(places, 1)
        while crowd and places > 0:
            host = crowd.popleft()
            host.state = State.EMPTY
            self.settle(host, now)
            places -= host.state is State.READY
        if not crowd:
            del self._crowds[address]

    def start(self, host: Host, lease: Lease, now: float) -> bool:
        """Take the turns of *host* and of its addresses for *lease*; False if one of them is crowded.

        Which of them is connected to is not known before, so that each counts.
        """
        asked = servers(lease.addresses)
        for address in asked:
            if self._running.get(address, 0) >= self._per_address or self._open_from.get(address, -inf) > now:
                host.state = State.CROWDED
                self._crowds.setdefault(address, deque()).append(host)
                return False
        for address in asked:
            self._running[address] = self._running.get(address, 0) + 1
            if self._address_delay:
                self._open_from[address] = now + self._address_delay
                heappush(self._openings, (now + self._address_delay, address))
        host.pop()
        met = host.meet()
        if met.watch is None:
            met.watch = Watch.after(met.watched)
        # Before the turns know of it, which decided about it.
        met.watch.started(now, delay=met.turns.delay_now, limit=met.turns.per_host)
        met.turns.start(now)
        self.settle(host, now)
        return True

    def finish(self, host: Host, lease: Lease, now: float) -> None:
        """Give back the turns that `start` took."""
        met = host.meet()
        met.turns.finish()
        if met.watch is not None:
            met.watch.ended()
        self.settle(host, now)
        for address in servers(lease.addresses):
            self._running[address] -= 1
            if not self._running[address]:
                del self._running[address]
            self._call(address, now)
