"""The turns on one host: how many requests at once, and how far apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._policy.politeness import MAX_CRAWL_DELAY, Turns, effective_delay


def test_the_longer_delay_counts() -> None:
    """A Crawl-delay lengthens the crawl's own delay and never shortens it."""
    assert effective_delay(0.5, None) == 0.5
    assert effective_delay(0.5, 7.0) == 7.0
    assert effective_delay(2.0, 1.0) == 2.0


def test_an_excessive_crawl_delay_is_cut() -> None:
    """A Crawl-delay counts up to the limit, the crawl's own delay without one."""
    assert effective_delay(0.5, 86_400.0) == MAX_CRAWL_DELAY
    assert effective_delay(1_000.0, 86_400.0) == 1_000.0


def test_a_host_that_does_not_mind_is_asked_at_once() -> None:
    """No delay and no pause counts where nobody minds; the number of requests at once does."""
    turns = Turns(per_host=1, delay=60.0, paced=False)
    turns.pause_until(1000.0)
    turns.start(1.0)
    assert turns.next_start(2.0) is None
    turns.finish()
    assert turns.next_start(2.0) == 2.0


def test_the_first_request_starts_at_once() -> None:
    """A host that was never asked is ready."""
    assert Turns(per_host=1, delay=60.0).next_start(12.5) == 12.5


def test_starts_are_a_delay_apart() -> None:
    """The delay counts from the last start, not from the last end."""
    turns = Turns(per_host=1, delay=5.0)
    turns.start(100.0)
    turns.finish()
    assert turns.next_start(103.0) == 105.0
    assert turns.next_start(200.0) == 200.0


def test_nothing_starts_while_all_places_are_taken() -> None:
    """With per_host requests running there is no next start until one ends."""
    turns = Turns(per_host=2, delay=0.0)
    turns.start(1.0)
    assert turns.next_start(1.0) == 1.0
    turns.start(1.0)
    assert turns.next_start(1.0) is None
    turns.finish()
    assert turns.next_start(1.5) == 1.5


def test_a_new_delay_counts_from_the_last_start() -> None:
    """A delay that robots.txt brings later holds for the very next request."""
    turns = Turns(per_host=2, delay=0.5)
    turns.start(10.0)
    turns.delay = 30.0
    assert turns.next_start(11.0) == 40.0


def test_a_pause_holds_back_every_start() -> None:
    """Nothing starts before the latest moment that was asked for."""
    turns = Turns(per_host=2, delay=0.0)
    turns.pause_until(50.0)
    turns.pause_until(20.0)
    assert turns.next_start(10.0) == 50.0
    assert turns.next_start(60.0) == 60.0


def test_a_start_without_a_turn_is_refused() -> None:
    """Starting more than per_host requests is a bug of the caller's, and said so."""
    turns = Turns(per_host=1, delay=0.0)
    turns.start(0.0)
    with pytest.raises(RuntimeError, match="running on this host"):
        turns.start(0.0)


def test_an_end_without_a_start_is_refused() -> None:
    """Ending what never started is a bug of the caller's, and said so."""
    with pytest.raises(RuntimeError, match="never started"):
        Turns(per_host=1, delay=0.0).finish()


@settings(max_examples=50, deadline=None)
@given(
    per_host=st.integers(1, 4),
    delay=st.integers(0, 20),
    durations=st.lists(st.integers(0, 40), min_size=1, max_size=20),
)
def test_a_run_of_requests_keeps_both_limits(per_host: int, delay: int, durations: list[int]) -> None:
    """Whatever the requests take, starts are a delay apart and never too many run at once."""
    turns = Turns(per_host=per_host, delay=float(delay))
    now = 0.0
    starts: list[float] = []
    ends: list[float] = []
    for duration in durations:
        moment = turns.next_start(now)
        if moment is None:
            now = max(now, min(ends))
            ends.remove(min(ends))
            turns.finish()
            moment = turns.next_start(now)
        assert moment is not None
        now = moment
        turns.start(now)
        starts.append(now)
        ends.append(now + duration)
        assert turns.running <= per_host
    assert all(later - earlier >= delay for earlier, later in pairwise(starts))


def test_turns_go_on_from_an_earlier_crawl() -> None:
    """The last start and the rest of before count, unless what is known now says more."""
    turns = Turns(per_host=1, delay=5)
    turns.resume(last_start=-2, not_before=1)
    assert turns.next_start(0) == 3
    turns.resume(last_start=-4, not_before=-9)
    assert turns.next_start(0) == 3
    assert turns.delay_now == 5


def test_a_pace_is_made_when_it_is_asked_for() -> None:
    """Until then the delay is the crawl's own; after that, what the pace makes of it."""
    turns = Turns(per_host=1, delay=5.0)
    assert (turns.learned, turns.delay_now) == (False, 5.0)
    turns.pace.learn(turns.delay, latency=None, trouble=True, started=0.0, now=1.0)
    assert (turns.learned, turns.delay_now) == (True, 10.0)
