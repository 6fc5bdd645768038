"""The public functions that are not the crawl itself: ``fetch_page``, ``run``, and reports as text."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import Any

import pytest
import trio
from crawl_support import SITE, asked, virtual

from trio_crawl import (
    FetchError,
    Page,
    RefusedError,
    Report,
    Request,
    SeedError,
    Statistics,
    UsageError,
    crawl,
    fetch_page,
    open_crawl,
)
from trio_crawl.testing import MemoryWeb


def site() -> MemoryWeb:
    memory = MemoryWeb()
    memory.robots(SITE, "User-agent: *\nDisallow: /private")
    memory.links(SITE, ["/a", "/b"], title="Home")
    memory.links(f"{SITE}a", ["/"])
    memory.links(f"{SITE}private", [])
    memory.add(f"{SITE}moved", redirect="/a")
    memory.add(f"{SITE}down", failure="connect")
    memory.add(f"{SITE}b", status=404)
    return memory


# fetch_page


@virtual
async def test_fetch_page() -> None:
    """One page is fetched, through its redirects, and nothing that it links to."""
    memory = site()
    page = await fetch_page(SITE, fetch=memory)
    assert (page.title, page.status, len(page.links())) == ("Home", 200, 2)
    page = await fetch_page(f"{SITE}moved#part", fetch=memory)
    assert (page.url, page.final_url) == (f"{SITE}moved", f"{SITE}a")
    page = await fetch_page(Request(f"{SITE}b", data=[1]), fetch=memory)
    assert (page.status, page.request.data) == (404, [1])
    assert asked(memory) == [SITE, f"{SITE}moved", f"{SITE}a", f"{SITE}b"]


@virtual
async def test_fetch_page_of_what_there_is_not() -> None:
    """Where there is no page, the error has the kind, the message and the failure with its attempts."""
    with pytest.raises(FetchError) as caught:
        await fetch_page(f"{SITE}down", fetch=site(), retries=1)
    failure = caught.value.failure
    assert caught.value.kind == "connect"
    assert failure is not None
    assert (failure.url, failure.attempts) == (f"{SITE}down", 2)


@virtual
async def test_fetch_page_that_robots_disallows() -> None:
    """What robots.txt disallows is refused, and the message says what would lift it."""
    memory = site()
    with pytest.raises(RefusedError, match="robots=False") as caught:
        await fetch_page(f"{SITE}private", fetch=memory)
    assert caught.value.reason == "robots"
    assert asked(memory) == []
    assert (await fetch_page(f"{SITE}private", fetch=memory, robots=False)).status == 200
    memory.robots(SITE, "", status=503)
    with pytest.raises(RefusedError) as caught:
        await fetch_page(f"{SITE}a", fetch=memory, retries=0)
    assert caught.value.reason == "robots_unreachable"


@pytest.mark.parametrize("keyword", ["parse", "write", "max_depth", "max_pages"])
@virtual
async def test_fetch_page_takes_what_concerns_fetching(keyword: str) -> None:
    """A keyword that makes no sense for one page is refused."""
    keywords: dict[str, Any] = {keyword: None}
    with pytest.raises(UsageError, match=f"takes no {keyword}="):
        await fetch_page(SITE, fetch=site(), **keywords)
    with pytest.raises(SeedError, match="did you mean"):
        await fetch_page("site.test", fetch=site())


async def test_a_name_that_does_not_exist() -> None:
    """With the real fetcher, a host that nobody has heard of is a failure of the kind ``dns``."""
    with trio.fail_after(60):
        with pytest.raises(FetchError) as caught:
            await fetch_page("https://nosuchhost.invalid/", retries=0)
        assert caught.value.kind == "dns"
        assert "nosuchhost.invalid" in caught.value.message
        report = await crawl(["https://nosuchhost.invalid/a", "https://nosuchhost.invalid/b"], retries=0)
    assert report.failed == {"dns": 2}
    assert report.requests == 0


async def test_an_address_that_is_not_global() -> None:
    """A host of our own network is a failure by default, which says what would allow it."""
    with trio.fail_after(60), pytest.raises(FetchError, match="allow_private") as caught:
        await fetch_page("http://127.0.0.1:9/", retries=0)
    assert caught.value.kind == "blocked_address"


# Reports


def test_a_report_as_text() -> None:
    """A report reads as a few lines that fit a terminal, and leaves out what is zero."""
    report = Report(
        discovered=1_234_571,
        pages=1_234_000,
        failed=MappingProxyType({"dns": 3, "timeout": 60}),
        skipped=MappingProxyType({"scope": 500, "robots": 8, "max_depth": 0}),
        statuses=MappingProxyType({200: 1_233_000, 404: 1000}),
        rows=20,
        links=5_000_000,
        links_dropped=7,
        requests=1_300_000,
        retries=120,
        redirects=42,
        robots=9,
        bytes=98_765_432_100,
        elapsed=12_340.0,
        ended="stopped",
        outputs=("links.tsv", "-"),
    )
    assert str(report).splitlines() == [
        "Crawl stopped by request after 12,340.0 s, 100.0 pages a second",
        "URLs discovered   1,234,571",
        "  pages           1,234,000  (200: 1,233,000, 404: 1,000)",
        "  failed                 63  (dns: 3, timeout: 60)",
        "  skipped               508  (scope: 500, robots: 8)",
        "  pending                 0",
        "requests          1,300,000  (retries: 120, redirects: 42, robots.txt: 9)",
        "links found       5,000,000  (dropped: 7)",
        "rows written             20  to links.tsv, -",
        "bytes received  98,765,432,100",
    ]


def test_an_empty_report_as_text() -> None:
    """A crawl of nothing reads as that, in as many lines."""
    lines = str(Report(ended="done")).splitlines()
    assert lines[0] == "Crawl done after 0.0 s"
    assert [line.rsplit(maxsplit=1)[1] for line in lines[1:]] == ["0"] * 9
    endings = {str(Report(ended=ended)).splitlines()[0] for ended in ("done", "stopped", "max_time", "left")}
    assert len(endings) == 4


def test_a_report_that_does_not_add_up() -> None:
    """A report whose numbers don't add up can't be made."""
    with pytest.raises(AssertionError, match="don't add up"):
        Report(discovered=2, pages=1, statuses=MappingProxyType({200: 1}))
    with pytest.raises(AssertionError, match="don't add up"):
        Report(discovered=1, pages=1, statuses=MappingProxyType({200: 2}))


@virtual
async def test_the_report_of_a_crawl() -> None:
    """The numbers of a crawl's report are those of its web."""
    memory = site()
    report = await crawl([SITE, f"{SITE}moved", f"{SITE}down", f"{SITE}private"], fetch=memory, delay=1)
    assert isinstance(report, Statistics)
    assert report.requests == len(memory.requests)
    assert report.robots == 1
    assert report.retries == 2
    assert report.statuses == {200: 2, 404: 1}
    assert report.failed == {"connect": 1}
    # The seed "/moved" led to "/a" before the link to it was found, or after.
    assert report.skipped["robots"] == 1
    assert report.discovered == report.pages + 1 + sum(report.skipped.values())
    assert report.elapsed == trio.current_time()
    assert report.bytes > 0
    with pytest.raises(TypeError):
        report.skipped["robots"] = 0  # type: ignore[index]


@virtual
async def test_a_page_holds_what_is_known_of_it() -> None:
    """A page of a stream says where it comes from, and is the same whoever asks."""
    async with open_crawl(SITE, fetch=site()) as pages:
        assert "going on" in repr(pages)
        with pytest.raises(RuntimeError, match="until its block is left"):
            _ = pages.report
        found: dict[str, Page] = {page.url: page async for page in pages}
    assert {url: (page.depth, page.referrer) for url, page in found.items()} == {
        SITE: (0, None),
        f"{SITE}a": (1, SITE),
        f"{SITE}b": (1, SITE),
    }
    assert len({page.id for page in found.values()}) == 3
    assert "ended" in repr(pages)


def test_a_crawl_that_is_awaited_in_asyncio_says_what_to_do() -> None:
    """It needs trio, and names the function that does not."""

    async def stream() -> None:
        async with open_crawl("https://site.test/"):
            pass

    with pytest.raises(UsageError, match=r"trio_crawl\.aio"):
        asyncio.run(stream())
    with pytest.raises(UsageError, match=r"trio_crawl\.run\(seeds"):
        asyncio.run(crawl("https://site.test/"))
