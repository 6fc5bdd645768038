"""What one page holds is taken in by slices, between which everything else has its turn."""

from __future__ import annotations

import gzip
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from crawl_support import SITE, asked, counts, objects_of, virtual
from trio.testing import MockClock

from trio_crawl import Headers, Hop, Response, crawl
from trio_crawl._crawl import course
from trio_crawl._fetch.decode import Decoding
from trio_crawl._frontier.audit import audit
from trio_crawl.testing import MemoryWeb, cancel_everywhere

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_crawl import Link, Report
    from trio_crawl.abc import Environment

MANY = 5_000


class OnePage:
    """A web of one page, in real time."""

    opens_connections = False
    virtual = False

    def __init__(self, body: bytes, *, coding: str | None = None) -> None:
        fields = [(b"Content-Type", b"text/html")]
        if coding is not None:
            fields.append((b"Content-Encoding", coding.encode()))
        self._headers = Headers(tuple(fields))
        self._body = body

    @asynccontextmanager
    async def open(self, _environment: Environment) -> AsyncIterator[None]:
        yield

    async def fetch(self, hop: Hop) -> Response:
        await trio.lowlevel.checkpoint()
        return Response(url=hop.url, status=200, headers=self._headers, body=self._body)


@pytest.mark.parametrize("nofollow", [False, True])
async def test_many_links_leave_others_their_turn(nofollow: bool) -> None:
    """No more of one page are judged at once than a slice has, whatever is decided about them."""
    turn = 0
    turns: list[int] = []

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await trio.lowlevel.checkpoint()

    def follow(_link: Link) -> bool:
        turns.append(turn)
        return False

    start = "<meta name=robots content=nofollow>" if nofollow else ""
    page = start + "".join(f"<a href=/{number}>" for number in range(MANY))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        report = await crawl(SITE, fetch=OnePage(page.encode()), robots=nofollow, follow=follow)
        nursery.cancel_scope.cancel()
    assert report.skipped["scope"] == len(turns) == MANY
    # Of two turns of the loop one may be the last, and one the first, of all tasks.
    assert max(map(turns.count, set(turns))) <= 2 * course.MOST_AT_ONCE


@pytest.mark.parametrize(
    ("body", "coding", "steps"),
    [
        (gzip.compress(bytes(10_000_000), 9), "gzip", 8),
        (gzip.compress(gzip.compress(bytes(range(250)) * 36_000, 0), 0), "gzip, gzip", 15),
        (gzip.compress(b"") * 9_000, "gzip", 7),
    ],
    ids=["much", "twice", "members"],
)
async def test_a_coding_is_removed_in_steps(body: bytes, coding: str, steps: int) -> None:
    """Of much that unfolds from little, of several codings, and of many parts that hold nothing."""
    decoding = Decoding(body, coding, 10 * 1024 * 1024)
    taken = 1
    while not decoding.go_on():
        taken += 1
    assert taken >= steps
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(others)
        report = await crawl(SITE, fetch=OnePage(body, coding=coding), robots=False)
        assert report.pages == 1
        assert turns > steps
        nursery.cancel_scope.cancel()


def large() -> MemoryWeb:
    """Return a site whose first page has more links than a slice, and unfolds in several steps."""
    web = MemoryWeb()
    links = "".join(f"<a href=/{number % 7}?{number}>" for number in range(3 * course.MOST_AT_ONCE + 1))
    web.add(SITE, f"{links}<!--{' ' * 3_000_000}-->", coding="gzip")
    web.otherwise(SITE, lambda _hop: "")
    web.robots(SITE, "")
    return web


@virtual
async def test_slices_make_no_difference(tmp_path: Path) -> None:
    """The same pages, in the order of the links, and the same books."""
    web = large()
    number = 3 * course.MOST_AT_ONCE + 1
    report = await crawl(SITE, fetch=web, delay=0, concurrency=1, write=tmp_path / "x.jsonl", traps=False)
    assert counts(report) == (number + 1, number + 1, {}, {}, 0)
    assert asked(web)[1:5] == [f"{SITE}0?0", f"{SITE}1?1", f"{SITE}2?2", f"{SITE}3?3"]
    assert len(objects_of(tmp_path / "x.jsonl")) == number + 1


def test_a_crawl_that_is_cancelled_within_a_page_goes_on_with_it(tmp_path: Path) -> None:
    """At whichever step: with its row once, and every link in the books once."""
    number = 3 * course.MOST_AT_ONCE + 1
    state, rows = tmp_path / "s.db", tmp_path / "x.jsonl"

    @virtual
    async def cancelled_at(links: int) -> None:
        """Cancel when so many links of the page are judged; then go on."""
        web = large()
        left = links
        scope = trio.CancelScope()

        def follow(_link: Link) -> bool:
            nonlocal left
            left -= 1
            if left == 0:
                scope.cancel(reason="the test's")
            return False

        with scope:
            await crawl(SITE, fetch=web, state=state, write=rows, follow=follow, traps=False)
        assert scope.cancelled_caught
        assert audit(state).problems == ()
        report = await crawl(SITE, fetch=web, state=state, write=rows, follow=follow, traps=False)
        assert counts(report) == (number + 1, 1, {}, {"scope": number}, 0)
        assert [row["url"] for row in objects_of(rows)] == [SITE]
        assert audit(state).problems == ()

    for links in (1, course.MOST_AT_ONCE, course.MOST_AT_ONCE + 1, number - 1):
        cancelled_at(links)
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.slow
def test_a_crawl_can_be_cancelled_between_slices(tmp_path: Path) -> None:
    """At any step of it, with nothing left behind, and the books right."""
    folder = tmp_path / "run"

    async def make() -> Report:
        folder.mkdir(exist_ok=True)
        return await crawl(
            SITE, fetch=large(), max_depth=0, write=folder / "x.jsonl", state=folder / "s.db", traps=False
        )

    def check(_step: int, _result: object) -> None:
        report = trio.run(make, clock=MockClock(autojump_threshold=0))
        skipped = 3 * course.MOST_AT_ONCE + 1
        assert counts(report) == (skipped + 1, 1, {}, {"max_depth": skipped}, 0)
        assert len(objects_of(folder / "x.jsonl")) == 1
        assert audit(folder / "s.db").problems == ()
        shutil.rmtree(folder)

    cancel_everywhere(make, bound=6, stride=7, check=check)
