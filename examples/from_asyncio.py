"""Crawls in an asyncio program: several at once, streamed, cancelled by its time-outs.

Run it: ``python examples/from_asyncio.py``; there is no ``trio.run`` in it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from trio_crawl import Page, aio
from trio_crawl.abc import Fetcher
from trio_crawl.testing import MemoryWeb, Reply


async def parse(page: Page) -> list[Any]:
    """Return links and a row; asyncio's clients, locks and time-outs work here."""
    await asyncio.sleep(0.001)
    return [*page.links(), {"title": page.title or page.url}]


async def titles(site: str, fetch: Fetcher) -> list[str]:
    """Return the titles of a site, written by an async function of asyncio's."""
    found: list[str] = []

    async def save(row: dict[str, str]) -> None:
        found.append(row["title"])

    await aio.crawl(site, fetch=fetch, parse=parse, write=save, delay=0)
    return sorted(found)


async def main() -> None:
    """Crawl three sites at once, take some pages of one as a stream, and run out of time with another."""
    print(*await asyncio.gather(*[titles(f"https://{name}.test/", site(name)) for name in "abc"]), sep="\n")

    async with aio.open_crawl("https://d.test/", fetch=site("d"), delay=0) as pages:
        async for page in pages:
            print(page.status, page.url)
            break  # Leaving the block cancels what is still in flight.

    try:
        async with asyncio.timeout(0.3):
            await aio.crawl("https://e.test/", fetch=site("e", delay=60), delay=0)
    except TimeoutError:
        print("out of time; nothing is left running:", len(asyncio.all_tasks()) == 1)


def site(name: str, *, delay: float = 0.01) -> MemoryWeb:
    """Return a small site in memory."""
    web = MemoryWeb()
    web.links(f"https://{name}.test/", ["/1", "/2"], title=f"{name}: home")
    web.otherwise(f"https://{name}.test", lambda hop: Reply(body=hop.url.encode(), delay=delay))
    return web


if __name__ == "__main__":
    asyncio.run(main())
