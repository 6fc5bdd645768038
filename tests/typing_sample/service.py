"""A service that crawls, in the names of trio-typing: it is type-checked and run where that is installed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar, assert_type

import trio
from mypy_extensions import VarArg
from trio_typing import AsyncGenerator, TaskStatus, takes_callable_and_args

import trio_crawl
from trio_crawl import Control, CrawlError, Failure, Link, Page, Report, Request, Statistics
from trio_crawl.abc import Environment, Fetcher, Hop, Response
from trio_crawl.testing import MemoryWeb
from trio_crawl.writers import Lines

SEED = "https://example.org/"
T = TypeVar("T")


def a_web() -> MemoryWeb:
    """Make a site of three pages, one of which is missing."""
    web = MemoryWeb()
    web.links(SEED, ["/a", "/b"])
    web.add(f"{SEED}a", "<title>A</title>")
    return web


@takes_callable_and_args
async def within(
    seconds: float,
    function: Callable[..., Awaitable[T]] | Callable[[VarArg()], Awaitable[T]],
    *args: Any,  # noqa: ANN401 - whatever the function takes
) -> T:
    """Call an async function, and give it so many seconds."""
    with trio.fail_after(seconds):
        return await function(*args)


def parse(page: Page) -> Iterator[Link | Request | Mapping[str, object]]:
    """Follow every link, and keep the title."""
    yield from page.links()
    yield {"url": page.url, "title": page.title}


async def keep(row: object) -> None:
    """Take one row."""
    assert isinstance(row, dict)


async def service(*, task_status: TaskStatus[Control]) -> Report:
    """Crawl in the background, under a nursery of the service's own."""
    async with trio.open_nursery() as nursery:
        control = await nursery.start(
            partial(trio_crawl.crawl, SEED, fetch=a_web(), parse=parse, write=keep, delay=0)
        )
        task_status.started(control)
        report: Report = await control.wait()
    return report


async def titles() -> AsyncGenerator[str, None]:
    """Yield the titles of a list of pages that were fetched one by one."""
    for path in ("", "a"):
        page = await trio_crawl.fetch_page(f"{SEED}{path}", fetch=a_web())
        assert_type(page, Page)
        yield page.title or ""


async def stream() -> list[str]:
    """Take the pages as they come."""
    found: list[str] = []
    async with trio_crawl.open_crawl([SEED], fetch=a_web(), delay=0, failures=True) as pages:
        assert_type(pages.control, Control)
        async for item in pages:
            assert isinstance(item, Page | Failure)
            found.append(item.url)
    assert_type(pages.report, Report)
    return found


async def main() -> Report:
    """Use all of it once."""
    async with trio.open_nursery() as nursery:
        control: Control = await nursery.start(service)
        assert_type(control.statistics(), Statistics)
        assert_type(await control.wait(), Report)

    assert [title async for title in titles()] == ["Links", "A"]
    assert len(await within(60, stream)) == 3

    web: Fetcher = a_web()
    report = await within(60, partial(trio_crawl.crawl, SEED, fetch=web, write=None, delay=0))
    assert_type(report, Report)
    try:
        await trio_crawl.crawl("no URL", fetch=a_web())
    except CrawlError as error:
        print(f"refused, as it has to be: {error}")
    return report


def wrong(response: Response) -> None:
    """Hold the mistakes that a type checker has to see; it is never called."""
    Request(SEED, priority="high")  # type: ignore[arg-type]
    Lines(12)  # type: ignore[arg-type]
    response.status = 200  # type: ignore[misc]
    trio_crawl.run(SEED, max_page=3)  # type: ignore[call-arg]
    broken: Fetcher = Broken()  # type: ignore[assignment]
    print(broken)


class Broken:
    """A fetcher but for its `open`, which is missing."""

    opens_connections = False
    virtual = True

    async def fetch(self, hop: Hop, /) -> Response:
        """Answer with nothing."""
        return Response(url=hop.url, status=204)


def describe(environment: Environment) -> int:
    """Use a field of what a crawl lends to its fetcher."""
    return environment.concurrency


if __name__ == "__main__":
    print(trio.run(main))
