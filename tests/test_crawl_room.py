"""``concurrency=`` as a `trio.CapacityLimiter`, shared by crawls and what else a program does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual

from trio_crawl import Control, Request, UsageError, crawl, open_crawl
from trio_crawl.fetchers import Curl
from trio_crawl.testing import MemoryWeb, Reply, cancel_everywhere, serving

if TYPE_CHECKING:
    from trio_crawl import Page

OPTIONS: dict[str, Any] = {"delay": 0, "robots": False, "traps": False}


class Hosts:
    """A web of hosts with one page each, which takes a second."""

    def __init__(self) -> None:
        self.web = MemoryWeb()

    def pages(self, name: str, number: int, *, seconds: float = 1) -> list[str]:
        """Return so many pages, each on a host of its own."""
        urls = [f"https://{name}{index}.test/" for index in range(number)]
        for url in urls:
            self.web.add(url, "page", delay=seconds)
        return urls


def most_at_once(*webs: MemoryWeb) -> int:
    """Return how many requests of all *webs* were in work at one moment."""
    moments = []
    for web in webs:
        for exchange in web.requests:
            assert exchange.finished is not None
            moments += [(exchange.started, 1), (exchange.finished, -1)]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


@virtual
async def test_two_crawls_and_a_task_share_three_tokens() -> None:
    """Never more than three work at once, each of them gets on, and none is left with a token."""
    limiter = trio.CapacityLimiter(3)
    first, second = Hosts(), Hosts()
    turns: list[float] = []

    async def task() -> None:
        for _ in range(20):
            async with limiter:
                await trio.sleep(1)
            turns.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for hosts, name in ((first, "a"), (second, "b")):
            crawling = partial(crawl, fetch=hosts.web, concurrency=limiter, **OPTIONS)
            nursery.start_soon(crawling, hosts.pages(name, 60))
        nursery.start_soon(task)
    assert len(first.web.requests) == len(second.web.requests) == 60
    assert most_at_once(first.web, second.web) <= 3
    # All wait in one row: each task of a crawl, and the other task, is served in its turn.
    assert turns[-1] <= 20 * 3
    assert trio.current_time() == pytest.approx((60 + 60 + 20) / 3, abs=2)
    halves = [exchange.started for exchange in first.web.requests[:30]]
    assert halves[-1] < trio.current_time() * 0.75
    assert limiter.borrowed_tokens == 0


@virtual
async def test_tokens_are_held_by_hops_alone() -> None:
    """None while a host's delay, the source of seeds, an output or a consumer is waited for."""
    limiter = trio.CapacityLimiter(2)
    web = Hosts()
    seeds = web.pages("a", 3)
    asked: list[int] = []

    async def save(_row: object) -> None:
        asked.append(limiter.borrowed_tokens)
        await trio.sleep(50)

    async def source() -> Any:  # noqa: ANN401 - an async generator
        for seed in seeds:
            yield seed
            await trio.sleep(30)
            asked.append(limiter.borrowed_tokens)

    keywords = {**OPTIONS, "fetch": web.web, "concurrency": limiter}
    await crawl(source(), write=save, **keywords)
    assert set(asked) == {0}
    web.web.links(SITE, ["/a", "/b"])
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, **{**keywords, "delay": 100}))
        await trio.sleep(50)
        assert limiter.borrowed_tokens == 0
        assert "its delay" in control.explain()
        control.cancel("seen")
    async with open_crawl(seeds, **keywords) as pages:
        async for _ in pages:
            await trio.sleep(20)
            assert limiter.borrowed_tokens == 0


@virtual
async def test_who_has_nothing_to_start_does_not_wait() -> None:
    """A crawl whose hosts rest stands in nobody's way, and is in no row; one that waits says so."""
    limiter = trio.CapacityLimiter(1)
    web = Hosts()
    web.web.links(SITE, ["/a"])
    async with trio.open_nursery() as nursery:
        resting: Control = await nursery.start(
            partial(crawl, SITE, fetch=web.web, concurrency=limiter, robots=False, delay=100)
        )
        await trio.sleep(10)
        await limiter.acquire_on_behalf_of("somebody")
        await trio.sleep(10)
        assert limiter.statistics().tasks_waiting == 0
        await trio.sleep(100)
        assert limiter.statistics().tasks_waiting == 1
        assert "a token of the limiter in concurrency= has been waited for for 20.0 s" in resting.explain()
        limiter.release_on_behalf_of("somebody")
        assert (await resting.wait()).pages == 2
    assert limiter.borrowed_tokens == 0


