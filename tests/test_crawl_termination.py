"""A crawl ends when nothing is left to do: never before, and never not at all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, lines_of, virtual

from trio_crawl import Control, Page, crawl, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator
    from pathlib import Path

    from trio_crawl import Hop, Request


def many_links(count: int) -> MemoryWeb:
    """Return a site whose first page links to *count* empty ones."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(count)])
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, "")
    return web


@virtual
async def test_a_page_with_ten_thousand_links() -> None:
    """A page that yields 10,000 links at once is followed to the last of them."""
    web = many_links(10_000)
    report = await crawl(SITE, fetch=web, delay=0, per_host=64)
    assert counts(report) == (10_001, 10_001, {}, {}, 0)
    assert report.links == 10_000
    assert report.links_dropped == 0
    assert len(set(asked(web))) == len(asked(web)) == 10_001
    assert report.ended == "done"


@virtual
async def test_more_links_than_max_links_are_counted_and_dropped(tmp_path: Path) -> None:
    """Of a page's links the first ``max_links`` count; how many were dropped is in the report."""
    web = many_links(10_007)
    report = await crawl(SITE, fetch=web, max_depth=0, write=tmp_path / "links.tsv")
    assert counts(report) == (10_001, 1, {}, {"max_depth": 10_000}, 0)
    assert report.links_dropped == 7
    rows = lines_of(tmp_path / "links.tsv")
    assert report.rows == len(rows) == report.links == 10_000
    assert rows[-1] == [SITE, f"{SITE}9999"]


@virtual
async def test_what_a_parser_yields_is_bounded_as_well() -> None:
    """``max_links`` counts what the user's parser yields to be followed."""
    web = many_links(10)
    report = await crawl(SITE, fetch=web, parse=Page.links, max_links=3, delay=0)
    assert counts(report) == (4, 4, {}, {}, 0)
    assert report.links_dropped == 7


@virtual
async def test_the_only_page_fails() -> None:
    """Where the only page fails, the crawl ends after its last attempt, with the failure in the books."""
    web = MemoryWeb()
    web.add(SITE, failure="protocol")
    web.robots(SITE, "")
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (1, 0, {"protocol": 1}, {}, 0)
    assert asked(web) == [SITE] * 3
    assert report.ended == "done"


async def _no_seeds() -> AsyncIterator[str]:
    nothing: list[str] = []
    for url in nothing:
        yield url


def _none() -> Iterator[str]:
    yield from ()


@pytest.mark.parametrize("kind", ["list", "tuple", "generator", "async", "file", "blank lines", "open file"])
@virtual
async def test_no_seeds(kind: str, tmp_path: Path) -> None:
    """Without a seed there is nothing to do: the crawl ends at once, whatever the seeds would come from."""
    empty, blank = tmp_path / "empty.txt", tmp_path / "blank.txt"
    empty.touch()
    blank.write_text("\n   \n# nothing here\n")
    web = MemoryWeb()
    with empty.open() as file:
        seeds: Any = {
            "list": [],
            "tuple": (),
            "generator": _none(),
            "async": _no_seeds(),
            "file": empty,
            "blank lines": blank,
            "open file": file,
        }[kind]
        report = await crawl(seeds, fetch=web, write=tmp_path / "links.tsv")
    assert counts(report) == (0, 0, {}, {}, 0)
    assert report.ended == "done"
    assert web.requests == []
    assert trio.current_time() == 0
    assert (tmp_path / "links.tsv").read_text() == "source_url\tparsed_url\n"


@virtual
async def test_a_page_that_links_to_itself() -> None:
    """A page that links to itself, with and without a fragment, is asked for once."""
    web = MemoryWeb()
    web.links(SITE, [SITE, "/", "#top", "", "?"])
    report = await crawl(SITE, fetch=web)
    assert sorted(asked(web)) == [SITE, f"{SITE}?"]
    assert counts(report) == (2, 2, {}, {}, 0)


@virtual
async def test_pages_that_link_in_a_circle() -> None:
    """Pages that all link to each other are asked for once each."""
    web = MemoryWeb()
    pages = [f"{SITE}{number}" for number in range(12)]
    for page in pages:
        web.links(page, pages)
    report = await crawl(pages[0], fetch=web, delay=0)
    assert sorted(asked(web)) == sorted(pages)
    assert report.pages == 12


