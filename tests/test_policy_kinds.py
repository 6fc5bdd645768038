"""Which kinds of links are asked for."""

from __future__ import annotations

import pytest

from trio_crawl._errors import UsageError
from trio_crawl._policy.kinds import ALL, ANCHORS, FOLLOWED, chosen


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ("a", {"a"}),
        (("a", "img"), {"a", "img"}),
        (iter(["feed"]), {"feed"}),
        ((), set()),
        ("all", ALL),
        (FOLLOWED, FOLLOWED),
    ],
)
def test_kinds_are_one_or_several_or_all(kinds: object, expected: set[str]) -> None:
    """Whichever way they are given."""
    assert chosen(kinds) == expected  # type: ignore[arg-type] # some are iterators


@pytest.mark.parametrize("kinds", ["frame", ("a", "b"), 3, [["a"]], [None], ""])
def test_what_is_no_kind_is_the_callers_error(kinds: object) -> None:
    """The message says which kinds there are."""
    with pytest.raises(UsageError, match="kind of link"):
        chosen(kinds)  # type: ignore[arg-type] # that is what is wrong


def test_by_default_anchors_are_rows_and_frames_are_followed_too() -> None:
    """What is followed is all of that, and what a browser shows in place."""
    assert {*ANCHORS, "iframe"} == FOLLOWED
