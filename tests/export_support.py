"""What the tests of exports share: a small site, archived."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from crawl_support import SITE
from trio.testing import MockClock

from trio_crawl import crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path


def site() -> MemoryWeb:
    """Return pages that link to each other; one is missing, one fails, one is repeated, one redirects."""
    web = MemoryWeb()
    web.links(
        SITE, ["/one", "/two?b=2&a=1", "/missing", "/broken", "/again", "/moved"], title="Start & <more>"
    )
    web.links(f"{SITE}one", ["/", "/two?b=2&a=1"], title="One")
    web.add(f"{SITE}two?b=2&a=1", "<title>Two \u00fc</title><a href=/>start</a>", coding="gzip")
    web.add(f"{SITE}again", "<title>Two \u00fc</title>")
    web.add(f"{SITE}moved", redirect="/one")
    web.add(f"{SITE}broken", failure="protocol")
    return web


def crawled(*outputs: object, **keywords: Any) -> None:  # noqa: ANN401 - of crawl()
    """Crawl the site on a clock that jumps."""
    keywords = {"fetch": site(), "delay": 0, "retries": 0, "write": list(outputs), **keywords}
    trio.run(partial(crawl, SITE, **keywords), clock=MockClock(autojump_threshold=0))


def archived(folder: Path, name: str = "crawl.warc.gz") -> Path:
    """Return the path of an archive of the site."""
    crawled(folder / name)
    return folder / name
