"""The frontier: what was discovered, what is queued, what may be asked for now.

Pure: it is told the time, and never waits. Of what was discovered it keeps a
fingerprint of eight bytes. What is queued is held in memory, or, where there is
a state, in windows: of each host the pages that come next are in memory and the
others in the state, from which they are asked for in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from math import inf
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._errors import FetchError, StateError
from .._lease import (
    Decision,
    Drained,
    Idle,
    Lease,
    Load,
    Lookup,
    Refuse,
    Start,
    Wanted,
    order_of,
    rank_of,
)
from .._model import Failure, Link, Parsed, Request
from .._policy.politeness import effective_delay
from .index import FingerprintSet, fingerprint
from .journal import Discovered, Ended, Journal, Passed
from .robots import RobotsDesk
from .schedule import Host, Schedule

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping, Sequence

    from .._lease import Redirect, Stored
    from .._model import Outcome, SkipReason
    from .._policy.scope import Scope
    from ..abc import Guard, Rules
    from .ledger import Ledger

ADDRESS_TTL: Final = 60.0
"""Seconds that the answer of a look-up is used for."""

LOOKUP_AGAIN: Final = 0.4
"""Seconds that a look-up's temporary failure is used for: less than the shortest back-off,
so that a retry asks again, and enough for all that is queued for the host to learn of it once."""

RECENT: Final = 50_000
"""Keys that are remembered as known, beside their fingerprints: a site's pages repeat their links."""

WINDOWS: Final = 100_000
"""Pages that all windows together hold, about; 300 bytes each."""

_WINDOW: Final = range(4, 513)
"""What the window of one host may hold: a hop to the database brings many, and no host takes all."""

_FIRST: Final = -(1 << 120)
"""An order before any."""

