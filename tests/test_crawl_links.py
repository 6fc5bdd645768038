"""Which links a crawl follows, and which are rows, on a web in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from crawl_support import SITE, asked, counts, lines_of, objects_of, virtual

import trio_crawl
from trio_crawl import Link, Request, crawl
from trio_crawl.testing import MemoryWeb
from trio_crawl.writers import Lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Page

PAGE = (
    "<link rel=next href=/next><img src=/i.png><iframe src=/frame></iframe><iframe src=http://ads.test/></iframe>"
    "<a href=/a>a</a><a href=https://u:p@site.test/b>b</a><a href=/frame>f</a>"
)


@virtual
async def test_frames_are_followed_and_no_rows(tmp_path: Path) -> None:
    """What a page shows in place is a page; it is judged as any link, and stands in no table."""
    web = MemoryWeb()
    web.add(SITE, "<iframe src=/frame></iframe><iframe src=http://ads.test/></iframe><a href=/a>")
    web.add(SITE + "frame", "<a href=/deep>")
    report = await trio_crawl.crawl(SITE, fetch=web, write=tmp_path / "x.tsv")
    assert sorted(asked(web)) == [SITE, SITE + "a", SITE + "deep", SITE + "frame"]
    assert lines_of(tmp_path / "x.tsv") == [[SITE, SITE + "a"], [SITE + "frame", SITE + "deep"]]
    assert report.skipped == {"scope": 1}
    assert report.links == 2


@virtual
async def test_an_output_asks_for_kinds_of_links(tmp_path: Path) -> None:
    """Beside a table of anchors one of everything, bounded and without user names, at no other's cost."""
    web = MemoryWeb()
    web.add(SITE, PAGE, headers=[("Link", "</h>; rel=author")])
    write = [tmp_path / "a.tsv", Lines(tmp_path / "all.tsv", kinds="all"), tmp_path / "p.jsonl"]
    report = await trio_crawl.crawl(SITE, fetch=web, write=write, max_depth=0, max_links=7)
    anchors = [SITE + "a", SITE + "b", SITE + "frame"]
    assert [row[1] for row in lines_of(tmp_path / "a.tsv")] == anchors
    everything = [SITE + "h", SITE + "next", SITE + "i.png", SITE + "frame", "http://ads.test/", *anchors[:2]]
    assert [row[1] for row in lines_of(tmp_path / "all.tsv")] == everything
    assert objects_of(tmp_path / "p.jsonl")[0]["links"] == anchors
    assert (report.links, report.links_dropped) == (3, 0)


@virtual
async def test_a_parser_chooses_by_kind() -> None:
    """What it yields decides; a frame that it does not yield is not followed."""
    web = MemoryWeb()
    web.add(SITE, PAGE)

    def parse(page: Page) -> Iterator[Link | Request]:
        yield from page.links(kinds=("next", "img"))

    await trio_crawl.crawl(SITE, fetch=web, parse=parse, max_depth=1)
    assert sorted(asked(web)) == [SITE, SITE + "i.png", SITE + "next"]


@virtual
async def test_a_scope_chooses_by_kind() -> None:
    """The function is asked about each link, with its kind."""
    web = MemoryWeb()
    web.add(SITE, PAGE)
    await trio_crawl.crawl(SITE, fetch=web, follow=lambda link: link.kind == "iframe", max_depth=1)
    assert "http://ads.test/robots.txt" in [exchange.url for exchange in web.requests]
    assert asked(web) == [SITE, SITE + "frame"]


@virtual
async def test_what_is_too_long_is_not_taken_and_counted(tmp_path: Path) -> None:
    """A link, one by its base, and a parser's; what is not is followed. A redirect there is a failure."""
    long = "x" * 8_000
    web = MemoryWeb()
    web.add(
        SITE, f'<a href="/{long}">1</a><a href="/a">2</a><a href="//{long}">3</a><img src="data:,{long}">'
    )
    web.add(SITE + "a", f'<base href="/{long}/"><a href="b">1</a><a href="{SITE}c">2</a>')
    web.add(SITE + "c", redirect=f"/{long}")
    report = await crawl(SITE, fetch=web, write=tmp_path / "x.tsv")
    assert counts(report) == (3, 2, {"redirects": 1}, {}, 0)
    assert report.links_dropped == 3
    assert [row[1] for row in lines_of(tmp_path / "x.tsv")] == [SITE + "a", SITE + "c"]

    def parse(_page: Page) -> Iterator[Link | Request]:
        yield Request(long)
        yield Link(url=SITE + long)
        yield Request("/a")

    report = await crawl(SITE, fetch=web, parse=parse, max_depth=1)
    assert (report.pages, report.links_dropped, report.failed) == (2, 4, {})


@pytest.mark.parametrize("far", ["", "<!--" + "x" * 1_000_000 + "-->"], ids=["here", "in a worker process"])
@virtual
async def test_the_urls_of_a_page_are_bounded_together(tmp_path: Path, far: str) -> None:
    """So that kilobytes of short references don't become megabytes, wherever the page is parsed."""
    web = MemoryWeb()
    links = "".join(f"<a href={number}?>" for number in range(1_000))
    web.add(SITE, f'<base href="/{"x" * 7_900}/">{links}{far}')
    report = await crawl(SITE, fetch=web, max_depth=0, write=tmp_path / "x.jsonl", state=tmp_path / "s.db")
    kept = 2 * 1024 * 1024 // 7_928
    assert (report.links, report.links_dropped) == (kept, 1_000 - kept)
    assert (tmp_path / "x.jsonl").stat().st_size < 2_200_000

    def parse(page: Page) -> Iterator[Link | Request]:
        yield from page.links("a")
        yield from (Request(f"/{number}{'y' * 7_900}") for number in range(1_000))

    report = await crawl(SITE, fetch=web, parse=parse, max_depth=0)
    assert report.skipped["max_depth"] < 300
