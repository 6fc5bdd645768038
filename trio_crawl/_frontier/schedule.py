"""Which host is next: queues by host, and the turns of hosts and of shared addresses.

Every host is in exactly one state. ``ready`` and ``waiting`` hosts stand in a
heap; entries that no longer hold are left there and dropped when they come up,
which is cheaper than to search for them.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, final

from .._policy.politeness import Turns

if TYPE_CHECKING:
    from .._errors import FetchError
    from .._lease import Lease

Order = tuple[int, int, int]


class State(Enum):
    """What a host waits for."""

    EMPTY = auto()  # something to ask for
    READY = auto()  # being chosen
    WAITING = auto()  # a moment
    BUSY = auto()  # the end of one of its own hops, a look-up or its robots.txt
    CROWDED = auto()  # the end of a hop to the address that it shares


@final
class Host:
    """One host name: what is queued for it, and when the next may start."""

    __slots__ = (
        "addresses",
        "doors",
        "fresh_until",
        "later",
        "looking_up",
        "name",
        "pages",
        "refusal",
        "robots",
        "robots_pending",
        "state",
        "turns",
        "wake",
    )

    def __init__(self, name: str, *, per_host: int, delay: float) -> None:
        self.name = name
        self.turns = Turns(per_host=per_host, delay=delay)
        self.pages: list[tuple[Order, Lease]] = []
        self.robots: list[tuple[Order, Lease]] = []
        self.later: list[tuple[float, Order, Lease]] = []
        self.state = State.EMPTY
        self.wake = inf
        self.looking_up = False
        self.robots_pending = 0
        # What the last look-up brought, and until when that holds.
        self.addresses: tuple[str, ...] = ()
        self.refusal: FetchError | None = None
        self.fresh_until = -inf
        # By port: the addresses that may be connected to, or why none may.
        self.doors: dict[int, tuple[str, ...] | FetchError] = {}

    def push(self, lease: Lease) -> None:
        """Queue *lease*; robots.txt has a queue of its own, since pages wait for it."""
        heappush(self.robots if lease.robots_of else self.pages, (lease.order, lease))

    def head(self) -> tuple[Order, Lease] | None:
        """Return what goes next if a turn comes."""
        if self.robots:
            return self.robots[0]
        if self.pages and not self.robots_pending:
            return self.pages[0]
        return None

    def pop(self) -> Lease:
        """Take what `head` returned out of its queue."""
        return heappop(self.robots or self.pages)[1]

    def queued(self) -> list[Lease]:
        """Return every page that waits here, whichever way."""
        leases = [lease for _, lease in self.pages] + [lease for *_, lease in self.later]
        return [lease for lease in leases if lease.robots_of is None]


@final
class Schedule:
    """Chooses the host whose turn it is.

    Args:
        per_host: hops at once on one host.
        per_address: hops at once to one IP address, whatever hosts share it.
        delay: seconds between two starts on one host.
    """

    def __init__(self, *, per_host: int, per_address: int, delay: float) -> None:
        self._per_host = per_host
        self._per_address = per_address
        self._delay = delay
        self.hosts: dict[str, Host] = {}
        self._ready: list[tuple[Order, str]] = []
        self._waiting: list[tuple[float, str]] = []
        self._crowds: dict[str, deque[Host]] = {}
        self._running: dict[str, int] = {}

    def host(self, name: str) -> Host:
        """Return the host called *name*, made if it is new."""
        host = self.hosts.get(name)
        if host is None:
            host = self.hosts[name] = Host(name, per_host=self._per_host, delay=self._delay)
        return host

    def push(self, host: Host, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        """Queue *lease* at *host*, for the moment *not_before* at the earliest."""
        if not_before > now:
            heappush(host.later, (not_before, lease.order, lease))
        else:
            host.push(lease)
        self.settle(host, now)

    def settle(self, host: Host, now: float) -> None:
        """Work out what *host* waits for; to be called when anything about it changed."""
        if host.state is State.CROWDED:
            return  # its address calls it
        while host.later and host.later[0][0] <= now:
            host.push(heappop(host.later)[2])
        if host.looking_up:
            host.state = State.BUSY
            return
        head = host.head()
        if head is None and not host.later:
            host.state = State.BUSY if host.pages else State.EMPTY
            return
        start = host.turns.next_start(now)
        if start is None:
            host.state = State.BUSY
            return
        if head is None:
            start = max(start, host.later[0][0])
        elif start <= now:
            host.state = State.READY
            heappush(self._ready, (head[0], host.name))
            return
        host.state, host.wake = State.WAITING, start
        heappush(self._waiting, (start, host.name))

    def next(self, now: float) -> Host | float | None:
        """Return a host that may start its head now; else the moment to ask again; else None."""
        while self._waiting and self._waiting[0][0] <= now:
            wake, name = heappop(self._waiting)
            host = self.hosts[name]
            if host.state is State.WAITING and host.wake == wake:
                self.settle(host, now)
        ready = self._first_ready()
        if ready is None and self._crowds:
            # A host that was called from a crowd may have had no use for the place.
            for address in list(self._crowds):
                self._call(address, now)
            ready = self._first_ready()
        if ready is not None:
            return ready
        while self._waiting:
            wake, name = self._waiting[0]
            if self.hosts[name].state is State.WAITING and self.hosts[name].wake == wake:
                return wake
            heappop(self._waiting)
        return None

    def _first_ready(self) -> Host | None:
        while self._ready:
            order, name = self._ready[0]
            host = self.hosts[name]
            head = host.head()
            if host.state is State.READY and head is not None and head[0] == order:
                return host
            heappop(self._ready)
        return None

    def _call(self, address: str, now: float) -> None:
        """Let hosts that wait for *address* be chosen, as many as it has places for."""
        crowd = self._crowds.get(address)
        if crowd is None:
            return
        places = self._per_address - self._running.get(address, 0)
        while crowd and places > 0:
            host = crowd.popleft()
            host.state = State.EMPTY
            self.settle(host, now)
            places -= host.state is State.READY
        if not crowd:
            del self._crowds[address]

    def start(self, host: Host, lease: Lease, now: float) -> bool:
        """Take the turns of *host* and of its address for *lease*; False if its address is crowded."""
        address = lease.addresses[0] if lease.addresses else None
        if address is not None:
            running = self._running.get(address, 0)
            if running >= self._per_address:
                host.state = State.CROWDED
                self._crowds.setdefault(address, deque()).append(host)
                return False
            self._running[address] = running + 1
        host.pop()
        host.turns.start(now)
        self.settle(host, now)
        return True

    def finish(self, host: Host, lease: Lease, now: float) -> None:
        """Give back the turns that `start` took."""
        host.turns.finish()
        self.settle(host, now)
        if lease.addresses:
            address = lease.addresses[0]
            self._running[address] -= 1
            if not self._running[address]:
                del self._running[address]
            self._call(address, now)
