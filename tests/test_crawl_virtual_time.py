"""In virtual time a crawl of hours takes milliseconds, and is the same each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest
import trio
from crawl_support import SITE, asked, lines_of, objects_of, virtual
from trio.testing import MockClock

from trio_crawl import Link, Page, Request, crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from trio_crawl import Hop, Report

RUNS = 10


class Run(NamedTuple):
    """What one crawl did."""

    order: list[tuple[str, float]]
    tsv: bytes
    jsonl: bytes
    report: str
    rows: int
    ended_at: float


def ten_runs(crawl_once: Callable[[MemoryWeb, list[Path]], object], folder: Path) -> list[Run]:
    """Crawl ten times, each time on a clock and a web of its own."""
    runs = []
    for number in range(RUNS):
        web = MemoryWeb()
        outputs = [folder / f"{number}.tsv", folder / f"{number}.jsonl"]

        async def once(web: MemoryWeb = web, outputs: list[Path] = outputs) -> tuple[Report, float]:
            report: Report = await crawl_once(web, outputs)  # type: ignore[misc]
            return report, trio.current_time()

        report, ended_at = trio.run(once, clock=MockClock(autojump_threshold=0))
        assert report.rows == len(lines_of(outputs[0])) + len(objects_of(outputs[1]))
        runs.append(
            Run(
                # Requests of one instant may be recorded in either order.
                order=sorted(((e.url, e.started) for e in web.requests), key=lambda entry: entry[::-1]),
                tsv=outputs[0].read_bytes(),
                jsonl=outputs[1].read_bytes(),
                report=str(report).replace(str(folder), "").replace(f"/{number}.", "/N."),
                rows=report.rows,
                ended_at=ended_at,
            )
        )
    return runs


def test_two_hundred_pages_ten_seconds_apart(tmp_path: Path) -> None:
    """With ``Crawl-delay: 10`` 200 pages take 2,000 virtual seconds, in the same order ten times over."""

    async def once(web: MemoryWeb, outputs: list[Path]) -> Report:
        web.robots(SITE, "User-agent: *\nCrawl-delay: 10")
        for number in range(200):
            targets = [f"/{other}" for other in (2 * number + 1, 2 * number + 2) if other < 200]
            web.links(f"{SITE}{number}", targets, title=f"Page {number}")
        return await crawl(f"{SITE}0", fetch=web, write=outputs)

    runs = ten_runs(once, tmp_path)
    assert all(run == runs[0] for run in runs[1:])
    assert [url for url, _ in runs[0].order[1:]] == [f"{SITE}{number}" for number in range(200)]
    assert [moment for _, moment in runs[0].order[1:]] == [
        # The delay is known after the robots.txt, half a second before the first page would go.
        pytest.approx(10.0 * (number + 1), abs=10)
        for number in range(200)
    ]
    assert runs[0].ended_at == pytest.approx(2000, abs=10)
    assert runs[0].rows == 199 + 200


def test_many_hosts_with_delays_and_retries(tmp_path: Path) -> None:
    """Hosts that are slow, busy, redirecting and failing give the same bytes ten times over."""
    hosts = [f"https://h{number}.test/" for number in range(8)]

    async def once(web: MemoryWeb, outputs: list[Path]) -> Report:
        refusals = dict.fromkeys(hosts, 0)

        def answer(host: str) -> Callable[[Hop], Reply]:
            def reply(hop: Hop) -> Reply:
                number = len(hop.url)
                if hop.url.endswith("busy") and refusals[host] < 2:
                    refusals[host] += 1
                    return Reply(status=503, headers=(("Retry-After", "7"),), delay=0.25)
                others = [f"{other}from-{host[8:10]}" for other in hosts]
                body = "".join(f"<a href={target}>x</a>" for target in ["/busy", "/moved", *others])
                if hop.url.endswith("/moved"):
                    return Reply(status=301, headers=(("Location", hosts[number % 8] + "target"),))
                return Reply(body=body, delay=(number * 37 % 11) / 4)

            return reply

        for host in hosts:
            web.otherwise(host, answer(host))
            web.robots(host, f"User-agent: *\nCrawl-delay: {len(host) % 3}\nDisallow: /from-h3")
        web.add(f"{hosts[5]}from-h1", failure="timeout", delay=3)
        web.add(f"{hosts[6]}robots.txt", failure="protocol")
        return await crawl(hosts, fetch=web, write=outputs, delay=0.25, per_host=3, concurrency=7)

    runs = ten_runs(once, tmp_path)
    assert all(run == runs[0] for run in runs[1:])
    assert len(runs[0].order) > 80


def test_async_parsers_that_end_at_one_instant(tmp_path: Path) -> None:
    """Pages whose async parsers end at one instant are taken in the order of their leases."""

    async def parse(page: Page) -> AsyncIterator[Link | Request | dict[str, object]]:
        await trio.sleep(1)
        yield {"url": page.url, "depth": page.depth}
        for link in page.links():
            yield link

    async def once(web: MemoryWeb, outputs: list[Path]) -> Report:
        sites = [f"https://s{number}.test/" for number in range(20)]
        for site in sites:
            web.links(site, ["/a", "/b", "/c"])
            for name in "abc":
                web.links(site + name, ["/", "/d"])
        return await crawl(sites, fetch=web, parse=parse, write=outputs, delay=0)

    runs = ten_runs(once, tmp_path)
    assert all(run == runs[0] for run in runs[1:])
    assert runs[0].rows == 2 * 20 * 5


@virtual
async def test_moments_are_virtual(tmp_path: Path) -> None:
    """The clock's zero is one fixed moment, so that files of two runs can be compared, and time passes."""
    web = MemoryWeb()
    for number in range(3):
        web.add(f"{SITE}{number}", "<p>page")
    await trio.sleep(1234)
    seeds = [f"{SITE}{number}" for number in range(3)]
    await crawl(seeds, fetch=web, write=tmp_path / "pages.jsonl", delay=20, robots=False)
    assert [row["fetched_at"] for row in objects_of(tmp_path / "pages.jsonl")] == [
        "2000-01-01T00:20:34.000Z",
        "2000-01-01T00:20:54.000Z",
        "2000-01-01T00:21:14.000Z",
    ]
    assert asked(web) == seeds
