"""Ctrl-C at any line of the library's own code: where it comes, and what is looked at afterwards."""

from __future__ import annotations

import signal
import sys
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from sqlite3 import connect
from typing import TYPE_CHECKING, Any

import trio
from crawl_support import SITE, objects_of

import trio_crawl
from trio_crawl._cli.check import check
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import FrameType

    from trio_crawl import Link, Page, Response
    from trio_crawl.abc import Environment, Hop

LIBRARY = str(Path(trio_crawl.__file__).parent)
PAGES = 12


class Lines:
    """Counts the lines of the library's code that the main thread comes to, and sends SIGINT at one of them.

    Args:
        at: the number of that line, from 1 on; 0 only counts.
        matters: whether the code of a file counts.
    """

    def __init__(self, at: int = 0, matters: Callable[[str], bool] = lambda _: True) -> None:
        self._at = at
        self._matters = matters
        self.count = 0
        self.where = ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count while the block runs."""
        before = sys.gettrace()
        sys.settrace(self._calls)
        try:
            yield
        finally:
            sys.settrace(before)

    def _calls(self, frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401 - as `sys` has it
        name = frame.f_code.co_filename
        own = name.startswith(LIBRARY) and "/testing/" not in name and self._matters(name)
        return self._lines if own else None

    def _lines(self, frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401 - likewise
        if event == "line":
            self.count += 1
            if self.count == self._at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self._lines


class Real:
    """A web in memory whose crawls use threads, as those over a network do."""

    opens_connections = False
    virtual = False

    def __init__(self, web: MemoryWeb) -> None:
        self._web = web

    @asynccontextmanager
    async def open(self, environment: Environment, /) -> AsyncIterator[None]:
        async with self._web.open(environment):
            yield

    async def fetch(self, hop: Hop, /) -> Response:
        return await self._web.fetch(hop)


def site() -> MemoryWeb:
    """Return a small web with redirects, failures, links out of scope and a robots.txt."""
    web = MemoryWeb()
    web.robots("https://site.test", "User-agent: *\nDisallow: /secret")
    for number in range(PAGES):
        ahead = [f"/{number * 2 + step}" for step in (1, 2) if number * 2 + step < PAGES]
        web.links(f"{SITE}{number or ''}", [*ahead, "/secret", f"https://other.test/{number}", "/gone"])
    web.add(f"{SITE}gone", failure="tls")
    web.add(f"{SITE}5", redirect="/moved")
    web.links(f"{SITE}moved", ["/11"])
    return web


EXPECTED = sorted(f"{SITE}{number or ''}" for number in range(PAGES))


def parse(page: Page) -> Iterator[object]:
    """Yield the links of a page, and a row."""
    yield from page.links()
    yield {"url": page.url}


def near(link: Link) -> bool:
    """Follow the site alone."""
    return link.url.startswith(SITE)


def keywords(folder: Path, *, threads: bool) -> dict[str, Any]:
    """Return what a crawl into *folder* is called with."""
    web = site()
    return {
        "fetch": Real(web) if threads else web,
        "parse": parse,
        "follow": near,
        "write": [folder / "pages.jsonl", folder / "pages.sqlite"],
        "state": folder / "crawl.db",
        "delay": 0,
        "per_host": 4,
        "retries": 0,
    }


def look(folder: Path) -> list[str]:
    """Return what is wrong with a crawl that has ended: rows that are lost or twice, and books that lie."""
    rows = sorted(row["url"] for row in objects_of(folder / "pages.jsonl"))
    with closing(connect(folder / "pages.sqlite")) as database:
        cells = sorted(url for (url,) in database.execute("SELECT url FROM rows"))
    problems = [
        f"{name}: {found}"
        for name, found in (("pages.jsonl", rows), ("pages.sqlite", cells))
        if found != EXPECTED
    ]
    outputs = [str(folder / "pages.jsonl"), str(folder / "pages.sqlite")]
    problems += check(str(folder / "crawl.db"), outputs).problems
    left = sorted(path.name for path in folder.iterdir() if path.suffix not in {".jsonl", ".sqlite", ".db"})
    return problems + [f"{name} is left" for name in left]


def interrupted(crawl: Callable[[], object], lines: Lines) -> BaseException | None:
    """Return what *crawl* raised when SIGINT came."""
    try:
        with lines.watched():
            crawl()
    except BaseException as error:  # noqa: ASYNC103, BLE001 - looked at by the caller
        return error  # noqa: ASYNC104 - likewise
    return None


def in_trio(folder: Path, *, threads: bool) -> Callable[[], object]:
    """Return a crawl in a run of trio of its own, to be called."""
    given = keywords(folder, threads=threads)

    async def main() -> None:
        await trio_crawl.crawl(SITE, **given)

    clock = None if threads else trio.testing.MockClock(autojump_threshold=0)
    return lambda: trio.run(main, clock=clock)
