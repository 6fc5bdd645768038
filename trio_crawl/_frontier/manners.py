"""What a frontier knows of how to treat hosts, and of how they were treated: robots.txt and watches."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, final

from .._callbacks import log
from .._errors import FetchError
from .._policy.health import is_failure, is_unreachable
from .._policy.pace import in_words, is_trouble
from .._policy.politeness import effective_delay
from .conduct import MOST_HOSTS, report_of
from .robots import RobotsDesk
from .watch import Watchers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._lease import Lease
    from .._model import Response
    from .._model.conduct import HostReport, HostSums
    from .host import Host
    from .journal import Changes, Journal
    from .resumed import Resumed
    from .schedule import Schedule
    from .watch import RobotsRecord


def tell_slowed(host: Host, before: float) -> None:
    """Log that *host* is asked more slowly than *before*, in seconds between two starts."""
    turns = host.turns
    message = "the host %s is slowed from %.2f to %.2f s between two requests, since %s"
    log.info(message, host.name, before, turns.delay_now, turns.trouble)


def tell_resting(host: Host, now: float) -> None:
    """Log that *host* is left alone."""
    turns = host.turns
    log.info("the host %s rests for %.1f s, since %s", host.name, turns.not_before - now, turns.trouble)


@final
class Manners:
    """Keeps both, tells a state of them, and takes up what a state knows.

    Args:
        robots: whether robots.txt is asked for, and kept to.
        product: the crawler's product token.
        journal: takes down what a state has to know; None if there is no state.
        paced: whether hosts mind how they are asked, and how they answer says anything about them.

    Attributes:
        robots: what is known of robots.txt; None if nobody asks.
        beyond: the sums of hosts that the report does not have one by one.
    """

    def __init__(self, *, robots: bool, product: str, journal: Journal | None, paced: bool = True) -> None:
        self.robots = RobotsDesk(product, kept=journal is not None) if robots else None
        self._watchers = Watchers()
        self.beyond: HostSums | None = None
        self._kept = journal is not None
        self._paced = paced
        if journal is not None:
            journal.sources.append(self)

    def begin(self, epoch: float, since: float = -inf) -> None:
        """Take note of the wall clock's time, in seconds since 1970, when trio's clock showed 0."""
        self._watchers.begin(epoch, since)
        if self.robots is not None:
            self.robots.epoch = epoch

    def resume(self, resumed: Resumed, schedule: Schedule, now: float) -> Iterator[None]:
        """Let hosts wait, and robots.txt hold, as long as an earlier run would have; yield after each."""
        for record in resumed.hosts:
            self._watchers.resume(schedule.host(record.host), record, now)
            yield
        for name in resumed.stored if resumed.killed else ():
            self._watchers.resume_blindly(schedule.host(name), now)
            yield
        for known in resumed.robots:
            yield
            if self.robots is not None and self.robots.resume(known, now) and known.crawl_delay:
                host = schedule.host(known.host)
                host.turns.delay = effective_delay(host.turns.delay, known.crawl_delay)

    def note(self, host: Host) -> None:
        """Let the state be told of *host* with the next commit."""
        if self._kept:
            self._watchers.changed(host)

    def hop_ended(self, host: Host, lease: Lease, now: float, result: Response | FetchError | None) -> None:
        """Learn from how a hop ended how fast *host* may be asked, and whether at all; None says nothing."""
        self.note(host)
        if result is None or not self._paced:
            return
        self._learn_pace(host, lease, now, result)
        failed = is_failure(result)
        lease.charged = not (isinstance(result, FetchError) and result.ours)
        if failed or host.failures:
            of_robots = lease.robots_of is not None
            unreachable = failed and (of_robots or is_unreachable(result))
            lease.charged = not unreachable or host.health.is_news(lease.started, unreachable=True)
            self._learn_health(
                host, now, failed=failed, started=lease.started, unreachable=unreachable, of_robots=of_robots
            )
        if not lease.charged:
            lease.attempts -= 1

    def unreachable(self, host: Host, now: float, why: str, *, of_robots: bool) -> None:
        """Learn that nothing can be had of *host* for now, though it was not asked itself: it rests."""
        host.turns.trouble = why
        self._learn_health(host, now, failed=True, started=now, unreachable=True, of_robots=of_robots)
        self.note(host)

    @staticmethod
    def _learn_health(host: Host, now: float, **learned: Any) -> None:  # noqa: ANN401 - what `Health.learn` takes
        before = host.given_up
        rest = host.health.learn(now=now, **learned)
        if rest:
            host.turns.pause_until(now + rest)
        if host.given_up and not before:
            log.info("the host %s is given up, since %s", host.name, host.turns.trouble)
        elif rest:
            tell_resting(host, now)

    @staticmethod
    def _learn_pace(host: Host, lease: Lease, now: float, result: Response | FetchError) -> None:
        # A robots.txt is a file, and faster than any page: pages are not slow for being slower.
        latency = None if lease.robots_of else _latency(result, lease, now)
        trouble = is_trouble(result)
        turns = host.turns
        if trouble:
            turns.trouble = in_words(result)
        if host.adaptive and (latency is not None or trouble or turns.learned):
            before = turns.delay_now
            turns.pace.learn(turns.delay, latency=latency, trouble=trouble, started=lease.started, now=now)
            if turns.delay_now > before:
                if not trouble:
                    turns.trouble = f"a response took {latency:.1f} s, much longer than usual"
                tell_slowed(host, before)

    @property
    def unsaved(self) -> bool:
        """Whether there is anything to tell a state."""
        return self._watchers.unsaved or (self.robots is not None and self.robots.unsaved)

    def tell(self, changes: Changes) -> None:
        """Put into *changes* what was not told before."""
        self._watchers.tell(changes)
        if self.robots is not None:
            self.robots.tell(changes)

    def rest(self, host: Host, schedule: Schedule) -> None:
        """Take note that there is nothing more to ask *host* for; where there is a state, that has it all."""
        if not self._kept:
            self._watchers.rest(host, schedule.hosts, MOST_HOSTS)

    def conduct(self, schedule: Schedule) -> tuple[HostReport, ...]:
        """Return how hosts were treated in this run, for a report: the busiest; sets *beyond*."""
        worst = self._watchers.worst(schedule.hosts, MOST_HOSTS)
        told = {record.host for record in worst}
        known: dict[str, list[RobotsRecord]] = {}
        for record in () if self.robots is None else self.robots.records(told):
            known.setdefault(record.host, []).append(record)
        self.beyond = self._watchers.sums(schedule.hosts, told)
        return tuple(report_of(record, known.get(record.host, ())) for record in worst)


def _latency(result: Response | FetchError, lease: Lease, now: float) -> float:
    return now - lease.started if isinstance(result, FetchError) else result.elapsed
