"""The frontier in memory: what was discovered, what is queued, what may be asked for now.

Pure: it is told the time, and never waits. URLs that were discovered stay in a
`dict` by key, which is all that grows for as long as the crawl goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._errors import FetchError
from .._lease import Decision, Drained, Idle, Lease, Lookup, Refuse, Start
from .._model import Link, Request
from .._policy.politeness import effective_delay
from .robots import RobotsDesk
from .schedule import Host, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._lease import Redirect
    from .._model import SkipReason
    from .._policy.scope import Scope
    from ..abc import Guard, Rules
    from .ledger import Ledger

ADDRESS_TTL: Final = 60.0
"""Seconds that the answer of a look-up is used for."""

LOOKUP_AGAIN: Final = 0.4
"""Seconds that a look-up's temporary failure is used for: less than the shortest back-off,
so that a retry asks again, and enough for all that is queued for the host to learn of it once."""

_KNOWN: Final = 0
_TOO_DEEP: Final = 1
# Greater marks: out of scope, as judged by the scope's generation `mark - _OUT_OF_SCOPE`.
_OUT_OF_SCOPE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the frontier keeps to; the keywords of ``crawl()`` of the same names."""

    per_host: int
    per_address: int
    delay: float
    max_depth: int | None
    max_pages: int | None


