"""``open_crawl(skips=True)``: what was found and is not asked for, with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crawl_support import SITE, counts, virtual

from trio_crawl import Failure, Page, Request, Skip, collect, crawl, open_crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER = "https://other.test/"


def site() -> MemoryWeb:
    """Return a site with something to skip for most reasons."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /private")
    web.add(
        SITE,
        f"<a href=/a>a</a><a href=/private>p</a><a href={OTHER}>o</a><a href=/n rel=nofollow>n</a>"
        "<a href=/moved>m</a><a href=/away>w</a><a href=/down>d</a>",
    )
    web.links(f"{SITE}a", ["/deep"])
    web.add(f"{SITE}moved", redirect="/a")
    web.add(f"{SITE}away", redirect=OTHER)
    web.add(f"{SITE}down", failure="tls")
    web.add(OTHER, "other")
    return web


async def streamed(seeds: Any, **keywords: Any) -> tuple[list[Any], Any]:  # noqa: ANN401 - seeds, a report
    async with open_crawl(seeds, delay=0, skips=True, failures=True, **keywords) as pages:
        items = [item async for item in pages]
    return items, pages.report


@pytest.mark.parametrize("kept", [False, True])
@virtual
async def test_each_skip_comes_with_its_reason(kept: bool, tmp_path: Path) -> None:
    """Once each: where it was found, and where it was redirected to; beside pages and failures."""
    state = tmp_path / "state.db" if kept else None
    seeds = [SITE, "no URL"]
    items, report = await streamed(seeds, fetch=site(), max_depth=1, state=state)
    skips = sorted((item for item in items if isinstance(item, Skip)), key=lambda skip: skip.url)
    assert skips == [
        Skip(url=OTHER, reason="scope", referrer=SITE),
        Skip(url=f"{SITE}away", reason="scope", referrer=SITE, target=OTHER),
        Skip(url=f"{SITE}deep", reason="max_depth", referrer=f"{SITE}a"),
        Skip(url=f"{SITE}moved", reason="known_target", referrer=SITE, target=f"{SITE}a"),
        Skip(url=f"{SITE}n", reason="nofollow", referrer=SITE),
        Skip(url=f"{SITE}private", reason="robots", referrer=SITE),
        Skip(url="no URL", reason="bad_seed"),
    ]
    assert str(skips[1]) == f"{SITE}away: skipped: scope (redirected to {OTHER})"
    assert len([item for item in items if isinstance(item, Page)]) == report.pages == 2
    assert [item.url for item in items if isinstance(item, Failure)] == [f"{SITE}down"]
    assert len(skips) == sum(report.skipped.values())
    if kept:  # what was told is not told again
        assert (await streamed(seeds, fetch=site(), max_depth=1, state=state))[0] == []


@virtual
async def test_what_a_limit_leaves_is_named() -> None:
    """Each page that was queued when ``max_pages`` was reached, retries and requests of any form included."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(5)])
    for number in range(3):
        web.add(f"{SITE}{number}", status=503)

    def parse(page: Page) -> Iterator[Any]:
        yield from page.links()
        yield Request("/form", method="POST", body=b"x")
        yield Request("http://site.test/plain")
        yield {"url": page.url}

    items, report = await streamed(SITE, fetch=web, parse=parse, max_pages=2, robots=False)
    skipped = [item for item in items if isinstance(item, Skip)]
    assert {skip.reason for skip in skipped} == {"max_pages"}
    assert {skip.referrer for skip in skipped} == {SITE}
    assert len(skipped) == report.skipped["max_pages"] == 6
    assert len({skip.url for skip in skipped}) == 6


@virtual
async def test_only_skips_and_many_of_them() -> None:
    """They are bounded by the stream's pace, and may be all that comes; without ``skips`` none comes."""
    seeds = [f"no URL {number}" for number in range(3000)]
    items, report = await streamed(seeds, fetch=site())
    assert [item.url for item in items] == seeds
    assert counts(report) == (3000, 0, {}, {"bad_seed": 3000}, 0)
    async with open_crawl([*seeds, SITE], fetch=site(), failures=True, max_depth=0) as pages:
        assert [type(page) async for page in pages] == [Page]
    assert (await crawl(seeds, fetch=site())).discovered == 3000


def test_other_forms_give_skips_too() -> None:
    """``collect`` returns them."""
    items, _ = collect(SITE, fetch=site(), delay=0, max_depth=0, skips=True, retries=0)
    assert {type(item) for item in items} == {Page, Skip}
