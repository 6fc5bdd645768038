"""What is done to a host is measured, and an earlier run's waits are taken up within bounds."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, strategies as st

from trio_crawl._frontier.host import Host, Terms
from trio_crawl._frontier.journal import Changes
from trio_crawl._frontier.watch import LONGEST_WAIT, HostRecord, Watch, Watchers
from trio_crawl._policy.pace import LONGEST_PACE

EPOCH = 1_700_000_000.0
RECORD = HostRecord("a.test", 3, 1.0, 2, 10.0, 0.0, 0, EPOCH - 500, EPOCH - 4, 0.0, 0, None, 0.25)


def host() -> Host:
    """Return a host that nothing is known of."""
    return Host("a.test", Terms(per_host=2, delay=10))


def resumed(record: HostRecord, now: float = 100.0) -> Host:
    """Return a host that goes on from *record*, at 100 seconds after the epoch."""
    watchers = Watchers()
    watchers.begin(EPOCH - now, -inf)
    found = host()
    watchers.resume(found, record, now)
    return found


def test_gaps_and_requests_at_once() -> None:
    """The smallest gap and the most at once stay, whatever comes after."""
    watch = Watch()
    watch.started(10, delay=5, limit=2)
    assert watch.smallest_gap == inf
    watch.started(15, delay=5, limit=2)
    watch.started(21, delay=5, limit=2)
    watch.ended()
    watch.ended()
    watch.started(90, delay=5, limit=2)
    assert (watch.requests, watch.smallest_gap, watch.most, watch.first, watch.last) == (4, 5, 3, 10, 90)
    assert (watch.shortfall, watch.excess) == (0, 1)


@pytest.mark.parametrize(("gap", "shortfall"), [(5, 0), (4.9995, 0), (4.99, 0.01), (0, 5)])
def test_a_start_that_comes_too_soon(gap: float, shortfall: float) -> None:
    """A gap counts as too small from a millisecond on, by as much as it is."""
    watch = Watch()
    watch.started(0, delay=1, limit=1)
    watch.ended()
    watch.started(gap, delay=5, limit=1)
    assert watch.shortfall == pytest.approx(shortfall)
    assert watch.delay == 5


def test_each_request_is_told_once() -> None:
    """A record has the requests since the last one; and what was not asked at all has none."""
    watchers = Watchers()
    watchers.begin(EPOCH, -inf)
    known, idle = host(), Host("b.test", Terms(per_host=1, delay=0))
    met = known.meet()
    told = []
    for number in range(3):
        assert met.watch is None  # what was told is let go of
        watch = met.watch = Watch.after(met.watched)
        watch.started(number * 10, delay=10, limit=2)
        watch.ended()
        watchers.changed(known)
        watchers.changed(idle)
        assert watchers.unsaved
        changes = Changes()
        watchers.tell(changes)
        told += changes.hosts
    assert not watchers.unsaved
    assert [record.requests for record in told] == [1, 1, 1]
    assert [record.smallest_gap for record in told] == [None, 10, 10]
    # Not before what was told last, so that the state sees no gap between two runs there.
    assert [(record.first - EPOCH, record.last - EPOCH) for record in told] == [(0, 0), (0, 10), (10, 20)]


def test_who_is_being_asked_is_watched_on() -> None:
    """A request that has not ended when a state is told counts among those at once that come after."""
    watchers = Watchers()
    known = host()
    watch = known.meet().watch = Watch()
    watch.started(0, delay=10, limit=1)
    watchers.changed(known)
    watchers.tell(Changes())
    assert known.meet().watch is watch
    watch.started(10, delay=10, limit=1)
    changes = Changes()
    watchers.changed(known)
    watchers.tell(changes)
    assert [(record.requests, record.most_at_once, record.excess) for record in changes.hosts] == [(1, 2, 1)]


def test_the_rest_of_a_delay_is_waited_for() -> None:
    """A host that was asked four seconds before waits for six more, of ten; and the gap counts."""
    known = resumed(RECORD)
    assert known.turns.next_start(100) == 106
    watch = known.meet().watch
    assert watch is not None
    watch.started(106, delay=10, limit=2)
    assert (watch.smallest_gap, watch.shortfall) == (10, 0)


def test_pace_rest_and_failures_are_taken_up() -> None:
    """So is what else the host had come to, but no pace is slower than the slowest."""
    known = resumed(RECORD._replace(not_before=EPOCH + 70, failures=12, rate=0.05))
    assert known.turns.next_start(100) == 170
    assert known.turns.delay_now == 20
    assert known.health.given_up
    assert resumed(RECORD._replace(rate=1e-9)).turns.delay_now == LONGEST_PACE


@given(
    last=st.floats(-1e10, 1e10),
    not_before=st.floats(-1e10, 1e10),
    now=st.floats(0, 1e6),
)
def test_no_clock_makes_a_host_wait_for_longer_than_a_rule_may(
    last: float, not_before: float, now: float
) -> None:
    """Wherever the wall clock was set to, the wait is an hour at most, and its delay from now on."""
    record = RECORD._replace(last=EPOCH + last, not_before=EPOCH + not_before)
    known = resumed(record, now)
    start = known.turns.next_start(now)
    assert start is not None
    assert start <= now + max(LONGEST_WAIT, 10) + 1e-3
    if last > 1e-3:
        assert start >= now + 10 - 1e-3  # it was set back: as if the host had been asked just now
        watch = known.meet().watch
        assert watch is not None
        assert watch.last == -inf


def test_who_does_not_know_waits_for_all_of_the_delay() -> None:
    """After a kill the last start may have been the moment before."""
    known = host()
    Watchers.resume_blindly(known, 50)
    assert known.turns.next_start(50) == 60
