"""Which requests a stored response may answer at all."""

from __future__ import annotations

import pytest
from cache_support import headers
from hypothesis import given, strategies as st

from trio_crawl import Hop
from trio_crawl._fetch.cache_entry import request_headers, variant_of, vary_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "authorization"),
        ("Vary: Accept, accept ,,Cookie", "accept,authorization,cookie"),
        ("Vary: b\nVary: A", "a,authorization,b"),
        ("Vary: *", "*,authorization"),
    ],
)
def test_the_names_that_a_response_depends_on(text: str, expected: str) -> None:
    """They are those of Vary, in one spelling and order, and always the credentials."""
    assert vary_of(headers(text)) == expected


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("a: 1", "A: 1", True),
        ("a: 1, 2", "a: 1 ,2", True),
        ("a: 1, 2", "a: 1\na: 2", True),
        ("a: 1\nx: 1", "a: 1\nx: 2", True),
        ("a: 1", "a: 2", False),
        ("a: 1", "", False),
        ("a:", "", False),
        ("a: 1, 2", "a: 2, 1", False),
        ("a: x", "a: X", False),
    ],
)
def test_two_requests_for_one_variant(one: str, other: str, same: bool) -> None:
    """White space and the number of lines make no difference, and everything else does (section 4.1)."""
    assert (variant_of("a", headers(one)) == variant_of("a", headers(other))) is same


@given(st.lists(st.text("ab,", max_size=3), min_size=2, max_size=2, unique=True))
def test_values_don_t_run_into_each_other(values: list[str]) -> None:
    """What one field ends with is never taken for the beginning of the next."""
    one, other = values
    first = variant_of("a,b", headers(f"a: {one}x\nb: {other}"))
    assert first != variant_of("a,b", headers(f"a: {one}\nb: x{other}"))


def test_the_fields_of_a_hop() -> None:
    """Its fields are had by any case, and no character makes it raise."""
    found = request_headers(Hop(url="http://site.test/", headers=(("Cache-Control", "no-cache"), ("x", "€"))))
    assert found.get("cache-control") == "no-cache"
    assert found.get("X") is not None
