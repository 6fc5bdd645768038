"""Ctrl-C at any moment: it comes out as itself, and the crawl can be gone on with as if nothing had been."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import trio
from crawl_support import SITE, objects_of
from interrupt_support import EXPECTED, Lines, in_trio, interrupted, keywords, look, near, parse, site
from state_support import select

import trio_crawl
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from trio_crawl import Link, Page

FEW = 8
MANY = int(os.environ.get("INTERRUPTS", "40"))  # a long sweep takes thousands


def blocking(folder: Path, *, threads: bool) -> Callable[[], object]:
    """Return a crawl by `trio_crawl.run`."""
    return partial(trio_crawl.run, SITE, **keywords(folder, threads=threads))


def streaming(folder: Path, *, threads: bool) -> Callable[[], object]:
    """Return a crawl whose pages are a stream."""
    given = keywords(folder, threads=threads)

    async def main() -> None:
        async with trio_crawl.open_crawl(SITE, **given) as rows:
            async for row in rows:
                assert row["url"].startswith(SITE)

    return partial(trio.run, main)


def sweep(make: Callable[..., Callable[[], object]], folder: Path, *, threads: bool, times: int) -> None:
    """Interrupt a crawl at so many lines of the library's code, go on with each, and look at the result."""
    (folder / "whole").mkdir()
    every = Lines()
    assert interrupted(make(folder / "whole", threads=threads), every) is None
    assert look(folder / "whole") == []
    chosen = random.Random(7)  # noqa: S311 - seeded, so that a failure can be had again
    came = 0
    for number in range(times):
        into = folder / str(number)
        into.mkdir()
        lines = Lines(chosen.randrange(1, every.count))
        error = interrupted(make(into, threads=threads), lines)
        if not lines.where:
            continue  # a run with threads may have had fewer lines
        came += 1
        assert type(error) is KeyboardInterrupt, (lines.where, error)
        assert not (into / "crawl.db.lock").exists(), lines.where
        make(into, threads=threads)()
        assert look(into) == [], lines.where
    assert came > times / 2


MAKES = [
    pytest.param(in_trio, False, id="virtual"),
    pytest.param(in_trio, True, id="threads"),
    pytest.param(blocking, True, id="run"),
    pytest.param(streaming, True, id="stream"),
]


@pytest.mark.parametrize(("make", "threads"), MAKES)
def test_some_lines(make: Callable[..., Callable[[], object]], threads: bool, tmp_path: Path) -> None:
    """At lines of a seeded choice nothing is lost, twice or left locked."""
    sweep(make, tmp_path, threads=threads, times=FEW)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "threads"), MAKES)
def test_many_lines(make: Callable[..., Callable[[], object]], threads: bool, tmp_path: Path) -> None:
    """The same at many lines."""
    sweep(make, tmp_path, threads=threads, times=MANY)


# The user's code


def interrupt() -> NoReturn:
    """Press Ctrl-C in code that would go on for good."""
    signal.raise_signal(signal.SIGINT)
    raise AssertionError("the interrupt has to come at once")


def at_once(page: Page) -> Iterator[object]:
    if page.url.endswith("/3"):
        interrupt()
    yield from parse(page)


def in_a_step(page: Page) -> Iterator[object]:
    yield from parse(page)
    if page.url.endswith("/3"):
        interrupt()


async def awaited(page: Page) -> list[object]:
    await trio.lowlevel.checkpoint()
    if page.url.endswith("/3"):
        interrupt()
    return list(parse(page))


async def iterated(page: Page) -> Any:  # noqa: ANN401 - an async generator
    for item in parse(page):
        yield item
    if page.url.endswith("/3"):
        interrupt()


def follow(link: Link) -> bool:
    if link.url.endswith("/9"):
        interrupt()
    return near(link)


class Seeds:
    def __init__(self) -> None:
        self.given = iter([SITE, f"{SITE}1"])

    def __iter__(self) -> Seeds:
        return self

    def __next__(self) -> str:
        return next(self.given, None) or interrupt()


async def seeds() -> Any:  # noqa: ANN401 - an async generator
    yield SITE
    interrupt()


async def write(row: object) -> None:
    if str(row).endswith("/3'}"):
        interrupt()


class Row(dict[str, Any]):
    def items(self) -> Any:  # noqa: ANN401 - of any dict
        interrupt()


def strange_rows(page: Page) -> Iterator[object]:
    yield from parse(page)
    if page.url.endswith("/3"):
        yield Row(url="x")


def fetching(web: MemoryWeb) -> MemoryWeb:
    web.add(f"{SITE}3", lambda _: interrupt())
    return web


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"parse": at_once}, id="parser"),
        pytest.param({"parse": in_a_step}, id="generator"),
        pytest.param({"parse": awaited}, id="async parser"),
        pytest.param({"parse": iterated}, id="async generator"),
        pytest.param({"parse": strange_rows}, id="row"),
        pytest.param({"follow": follow}, id="follow"),
        pytest.param({"seeds": Seeds}, id="seeds"),
        pytest.param({"seeds": seeds}, id="async seeds"),
        pytest.param({"write": write}, id="write"),
        pytest.param({"fetch": fetching}, id="handler of a web in memory"),
    ],
)
@pytest.mark.parametrize("threads", [False, True])
def test_code_of_the_user_is_ended_at_once(given: dict[str, Any], threads: bool, tmp_path: Path) -> None:
    """An interrupt in a function that a crawl was given is raised there, and comes out: no `Failure`."""
    named = dict(given)
    usual = keywords(tmp_path, threads=threads)
    seeds = named.pop("seeds", lambda: SITE)()
    if "fetch" in named:
        usual["fetch"] = named.pop("fetch")(site())
    if "write" in named:
        usual["write"].append(named.pop("write"))
        usual["state"] = None
    with pytest.raises(KeyboardInterrupt) as caught:
        trio_crawl.run(seeds, **{**usual, **named})
    assert type(caught.value) is KeyboardInterrupt
    if usual["state"] is None:
        return
    usual = keywords(tmp_path, threads=threads)
    if given.keys() == {"follow"}:
        usual["follow"] = follow
        with pytest.raises(KeyboardInterrupt):  # it is asked once more: nothing of its page is there
            trio_crawl.run(SITE, **usual)
        return
    trio_crawl.run(SITE, **usual)
    assert look(tmp_path) == []


