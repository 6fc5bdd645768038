"""Tests of a crawl: with pytest-trio, a web in memory, and a clock that jumps ahead when all wait.

Run it: ``pytest examples/tested.py``, or ``python examples/tested.py``; an hour passes in no time.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from news_by_sitemap import is_new
from own_parser import parse
from trio.testing import MockClock

import trio_crawl
from trio_crawl.testing import MemoryWeb, page

QUOTE = "<div class=quote><span class=text>{}</span><span class=author>Ada</span></div>"


def test_a_parser_alone() -> None:
    """A page is all that a parser needs."""
    [row] = parse(page(QUOTE.format("Well"), url="https://quotes.test/"))
    assert row == {"text": "Well", "author": "Ada", "url": "https://quotes.test/"}


def test_what_is_followed() -> None:
    """So does a link for a function that decides about it."""
    old = trio_crawl.Link(url="https://a.test/", kind="sitemap", lastmod=datetime(2001, 1, 1, tzinfo=UTC))
    assert not is_new(old)


@pytest.mark.trio
async def test_the_whole_crawl(web: MemoryWeb, crawl_clock: MockClock, tmp_path: Path) -> None:
    """Hosts that are slow, in trouble, or ask for long pauses cost no time, and each run is the same."""
    web.robots("https://quotes.test", "User-agent: *\nCrawl-delay: 60")
    web.add("https://quotes.test/", QUOTE.format("One") + "<li class=next><a href=/2>next</a></li>", delay=5)
    web.add("https://quotes.test/2", status=503, headers=[("Retry-After", "3600")])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recover, web)
        rows = tmp_path / "quotes.jsonl"
        report = await trio_crawl.crawl("https://quotes.test/", fetch=web, parse=parse, write=rows)
    assert (report.pages, report.retries, report.rows) == (2, 1, 2)
    assert min(web.gaps("quotes.test")) >= 60
    assert crawl_clock.current_time() > 3600


async def recover(web: MemoryWeb) -> None:
    """Let the server be well again after a while."""
    await trio.sleep(600)
    web.add("https://quotes.test/2", QUOTE.format("Two"))


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q", "-p", "pytest_trio_crawl", "-p", "no:cacheprovider"]))
