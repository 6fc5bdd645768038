"""What is done next: whose turn it is, and whether what it is for may be asked for at all."""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final, final

from .. import _urls
from .._errors import FetchError
from .._lease import Drained, Gone, Idle, Lease, Lookup, Refuse, Start
from .._policy.duplicates import PROBE_AFTER, probe_url
from .._policy.pace import in_words
from .._policy.politeness import effective_delay
from .doors import Doors
from .host import Host
from .journal import OF_FAILURE

if TYPE_CHECKING:
    from .._lease import Decision
    from .._model import SkipReason
    from ..abc import Guard, Rules
    from .endings import Endings
    from .ledger import Ledger
    from .limits import Limits
    from .manners import Manners
    from .queues import Queues
    from .robots import Verdict
    from .trapwatch import TrapWatch


AT_ONCE: Final = 256
"""Pages that are let go of in one go, in some milliseconds."""


class LostError(FetchError):
    """Another visit of a page can't be made, for the time being: it stays what it was."""

    temporary = False

    def __init__(self, message: str) -> None:
        super().__init__("connect", message)


@final
class Choice:
    """Answers "what next?".

    Args:
        limits: turns and limits.
        queues: what is there to choose from.
        endings: where skips are entered.
        ledger: the books.
        guard: the judge of addresses; None if no name has to be looked up.
        manners: what is known of robots.txt, and of how hosts were treated.
        watch: says which pages are in a trap; None if nobody is to know.
    """

    def __init__(  # noqa: PLR0913 - what a page has to pass
        self,
        limits: Limits,
        queues: Queues,
        endings: Endings,
        ledger: Ledger,
        *,
        guard: Guard | None,
        manners: Manners,
        watch: TrapWatch | None = None,
    ) -> None:
        self._watch = watch
        self._limits = limits
        self._queues = queues
        self._schedule = queues.schedule
        self._windows = queues.windows
        self._endings = endings
        self._ledger = ledger
        self._doors = None if guard is None else Doors(guard)
        self._manners = manners
        self._robots = manners.robots
        self._leases = count(1)
        # Hosts that could not be reached, and why; what their first page is yet to be charged with.
        self._charges: deque[tuple[Host, int | None, FetchError | None]] = deque()
        self.pages = 0
        """Those that count towards ``max_pages``."""
        self.seeds_to_come = True
        self.stopping = False
        self.rest_skipped = False
        """Whether everything that was queued is skipped, because of ``max_pages``."""

    def next(self, now: float) -> Decision:
        """Return what to do next; see `MemoryFrontier.take`.

        Where many pages in a row are let go of, it says in between to come again at once.
        """
        for _ in range(AT_ONCE):
            if self.stopping or self._full():
                return self._winding_down()
            first = self._next_charge(now) or self._windows.load()
            if first is not None:
                return first
            host = self._schedule.next(now)
            if isinstance(host, Host):
                decision = self._consider(host, now)
                if decision is not None:
                    return decision
            elif self._queues.queued or self._queues.lent or self.seeds_to_come:
                return Idle(host)
            else:
                return Drained()
        return Idle(now)

    def may_start(self, now: float) -> bool:
        """Return whether `next` may answer with a hop, rather than with anything else."""
        return not self.stopping and not self._full() and isinstance(self._schedule.next(now), Host)

    def _full(self) -> bool:
        limit = self._limits.max_pages
        return limit is not None and self.pages + self._queues.lent >= limit

    def _winding_down(self) -> Decision:
        """Nothing more is started: because of ``max_pages``, or since the crawl is to stop."""
        if self._queues.lent:
            return Idle(None)
        if not self.stopping:
            self.rest_skipped = True
            named = list(self._queues.each()) if self._ledger.heard is not None else ()
            self._endings.rest_skipped(self._queues.clear(), named)
            self.stopping = True
        return Drained()

    def _consider(self, host: Host, now: float) -> Decision | None:
        """Return what the host's turn is good for; None if its head went away without a hop."""
        lease = host.lease()
        if lease.was is not None and self._objection(host, lease) in OF_FAILURE:
            return self._refuse(host, LostError("its host was given up"), now)
        if self._lets_go(host, lease, now):
            return _gone(lease)
        if self._doors is not None:
            met = host.meet()
            if met.fresh_until <= now:
                met.looking_up = True
                self._schedule.settle(host, now)
                return Lookup(host.name)
            error = self._doors.through(met, lease)
            if error is not None:
                return self._refuse(host, error, now)
        if self._robots is not None and lease.robots_of is None:
            verdict = self._robots.verdict(lease.url, now)
            if verdict != "allowed":
                return self._not_allowed(host, lease, verdict, now)
            delay = effective_delay(host.turns.delay, self._robots.crawl_delay(lease.url))
            host.turns.delay = max(host.turns.delay, delay)  # a host that was let go of is met again
        return self._start(host, lease, now)

    def _not_allowed(self, host: Host, lease: Lease, verdict: Verdict, now: float) -> Decision | None:
        """Let go of the head of *host* as its robots.txt says, or ask for that first."""
        assert self._robots is not None  # noqa: S101 - the caller looked
        assert verdict != "allowed"  # noqa: S101 - likewise
        if verdict is None:
            self._ask_for_robots(host, lease, now)
            return None
        if isinstance(verdict, FetchError):
            return self._refuse(host, verdict, now)
        if verdict == "robots_unreachable" and lease.was is not None:
            return self._refuse(host, LostError("its robots.txt could not be had"), now)
        self._robots.skipped(lease.url)
        self._skip(host, verdict, now)
        return _gone(lease)

    def _lets_go(self, host: Host, lease: Lease, now: float) -> bool:
        """Let go of the head of *host*, if nobody is to be asked for it; return whether that is so."""
        if lease.probe:
            if self._may_probe(host, lease, now):
                return False
            self._queues.remove(host, now)
            self._schedule.settle(host, now)
            return True
        if host.name in self._queues.cancelled:
            self._pass_over(host, lease, now)
            return True
        if lease.robots_of is not None and host.given_up:
            host.pop()
            self.robots_known(lease, None, now, temporary=True)
            self._schedule.settle(host, now)
            return True
        reason = self._objection(host, lease)
        if reason == "robots_unreachable":
            assert self._robots is not None  # noqa: S101 - who says so
            self._robots.skipped(lease.url)
        if reason is not None:
            self._skip(host, reason, now)
        return reason is not None

    def _objection(self, host: Host, lease: Lease) -> SkipReason | None:
        """Return why a page that was queued is not asked for after all, None if it is."""
        if not lease.is_page:
            return None
        if host.given_up:
            silent = self._robots is not None and self._robots.unreachable(lease.url)
            return "robots_unreachable" if silent else "host_given_up"
        if not lease.attempts and not lease.chain:
            most = self._limits.max_per_host
            if most is not None and host.meet().asked >= most:
                return "max_per_host"
            if self._watch is not None and self._watch.holds(lease):
                return "trap_pattern"
        max_depth = self._limits.max_depth
        # A state may be of a crawl whose limit was higher.
        return "max_depth" if max_depth is not None and lease.depth > max_depth else None

    def answered(self, host: Host, lease: Lease, now: float) -> None:
        """Take note that *host* gave the page of *lease*; once, ask it for a URL that can't exist."""
        if not lease.is_page or lease.is_list:
            return
        met = host.meet()
        met.good += 1
        if met.good == PROBE_AFTER:
            probe = Lease.new(lease.order, probe_url(lease.url), None, None)
            probe.probe = True
            self._schedule.push(host, probe, now)

    def _may_probe(self, host: Host, probe: Lease, now: float) -> bool:
        """Return whether a URL that can't exist is worth its turn, and allowed."""
        others = len(host.pages) > 1 or host.stored
        if not others or host.name in self._queues.cancelled or host.given_up:
            return False
        if self._robots is not None and self._robots.verdict(probe.url, now) != "allowed":
            return False
        met = host.meet()
        if self._doors is None or met.fresh_until <= now:
            return True
        return self._doors.through(met, probe) is None

    def _pass_over(self, host: Host, lease: Lease, now: float) -> None:
        """Let go of the head of a cancelled host."""
        if lease.robots_of is None:
            self._skip(host, "cancelled_host", now)
        else:
            host.pop()
            self.drop_robots(lease, now)
            self._schedule.settle(host, now)

    def _refuse(self, host: Host, error: FetchError, now: float) -> Refuse:
        lease = host.lease()
        host.pop()
        self._lend(host, lease, now)
        self._schedule.settle(host, now)
        return Refuse(lease, error)

    def _skip(self, host: Host, reason: SkipReason, now: float) -> None:
        lease = host.lease()
        self._queues.remove(host, now)
        self._endings.skipped(lease, reason)
        self._schedule.settle(host, now)

    def _ask_for_robots(self, host: Host, lease: Lease, now: float) -> None:
        """Put the robots.txt of the lease's origin before the pages of its host, which wait for it."""
        assert self._robots is not None  # noqa: S101 - the caller looked
        host.meet().robots_pending += 1
        host.push(self._robots.ask(lease))
        self._schedule.settle(host, now)

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
        """Take what came of a robots.txt; see `MemoryFrontier.robots_known`."""
        assert self._robots is not None  # noqa: S101 - who has such a lease has a desk
        assert lease.robots_of is not None  # noqa: S101
        host = self._schedule.host(_urls.host(lease.robots_of + "/"))
        host.meet().robots_pending -= 1
        if temporary and self._queues.host(lease) is not host:
            # It redirects to another host, which has been told of its own failure.
            self._manners.unreachable(host, now, "its robots.txt could not be had", of_robots=True)
        again = host.turns.not_before if temporary else None
        crawl_delay = self._robots.answer(
            lease.robots_of, verdict, now, status=status, size=size, again=again
        )
        host.turns.delay = effective_delay(host.turns.delay, crawl_delay)
        if temporary:
            self._ledger.retries += 1
            if lease.charged:
                error = verdict if isinstance(verdict, FetchError) else None
                self._charges.append((host, lease.order, error))
        self._schedule.settle(host, now)

    def unreachable(self, host: Host, error: FetchError, now: float) -> None:
        """Take note that *host* has no address for now: it rests, and its first page is charged with it."""
        self._manners.unreachable(host, now, in_words(error), of_robots=False)
        self._charges.append((host, None, error))

    def _next_charge(self, now: float) -> Refuse | Gone | None:
        """Charge what is to be charged; return the first page that this ends, or that goes back by it."""
        while self._charges:
            decision = self._charge(*self._charges.popleft(), now)
            if decision is not None:
                return decision
        return None

    def _charge(
        self, host: Host, order: int | None, error: FetchError | None, now: float
    ) -> Refuse | Gone | None:
        """Charge the first page of a host that can't be reached with an attempt.

        Args:
            host: the host.
            order: of the page whose robots.txt it was that could not be had; another is not charged.
            error: why; None if its server failed to give the robots.txt.
            now: the present moment.
        """
        queue = host.queue()
        if queue is None or (order is not None and queue[0][0] != order):
            return None
        if host.given_up or host.name in self._queues.cancelled:
            return None  # then all of them are skipped
        lease = host.take_page()
        assert lease is not None  # noqa: S101 - there is one
        if lease.is_page and error is not None:
            self._lend(host, lease, now)
            self._schedule.settle(host, now)
            return Refuse(lease, error)
        self._queues.begun(host, lease)
        lease.attempts += lease.is_page
        if lease.attempts <= self._limits.retries:
            if not host.park(lease, now):
                host.push(lease)
            self._schedule.settle(host, now)
            return None
        if lease.was is not None:
            self._lend(host, lease, now)
            self._schedule.settle(host, now)
            return Refuse(lease, LostError("its robots.txt could not be had"))
        assert self._robots is not None  # noqa: S101 - who says so
        self._robots.skipped(lease.url)
        self._queues.let_go(host, lease, now)
        self._endings.skipped(lease, "robots_unreachable")
        self._schedule.settle(host, now)
        return _gone(lease)

    def sitemaps(self, url: str) -> tuple[str, ...]:
        """Return the sitemaps that the robots.txt of the origin of *url* names, if that was read."""
        return () if self._robots is None else self._robots.sitemaps(url)

    def drop_robots(self, lease: Lease, now: float) -> None:
        """Let go of a robots.txt that a cancelled host was asked for."""
        assert lease.robots_of is not None  # noqa: S101 - the caller looked
        host = self._schedule.host(_urls.host(lease.robots_of + "/"))
        if host.name not in self._queues.cancelled:
            self.robots_known(lease, None, now)
            return
        # Its pages are skipped before it matters; nothing is known, and nothing to be kept.
        host.meet().robots_pending -= 1
        self._schedule.settle(host, now)

    def _start(self, host: Host, lease: Lease, now: float) -> Start | None:
        if not self._schedule.start(host, lease, now):
            return None
        if lease.is_page and not lease.is_list and not lease.attempts and not lease.chain:
            met = host.meet()
            met.asked += 1
            met.asked_matters = self._limits.max_per_host is not None
        self._manners.note(host)
        self._lend(host, lease, now)
        lease.started = now
        self._ledger.requests += 1
        return Start(lease)

    def _lend(self, host: Host, lease: Lease, now: float) -> None:
        self._queues.lend(host, lease, now)
        lease.number = next(self._leases)
        lease.attempts += 1


def _gone(lease: Lease) -> Gone | None:
    """Return that *lease* was let go of; None where nobody need know, as for nearly all."""
    return Gone(lease) if lease.exchanges else None
