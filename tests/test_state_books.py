"""What a resumed crawl has in its books, and what it knows of redirects."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE, counts, virtual
from state_support import go, select, small_site

from trio_crawl import FetchError, Hop, RowError, TooManyFailuresError, crawl, writers
from trio_crawl._frontier.audit import audit
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_crawl import Page, Report


@virtual
async def test_links_dropped_are_counted_over_the_whole(tmp_path: Path) -> None:
    """Links beyond ``max_links`` count, those of an earlier run too."""
    web = small_site()
    await go(tmp_path, web, max_links=1, max_pages=1)
    report = await go(tmp_path, web, max_links=1)
    assert report.links_dropped == 10 * 2 + 1


@virtual
async def test_a_failed_page_that_was_redirected_is_retried(tmp_path: Path) -> None:
    """``retry_failed`` asks again for a page whose redirect led to a failure."""
    attempts = count()

    def at_first_refused(_hop: Hop) -> Reply:
        return Reply(failure=FetchError("connect", "x")) if next(attempts) < 1 else Reply(body=b"x")

    web = MemoryWeb()
    web.links(SITE, ["/moved"])
    web.add(f"{SITE}moved", redirect="/target")
    web.add(f"{SITE}target", at_first_refused)
    first = await go(tmp_path, web, retries=0)
    assert counts(first) == (2, 1, {"connect": 1}, {}, 0)
    again = await go(tmp_path, web, retries=0, retry_failed=True)
    assert counts(again) == (2, 2, {}, {}, 0)


@virtual
async def test_targets_of_a_skipped_redirect_stay_known(tmp_path: Path) -> None:
    """Where a chain of redirects ends in a skip, its targets are as known after a resume as before."""

    def site() -> MemoryWeb:
        web = MemoryWeb()
        web.links(SITE, ["/one", "/known", "/late"])
        web.add(f"{SITE}one", redirect="/two")
        web.add(f"{SITE}two", redirect="/known")
        web.add(f"{SITE}known")
        web.add(f"{SITE}late", "<a href=/two>two</a>", delay=20)
        return web

    plain = tmp_path / "plain"
    plain.mkdir()
    whole = await go(plain, site())
    with trio.move_on_after(5):
        await go(tmp_path, site(), grace=1)
    assert counts(await go(tmp_path, site())) == counts(whole)


@virtual
async def test_a_limit_that_ends_a_crawl_while_seeds_come(tmp_path: Path) -> None:
    """Seeds that an async source gives after ``max_pages`` was reached leave books that add up."""
    web = small_site()

    async def seeds() -> AsyncIterator[str]:
        for number in range(9):
            yield f"{SITE}{number}"
            await trio.sleep(0.2)

    async def slow_sink(_row: object) -> None:
        await trio.sleep(3)

    report = await go(tmp_path, web, seeds=seeds(), max_pages=2, write=[tmp_path / "pages.jsonl", slow_sink])
    marks = dict(select(tmp_path, "SELECT status, count(*) FROM urls GROUP BY status"))
    assert report.pending == marks.get(0, 0)
    assert report.skipped.get("max_pages", 0) == marks.get(3, 0)
    assert report.discovered == sum(marks.values())


@virtual
async def test_max_failures_counts_for_each_run(tmp_path: Path) -> None:
    """A crawl that failed often can be gone on with: failures of earlier runs do not count."""
    web = MemoryWeb()
    web.links(SITE, [f"/{n}" for n in range(6)])
    for n in range(6):
        web.add(f"{SITE}{n}", failure="connect", delay=n)
    with trio.move_on_after(2.5):
        await go(tmp_path, web, retries=0, max_failures=4, per_host=9, grace=1)
    report = await go(tmp_path, web, retries=0, max_failures=4, per_host=9)
    assert report.failed["connect"] == 6
    web.links(SITE, [])
    with pytest.raises(TooManyFailuresError):
        await go(tmp_path, web, retries=0, max_failures=4, per_host=9, retry_failed=True)


@virtual
async def test_a_page_that_an_output_refuses_is_in_none_and_in_no_book(tmp_path: Path) -> None:
    """Outputs that were asked before keep nothing of it, nor do the books; other pages have their header."""
    web = MemoryWeb()
    seeds = [f"https://{name}.test/" for name in "abc"]
    for seed in seeds:
        web.add(seed, seed)
    value: object = "text"

    async def parse(page: Page) -> AsyncIterator[object]:
        await trio.sleep(1)  # so that all are done at one moment
        yield {"url": page.url, "n": value if page.url == seeds[0] else 1}

    state, table, folder = tmp_path / "crawl.db", tmp_path / "a.csv", tmp_path / "b.parquet"

    async def run() -> Report:
        columns = writers.Parquet(folder, columns={"url": str, "n": int})
        return await crawl(seeds, fetch=web, parse=parse, write=[table, columns], state=state)

    with pytest.raises(RowError):
        await run()
    value = 1
    report = await run()
    assert report.rows == 2 * len(seeds)
    assert table.read_text().splitlines() == ["url,n", *(f"{seed},1" for seed in seeds)]
    assert audit(state).problems == ()