@virtual
async def test_a_site_without_end_is_ended_by_max_pages() -> None:
    """A site that makes up a page for every URL is bounded by ``max_pages``; the queue is skipped then."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda hop: f'<a href="{hop.url}/a">a</a><a href="{hop.url}/b">b</a>')
    web.robots(SITE, "")
    report = await crawl(SITE, fetch=web, max_pages=50, delay=0)
    assert counts(report) == (101, 50, {}, {"max_pages": 51}, 0)
    assert len(asked(web)) == 50
    assert report.ended == "done"


@virtual
async def test_a_writer_that_is_slower_than_the_fetchers() -> None:
    """A slow output slows the fetching: only a bounded number of pages is fetched ahead of it."""
    fetched = 0

    def page(_hop: Hop) -> Reply:
        nonlocal fetched
        fetched += 1
        return Reply()

    web = MemoryWeb()
    web.otherwise(SITE, page)
    written: list[str] = []
    ahead: list[int] = []

    async def write(row: dict[str, Any]) -> None:
        await trio.sleep(1)
        written.append(row["url"])
        ahead.append(fetched - len(written))

    seeds = [f"{SITE}{number}" for number in range(5000)]
    report = await crawl(seeds, fetch=web, write=write, delay=0, per_host=64, concurrency=64, robots=False)
    assert report.pages == report.rows == len(set(written)) == 5000
    assert trio.current_time() >= 5000
    # Of batches of at most 1,000 outcomes one is written, one waits, one is to be handed over, and one is
    # gathered; and as many hops are out as may.
    assert max(ahead) <= 4 * 1000 + 2 * 64


@virtual
async def test_a_consumer_that_is_slower_than_the_fetchers() -> None:
    """A slow consumer of the stream slows the fetching to a few pages ahead of it."""
    web = many_links(500)
    taken = 0
    ahead: list[int] = []
    async with open_crawl(SITE, fetch=web, delay=0, per_host=8, concurrency=8) as pages:
        async for _page in pages:
            taken += 1
            await trio.sleep(10)
            ahead.append(len(asked(web)) - taken)
    assert taken == pages.report.pages == 501
    assert max(ahead) <= 2 * 8 + 8


@virtual
async def test_one_host_of_64_is_slow() -> None:
    """A host that takes a minute for each page holds up none of 63 others."""
    hosts = [f"https://host{number}.test/" for number in range(64)]
    web = MemoryWeb()
    finished: dict[str, float] = {}
    for host in hosts:
        slow = host == hosts[0]
        web.robots(host, "")
        web.links(host, [f"/{number}" for number in range(20)])
        for number in range(20):
            web.add(f"{host}{number}", "<p>page", delay=59 if slow else 0.1)
    report = await crawl(hosts, fetch=web, timeout=60)
    assert report.pages == 64 * 21
    for exchange in web.requests:
        host = exchange.url[: exchange.url.index("/", 8) + 1]
        finished[host] = max(finished.get(host, 0.0), exchange.finished or 0.0)
    others = [finished[host] for host in hosts[1:]]
    # Half a second apart, 22 starts take 10.5 s; the last answer takes 0.1 s more, and where all hosts
    # start at one instant one of them waits that long for a token.
    assert max(others) <= 10.8
    assert finished[hosts[0]] > 59 * 10


@virtual
async def test_a_host_with_a_long_delay_and_a_long_queue_holds_nobody_up() -> None:
    """A host whose robots.txt asks for a minute between pages does not keep tokens from the others."""
    slow, fast = "https://slow.test/", "https://fast.test/"
    web = MemoryWeb()
    web.robots(slow, "User-agent: *\nCrawl-delay: 60")
    for site in (slow, fast):
        web.links(site, [f"/{number}" for number in range(100)])
        for number in range(100):
            web.add(f"{site}{number}", "<p>page")
    report = await crawl([slow, fast], fetch=web, concurrency=2, delay=1)
    assert report.pages == 202
    ends = [e.finished or 0.0 for e in web.requests if e.url.startswith(fast)]
    assert max(ends) == pytest.approx(101)
    assert trio.current_time() == pytest.approx(60 * 101)


@virtual
async def test_a_consumer_that_leaves_after_the_first_page() -> None:
    """Leaving the block after one page cancels what is in flight, and the report says who ended it."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, [f"/{number}" for number in range(50)])
    for number in range(50):
        web.add(f"{SITE}{number}", "<p>page", delay=20)
    taken: list[str] = []
    async with open_crawl(SITE, fetch=web, delay=0, per_host=10) as pages:
        async for page in pages:
            taken.append(page.url)
            await trio.sleep(10)
            break
    report = pages.report
    assert taken == [SITE]
    assert report.ended == "left"
    assert report.pages == 1
    assert report.pending == 50
    assert all(exchange.finished is not None for exchange in web.requests)
    assert [e.outcome for e in web.requests].count("cancelled") == 10
    assert trio.current_time() == 10


