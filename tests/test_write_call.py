"""``writers.Call``: many rows at once for a function that blocks, or for an async one."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual

from trio_crawl import OutputError, UsageError, crawl
from trio_crawl._write.choose import choose
from trio_crawl.testing import MemoryWeb, serving
from trio_crawl.writers import Call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Page

OPTIONS: dict[str, Any] = {"delay": 0, "robots": False, "traps": False, "per_host": 50}


def site(pages: int, *, delay: float = 0.0) -> MemoryWeb:
    web = MemoryWeb()
    for number in range(pages):
        web.add(f"{SITE}{number}", f"<title>{number}</title>", delay=delay)
    return web


def urls(number: int) -> list[str]:
    return [f"{SITE}{index}" for index in range(number)]


def parse(page: Page) -> Iterator[dict[str, Any]]:
    for number in range(int(page.title or 0) + 1):
        yield {"page": page.url, "number": number}


@virtual
async def test_rows_come_in_batches_and_those_of_a_page_together() -> None:
    """At most so many in a call, but for a page that has more; none is split, none is lost, in order."""
    for batch in (1, 3, 10, 500):
        calls: list[list[dict[str, Any]]] = []
        output = Call(calls.append, batch=batch)
        report = await crawl(urls(8), fetch=site(8), parse=parse, write=output, **OPTIONS)
        assert report.rows == sum(map(len, calls)) == 36
        pages_of = [[row["page"] for row in rows] for rows in calls]
        for pages in pages_of:
            assert len(pages) <= batch or len(set(pages)) == 1
        whole = [page for pages in pages_of for page in dict.fromkeys(pages)]
        assert len(whole) == len(set(whole)) == 8
        assert "Call(" in repr(output)


@virtual
async def test_they_come_sooner_when_the_crawl_is_idle() -> None:
    """What is there is not held back while the crawl waits for the next page."""
    moments: list[float] = []

    def take(_rows: list[Any]) -> None:
        moments.append(trio.current_time())

    web = MemoryWeb()
    web.links(SITE, ["/a"])
    web.add(f"{SITE}a", "a")
    await crawl(SITE, fetch=web, write=Call(take), delay=100, robots=False)
    assert moments == [0, 100]


async def test_a_function_that_blocks_is_called_in_a_thread() -> None:
    """One call at a time; an async one is awaited, and one without a thread is called on the loop."""
    threads: set[threading.Thread] = set()
    rows: list[Any] = []

    def blocking(batch: list[Any]) -> None:
        threads.add(threading.current_thread())
        rows.extend(batch)

    async def awaited(batch: list[Any]) -> None:
        await trio.lowlevel.checkpoint()
        blocking(batch)

    async with serving(site(20), origin=SITE.rstrip("/")) as base_url:
        seeds = [f"{base_url}/{number}" for number in range(20)]
        ways = ((Call(blocking), False), (Call(awaited), True), (Call(blocking, thread=False), True))
        for output, here in ways:
            threads.clear()
            rows.clear()
            report = await crawl(seeds, write=output, allow_private=True, **OPTIONS)
            assert report.rows == len(rows) == 20
            assert (threading.current_thread() in threads) is here


@virtual
async def test_all_comes_before_the_commit_that_holds_its_page(tmp_path: Path) -> None:
    """A call that fails ends the crawl, and its pages come again: each at least once."""
    rows: list[Any] = []
    failing = iter([False, True])

    def take(batch: list[dict[str, Any]]) -> None:
        if next(failing, False):
            raise OSError("no database")
        rows.extend(row["url"] for row in batch)

    again = partial(crawl, urls(10), fetch=site(10), state=tmp_path / "s.db", **{**OPTIONS, "delay": 2})
    with pytest.raises(OSError, match="no database"):
        await again(write=Call(take, batch=2))
    first = len(rows)
    report = await again(write=Call(take, batch=2))
    assert report.pages == 10
    assert set(rows) == set(urls(10))
    assert first < len(rows) <= 10 + first


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_cancelled_crawl_waits_for_a_call_within_grace(hangs: bool) -> None:
    """A thread that comes to its end meanwhile has done its work; one that hangs is left to itself."""
    begun, go_on, done = trio.Event(), threading.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def take(_rows: list[Any]) -> None:
        token.run_sync_soon(begun.set)
        go_on.wait(60)
        done.set()

    async def end() -> None:
        await begun.wait()
        scope.cancel()
        if not hangs:
            go_on.set()

    async with serving(site(5), origin=SITE.rstrip("/")) as base_url, trio.open_nursery() as nursery:
        nursery.start_soon(end)
        with trio.fail_after(30), trio.CancelScope() as scope:
            seeds = [f"{base_url}/{number}" for number in range(5)]
            grace = 0.3 if hangs else 20
            await crawl(seeds, write=Call(take), allow_private=True, grace=grace, **OPTIONS)
    assert scope.cancelled_caught
    assert done.is_set() is not hangs
    go_on.set()
    assert done.wait(20)


def test_what_can_not_be_right() -> None:
    """It is told at once; a function alone is still one for single rows."""
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (5, {}, "no function"),
        (list, {}, "no function"),
        (print, {"batch": 0}, "batch= is 0"),
        (print, {"batch": True}, "batch= is True"),
        (print, {"thread": 1}, "thread= is 1"),
    ]
    for function, keywords, match in cases:
        with pytest.raises(UsageError, match=match):
            Call(function, **keywords)
    with pytest.raises(UsageError, match=r"not async|writers\.Call"):
        choose(print)
    with pytest.raises(OutputError, match="can't be read again"):
        Call(print).audit({}, {}, 0, finished=True)
