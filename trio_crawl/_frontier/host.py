"""One host of a crawl: what is queued for it, and what it was asked so far.

A crawl may know hundreds of thousands of hosts of which most wait for their first turn, so a host
is small until something is asked of it: what there is to be known from then on is made then.
"""

from __future__ import annotations

from enum import Enum, auto
from heapq import heappop, heappush
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .._lease import Lease
from .._policy.health import Health
from .._policy.politeness import Turns
from .dealings import Dealings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._model import Request
    from .dealings import Queued, Waiting

_SCHEME: Final = len("https://")

FEW: Final = 20
"""Good answers of which a host need not be told, when it is met again: see `Dealings.good`."""

# One object for all hosts: each negation would make another.
_NEVER: Final = -inf


class Terms(NamedTuple):
    """What holds for each host that says nothing else; one object for all of them.

    Args:
        per_host: hops at once.
        delay: seconds between two starts.
        paced: whether it minds how fast it is asked.
        adaptive: whether its trouble slows the crawl down.
    """

    per_host: int
    delay: float
    paced: bool = True
    adaptive: bool = True


class State(Enum):
    """What a host waits for."""

    EMPTY = auto()  # something to ask for
    READY = auto()  # being chosen
    WAITING = auto()  # a moment
    BUSY = auto()  # the end of one of its own hops, a look-up or its robots.txt
    CROWDED = auto()  # the end of a hop to the address that it shares


