"""`Control.explain` says what a crawl waits for."""

from __future__ import annotations

from functools import partial

import trio
from crawl_support import SITE, virtual

from trio_crawl import Control, crawl
from trio_crawl.testing import MemoryWeb, Reply


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
        assert "site.test waits for 5.0 s more: its delay, or the rest that it asked for (1 pages)" in (
            control.explain()
        )
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
