"""A crawl that has ended has let go of its state, whoever is told of the end."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import suppress
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from state_support import go, small_site, urls_in
from trio.testing import MockClock

from trio_crawl import Control, CrawlError, Page, Report, StateError, TooManyFailuresError, open_crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path


@virtual
async def test_who_waited_for_the_end_may_go_on_at_once(tmp_path: Path) -> None:
    """When ``control.wait()`` returns, the same call runs on the same state."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(go, tmp_path, small_site(), max_pages=3))
        assert (await control.wait()).pages == 3
        assert (await go(tmp_path, small_site())).pages == 12
    assert len(set(urls_in(tmp_path))) == len(urls_in(tmp_path)) == 12


@virtual
async def test_who_waited_for_a_crawl_that_is_cancelled(tmp_path: Path) -> None:
    """Told that there is no report, one may run the same call at once, too."""
    scope = trio.CancelScope()

    async def cancelled(*, task_status: trio.TaskStatus[Control]) -> None:
        with scope:
            await go(tmp_path, small_site(), delay=1, task_status=task_status)

    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(cancelled)
        await trio.sleep(3.5)
        scope.cancel(reason="the test")
        with pytest.raises(CrawlError, match="was cancelled"):
            await control.wait()
        await go(tmp_path, small_site())
    assert len(set(urls_in(tmp_path))) == len(urls_in(tmp_path)) == 12


@virtual
async def test_who_has_seen_the_last_page_of_a_stream_may_go_on_at_once(tmp_path: Path) -> None:
    """At the end of the iteration, and after the block, the same call runs on the same state."""

    async def take() -> int:
        async with open_crawl(SITE, fetch=small_site(), state=tmp_path / "crawl.db", delay=0) as pages:
            number = 0
            async for _page in pages:
                number += 1
            if number:
                assert await take() == 0
        return number

    assert await take() == 12
    assert await take() == 0


@virtual
async def test_a_state_that_can_not_be_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What closing it raises comes out of the crawl, also of one that is cancelled."""
    real = sqlite3.connect

    class Stuck(sqlite3.Connection):
        def close(self) -> None:
            super().close()
            raise sqlite3.OperationalError("it would not close")

    monkeypatch.setattr(sqlite3, "connect", partial(real, factory=Stuck))
    with pytest.raises(StateError, match="it would not close"):
        await go(tmp_path, small_site(), max_pages=3)
    with pytest.raises(StateError, match="it would not close"), trio.move_on_after(1.5):
        await go(tmp_path, small_site(), delay=1)
    monkeypatch.undo()
    assert (await go(tmp_path, small_site())).pages == 12


# Every way in which a crawl may end before its work is done


class StopError(Exception):
    """What a test's own code raises."""


async def stopped(folder: Path) -> None:
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(go, folder, slow_site()))
        await trio.sleep(3.2)
        control.stop()
        assert (await control.wait()).ended == "stopped"


async def out_of_time(folder: Path) -> None:
    assert (await go(folder, slow_site(), max_time=3.2, grace=0.1)).ended == "max_time"


async def cancelled_from_outside(folder: Path) -> None:
    with trio.move_on_after(3.2) as scope:
        await go(folder, slow_site())
    assert scope.cancelled_caught


async def left_by_its_consumer(folder: Path) -> None:
    async with open_crawl(SITE, fetch=slow_site(), **kept_in(folder)) as pages:
        async for page in pages:
            if page.url == f"{SITE}4":
                break
    assert pages.report.ended == "left"


async def failed_too_often(folder: Path) -> None:
    web = slow_site()
    for number in (3, 5):
        web.add(f"{SITE}{number}", failure="protocol", delay=1)
    with pytest.raises(TooManyFailuresError):
        await go(folder, web, max_failures=1, retries=0)


async def stopped_by_its_parser(folder: Path) -> None:
    def parse(page: Page) -> Iterator[object]:
        if page.url == f"{SITE}4":
            raise StopError
        yield from page.links()
        yield {"url": page.url}

    with pytest.raises(StopError):
        await go(folder, slow_site(), parse=parse, parse_errors="raise")


