"""The frontier: what was discovered, what is queued, what may be asked for now.

Pure: it is told the time, and never waits. Of what was discovered it keeps a
fingerprint of eight bytes. What is queued is held in memory, or, where there is
a state, in windows: of each host the pages that come next are in memory and the
others in the state, from which they are asked for in time.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._lease import Kept, ListRequest, Unchanged, list_key
from .._model import Parsed, Response
from .choice import Choice
from .discovery import Discoveries
from .doors import looked_up
from .endings import Endings
from .journal import Step
from .manners import Manners, tell_resting
from .queues import Queues
from .trapwatch import TrapWatch

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._errors import FetchError
    from .._lease import Decision, Lease, Redirect, Stored
    from .._model import Link, Outcome, Request, SkipReason
    from .._model.conduct import HostReport, HostSums
    from .._policy.scope import Scope
    from ..abc import Guard, Rules
    from .journal import Journal
    from .ledger import Ledger
    from .limits import Limits
    from .resumed import Resumed

_OK: Final = 200

_STEP: Final = 1_000
"""Hosts that are taken up in one go, in some milliseconds."""


def _in_steps(done: Iterable[None]) -> Iterator[None]:
    """Yield once for many things that are done."""
    for number, _ in enumerate(done):
        if number % _STEP == 0:
            yield


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
        self._ledger = ledger
        self._sitemaps = limits.sitemaps
        self._step = Step() if journal is None else journal.step
        self._watch = TrapWatch(journal) if limits.traps else None
        self._discoveries = Discoveries(
            scope, limits.max_depth, ledger, journal, robots=robots, watch=self._watch
        )
        self._endings = Endings(ledger, journal)
        self._queues = Queues(limits, journal)
        self._schedule = self._queues.schedule
        self._manners = Manners(robots=robots, product=product, journal=journal, paced=limits.paced)
        self._choice = Choice(
            limits,
            self._queues,
            self._endings,
            ledger,
            guard=guard,
            manners=self._manners,
            watch=self._watch,
        )

    def begin(self, epoch: float, since: float = -inf) -> None:
        """Take note of the wall clock's time, in seconds since 1970, when trio's clock showed 0.

        Again where the two have parted: it counts for moments *since* then.
        """
        self._manners.begin(epoch, since)

    def resume(self, resumed: Resumed, now: float) -> Iterator[None]:
        """Go on where an earlier crawl ended; to be called after `begin`, with the books set.

        It takes time for each host of the state; so it yields in between, for others to get their turn.
        """
        self._discoveries.resume(resumed.known, resumed.passed, resumed.seeds, resumed.next_id)
        yield from _in_steps(self._queues.windows.resume(resumed.stored))
        self._queues.queued = sum(resumed.stored.values())
        self._choice.pages = self._ledger.pages
        yield from _in_steps(self._count(resumed.asked))
        if self._watch is not None:
            self._watch.resume(resumed.families, resumed.words)
        yield from _in_steps(self._manners.resume(resumed, self._schedule, now))

    def _count(self, asked: Mapping[str, int]) -> Iterator[None]:
        for name, number in asked.items():
            self._schedule.host(name).meet().asked = number
            yield

    @property
    def queued(self) -> int:
        """Pages that wait for their turn."""
        return self._queues.queued

    @property
    def lent(self) -> int:
        """Pages that are being fetched or parsed."""
        return self._queues.lent

    # What comes in

    def add_seed(self, request: Request, now: float) -> bool:
        """Add a seed, which is in scope by being one; return whether it is new."""
        with self._step:
            waiting = self._discoveries.seed(request)
            if waiting is not None:
                self._queues.add(waiting, now)
        return waiting is not None

    def add_bad_seed(self, text: str) -> bool:
        """Count a seed that is no URL as skipped; return whether it is new."""
        with self._step:
            return self._discoveries.bad_seed(text)

    def wants_seeds(self, now: float) -> bool:
        """Return whether more seeds are to be read: too few are of hosts that can start."""
        return self._queues.seeds.room(now)

    def seeds_exhausted(self) -> None:
        """Note that no further seed will come, but for what is added by hand."""
        self._choice.seeds_to_come = False

    def leads(self, found: Iterable[Link | Request], parent: Lease) -> Sequence[Link | Request]:
        """Return all that the page of *parent* leads to, for `judge` and `add_found`."""
        self._discoveries.begin_judging()
        found = tuple(found)
        if self._sitemaps and parent.seed:
            origin = _urls.origin(parent.url)
            found += tuple(self._discoveries.lists.of_site(origin, self._choice.sitemaps(parent.url)))
        return found

    def judge(self, found: Iterable[Link | Request], parent: Lease) -> None:
        """Ask what the user gave whether what the page of *parent* leads to is in scope; change nothing."""
        self._discoveries.judge(found, parent)

    def add_found(self, found: Iterable[Link | Request], parent: Lease, now: float) -> None:
        """Add what `judge` returned, as far as scope and limits allow."""
        with self._step:
            for waiting in self._discoveries.links(found, parent):
                self._queues.add(waiting, now)

    # What goes out

    def may_start(self, now: float) -> bool:
        """Return whether `take` may answer with a hop at this moment."""
        return self._choice.may_start(now)

    def take(self, now: float) -> Decision:
        """Return what to do next.

        After `Start` the lease comes back by `hop_ended`, and then, as after
        `Refuse`, by one of `retry`, `redirect` and `finish`, or by `robots_known`.
        """
        with self._step:
            return self._choice.next(now)

    # What comes back

    def resolved(self, name: str, answer: tuple[str, ...] | FetchError, now: float) -> None:
        """Take the answer of a `Lookup`."""
        host = self._schedule.host(name)
        error = looked_up(host.meet(), answer, now)
        if error is not None:
            self._choice.unreachable(host, error, now)
        self._schedule.settle(host, now)

    def hop_ended(self, lease: Lease, now: float, result: Response | FetchError | None) -> None:
        """Give the turns back that a started *lease* took; the lease itself stays out.

        How the hop ended says how fast its host may be asked from now on, and whether at all. None
        says that it was dropped.
        """
        host = self._queues.host(lease)
        self._manners.hop_ended(host, lease, now, result)
        self._schedule.finish(host, lease, now)
        if not host.waiting and not host.turns.running:
            self._manners.rest(host, self._schedule)
            self._schedule.idle(host, now)
        if self._watch is not None and isinstance(result, Response) and result.status == _OK and result.body:
            self._choice.answered(host, lease, now)

    def slow_down(self, lease: Lease, until: float, now: float) -> None:
        """Let the lease's host rest until a moment that it asked for."""
        host = self._queues.host(lease)
        if host.name in self._queues.cancelled:
            return
        if until > max(host.turns.not_before, now):
            host.turns.pause_until(until)
            tell_resting(host, now)
        self._manners.note(host)
        self._schedule.settle(host, now)

    def retry(self, lease: Lease, not_before: float, now: float) -> None:
        """Queue *lease* again, for the moment *not_before* at the earliest."""
        self._ledger.retries += 1
        self._queues.back(lease, now, not_before=not_before, failed=lease.charged)

    def redirect(self, lease: Lease, target: Redirect, now: float) -> SkipReason | None:
        """Queue *lease* again where *target* says; return the reason if it ends there instead.

        A page that was visited before does not end with that: it is to be finished as `Kept`.
        """
        reason = None if lease.robots_of else self._judge_target(lease, target)
        if reason is not None:
            # One that was a page before stays it, and is to be finished as such.
            with self._step:
                if lease.was is not None:
                    return reason
                self._queues.lent -= 1
                self._endings.skipped(lease, reason, target=target.url)
            return reason
        self._ledger.redirects += 1
        lease.chain += (lease.url,)
        lease.url, lease.method, lease.attempts = target.url, target.method, 0
        if not target.keep_body:
            lease.body = None
        self._queues.back(lease, now, not_before=now + target.wait)
        return None

    def _judge_target(self, lease: Lease, target: Redirect) -> SkipReason | None:
        body = lease.body if target.keep_body else None
        if isinstance(lease.request, ListRequest):
            key = list_key(target.url)
        else:
            key = _urls.request_key(target.method, target.url, body)
        # A form that leads back to its own URL, now by GET, comes to itself.
        # A chain that comes back to one of its own URLs, now with cookies, takes nobody else's place.
        own = key == lease.key or (
            target.method == lease.request.method and target.url in (*lease.chain, lease.url)
        )
        return self._discoveries.target(lease, target.url, key, own=own)

    def robots_known(  # noqa: PLR0913 - what there is to say of it
        self,
        lease: Lease,
        verdict: Rules | FetchError | None,
        now: float,
        *,
        status: int | None = None,
        size: int = 0,
        temporary: bool = False,
    ) -> None:
        """Take what came of a robots.txt: its rules; why its host can't be reached; None: disallow all.

        What is *temporary* holds for no page: the host rests, and is asked again.
        """
        self._choice.robots_known(lease, verdict, now, status=status, size=size, temporary=temporary)

    def finish(self, lease: Lease, outcome: Outcome | Unchanged | Kept, rows: tuple[int, ...] = ()) -> None:
        """Let go of *lease*: it came to *outcome*, of which each output has so many *rows*."""
        with self._step:
            self._queues.lent -= 1
            self._choice.pages += isinstance(outcome, Parsed | Unchanged | Kept)
            # Another visit of a page says nothing of those that its family has yet to come.
            if self._watch is not None and isinstance(outcome, Parsed) and lease.visit == 1:
                self._watch.learn(lease.request.url, outcome.page.content, fruitful=lease.fruitful)
            self._endings.finished(lease, outcome, rows)

    def skip(self, lease: Lease, reason: SkipReason) -> None:
        """Let go of *lease*, a page that is not there to be asked for."""
        self._queues.lent -= 1
        self._endings.skipped(lease, reason)

    def list_ended(self, lease: Lease, reason: SkipReason | None, moment: float) -> None:
        """Let go of *lease*, a sitemap or feed that was read; a reason says that it was none."""
        with self._step:
            self._queues.lent -= 1
            if reason is None:
                self._endings.read(lease, moment)
            else:
                self._endings.skipped(lease, reason)

    def waits(self, now: float) -> Iterator[tuple[str, str, float | None, int]]:
        """Yield of each host with pages: its name, why it waits, for how many seconds more, and the pages."""
        return self._schedule.waits(now)

    def hold(self, host: str, held: bool, now: float) -> None:  # noqa: FBT001 - see `Frontier`
        """Ask for nothing more at *host* while it is *held*, as pages of it wait to be parsed."""
        place = self._schedule.host(host)
        place.meet().held = held and host not in self._queues.cancelled
        self._schedule.settle(place, now)

    @property
    def cancelled(self) -> Mapping[str, str]:
        """The hosts that were cancelled, with the reasons."""
        return self._queues.cancelled

    def cancel_host(self, name: str, reason: str, now: float) -> None:
        """Skip the pages of a host, those that wait and those that will be found; see `drop`."""
        with self._step:
            self._queues.cancelled[name] = reason
            self._endings.host_cancelled(name, reason)
            self._schedule.release(self._schedule.host(name), now)

    def drop(self, lease: Lease, now: float) -> None:
        """Let go of *lease*, whose hop was cancelled with its host."""
        if lease.is_page:
            with self._step:
                self._queues.lent -= 1
                self._endings.skipped(lease, "cancelled_host")
        elif lease.robots_of is not None:
            self._choice.drop_robots(lease, now)

    # What a state says

    def loaded(self, pages: Mapping[str, Sequence[Stored]], now: float) -> None:
        """Take the answer of a `Load`: by host, the pages that were wanted."""
        if not self._choice.rest_skipped:
            self._queues.windows.loaded(pages, now)

    def committed(self, spilled: Counter[str], ended: Iterable[int] = ()) -> None:
        """Note that pages which are not held in memory can be loaded now; by host, how many.

        The state knows by now what became of those that have *ended*, by number.
        """
        self._queues.windows.committed(spilled, ended)

    # What may be asked at any time

    def conduct(self) -> tuple[tuple[HostReport, ...], HostSums | None]:
        """Return how hosts were treated in this run, for a report: the busiest, and sums of the others."""
        return self._manners.conduct(self._schedule), self._manners.beyond

    def stop(self) -> None:
        """Start nothing more; what is queued stays pending."""
        self._choice.stopping = True
