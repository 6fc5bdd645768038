"""``run``, ``collect`` and ``iterate``: crawls in programs that are not async, and in notebooks."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from crawl_support import SITE, lines_of

from trio_crawl import Failure, UsageError, collect, iterate, run
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl import Report


def site() -> MemoryWeb:
    web = MemoryWeb()
    web.links(SITE, ["/a", "/b"], title="Home")
    web.links(f"{SITE}a", ["/"])
    web.add(f"{SITE}b", status=404)
    return web


# run


def test_run_blocks_until_the_crawl_is_done(tmp_path: Path) -> None:
    """``run`` is ``crawl`` for programs that are not async."""
    report = run(SITE, fetch=site(), write=tmp_path / "l.tsv", delay=0)
    assert (report.pages, report.ended) == (3, "done")
    assert report.rows == len(lines_of(tmp_path / "l.tsv")) == 3
    with pytest.raises(UsageError, match="max_pages"):
        run(SITE, fetch=site(), max_pages=0)


async def test_run_inside_trio() -> None:
    """In a trio program the message says what to write instead."""
    with pytest.raises(UsageError, match=r"await trio_crawl\.crawl"):
        run(SITE, fetch=site())


def test_run_inside_asyncio() -> None:
    """Where an asyncio loop runs, as in a notebook, the crawl has a thread of its own; errors come out."""

    async def notebook() -> Report:
        with pytest.raises(UsageError, match="max_pages"):
            run(SITE, fetch=site(), max_pages=0)
        return run(SITE, fetch=site(), delay=0)

    before = threading.active_count()
    assert asyncio.run(notebook()).pages == 3
    assert threading.active_count() == before


_INTERRUPTED = """
import asyncio, sys, time
import trio_crawl
from trio_crawl.testing import MemoryWeb, Reply

web = MemoryWeb()
web.links("https://site.test/", ["/a"])
def slow(hop):
    print("asked", flush=True)
    return Reply(delay=600)

web.add("https://site.test/a", slow)

OPTIONS = {"fetch": web, "delay": 0, "timeout": 900}

def crawl():
    match sys.argv[2]:
        case "run":
            trio_crawl.run("https://site.test/", **OPTIONS)
        case "collect":
            trio_crawl.collect("https://site.test/", **OPTIONS)
        case "iterate":
            for page in trio_crawl.iterate("https://site.test/", **OPTIONS):
                pass

async def notebook():
    crawl()

try:
    match sys.argv[1]:
        case "loop":
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(notebook())
            finally:
                loop.close()
        case "asyncio":  # which has a handler of its own, that would only tell the loop
            asyncio.run(notebook())
        case "plain":
            crawl()
except KeyboardInterrupt:
    running = [e for e in web.requests if e.finished is None]
    print("interrupted", len(running), "in flight", flush=True)
