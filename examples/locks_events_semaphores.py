"""asyncio's primitives, and what takes their place: a limiter, an event, a lock, a scope, a nursery.

Run it: ``python examples/locks_events_semaphores.py``: two crawls and other work, three at once in all.
"""

from __future__ import annotations

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb


class Shared:  # noqa: D101 - what the crawls and the other work share
    limiter = trio.CapacityLimiter(3)  # asyncio.Semaphore(3); its tokens may change at any time
    first = trio.Event()  # asyncio.Event()
    lock = trio.Lock()  # asyncio.Lock(): only for what awaits in between
    lines: list[str] = []  # noqa: RUF012 - there is one of it


async def crawl(url: str, web: MemoryWeb) -> None:
    """Crawl a site; each of its requests takes a token that the others take, too."""
    await trio_crawl.crawl(url, fetch=web, write=save, concurrency=Shared.limiter, delay=0)


async def save(row: dict[str, object]) -> None:
    """Take a row, and let those know who wait for the first one."""
    Shared.first.set()
    await note(f"wrote {row['status']} {row['url']}")


async def note(text: str) -> None:
    """Write a line in two steps, between which nobody else may write."""
    async with Shared.lock:
        number = len(Shared.lines) + 1
        await trio.sleep(0.001)
        Shared.lines.append(f"{number}. {text}")


async def work() -> None:
    """Wait for the first page, and then work with a token of the same limiter."""
    await Shared.first.wait()
    with trio.fail_after(30):  # asyncio.timeout(30)
        async with Shared.limiter:
            await note("other work was done")


async def main() -> None:
    """Run all of it at once, and come back when all of it has ended (asyncio.TaskGroup, asyncio.gather)."""
    async with trio.open_nursery() as nursery:
        for name in ("tea", "coffee"):
            web = MemoryWeb()
            web.otherwise(f"https://{name}.test", lambda _hop: "<a href=/1>1</a> <a href=/2>2</a>")
            nursery.start_soon(crawl, f"https://{name}.test/", web)
        nursery.start_soon(work)
    print(*Shared.lines, f"tokens in use: {Shared.limiter.borrowed_tokens}", sep="\n")


if __name__ == "__main__":
    trio.run(main)
