"""`Control.explain` says what a crawl waits for."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from state_support import go, select, small_site

from trio_crawl import Control, crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path


@virtual
async def test_hops_and_hosts_are_explained() -> None:
    """A hop is told with its age, a delay with what is left of it, and a retry as one."""
    web = MemoryWeb()
    web.robots(SITE, "")
    web.links(SITE, [f"/{number}" for number in range(3)])
    web.otherwise(SITE, lambda _hop: Reply(delay=20))
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web, delay=10, per_host=1))
        await trio.sleep(5)
        assert "site.test waits for 5.0 s more: its delay (1 pages)" in (control.explain())
        await trio.sleep(20)
        said = control.explain()
        assert f"fetching {SITE}0 for 5.0 s" in said
        assert "site.test waits: 1 of its hops are under way, as many as may (2 pages)" in said
        control.stop()


@virtual
async def test_a_robots_txt_that_is_waited_for() -> None:
    """Pages that wait for a robots.txt are told to, and the hop is there with its URL."""
    web = MemoryWeb()
    web.add(f"{SITE}robots.txt", lambda _hop: Reply(delay=20))
    web.otherwise(SITE, lambda _hop: Reply(delay=20))
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web))
        await trio.sleep(5)
        said = control.explain()
        assert f"fetching {SITE}robots.txt for 5.0 s" in said
        assert "site.test waits: its robots.txt is fetched (1 pages)" in said
        control.stop()


@virtual
async def test_an_output_that_is_slow_is_named() -> None:
    """A batch that an output has had for a while is told, and how many outcomes wait for it."""
    web = MemoryWeb()
    web.links(SITE, ["/a"])

    async def slow(_row: object) -> None:
        await trio.sleep(50)

    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=web, write=slow))
        await trio.sleep(20)
        said = control.explain()
        assert "2 outcomes are to be written" in said
        assert "slow for 19.5 s" in said


@virtual
async def test_a_source_of_seeds_that_is_waited_for() -> None:
    """An open channel that gives nothing more is told, with the time, and how many seeds came."""
    send, receive = trio.open_memory_channel[str](1)
    web = MemoryWeb()
    web.add(SITE)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, receive, fetch=web))
        with send:
            await send.send(SITE)
            await trio.sleep(30)
            assert "the source of seeds has been waited for for 30.0 s, after 1 of them" in control.explain()


@virtual
async def test_a_cancelled_host_is_told_with_its_reason(tmp_path: Path) -> None:
    """Why a host was cancelled is in the explanation, and in the state."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(go, tmp_path, small_site(), delay=10))
        await trio.sleep(5)
        control.cancel_host("site.test", reason="its owner asked for it")
        assert "site.test is cancelled: its owner asked for it" in control.explain()
    assert select(tmp_path, "SELECT * FROM cancelled") == [("site.test", "its owner asked for it")]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "no progress" in record.getMessage()]


@pytest.mark.parametrize("what", ["an output", "the seeds", "a pause"])
def test_a_standstill_is_logged(caplog: pytest.LogCaptureFixture, what: str) -> None:
    """Without progress for a minute a crawl logs what it waits for, and again after doubling times."""
    moments: list[float] = []

    class Clocked(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "no progress" in record.getMessage():
                moments.append(trio.current_time())

    async def hangs(_row: object) -> None:
        await trio.sleep_forever()

    async def main() -> None:
        web = MemoryWeb()
        web.add(SITE)
        send, receive = trio.open_memory_channel[str](1)
        seeds: Any = receive if what == "the seeds" else SITE
        write = hangs if what == "an output" else None
        with send, receive, trio.move_on_after(20_000):
            async with trio.open_nursery() as nursery:
                control: Control = await nursery.start(partial(crawl, seeds, fetch=web, write=write))
                if what == "a pause":
                    control.pause()
                await trio.sleep_forever()

    handler = Clocked()
    logging.getLogger("trio_crawl").addHandler(handler)
    try:
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    finally:
        logging.getLogger("trio_crawl").removeHandler(handler)
    expected = [60, 180, 420, 900, 1860, 3780, 7380, 10980, 14580, 18180]
    assert moments == pytest.approx(expected, abs=1)
    told = {"an output": "hangs for", "the seeds": "the source of seeds", "a pause": "paused, 0 pages"}
    assert told[what] in warnings_in(caplog)[0]


def test_progress_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A crawl that goes on slowly, a hop every fifty seconds, says nothing."""

    async def main() -> None:
        web = MemoryWeb()
        web.links(SITE, [f"/{number}" for number in range(30)])
        web.otherwise(SITE, lambda _hop: Reply())
        await crawl(SITE, fetch=web, delay=50)
        assert trio.current_time() > 1000

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert warnings_in(caplog) == []
