"""The frontier: what was discovered, what is queued, what may be asked for now.

Pure: it is told the time, and never waits. Of what was discovered it keeps a
fingerprint of eight bytes. What is queued is held in memory, or, where there is
a state, in windows: of each host the pages that come next are in memory and the
others in the state, from which they are asked for in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._errors import FetchError
from .._lease import (
    Decision,
    Drained,
    Idle,
    Lease,
    Lookup,
    Refuse,
    Start,
)
from .._model import Failure, Link, Parsed, Request
from .._policy.health import is_failure
from .._policy.pace import is_trouble
from .._policy.politeness import effective_delay
from .conduct import MOST_HOSTS, report_of
from .discovery import Discoveries
from .journal import Ended, Journal
from .robots import RobotsDesk
from .schedule import Host, Schedule, Waiting
from .watch import Watchers
from .windows import Windows

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._conduct import HostReport
    from .._lease import Redirect, Stored
    from .._model import Outcome, Response, SkipReason
    from .._policy.scope import Scope
    from ..abc import Guard, Rules
    from .index import FingerprintSet
    from .ledger import Ledger
    from .watch import HostRecord, RobotsRecord

ADDRESS_TTL: Final = 60.0
"""Seconds that the answer of a look-up is used for."""

LOOKUP_AGAIN: Final = 0.4
"""Seconds that a look-up's temporary failure is used for: less than the shortest back-off,
so that a retry asks again, and enough for all that is queued for the host to learn of it once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the frontier keeps to; the keywords of ``crawl()`` of the same names."""

    per_host: int
    per_address: int
    delay: float
    per_address_delay: bool = False
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
        hosts: those that are to be waited for, or have failed.
        robots: robots.txt files that may be known for long enough yet.
        cookies: by registrable domain, as `CookieJar.tell` told them.
        killed: whether the last run was ended without a word, so that nobody knows what
            it asked for at last.
    """

    known: FingerprintSet
    passed: Mapping[SkipReason, FingerprintSet]
    seeds: Iterable[str]
    stored: Mapping[str, int]
    next_id: int
    hosts: Sequence[HostRecord] = ()
    robots: Sequence[RobotsRecord] = ()
    cookies: Sequence[str] = ()
    killed: bool = False


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
        product: the crawler's product token.
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
        product: str = "",
    ) -> None:
        self._limits = limits
        self._ledger = ledger
        self._guard = guard
        self._schedule = Schedule(
            per_host=limits.per_host,
            per_address=limits.per_address,
            delay=limits.delay,
            per_address_delay=limits.per_address_delay,
        )
        self._robots = RobotsDesk(product) if robots else None
        self._watchers = Watchers()
        self._journal = journal
        if journal is not None:
            journal.sources.append(self._watchers)
            if self._robots is not None:
                journal.sources.append(self._robots)
        self._discoveries = Discoveries(scope, limits.max_depth, ledger, journal, robots=robots)
        self._windows = Windows(self._schedule)
        self._leases = count(1)
        self._pages = 0
        self._seeds_to_come = True
        self._stopping = False
        self._rest_skipped = False
        self._cancelled: set[str] = set()
        self.queued = 0
        self.lent = 0

    def begin(self, epoch: float) -> None:
        """Take note of the wall clock's time, in seconds since 1970, when trio's clock showed 0."""
        self._watchers.epoch = epoch
        if self._robots is not None:
            self._robots.epoch = epoch

    def resume(self, resumed: Resumed, now: float) -> None:
        """Go on where an earlier crawl ended; to be called after `begin`, with the books set."""
        self._discoveries.resume(resumed.known, resumed.passed, resumed.seeds, resumed.next_id)
        self._windows.resume(resumed.stored)
        for record in resumed.hosts:
            self._watchers.resume(self._schedule.host(record.host), record, now)
        if resumed.killed:
            self._watchers.resume_blindly(map(self._schedule.host, resumed.stored), now)
        for known in resumed.robots:
            if self._robots is not None and self._robots.resume(known, now) and known.crawl_delay:
                host = self._schedule.host(known.host)
                host.turns.delay = effective_delay(host.turns.delay, known.crawl_delay)
        self._pages = self._ledger.pages
        self.queued = sum(resumed.stored.values())

    # What comes in

    def add_seed(self, request: Request, now: float) -> bool:
        """Add a seed, which is in scope by being one; return whether it is new."""
        waiting = self._discoveries.seed(request)
        if waiting is not None:
            self._queue(waiting, now)
        return waiting is not None

    def add_bad_seed(self, text: str) -> bool:
        """Count a seed that is no URL as skipped; return whether it is new."""
        return self._discoveries.bad_seed(text)

    def seeds_exhausted(self) -> None:
        """Note that no further seed will come, but for what is added by hand."""
        self._seeds_to_come = False

    def add_found(self, found: Iterable[Link | Request], parent: Lease, now: float) -> None:
        """Add what the page of *parent* leads to, as far as scope and limits allow."""
        for waiting in self._discoveries.links(found, parent):
            self._queue(waiting, now)

    def _queue(self, waiting: Waiting, now: float) -> None:
        """Queue a page for the first time."""
        self.queued += 1
        host = self._host(waiting[1])
        if self._journal is None or self._windows.takes(host, waiting[0]):
            self._schedule.add(host, waiting, now)
        else:
            self._journal.changes.spilled[host.name] += 1

    def _push(self, lease: Lease, now: float, *, not_before: float = -inf) -> None:
        if lease.robots_of is None:
            self.queued += 1
        if _urls.host(lease.url) in self._cancelled:
            not_before = -inf  # it is only skipped
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
            load = self._windows.load()
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
        if host.name in self._cancelled:
            self._pass_over(host, lease, now)
            return None
        reason = self._objection(host, lease)
        if reason is not None:
            self._skip(host, reason, now)
            return None
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
                self._robots.skipped(lease.url)
                self._skip(host, verdict, now)
                return None
        return self._start(host, lease, now)

    def _objection(self, host: Host, lease: Lease) -> SkipReason | None:
        """Return why a page that was queued is not asked for after all, None if it is."""
        if lease.robots_of is not None:
            return None
        if host.health.given_up:
            return "host_given_up"
        max_depth = self._limits.max_depth
        # A state may be of a crawl whose limit was higher.
        return "max_depth" if max_depth is not None and lease.depth > max_depth else None

    def _pass_over(self, host: Host, lease: Lease, now: float) -> None:
        """Let go of the head of a cancelled host."""
        if lease.robots_of is None:
            self._skip(host, "cancelled_host", now)
        else:
            host.pop()
            self._drop_robots(lease, now)
            self._schedule.settle(host, now)

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
        self._windows.feed(host)
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
        self._windows.feed(host)
        self.queued -= 1
        self._end_skipped(lease, reason)
        self._schedule.settle(host, now)

    def _end_skipped(self, lease: Lease, reason: SkipReason, *, detail: str = "") -> None:
        self._ledger.skip(reason, lease.url, detail=detail)
        if self._journal is not None:
            changes = self._journal.changes
            ended = Ended(lease.id, _urls.host(lease.request.url), reason)
            if reason == "host_given_up":  # it may be asked for again, as a failure may
                ended = ended._replace(aliases=lease.aliases)
            else:
                changes.fingerprints.extend(lease.aliases)
            changes.skipped.append(ended)

    def _ask_for_robots(self, host: Host, lease: Lease, now: float) -> None:
        """Put the robots.txt of the lease's origin before the pages of its host, which wait for it."""
        assert self._robots is not None  # noqa: S101 - the caller looked
        host.robots_pending += 1
        host.push(self._robots.ask(lease))
        self._schedule.settle(host, now)

    def _start(self, host: Host, lease: Lease, now: float) -> Start | None:
        if not self._schedule.start(host, lease, now):
            return None
        self._note(host)
        self._windows.feed(host)
        if lease.robots_of is None:
            self.queued -= 1
            self.lent += 1
        lease.number = next(self._leases)
        lease.attempts += 1
        lease.started = now
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

    def _note(self, host: Host) -> None:
        """Let the state be told of *host* with the next commit."""
        if self._journal is not None:
            self._watchers.changed(host)

    def hop_ended(self, lease: Lease, now: float, result: Response | FetchError | None) -> None:
        """Give the turns back that a started *lease* took; the lease itself stays out.

        How the hop ended says how fast its host may be asked from now on, and whether at all. None
        says that it was dropped.
        """
        host = self._host(lease.url)
        self._note(host)
        if result is not None:
            self._learn(host, lease, now, result)
        self._schedule.finish(host, lease, now)

    @staticmethod
    def _learn(host: Host, lease: Lease, now: float, result: Response | FetchError) -> None:
        host.turns.pace.learn(
            host.turns.delay,
            latency=now - lease.started if isinstance(result, FetchError) else result.elapsed,
            trouble=is_trouble(result),
            started=lease.started,
            now=now,
        )
        rest = host.health.learn(failed=is_failure(result), started=lease.started, now=now)
        if rest:
            host.turns.pause_until(now + rest)

    def slow_down(self, lease: Lease, until: float, now: float) -> None:
        """Let the lease's host rest until a moment that it asked for."""
        host = self._host(lease.url)
        if host.name in self._cancelled:
            return
        host.turns.pause_until(until)
        self._note(host)
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
        self._back(lease, now, not_before=now + target.wait)
        return None

    def _judge_target(self, lease: Lease, target: Redirect) -> SkipReason | None:
        body = lease.body if target.keep_body else None
        key = _urls.request_key(target.method, target.url, body)
        # A form that leads back to its own URL, now by GET, comes to itself.
        # A chain that comes back to one of its own URLs, now with cookies, takes nobody else's place.
        own = key == lease.key or (
            target.method == lease.request.method and target.url in (*lease.chain, lease.url)
        )
        return self._discoveries.target(lease, target.url, key, own=own)

    def robots_known(
        self,
        lease: Lease,
        verdict: Rules | FetchError | None,
        now: float,
        *,
        status: int | None = None,
        size: int = 0,
    ) -> None:
        """Take what came of a robots.txt: its rules; why its host can't be reached; None: disallow all."""
        assert self._robots is not None  # noqa: S101 - who has such a lease has a desk
        assert lease.robots_of is not None  # noqa: S101
        crawl_delay = self._robots.answer(lease.robots_of, verdict, now, status=status, size=size)
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
        host = _urls.host(lease.request.url)
        match outcome:
            case Parsed(page=page):
                changes.fingerprints.extend(lease.aliases)
                moment = page.fetched_at.timestamp()
                changes.pages.append(Ended(lease.id, host, page.status, rows, moment))
            case Failure():
                changes.failed.append(Ended(lease.id, host, outcome.kind, rows, aliases=lease.aliases))

    def waits(self, now: float) -> Iterator[tuple[str, str, float | None, int]]:
        """Yield of each host with pages: its name, why it waits, for how many seconds more, and the pages."""
        return self._schedule.waits(now)

    def cancel_host(self, name: str, now: float) -> None:
        """Skip the pages of a host, those that wait and those that will be found; see `drop`."""
        self._cancelled.add(name)
        self._schedule.release(self._schedule.host(name), now)

    def drop(self, lease: Lease, now: float) -> None:
        """Let go of *lease*, whose hop was cancelled with its host."""
        if lease.robots_of is None:
            self.lent -= 1
            self._end_skipped(lease, "cancelled_host")
        else:
            self._drop_robots(lease, now)

    def _drop_robots(self, lease: Lease, now: float) -> None:
        """Let go of a robots.txt on a cancelled host; its own pages are skipped before it matters."""
        assert lease.robots_of is not None  # noqa: S101 - the caller looked
        host = self._host(lease.robots_of + "/")
        if host.name in self._cancelled:
            host.robots_pending -= 1
            self._schedule.settle(host, now)
        else:
            self.robots_known(lease, None, now)

    def conduct(self) -> tuple[HostReport, ...]:
        """Return how hosts were treated in this run, for a report: some of them."""
        known: dict[str, list[RobotsRecord]] = {}
        for record in () if self._robots is None else self._robots.records():
            known.setdefault(record.host, []).append(record)
        return tuple(
            report_of(record, known.get(record.host, ()))
            for record in self._watchers.worst(self._schedule.hosts, MOST_HOSTS)
        )

    # What a state says

    def loaded(self, pages: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Take the answer of a `Load`: by host, the pages that were wanted."""
        if not self._rest_skipped:
            self._windows.loaded(pages, now)

    def committed(self, spilled: Counter[str]) -> None:
        """Note that pages which are not held in memory can be loaded now; by host, how many."""
        self._windows.committed(spilled)

    # What may be asked at any time

    def stop(self) -> None:
        """Start nothing more; what is queued stays pending."""
        self._stopping = True