@final
class Host:
    """One host name: what is queued for it, and when the next may start.

    Args:
        name: the name.
        terms: how it may be asked.

    Attributes:
        met: what there is to know since something was to be asked; None before. `meet` makes it.
        pages: those in memory.
        stored: pages that wait in the state; they come after those in memory, all of which are
            up to `bound`. So many of them are
        unsaved: not committed yet, the first one of which has the order
        lowest_unsaved: infinite if there is none.
        loading: whether the state was asked for the next ones.
        state: what it waits for, and
        wake: for which moment.
    """

    __slots__ = (
        "_terms",
        "bound",
        "loading",
        "lowest_unsaved",
        "met",
        "name",
        "pages",
        "state",
        "stored",
        "unsaved",
        "wake",
    )

    def __init__(self, name: str, terms: Terms) -> None:
        self.name = name
        self._terms = terms
        self.met: Dealings | None = None
        self.pages: list[Queued] = []
        self.stored = 0
        self.unsaved = 0
        self.lowest_unsaved = inf
        self.bound = _NEVER
        self.loading = False
        self.state = State.EMPTY
        self.wake = inf

    def __repr__(self) -> str:
        return f"<Host {self.name}: {len(self.pages)} pages, {self.state.name}>"

    def meet(self) -> Dealings:
        """Return what there is to know of it, made now if there was nothing yet."""
        met = self.met
        if met is None:
            per_host, delay, paced, _ = self._terms
            met = self.met = Dealings(Turns(per_host=per_host, delay=delay, paced=paced))
        return met

    @property
    def adaptive(self) -> bool:
        """Whether its trouble slows the crawl down."""
        return self._terms.adaptive

    @property
    def turns(self) -> Turns:
        """When the next hop may start."""
        return self.meet().turns

    @property
    def health(self) -> Health:
        """Its failures in a row."""
        met = self.meet()
        if met.health is None:
            met.health = Health(counting=self.adaptive)
        return met.health

    @property
    def failures(self) -> int:
        """How many, 0 to begin with."""
        met = self.met
        return 0 if met is None or met.health is None else met.health.failures

    @property
    def given_up(self) -> bool:
        """Whether nothing more is asked of it."""
        met = self.met
        return met is not None and met.health is not None and met.health.given_up

    @property
    def robots_first(self) -> bool:
        """Whether there is a robots.txt to be asked for, which goes before the pages."""
        met = self.met
        return met is not None and bool(met.robots)

    def add(self, waiting: Waiting) -> bool:
        """Queue a page; return whether it is what goes next of the pages."""
        order, url, referrer, more = waiting
        if more is None and url.startswith(f"https://{self.name}/"):
            url = url[_SCHEME + len(self.name) :]
        queued = (order, url, referrer) if more is None else (order, url, referrer, more)
        if self.pages:
            heappush(self.pages, queued)
        else:
            self.pages = [queued]  # which is smaller than one that was appended to
        return self.pages[0] is queued

    def push(self, lease: Lease) -> None:
        """Queue *lease*; robots.txt, for which pages wait, and what was begun have queues of their own."""
        waiting = (lease.order, lease.url, lease.referrer, lease)
        if lease.robots_of:
            met = self.meet()
            met.robots = met.robots or []
            heappush(met.robots, waiting)
        elif lease.begun:
            met = self.meet()
            met.begun = met.begun or []
            heappush(met.begun, waiting)
        else:
            heappush(self.pages, waiting)

    def push_later(self, lease: Lease, moment: float) -> None:
        """Queue *lease* for *moment*; see `bring_up`."""
        met = self.meet()
        if met.later is None:
            met.later = []
        heappush(met.later, (moment, lease.order, lease))

    def park(self, lease: Lease, now: float) -> bool:
        """Put *lease*, which failed, aside if its host rests since it can't be reached; return whether it is.

        It waits until the host answers, or no other page is left: else one page would use up its
        attempts while the others wait.
        """
        met = self.met
        if met is None or not self.failures or met.turns.not_before <= now or not (self.pages or met.begun):
            return False
        met.parked = [*(met.parked or ()), lease]
        return True

    def bring_up(self, until: float) -> float | None:
        """Queue what waits for moments up to *until*; return the next such moment, None if there is none."""
        met = self.met
        if met is None:
            return None
        if met.parked and (not (self.pages or met.begun) or not self.failures or self.given_up):
            parked, met.parked = met.parked, None
            for lease in parked:
                self.push(lease)
        if not met.later:
            return None
        while met.later and met.later[0][0] <= until:
            self.push(heappop(met.later)[2])
        return met.later[0][0] if met.later else None

    def next_start(self, now: float) -> float | None:
        """Return the moment from which its next hop may start; None if one has to end before."""
        return now if self.met is None else self.met.turns.next_start(now)

    def head(self) -> Queued | None:
        """Return what goes next if a turn comes."""
        met = self.met
        if met is not None:
            if met.robots:
                return met.robots[0]
            if met.robots_pending:
                return None
        queue = self.queue()
        return queue[0] if queue else None

    def queue(self) -> list[Queued] | None:
        """Return the queue of which the first page goes next; None if there is none."""
        met = self.met
        if met is None or not (met.begun or met.full):
            return self.pages or None
        full = met.full and not self.given_up
        if met.begun and (full or not self.pages or met.begun[0][0] < self.pages[0][0]):
            return met.begun
        return None if full else self.pages or None

    def lease(self) -> Lease:
        """Return the head as a lease, there has to be one.

        It is made for each that asks if it is none yet: kept in the queue, while the host's turn
        has to come, it would be three times the size of what waits there.
        """
        met = self.met
        queue = (None if met is None else met.robots) or self.queue()
        assert queue is not None  # noqa: S101 - there has to be one
        order, url, referrer, *rest = queue[0]
        more = rest[0] if rest else None
        return more if isinstance(more, Lease) else self._lease(order, url, referrer, more)

    def take_page(self) -> Lease | None:
        """Take the first page out of its queue, whatever goes before it; None if there is none."""
        queue = self.queue()
        if queue is None:
            return None
        order, url, referrer, *rest = heappop(queue)
        more = rest[0] if rest else None
        return more if isinstance(more, Lease) else self._lease(order, url, referrer, more)

    def _lease(self, order: int, url: str, referrer: str | None, request: Request | None) -> Lease:
        return Lease.new(order, self._whole(url), referrer, request)

    def _whole(self, url: str) -> str:
        return f"https://{self.name}{url}" if url[0] == "/" else url

    def pop(self) -> None:
        """Take what `head` returned out of its queue."""
        met = self.met
        queue = (None if met is None else met.robots) or self.queue()
        assert queue is not None  # noqa: S101 - there has to be one
        heappop(queue)
        if met is not None:
            met.robots, met.begun = met.robots or None, met.begun or None

    @property
    def waiting(self) -> int:
        """Pages that wait for their turn, in memory or not."""
        met = self.met
        aside = 0 if met is None else sum(len(some or ()) for some in (met.begun, met.later, met.parked))
        return len(self.pages) + aside + self.stored

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

    @property
    def forgettable(self) -> bool:
        """Whether it would be treated the same if it were met for the first time, but for its delay."""
        if self.waiting or self.unsaved or self.loading or self.state is not State.EMPTY:
            return False
        met = self.met
        return met is None or (
            not (met.flags or met.robots or met.robots_pending or met.good >= FEW)
            and met.watch is None
            and not (self.failures or met.turns.running or met.turns.slowed)
        )

    def each(self) -> Iterator[tuple[str, str | None]]:
        """Yield URL and referrer of each page that waits here, in memory."""
        met = self.met
        leases: list[Lease] = []
        queued = self.pages
        if met is not None:
            leases += [lease for _, _, lease in met.later or ()]
            leases += met.parked or ()
            queued = [*queued, *(met.begun or ())]
        for _, url, referrer, *rest in queued:
            more = rest[0] if rest else None
            if isinstance(more, Lease):
                leases.append(more)
            else:
                yield self._whole(url), referrer
        for lease in leases:
            if lease.is_page:
                yield lease.request.url, lease.referrer

    def why(self) -> str:  # noqa: PLR0911 - one for each thing that it may wait for
        """Return in words what it waits for."""
        met = self.met
        if self.state is State.CROWDED:
            return "another host's hop to the same address"
        if met is not None and met.looking_up:
            return "its address is looked up"
        if met is not None and met.robots_pending and not met.robots:
            return "its robots.txt is fetched"
        if met is not None and met.held:
            return "pages of it wait to be parsed"
        if met is not None and met.full and self.head() is None:
            return "pages of it wait to be asked for again, or elsewhere, where they were redirected to"
        if self.state is State.BUSY:
            return f"{self.turns.running} of its hops are under way, as many as may"
        if self.loading or (self.stored and self.waiting == self.stored):
            return "its pages are loaded from the state"
        if self.state is State.WAITING:
            return self.turns.why() if self.head() else "a page is to be retried then"
        return "a free place among the hops"
