"""What the tests of crawls with a state share."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from crawl_support import SITE, objects_of
from trio.testing import MockClock

from trio_crawl import Report, crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path


def small_site(pages: int = 12) -> MemoryWeb:
    """Return pages in a chain, each of which links two ahead and one back."""
    web = MemoryWeb()
    for number in range(pages):
        ahead = [f"/{number + step}" for step in (1, 2) if number + step < pages]
        web.links(f"{SITE}{number or ''}", [*ahead, f"/{max(number - 1, 0) or ''}"])
    return web


async def go(folder: Path, web: MemoryWeb, **keywords: Any) -> Report:  # noqa: ANN401 - of crawl()
    """Crawl the site into *folder*, or go on with it."""
    given: dict[str, Any] = {
        "fetch": web,
        "write": folder / "pages.jsonl",
        "state": folder / "crawl.db",
        "delay": 0,
        **keywords,
    }
    return await crawl(given.pop("seeds", SITE), **given)


def run_virtually(folder: Path, web: MemoryWeb, **keywords: Any) -> Report:  # noqa: ANN401 - of crawl()
    """Do the same in a run of trio of its own, on a clock that jumps."""
    return trio.run(partial(go, folder, web, **keywords), clock=MockClock(autojump_threshold=0))


def urls_in(folder: Path) -> list[str]:
    """Return the URL of each row of the pages, in order."""
    return [row["url"] for row in objects_of(folder / "pages.jsonl")]


def select(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the state in *folder*."""
    with closing(sqlite3.connect(folder / "crawl.db")) as state:
        return state.execute(query).fetchall()


def files_in(folder: Path) -> list[str]:
    """Return the names of what is in *folder*, sorted."""
    return sorted(path.name for path in folder.iterdir())