class Handler(logging.Handler):
    """Ends in the middle of what is told."""

    def __init__(self, end: Callable[[], NoReturn]) -> None:
        super().__init__()
        self._end = end

    def emit(self, _record: logging.LogRecord) -> None:
        self._end()


def broken() -> NoReturn:
    raise RuntimeError("a handler of the user's")


@pytest.mark.parametrize(("end", "raised"), [(interrupt, KeyboardInterrupt), (broken, RuntimeError)])
@pytest.mark.parametrize("threads", [False, True])
def test_a_handler_of_the_log(
    end: Callable[[], NoReturn], raised: type[BaseException], threads: bool, tmp_path: Path
) -> None:
    """What ends a handler of the log, in the middle of a step, tears nothing that is committed."""
    logger = logging.getLogger("trio_crawl")
    handler = Handler(end)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with pytest.raises(raised) as caught:
            trio_crawl.run(SITE, **keywords(tmp_path, threads=threads))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert type(caught.value) is raised
    trio_crawl.run(SITE, **keywords(tmp_path, threads=threads))
    assert look(tmp_path) == []


def test_the_log_tells_who_called(caplog: pytest.LogCaptureFixture) -> None:
    """A record of the log names the function that told it."""
    with caplog.at_level(logging.WARNING, logger="trio_crawl"):
        trio_crawl.run([f"{SITE}gone"], fetch=site(), retries=0)
    (record,) = [each for each in caplog.records if "gone" in each.getMessage()]
    assert (record.filename, record.funcName) == ("pages.py", "failure")


# Errors in the middle of a step


class Refusing:
    """An output of somebody else's that refuses a row."""

    name = "refusing"
    prompt = False
    rows = 0

    def __init__(self, folder: Path) -> None:
        self._lines = trio_crawl.writers.Lines(folder / "other.jsonl")
        self.check, self.open, self.write = self._lines.check, self._lines.open, self._lines.write
        self.ending, self.audit = self._lines.ending, self._lines.audit
        self.refuses = True

    def encode(self, outcome: Any, /) -> Any:  # noqa: ANN401 - a writer's
        rows = getattr(outcome, "rows", None)
        if self.refuses and rows and rows[0]["url"].endswith("/4"):
            raise RuntimeError("no")
        return self._lines.encode(outcome)


def test_a_page_that_an_output_refuses_leaves_nothing_in_the_state(tmp_path: Path) -> None:
    """Neither it nor its links are there when the crawl has ended with the error; those before it are."""
    given = keywords(tmp_path, threads=False)
    refusing = Refusing(tmp_path)
    given["write"].append(refusing)
    del given["follow"]
    with pytest.raises(RuntimeError, match="no"):
        trio_crawl.run(SITE, **given)
    urls = [row["url"] for row in objects_of(tmp_path / "pages.jsonl")]
    assert f"{SITE}1" in urls
    found = dict(select(tmp_path, "SELECT url, status FROM urls"))
    assert found[f"{SITE}4"] == 0
    assert f"{SITE}9" not in found
    refusing.refuses = False
    given = {**keywords(tmp_path, threads=False), "follow": "host"}
    given["write"].append(refusing)
    trio_crawl.run(SITE, **given)
    assert sorted(row["url"] for row in objects_of(tmp_path / "pages.jsonl")) == EXPECTED
    assert json.loads((tmp_path / "other.jsonl").read_text().splitlines()[0]) == {"url": SITE}


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt])
def test_a_page_of_many_links_is_taken_in_as_a_whole(raised: type[BaseException], tmp_path: Path) -> None:
    """Its links are asked about bit by bit; where that ends in an error, none of them is in the state."""
    web = MemoryWeb()
    web.links(SITE, ["/many"])
    web.links(f"{SITE}many", [f"/{number}" for number in range(1200)])
    asked: list[str] = []
    wrong = True

    def follow(link: Link) -> bool:
        asked.append(link.url)
        if wrong and link.url.endswith("/900"):
            if raised is KeyboardInterrupt:
                interrupt()
            raise raised
        return link.url.endswith("/many")

    given: dict[str, Any] = {"fetch": web, "follow": follow, "state": tmp_path / "crawl.db", "delay": 0}
    with pytest.raises(raised):
        trio_crawl.run(SITE, **given)
    assert len(asked) > 900
    urls = dict(select(tmp_path, "SELECT url, status FROM urls"))
    assert urls == {SITE: 1, f"{SITE}many": 0}
    assert select(tmp_path, "SELECT count(*) FROM passed") == [(0,)]
    wrong = False
    report = trio_crawl.run(SITE, **given)
    assert (report.pages, report.skipped["scope"]) == (2, 1200)
