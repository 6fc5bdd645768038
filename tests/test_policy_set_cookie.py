"""A ``Set-Cookie`` field is read as RFC 6265 says, however it is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._policy.set_cookie import MAX_LIFETIME, SetCookie, parse, parse_date

NOW = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


def read(text: str) -> SetCookie:
    """Return what *text* says, which is not ignored."""
    said = parse(text, NOW)
    assert said is not None
    return said


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("a=b", "a", "b"),
        (" a = b ;x", "a", "b"),
        ("a=", "a", ""),
        ("a=b=c==", "a", "b=c=="),
        ('a="b c"', "a", '"b c"'),
        ("a=b,c=d", "a", "b,c=d"),
        ("A=\xe9", "A", "\xe9"),
        ("expires=x; path", "expires", "x"),
    ],
)
def test_name_and_value_are_kept_as_they_are(text: str, name: str, value: str) -> None:
    """Quotes, commas, further equals signs and bytes beyond ASCII are part of the value."""
    said = read(text)
    assert (said.name, said.value) == (name, value)


@pytest.mark.parametrize(
    "text",
    ["", "a", "=b", " = ", ";a=b", "a=b\0c", "a=b\x7f", "a=b\r\nX: y", "a=b; Path=/\x01", "a=" + "b" * 4096],
)
def test_what_is_ignored(text: str) -> None:
    """A field without a name, with control characters, or of more than 4,096 bytes sets nothing."""
    assert parse(text, NOW) is None


def test_the_largest_cookie() -> None:
    """Name and value may have 4,096 bytes together; what an attribute says is not counted."""
    assert parse(f"a={'b' * 4095}; Path=/{'c' * 900}", NOW) is not None


def test_attributes() -> None:
    """Their names have no case, white space around them is nothing, and unknown ones are left out."""
    said = read("a=b;DOMAIN = .Example.ORG ; pAth=/x;secure=no; HttpOnly; SameSite=Lax; Priority=High")
    assert (said.domain, said.path, said.secure, said.expires) == ("example.org", "/x", True, None)


@pytest.mark.parametrize(
    ("text", "domain", "path"),
    [
        ("a=b; Domain=x.org; Domain=y.org", "y.org", None),
        ("a=b; Domain=x.org; Domain=", "x.org", None),
        ("a=b; Domain=.", "", None),
        ("a=b; Domain=..x.org", ".x.org", None),
        ("a=b; Path=/x; Path=/y", "", "/y"),
        ("a=b; Path=/x; Path=y", "", None),
        ("a=b; Path", "", None),
        ("a=b; Path=/" + "x" * 1024, "", None),
    ],
)
def test_the_last_of_an_attribute_counts(text: str, domain: str, path: str | None) -> None:
    """Of several the last one; an empty domain is none, and a path without a slash is the default one."""
    said = read(text)
    assert (said.domain, said.path) == (domain, path)


@pytest.mark.parametrize(
    ("attributes", "seconds"),
    [
        ("Max-Age=10", 10),
        ("Max-Age=0", 0),
        ("Max-Age=-5", -5),
        ("Max-Age=10; Max-Age=20", 20),
        ("Max-Age=10; Max-Age=x", 10),
        ("Max-Age=+10", None),
        ("Max-Age=1.5", None),
        ("Max-Age=", None),
        ("Max-Age=\u0661", None),
        ("Max-Age=10; Expires=Tue, 01 Jan 2030 01:00:00 GMT", 10),
        ("Expires=Tue, 01 Jan 2030 01:00:00 GMT; Max-Age=10", 10),
        ("Expires=Tue, 01 Jan 2030 01:00:00 GMT; Max-Age=x", 3600),
        ("Expires=Tue, 01 Jan 2030 01:00:00 GMT; Expires=never", 3600),
        ("Expires=never", None),
        ("Max-Age=" + "9" * 5000, None),  # longer than an attribute may be
        ("Max-Age=" + "9" * 900, MAX_LIFETIME),
        ("Expires=Tue, 01 Jan 9999 00:00:00 GMT", MAX_LIFETIME),
    ],
)
def test_how_long_it_holds(attributes: str, seconds: float | None) -> None:
    """``Max-Age`` counts more than ``Expires``, what can't be read is ignored, and 400 days are the most."""
    assert read(f"a=b; {attributes}").expires == (None if seconds is None else NOW + seconds)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "1994 November 6 08:49:37",
        "08:49:37 6 nov 1994",
        "6_NOV/1994;08:49:37",
        "Mon, 6-Nov-1994 8:49:37 +0100",
        "06nov 6th November 94x 08:49:37.5",
        "\t6 Nov 94 08:49:37 (a comment) 7 Dec 95 01:02:03",
        "Sun, 06 Nov 1994 08:49:37 GMT, 7",
    ],
)
def test_a_date_in_whatever_form(text: str) -> None:
    """Day, month, year and time are found in any order, between whatever stands around them."""
    assert parse_date(text) == datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "06 Nov 1994",
        "Nov 1994 08:49:37",
        "06 1994 08:49:37",
        "06 Nov 08:49:37",
        "30 Feb 1994 08:49:37",
        "32 Jan 1994 08:49:37",
        "00 Jan 1994 08:49:37",
        "06 Nov 1994 24:00:00",
        "06 Nov 1994 08:60:00",
        "06 Nov 1994 08:49:60",
        "06 Nov 1994 08:49",
        "06 Nov 1994 008:49:37",
        "06 Nov 1600 08:49:37",
        "006 Nov 94 08:49:37",
        "06 Nov 19944 08:49:37",
        "06 No 1994 08:49:37",
    ],
)
def test_what_is_no_date(text: str) -> None:
    """Without each part, or with one out of its range, there is no date."""
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("digits", "year"),
    [("70", 1970), ("99", 1999), ("00", 2000), ("69", 2069), ("100", None), ("1601", 1601), ("9999", 9999)],
)
def test_years(digits: str, year: int | None) -> None:
    """Two digits are of 1970 to 2069; three are a year before there were cookies."""
    expected = None if year is None else datetime(year, 11, 6, tzinfo=UTC).timestamp()
    assert parse_date(f"06 Nov {digits} 00:00:00") == expected


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=60))
@settings(max_examples=200)
def test_any_bytes_are_read(text: str) -> None:
    """Whatever a server sends, nothing is raised, and what is kept can be sent back."""
    said = parse(f"a={text}", NOW)
    if said is not None:
        assert "\n" not in said.value
        assert "\r" not in said.value
        assert ";" not in said.value
    parse_date(text)


def test_no_repr_shows_a_value() -> None:
    """A cookie may be as good as a password."""
    assert "hidden" not in repr(read("a=hidden"))


def test_a_field_is_read_up_to_a_bound() -> None:
    """As a whole, in its attributes, and in the words of a date; whatever they say."""
    assert parse("x=1; " + "a" * 20_000, 0.0) is None
    found = parse("x=1" + ";" * 60 + "Secure", 0.0)
    assert found is not None
    assert not found.secure
    assert parse_date("1 " * 40 + "06 Nov 1994 08:49:37") is None
    assert parse_date("Sunday, 06-Nov-94 08:49:37 GMT") == 784111777
