"""Candidates of a ``srcset``, by the standard's algorithm."""

from __future__ import annotations

import pytest
from growth_support import assert_linear
from hypothesis import given, strategies as st

from trio_crawl._parse.srcset import candidates


@pytest.mark.parametrize(
    ("srcset", "expected"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        ("a, b 2x", ["a", "b"]),
        ("a 100w,b 200w", ["a", "b"]),
        ("a,b", ["a,b"]),
        ("a,,, b", ["a", "b"]),
        ("a 1x,b", ["a", "b"]),
        ("a  1.5x , b 1e2x", ["a", "b"]),
        ("data:,x 1x", ["data:,x"]),
        ("a 1x 2x, b", ["b"]),
        ("a 1w 2x, b", ["b"]),
        ("a 0w, b 0x", ["b"]),
        ("a 00w, b -1x, c -0x", ["c"]),
        ("a 10w 20h, b 20h, c 20h 1x", ["a"]),
        ("a foo, b", ["b"]),
        ("a (x, y) 1x, b", ["b"]),
        ("a (x, y", []),
        ("a 1x,\tb\n2x\f,\rc", ["a", "b", "c"]),
        ("a\u00a02x", ["a\u00a02x"]),
        ("a 1.x, b .5x, c +1x, d 1X", ["b"]),
        ("a ٣w, b", ["b"]),
    ],
)
def test_candidates_are_what_the_standard_keeps(srcset: str, expected: list[str]) -> None:
    """One whose descriptors are wrong is dropped, and the others stay."""
    assert candidates(srcset) == expected


@given(st.text(alphabet="a1x w,()h.-\t\n", max_size=40))
def test_any_text_has_candidates_without_white_space(srcset: str) -> None:
    """No text raises, and no candidate ends in a comma that parts it from the next."""
    for candidate in candidates(srcset):
        assert candidate
        assert not set(candidate) & set(" \t\n")
        assert not candidate.endswith(",")


@pytest.mark.parametrize("piece", [",", "(", "a ", "a (", "a,", "((", "a 1x", ") "])
def test_a_hostile_attribute_takes_linear_time(piece: str) -> None:
    """A megabyte is read as quickly as it can be looked at."""
    assert_linear(lambda size: candidates(piece * (size // len(piece))), 64_000)