_AT_ONCE: Final = 64
"""Hosts that one hop to the database asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the frontier keeps to; the keywords of ``crawl()`` of the same names."""

    per_host: int
    per_address: int
    delay: float
    max_depth: int | None
    max_pages: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """What a state knows of a crawl that it goes on with.

    Args:
        known: fingerprints of what was discovered.
        passed: by reason, fingerprints of links that are not followed.
        seeds: URLs that widened the scope.
        stored: by host, how many pages wait in the state.
        next_id: the number of the next discovery.
    """

    known: FingerprintSet
    passed: Mapping[SkipReason, FingerprintSet]
    seeds: Iterable[str]
    stored: Mapping[str, int]
    next_id: int


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
        journal: takes down what a state has to know; None if there is no state.
    """

    def __init__(  # noqa: PLR0913 - the parts of a frontier
        self,
        scope: Scope,
        limits: Limits,
        ledger: Ledger,
        *,
        guard: Guard | None,
        robots: bool,
        journal: Journal | None = None,
    ) -> None:
        self._scope = scope
        self._limits = limits
        self._ledger = ledger
        self._guard = guard
        self._schedule = Schedule(
            per_host=limits.per_host, per_address=limits.per_address, delay=limits.delay
        )
        self._robots = RobotsDesk() if robots else None
        self._journal = journal
        self._recent: set[str] = set()
        self._known = FingerprintSet()
        self._passed: dict[SkipReason, FingerprintSet] = {
            "scope": FingerprintSet(),
            "max_depth": FingerprintSet(),
        }
        self._next_id = 1
        self._leases = count(1)
        self._pages = 0
        # Hosts whose next pages are to be loaded, in the order in which that was found out.
        self._hungry: dict[str, Host] = {}
        self._loading = False
        self._seeds_to_come = True
        self._stopping = False
        self._rest_skipped = False
        self.queued = 0
        self.lent = 0

    def resume(self, resumed: Resumed) -> None:
        """Go on where an earlier crawl ended; to be called before anything else, with the books set."""
        self._known = resumed.known
        self._passed.update(resumed.passed)
        self._next_id = resumed.next_id
        self._pages = self._ledger.pages
        for url in resumed.seeds:
            self._scope.add_seed(url)
        for name, stored in resumed.stored.items():
            host = self._schedule.host(name)
            host.stored = stored
            self.queued += stored
            self._hungry[name] = host

    # What comes in

    def add_seed(self, request: Request, now: float) -> bool:
        """Add a seed, which is in scope by being one; return whether it is new."""
        self._widen(request.url)
        key = _key_of(request)
        mark = fingerprint(key)
        if mark in self._known:
            return False
        self._take_back(mark)
        self._admit(request, mark, depth=0, parent=None, now=now)
        return True

    def _widen(self, url: str) -> None:
        if self._scope.add_seed(url) and self._journal is not None:
            self._journal.changes.seeds.append(url)

    def add_bad_seed(self, text: str) -> bool:
        """Count a seed that is no URL as skipped; return whether it is new."""
        mark = fingerprint(text)
        if not self._known.add(mark):
            return False
        self._ledger.discovered += 1
        self._ledger.skip("bad_seed", text)
        number, self._next_id = self._next_id, self._next_id + 1
        if self._journal is not None:
            changes = self._journal.changes
            changes.fingerprints.append(mark)
            changes.discovered.append(Discovered(number, "", 0, text, None, None))
            changes.skipped.append(Ended(number, "", "bad_seed"))
        return True

    def seeds_exhausted(self) -> None:
        """Note that no further seed will come, but for what is added by hand."""
        self._seeds_to_come = False

    def add_found(self, found: Iterable[Link | Request], parent: Lease, now: float) -> None:
        """Add what the page of *parent* leads to, as far as scope and limits allow."""
        depth = parent.depth + 1
        for item in found:
            key = item.url if isinstance(item, Link) else _key_of(item)
            if key in self._recent:
                continue
            mark = fingerprint(key)
            if mark in self._known:
                self._remember(key)
            elif self._follows(item, mark, depth, parent):
                request = None if isinstance(item, Link) else item
                self._admit(request or Request(key), mark, depth=depth, parent=parent, now=now)
                self._remember(key)

    def _remember(self, key: str) -> None:
        if len(self._recent) >= RECENT:
            self._recent.clear()
        self._recent.add(key)

    def _follows(self, item: Link | Request, mark: int, depth: int, parent: Lease) -> bool:
        """Return whether *item* is to be followed; count it as skipped if not."""
        link = item if isinstance(item, Link) else Link(url=item.url)
        reason = self._objection(link, depth)
        if reason is not None and mark in self._passed[reason]:
            return False
        self._take_back(mark)
        if reason is None:
            return True
        self._passed[reason].add(mark)
        self._ledger.discovered += 1
        self._ledger.skip(reason, link.url)
        if self._journal is not None:
            request = None if isinstance(item, Link) else item
            self._journal.changes.passed.append(Passed(mark, link.url, depth, reason, request, parent.id))
        return False

    def _objection(self, link: Link, depth: int) -> SkipReason | None:
        if not self._scope.allows(link):
            return "scope"
        max_depth = self._limits.max_depth
        return "max_depth" if max_depth is not None and depth > max_depth else None

    def _take_back(self, mark: int) -> None:
        """Undo the skip of a link that is judged anew, if there is one."""
        for reason, marks in self._passed.items():
            if marks.discard(mark):
                self._ledger.unskip(reason)
                self._ledger.discovered -= 1
                if self._journal is not None:
                    self._journal.changes.taken_back.append(mark)

    def _admit(self, request: Request, mark: int, *, depth: int, parent: Lease | None, now: float) -> None:
        self._known.add(mark)
        self._ledger.discovered += 1
        number, self._next_id = self._next_id, self._next_id + 1
        rank = rank_of(request.priority, depth)
        order = order_of(rank, number)
        name = _urls.host(request.url)
        host = self._schedule.host(name)
        plain = request == Request(request.url)
        self.queued += 1
        fits = self._journal is None or self._fits(host, order)
        if self._journal is not None:
            changes = self._journal.changes
            changes.fingerprints.append(mark)
            changes.discovered.append(
                Discovered(
                    number,
                    name,
                    rank,
                    request.url,
                    None if plain else request,
                    None if parent is None else parent.id,
                )
            )
            if not fits:
                changes.spilled[name] += 1
                host.spill(order)
        if fits:
            referrer = None if parent is None else parent.request.url
            self._schedule.add(host, (order, request.url, referrer, None if plain else request), now)

    def _push(self, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        if lease.robots_of is None:
            self.queued += 1
        self._schedule.push(self._host(lease.url), lease, now, not_before=not_before)

    def _host(self, url: str) -> Host:
        return self._schedule.host(_urls.host(url))

    # What waits in the state

    def _window(self) -> int:
        share = WINDOWS // max(len(self._schedule.hosts), 1)
        return min(max(share, _WINDOW.start), _WINDOW.stop - 1)

    def _fits(self, host: Host, order: int) -> bool:
        """Return whether a new page belongs into the window of *host*."""
        if order < host.bound:
            return True
        if host.stored or len(host.pages) >= self._window():
            return False
        host.bound = order
        return True

    def _feed(self, host: Host) -> None:
        """Ask for the next pages of *host* if its window runs low."""
        if host.stored and not host.loading and not host.unsaved and len(host.pages) <= self._window() // 4:
            self._hungry[host.name] = host

    def _load(self) -> Load | None:
        if self._loading or not self._hungry:
            return None
        hosts = [self._hungry.pop(name) for name in list(islice(self._hungry, _AT_ONCE))]
        self._loading = True
        most = self._window()
        for host in hosts:
            host.loading = True
        return Load(tuple(Wanted(host.name, _after(host), most) for host in hosts))

    def loaded(self, pages: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Take the answer of a `Load`: by host, the pages that were wanted."""
        self._loading = False
        if self._rest_skipped:
            return
        for name, found in pages.items():
            host = self._schedule.host(name)
            host.loading = False
            if not found and host.stored and not host.unsaved:
                raise StateError(
                    f"the state lacks {host.stored} pages of {name}: it was changed from outside"
                )
            # What was not committed yet may have to go before some of what was read.
            next_ones = [page for page in found if page.order < host.lowest_unsaved]
            host.stored -= len(next_ones)
            if next_ones:
                host.bound = next_ones[-1].order
            for page in next_ones:
                self._schedule.add(host, page, now)
            self._feed(host)

    def committed(self, spilled: Counter[str]) -> None:
        """Note that pages which are not held in memory can be loaded now; by host, how many."""
        for name, number in spilled.items():
            host = self._schedule.host(name)
            host.saved(number)
            self._feed(host)

    # What goes out

    def take(self, now: float) -> Decision:
        """Return what to do next.

        After `Start` the lease comes back by `hop_ended`, and then, as after
        `Refuse`, by one of `retry`, `redirect` and `finish`, or by `robots_known`.
        """
        while True:
            if self._stopping or self._full():
                return self._winding_down()
            load = self._load()
            if load is not None:
                return load
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
            self._skip_rest()
            self._stopping = True
        return Drained()

    def _skip_rest(self) -> None:
        """Skip every page that is queued, in memory or not."""
        self._rest_skipped = True
        if self._journal is not None and self.queued:
            self._journal.changes.skip_rest = "max_pages"
        for host in self._schedule.hosts.values():
            host.clear()
        self._ledger.skip("max_pages", f"{self.queued} pages", number=self.queued)
        self.queued = 0

    def _consider(self, host: Host, now: float) -> Decision | None:  # noqa: PLR0911 - one for each answer
        """Return what the host's turn is good for; None if its head went away without a hop."""
        lease = host.lease()
        if self._guard is not None:
            if host.fresh_until <= now:
                host.looking_up = True
                self._schedule.settle(host, now)
                return Lookup(host.name)
            error = self._door(host, lease, self._guard)
            if error is not None:
                return self._refuse(host, error, now)
        max_depth = self._limits.max_depth
        if max_depth is not None and lease.depth > max_depth:  # of a state whose limit was higher
            self._skip(host, "max_depth", now)
            return None
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
        lease = host.lease()
        host.pop()
        self._feed(host)
        if lease.robots_of is None:
            self.queued -= 1
            self.lent += 1
        lease.number = next(self._leases)
        lease.attempts += 1
        self._schedule.settle(host, now)
        return Refuse(lease, error)

    def _skip(self, host: Host, reason: SkipReason, now: float) -> None:
        lease = host.lease()
        host.pop()
        self._feed(host)
        self.queued -= 1
        self._end_skipped(lease, reason)
        self._schedule.settle(host, now)

    def _end_skipped(self, lease: Lease, reason: SkipReason, *, detail: str = "") -> None:
        self._ledger.skip(reason, lease.url, detail=detail)
        if self._journal is not None:
            self._journal.changes.skipped.append(Ended(lease.id, _urls.host(lease.request.url), reason))

    def _ask_for_robots(self, host: Host, lease: Lease, now: float) -> None:
        """Put the robots.txt of the lease's origin before the pages of its host, which wait for it."""
        assert self._robots is not None  # noqa: S101 - the caller looked
        host.robots_pending += 1
        host.push(self._robots.ask(lease))
        self._schedule.settle(host, now)

    def _start(self, host: Host, lease: Lease, now: float) -> Start | None:
        if not self._schedule.start(host, lease, now):
            return None
        self._feed(host)
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
            self._end_skipped(lease, reason, detail=f"redirected to {target.url}")
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
        mark = fingerprint(key)
        # A form that leads back to its own URL, now by GET, comes to itself.
        if mark in self._known and key != lease.key:
            return "known_target"
        if lease.seed:
            self._widen(target.url)
        elif not self._scope.allows(Link(url=target.url)):
            return "scope"
        # A skip before, as a link, stays in the books; but it is fetched now, and not again. A state
        # learns of it when the page is done: until then a crash leaves the page to be asked for.
        self._known.add(mark)
        lease.aliases += (mark,)
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

    def finish(self, lease: Lease, outcome: Outcome, rows: tuple[int, ...] = ()) -> None:
        """Let go of *lease*: it came to *outcome*, of which each output has so many *rows*."""
        self.lent -= 1
        self._pages += isinstance(outcome, Parsed)
        if self._journal is None:
            return
        changes = self._journal.changes
        changes.fingerprints.extend(lease.aliases)
        host = _urls.host(lease.request.url)
        match outcome:
            case Parsed(page=page):
                moment = page.fetched_at.timestamp()
                changes.pages.append(Ended(lease.id, host, page.status, rows, moment))
            case Failure():
                changes.failed.append(Ended(lease.id, host, outcome.kind, rows))

    # What may be asked at any time

    def stop(self) -> None:
        """Start nothing more; what is queued stays pending."""
        self._stopping = True


def _key_of(request: Request) -> str:
    return request.key or _urls.request_key(request.method, request.url, request.body)


def _after(host: Host) -> int:
    """Return the order after which the pages of *host* wait in the state."""
    return _FIRST if host.bound == -inf else int(host.bound)
