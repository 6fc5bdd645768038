"""When a host that keeps failing is left alone, and when it is given up."""

from __future__ import annotations

from trio_crawl._errors import FetchError
from trio_crawl._fetch.resolve import ResolveError
from trio_crawl._model import FailureKind, Response
from trio_crawl._policy.health import FAILURES_TO_GIVE_UP, MOST_REST, Health, is_failure, is_unreachable


def rests(health: Health, *ends: bool) -> list[float]:
    """Tell *health* of requests one after the other, failed or not; return the rests."""
    return [
        health.learn(failed=failed, started=number, now=number + 0.5) for number, failed in enumerate(ends)
    ]


def test_a_host_rests_for_twice_as_long_each_time_and_is_given_up() -> None:
    """From the fifth failure in a row on it rests, and with the twelfth it is given up."""
    health = Health()
    assert rests(health, *[True] * 10) == [0, 0, 0, 0, 10, 20, 40, 80, 160, 320]
    assert rests(health, True) == [0], "it began before the last one had ended"
    last = health.learn(failed=True, started=10, now=10.5)
    assert 10 + 20 + 40 + 80 + 160 + 320 + last + 11 * 0.5 == MOST_REST
    assert not health.given_up
    health.learn(failed=True, started=100, now=101)
    assert health.given_up


def test_a_host_that_can_not_be_reached_rests_after_the_first_failure() -> None:
    """Its rests are of the same row, which begins with less than a second."""
    health = Health()
    found = [health.learn(failed=True, started=n + 1, now=n + 1, unreachable=True) for n in range(11)]
    assert found[:6] == [0.625, 1.25, 2.5, 5, 10, 20]
    assert sum(found) == MOST_REST
    assert not health.given_up


def test_the_time_of_failures_counts_towards_giving_up() -> None:
    """What fails by a time-out is given up after a quarter of an hour, too, and then counts as twelve."""
    health = Health()
    now, number = 0.0, 0
    while not health.given_up:
        number += 1
        now += 120 + health.learn(failed=True, started=now, now=now + 120, unreachable=True)
    assert number < FAILURES_TO_GIVE_UP
    assert MOST_REST <= now <= MOST_REST + 120
    assert health.failures == FAILURES_TO_GIVE_UP


def test_any_answer_ends_the_row() -> None:
    """One good answer between, and the counting begins anew."""
    health = Health()
    assert rests(health, *([True] * 4 + [False]) * 9) == [0] * 45
    assert not health.given_up


def test_what_was_out_together_counts_once() -> None:
    """Many requests that were out at once and all failed are one failure."""
    health = Health()
    for _ in range(50):
        assert health.learn(failed=True, started=0, now=30) == 0
    assert health.failures == 1


def test_a_host_is_given_up_for_good() -> None:
    """What comes late does not bring it back."""
    health = Health()
    rests(health, *[True] * FAILURES_TO_GIVE_UP, False)
    assert health.given_up


def test_what_is_a_failure_of_the_host() -> None:
    """It can't be reached, does not answer, or says that it failed; being busy is none."""
    failures: tuple[FailureKind, ...] = ("timeout", "connect", "protocol")
    others: tuple[FailureKind, ...] = ("tls", "too_large", "redirects", "blocked_address")
    assert all(is_failure(FetchError(kind, "x")) for kind in failures)
    assert not any(is_failure(FetchError(kind, "x")) for kind in others)
    statuses = {200: False, 301: False, 404: False, 429: False, 500: True, 503: True}
    assert {one: is_failure(Response(url="https://a.test/", status=one)) for one in statuses} == statuses
    unreachable: tuple[FailureKind, ...] = ("dns", "timeout", "connect")
    assert all(is_unreachable(FetchError(kind, "x")) for kind in unreachable)
    assert is_failure(ResolveError("x", temporary=True))
    assert not is_failure(ResolveError("no such name", temporary=False))
    assert not is_unreachable(Response(url="https://a.test/", status=503))
