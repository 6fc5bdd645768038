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
from typing import TYPE_CHECKING, Final, TypeAlias, final

from .._lease import Lease
from .._policy.health import Health
from .._policy.politeness import Turns
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._errors import FetchError
    from .._model import Request

Waiting: TypeAlias = "tuple[int, str, str | None, Request | Lease | None]"
"""A page that waits for its turn: its order, its URL, its referrer, and what else there is to say.

That is nothing for a plain GET; for another the request; after a hop, or an earlier visit, the lease.
A tuple, since of these a crawl may hold millions.
"""


_ANY: Final = 1 << 62
"""More hops at once than there can be."""


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
        "asked",
        "bound",
        "doors",
        "fresh_until",
        "good",
        "health",
        "later",
        "loading",
        "looking_up",
        "lowest_unsaved",
        "name",
        "pages",
        "refusal",
        "robots",
        "robots_pending",
        "state",
        "stored",
        "turns",
        "unsaved",
        "wake",
        "watch",
    )

    def __init__(self, name: str, *, per_host: int, delay: float, paced: bool = True) -> None:
        self.name = name
        self.turns = Turns(per_host=per_host, delay=delay, paced=paced)
        self.health = Health()
        self.watch: Watch | None = None  # until it is asked
        self.pages: list[Waiting] = []
        self.robots: list[Waiting] = []
        self.later: list[tuple[float, int, Lease]] = []
        # With a state, pages wait there that come after those in memory, all of which are up to
        # `bound`. Some of them may not be committed yet.
        self.stored = 0
        self.unsaved = 0
        self.lowest_unsaved = inf
        self.bound = -inf
        self.loading = False
        # Pages that were asked for, whatever came of it; and answers with status 200.
        self.asked = 0
        self.good = 0
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
        heappush(
            self.robots if lease.robots_of else self.pages, (lease.order, lease.url, lease.referrer, lease)
        )

    def head(self) -> Waiting | None:
        """Return what goes next if a turn comes."""
        if self.robots:
            return self.robots[0]
        if self.pages and not self.robots_pending:
            return self.pages[0]
        return None

    def lease(self) -> Lease:
        """Return the head as a lease, made now if it is none yet; there has to be a head."""
        queue = self.robots or self.pages
        order, url, referrer, more = queue[0]
        if isinstance(more, Lease):
            return more
        lease = Lease.new(order, url, referrer, more)
        queue[0] = (order, url, referrer, lease)  # in the same place, by the same order
        return lease

    def pop(self) -> None:
        """Take what `head` returned out of its queue."""
        heappop(self.robots or self.pages)

    def spill(self, order: int) -> None:
        """Note that a page is left to the state, which does not have it yet."""
        self.stored += 1
        self.unsaved += 1
        self.lowest_unsaved = min(self.lowest_unsaved, order)

    def saved(self, number: int) -> None:
        """Note that the state has so many of those now."""
        self.unsaved -= number
        if not self.unsaved:
            self.lowest_unsaved = inf

    def clear(self) -> None:
        """Forget every page that waits here."""
        self.pages.clear()
        self.later.clear()
        self.stored = self.unsaved = 0


def _why(host: Host) -> str:  # noqa: PLR0911 - one for each thing that it may wait for
    """Return in words what *host* waits for."""
    if host.state is State.CROWDED:
        return "another host's hop to the same address"
    if host.looking_up:
        return "its address is looked up"
    if host.robots_pending and not host.robots:
        return "its robots.txt is fetched"
    if host.state is State.BUSY:
        return f"{host.turns.running} of its hops are under way, as many as may"
    if host.loading or (host.stored and not host.pages and not host.later):
        return "its pages are loaded from the state"
    if host.state is State.WAITING:
        return (
            "a page is to be retried then" if not host.head() else "its delay, or the rest that it asked for"
        )
    return "a free place among the hops"