@virtual
async def test_the_number_of_tokens_may_change_meanwhile() -> None:
    """More of them let more hops start at once; none is a pause, from the beginning too."""
    limiter = trio.CapacityLimiter(0)
    web = Hosts()
    seeds = web.pages("a", 40)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(
            partial(crawl, seeds, fetch=web.web, concurrency=limiter, **OPTIONS)
        )
        await trio.sleep(5)
        assert web.web.requests == []
        limiter.total_tokens = 2
        await trio.sleep(5.5)
        assert len(web.web.requests) == 12
        limiter.total_tokens = 0
        await trio.sleep(20)
        assert len(web.web.requests) == 12
        limiter.total_tokens = 100
        await control.wait()
    assert trio.current_time() <= 5 + 5.5 + 20 + 1.1
    assert limiter.borrowed_tokens == 0


@virtual
async def test_a_crawl_ends_without_a_token() -> None:
    """``stop``, ``max_pages`` and seeds that lead nowhere need none; a cancellation leaves none taken."""
    limiter = trio.CapacityLimiter(1)
    web = Hosts()
    await limiter.acquire_on_behalf_of("somebody")
    seeds = web.pages("a", 3)
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(
            partial(crawl, seeds, fetch=web.web, concurrency=limiter, **OPTIONS)
        )
        await trio.sleep(1)
        control.stop()
        assert (await control.wait()).pending == 3
    assert (await crawl(["no URL"], fetch=web.web, concurrency=limiter)).skipped == {"bad_seed": 1}
    with trio.move_on_after(5):
        await crawl(seeds, fetch=web.web, concurrency=limiter, **OPTIONS)
    assert limiter.statistics().tasks_waiting == 0
    assert limiter.borrowed_tokens == 1
    limiter.release_on_behalf_of("somebody")
    assert (await crawl(seeds, fetch=web.web, concurrency=limiter, max_pages=1, **OPTIONS)).pages == 1


@pytest.mark.slow
def test_a_cancellation_at_any_step_gives_every_token_back() -> None:
    """Whether one was being waited for, was held, or was with a hop."""
    limiters: list[trio.CapacityLimiter] = []

    async def two_crawls() -> None:
        limiter = trio.CapacityLimiter(2)
        limiters.append(limiter)
        async with trio.open_nursery() as nursery:
            for name in ("a", "b"):
                web = Hosts()
                crawling = partial(crawl, fetch=web.web, concurrency=limiter, **OPTIONS)
                nursery.start_soon(crawling, web.pages(name, 3))

    def check(_step: int, _result: object) -> None:
        assert limiters[-1].borrowed_tokens == 0
        assert limiters[-1].statistics().tasks_waiting == 0

    assert cancel_everywhere(two_crawls, check=check, bound=6) > 50


@virtual
async def test_async_parsers_are_bounded_too() -> None:
    """As many run as there are tokens, though they hold none."""
    limiter = trio.CapacityLimiter(3)
    web = Hosts()
    running = most = 0

    async def parse(_page: Page) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(10)
        running -= 1

    await crawl(web.pages("a", 12), fetch=web.web, parse=parse, concurrency=limiter, **OPTIONS)
    assert 1 < most <= 3 + 3
    with pytest.raises(UsageError, match="or a trio.CapacityLimiter"):
        await crawl(SITE, fetch=web.web, concurrency=0)


async def test_over_sockets_with_connections_of_its_own() -> None:
    """Libcurl keeps as many connections as it is told, or as there are tokens at the start."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply())
    limiter = trio.CapacityLimiter(1)
    async with serving(web, origin=SITE.rstrip("/")) as base_url:
        seeds = [Request(f"{base_url}/{number}") for number in range(5)]
        for fetch in (Curl(), Curl(connections=2)):
            report = await crawl(seeds, fetch=fetch, concurrency=limiter, allow_private=True, **OPTIONS)
            assert report.pages == 5
    assert "connections=2" in repr(Curl(connections=2))
    with pytest.raises(UsageError, match="connections= is 0"):
        Curl(connections=0)
