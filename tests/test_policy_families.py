"""A family of pages has a budget: it is spent by what says nothing new, and earned by what does."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trio_crawl._policy.families import (
    BARREN,
    FRUITFUL,
    FULL,
    MOST_EARNED,
    WARY,
    Family,
    words_of,
)


def pages_until_spent(*, wary: bool, fruitful: bool = False, fresh: int = 0) -> int:
    """Return how many pages a family has whose first *fresh* ones that are asked have something to say."""
    family, pages = Family.new(wary=wary), 0
    while not family.spent:
        asked = family.in_doubt(wary=wary)
        new_words = (9 if fresh else 0) if asked else None
        fresh -= asked and fresh > 0
        family = family.learn(fruitful=fruitful, new_words=new_words, wary=wary)
        pages += 1
    return pages


def test_what_says_nothing_new_is_spent() -> None:
    """A thousand barren pages in a row spend a family, half as many one of dates, fruitful ones 20,000."""
    assert pages_until_spent(wary=False) == FULL // BARREN == 1_000
    assert pages_until_spent(wary=True) == WARY // BARREN == 500
    assert pages_until_spent(wary=False, fruitful=True) == FULL // FRUITFUL == 20_000


@pytest.mark.parametrize("wary", [False, True])
def test_a_few_new_words_earn_little(wary: bool) -> None:
    """Nineteen pages with new words, as a calendar has, earn less than five hundred pages more."""
    earned = pages_until_spent(wary=wary, fresh=19) - pages_until_spent(wary=wary)
    assert 19 <= earned <= 500


def test_an_honest_family_is_soon_asked_seldom() -> None:
    """Of a family that always has something to say one page of 250 is asked in the end; it never ends."""
    family, asked = Family.new(wary=False), 0
    for _ in range(100_000):
        doubt = family.in_doubt(wary=False)
        asked += doubt
        family = family.learn(fruitful=False, new_words=5 if doubt else None, wary=False)
        assert not family.spent
    assert asked < 100_000 / MOST_EARNED + 300


@given(st.lists(st.tuples(st.booleans(), st.none() | st.integers(0, 9)), max_size=200), st.booleans())
def test_what_is_left_is_bounded(pages: list[tuple[bool, int | None]], wary: bool) -> None:
    """Whatever pages come, a family has never less than nothing left, nor more than it may earn at once."""
    family = Family.new(wary=wary)
    for fruitful, new_words in pages:
        family = family.learn(fruitful=fruitful, new_words=new_words, wary=wary)
        assert 0 <= family.left <= FULL + MOST_EARNED * BARREN
        assert family.spent == (family.left == 0)


def test_words_are_what_is_shown() -> None:
    """Mark-up, scripts and styles are no words, nor is what holds a digit; case does not matter."""
    content = (
        "<title>Über uns</title><style>p {color: red}</style><SCRIPT>var token = 'hjkl';</SCRIPT>"
        "<p class=large>June 2031, week23 and JUNE again: a3f9bc</p>日本語"
    ).encode()
    shown = ["Über", "uns", "June", "and", "again", "日本語"]
    assert words_of(content) == {word.encode().lower() for word in shown}


@given(st.binary(max_size=300))
def test_any_bytes_have_words(content: bytes) -> None:
    """Nothing in a body is an error, and its words are of three to sixty bytes without digits."""
    assert all(
        3 <= len(word) <= 60 and not any(48 <= byte <= 57 for byte in word) for word in words_of(content)
    )


@pytest.mark.parametrize("piece", [b"<", b"<script ", b"</script", b"<style></"])
def test_words_of_hostile_content_take_no_longer(piece: bytes) -> None:
    """What opens and never closes is read once: a megabyte of it has no words, and takes no time."""
    assert words_of(piece * (1_000_000 // len(piece))) <= {b"script"}
