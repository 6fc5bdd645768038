"""A crawl that has ended has let go of its state, whoever is told of the end."""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE, virtual
from state_support import go, small_site, urls_in

from trio_crawl import Control, CrawlError, StateError, open_crawl

if TYPE_CHECKING:
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
