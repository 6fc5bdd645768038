"""Which pages are the same, and what a host says of a URL that can't exist."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from frontier_support import lease_of, page_of
from hypothesis import given, strategies as st

from trio_crawl._parse.html import HtmlDocument
from trio_crawl._policy.duplicates import (
    MOST_SHINGLES,
    Missing,
    content_hash,
    probe_url,
    shingles,
    similarity,
)

if TYPE_CHECKING:
    from trio_crawl import Page

SITE = "https://a.test/"
TEXT = "This shop has no such page, but it has many others that you may like. " * 4


def page(url: str, title: str, text: str) -> Page:
    """Return a page with a title and a text."""
    content = f"<title>{title}</title><p>{text}".encode()
    document = HtmlDocument(content, content_type="text/html; charset=utf-8", url=url)
    return replace(page_of(lease_of(url)).page, url=url, final_url=url, content=content, _document=document)


def same(missing: Page, other: Page) -> bool:
    """Return whether *other* is what its host says of what can't exist."""
    return Missing.of(missing).is_said_of(other, content_hash(other.content))


def test_a_hash_is_the_same_in_every_process() -> None:
    """A state holds hashes of content: this one must never be another."""
    assert f"{content_hash(b'trio'):016x}" == "223bde92fcd1f1da"
    assert content_hash(b"trio") != content_hash(b"trip")
    assert 0 <= content_hash(b"") < 1 << 64


def test_a_probe_is_its_origins() -> None:
    """It is the same for all pages of an origin, another for another one, and never a path of words."""
    assert probe_url(f"{SITE}a/b?c=d") == probe_url(SITE)
    assert probe_url(SITE) != probe_url("https://b.test/")
    path = probe_url(SITE).removeprefix(SITE)
    assert len(path) == 20
    assert set(path) <= set("0123456789abcdef")


def test_what_is_near_equal_is_said_of_both() -> None:
    """The same title, nearly the same length and text: the page's own address does not count."""
    missing = page(f"{SITE}nowhere", "Nothing at /nowhere", f"{TEXT} /nowhere 12:01")
    assert same(missing, page(f"{SITE}nowhere", "Nothing at /nowhere", f"{TEXT} /nowhere 12:01"))
    assert same(missing, page(f"{SITE}gone", "Nothing at /gone", f"{TEXT} /gone 12:02"))


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Another title", TEXT),
        ("Nothing", TEXT * 2),
        ("Nothing", " ".join(sorted(TEXT.split()))),
        ("Nothing", ""),
    ],
)
def test_what_differs_is_not(title: str, text: str) -> None:
    """Another title, length or text makes another page."""
    assert not same(page(f"{SITE}nowhere", "Nothing", TEXT), page(f"{SITE}gone", title, text))


def test_where_a_host_redirects_what_it_lacks() -> None:
    """A page is missing if it was redirected to the same URL, and not for being that URL."""
    missing = Missing(location=f"{SITE}home")
    home = page(f"{SITE}home", "Home", TEXT)
    assert not missing.is_said_of(home, 0)
    assert missing.is_said_of(replace(home, redirects=(f"{SITE}gone",)), 0)
    assert not missing.is_said_of(replace(home, redirects=(f"{SITE}gone",), final_url=f"{SITE}new"), 0)


@given(st.text("abc ", max_size=60), st.text("abc ", max_size=60))
def test_similarity_is_between_none_and_all(one: str, other: str) -> None:
    """It is the same both ways, whole for the same words, and nothing where nothing is shared."""
    first, second = shingles(one), shingles(other)
    assert 0 <= similarity(first, second) == similarity(second, first) <= 1
    assert similarity(first, shingles(" ".join(one.split()))) == 1


def test_large_texts_are_compared_by_a_part_of_their_shingles() -> None:
    """What is kept of a text is bounded, and so is what is read of it; near-equal ones are told as before."""
    words = [f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676 % 26)}" for n in range(9_000)]
    text = " ".join(words)
    one = shingles(text)
    assert len(one) == MOST_SHINGLES
    assert similarity(one, one) == 1
    nearly = words.copy()
    nearly[4_000:4_100] = ["other"] * 100
    assert 0.95 < similarity(one, shingles(" ".join(nearly))) < 1
    half = words[:4_500] + [f"{word}x" for word in words[4_500:]]
    assert 0.2 < similarity(one, shingles(" ".join(half))) < 0.5
    found = Missing.of(page(f"{SITE}nowhere", "T" * 10_000, f"{text} " * 100))
    assert found.size < 3_000
    assert same(page(f"{SITE}a", "T", text), page(f"{SITE}b", "T", " ".join(nearly)))
