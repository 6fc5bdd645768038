"""How many seeds wait, and whether the hosts that they are of can start enough of them."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from .host import Host
    from .schedule import Schedule

READ_AHEAD: Final = 10_000
"""Seeds that can be started soon, with which no more are read: enough to find hosts whose turn it is,
and little enough that a file of ten million lines need not fit in memory."""

SOON: Final = 100.0
"""Seconds in which a seed has to be startable, by the delay and the rest of its host, to be one of those."""

MOST: Final = 250_000
"""Seeds that are queued at most, whatever hosts they are of: 40 MB without a state."""

_AGAIN: Final = 1.0
_ROUND: Final = 256


@final
class SeedsWaiting:
    """Counts the seeds that wait for their first hop, by host.

    Args:
        schedule: has the hosts.
        delay: seconds between two starts on a host that says nothing else.
        most: pages that are wanted at all; None for no limit.
    """

    def __init__(self, schedule: Schedule, delay: float, most: int | None = None) -> None:
        self._schedule = schedule
        self._delay = delay
        self._most = MOST if most is None or most > READ_AHEAD else READ_AHEAD
        self._by_host: Counter[str] = Counter()
        self._looked_at = -inf
        self._enough = READ_AHEAD
        self.total = 0

    def __repr__(self) -> str:
        return f"<SeedsWaiting: {self.total:,} of {len(self._by_host):,} hosts>"

    def add(self, host: Host) -> None:
        """Take note of one more."""
        self.total += 1
        self._by_host[host.name] += 1

    def gone(self, host: Host) -> None:
        """Take note that one waits no more; of an earlier run's seeds nothing is known."""
        number = self._by_host[host.name]
        if number > 1:
            self._by_host[host.name] = number - 1
        else:
            del self._by_host[host.name]
        self.total -= bool(number)

    def clear(self) -> None:
        """Take note that none waits any more."""
        self._by_host.clear()
        self.total = 0

    def room(self, now: float) -> bool:
        """Return whether more are to be read."""
        if self.total < READ_AHEAD:
            self._enough = READ_AHEAD
            return True
        if self.total >= self._most:
            return False
        # It takes a look at each host, so not for each seed.
        if self.total >= self._enough and not self._looked_at <= now < self._looked_at + _AGAIN:
            if self._few(now):
                self._enough = self.total + _ROUND
            else:
                self._looked_at = now
        return self.total < self._enough

    def _few(self, now: float) -> bool:
        """Return whether fewer than `READ_AHEAD` can be started soon."""
        startable = 0.0
        for name, number in self._by_host.items():
            startable += min(number, self._startable(self._schedule.host(name), now))
            if startable >= READ_AHEAD:
                return False
        return True

    def _startable(self, host: Host, now: float) -> float:
        met, delay, seconds = host.met, self._delay, SOON
        if met is not None:
            if met.held or host.given_up:
                return 0
            delay = met.turns.delay_now
            seconds -= max(met.turns.not_before - now, 0)
        if not delay or (met is not None and not met.turns.paced):
            return inf
        return max(seconds, 0) / delay
