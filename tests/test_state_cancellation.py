"""A crawl with a state that is cancelled before any task step goes on, and has every row exactly once."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE, counts
from state_support import files_in, go, run_virtually, select, urls_in
from trio.testing import MockClock

from trio_crawl import Report, open_crawl
from trio_crawl.testing import MemoryWeb, Reply, cancel_everywhere

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl import Hop

AGE = 86_400.0
BOUND = 6  # seconds: the grace of 5, and one more
PAGES = sorted([SITE, *(f"{SITE}{path}" for path in ("a", "b", "moved", "flaky", "end")), "http://two.test/"])


def web_of_ten() -> MemoryWeb:
    """Return two hosts with a redirect, a page that fails once, one that always does, and slow ones."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /private\n")
    web.links(SITE, ["/a", "/moved", "/private", "http://two.test/"])
    web.links(f"{SITE}a", ["/", "/b", "/flaky"])
    web.add(f"{SITE}b", failure="protocol")
    web.add(f"{SITE}moved", redirect="http://two.test/target")
    attempts = count()

    def flaky(_hop: Hop) -> Reply:
        return Reply(status=503 if next(attempts) == 0 else 200, delay=0.1)

    def target(hop: Hop) -> Reply:
        known = ("If-None-Match", '"same"') in hop.headers
        headers = (("ETag", '"same"'), ("Content-Type", "text/html"))
        return Reply(status=304 if known else 200, headers=headers, delay=0.2)

    web.add(f"{SITE}flaky", flaky)
    web.add("http://two.test/", "<a href=https://site.test/end>end</a>", delay=0.3)
    web.add("http://two.test/target", target)
    web.add(f"{SITE}end", "<title>end</title>")
    return web


async def crawl_two(folder: Path) -> Report:
    """Crawl that into two files."""
    outputs = [folder / "pages.jsonl", folder / "links.tsv"]
    return await go(folder, web_of_ten(), write=outputs, follow="any", delay=0.2, retries=1, recrawl=AGE)


def grow_old(folder: Path) -> None:
    """Set the clock of a state back, so that every page is due for another visit."""
    with closing(sqlite3.connect(folder / "crawl.db")) as state, state:
        state.execute("UPDATE urls SET fetched_at = fetched_at - ?", (2 * AGE,))


class Sweep:
    """A folder for each run of a sweep, and what has to be there after the run was gone on with."""

    def __init__(self, root: Path, *, begun: Path | None = None, again: bool = False) -> None:
        self._begun = begun
        self.folder = root / "run"
        whole = root / "whole"
        whole.mkdir()
        report = trio.run(partial(crawl_two, whole), clock=MockClock(autojump_threshold=0))
        assert sorted(urls_in(whole)) == PAGES
        if again:
            grow_old(whole)
            report = trio.run(partial(crawl_two, whole), clock=MockClock(autojump_threshold=0))
            assert report.unchanged == 1
        self.numbers = (*counts(report), report.rows, report.unchanged)
        self.urls = Counter(urls_in(whole))
        self.links = sorted((whole / "links.tsv").read_text().splitlines())
        self.written: set[int] = set()

    async def make(self) -> Report:
        if self._begun is None:
            self.folder.mkdir()
        else:
            shutil.copytree(self._begun, self.folder)
        return await crawl_two(self.folder)

    def check(self, _step: int, _result: object) -> None:
        assert set(files_in(self.folder)) <= {"crawl.db", "links.tsv", "pages.jsonl"}
        path = self.folder / "pages.jsonl"
        before = urls_in(self.folder) if path.exists() else []
        assert Counter(before) <= self.urls
        self.written.add(len(before))
        report = trio.run(partial(crawl_two, self.folder), clock=MockClock(autojump_threshold=0))
        assert (*counts(report), report.rows, report.unchanged) == self.numbers
        assert Counter(urls_in(self.folder)) == self.urls
        assert sorted((self.folder / "links.tsv").read_text().splitlines()) == self.links
        shutil.rmtree(self.folder)


@pytest.mark.slow
def test_a_new_crawl(tmp_path: Path) -> None:
    """Cancelled before any step of a crawl that begins, the same call has every row once."""
    sweep = Sweep(tmp_path)
    cancel_everywhere(sweep.make, bound=BOUND, check=sweep.check)
    assert sweep.written >= {0, 1, 3, 5, 7}


