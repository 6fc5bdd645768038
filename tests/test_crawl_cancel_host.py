"""`Control.cancel_host` gives up one host, and leaves the others alone."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, counts, virtual

from trio_crawl import Control, Report, UsageError, crawl
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "https://other.test/"


def sites(*, status: int = 200, retry_after: str | None = None) -> MemoryWeb:
    """Return a site of five pages, that link to ten of another, which takes 20 seconds for each."""
    web = MemoryWeb()
    for number in range(5):
        web.links(f"{SITE}{number or ''}", [f"/{number + 1}"] if number < 4 else [f"{OTHER}late"])
    web.links(SITE, ["/1", *(f"{OTHER}{number}" for number in range(10))])
    web.robots(OTHER, "")
    headers = (("retry-after", retry_after),) if retry_after else ()
    web.otherwise(OTHER, lambda _hop: Reply(status=status, headers=headers, delay=20))
    return web


async def cancelled_after(seconds: float, web: MemoryWeb, **keywords: Any) -> tuple[Report, float]:  # noqa: ANN401 - of crawl()
    """Crawl, and cancel the other host after so many seconds; return when the crawl ended, too."""
    async with trio.open_nursery() as nursery:
        begin = partial(crawl, SITE, fetch=web, follow="any", **{"delay": 5, **keywords})
        control: Control = await nursery.start(begin)
        await trio.sleep(seconds)
        control.cancel_host("OTHER.test", reason="enough of it")
        control.cancel_host("other.test", reason="again")
        report = await control.wait()
    return report, report.elapsed


@virtual
@pytest.mark.parametrize("state", [False, True])
async def test_its_hops_are_dropped_and_its_pages_skipped(
    state: bool,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is in flight ends at once, what waits and is found later is skipped, and the rest goes on."""
    web = sites()
    keywords = {"state": tmp_path / "crawl.db", "write": tmp_path / "l.tsv"} if state else {}
    with caplog.at_level(logging.WARNING, logger="trio_crawl"):
        report, _ = await cancelled_after(12, web, **keywords)
    assert counts(report) == (16, 5, {}, {"cancelled_host": 11}, 0)
    dropped = [exchange for exchange in web.requests if exchange.url.startswith(OTHER)]
    assert [exchange.outcome for exchange in dropped[1:]] == ["cancelled"] * (len(dropped) - 1)
    assert "the host other.test is cancelled: enough of it" in caplog.text


@virtual
async def test_what_waits_for_a_retry_is_skipped_at_once() -> None:
    """A host that asked for minutes of rest is given up without them."""
    report, elapsed = await cancelled_after(60, sites(status=503, retry_after="600"))
    assert counts(report) == (16, 5, {}, {"cancelled_host": 11}, 0)
    assert elapsed < 120


@virtual
async def test_its_robots_txt_is_not_waited_for() -> None:
    """A host that is cancelled while its robots.txt is read is given up, too."""
    web = sites()
    web.add(f"{OTHER}robots.txt", lambda _hop: Reply(delay=29))
    report, _ = await cancelled_after(10, web)
    assert counts(report) == (16, 5, {}, {"cancelled_host": 11}, 0)
    assert [e.url for e in web.requests if e.url.startswith(OTHER)] == [f"{OTHER}robots.txt"]


@virtual
@pytest.mark.parametrize(
    "host", ["", "a b", "https://other.test/", "other.test:80", "other.test/x", "u@o.test"]
)
async def test_what_is_no_host(host: str) -> None:
    """A URL, a port and nonsense are refused."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(partial(crawl, SITE, fetch=sites()))
        with pytest.raises(UsageError, match="is no host; give its name alone"):
            control.cancel_host(host, reason="x")
        control.stop()