async def broken_by_its_output(folder: Path) -> None:
    numbers = count()

    async def breaks(_row: object) -> None:
        await trio.lowlevel.checkpoint()
        if next(numbers) == 4:
            raise StopError

    with pytest.raises(StopError):
        await go(folder, slow_site(), write=[folder / "pages.jsonl", breaks])


async def broken_by_its_seeds(folder: Path) -> None:
    async def seeds() -> AsyncIterator[str]:
        yield SITE
        await trio.sleep(3.2)
        raise StopError

    with pytest.raises(StopError):
        await go(folder, slow_site(), seeds=seeds())


def slow_site() -> MemoryWeb:
    web = small_site(20)
    web.robots(SITE, "User-agent: *\nCrawl-delay: 1\n")
    return web


def kept_in(folder: Path) -> dict[str, Any]:
    return {"write": folder / "pages.jsonl", "state": folder / "crawl.db", "delay": 0}


def parse_rows(page: Page) -> Iterator[object]:
    yield from page.links()
    yield {"url": page.url}


@pytest.mark.parametrize(
    "end",
    [
        stopped,
        out_of_time,
        cancelled_from_outside,
        left_by_its_consumer,
        failed_too_often,
        stopped_by_its_parser,
        broken_by_its_output,
        broken_by_its_seeds,
    ],
    ids=lambda end: str(end.__name__),
)
def test_every_end_leaves_what_can_be_gone_on_with(
    end: Callable[[Path], Awaitable[None]], tmp_path: Path
) -> None:
    """However a crawl ended before its work was done, the same call has every page's rows exactly once."""

    async def rest() -> Report:
        more: dict[str, Any] = {}
        if end is stopped_by_its_parser:
            more["parse"] = parse_rows
        if end is broken_by_its_output:
            more["write"] = [tmp_path / "pages.jsonl", breaks]
        if end is left_by_its_consumer:
            async with open_crawl(SITE, fetch=slow_site(), **kept_in(tmp_path)) as pages:
                async for _page in pages:
                    pass
            return pages.report
        return await go(tmp_path, slow_site(), retry_failed=True, **more)

    async def breaks(_row: object) -> None:
        await trio.lowlevel.checkpoint()

    breaks.__qualname__ = "broken_by_its_output.<locals>.breaks"

    async def main() -> None:
        await end(tmp_path)
        before = Counter(urls_in(tmp_path))
        assert 0 < len(before) < 20
        assert set(before.values()) == {1}
        report = await rest()
        assert (report.ended, report.pages, report.pending, dict(report.failed)) == ("done", 20, 0, {})
        rows = Counter(urls_in(tmp_path))
        failures = {f"{SITE}{number}" for number in (3, 5)} if end is failed_too_often else set()
        # The row that a failure had stays.
        assert {url for url, number in rows.items() if number == 2} <= failures
        assert len(rows) == 20

    trio.run(main, clock=MockClock(autojump_threshold=0))


@virtual
async def test_what_was_parsed_when_a_crawl_fails_is_acknowledged_page_by_page(tmp_path: Path) -> None:
    """A consumer that leaves while it holds one of those pages is given that one again, and none before."""
    web = MemoryWeb()
    seeds = [f"https://{name}.test/" for name in "abcde"]
    for seed in seeds:
        web.add(seed, seed)

    async def parse(page: Page) -> AsyncIterator[object]:
        await trio.sleep(1)  # so that all are done at one moment, at which the last one fails
        if page.url == seeds[-1] and failing:
            for _ in range(9):
                await trio.lowlevel.checkpoint()
            raise LookupError
        yield {"url": page.url}

    async def taken(most: int) -> list[str]:
        found: list[str] = []
        keywords: dict[str, Any] = {"fetch": web, "state": tmp_path / "crawl.db", "parse": parse}
        with suppress(KeyError):
            async with open_crawl(seeds, robots=False, parse_errors="raise", **keywords) as pages:
                async for row in pages:
                    found.append(row["url"])
                    if len(found) == most:
                        raise KeyError
        return found

    failing = True
    assert await taken(3) == seeds[:3]
    failing = False
    assert await taken(9) == seeds[2:]
