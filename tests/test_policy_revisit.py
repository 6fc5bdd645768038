"""Conditional requests: which validators are kept, when they are sent, and what a 304 says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from frontier_support import lease_of, page_of

from trio_crawl._lease import Validators
from trio_crawl._model import Headers, Page, Request, Response
from trio_crawl._policy.revisit import conditions, unchanged, validators_of

URL = "https://site.test/"
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def page(*fields: tuple[bytes, bytes], status: int = 200, method: str = "GET") -> Page:
    made = page_of(lease_of(URL), status=status).page
    return Page(
        **{
            **{name: getattr(made, name) for name in made.__slots__},
            "headers": Headers(fields),
            "request": Request(URL, method=method),
        }
    )


@pytest.mark.parametrize(
    ("fields", "etag", "modified"),
    [
        ([(b"ETag", b'"a"')], '"a"', None),
        ([(b"etag", b' W/"a" ')], 'W/"a"', None),
        ([(b"LAST-MODIFIED", b"Thu, 01 Jan 1970 00:00:00 GMT")], None, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ([(b"ETag", b'"a"'), (b"Last-Modified", b"yesterday")], '"a"', "yesterday"),
        ([(b"ETag", b'"\xff"'), (b"Last-Modified", b"x")], None, "x"),
    ],
)
def test_what_is_kept(fields: list[tuple[bytes, bytes]], etag: str | None, modified: str | None) -> None:
    """ETag and Last-Modified are kept as they are, for the URL that answered, if they can be sent back."""
    assert validators_of(page(*fields)) == Validators(URL, etag, modified)


@pytest.mark.parametrize(
    "one",
    [
        page(),
        page((b"ETag", b"")),
        page((b"ETag", b"x" * 2000)),
        page((b"ETag", b'"a\x00b"')),
        page((b"ETag", b'"a"'), status=404),
        page((b"ETag", b'"a"'), status=304),
        page((b"ETag", b'"a"'), method="POST"),
    ],
    ids=["none", "empty", "long", "control", "404", "304", "POST"],
)
def test_what_is_not_kept(one: Page) -> None:
    """Nothing is kept of other statuses and methods, nor what no field of a request can say."""
    assert validators_of(one) is None


def test_what_is_sent() -> None:
    """Both are sent, to the URL that they are of, and to no other."""
    lease = lease_of(URL)
    assert conditions(lease, ()) == ()
    lease.validators = Validators(URL, '"a"', "yesterday")
    assert conditions(lease, (("Accept", "*/*"),)) == (
        ("If-None-Match", '"a"'),
        ("If-Modified-Since", "yesterday"),
    )
    lease.url = f"{URL}elsewhere"
    assert conditions(lease, ()) == ()


@pytest.mark.parametrize("name", ["If-None-Match", "if-modified-since", "IF-MATCH", "If-Range", "Range"])
def test_conditions_of_somebody_elses(name: str) -> None:
    """A request that is conditional, or for a part, already is left as it is."""
    lease = lease_of(URL)
    lease.validators = Validators(URL, '"a"', None)
    assert conditions(lease, ((name, "x"),)) == ()


def test_a_method_that_a_redirect_did_not_change() -> None:
    """Only GET is conditional."""
    lease = lease_of(URL)
    lease.validators, lease.method = Validators(URL, '"a"', None), "POST"
    assert conditions(lease, ()) == ()


def test_what_a_304_says() -> None:
    """The page is as it was; validators that the answer has take the place of those that were sent."""
    lease = lease_of(URL)
    lease.validators = Validators(URL, '"a"', "yesterday")
    assert unchanged(lease, Response(url=URL, status=200), NOW) is None
    same = unchanged(lease, Response(url=URL, status=304), NOW)
    assert same is not None
    assert (same.validators, same.fetched_at) == (lease.validators, NOW.timestamp())
    newer = unchanged(lease, Response(url=URL, status=304, headers=Headers(((b"ETag", b'"b"'),))), NOW)
    assert newer is not None
    assert newer.validators == Validators(URL, '"b"', "yesterday")
