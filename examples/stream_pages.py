"""The pages of a crawl as a stream: take what is wanted, and leave.

Run it: ``python examples/stream_pages.py`` looks for a page in a library of a
hundred, and stops where it is found.
"""

from __future__ import annotations

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving


async def find(start: str, title: str) -> None:
    """Crawl from *start* until a page with this *title* comes along."""
    async with trio_crawl.open_crawl(start, delay=0, allow_private=True) as pages:
        async for page in pages:
            print(page.status, page.depth, page.url, page.title)
            if page.title == title:
                break  # Leaving the block cancels what is still in flight.
    print(pages.report)


# From here on: a site to try it on.


async def main() -> None:
    """Serve a library, and find a book in it."""
    web = MemoryWeb()
    for number in range(100):
        following = [f"/book-{3 * number + branch}" for branch in (1, 2, 3) if 3 * number + branch < 100]  # noqa: PLR2004
        web.links(f"http://library.test/book-{number}", following, title=f"Volume {number}")
    async with serving(web, origin="http://library.test") as base_url:
        await find(f"{base_url}/book-0", "Volume 17")


if __name__ == "__main__":
    trio.run(main)
