"""Directives, dates, ages and lifetimes, as RFC 9111 reads them."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from cache_support import START, headers
from hypothesis import example, given, strategies as st

from trio_crawl import Headers
from trio_crawl._fetch.cache_control import (
    MOST_SECONDS,
    current_age,
    dated,
    directives,
    lifetime,
    moment,
    request_directives,
    seconds,
    seconds_left,
    without,
)

LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))
WEEK = 7 * 24 * 3600


def control(value: str) -> Headers:
    return Headers(((b"Cache-Control", value.encode("latin-1")),))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("max-age=60", {"max-age": "60"}),
        ("Max-Age=60, PUBLIC", {"max-age": "60", "public": None}),
        ('max-age="60"', {"max-age": "60"}),
        ("max-age=60, max-age=5", {"max-age": "60"}),
        (" ,, no-store ,", {"no-store": None}),
        ('private="Set-Cookie, X", no-store', {"private": "Set-Cookie, X", "no-store": None}),
        ("no-cache=Set-Cookie,no-store", {"no-cache": "Set-Cookie", "no-store": None}),
        ('private="a, no-store', {"private": '"a', "no-store": None}),
        (r'x="a\"b, no-cache", y', {"x": 'a"b, no-cache', "y": None}),
        ("no-store=1", {"no-store": "1"}),
        ("max-age=", {"max-age": None}),
        ("", {}),
    ],
)
def test_directives(value: str, said: dict[str, str | None]) -> None:
    """Names count without case, arguments may be quoted, and of a repeated directive the first counts."""
    assert directives(control(value)) == said


def test_several_fields_are_one() -> None:
    """Directives may stand in several fields (RFC 9110, section 5.3)."""
    assert directives(headers("Cache-Control: max-age=1\ncache-control: no-store")).keys() == {
        "max-age",
        "no-store",
    }


@given(LATIN)
@example('a="x')
def test_nothing_hides_a_no_store(before: str) -> None:
    """Whatever stands before it, a no-store after a comma is seen."""
    assert "no-store" in directives(control(f"{before}, no-store"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Pragma: no-cache", {"no-cache": None}),
        ("Pragma: No-Cache\nCache-Control: max-age=5", {"max-age": "5"}),
        ("Pragma: other", {}),
    ],
)
def test_pragma(text: str, said: dict[str, str | None]) -> None:
    """It says no-cache in requests that have no Cache-Control (section 5.4)."""
    assert request_directives(headers(text)) == said


@pytest.mark.parametrize(
    ("argument", "number"),
    [
        *(("0", 0), ("007", 7), ("-1", 0), ("+1", 0), ("1.5", 0), ("1_0", 0), ("x", 0), ("\xb2", 0)),
        *(("2147483649", MOST_SECONDS), ("9" * 5000, MOST_SECONDS)),
    ],
)
def test_seconds(argument: str, number: int) -> None:
    """Digits are a number with a bound, and everything else counts as stale (sections 1.2.2 and 4.2.1)."""
    assert seconds({"max-age": argument}, "max-age") == number


def test_seconds_of_what_is_not_there() -> None:
    """A directive that is missing has none; one without its argument is stale."""
    assert seconds({}, "max-age") is None
    assert seconds({"max-age": None}, "max-age") == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
        ("Sun Nov  6 08:49:37 1994", 784111777),
        ("Sun, 06 Nov 1994 08:49:37 +0100", None),
        ("Sun, 06 Nov 1994 08:49:37 EST", None),
        ("Sun, 06 Nov 1994 08:49:37 XYZ", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Thu, 30 Feb 1995 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("0", None),
        ("", None),
    ],
)
def test_moment(text: str, expected: float | None) -> None:
    """The three forms of an HTTP date are read, in GMT alone; the rest is none."""
    assert moment(text) == expected


@given(LATIN | st.from_regex(r"[A-Z][a-z]{2}, [0-9 ]+ [A-Z][a-z]{2} [0-9]+ [0-9:]+ GMT", fullmatch=True))
def test_moment_of_anything(text: str) -> None:
    """No value of a field makes it raise."""
    assert moment(text) is None or isinstance(moment(text), float)


@given(st.integers(0, 4_000_000_000))
def test_moment_reads_what_is_written(time: int) -> None:
    """A date that was written in the preferred form is read as the same second."""
    assert moment(formatdate(time, usegmt=True)) == time


@pytest.mark.parametrize("text", ["", "Date: yesterday"])
def test_a_response_without_a_date_gets_one(text: str) -> None:
    """Where it is missing or can't be read, the moment of receipt takes its place (RFC 9110, 6.6.1)."""
    assert dated(headers(text), START) == headers("Date: {0}")
    assert dated(headers("Date: {-5}"), START) == headers("Date: {-5}")