@final
class MemoryFrontier:
    """Holds the URLs of one crawl, and knows which may be asked for now.

    Args:
        scope: what is followed; seeds widen it.
        limits: turns and limits.
        ledger: the books that skips and discoveries are entered in.
        guard: the judge of addresses; None if the fetcher opens no connections,
            and no name has to be looked up.
        robots: whether robots.txt is asked for, and kept to.
    """

    def __init__(
        self, scope: Scope, limits: Limits, ledger: Ledger, *, guard: Guard | None, robots: bool
    ) -> None:
        self._scope = scope
        self._limits = limits
        self._ledger = ledger
        self._guard = guard
        self._schedule = Schedule(
            per_host=limits.per_host, per_address=limits.per_address, delay=limits.delay
        )
        self._robots = RobotsDesk() if robots else None
        self._seen: dict[str, int] = {}
        self._discoveries = count()
        self._leases = count(1)
        self._pages = 0
        self._seeds_to_come = True
        self._stopping = False
        self.queued = 0
        self.lent = 0

    # What comes in

    def add_seed(self, request: Request, now: float) -> bool:
        """Add a seed, which is in scope by being one; return whether it is new."""
        self._scope.add_seed(request.url)
        key = request.key or _urls.request_key(request.method, request.url, request.body)
        return self._admit(request, key, depth=0, referrer=None, seed=True, now=now)

    def seeds_exhausted(self) -> None:
        """Note that no further seed will come, but for what is added by hand."""
        self._seeds_to_come = False

    def add_found(self, found: Iterable[Link | Request], *, depth: int, referrer: str, now: float) -> None:
        """Add what a page of *depth* - 1 leads to, as far as scope and limits allow."""
        seen = self._seen
        for item in found:
            if isinstance(item, Link):
                key = item.url
                if seen.get(key) == _KNOWN or not self._judge(item, key, depth):
                    continue
                request = Request(key)
            else:
                request = item
                key = item.key or _urls.request_key(item.method, item.url, item.body)
                if seen.get(key) == _KNOWN or not self._judge(Link(url=item.url), key, depth):
                    continue
            self._admit(request, key, depth=depth, referrer=referrer, seed=False, now=now)

    def _judge(self, link: Link, key: str, depth: int) -> bool:
        """Return whether *link* is to be followed; count it as skipped if not."""
        mark = self._seen.get(key)
        generation = self._scope.generation
        if mark is not None and mark == _OUT_OF_SCOPE + generation and not self._scope.per_link:
            return False
        max_depth = self._limits.max_depth
        too_deep = max_depth is not None and depth > max_depth
        if mark == _TOO_DEEP and too_deep:
            return False
        reason: SkipReason | None = None
        if not self._scope.allows(link):
            reason = "scope"
        elif too_deep:
            reason = "max_depth"
        if mark is not None:
            self._ledger.unskip("max_depth" if mark == _TOO_DEEP else "scope")
            self._ledger.discovered -= 1
        if reason is None:
            return True
        self._seen[key] = _TOO_DEEP if reason == "max_depth" else _OUT_OF_SCOPE + generation
        self._ledger.discovered += 1
        self._ledger.skip(reason, link.url)
        return False

    def _admit(  # noqa: PLR0913 - what a lease is made of
        self, request: Request, key: str, *, depth: int, referrer: str | None, seed: bool, now: float
    ) -> bool:
        mark = self._seen.get(key)
        if mark == _KNOWN:
            return False
        if mark is not None and seed:  # as a link it was skipped; as a seed it is not
            self._ledger.unskip("max_depth" if mark == _TOO_DEEP else "scope")
            self._ledger.discovered -= 1
        self._seen[key] = _KNOWN
        self._ledger.discovered += 1
        lease = Lease(
            request=request,
            key=key,
            url=request.url,
            method=request.method,
            body=request.body,
            depth=depth,
            referrer=referrer,
            seed=seed,
            order=(-request.priority, depth, next(self._discoveries)),
        )
        self._push(lease, now)
        return True

    def _push(self, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        if lease.robots_of is None:
            self.queued += 1
        self._schedule.push(self._host(lease.url), lease, now, not_before=not_before)

    def _host(self, url: str) -> Host:
        return self._schedule.host(_urls.host(url))

    # What goes out

    def take(self, now: float) -> Decision:
        """Return what to do next.

        After `Start` the lease comes back by `hop_ended`, and then, as after
        `Refuse`, by one of `retry`, `redirect` and `finish`, or by `robots_known`.
        """
        while True:
            if self._stopping or self._full():
                return self._winding_down()
            host = self._schedule.next(now)
            if isinstance(host, Host):
                decision = self._consider(host, now)
                if decision is not None:
                    return decision
            elif self.queued or self.lent or self._seeds_to_come:
                return Idle(host)
            else:
                return Drained()

    def _full(self) -> bool:
        limit = self._limits.max_pages
        return limit is not None and self._pages + self.lent >= limit

    def _winding_down(self) -> Decision:
        """Nothing more is started: because of ``max_pages``, or since the crawl is to stop."""
        if self.lent:
            return Idle(None)
        if not self._stopping:
            for host in self._schedule.hosts.values():
                for lease in host.queued():
                    self.queued -= 1
                    self._ledger.skip("max_pages", lease.url)
                host.pages.clear()
                host.later.clear()
            self._stopping = True
        return Drained()

    def _consider(self, host: Host, now: float) -> Decision | None:  # noqa: PLR0911 - one for each answer
        """Return what the host's turn is good for; None if its head went away without a hop."""
        head = host.head()
        if head is None:  # pragma: no cover - `Schedule.next` looked
            return None
        lease = head[1]
        if self._guard is not None:
            if host.fresh_until <= now:
                host.looking_up = True
                self._schedule.settle(host, now)
                return Lookup(host.name)
            error = self._door(host, lease, self._guard)
            if error is not None:
                return self._refuse(host, error, now)
        if self._robots is not None and lease.robots_of is None:
            verdict = self._robots.verdict(lease.url, now)
            if verdict is None:
                self._ask_for_robots(host, lease, now)
                return None
            if isinstance(verdict, FetchError):
                return self._refuse(host, verdict, now)
            if verdict != "allowed":
                self._skip(host, verdict, now)
                return None
        return self._start(host, lease, now)

    def _door(self, host: Host, lease: Lease, guard: Guard) -> FetchError | None:
        """Set the addresses that *lease* may connect to; return the error if there are none."""
        if host.refusal is not None:
            return host.refusal
        parts = _urls.split(_urls.origin(lease.url))
        door = host.doors.get(parts.port)
        if door is None:
            refusals = {a: guard.refusal(parts.hostname, parts.port, a) for a in host.addresses}
            door = tuple(address for address, refusal in refusals.items() if refusal is None)
            if not door:
                door = FetchError("blocked_address", next(filter(None, refusals.values()), "no address"))
            host.doors[parts.port] = door
        if isinstance(door, FetchError):
            return door
        lease.addresses = door
        return None

    def _refuse(self, host: Host, error: FetchError, now: float) -> Refuse:
        lease = host.pop()
        if lease.robots_of is None:
            self.queued -= 1
            self.lent += 1
        lease.number = next(self._leases)
        lease.attempts += 1
        self._schedule.settle(host, now)
        return Refuse(lease, error)

    def _skip(self, host: Host, reason: SkipReason, now: float) -> None:
        lease = host.pop()
        self.queued -= 1
        self._ledger.skip(reason, lease.url)
        self._schedule.settle(host, now)

    def _ask_for_robots(self, host: Host, lease: Lease, now: float) -> None:
        """Put the robots.txt of the lease's origin before the pages of its host, which wait for it."""
        assert self._robots is not None  # noqa: S101 - the caller looked
        host.robots_pending += 1
        host.push(self._robots.ask(lease))
        self._schedule.settle(host, now)

    def _start(self, host: Host, lease: Lease, now: float) -> Start | None:
        if not self._schedule.start(host, lease, now):
            return None
        if lease.robots_of is None:
            self.queued -= 1
            self.lent += 1
        lease.number = next(self._leases)
        lease.attempts += 1
        self._ledger.requests += 1
        return Start(lease)

    # What comes back

    def resolved(self, name: str, answer: tuple[str, ...] | FetchError, now: float) -> None:
        """Take the answer of a `Lookup`."""
        host = self._schedule.host(name)
        host.looking_up = False
        host.doors.clear()
        if isinstance(answer, FetchError):
            host.addresses, host.refusal = (), answer
            host.fresh_until = now + (LOOKUP_AGAIN if getattr(answer, "temporary", False) else ADDRESS_TTL)
        else:
            host.addresses, host.refusal = answer, None
            host.fresh_until = now + ADDRESS_TTL
        self._schedule.settle(host, now)

    def hop_ended(self, lease: Lease, now: float) -> None:
        """Give the turns back that a started *lease* took; the lease itself stays out."""
        self._schedule.finish(self._host(lease.url), lease, now)

    def slow_down(self, lease: Lease, until: float, now: float) -> None:
        """Let the lease's host rest until a moment that it asked for."""
        host = self._host(lease.url)
        host.turns.pause_until(until)
        self._schedule.settle(host, now)

    def retry(self, lease: Lease, not_before: float, now: float) -> None:
        """Queue *lease* again, for the moment *not_before* at the earliest."""
        self._ledger.retries += 1
        self._back(lease, now, not_before=not_before)

    def _back(self, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        if lease.robots_of is None:
            self.lent -= 1
        self._push(lease, now, not_before=not_before)

    def redirect(self, lease: Lease, target: Redirect, now: float) -> SkipReason | None:
        """Queue *lease* again where *target* says; return the reason if it ends there instead."""
        reason = None if lease.robots_of else self._judge_target(lease, target)
        if reason is not None:
            self.lent -= 1
            self._ledger.skip(reason, lease.url, detail=f"redirected to {target.url}")
            return reason
        self._ledger.redirects += 1
        lease.chain += (lease.url,)
        lease.url, lease.method, lease.attempts = target.url, target.method, 0
        if not target.keep_body:
            lease.body = None
        self._back(lease, now)
        return None

    def _judge_target(self, lease: Lease, target: Redirect) -> SkipReason | None:
        body = lease.body if target.keep_body else None
        key = _urls.request_key(target.method, target.url, body)
        # A form that leads back to its own URL, now by GET, comes to itself.
        # A chain that comes back to one of its own URLs, now with cookies, takes nobody else's place.
        own = key == lease.key or (
            target.method == lease.request.method and target.url in (*lease.chain, lease.url)
        )
        if self._seen.get(key) == _KNOWN and not own:
            return "known_target"
        if lease.seed:
            self._scope.add_seed(target.url)
        elif not self._scope.allows(Link(url=target.url)):
            return "scope"
        # A skip before, as a link, it stays in the books; but it is fetched now, and not again.
        self._seen[key] = _KNOWN
        return None

    def robots_known(self, lease: Lease, verdict: Rules | FetchError | None, now: float) -> None:
        """Take what came of a robots.txt: its rules; why its host can't be reached; None: disallow all."""
        assert self._robots is not None  # noqa: S101 - who has such a lease has a desk
        assert lease.robots_of is not None  # noqa: S101
        crawl_delay = self._robots.answer(lease.robots_of, verdict, now)
        host = self._host(lease.robots_of + "/")
        host.robots_pending -= 1
        host.turns.delay = effective_delay(host.turns.delay, crawl_delay)
        self._schedule.settle(host, now)

    def finish(self, lease: Lease, *, page: bool) -> None:
        """Let go of *lease*: it came to a page, or to a failure."""
        del lease
        self.lent -= 1
        self._pages += page

    # What may be asked at any time

    def stop(self) -> None:
        """Start nothing more; what is queued stays pending."""
        self._stopping = True
