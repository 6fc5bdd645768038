"""The guard of the event loop: what it finds, and what it lets pass."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from crawl_support import virtual
from loop_guard import guarding

import trio_crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_crawl import Page

BLOCKING_CALLS: Final[dict[str, Any]] = {
    "open": lambda: Path(os.devnull).read_bytes(),
    "sleep": lambda: time.sleep(0),
    "connect": lambda: sqlite3.connect(":memory:").close(),
    "scandir": lambda: list(Path(__file__).parent.iterdir()),
}


def of_the_library(function: FunctionType) -> FunctionType:
    """Return *function* as if it stood in a file of the library."""
    place = Path(trio_crawl.__file__).with_name("_made_up.py")
    return FunctionType(function.__code__.replace(co_filename=str(place)), function.__globals__)


async def calling(call: Callable[[], object]) -> None:
    """Make *call* in an async function."""
    call()


@pytest.mark.parametrize("name", BLOCKING_CALLS)
async def test_a_call_of_the_library_that_blocks_is_found(name: str) -> None:
    """Opening a file, sleeping, SQLite and reading a folder are found where an async function does it."""
    with guarding() as found:
        await of_the_library(calling)(of_the_library(BLOCKING_CALLS[name]))  # type: ignore[arg-type]
    assert [line for line in found if "_made_up.py" in line] != []


@pytest.mark.parametrize("name", BLOCKING_CALLS)
async def test_a_function_that_blocks_may_be_called_by_a_test(name: str) -> None:
    """A function that is not async says so, and who calls it on the loop is not the library."""
    with guarding() as found:
        of_the_library(BLOCKING_CALLS[name])()
    assert found == []


async def test_what_a_thread_does_is_no_blocking() -> None:
    """The same calls in a thread are what they should be."""
    with guarding() as found:
        for call in BLOCKING_CALLS.values():
            await trio.to_thread.run_sync(of_the_library(call))
    assert found == []


@virtual
async def test_what_user_code_does_is_the_users(tmp_path: Path) -> None:
    """A parser that opens a file holds the loop, and it is not the library that does."""
    web = MemoryWeb()
    web.add("https://a.test/", "<p>one")

    def parse(page: Page) -> Iterator[object]:
        (tmp_path / "own").write_text(page.url)
        yield {"url": page.url}

    with guarding() as found:
        await trio_crawl.crawl("https://a.test/", fetch=web, parse=parse, write=tmp_path / "rows.jsonl")
    assert found == []
