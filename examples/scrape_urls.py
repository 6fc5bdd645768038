"""Some URLs, five at once: time-outs, back-off on 429, errors as results, in the order asked.

Run it: ``python examples/scrape_urls.py`` shows what became of each.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

import trio

import trio_crawl
from trio_crawl import Failure, Request, Skip
from trio_crawl.testing import MemoryWeb, Reply, serving

OPTIONS: dict[str, Any] = {"pace": "fixed", "delay": 0, "max_depth": 0, "robots": False, "traps": False}
logging.getLogger("trio_crawl").setLevel(logging.ERROR)  # errors are results here


class Result(NamedTuple):  # noqa: D101 - what became of one URL
    url: str
    title: str | None = None
    error: str | None = None


async def scrape_urls(urls: Sequence[str], at_once: int = 5, **options: Any) -> list[Result]:  # noqa: ANN401
    """Return what became of each of *urls*, in their order; one that stands there twice has two results."""
    results = [Result(url) for url in urls]
    # The key makes each a request of its own, whatever its URL; the data comes back with its page.
    requests = [Request(url, key=f"{number}", data=number) for number, url in enumerate(urls)]
    options |= {**OPTIONS, "concurrency": at_once, "per_host": at_once}
    async with trio_crawl.open_crawl(requests, failures=True, skips=True, **options) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Skip):  # it never came to a request
                results = [r._replace(error=outcome.reason) if r.url == outcome.url else r for r in results]
            elif isinstance(outcome, Failure):
                results[int(f"{outcome.request.data}")] = Result(outcome.request.asked, error=outcome.kind)
            else:
                error = f"HTTP {outcome.status}" if outcome.status >= 400 else None  # noqa: PLR2004
                results[outcome.request.data] = Result(outcome.request.asked, outcome.title, error)
    return results


async def main() -> None:
    """Serve pages that work, and some that don't, and scrape them."""
    web, busy = MemoryWeb(), iter([Reply(status=429)])
    for number in range(4):
        web.add(f"http://site.test/{number}", f"<title>Page {number}</title>")
    web.add("http://site.test/slow", "too late", delay=9)
    web.add("http://site.test/busy", lambda _hop: next(busy, Reply(body=b"<title>Not busy</title>")))
    async with serving(web, origin="http://site.test") as base:
        paths = ("/0", "/busy", "/slow", "/missing", "/1", "/2", "/0", "/3#part")
        urls = [*(f"{base}{path}" for path in paths), "no URL"]
        print(*await scrape_urls(urls, timeout=0.5, allow_private=True), sep="\n")


if __name__ == "__main__":
    trio.run(main)
