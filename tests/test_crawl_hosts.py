"""The fault of a host is the host's: its pages wait for it, and the others go on."""

from __future__ import annotations

import socket
import threading
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
import trio.testing
from crawl_support import SITE, counts, virtual

from trio_crawl import Response, crawl
from trio_crawl._errors import FetchError
from trio_crawl._fetch.lookups import THREADS
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_crawl import Hop
    from trio_crawl.abc import Environment

DOWN: Final = {
    "status": Reply(status=503),
    "connect": Reply(failure=FetchError("connect", "refused")),
    "timeout": Reply(failure=FetchError("timeout", "silent"), delay=30),
    "dns": Reply(failure=FetchError("dns", "the name server is silent")),
}


def always(reply: Reply, _hop: Hop) -> Reply:
    return reply


def down_until(moment: float, reply: Reply, _hop: Hop) -> Reply:
    return reply if trio.current_time() < moment else Reply()


@pytest.mark.parametrize("kind", DOWN)
@pytest.mark.parametrize("state", [False, True])
@virtual
async def test_a_robots_that_can_not_be_had_for_a_while_costs_no_page(
    kind: str, state: bool, tmp_path: Path
) -> None:
    """Pages stay queued while their host can't be reached, whatever of it fails, and are fetched then."""
    web = MemoryWeb()
    web.otherwise(SITE, partial(down_until, 100, DOWN[kind]))
    seeds = [f"{SITE}{number}" for number in range(700)]
    report = await crawl(seeds, fetch=web, delay=0, state=tmp_path / "a.db" if state else None)
    assert counts(report) == (700, 700, {}, {}, 0)
    assert len(web.requests) < 700 + 12


@pytest.mark.parametrize("kind", ["connect", "timeout", "dns"])
@virtual
async def test_a_host_that_is_gone_for_five_minutes_costs_no_page(kind: str) -> None:
    """In the middle of a crawl, too, with its robots.txt known."""
    web = MemoryWeb()
    began = 50.0

    def answer(hop: Hop) -> Reply:
        return DOWN[kind] if began <= trio.current_time() < began + 300 else always(Reply(), hop)

    web.otherwise(SITE, answer)
    seeds = [f"{SITE}{number}" for number in range(300)]
    report = await crawl(seeds, fetch=web)
    assert counts(report) == (300, 300, {}, {}, 0)


@virtual
async def test_a_closed_port_of_a_host_is_not_the_host() -> None:
    """Pages of an origin that can't be reached fail, and those of another on the same host are fetched."""
    web = MemoryWeb()
    plain = [f"http://site.test/{number}" for number in range(3)]
    web.otherwise("http://site.test/", partial(always, DOWN["connect"]))
    secure = [f"{SITE}{number}" for number in range(50)]
    web.otherwise(SITE, partial(always, Reply()))
    report = await crawl([*plain, *secure], fetch=web, delay=0)
    assert counts(report) == (53, 50, {"connect": 3}, {}, 0)


@pytest.mark.parametrize("kind", ["connect", "timeout", "dns"])
@virtual
async def test_hops_that_were_out_together_charge_one_page(kind: str) -> None:
    """Of many hops that fail at once since their host is gone, one is charged with an attempt."""
    web = MemoryWeb()
    web.otherwise(SITE, partial(down_until, 0.5, DOWN[kind]))
    seeds = [f"{SITE}{number}" for number in range(50)]
    report = await crawl(seeds, fetch=web, robots=False, delay=0, per_host=40, retries=0)
    assert counts(report) == (50, 49, {kind: 1}, {}, 0)


@pytest.mark.parametrize("robots", [False, True])
@virtual
async def test_a_crawl_of_dead_hosts_ends(robots: bool) -> None:
    """Where nothing can be reached, a crawl is over in twenty minutes, whatever it is that fails."""
    web = MemoryWeb()
    seeds = []
    for number in range(100):
        site = f"https://h{number}.test/"
        web.otherwise(site, partial(always, [*DOWN.values()][number % len(DOWN)]))
        seeds += [f"{site}{page}" for page in range(20)]
    report = await crawl(seeds, fetch=web, follow="any", robots=robots)
    assert report.elapsed < 1200
    ended = sum(report.failed.values()) + sum(report.skipped.values()) + report.pages
    assert ended == report.discovered == 2000
    # Two at once, which count as one failure; and a status is an answer to each page.
    assert len(web.requests) <= 100 * 12 * 2 + 25 * 20 * 3


@virtual
async def test_a_host_without_pages_left_is_not_waited_for() -> None:
    """The only page of a dead host fails after its attempts, within seconds."""
    web = MemoryWeb()
    web.otherwise(SITE, partial(always, DOWN["connect"]))
    report = await crawl(SITE, fetch=web)
    assert counts(report) == (1, 0, {"connect": 1}, {}, 0)
    assert report.elapsed < 5


@virtual
async def test_a_robots_that_is_elsewhere() -> None:
    """A robots.txt that redirects to a dead host: the pages that wait for it are charged, and end."""
    web = MemoryWeb()
    web.otherwise(SITE, partial(always, Reply()))
    web.add(f"{SITE}robots.txt", redirect="https://dead.test/robots.txt")
    web.otherwise("https://dead.test/", partial(always, DOWN["connect"]))
    report = await crawl([f"{SITE}{number}" for number in range(20)], fetch=web)
    assert report.pages == 0
    assert report.elapsed < 2000
    assert sum(report.failed.values()) + sum(report.skipped.values()) == 20


# Names


class Named:
    """A web whose hosts have names to be looked up."""

    opens_connections = True
    virtual = False

    @asynccontextmanager
    async def open(self, _environment: Environment) -> AsyncIterator[None]:
        yield

    async def fetch(self, hop: Hop) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(url=hop.url, status=200)


async def test_look_ups_are_as_many_as_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many hosts wait for theirs: the others are no tasks, and waiting costs none its time."""
    begun, go_on = threading.Semaphore(0), threading.Event()

    def look_up(*_: object, **__: object) -> list[Any]:
        begun.release()
        go_on.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    seeds = [f"https://h{number}.example/" for number in range(400)]

    async def watch() -> int:
        for _ in range(THREADS):
            await trio.to_thread.run_sync(begun.acquire)
        await trio.testing.wait_all_tasks_blocked(0.01)
        tasks = trio.lowlevel.current_statistics().tasks_living
        go_on.set()
        return tasks

    async with trio.open_nursery() as nursery:
        before = trio.lowlevel.current_statistics().tasks_living
        control = await nursery.start(
            partial(
                crawl, seeds, fetch=Named(), robots=False, allow_private=True, per_address=64, follow="any"
            )
        )
        assert await watch() - before < THREADS + 10
        report = await control.wait()
    assert counts(report) == (400, 400, {}, {}, 0)


async def test_a_look_up_that_takes_too_long_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One lost datagram is no reason to fail fifty pages, nor one of them."""
    calls = 0
    ended = threading.Event()

    def look_up(*_: object, **__: object) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 1:
            ended.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    seeds = [f"https://h.example/{number}" for number in range(20)]
    keywords: dict[str, Any] = {"robots": False, "allow_private": True, "timeout": 0.5, "delay": 0}
    report = await crawl(seeds, fetch=Named(), **keywords)
    ended.set()
    assert counts(report) == (20, 20, {}, {}, 0)
    assert calls >= 2
