"""How fast a host is asked, by how it bears it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import FetchError
from trio_crawl._model import FailureKind, Response
from trio_crawl._policy.pace import LONGEST_PACE, SHORTEST_PACE, STEPS, Pace, is_trouble


def told(pace: Pace, *ends: bool, own: float = 0.5, latency: float = 0.1) -> list[float]:
    """Tell *pace* of requests, each begun after the last had ended; return the delay after each."""
    delays = []
    for number, trouble in enumerate(ends):
        pace.learn(own, latency=latency, trouble=trouble, started=number, now=number + 0.9)
        delays.append(pace.delay(own))
    return delays


def test_at_first_and_while_all_is_well_it_is_the_crawls_own_pace() -> None:
    """Nothing but trouble makes it slower, and nothing makes it faster than that."""
    pace = Pace()
    assert pace.delay(0.5) == 0.5
    assert told(pace, *[False] * 9) == [0.5] * 9


def test_trouble_halves_the_rate_up_to_a_bound() -> None:
    """The delay doubles with each trouble, to a minute at most."""
    assert told(Pace(), *[True] * 8) == [1, 2, 4, 8, 16, 32, LONGEST_PACE, LONGEST_PACE]


def test_the_rate_comes_back_in_equal_steps() -> None:
    """Each good response adds an eighth of the crawl's own rate, until that is reached."""
    pace = Pace()
    told(pace, True, True)
    delays = told(pace, *[False] * 7)
    assert [1 / delay for delay in delays] == pytest.approx([0.75, 1, 1.25, 1.5, 1.75, 2, 2])


def test_without_a_delay_it_slows_down_too() -> None:
    """Where the crawl keeps no delay, trouble brings one, which ends when all is well again."""
    pace = Pace()
    assert told(pace, True, own=0) == [2 * SHORTEST_PACE]
    assert told(pace, *[False] * STEPS, own=0)[-1] == 0


def test_a_long_delay_of_its_own_is_doubled_at_no_time() -> None:
    """A delay longer than the bound stays as it is."""
    assert told(Pace(), True, True, own=300) == [300, 300]


def test_what_began_before_the_last_halving_says_nothing_new() -> None:
    """Several requests that were out at once and all failed halve the rate once."""
    pace = Pace()
    for _ in range(5):
        pace.learn(0.5, latency=1, trouble=True, started=0, now=1)
    assert pace.delay(0.5) == 1
    pace.learn(0.5, latency=1, trouble=True, started=1, now=2)
    assert pace.delay(0.5) == 2


def test_a_response_much_slower_than_usual_halves_the_rate() -> None:
    """Three times the usual time says that the host slows down, if it is more than a second."""
    pace = Pace()
    told(pace, *[False] * 5, latency=0.5)
    assert told(pace, False, latency=1.4) == [0.5]
    assert told(pace, False, latency=4.0) == [1.0]
    quick = Pace()
    told(quick, *[False] * 5, latency=0.01)
    assert told(quick, False, latency=0.9) == [0.5]


def test_a_host_that_is_always_slow_is_no_slower_than_usual() -> None:
    """What a host usually takes is learned, so that in the end it says nothing."""
    assert told(Pace(), *[False] * 5, latency=20) == [0.5] * 5


def test_what_is_trouble() -> None:
    """A host that can't be reached, or says that it can't or has too much to do; no other failure."""
    troubles: tuple[FailureKind, ...] = ("timeout", "connect", "protocol")
    others: tuple[FailureKind, ...] = ("dns", "tls", "too_large", "redirects", "blocked_address")
    assert all(is_trouble(FetchError(kind, "x")) for kind in troubles)
    assert not any(is_trouble(FetchError(kind, "x")) for kind in others)
    for status, trouble in {200: False, 302: False, 404: False, 429: True, 500: True, 503: True}.items():
        assert is_trouble(Response(url="https://a.test/", status=status)) is trouble


@settings(max_examples=100, deadline=None)
@given(
    own=st.floats(0, 400),
    ends=st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=40),
)
def test_it_is_never_faster_than_the_crawls_own_pace(own: float, ends: list[tuple[bool, float]]) -> None:
    """Whatever happens, the delay is between the crawl's own and the bound."""
    pace = Pace()
    for number, (trouble, latency) in enumerate(ends):
        pace.learn(own, latency=latency, trouble=trouble, started=number, now=number + 1)
        assert own <= pace.delay(own) <= max(own, LONGEST_PACE) * 1.000001


def test_a_pace_goes_on_where_it_was() -> None:
    """What one knows another takes up; a rate that is too slow to be true is not."""
    pace, other = Pace(), Pace()
    told(pace, True, True, False)
    other.resume(*pace.known())
    assert other.delay(0.5) == pace.delay(0.5) > 0.5
    assert other.known() == pace.known()
    assert told(pace, False, False) == told(other, False, False)
    other.resume(1e-12, None)
    assert other.delay(0.5) == LONGEST_PACE
    other.resume(None, None)
    assert other.delay(0.5) == 0.5


def test_a_latency_that_says_nothing_of_others() -> None:
    """A request of another kind is no measure of what is slow; its trouble is trouble all the same."""
    pace = Pace()
    pace.learn(0.5, latency=None, trouble=False, started=0, now=1)
    assert told(pace, False, latency=5) == [0.5]
    pace.learn(0.5, latency=None, trouble=True, started=10, now=11)
    assert pace.delay(0.5) == 1
