"""Stages that feed each other, each at a pace of its own; results are shown as they come.

Run it: ``python examples/chained.py`` finds products, asks for the price of each, and converts it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving

OPTIONS: dict[str, Any] = {"delay": 0, "allow_private": True}


async def find(list_url: str, found: trio.MemorySendChannel[str]) -> None:
    """Read the list, and pass on what is on it."""
    with found:
        page = await trio_crawl.fetch_page(list_url, **OPTIONS)
        for link in page.links("a.product"):
            print("found", link.url.rpartition("/")[2])
            await found.send(link.url)
            await trio.sleep(0.1)


async def convert(prices: trio.MemoryReceiveChannel[dict[str, str]], rate: float) -> None:
    """Take each price as it comes, and convert it."""
    with prices:
        async for row in prices:
            await trio.sleep(0.05)
            name, price = row["title"].split(": ")
            print(f"{name} costs {float(price) * rate:.2f}")


async def chain(list_url: str) -> None:
    """Run the three stages at once; the second is a crawl whose seeds are what the first one finds."""
    found, seeds = trio.open_memory_channel[str](0)
    rows, prices = trio.open_memory_channel[dict[str, str]](0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(find, list_url, found)
        nursery.start_soon(partial(trio_crawl.crawl, seeds, write=rows, **OPTIONS))
        nursery.start_soon(convert, prices, 1.1)


async def main() -> None:
    """Serve a shop, and run the chain on it."""
    web = MemoryWeb()
    prices = {"tea": 4, "cup": 6.5, "pot": 20}
    web.add("http://shop.test/", "".join(f"<a class=product href=/{name}>{name}</a>" for name in prices))
    for name, price in prices.items():
        web.add(f"http://shop.test/{name}", f"<title>{name}: {price}</title>", delay=0.2)
    async with serving(web, origin="http://shop.test") as base_url:
        await chain(f"{base_url}/")


if __name__ == "__main__":
    trio.run(main)
