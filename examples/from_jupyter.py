"""A notebook's cells: in each an asyncio loop runs already, which trio's own ``run`` would not allow.

Run it: ``python examples/from_jupyter.py`` runs the cells in such a loop, one after the other.
An interrupt (the stop button) cancels the crawl of a cell, and is raised when it has ended.
"""

from __future__ import annotations

import asyncio

import trio_crawl
from trio_crawl import aio
from trio_crawl.testing import MemoryWeb


async def cell_1() -> None:
    """Take the rows of a crawl as a list, for a data frame; a cell without ``await`` waits for it."""
    rows, report = trio_crawl.collect("https://shop.test/", fetch=shop(), parse=parse, delay=0)
    print(len(rows), "rows:", rows)
    print(report.ended)


async def cell_2() -> None:
    """Take the pages one after the other, as the crawl goes on; leaving the loop ends it."""
    for page in trio_crawl.iterate("https://shop.test/", fetch=shop(), delay=0):
        print(page.url)
        if page.depth == 1:
            break


async def cell_3() -> None:
    """Crawl with ``await``: the loop goes on, and with it widgets and the tasks of other cells."""
    crawl = asyncio.create_task(aio.crawl("https://shop.test/", fetch=shop(), delay=0.05))
    await asyncio.sleep(0.01)
    print("something else ran", "afterwards" if crawl.done() else "meanwhile")
    print((await crawl).pages, "pages")


def parse(page: trio_crawl.Page) -> list[object]:
    """Return a row, and what the page leads to."""
    return [{"title": page.title}, *page.links()]


def shop() -> MemoryWeb:
    """Return a site in memory."""
    web = MemoryWeb()
    web.links("https://shop.test/", ["/tea", "/cup"], title="Shop")
    for name in ("tea", "cup"):
        web.add(f"https://shop.test/{name}", f"<title>{name.title()}</title>")
    return web


async def notebook() -> None:
    """Run the cells."""
    for cell in (cell_1, cell_2, cell_3):
        await cell()


if __name__ == "__main__":
    asyncio.run(notebook())
