"""Rows sent to a memory channel, in whole crawls."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, virtual
from state_support import small_site

import trio_crawl
from trio_crawl import OutputError, RowError, UsageError
from trio_crawl._write.channel import Channel
from trio_crawl._write.choose import choose
from trio_crawl.testing._outcomes import page_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Page


def parse(page: Page) -> Iterator[object]:
    yield from page.links()
    yield {"url": page.url}


@virtual
async def test_the_rows_come_in_order_and_the_channel_is_closed() -> None:
    """A consumer's loop over the channel has each row, and ends with the crawl."""
    send, receive = trio.open_memory_channel[dict[str, Any]](0)
    found: list[str] = []
    async with trio.open_nursery() as nursery:
        crawl = partial(trio_crawl.crawl, SITE, fetch=small_site(5), parse=parse, write=send, delay=0)
        nursery.start_soon(crawl)
        found += [row["url"] async for row in receive]
    assert found == [SITE, *(f"{SITE}{number}" for number in range(1, 5))]


@virtual
async def test_without_a_parser_pages_and_failures_come() -> None:
    """A row is what a line of JSON would say."""
    send, receive = trio.open_memory_channel[dict[str, Any]](10)
    web = small_site(1)
    await trio_crawl.crawl([SITE, "http://gone.invalid"], fetch=web, write=send, retries=0)
    rows = {row["url"]: row async for row in receive}
    assert set(rows) == {SITE, "http://gone.invalid/"}
    assert "error" in rows["http://gone.invalid/"]


@virtual
async def test_a_slow_receiver_slows_the_fetching() -> None:
    """While nobody takes a row, a few batches are fetched ahead, and then nothing more."""
    send, receive = trio.open_memory_channel[Any](0)
    web = small_site(500)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio_crawl.crawl, SITE, fetch=web, write=send, delay=0))
        await trio.sleep(1000)
        assert 64 < len(asked(web)) < 5 * 64
        taken = 0
        async for _ in receive:
            taken += 1
    assert taken == 500


@virtual
async def test_a_receiver_that_leaves_ends_the_crawl_quietly(tmp_path: Path) -> None:
    """The report says so, and with a state what was not taken is pending, and comes the next time."""
    crawl = partial(
        trio_crawl.crawl, SITE, fetch=small_site(8), delay=1, per_host=1, state=tmp_path / "crawl.db"
    )
    reports: list[trio_crawl.Report] = []
    send, receive = trio.open_memory_channel[Any](0)

    async def run() -> None:
        reports.append(await crawl(write=send))

    seen: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        async for row in receive:
            seen.append(row["url"])
            if len(seen) == 3:
                break
        receive.close()
    assert reports[0].ended == "left"
    assert reports[0].pending
    again, rest = trio.open_memory_channel[Any](20)
    report = await crawl(write=again)
    seen += [row["url"] async for row in rest]
    assert report.ended == "done"
    assert set(seen) == {SITE, *(f"{SITE}{number}" for number in range(1, 8))}
    assert len(seen) <= 9  # at least once; again only what was not committed


@virtual
async def test_a_channel_that_is_closed_is_refused_before_the_first_request() -> None:
    """At either end; nothing is fetched."""
    for closed in (0, 1):
        ends = trio.open_memory_channel[Any](0)
        ends[closed].close()
        web = small_site(1)
        with pytest.raises(OutputError, match="is closed already|no receiver any more"):
            await trio_crawl.crawl(SITE, fetch=web, write=ends[0])
        assert asked(web) == []


def test_what_it_is() -> None:
    """`choose` makes one of a channel; it counts rows, refuses what is none, and can't be read again."""
    send, _receive = trio.open_memory_channel[Any](0)
    (writer,) = choose(send)
    assert isinstance(writer, Channel)
    assert (writer.name, writer.prompt) == ("memory channel", True)
    assert writer.encode(page_of(SITE, rows=[{"a": 1}, {"b": 2}])) == ({"a": 1}, {"b": 2})
    assert writer.rows == 2
    with pytest.raises(RowError, match="row 1 of"):
        writer.encode(page_of(SITE, rows=[3]))
    with pytest.raises(OutputError, match="can't be read again"):
        writer.audit({}, {}, 0, finished=True)
    with pytest.raises(UsageError, match="given twice"):
        choose([writer, writer])