@pytest.mark.slow
def test_a_crawl_that_goes_on(tmp_path: Path) -> None:
    """Cancelled before any step of a crawl that goes on from a state, the same call has every row once."""
    begun, run = tmp_path / "begun", tmp_path / "run"
    run.mkdir()

    async def begin() -> None:
        with trio.move_on_after(0.45):
            await crawl_two(run)

    trio.run(begin, clock=MockClock(autojump_threshold=0))
    assert 0 < len(urls_in(run)) < 5
    run.rename(begun)  # and back for each run: where its outputs are is a part of what a crawl is
    sweep = Sweep(tmp_path, begun=begun)
    cancel_everywhere(sweep.make, bound=BOUND, check=sweep.check)


@pytest.mark.slow
def test_pages_that_are_visited_again(tmp_path: Path) -> None:
    """Cancelled before any step of another visit of all pages, the same call has its rows once, too."""
    begun, run = tmp_path / "begun", tmp_path / "run"
    run.mkdir()
    trio.run(partial(crawl_two, run), clock=MockClock(autojump_threshold=0))
    grow_old(run)
    run.rename(begun)
    sweep = Sweep(tmp_path, begun=begun, again=True)
    cancel_everywhere(sweep.make, bound=BOUND, check=sweep.check)
    assert sweep.urls.total() == 2 * len(PAGES) - 2  # one has not changed, and one had failed
    assert sweep.written >= {7, 8, 10, 12}


@pytest.mark.parametrize("with_output", [False, True], ids=["stream", "stream and file"])
@pytest.mark.slow
def test_a_consumer_that_holds_a_page(tmp_path: Path, with_output: bool) -> None:
    """Cancelled before a step, a stream gives the page that was held again, and only that one."""
    numbers = count()
    taken: list[str] = []
    held: list[str] = []
    repeated: set[int] = set()
    folder = tmp_path

    async def consume() -> None:
        output = folder / "pages.jsonl" if with_output else None
        async with open_crawl(
            SITE,
            fetch=web_of_ten(),
            state=folder / "crawl.db",
            write=output,
            follow="any",
            delay=0.2,
            failures=True,
        ) as pages:
            async for page in pages:
                held.append(page.url)
                await trio.sleep(0.05)  # the consumer's work, in which it is cancelled, too
                taken.append(held.pop())

    async def make() -> None:
        nonlocal folder
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        taken.clear()
        held.clear()
        await consume()

    def check(_step: int, _result: object) -> None:
        before, lost = list(taken), list(held)
        taken.clear()
        held.clear()
        trio.run(consume, clock=MockClock(autojump_threshold=0))
        # What the consumer had done with is not given again, but for the one that it had not said so of.
        again = set(before) & set(taken)
        assert len(again) <= 1
        assert not again or again == {before[-1]}
        assert not again or not lost
        repeated.add(len(again) + len(lost))
        assert sorted([*(url for url in before if url not in again), *taken]) == PAGES
        if with_output:
            assert sorted(urls_in(folder)) == PAGES
        shutil.rmtree(folder)

    cancel_everywhere(make, stride=1 if with_output else 3, bound=BOUND, check=check)
    assert repeated == {0, 1}


def test_leaving_well_acknowledges(tmp_path: Path) -> None:
    """A block that is left without an exception has taken its page; one that raises has not."""

    async def take(fails: bool) -> str:
        url = ""
        async with open_crawl(SITE, fetch=web_of_ten(), state=tmp_path / "crawl.db", delay=0) as pages:
            async for page in pages:
                url = page.url
                if fails:
                    raise ValueError(url)
                break
        return url

    def run(fails: bool) -> str:
        return trio.run(partial(take, fails), clock=MockClock(autojump_threshold=0))

    for _ in range(2):
        with pytest.raises(ValueError, match=SITE):
            run(True)
    assert run(False) == SITE
    assert run(False) == f"{SITE}a"
    assert select(tmp_path, "SELECT count(*) FROM urls WHERE status = 1") == [(2,)]


def test_a_crawl_that_was_cancelled_before_it_began(tmp_path: Path) -> None:
    """Cancelled already, a crawl makes no file that is in the way of the next."""

    async def main() -> None:
        with trio.CancelScope() as scope:
            scope.cancel(reason="before it began")
            await crawl_two(tmp_path)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert set(files_in(tmp_path)) <= {"crawl.db"}
    assert run_virtually(tmp_path, web_of_ten(), follow="any").pages == 6
