"""`Control.add` of a crawl with a state returns when what was added is in it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from state_support import go, select

from trio_crawl import Control, crawl, open_crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ADDED = f"{SITE}added"


def slow_site() -> MemoryWeb:
    """Return a site whose first page is there at once, and the others take 20 seconds each."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, ["/next"])
    web.otherwise(SITE, lambda _hop: Reply(delay=20))
    return web


def in_state(folder: Path) -> bool:
    """Return whether the state has the added URL."""
    return (ADDED,) in select(folder, "SELECT url FROM urls")


async def begin(nursery: trio.Nursery, folder: Path, web: MemoryWeb, **keywords: Any) -> Control:  # noqa: ANN401 - of crawl()
    """Begin a crawl with a state in *folder*."""
    given = {"fetch": web, "write": folder / "l.tsv", "state": folder / "crawl.db", **keywords}
    control: Control = await nursery.start(partial(crawl, SITE, **given))
    return control


@virtual
async def test_an_added_seed_is_durable(tmp_path: Path) -> None:
    """It is in the state when ``add`` returns, within a second, though pages are still being fetched."""
    async with trio.open_nursery() as nursery:
        control = await begin(nursery, tmp_path, slow_site())
        await trio.sleep(10)
        before = trio.current_time()
        assert not in_state(tmp_path)
        assert await control.add(ADDED)
        assert in_state(tmp_path)
        assert trio.current_time() - before <= 1
        assert not await control.add(ADDED)
        control.stop()


@virtual
async def test_a_seed_that_is_added_twice_at_once_is_durable_for_both(tmp_path: Path) -> None:
    """Who adds what another added a moment ago waits for the same commit, and so does who adds in a pause."""
    seen = []

    async def add(control: Control) -> None:
        new = await control.add(ADDED)
        seen.append((new, in_state(tmp_path)))

    async with trio.open_nursery() as nursery:
        control = await begin(nursery, tmp_path, slow_site())
        control.pause()
        async with trio.open_nursery() as adding:
            adding.start_soon(add, control)
            adding.start_soon(add, control)
        control.stop()
    assert sorted(seen) == [(False, True), (True, True)]


@virtual
async def test_a_crawl_that_ends_first(tmp_path: Path) -> None:
    """Where the crawl fails before the commit, ``add`` says so, and does not wait for ever."""

    async def fail(_row: object) -> None:
        await trio.sleep(0.5)
        raise RuntimeError("no more")

    async def run(task_status: trio.TaskStatus[Control]) -> None:
        with pytest.raises(RuntimeError, match="no more"):
            await crawl(
                SITE,
                fetch=slow_site(),
                write=fail,
                state=tmp_path / "crawl.db",
                task_status=task_status,
            )

    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(run)
        await trio.sleep(0.7)  # half a second after robots.txt, the first row is there
        with pytest.raises(trio.ClosedResourceError, match="ended before"):
            await control.add(ADDED)
    assert not in_state(tmp_path)


@virtual
async def test_an_output_and_a_consumer_may_add(tmp_path: Path) -> None:
    """Whom a commit waits for does not wait for the commit; what it adds is crawled and in the state."""
    controls: list[Control] = []

    async def add(row: dict[str, object]) -> None:
        if row["url"] == SITE:
            await controls[0].add(ADDED)

    (tmp_path / "one").mkdir()
    async with trio.open_nursery() as nursery:
        controls.append(await begin(nursery, tmp_path / "one", slow_site(), write=add))
    assert in_state(tmp_path / "one")
    (tmp_path / "two").mkdir()
    async with open_crawl(SITE, fetch=slow_site(), state=tmp_path / "two" / "crawl.db") as pages:
        await pages.control.add(ADDED)
        urls = [page.url async for page in _adding(pages)]
    assert sorted(urls) == [SITE, ADDED, f"{SITE}more", f"{SITE}next"]
    assert in_state(tmp_path / "two")


async def _adding(pages: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - a stream
    async for page in pages:
        if page.url == SITE:
            await pages.control.add(f"{SITE}more")
        yield page


@virtual
async def test_a_kill_after_add_loses_nothing(tmp_path: Path) -> None:
    """What was added is fetched by the next run of the same call, which does not name it."""
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            control = await begin(nursery, tmp_path, slow_site(), write=tmp_path / "pages.jsonl")
            await control.add(ADDED)
            scope.cancel()
    web = slow_site()
    report = await go(tmp_path, web)
    assert report.pages == 3


@virtual
async def test_who_takes_rows_from_a_channel_may_add(tmp_path: Path) -> None:
    """The crawl waits for its consumer, who does not wait for the crawl: whatever brings the rows."""
    for name in ("channel", "function"):
        folder = tmp_path / name
        folder.mkdir()
        send, receive = trio.open_memory_channel[dict[str, Any]](0)
        write = send if name == "channel" else send.send
        urls = []

        async def close_in_the_end(control: Control, channel: trio.MemorySendChannel[Any]) -> None:
            await control.wait()
            channel.close()

        async with trio.open_nursery() as nursery:
            control = await begin(nursery, folder, slow_site(), write=write)
            nursery.start_soon(close_in_the_end, control, send)
            async for row in receive:
                urls.append(row["url"])
                before = trio.current_time()
                if len(urls) < 5:
                    await control.add(f"{row['url']}+")
                assert trio.current_time() - before <= 1
        assert len(set(urls)) == len(urls) == 6
        assert select(folder, "SELECT count(*) FROM urls WHERE status = 1") == [(6,)]
