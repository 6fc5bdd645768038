"""Producers put URLs into a channel, consumers take pages out of another; all come to a clean end.

Run it: ``python examples/producers_and_consumers.py`` shows which consumer took which page.
"""

from __future__ import annotations

from typing import Any

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, Reply, serving

PRODUCERS, CONSUMERS, URLS = 3, 2, 4


async def produce(number: int, base_url: str, urls: trio.MemorySendChannel[str]) -> None:
    """Put some URLs into the channel, at a pace of its own."""
    with urls:
        for page in range(URLS):
            await trio.sleep(0.01 * number)
            await urls.send(f"{base_url}/{number}/{page}")


async def consume(name: str, pages: trio.MemoryReceiveChannel[dict[str, Any]]) -> None:
    """Take pages until there are no more."""
    with pages:
        async for page in pages:
            print(f"consumer {name} took {page['url']}: {page['title']}")


async def produce_and_consume(base_url: str) -> None:
    """Let a crawl stand between the two: its seeds are what is produced, its rows what is consumed."""
    urls, seeds = trio.open_memory_channel[str](5)  # bounded: who is too fast waits
    rows, pages = trio.open_memory_channel[dict[str, Any]](5)
    async with trio.open_nursery() as nursery:
        with urls, pages:
            for number in range(PRODUCERS):
                nursery.start_soon(produce, number, base_url, urls.clone())
            for name in "AB"[:CONSUMERS]:
                nursery.start_soon(consume, name, pages.clone())
        # It ends when the last producer has closed its channel, and then closes that of the consumers.
        report = await trio_crawl.crawl(seeds, write=rows, max_depth=0, delay=0, allow_private=True)
    print(f"{report.pages} pages, {report.ended}")


async def main() -> None:
    """Serve a site, and run producers and consumers on it."""
    web = MemoryWeb()
    web.otherwise("http://site.test", lambda hop: Reply(body=f"<title>Page {hop.url[-3:]}</title>".encode()))
    async with serving(web, origin="http://site.test") as base_url:
        await produce_and_consume(base_url)


if __name__ == "__main__":
    trio.run(main)
