"""Crawls in asyncio programs, Jupyter included: `crawl`, `open_crawl` and `fetch_page`, as in trio.

::

    from trio_crawl import aio

    async with aio.open_crawl("https://example.org/") as pages:
        async for page in pages:
            print(page.status, page.url)

Trio runs as a guest of the asyncio loop, in the same thread: one guest run for a
loop, which begins with its first crawl and ends with its last. Cancelling the task
cancels the crawl, and waits until it has ended.

What is async of the caller's runs in asyncio: ``parse`` and ``write``, and a source
of seeds (an async iterable, or an `asyncio.Queue`). A ``fetch`` and writers run in trio.
"""

from __future__ import annotations

from ._api import crawl as crawl, fetch_page as fetch_page, open_crawl as open_crawl
from ._handles import Control as Control, Stream as Stream

__all__ = ["Control", "Stream", "crawl", "fetch_page", "open_crawl"]
