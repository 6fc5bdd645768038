"""Marks tell pages that are the same as another, or as what does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import trio
from crawl_support import SITE, asked, counts, virtual

from trio_crawl import Page, crawl
from trio_crawl._policy.duplicates import probe_url
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_crawl import Hop


def titled(title: str, text: str) -> str:
    """Return a page with a title and a text."""
    return f"<title>{title}</title><p>{text}"


@virtual
async def test_a_duplicate_names_the_first_page_with_its_content() -> None:
    """A page with the content of one before has its URL; error pages and empty ones have none."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, ["/a", "/b", "/c", "/d", "/e", "/f", "/g"])
    web.add(f"{SITE}a", "the same")
    web.add(f"{SITE}b", "another")
    web.add(f"{SITE}c", "the same", coding="gzip", delay=1)
    web.add(f"{SITE}d", "the same", delay=2)
    web.add(f"{SITE}e", "the same", status=404)
    web.add(f"{SITE}f")
    web.add(f"{SITE}g")
    found = {page.url: page.duplicate_of for page in await pages_of(web)}
    others = dict.fromkeys([SITE, *(f"{SITE}{name}" for name in "abefg")])
    assert found == {**others, f"{SITE}c": f"{SITE}a", f"{SITE}d": f"{SITE}a"}


async def pages_of(web: MemoryWeb, **keywords: Any) -> list[Page]:  # noqa: ANN401 - of crawl()
    """Return the pages of a crawl, as a parser is given them."""
    found: list[Page] = []

    def parse(page: Page) -> Any:  # noqa: ANN401 - links
        found.append(page)
        return page.links()

    await crawl(SITE, fetch=web, parse=parse, delay=0, **keywords)
    return found


def soft_site(missing: Callable[[Hop], Reply]) -> MemoryWeb:
    """Return a site of 300 pages, with links to as many that do not exist, and what it says of these."""
    web = MemoryWeb()
    web.links(SITE, ["/page/0"])
    for number in range(300):
        web.add(
            f"{SITE}page/{number}",
            f"<title>Page {number}</title><p>{'well ' * (number % 50 + 60)}"
            f"<a href=/page/{number + 1}>next</a> <a href=/gone/{number}>gone</a>"
            if number < 299
            else "<title>The last</title>",
        )
    web.otherwise(SITE, missing)
    return web


SORRY = "We are sorry, but we have nothing that goes by this name. " * 5


@pytest.mark.parametrize(
    "missing",
    [
        lambda _hop: Reply(body=titled("Nothing here", SORRY)),
        lambda hop: Reply(body=titled("Nothing here", f"{SORRY} You asked for {urlsplit(hop.url).path}.")),
        lambda hop: Reply(
            body=titled(f"{urlsplit(hop.url).path} is not here", f"{SORRY} {trio.current_time()}")
        ),
    ],
    ids=["the same", "with the path", "with a time"],
)
def test_a_soft_404_is_told_by_a_probe(missing: Callable[[Hop], Reply]) -> None:
    """A host that says 200 of what can't exist is found out by one request, and such pages are marked."""

    @virtual
    async def run() -> None:
        web = soft_site(missing)
        pages = await pages_of(web)
        probes = [url for url in asked(web) if url == probe_url(SITE)]
        assert len(probes) == 1
        place = asked(web).index(probes[0])
        assert 200 <= place <= 220
        before = set(asked(web)[: place + 3])
        gone = [page for page in pages if "/gone/" in page.url]
        assert len(gone) == 299
        assert [page.url for page in gone if not page.soft_404 and page.url not in before] == []
        assert [
            page.url for page in pages if page.soft_404 and page.url in before - set(asked(web)[place:])
        ] == []
        assert not any(page.soft_404 for page in pages if "/gone/" not in page.url)

    run()


@pytest.mark.parametrize("status", [404, 410, 503])
def test_an_honest_host_has_no_soft_404s(status: int) -> None:
    """Where what can't exist is not there, or says nothing, no page is marked, and the probe is no page."""

    @virtual
    async def run() -> None:
        web = soft_site(lambda hop: Reply(status=status) if hop.url == probe_url(SITE) else Reply(body=SORRY))
        found: list[Page] = []

        def parse(page: Page) -> Any:  # noqa: ANN401 - links
            found.append(page)
            return page.links()

        report = await crawl(SITE, fetch=web, parse=parse, delay=0)
        assert not any(page.soft_404 for page in found)
        assert counts(report) == (600, 600, {}, {}, 0)
        assert (report.probes, report.robots, report.requests) == (1, 1, 602)
        assert "probes: 1" in str(report)

    run()


@virtual
async def test_a_host_that_redirects_what_it_lacks() -> None:
    """The page that a host sends to for what can't exist is not marked for being that page."""
    web = soft_site(lambda _hop: Reply(status=302, headers=(("Location", "/nothing"),)))
    web.add(f"{SITE}nothing", titled("Nothing", SORRY))
    found = await pages_of(web)
    # The first redirect is followed, and the others end there, as at a URL that is known.
    assert [page.url for page in found if page.soft_404] == []
    assert sum(page.final_url == f"{SITE}nothing" for page in found) == 1


@virtual
async def test_a_probe_keeps_to_robots_and_comes_in_turn() -> None:
    """What robots.txt disallows is not asked for, and a probe waits for its turn as a page does."""
    web = soft_site(lambda _hop: Reply(body=SORRY))
    web.robots(SITE, "User-agent: *\nDisallow: /\nAllow: /page/\nAllow: /gone/\nAllow: /$")
    report = await crawl(SITE, fetch=web, delay=0)
    assert probe_url(SITE) not in asked(web)
    assert report.probes == 0
    assert counts(report)[:2] == (600, 600)
    web = soft_site(lambda _hop: Reply(body=SORRY))
    await crawl(SITE, fetch=web, delay=2)
    assert probe_url(SITE) in asked(web)
    assert min(web.gaps("site.test")[1:]) == pytest.approx(2)


@virtual
async def test_a_probe_holds_nobody_up() -> None:
    """A crawl that has nothing else to do ends without it; a host that was cancelled is not asked."""
    web = soft_site(lambda hop: Reply(body=SORRY, delay=10_000 if hop.url == probe_url(SITE) else 0))
    report = await crawl(SITE, fetch=web, delay=0, timeout=20_000)
    assert counts(report) == (600, 600, {}, {}, 0)
    assert trio.current_time() < 10_000


@pytest.mark.parametrize(("pages", "probes"), [(200, 0), (203, 1)])
def test_a_probe_is_worth_its_request_only_where_pages_are_to_come(pages: int, probes: int) -> None:
    """A host that has nothing more to give after 200 pages is not asked for what can't exist."""

    @virtual
    async def run() -> None:
        web = MemoryWeb()
        web.links(SITE, [f"/{number}" for number in range(1, pages)])
        for number in range(1, pages):
            web.links(f"{SITE}{number}", [], title=f"Page {number}")
        report = await crawl(SITE, fetch=web, delay=0, per_host=1)
        assert (report.pages, report.probes) == (pages, probes)

    run()
