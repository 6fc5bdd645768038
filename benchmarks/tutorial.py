"""The crawler of the tutorials: asyncio, aiohttp, a regular expression, urljoin, aiofiles.

It is written as they write it, with what a crawl needs beyond them: workers
over a queue, and a set, so that each URL is asked for once. It knows no
robots.txt, no base element, no encodings, no retries and no limits.
"""

from __future__ import annotations

import asyncio
import re
import urllib.parse
from typing import TYPE_CHECKING

import aiofiles
import aiohttp

if TYPE_CHECKING:
    from pathlib import Path

HREF = re.compile(r'href="(.*?)"')


async def crawl(seed: str, output: Path, *, connections: int, write_by_page: bool) -> None:
    """Crawl everything under *seed*, and write a line for each page and link.

    Args:
        seed: the URL of the front page; what doesn't begin with it is not followed.
        output: a file, appended to for each page.
        connections: requests at once.
        write_by_page: write the lines of a page with one call; the tutorials
            make one for every line, each of which goes through a thread.
    """
    queue: asyncio.Queue[str] = asyncio.Queue()
    seen = {seed}
    queue.put_nowait(seed)

    async def work(session: aiohttp.ClientSession) -> None:
        while True:
            url = await queue.get()
            async with session.get(url) as response:
                response.raise_for_status()
                html = await response.text()
            links = [urllib.parse.urljoin(url, href) for href in HREF.findall(html)]
            lines = [f"{url}\t{link}\n" for link in links]
            async with aiofiles.open(output, "a") as file:
                for part in ["".join(lines)] if write_by_page else lines:
                    await file.write(part)
            for link in links:
                if link not in seen and link.startswith(seed):
                    seen.add(link)
                    queue.put_nowait(link)
            queue.task_done()

    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        workers = [group.create_task(work(session)) for _ in range(connections)]
        await queue.join()
        for worker in workers:
            worker.cancel()
