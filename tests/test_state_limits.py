"""Limits count over the whole of a state, and may be changed between runs."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest
from crawl_support import SITE, asked, counts, virtual
from state_support import go, select, small_site, urls_in

from trio_crawl import FetchError, TooManyFailuresError
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio_crawl import Hop


def failing(times: int) -> Callable[[Hop], Reply]:
    """Return a page that fails so many times, and then is there."""
    attempts = count()
    return lambda hop: (
        Reply(failure=FetchError("connect", "refused"))
        if next(attempts) < times
        else Reply(body=hop.url.encode())
    )


def tree() -> MemoryWeb:
    """Return pages of which each links to two that are one deeper, in four levels below the seed."""
    web = MemoryWeb()
    for number in range(1, 32):
        path = "" if number == 1 else str(number)
        web.links(f"{SITE}{path}", [f"/{2 * number + more}" for more in (0, 1)] if number < 16 else [])
    return web


@virtual
async def test_max_pages_is_raised(tmp_path: Path) -> None:
    """What ``max_pages`` skipped is pending again when it is raised, and skipped no more than once."""
    web = small_site()
    for most in (1, 3, 3, 4, 11):
        report = await go(tmp_path, web, max_pages=most)
        assert report.pages == most
        assert report.discovered == most + report.skipped["max_pages"]
        assert report.ended == "done"
    report = await go(tmp_path, web)
    assert counts(report) == (12, 12, {}, {}, 0)
    assert len(asked(web)) == len(set(urls_in(tmp_path))) == 12


@virtual
async def test_max_pages_is_lowered(tmp_path: Path) -> None:
    """With fewer ``max_pages`` than there are already, nothing is asked for, and the rest is skipped."""
    await go(tmp_path, small_site(), max_time=0.5, delay=0.1)
    web = MemoryWeb()
    report = await go(tmp_path, web, max_pages=2)
    assert web.requests == []
    assert report.pages > 2
    assert report.discovered == report.pages + report.skipped["max_pages"]
    assert select(tmp_path, "SELECT count(*) FROM urls WHERE status = 0") == [(0,)]
    again = await go(tmp_path, small_site())
    assert counts(again) == (12, 12, {}, {}, 0)


@virtual
async def test_max_depth_is_raised(tmp_path: Path) -> None:
    """Links that were too deep are crawled when ``max_depth`` is raised, each once."""
    web = tree()
    found = []
    for depth in (0, 1, 1, 3, None):
        report = await go(tmp_path, web, max_depth=depth)
        found.append(report.pages)
        assert report.discovered == report.pages + report.skipped.get("max_depth", 0)
    assert found == [1, 3, 3, 15, 31]
    assert counts(report) == (31, 31, {}, {}, 0)
    assert sorted(set(urls_in(tmp_path))) == sorted(urls_in(tmp_path))
    assert len(asked(web)) == 31


@virtual
async def test_max_depth_is_lowered(tmp_path: Path) -> None:
    """Pages that wait and are too deep now are skipped, and are pending again when it is raised."""
    web = tree()
    await go(tmp_path, web, max_time=6.5, delay=1)
    report = await go(tmp_path, web, max_depth=2)
    assert report.pages == 7
    assert report.skipped["max_depth"] == report.discovered - 7 > 0
    report = await go(tmp_path, web, max_depth=3)
    assert report.pages == 15
    report = await go(tmp_path, web)
    assert counts(report) == (31, 31, {}, {}, 0)
    assert len(asked(web)) == 31


@virtual
async def test_a_link_that_was_too_deep_at_first(tmp_path: Path) -> None:
    """A link that was passed by as too deep and found nearer before the next commit is crawled once."""
    web = MemoryWeb()
    # The way over /a is quicker, and leads to /far at a depth of 3; that over /b at one of 2.
    web.links(SITE, ["/b", "/a"])
    web.links(f"{SITE}a", ["/c", *(f"/leaf{number}" for number in range(20))])
    for number in range(20):
        web.add(f"{SITE}leaf{number}", delay=0.04)
    web.links(f"{SITE}c", ["/far"])
    web.add(f"{SITE}b", "<a href=/far>far</a>", delay=0.5)
    web.links(f"{SITE}far", [])
    # Whatever may be started is, and a batch may be a second old: all that is in one commit.
    first = await go(tmp_path, web, max_depth=2, per_host=4, concurrency=2)
    assert counts(first) == (25, 25, {}, {}, 0)
    assert select(tmp_path, "SELECT count(DISTINCT batch) FROM urls WHERE url LIKE '%/_'") == [(1,)]
    assert select(tmp_path, "SELECT count(*) FROM passed") == [(0,)]
    second = await go(tmp_path, web, max_depth=9)
    assert counts(second) == (25, 25, {}, {}, 0)
    assert len(asked(web)) == len(urls_in(tmp_path)) == 25


@virtual
async def test_both_limits(tmp_path: Path) -> None:
    """Pages that one limit skipped and the other would are judged anew when either is raised."""
    web = tree()
    await go(tmp_path, web, max_pages=2, max_depth=1)
    report = await go(tmp_path, web, max_depth=1)
    assert counts(report) == (7, 3, {}, {"max_depth": 4}, 0)
    report = await go(tmp_path, web, max_pages=5)
    assert report.discovered == 5 + report.skipped["max_pages"]
    report = await go(tmp_path, web)
    assert counts(report) == (31, 31, {}, {}, 0)


@virtual
async def test_failures_stay_unless_asked_for(tmp_path: Path) -> None:
    """A failed page is an outcome; ``retry_failed=True`` asks for it again, and its page takes its place."""
    web = small_site(3)
    web.add(f"{SITE}1", failing(2))
    first = await go(tmp_path, web, retries=0)
    assert counts(first) == (3, 2, {"connect": 1}, {}, 0)
    same = await go(tmp_path, web, retries=0)
    assert counts(same) == counts(first)
    again = await go(tmp_path, web, retries=0, retry_failed=True)
    assert counts(again) == (3, 2, {"connect": 1}, {}, 0)
    last = await go(tmp_path, web, retries=0, retry_failed=True)
    assert counts(last) == (3, 3, {}, {}, 0)
    assert len(asked(web)) == 2 + 3
    assert select(tmp_path, "SELECT status, rows FROM urls WHERE url LIKE '%/1'") == [(1, "1 + 1 + 1")]


@virtual
async def test_too_many_failures_leave_a_state(tmp_path: Path) -> None:
    """A crawl that ended for its failures goes on when it is told to bear more."""
    web = MemoryWeb()
    web.links(SITE, [f"/{number}" for number in range(9)])
    for number in range(9):
        web.add(f"{SITE}{number}", failing(1))
    with pytest.raises(TooManyFailuresError):
        await go(tmp_path, web, retries=0, max_failures=2)
    report = await go(tmp_path, web, retries=0)
    assert report.pages + sum(report.failed.values()) == 10
    assert sorted(urls_in(tmp_path)) == sorted([SITE, *(f"{SITE}{number}" for number in range(9))])


@virtual
async def test_a_link_that_was_fetched_as_a_target_is_not_fetched_again(tmp_path: Path) -> None:
    """A link that was too deep, and was a redirect's target since, is not reopened."""
    web = MemoryWeb()
    web.links(SITE, ["/a", "/moved"])
    web.links(f"{SITE}a", ["/deep"])
    web.add(f"{SITE}moved", "", redirect="/deep", delay=3)
    web.add(f"{SITE}deep")
    await go(tmp_path, web, max_depth=1, per_host=4)
    report = await go(tmp_path, web, max_depth=None)
    assert asked(web).count(f"{SITE}deep") == 1
    assert report.skipped["max_depth"] == 1
