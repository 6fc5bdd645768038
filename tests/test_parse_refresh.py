"""Where a refresh leads, by the standard's steps."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_crawl._parse.refresh import target


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("0; url=x", "x"),
        ("0;url=x", "x"),
        ("0,URL = x", "x"),
        ("0 x", "x"),
        (" 0.5 ; x", "x"),
        (".5; x", "x"),
        ("1.2.3; x", "x"),
        ("0; url='x' y", "x"),
        ('0; url="x y', "x y"),
        ("0; 'x' y", "x"),
        ("0; url", "url"),
        ("0; url x", "url x"),
        ("0; ur=x", "ur=x"),
        ("0; u", "u"),
        ("0;; x", "; x"),
        ("0; url=", ""),
        ("5", ""),
        ("5;", ""),
        ("", None),
        ("x", None),
        ("; x", None),
        ("-1; x", None),
        ("5x; y", None),
        ("url=x", None),
        ("٣; x", None),
    ],
)
def test_a_refresh_is_read_as_the_standard_reads_it(content: str, expected: str | None) -> None:
    """There has to be a time; the rest is the URL, in whatever dress."""
    assert target(content) == expected


@given(st.text(alphabet="0.;, url='\"x", max_size=20))
def test_any_text_leads_somewhere_or_nowhere(content: str) -> None:
    """No text raises, and what it leads to stands in it."""
    found = target(content)
    assert found is None or found in content
