"""The fault of a host is the host's: its pages wait for it, and the others go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import pytest
import trio
from crawl_support import SITE, counts, virtual

from trio_crawl import crawl
from trio_crawl._errors import FetchError
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl import Hop

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
    web.otherwise(SITE, partial(down_until, 1, DOWN[kind]))
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
