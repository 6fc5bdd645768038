"""What the tests of whole crawls share: a clock that waits for nobody, and what a web was asked."""

from __future__ import annotations

import json
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import trio
from trio.testing import MockClock

from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from trio_crawl import Report
    from trio_crawl.testing import MemoryWeb

P = ParamSpec("P")

SITE = "https://site.test/"


def virtual(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test on a clock that jumps ahead when all wait, and see that it leaves nothing behind."""

    async def watched(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asserts_no_leaks():
            await test(*args, **kwargs)

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        trio.run(partial(watched, *args, **kwargs), clock=MockClock(autojump_threshold=0))

    return run


def asked(web: MemoryWeb) -> list[str]:
    """Return the URLs that *web* was asked for, in order, without those of robots.txt."""
    return [exchange.url for exchange in web.requests if not exchange.url.endswith("/robots.txt")]


def lines_of(path: Path) -> list[list[str]]:
    """Return the rows of a TSV file, without its header."""
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]


def objects_of(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def counts(report: Report) -> tuple[int, int, dict[str, int], dict[str, int], int]:
    """Return what became of the URLs: discovered, pages, failed, skipped, pending."""
    skipped: dict[str, int] = {key: value for key, value in report.skipped.items() if value}
    failed: dict[str, int] = {key: value for key, value in report.failed.items() if value}
    return report.discovered, report.pages, failed, skipped, report.pending
