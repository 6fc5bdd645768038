"""When a host that keeps failing is left alone, and when it is given up."""

from __future__ import annotations

from trio_crawl._errors import FetchError
from trio_crawl._model import FailureKind, Response
from trio_crawl._policy.health import FAILURES_TO_GIVE_UP, LONGEST_REST, Health, is_failure


def rests(health: Health, *ends: bool) -> list[float]:
    """Tell *health* of requests one after the other, failed or not; return the rests."""
    return [
        health.learn(failed=failed, started=number, now=number + 0.5) for number, failed in enumerate(ends)
    ]


def test_a_host_rests_for_twice_as_long_each_time_and_is_given_up() -> None:
    """From the fifth failure in a row on it rests, and with the twelfth it is given up."""
    health = Health()
    assert rests(health, *[True] * 11) == [0, 0, 0, 0, 10, 20, 40, 80, 160, 320, LONGEST_REST]
    assert not health.given_up
    health.learn(failed=True, started=100, now=101)
    assert health.given_up


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
    others: tuple[FailureKind, ...] = ("dns", "tls", "too_large", "redirects", "blocked_address")
    assert all(is_failure(FetchError(kind, "x")) for kind in failures)
    assert not any(is_failure(FetchError(kind, "x")) for kind in others)
    statuses = {200: False, 301: False, 404: False, 429: False, 500: True, 503: True}
    assert {one: is_failure(Response(url="https://a.test/", status=one)) for one in statuses} == statuses