"""


@pytest.mark.parametrize("function", ["run", "collect", "iterate"])
@pytest.mark.parametrize("form", ["plain", "loop", "asyncio"])
def test_an_interrupt_ends_it(form: str, function: str) -> None:
    """An interrupt cancels the crawl, in its own thread too, and is raised when it has ended."""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", _INTERRUPTED, form, function],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == "asked\n"
            program.send_signal(signal.SIGINT)
            out, err = program.communicate(timeout=30)
        finally:
            program.kill()
    assert out == "interrupted 0 in flight\n", err
    assert "Traceback" not in err


# collect and iterate


def linked(pages: int = 7) -> MemoryWeb:
    """Return a site of pages, each of which links to two more."""
    web = MemoryWeb()
    for number in range(pages):
        below = [f"/{2 * number + branch}" for branch in (1, 2) if 2 * number + branch < pages]
        web.links(f"{SITE}{number}", below, title=f"Page {number}")
    return web


OPTIONS: dict[str, Any] = {"delay": 0, "robots": False, "traps": False}


def test_collect_returns_all_pages_and_the_report() -> None:
    """They are what a stream gives, failures too if they are wanted; errors come out."""
    rows, report = collect(f"{SITE}0", fetch=linked(), **OPTIONS)
    assert [page.title for page in rows] == [f"Page {number}" for number in range(7)]
    assert (report.pages, report.ended) == (7, "done")
    rows, report = collect(["https://nowhere.test/"], fetch=linked(), failures=True, retries=0, **OPTIONS)
    assert [type(row) for row in rows] == [Failure]
    with pytest.raises(UsageError, match="max_pages"):
        collect(SITE, fetch=linked(), max_pages=0)


async def test_collect_and_iterate_inside_trio() -> None:
    """In a trio program the message says what to write instead."""
    with pytest.raises(UsageError, match="open_crawl"):
        collect(SITE, fetch=linked())
    with pytest.raises(UsageError, match="open_crawl"):
        iterate(SITE, fetch=linked())


@pytest.mark.parametrize("notebook", [False, True])
def test_iterate_gives_the_pages_of_a_crawl(notebook: bool) -> None:
    """They come in the order of parsing, and then there is a report; in a notebook as well."""

    async def cell() -> None:
        use()

    def use() -> None:
        pages = iterate(f"{SITE}0", fetch=linked(), **OPTIONS)
        with pytest.raises(RuntimeError, match="no report"):
            _ = pages.report
        assert [page.title for page in pages] == [f"Page {number}" for number in range(7)]
        assert (pages.report.pages, pages.report.ended) == (7, "done")
        assert next(pages, None) is None
        pages.close()

    before = threading.active_count()
    if notebook:
        asyncio.run(cell())
    else:
        use()
    assert threading.active_count() == before


def test_leaving_the_loop_of_iterate_ends_the_crawl() -> None:
    """At once, where nothing else holds it; what was given is acknowledged, unless a block failed."""
    before = threading.active_count()
    for page in iterate(f"{SITE}0", fetch=linked(), **OPTIONS):
        if page.title == "Page 2":
            break
    gc.collect()
    assert threading.active_count() == before
    pages = iterate(f"{SITE}0", fetch=linked(), **OPTIONS)
    assert next(pages).title == "Page 0"
    assert next(pages).title == "Page 1"
    pages.close()
    pages.close()
    assert (pages.report.ended, pages.report.pages) == ("left", 2)
    assert threading.active_count() == before
    with pytest.raises(KeyError), iterate(f"{SITE}0", fetch=linked(), **OPTIONS) as pages:
        next(pages)
        next(pages)
        raise KeyError
    assert (pages.report.ended, pages.report.pages) == ("left", 1)
    with iterate(f"{SITE}0", fetch=linked(), **OPTIONS):
        pass
    assert threading.active_count() == before


def test_errors_come_out_of_iterate() -> None:
    """Those of arguments, and those that end a crawl, with no thread left."""
    before = threading.active_count()
    with pytest.raises(UsageError, match="max_pages"):
        next(iterate(SITE, fetch=linked(), max_pages=0))

    async def save(row: dict[str, Any]) -> None:
        if row["title"] == "Page 2":
            raise OSError("disk full")

    found: list[str] = []
    with pytest.raises(OSError, match="disk full"):
        found.extend(page.title for page in iterate(f"{SITE}0", fetch=linked(), write=save, **OPTIONS))
    assert found[:2] == ["Page 0", "Page 1"]
    with pytest.raises(TypeError, match="no_such"):
        next(iterate(SITE, no_such=1))  # type: ignore[call-arg]
    gc.collect()
    assert threading.active_count() == before


_LEFT_OPEN = """
import trio_crawl
from trio_crawl.testing import MemoryWeb

web = MemoryWeb()
web.links("https://site.test/", ["/a"])
web.add("https://site.test/a", delay=600)
pages = trio_crawl.iterate("https://site.test/", fetch=web, write="left.tsv", delay=0, timeout=900)
print(next(pages).url)
"""


def test_a_program_that_ends_inside_an_iteration_ends_the_crawl(tmp_path: Path) -> None:
    """An iterator that nobody closed does not keep the program from ending."""
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-W", "error", "-c", _LEFT_OPEN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "https://site.test/\n", "")
