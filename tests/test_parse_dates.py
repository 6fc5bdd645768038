"""Dates of sitemaps and feeds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from trio_crawl._parse.dates import moment_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", (2024, 1, 1)),
        ("2024-05", (2024, 5, 1)),
        ("2024-05-06", (2024, 5, 6)),
        (" 2024-05-06T07:08Z\n", (2024, 5, 6, 7, 8)),
        ("2024-05-06T07:08:09.5+02:00", (2024, 5, 6, 5, 8, 9, 500000)),
        ("2024-05-06 07:08:09", (2024, 5, 6, 7, 8, 9)),
        ("Mon, 06 May 2024 07:08:09 GMT", (2024, 5, 6, 7, 8, 9)),
        ("6 May 2024 07:08 -0100", (2024, 5, 6, 8, 8)),
    ],
)
def test_a_date_is_a_moment_in_utc(text: str, expected: tuple[int, ...]) -> None:
    """In either form, as exactly as it says."""
    assert moment_of(text) == datetime(*expected, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0000",
        "2024-13",
        "2024-02-30",
        "yesterday",
        "0001-01-01T00:00+23:00",
        "1" * 70,
        "2024-",
        "٢٠٢٤",
        "Mon,",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    """Nothing is guessed."""
    assert moment_of(text) is None


@given(st.text(max_size=40) | st.text(alphabet="0123456789-:TZ+. MonJan,GMT", max_size=40))
def test_no_text_raises(text: str) -> None:
    """Whatever a feed says, it is a moment in UTC or none."""
    moment = moment_of(text)
    assert moment is None or moment.tzinfo is UTC
