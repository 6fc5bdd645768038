"""No host keeps the others waiting, whatever its pages do and however many of its URLs come first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, counts, virtual

from trio_crawl import Page, crawl
from trio_crawl._errors import FetchError
from trio_crawl._frontier import seeds as waiting
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from trio_crawl import Hop

GOOD = [f"https://good{number}.test/" for number in range(4)]
BAD = "https://bad.test/"


def page(_hop: Hop) -> Reply:
    return Reply(body=b"<p>page")


def web_of(*sites: str) -> MemoryWeb:
    web = MemoryWeb()
    for site in sites:
        web.otherwise(site, page)
    return web


def asked_of(web: MemoryWeb, site: str) -> int:
    return sum(each.url.startswith(site) for each in web.requests)


async def good_rate(seconds: float, *, bad: bool, **keywords: Any) -> tuple[int, int]:  # noqa: ANN401 - of crawl
    """Return how many pages of good hosts, and of the bad one, were asked for in so many seconds."""
    web = web_of(BAD, *GOOD)
    hosts = [*([BAD] if bad else []), *GOOD]
    seeds = [f"{host}{number}" for number in range(2000) for host in hosts]
    await crawl(seeds, fetch=web, robots=False, traps=False, max_time=seconds, grace=0, **keywords)
    return sum(asked_of(web, host) for host in GOOD), asked_of(web, BAD)


@virtual
async def test_a_parser_that_hangs_on_one_host() -> None:
    """An async parser that never ends holds up no other host, and its host is not asked on."""

    async def parse(found: Page) -> None:
        if found.url.startswith(BAD):
            await trio.sleep_forever()
        await trio.sleep(0.3)

    for concurrency in (4, 16):
        keywords: dict[str, Any] = {"parse": parse, "concurrency": concurrency, "delay": 0.25}
        alone, none = await good_rate(60, bad=False, **keywords)
        beside, bad = await good_rate(60, bad=True, **keywords)
        assert none == 0
        assert beside >= 0.9 * alone
        # Half of the places, two that wait, and what was under way when the second began to wait.
        assert bad <= concurrency + 2 + 1


@virtual
async def test_what_waits_is_bounded_for_many_hosts() -> None:
    """With a parser that never ends, of any page, a bounded number of pages is asked for."""

    async def parse(_page: Page) -> None:
        await trio.sleep_forever()

    sites = [f"https://h{number}.test/" for number in range(300)]
    web = web_of(*sites)
    seeds = [f"{site}{number}" for number in range(5) for site in sites]
    await crawl(
        seeds, fetch=web, robots=False, parse=parse, concurrency=8, max_time=600, grace=0, follow="any"
    )
    # With parsers, waiting for one, and under way.
    assert len(web.requests) <= 2 * 8 + 4 * 8 + 8


@virtual
async def test_a_sitemap_without_end_holds_no_token() -> None:
    """Sitemaps of one host that take long to read take no place of hops to others."""
    entries = "".join(f"<url><loc>{BAD}{number}</loc></url>" for number in range(3000))
    sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
    web = web_of(BAD, *GOOD)
    web.robots(BAD, "".join(f"Sitemap: {BAD}map{number}.xml\n" for number in range(40)))
    for number in range(40):
        web.add(f"{BAD}map{number}.xml", sitemap, content_type="application/xml")
    report = await crawl(
        [BAD, *GOOD], fetch=web, concurrency=2, sitemaps=True, delay=0, max_per_host=50, traps=False
    )
    assert report.sitemaps == 40


# Seeds


@pytest.mark.parametrize("kind", ["slow", "resting", "dead"])
@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_seeds_of_one_host_do_not_keep_others_from_being_read(
    kind: str, state: bool, tmp_path: Path
) -> None:
    """However many seeds of one host come first, those of others are read while it can't start."""
    web = web_of(BAD, *GOOD)
    if kind == "resting":
        web.otherwise(BAD, lambda _hop: Reply(status=503, headers=(("Retry-After", "3000"),)))
    elif kind == "dead":
        web.otherwise(BAD, lambda _hop: Reply(failure=FetchError("connect", "refused")))

    def seeds() -> Iterator[str]:
        for number in range(15_000):
            yield f"{BAD}{number}"
        yield from GOOD

    keywords: dict[str, Any] = {"follow": "any", "robots": False, "traps": False, "max_time": 60, "grace": 0}
    await crawl(seeds(), fetch=web, state=tmp_path / "a.db" if state else None, **keywords)
    first = [min(each.started for each in web.requests if each.url == url) for url in GOOD]
    assert max(first) < 5


@virtual
async def test_seeds_come_before_links() -> None:
    """Links that were found meanwhile do not keep seeds from being read, and go after them."""
    web = MemoryWeb()
    links = "".join(f"<a href=/{number}/{{0}}>x</a>" for number in range(3))
    web.otherwise(SITE, lambda hop: links.format(hop.url.rpartition("/")[2]))
    seeds = (f"{SITE}seed-{number}" for number in range(11_000))
    report = await crawl(seeds, fetch=web, robots=False, traps=False, delay=0, per_host=64, max_pages=12_000)
    asked = [each.url for each in web.requests]
    assert sum("/seed-" in url and url.count("/") == 3 for url in asked) == 11_000
    assert report.seeds_unread == 0


@virtual
async def test_seeds_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a host that can't start enough, so many are read and no more."""
    monkeypatch.setattr(waiting, "MOST", 12_000)
    read = 0

    def seeds() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield f"{BAD}{read}"

    web = web_of(BAD)
    report = await crawl(seeds(), fetch=web, robots=False, traps=False, max_time=100)
    assert 12_000 <= read <= 12_000 + 2 * 256 + 250
    assert report.seeds_unread is None
    assert "the source of seeds was not read to its end" in str(report)


@virtual
async def test_seeds_that_were_never_read_are_counted(tmp_path: Path) -> None:
    """Of a collection and of a file; of what may have no end nobody knows."""
    urls = [f"{SITE}{number}" for number in range(30_000)]
    web = web_of(SITE)
    crawled = partial(crawl, fetch=web, robots=False, delay=0, max_pages=10)
    report = await crawled(urls)
    assert report.seeds_unread == 30_000 - report.discovered > 0
    assert "seeds not read" in str(report)
    path = tmp_path / "seeds.txt"
    path.write_text("# a comment\n\n" + "\n".join(urls))
    report = await crawled(path)
    assert report.seeds_unread == 30_000 - report.discovered > 0
    path.write_bytes("\n".join(urls).encode() + b"\nhttps://site.test/\xff\n" + b"\nhttps://site.test/x")
    report = await crawled(path)
    assert report.seeds_unread is not None
    assert report.seeds_unread >= 17_000  # all but the piece that can't be decoded
    assert (await crawled(iter(urls[:5]))).seeds_unread == 0
    assert (await crawled(url for url in urls)).seeds_unread is None
    assert (await crawled(url for url in urls[:5])).seeds_unread == 0

    async def source(number: int) -> AsyncIterator[str]:
        for url in urls[:number]:
            yield url

    assert (await crawled(source(5))).seeds_unread == 0
    assert (await crawled(source(30_000))).seeds_unread is None
    report = await crawl(urls, fetch=web, robots=False, max_time=10, grace=0)
    assert report.seeds_unread == 30_000 - report.discovered >= 0
    assert counts(await crawled(urls[:5])) == (5, 5, {}, {}, 0)
