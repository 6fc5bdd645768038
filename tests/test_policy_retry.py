"""Which attempts are repeated, when, and what Retry-After says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._errors import UsageError
from trio_crawl._model import FailureKind
from trio_crawl._policy.retry import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_RETRY_AFTER,
    RETRIED_STATUSES,
    RetryPolicy,
    backoff,
    retry_after,
)

NOW = datetime(2026, 11, 6, 8, 49, 0, tzinfo=UTC)
POLICY = RetryPolicy(retries=2)


def decide(outcome: FailureKind | int, *, method: str = "GET", attempts: int = 1) -> float | None:
    """Return what the usual policy decides."""
    return POLICY.decide(attempts=attempts, outcome=outcome, method=method, key="https://a.test/")


def test_what_may_pass_is_repeated() -> None:
    """Of all kinds of failure, exactly those of the network are worth a second attempt."""
    repeated = {kind for kind in get_args(FailureKind) if decide(kind) is not None}
    assert repeated == {"timeout", "connect", "protocol", "dns"}


def test_statuses_that_say_later_are_repeated() -> None:
    """Of all statuses, exactly the temporary ones are worth a second attempt."""
    repeated = {status for status in range(100, 600) if decide(status) is not None}
    assert repeated == RETRIED_STATUSES
    assert {408, 425, 429, 500, 502, 503, 504} <= repeated
    assert not repeated & {200, 301, 403, 404, 410, 501, 505}


def test_attempts_end() -> None:
    """After the first attempt there are as many as retries says, and no more."""
    assert [decide("timeout", attempts=n) is not None for n in (1, 2, 3, 4)] == [True, True, False, False]
    assert RetryPolicy(retries=0).decide(attempts=1, outcome=503, method="GET", key="") is None


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
def test_what_may_have_had_an_effect_is_not_repeated(method: str) -> None:
    """A request that is not idempotent is repeated only if nothing of it was sent."""
    assert decide("timeout", method=method) is None
    assert decide("protocol", method=method) is None
    assert decide(503, method=method) is None
    assert decide("connect", method=method) is not None
    assert decide("dns", method=method) is not None


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_what_is_idempotent_is_repeated(method: str) -> None:
    """A request that does the same if it is done twice is repeated."""
    assert decide("timeout", method=method) is not None


def test_a_lasting_failure_is_final() -> None:
    """A name that does not exist is not looked up again."""
    decision = POLICY.decide(attempts=1, outcome="dns", method="GET", key="", temporary=False)
    assert decision is None


def test_waits_are_doubled_up_to_a_limit() -> None:
    """The wait is 1, 2, 4 ... 60 seconds, give or take a half of it."""
    middles = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    for attempt, middle in enumerate(middles, start=1):
        assert middle * 0.5 <= backoff(attempt, "key") < middle * 1.5
    assert backoff(100_000, "key") < LONGEST_WAIT * 1.5


def test_waits_differ_from_url_to_url() -> None:
    """Requests that failed together don't come back together, and spread over the whole range."""
    waits = {backoff(1, f"https://a.test/{number}") for number in range(200)}
    assert len(waits) == 200
    assert min(waits) < FIRST_WAIT * 0.6
    assert max(waits) > FIRST_WAIT * 1.4


def test_waits_are_repeatable() -> None:
    """The same request waits as long in every run: the value here was computed by another process."""
    assert backoff(1, "https://a.test/") == pytest.approx(0.9857354284301323)


@settings(max_examples=50, deadline=None)
@given(attempts=st.integers(1, 10_000), key=st.text())
def test_a_wait_is_always_within_bounds(attempts: int, key: str) -> None:
    """Whatever the key, lone surrogates included, the wait is positive and bounded."""
    assert FIRST_WAIT * 0.5 <= backoff(attempts, key) < LONGEST_WAIT * 1.5


def test_a_longer_retry_after_wins() -> None:
    """The server's wish lengthens the wait and never shortens it."""
    usual = decide(503)
    assert usual is not None

    def with_wish(seconds: float) -> float | None:
        return POLICY.decide(
            attempts=1, outcome=503, method="GET", key="https://a.test/", retry_after=seconds
        )

    assert with_wish(120.0) == 120.0
    assert with_wish(0.0) == usual


@pytest.mark.parametrize("retries", [-1, 1.5, "2", None, True])
def test_a_bad_number_of_retries_is_refused(retries: object) -> None:
    """The error names the argument and says what to give."""
    with pytest.raises(UsageError, match=r"retries= .* number of further attempts"):
        RetryPolicy(retries=retries)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("007", 7.0),
        ("Fri, 06 Nov 2026 08:49:37 GMT", 37.0),
        ("Friday, 06-Nov-26 08:49:37 GMT", 37.0),
        ("Fri Nov  6 08:49:37 2026", 37.0),
        ("fri, 06 nov 2026 08:49:37 gmt", 37.0),
        ("Fri, 06 Nov 2026 08:48:59 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("Fri, 06 Nov 2026 08:49:60 GMT", 59.0),
    ],
)
def test_retry_after_is_read_in_each_form(value: str, seconds: float) -> None:
    """Seconds and all three forms of a date are understood; a moment in the past is now."""
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "5, 5",
        "٣",
        "Fri, 30 Feb 2026 08:49:37 GMT",
        "Fri, 06 Foo 2026 08:49:37 GMT",
        "Fri, 06 Nov 2026 25:49:37 GMT",
        "Fri, 06 Nov 2026 08:49:37",
        "Fri, 06 Nov 2026 08:49:37 +0100",
        "2026-11-06T08:49:37Z",
        "Fri, 06 Nov 0000 08:49:37 GMT",
    ],
)
def test_what_is_no_retry_after_says_nothing(value: str | None) -> None:
    """A value that can't be read counts as no value."""
    assert retry_after(value, NOW) is None


@pytest.mark.parametrize("value", ["86400", "9" * 10_000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_long_retry_after_is_cut(value: str) -> None:
    """No server makes a crawl wait for more than the limit."""
    assert retry_after(value, NOW) == MAX_RETRY_AFTER


def test_two_digits_of_a_year_reach_fifty_years_ahead() -> None:
    """A date of the old form is in the future up to fifty years, and in the past beyond."""
    assert retry_after("Friday, 06-Nov-76 08:49:37 GMT", NOW) == MAX_RETRY_AFTER
    assert retry_after("Friday, 06-Nov-77 08:49:37 GMT", NOW) == 0.0


@settings(max_examples=50, deadline=None)
@given(seconds=st.integers(0, int(MAX_RETRY_AFTER)))
def test_a_date_and_its_seconds_say_the_same(seconds: int) -> None:
    """Each form of a date comes to the number of seconds until it."""
    moment = NOW + timedelta(seconds=seconds)
    for form in ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"):
        assert retry_after(moment.strftime(form), NOW) == seconds
    assert retry_after(str(seconds), NOW) == seconds


@settings(max_examples=100, deadline=None)
@given(value=st.text())
def test_no_value_makes_retry_after_raise(value: str) -> None:
    """Whatever a server sends comes to nothing or to seconds within bounds."""
    seconds = retry_after(value, NOW)
    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER
