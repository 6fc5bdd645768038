"""What is made of a ``Content-Type`` field."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trio_crawl._parse.media import MediaType, parse_media_type


@pytest.mark.parametrize(
    ("field", "essence", "charset"),
    [
        (None, "", None),
        ("", "", None),
        ("Text/HTML", "text/html", None),
        ("text/html;charset=UTF-8", "text/html", "UTF-8"),
        ('text/html; a=b; Charset="utf-8"; charset=x', "text/html", "utf-8"),
        ("text/html; charset = 'koi8-r' ", "text/html", "koi8-r"),
        ('text/html; charset="utf-8', "text/html", "utf-8"),
        ("text/html; charset=", "text/html", None),
        ("text/html, text/plain", "text/plain", None),
        ("text/html; charset=gbk, text/html", "text/html", "gbk"),
        ("text/html; charset=gbk, text/plain", "text/plain", None),
        ('text/html; title="a,b/c"; charset=gbk', "text/html", "gbk"),
        ("text/html, nonsense", "text/html", None),
        ("html; charset=gbk", "", "gbk"),
        ("charset=gbk", "", "gbk"),
    ],
)
def test_a_field_has_an_essence_and_a_charset(field: str | None, essence: str, charset: str | None) -> None:
    """The last valid media type counts, the first charset in it, quoted or not."""
    assert parse_media_type(field) == MediaType(essence, charset)


@pytest.mark.parametrize(
    ("field", "may_be_html", "is_text"),
    [
        (None, True, False),
        ("text/html", True, True),
        ("application/xhtml+xml", True, True),
        ("application/xml", True, True),
        ("application/rss+xml", False, True),
        ("application/json", False, True),
        ("text/plain", False, True),
        ("image/png", False, False),
    ],
)
def test_a_media_type_says_what_it_can_be(field: str | None, may_be_html: bool, is_text: bool) -> None:
    """Only what is declared to be something else can't be HTML."""
    media = parse_media_type(field)
    assert (media.may_be_html, media.is_text) == (may_be_html, is_text)


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_no_field_raises(field: str) -> None:
    """Whatever a server sends has an answer."""
    assert parse_media_type(field).essence == parse_media_type(field).essence.lower()


def test_of_a_long_field_the_beginning_is_read() -> None:
    """And no more is kept of it."""
    assert parse_media_type("text/html; charset=utf-8" + ";x" * 200_000) == ("text/html", "utf-8")
    assert parse_media_type("a/b," * 60_000 + "text/html").essence == "a/b"
