"""A hundred sites read at once; results are handled as they come, and after three seconds it is over.

Run it: ``python examples/hundred_sites.py`` shows who answered in time, and who was still being asked.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import trio

import trio_crawl
from trio_crawl.abc import Fetcher
from trio_crawl.testing import MemoryWeb

SECONDS = 3.0
logging.getLogger("trio_crawl").setLevel(logging.ERROR)  # a failure is a result here


async def read_all(sites: Sequence[str], *, fetch: Fetcher) -> None:
    """Read every site; cancel what is not there in time, and say what that was."""
    crawling = trio_crawl.open_crawl(
        sites, fetch=fetch, concurrency=100, max_depth=0, robots=False, retries=0, failures=True
    )
    with trio.move_on_after(SECONDS) as scope:
        async with crawling as results:
            try:
                async for result in results:
                    print(
                        result if isinstance(result, trio_crawl.Failure) else f"{result.url}: {result.status}"
                    )
            finally:
                in_flight = results.control.in_flight()
    if scope.cancelled_caught:
        print(f"cancelled {len(in_flight)} requests:")
        for request in in_flight:
            print(f"  {request.url} after {request.seconds:.1f} s")


# From here on: a hundred sites to try it on.


async def main() -> None:
    """Read a hundred sites, each of which takes a little longer than the one before."""
    web = MemoryWeb()
    sites = [f"https://site-{number}.test/" for number in range(1, 101)]
    for number, url in enumerate(sites, 1):
        web.add(url, status=200 if number % 10 else 500, delay=0.04 * number)
    web.add(sites[6], failure="connect")
    await read_all(sites, fetch=web)


if __name__ == "__main__":
    trio.run(main)
