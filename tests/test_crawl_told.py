"""What the log tells: hops at DEBUG, what is asked again at INFO, failures and statuses at WARNING."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
from crawl_support import SITE, virtual

from trio_crawl import FetchError, crawl, fetch_page
from trio_crawl._crawl.told import MOST, Told
from trio_crawl._lease import Lease
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from trio_crawl import Hop

OTHER = "https://other.test/"


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


@virtual
async def test_each_hop_is_told_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """With status, size, milliseconds and attempt; robots.txt, redirects and what failed included."""
    caplog.set_level(logging.DEBUG, "trio_crawl")
    web = MemoryWeb()
    web.add(SITE, redirect="/a", delay=0.25)
    web.add(f"{SITE}a", "x" * 2000, delay=1.5)
    await crawl(SITE, fetch=web)
    assert [re.sub(r" [\d,]+ bytes", " n bytes", line) for line in lines(caplog, logging.DEBUG)] == [
        f"GET {SITE}robots.txt: 404, n bytes, 0 ms, attempt 1",
        f"GET {SITE}: 302, n bytes, 250 ms, attempt 1",
        f"GET {SITE}a: 200, n bytes, 1500 ms, attempt 1",
    ]
    assert "2,000 bytes" in lines(caplog, logging.DEBUG)[-1]
    caplog.clear()
    web.add(f"{SITE}a", failure=FetchError("timeout", "no answer"), delay=2)
    await crawl(f"{SITE}a", fetch=web, robots=False, retries=1)
    assert lines(caplog, logging.DEBUG) == [
        f"GET {SITE}a: timeout: no answer, 2000 ms, attempt 1",
        f"GET {SITE}a: timeout: no answer, 2000 ms, attempt 2",
    ]
    [again] = [line for line in lines(caplog, logging.INFO) if "asked for again" in line]
    assert re.fullmatch(
        rf"{SITE}a is asked for again in \d\.\d s, after attempt 1: timeout: no answer", again
    )
    assert lines(caplog, logging.WARNING) == [f"{SITE}a: timeout: no answer"]


@virtual
async def test_statuses_are_told_once_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Of each status and host the first page; each minute a count of the others, and one at the end."""
    caplog.set_level(logging.WARNING, "trio_crawl")
    web = MemoryWeb()

    def answer(hop: Hop) -> Reply:
        number = int(hop.url.rpartition("/")[2])
        return Reply(status=404 if number % 2 else 410 if number == 0 else 200)

    for site in (SITE, OTHER):
        web.otherwise(site, answer)
    seeds = [f"{site}{number}" for number in range(100) for site in (SITE, OTHER)]
    await crawl(seeds, fetch=web, robots=False, traps=False, delay=1, max_depth=0)
    said = lines(caplog, logging.WARNING)
    first = [line for line in said if "the first of its host" in line]
    assert sorted(first) == sorted(
        f"{site}{number}: status {status}, the first of its host; others are counted"
        for site in (SITE, OTHER)
        for number, status in ((0, 410), (1, 404))
    )
    counts = [line for line in said if line.startswith("further pages: ")]
    assert len(counts) == 2
    found = re.findall(r"(\d+) of status 404 from (\w+)\.test", "".join(counts))
    for name in ("site", "other"):
        assert sum(int(number) for number, host in found if host == name) == 49
    assert len(said) == len(first) + len(counts)


def test_a_flood_of_hosts_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """So many are remembered; those of others are counted together."""
    caplog.set_level(logging.WARNING, "trio_crawl")
    told = Told()
    for number in range(MOST + 500):
        url = f"https://{number}.test/"
        told.page(Lease.new(0, url, None, None), 404, 0.0)
    assert len(lines(caplog, logging.WARNING)) == MOST
    told.counts()
    assert lines(caplog, logging.WARNING)[-1] == "further pages: 500 of status 404 from others"
    told.counts()
    assert len(lines(caplog, logging.WARNING)) == MOST + 1


@virtual
async def test_fetch_page_does_not_log_what_it_tells(caplog: pytest.LogCaptureFixture) -> None:
    """Who fetches one page is given its status, or the failure."""
    caplog.set_level(logging.INFO, "trio_crawl")
    web = MemoryWeb()
    web.add(SITE, status=404)
    web.add(f"{SITE}down", failure="tls")
    assert (await fetch_page(SITE, fetch=web, robots=False)).status == 404
    with pytest.raises(FetchError):
        await fetch_page(f"{SITE}down", fetch=web, robots=False)
    assert caplog.records == []
    keywords: dict[str, Any] = {"robots": False, "retries": 0}
    await crawl([SITE, f"{SITE}down"], fetch=web, **keywords)  # where it was, it is told again
    assert len(lines(caplog, logging.WARNING)) == 2
