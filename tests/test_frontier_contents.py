"""Which page had a content first is known of the last pages."""

from __future__ import annotations

import pytest

from trio_crawl._frontier import contents as module
from trio_crawl._frontier.contents import Contents
from trio_crawl._frontier.index import FingerprintMap


@pytest.mark.parametrize("stored", [False, True])
def test_the_first_page_is_named(stored: bool) -> None:
    """The second page with a content gets the number and the URL of the first; none is its own duplicate."""
    contents = Contents(stored=stored)
    assert contents.first(7, 1, "https://a.test/1") is None
    assert contents.first(8, 2, "https://a.test/2") is None
    assert contents.first(7, 3, "https://a.test/3") == 1
    assert contents.first(7, 1, "https://a.test/1") is None
    assert contents.url(1) == "https://a.test/1"
    assert contents.url(3) is None


def test_an_earlier_crawls_pages_are_known_by_number() -> None:
    """What a state knew is found, and its URL is not."""
    known = FingerprintMap()
    known.add(7, 41)
    contents = Contents(stored=True)
    contents.resume(known)
    assert contents.first(7, 50, "https://a.test/50") == 41
    assert contents.url(41) is None


@pytest.mark.parametrize("stored", [False, True])
def test_the_oldest_are_forgotten(stored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: of a generation of ten, the last ten are known at least, and no more than twenty."""
    monkeypatch.setattr(module, "GENERATION", 10)
    monkeypatch.setattr(module, "RECENT", 10)
    contents = Contents(stored=stored)
    for number in range(1, 101):
        assert contents.first(number, number, f"https://a.test/{number}") is None
    for number in range(91, 101):
        assert contents.first(number, 999, "") == number
        assert contents.url(number) == f"https://a.test/{number}"
    assert contents.url(80) is None
    assert len(repr(contents)) < 40
    assert contents.first(80, 999, "https://a.test/999") is None