def test_without() -> None:
    """Fields are taken out whatever the case of their names."""
    assert without(headers("AGE: 1\nb: 2"), ("age",)) == headers("b: 2")


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (200, "Cache-Control: max-age=60", 60),
        (200, "Cache-Control: s-maxage=60", 0),
        (200, "Cache-Control: s-maxage=60, max-age=5", 5),
        (200, "Cache-Control: max-age=60\nExpires: {+5}", 60),
        (200, "Cache-Control: max-age=oops\nExpires: {+50}", 0),
        (200, "Date: {0}\nExpires: {+50}", 50),
        (200, "Date: {-10}\nExpires: {+50}", 60),
        (200, "Expires: {+50}", 50),
        (200, "Date: {0}\nExpires: {-50}", -50),
        (200, "Expires: 0", 0),
        (200, "Expires: 0\nLast-Modified: {-1000}", 0),
        (200, "Expires: {+50}\nExpires: {+90}", 50),
        (200, "Last-Modified: {-1000}", 100),
        (200, "Last-Modified: {-100000000}", WEEK),
        (200, "Last-Modified: never", 0),
        (404, "Last-Modified: {-1000}", 100),
        (302, "Last-Modified: {-1000}", 0),
        (302, "Last-Modified: {-1000}\nCache-Control: public", 100),
        (500, "Last-Modified: {-1000}", 0),
        (200, "", 0),
    ],
)
def test_lifetime(status: int, text: str, expected: float) -> None:
    """max-age, then Expires, then a tenth of the time since the last change (sections 4.2.1 and 4.2.2)."""
    assert lifetime(status, headers(text), START) == expected


@pytest.mark.parametrize(
    ("text", "requested", "received", "now", "expected"),
    [
        ("Date: {0}", 0, 0, 10, 10),
        ("", 0, 0, 10, 10),
        ("Date: {-5}", 0, 0, 10, 15),
        ("Date: {+5}", 0, 0, 10, 10),
        ("Date: {0}\nAge: 7", 0, 0, 10, 17),
        ("Date: {-9}\nAge: 7", 0, 0, 10, 19),
        ("Date: {0}\nAge: 7", -3, 0, 10, 20),
        ("Date: {0}\nAge: 7, 9", 0, 0, 10, 17),
        ("Date: {0}\nAge: minus", 0, 0, 10, 10),
        ("Date: {0}", 0, 0, -10, 0),
    ],
)
def test_current_age(text: str, requested: float, received: float, now: float, expected: float) -> None:
    """The formula of section 4.2.3; a clock that was set back adds nothing."""
    age = current_age(headers(text), START + requested, START + received, START + now)
    assert age == expected


@pytest.mark.parametrize(
    ("asked", "said", "expected"),
    [
        ("", "", 40),
        ("max-age=30", "", 10),
        ("max-age=0", "", -20),
        ("max-age=300", "", 40),
        ("min-fresh=15", "", 25),
        ("max-stale=15", "", 55),
        ("max-stale", "", 40 + MOST_SECONDS),
        ("max-stale", "must-revalidate", 40),
        ("max-stale=x", "", 40),
    ],
)
def test_seconds_left(asked: str, said: str, expected: float) -> None:
    """Of 60 seconds 20 have passed; a request may want less of them, or more (section 5.2.1)."""
    assert seconds_left(60, 20, directives(control(asked)), directives(control(said))) == expected
