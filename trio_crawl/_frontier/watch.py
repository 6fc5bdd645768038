"""What is done to a host, measured as it is done, and kept for those who go on or look into it."""

from __future__ import annotations

from heapq import heappop, heappush, nsmallest
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple, final

from .._model.conduct import SLACK, HostSums
from .._policy.retry import MAX_RETRY_AFTER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .._model.conduct import RobotsDecision
    from .host import Host
    from .journal import Changes

LONGEST_WAIT: Final = MAX_RETRY_AFTER
"""Seconds that a state can make a host wait, whatever the wall clock says: no rule asks for more."""


class HostRecord(NamedTuple):
    """What a state keeps of one host. Moments are seconds since 1970.

    Args:
        host: its name.
        requests: hops that were made to it since the last record of this run.
        smallest_gap: seconds between two starts, the least; None after one.
        most_at_once: requests at one time, the most.
        delay: seconds to be kept between two starts.
        shortfall: seconds by which a start came too soon, the most.
        excess: requests beyond ``per_host``, the most.
        first: when the first start was.
        last: when the last one was.
        not_before: until when it is to be left alone.
        failures: in a row.
        rate: requests a second; None at the crawl's own pace.
        usual: seconds that a response usually takes; None if that is not known.
    """

    host: str
    requests: int
    smallest_gap: float | None
    most_at_once: int
    delay: float
    shortfall: float
    excess: int
    first: float
    last: float
    not_before: float
    failures: int
    rate: float | None
    usual: float | None


class RobotsRecord(NamedTuple):
    """What a state keeps of one origin's robots.txt. Moments are seconds since 1970.

    Args:
        origin: scheme, host and port.
        host: its host.
        decision: what followed from the file.
        status: of the response; None if there was none.
        fetched_at: when it was known.
        until: when it is to be asked for again.
        size: bytes of the file.
        crawl_delay: seconds that it asks for.
        skipped: pages that were skipped because of it, since the last record of this run.
        source: our rules in it, one a line; None if they are the same as before.
        product: whom they are for.
    """

    origin: str
    host: str
    decision: RobotsDecision
    status: int | None
    fetched_at: float
    until: float
    size: int
    crawl_delay: float | None
    skipped: int
    source: str | None
    product: str


@final
class Watch:
    """Measures what is done to one host, apart from what decides about it.

    Attributes:
        requests: started so far, in this run.
        running: those of them that have not ended.
        told: those of them that a state knows of.
        smallest_gap: seconds between two starts.
        most: at one time.
        delay: seconds to be kept between two starts, at the last one.
        shortfall: seconds by which a start came too soon, the most.
        excess: requests beyond ``per_host``, the most.
        first: when the first start was, by trio's clock.
        last: when the last one was; before this run, too.
    """

    __slots__ = (
        "delay",
        "excess",
        "first",
        "last",
        "most",
        "requests",
        "running",
        "shortfall",
        "smallest_gap",
        "told",
    )

    def __init__(self, last: float = -inf) -> None:
        self.last = last
        self.first = inf
        self.smallest_gap = inf
        self.shortfall = self.delay = 0.0
        self.most = self.excess = self.requests = self.told = self.running = 0

    @classmethod
    def after(cls, told: float) -> Watch:
        """Return one that goes on from the last start that a state was told of; -inf: of none."""
        watch = cls(told)
        if told > -inf:
            watch.first = told
        return watch

    def started(self, now: float, *, delay: float, limit: int) -> None:
        """Take note of a start.

        Args:
            now: when it is.
            delay: seconds that are to lie between two starts.
            limit: how many requests there may be at once.
        """
        gap = now - self.last
        self.smallest_gap = min(self.smallest_gap, gap)
        if delay - gap > max(self.shortfall, SLACK):
            self.shortfall = delay - gap
        self.first = min(self.first, now)
        self.requests += 1
        self.running += 1
        self.most = max(self.most, self.running)
        self.excess = max(self.excess, self.running - limit)
        self.last, self.delay = now, delay

    def ended(self) -> None:
        """Take note of an end."""
        self.running -= 1


