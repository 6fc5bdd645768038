"""What type checkers see of a crawl: checked with the tests, and run by one of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, assert_type

import trio

import trio_crawl
from trio_crawl import Control, Failure, Link, Page, Report, Skip
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEED = "https://site.test/"


def a_web() -> MemoryWeb:
    """Make a site of two pages, one of which is missing."""
    web = MemoryWeb()
    web.links(SEED, ["/gone"])
    return web


def parse(page: Page) -> Iterator[Link | Mapping[str, object]]:
    """Follow every link, and keep the title."""
    yield from page.links()
    yield {"url": page.url, "title": page.title}


async def streams() -> list[str]:
    """Ask for pages, for failures and skips too, and for what a parser yields."""
    urls: list[str] = []
    async with trio_crawl.open_crawl(SEED, fetch=a_web(), delay=0) as pages:
        assert_type(pages.control, Control)
        async for page in pages:
            assert_type(page, Page)
            urls.append(page.url)
    assert_type(pages.report, Report)
    async with trio_crawl.open_crawl(SEED, fetch=a_web(), delay=0, failures=True) as outcomes:
        async for outcome in outcomes:
            assert_type(outcome, Page | Failure)
    async with trio_crawl.open_crawl(SEED, fetch=a_web(), delay=0, skips=True) as found:
        async for item in found:
            assert_type(item, Page | Failure | Skip)
    async with trio_crawl.open_crawl(SEED, fetch=a_web(), delay=0, parse=parse) as rows:
        async for row in rows:
            assert_type(row, Any)
    return urls


async def control() -> Report:
    """Start a crawl in a nursery: trio declares what comes back as Any, so the variable has the type."""
    async with trio.open_nursery() as nursery:
        started: Control = await nursery.start(partial(trio_crawl.crawl, SEED, fetch=a_web(), delay=0))
        assert_type(started, Control)
    return await started.wait()


async def with_own_status(*, task_status: trio.TaskStatus[Control] = trio.TASK_STATUS_IGNORED) -> Report:
    """Pass on a task status, of which `crawl` says that it gives a `Control`."""
    report = await trio_crawl.crawl(SEED, fetch=a_web(), delay=0, task_status=task_status)
    assert_type(report, Report)
    return report