@virtual
async def test_a_consumer_that_leaves_when_all_was_fetched() -> None:
    """What was fetched but never taken is pending, so the crawl was left and not done."""
    web = MemoryWeb()
    web.links(SITE, ["/a", "/b"])
    async with open_crawl(SITE, fetch=web, delay=0) as pages:
        async for _page in pages:
            await trio.sleep(100)
            break
    assert pages.report.pages == 1
    assert pages.report.pending == 2
    assert pages.report.ended == "left"


@virtual
async def test_a_consumer_that_never_asks() -> None:
    """A block that takes no page at all ends the crawl all the same; nothing counts as done."""
    web = many_links(5)
    async with open_crawl(SITE, fetch=web) as pages:
        pass
    assert pages.report.ended == "left"
    assert pages.report.pages == 0


@virtual
async def test_a_consumer_that_takes_everything_and_stays() -> None:
    """After the last page the iteration ends, as often as one asks, and the crawl is done."""
    web = many_links(3)
    async with open_crawl(SITE, fetch=web) as pages:
        assert len([page async for page in pages]) == 4
        assert [page async for page in pages] == []
    assert pages.report.ended == "done"
    assert counts(pages.report) == (4, 4, {}, {}, 0)


@virtual
async def test_a_service_that_gets_work_after_an_idle_hour() -> None:
    """With a memory channel as its seeds a crawl stays open while idle, and ends when that is closed."""
    web = MemoryWeb()
    for number in range(3):
        web.links(f"{SITE}{number}", [])
    send, receive = trio.open_memory_channel[str](0)
    reports = []

    async def service() -> None:
        reports.append(await crawl(receive, fetch=web))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(service)
        with send:
            await send.send(f"{SITE}0")
            await trio.sleep(3600)
            assert asked(web) == [f"{SITE}0"]
            await send.send(f"{SITE}1")
            await trio.sleep(3600)
            await send.send(f"{SITE}2")
    assert asked(web) == [f"{SITE}{number}" for number in range(3)]
    assert [report.ended for report in reports] == ["done"]
    assert 7200 <= trio.current_time() < 7210


@virtual
async def test_a_service_that_is_added_to_by_hand() -> None:
    """`Control.add` brings work to a crawl that is idle, and returns when the frontier has it."""
    web = MemoryWeb()
    web.links(SITE, [])
    web.links("https://other.test/", ["/below"])
    send, receive = trio.open_memory_channel[str](0)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, receive, fetch=web))
        await trio.sleep(3600)
        assert await control.add(SITE)
        assert control.statistics().discovered == 1
        assert not await control.add(f"{SITE}#again")
        await trio.sleep(3600)
        assert asked(web) == [SITE]
        assert await control.add("https://other.test/")
        await trio.sleep(10)
        send.close()
        report = await control.wait()
    assert asked(web) == [SITE, "https://other.test/", "https://other.test/below"]
    assert report.ended == "done"
    assert counts(report) == (3, 3, {}, {}, 0)


@virtual
async def test_seeds_are_read_as_lazily_as_they_are_used() -> None:
    """Of a million seeds only a bounded part is read where few pages are wanted."""
    read = 0

    def seeds() -> Iterable[str]:
        nonlocal read
        for number in range(1_000_000):
            read += 1
            yield f"{SITE}{number}"

    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    web.robots(SITE, "")
    report = await crawl(seeds(), fetch=web, max_pages=5)
    assert report.pages == 5
    assert read <= 11_000
    assert report.discovered == read
    assert report.skipped["max_pages"] == read - 5


@virtual
async def test_async_seeds_are_read_as_lazily_and_closed() -> None:
    """An async generator of seeds is read a bounded part ahead, and closed before the crawl returns."""
    read, closed = 0, False

    async def seeds() -> AsyncIterator[str | Request]:
        nonlocal read, closed
        try:
            for number in range(30_000):
                read += 1
                yield f"{SITE}{number}"
        finally:
            closed = True

    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply(delay=1))
    web.robots(SITE, "")
    report = await crawl(seeds(), fetch=web, max_pages=5)
    assert report.pages == 5
    assert read <= 11_000
    assert closed
