"""What is to be done about what a hop brought."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trio_crawl._errors import FetchError
from trio_crawl._lease import Lease, Redirect, order_of, rank_of
from trio_crawl._model import Headers, Request, Response
from trio_crawl._policy.retry import MAX_RETRY_AFTER, RetryPolicy, backoff
from trio_crawl._policy.verdict import Again, GiveUp, Keep, Verdict, judge, rest

URL = "https://a.test/x"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
POLICY = RetryPolicy(retries=2)


def lease(*, attempts: int = 1, method: str = "GET", chain: tuple[str, ...] = ()) -> Lease:
    """Return what was asked for."""
    return Lease(
        request=Request(URL, method=method),
        url=URL,
        method=method,
        body=None,
        depth=0,
        referrer=None,
        order=order_of(rank_of(0, 0), 0),
        chain=chain,
        attempts=attempts,
    )


def response(status: int, **headers: str) -> Response:
    """Return a response; header names have underscores for hyphens."""
    raw = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items())
    return Response(url=URL, status=status, headers=Headers(raw))


def verdict(of: Lease, result: Response | FetchError, *, max_redirects: int = 10) -> Verdict:
    return judge(of, result, policy=POLICY, max_redirects=max_redirects, now=NOW)


@pytest.mark.parametrize("status", [200, 204, 304, 400, 404, 410, 451, 501, 599])
def test_a_final_status_is_kept(status: int) -> None:
    """A response that asks for nothing is the page, whatever its status."""
    found = response(status)
    assert verdict(lease(), found) == Keep(found)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_says_later_is_tried_again_and_kept_in_the_end(status: int) -> None:
    """A temporary status is repeated with back-off as long as there are attempts, and is the page then."""
    found = response(status)
    assert verdict(lease(attempts=1), found) == Again(backoff(1, URL))
    assert verdict(lease(attempts=2), found) == Again(backoff(2, URL))
    assert verdict(lease(attempts=3), found) == Keep(found)
    assert verdict(lease(method="POST"), found) == Keep(found)


def test_retry_after_is_the_least_that_is_waited() -> None:
    """``Retry-After``, as seconds or as a date, makes the wait longer and never shorter."""
    assert verdict(lease(), response(503, retry_after="90")) == Again(90)
    assert verdict(lease(), response(503, retry_after="0")) == Again(backoff(1, URL))
    date = (NOW + timedelta(seconds=75)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert verdict(lease(), response(429, retry_after=date)) == Again(75)


def test_failures() -> None:
    """A failure that may pass is repeated; one that won't, or has been often enough, is final."""
    lost = FetchError("connect", "refused")
    assert verdict(lease(), lost) == Again(backoff(1, URL))
    assert verdict(lease(attempts=3), lost) == GiveUp(lost)
    for_good = FetchError("tls", "expired")
    assert verdict(lease(), for_good) == GiveUp(for_good)


def test_a_failure_that_says_it_is_for_good() -> None:
    """A failure of a kind that may pass, but which is known not to, is final at once."""

    class NoSuchNameError(FetchError):
        temporary = False

    error = NoSuchNameError("dns", "no such name")
    assert verdict(lease(), error) == GiveUp(error)


def test_redirects() -> None:
    """A redirect is the next hop; one too many, or to nowhere, ends the page."""
    assert verdict(lease(), response(301, location="/y")) == Redirect(
        url="https://a.test/y", method="GET", keep_body=True
    )
    too_many = verdict(lease(chain=("https://a.test/0",)), response(302, location="/y"), max_redirects=1)
    assert isinstance(too_many, GiveUp)
    assert too_many.error.kind == "redirects"
    nowhere = verdict(lease(), response(302, location="mailto:a@b"))
    assert isinstance(nowhere, GiveUp)
    assert nowhere.error.kind == "redirects"
    page = response(302)
    assert verdict(lease(), page) == Keep(page)
    created = response(201, location="/y")
    assert verdict(lease(), created) == Keep(created)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_says_how_long_to_wait(status: int) -> None:
    """``Retry-After`` of a redirect, as seconds or as a date, is waited before the next hop."""
    date = (NOW + timedelta(seconds=75)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    values = {"30": 30.0, date: 75.0, "9" * 30: MAX_RETRY_AFTER, "0": 0.0, "soon": 0.0}
    for value, wait in values.items():
        found = verdict(lease(), response(status, location="/y", retry_after=value))
        assert isinstance(found, Redirect)
        assert found.wait == wait


def test_of_two_locations_the_first_counts() -> None:
    """Where a server sends two targets, they are not taken for one URL with a comma in it."""
    headers = Headers(((b"Location", b"/first"), (b"location", b"/second")))
    found = verdict(lease(), Response(url=URL, status=302, headers=headers))
    assert isinstance(found, Redirect)
    assert found.url == "https://a.test/first"


def test_rest() -> None:
    """A host that is too busy is left alone as long as it says, or as the back-off; others are not."""
    assert rest(lease(), response(503, retry_after="90"), NOW) == 90
    assert rest(lease(attempts=2), response(429), NOW) == backoff(2, URL)
    assert rest(lease(), response(429, retry_after="soon"), NOW) == backoff(1, URL)
    assert rest(lease(attempts=9), response(503, retry_after="7"), NOW) == 7
    for result in (response(200), response(500, retry_after="90"), FetchError("timeout", "slow")):
        assert rest(lease(), result, NOW) is None
