"""Two ways to end a crawl in time, on a site that never ends.

Run it: ``python examples/with_deadline.py`` writes ``cancelled.tsv`` and
``stopped.tsv``; each holds whole pages, whatever was in flight at the end.
"""

from __future__ import annotations

from functools import partial

import trio

import trio_crawl
from trio_crawl.abc import Hop
from trio_crawl.testing import MemoryWeb, Reply, serving


async def crawl_in_time(url: str, seconds: float) -> None:
    """Crawl from *url* for this long, and then again; each time there would be no end."""
    crawl = partial(trio_crawl.crawl, url, overwrite=True, delay=0, allow_private=True)

    # Trio's own deadline drops everything at once; the rows that were there are in the file.
    with trio.move_on_after(seconds) as scope:
        await crawl(write="cancelled.tsv")
    print("cancelled:", scope.cancelled_caught)

    # A deadline of the crawl's own starts nothing more, lets what is in flight end, and tells how it went.
    report = await crawl(write="stopped.tsv", max_time=seconds)
    print("ended by:", report.ended)
    print(report)


# From here on: a site to try it on.


def numbered_page(hop: Hop) -> Reply:
    """Answer every URL, after a while, with a page that links to three more."""
    number = int(hop.url.rpartition("/")[2] or "0")
    links = " ".join(f'<a href="/{3 * number + branch}">onward</a>' for branch in (1, 2, 3))
    return Reply(body=f"<!doctype html><title>Page {number}</title>{links}", delay=0.05)


async def main() -> None:
    """Serve a site without end, and crawl it for half a second."""
    web = MemoryWeb()
    web.otherwise("http://endless.test", numbered_page)
    web.robots("http://endless.test", "")
    async with serving(web, origin="http://endless.test") as base_url:
        await crawl_in_time(f"{base_url}/", 0.5)


if __name__ == "__main__":
    trio.run(main)