@final
class Schedule:
    """Chooses the host whose turn it is.

    Args:
        per_host: hops at once on one host.
        per_address: hops at once to one IP address, whatever hosts share it.
        delay: seconds between two starts on one host.
        per_address_delay: whether *delay* lies between two starts on one IP address, too.
        paced: whether hosts mind how fast they are asked.
    """

    def __init__(
        self,
        *,
        per_host: int,
        per_address: int,
        delay: float,
        per_address_delay: bool = False,
        paced: bool = True,
    ) -> None:
        self._paced = paced
        self._per_host = per_host
        self._per_address = per_address
        self._delay = delay
        self._address_delay = delay if per_address_delay and paced else 0.0
        self.hosts: dict[str, Host] = {}
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
            host = self.hosts[name] = Host(
                name, per_host=self._per_host, delay=self._delay, paced=self._paced
            )
        return host

    def add(self, host: Host, waiting: Waiting, now: float) -> None:
        """Queue a page at *host* for the first time."""
        heappush(host.pages, waiting)
        if host.state is not State.READY or host.pages[0] is waiting:
            self.settle(host, now)

    def push(self, host: Host, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        """Queue *lease* at *host*, for the moment *not_before* at the earliest."""
        if not_before > now:
            heappush(host.later, (not_before, lease.order, lease))
        else:
            host.push(lease)
        self.settle(host, now)

    def release(self, host: Host, now: float) -> None:
        """Let the pages of *host* come up at once: nothing is to be asked for any more."""
        while host.later:
            host.push(heappop(host.later)[2])
        running = host.turns.running
        host.turns = Turns(per_host=_ANY, delay=0)
        host.turns.running = running
        self.settle(host, now)

    def waits(self, now: float) -> Iterator[tuple[str, str, float | None, int]]:
        """Yield of each host with pages: its name, why it waits, for how many seconds more, and the pages."""
        for host in self.hosts.values():
            pages = len(host.pages) + len(host.later) + host.stored
            if pages or host.robots:
                seconds = max(host.wake - now, 0) if host.state is State.WAITING else None
                yield host.name, _why(host), seconds, pages

    def settle(self, host: Host, now: float) -> None:
        """Work out what *host* waits for; to be called when anything about it changed."""
        if host.state is State.CROWDED:
            return  # its address calls it
        given_up = host.health.given_up
        while host.later and (host.later[0][0] <= now or given_up):
            host.push(heappop(host.later)[2])
        if host.looking_up:
            host.state = State.BUSY
            return
        head = host.head()
        if head is None and not host.later:
            host.state = State.BUSY if host.pages else State.EMPTY
            return
        # The pages of a host that was given up are skipped, which takes no turn.
        start = now if given_up and not host.robots else host.turns.next_start(now)
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
        while self._openings and self._openings[0][1] not in self._crowds:
            heappop(self._openings)
        opening = self._openings[0][0] if self._openings else inf
        while self._waiting:
            wake, name = self._waiting[0]
            if self.hosts[name].state is State.WAITING and self.hosts[name].wake == wake:
                return min(wake, opening)
            heappop(self._waiting)
        return opening if self._openings else None

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
        """Take the turns of *host* and of its address for *lease*; False if its address is crowded."""
        address = lease.addresses[0] if lease.addresses else None
        if address is not None:
            running = self._running.get(address, 0)
            if running >= self._per_address or self._open_from.get(address, -inf) > now:
                host.state = State.CROWDED
                self._crowds.setdefault(address, deque()).append(host)
                return False
            self._running[address] = running + 1
            if self._address_delay:
                self._open_from[address] = now + self._address_delay
                heappush(self._openings, (now + self._address_delay, address))
        host.pop()
        if host.watch is None:
            host.watch = Watch()
        # Before the turns know of it, which decided about it.
        host.watch.started(now, delay=host.turns.delay_now, limit=host.turns.per_host)
        host.turns.start(now)
        self.settle(host, now)
        return True

    def finish(self, host: Host, lease: Lease, now: float) -> None:
        """Give back the turns that `start` took."""
        host.turns.finish()
        if host.watch is not None:
            host.watch.ended()
        self.settle(host, now)
        if lease.addresses:
            address = lease.addresses[0]
            self._running[address] -= 1
            if not self._running[address]:
                del self._running[address]
            self._call(address, now)
