"""Parsers that tests send to worker processes, which import this module by its name."""

from __future__ import annotations

import enum
import os
import time
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from trio_crawl import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_crawl import Page


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Inner:
    path: PurePosixPath
    numbers: set[int]


@dataclass
class Row:
    url: str
    inner: Inner
    colour: Colour


Pair = namedtuple("Pair", ["left", "right"])  # noqa: PYI024 - a row that the library takes, too

MOMENT = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
ZONED = datetime(2020, 7, 2, 3, 4, 5, tzinfo=ZoneInfo("Europe/Berlin"))


def titles(page: Page) -> Iterator[Any]:
    """Follow the links, and yield title, number of elements, and process."""
    yield from page.links()
    yield {"url": page.url, "title": page.title, "elements": len(page.css("*")), "process": os.getpid()}


def rows(page: Page) -> Iterator[Any]:
    """Yield a row of every kind."""
    yield Row(url=page.url, inner=Inner(PurePosixPath("a/b"), {1}), colour=Colour.RED)
    yield Pair(MOMENT, timedelta(seconds=1))
    yield {"zoned": ZONED, "price": Decimal("1.20"), "id": UUID(int=1), "bytes": b"x", "list": [Colour.RED]}
    yield Request("/next", label="b", data={"from": page.url})


def request_data(page: Page) -> dict[str, Any]:
    """Yield what came with the request, and the page's other values."""
    return {"data": page.request.data, "depth": page.depth, "type": page.content_type, "html": page.html}


def endless(page: Page) -> None:
    """Never return, where the page says so."""
    while "endless" in page.html:
        pass


def slow(page: Page) -> None:
    """Sleep for a minute."""
    del page
    time.sleep(60)


def greedy(page: Page) -> dict[str, Any]:
    """Take more memory than there may be, where the page says so."""
    if "greedy" not in page.html:
        return {"url": page.url}
    return {"bytes": len(bytearray(8 * 1024**3))}


def dying(page: Page) -> dict[str, Any]:
    """End the process, where the page says so."""
    if "dying" in page.html:
        os._exit(3)
    return {"url": page.url}


def raising(page: Page) -> dict[str, Any]:
    """Raise, where the page says so."""
    if "raising" in page.html:
        raise LookupError(f"no price on {page.url}")
    return {"url": page.url}


def printing(page: Page) -> dict[str, Any]:
    """Print, read standard input, and yield a row."""
    print("printed", flush=True)  # noqa: T201 - that is what is tried
    os.write(1, b"written\n")
    return {"url": page.url, "read": os.read(0, 10)}


def unsendable(page: Page) -> dict[str, Any]:
    """Yield what is no plain value."""
    return {"url": page.url, "lock": iter([])}


def nothing(page: Page) -> None:
    """Yield nothing."""
    del page


async def asynchronous(page: Page) -> dict[str, Any]:
    """Be async."""
    return {"url": page.url}


class Parser:
    """Has a parser as a method."""

    def parse(self, page: Page) -> None:
        """Yield nothing."""

    def __call__(self, page: Page) -> None:
        """Yield nothing."""


PARSER = Parser()
