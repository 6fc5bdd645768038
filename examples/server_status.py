"""Twenty servers are polled, each by a task with a handle; one is cancelled, and then all of them.

Run it: ``python examples/server_status.py`` shows what each of them said.
"""

from __future__ import annotations

from functools import partial

import trio

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving

SECONDS, PERIOD = 2.0, 0.5
OPTIONS = {"robots": False, "retries": 0, "timeout": 0.3, "allow_private": True}


async def poll(url: str, seen: list[str], *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
    """Ask *url* how it is, again and again; who starts this has its scope as a handle."""
    with trio.CancelScope() as scope:
        task_status.started(scope)
        began = trio.current_time()
        while True:
            try:
                page = await trio_crawl.fetch_page(url, **OPTIONS)  # type: ignore[arg-type]
                seen.append(f"{page.status} {page.text()}")
            except trio_crawl.FetchError as error:
                seen.append(f"down ({error.kind})")
            began += PERIOD
            await trio.sleep_until(began)


async def watch(urls: list[str]) -> None:
    """Poll all *urls* for a while, the third one for half of it, and print what they said."""
    seen: dict[str, list[str]] = {url: [] for url in urls}
    async with trio.open_nursery() as nursery:
        handles = [await nursery.start(partial(poll, url, seen[url])) for url in urls]
        await trio.sleep(SECONDS / 2)
        handles[2].cancel(reason="seen enough of it")
        await trio.sleep(SECONDS / 2)
        nursery.cancel_scope.cancel(reason="seen enough of all")
    print(*[", ".join([url.rpartition("/")[2], *answers]) for url, answers in seen.items()], sep="\n")


async def main() -> None:
    """Serve twenty servers, of which some are slow or in trouble, and watch them."""
    web = MemoryWeb()
    for number in range(1, 21):
        slow, ill = number % 7 == 0, number % 5 == 0
        url = f"http://status.test/server-{number}"
        web.add(url, f"load {number}%", status=503 if ill else 200, delay=9 if slow else 0)
    async with serving(web, origin="http://status.test") as base_url:
        await watch([f"{base_url}/server-{number}" for number in range(1, 21)])


if __name__ == "__main__":
    trio.run(main)