@final
class Watchers:
    """Tells a state what is done to hosts, and takes up what it knows of them."""

    def __init__(self) -> None:
        self._epochs = [(-inf, 0.0)]
        self._changed: dict[str, Host] = {}
        # Without a state: hosts that have nothing more to be asked for, those that were asked least first.
        self._resting: list[tuple[int, str]] = []
        self._sums = HostSums()

    def __repr__(self) -> str:
        return f"<Watchers: {len(self._changed)} hosts changed>"

    @property
    def epoch(self) -> float:
        """The wall clock's time, in seconds since 1970, when trio's clock showed 0, as it is now."""
        return self._epochs[-1][1]

    def begin(self, epoch: float, since: float) -> None:
        """Count moments *since* a time of trio's clock from another *epoch*: the clocks have parted."""
        self._epochs.append((since, epoch))

    def _wall(self, moment: float) -> float:
        """Return what the wall clock showed at a *moment* of trio's clock."""
        return moment + next(epoch for since, epoch in reversed(self._epochs) if since <= moment)

    @property
    def unsaved(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._changed)

    def changed(self, host: Host) -> None:
        """Take note that there is something to tell of *host*."""
        self._changed[host.name] = host

    def tell(self, changes: Changes) -> None:
        """Put into *changes* what was not told before."""
        for host in self._changed.values():
            met = host.meet()
            watch = met.watch
            if watch is None or not watch.requests:
                continue
            changes.hosts.append(self._record(host, watch))
            watch.told = watch.requests
            if not watch.running:
                # The state adds up what comes after; what is left is when the last start was.
                met.watch, met.watched = None, watch.last
        self._changed.clear()

    def _record(self, host: Host, watch: Watch) -> HostRecord:
        turns = host.turns
        rate, usual = turns.pace.known() if turns.learned else (None, None)
        return HostRecord(
            host=host.name,
            requests=watch.requests - watch.told,
            smallest_gap=_finite(watch.smallest_gap),
            most_at_once=watch.most,
            delay=watch.delay,
            shortfall=watch.shortfall,
            excess=watch.excess,
            first=self._wall(watch.first),
            last=self._wall(watch.last),
            not_before=max(turns.not_before + self.epoch, 0.0),
            failures=host.failures,
            rate=rate,
            usual=usual,
        )

    def rest(self, host: Host, hosts: Mapping[str, Host], most: int) -> None:
        """Keep what is known of *host*, which has nothing more to be asked for, if it is among the busiest.

        Of more hosts than *most* only sums are kept.
        """
        watch = host.meet().watch
        if watch is None or watch.shortfall or watch.excess:
            return
        heappush(self._resting, (watch.requests, host.name))
        while len(self._resting) > most:
            requests, name = heappop(self._resting)
            met = hosts[name].met if name in hosts else None
            if met is None or met.watch is None or met.watch.requests > requests or met.watch.running:
                continue  # it is asked again, or stands here twice
            self._add_up(met.watch)
            met.watched = met.watch.last
            met.watch = None

    def _add_up(self, watch: Watch) -> None:
        sums = self._sums
        gaps = [gap for gap in (sums.smallest_gap, _finite(watch.smallest_gap)) if gap is not None]
        self._sums = HostSums(
            hosts=sums.hosts + 1,
            requests=sums.requests + watch.requests,
            smallest_gap=min(gaps, default=None),
            most_at_once=max(sums.most_at_once, watch.most),
        )

    def sums(self, hosts: Mapping[str, Host], told: Collection[str]) -> HostSums | None:
        """Return the sums of all hosts but those that are *told* of one by one; None if there are none."""
        for host in hosts.values():
            if host.name not in told and host.met is not None and host.met.watch is not None:
                if host.met.watch.requests:
                    self._add_up(host.met.watch)
                host.met.watch = None
        return self._sums if self._sums.hosts else None

    def worst(self, hosts: Mapping[str, Host], most: int) -> list[HostRecord]:
        """Return records of so many hosts: first where a rule was not kept, then the busiest."""

        def turn(host: Host) -> tuple[int, int, str]:
            watch = watches[host]
            return -(bool(watch.shortfall) + bool(watch.excess)), -watch.requests, host.name

        watches = {
            host: host.met.watch
            for host in hosts.values()
            if host.met is not None and host.met.watch is not None and host.met.watch.requests
        }
        return [self._record(host, watches[host]) for host in nsmallest(most, watches, key=turn)]

    def resume(self, host: Host, record: HostRecord, now: float) -> None:
        """Let *host* wait for as long as an earlier run would have.

        By the wall clock, which may have been set since: back, and the host waits as if it
        had been asked just now, and `LONGEST_WAIT` at most; forward, and what is over by it is over.
        """
        since = now + self.epoch - record.last
        met = host.meet()
        met.watch = watch = Watch(now - since if since >= 0 else -inf)
        watch.delay = record.delay
        met.turns.resume(
            last_start=now - max(since, 0.0),
            not_before=now + min(record.not_before - now - self.epoch, LONGEST_WAIT),
        )
        if record.rate is not None or record.usual is not None:
            met.turns.pace.resume(record.rate, record.usual)
        if record.failures:
            host.health.resume(record.failures)

    @staticmethod
    def resume_blindly(host: Host, now: float) -> None:
        """Let *host* wait for its whole delay: when it was asked last is not known."""
        host.turns.resume(last_start=now, not_before=-inf)


def _finite(seconds: float) -> float | None:
    return seconds if seconds < inf else None
