"""A crawl that is gone on with is as polite as if it had never ended."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, counts, virtual
from state_support import go, run_virtually, select, small_site
from trio.testing import MockClock

from trio_crawl import StateError
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl import Hop, Report

HOUR = 3600.0
ROBOTS = f"{SITE}robots.txt"


def starts(web: MemoryWeb, url: str) -> list[float]:
    """Return when *url* was asked for."""
    return [exchange.started for exchange in web.requests if exchange.url == url]


def seeds(number: int) -> list[str]:
    """Return so many URLs of one site."""
    return [f"{SITE}{each}" for each in range(number)]


def flat_site(robots: str = "User-agent: *\nDisallow: /5") -> MemoryWeb:
    """Return a site whose pages link nowhere."""
    web = MemoryWeb()
    web.robots(SITE, robots)
    web.otherwise(SITE, lambda _hop: Reply())
    return web


# robots.txt


@pytest.mark.parametrize(("hours", "times"), [(0.0, 1), (23.9, 1), (24.1, 2)])
@virtual
async def test_robots_is_asked_for_again_when_its_time_is_over(
    hours: float, times: int, tmp_path: Path
) -> None:
    """A resumed crawl keeps to the robots.txt that it knows for 24 hours, and asks for it after that."""
    web = flat_site()
    await go(tmp_path, web, seeds=seeds(10), max_pages=3)
    await trio.sleep(hours * HOUR)
    report = await go(tmp_path, web, seeds=seeds(10))
    assert len(starts(web, ROBOTS)) == times
    assert counts(report) == (10, 9, {}, {"robots": 1}, 0)
    assert f"{SITE}5" not in asked(web)
    assert report.robots == times


@virtual
async def test_a_robots_that_cannot_be_had_is_asked_for_again_when_its_host_has_rested(
    tmp_path: Path,
) -> None:
    """A server error of robots.txt is no rule for the next run, but its host's rest is kept to."""
    web = flat_site()
    web.robots(SITE, "", status=500)
    await go(tmp_path, web, seeds=seeds(6), retries=0)
    before = [each.started for each in web.requests]
    assert len(before) == 6
    web.robots(SITE, "")
    report = await go(tmp_path, web, seeds=seeds(8), retries=0)
    assert starts(web, ROBOTS)[6] - before[-1] >= 20
    assert counts(report) == (8, 2, {}, {"robots_unreachable": 6}, 0)


@virtual
async def test_retry_failed_asks_for_it_at_once(tmp_path: Path) -> None:
    """``retry_failed`` asks again for a robots.txt that could not be had, and for what it closed."""
    web = flat_site()
    web.robots(SITE, "", status=500)
    report = await go(tmp_path, web, seeds=seeds(2), retries=0)
    assert counts(report) == (2, 0, {}, {"robots_unreachable": 2}, 0)
    web.robots(SITE, "")
    report = await go(tmp_path, web, seeds=seeds(2), retry_failed=True)
    assert counts(report) == (2, 2, {}, {}, 0)


@virtual
async def test_rules_are_for_one_product_token(tmp_path: Path) -> None:
    """Who goes on by another name has other rules, and asks for them."""
    web = flat_site("User-agent: other\nDisallow: /")
    await go(tmp_path, web, seeds=seeds(4), max_pages=2)
    report = await go(tmp_path, web, seeds=seeds(4), user_agent="other/1.0")
    assert len(starts(web, ROBOTS)) == 2
    assert counts(report) == (4, 2, {}, {"robots": 2}, 0)


@virtual
async def test_a_crawl_delay_is_kept_to_after_a_resume(tmp_path: Path) -> None:
    """So is the delay that a known robots.txt asks for, and it counts from the last start before."""
    web = flat_site("User-agent: *\nCrawl-delay: 20")
    await go(tmp_path, web, seeds=seeds(4), max_pages=2)
    await trio.sleep(5)
    await go(tmp_path, web, seeds=seeds(4))
    assert len(starts(web, ROBOTS)) == 1
    assert web.gaps("site.test") == [20, 20, 20, 20]


# The timing of hosts


@virtual
async def test_the_delay_counts_over_the_end_of_a_run(tmp_path: Path) -> None:
    """The first request of a run keeps its distance to the last one before, and no more than that."""
    web = flat_site()
    for number in range(2, 7):
        await go(tmp_path, web, seeds=seeds(6), max_pages=number - 1, delay=10, robots=False)
        await trio.sleep(4)
    assert web.gaps("site.test") == [10] * 4
    await trio.sleep(100)
    began = trio.current_time()
    await go(tmp_path, web, seeds=seeds(6), delay=10, robots=False)
    assert web.requests[-1].started == began


@virtual
async def test_a_retry_after_counts_over_the_end_of_a_run(tmp_path: Path) -> None:
    """What a host asked for before a crawl was cancelled is kept to by the one that goes on."""
    web = flat_site()
    answers = iter([Reply(status=503, headers=(("Retry-After", "300"),))])
    web.add(f"{SITE}0", lambda _hop: next(answers, Reply()))
    with trio.move_on_after(30):
        await go(tmp_path, web, seeds=seeds(2), robots=False, per_host=1)
    assert len(web.requests) == 1
    report = await go(tmp_path, web, seeds=seeds(2), robots=False, per_host=1)
    assert web.gaps("site.test")[0] == 300
    assert counts(report) == (2, 2, {}, {}, 0)


@virtual
async def test_a_host_that_was_slowed_down_for_stays_slow(tmp_path: Path) -> None:
    """The pace that a host's trouble led to is the pace of the next run."""
    web = flat_site()
    for number in range(3):
        web.add(f"{SITE}{number}", status=500)
    await go(tmp_path, web, seeds=seeds(30), delay=1, retries=0, max_pages=3, robots=False)
    before = len(web.requests)
    await go(tmp_path, web, seeds=seeds(30), delay=1, robots=False)
    gaps = web.gaps("site.test")[before - 1 :]
    assert gaps[0] > 2
    assert gaps[0] > gaps[1] > gaps[2] >= gaps[-1] == 1


@virtual
async def test_failures_in_a_row_count_over_the_end_of_a_run(tmp_path: Path) -> None:
    """A host that failed in one run rests in the next, and is given up after twelve failures of both."""
    web = MemoryWeb()
    web.otherwise(SITE, lambda _hop: Reply(failure=None, status=500))
    keywords = {"retries": 0, "robots": False, "per_host": 1}
    await go(tmp_path, web, seeds=seeds(20), max_pages=7, **keywords)
    report = await go(tmp_path, web, seeds=seeds(20), **keywords)
    assert len(web.requests) == 12
    assert report.skipped == {"host_given_up": 8}
    assert web.gaps("site.test")[6] >= 40  # the rest after the seventh
    [host] = report.hosts
    assert host.failures == 12
    report = await go(tmp_path, web, seeds=seeds(22), **keywords)
    assert len(web.requests) == 12
    assert report.skipped == {"host_given_up": 10}
    web.otherwise(SITE, lambda _hop: Reply())
    report = await go(tmp_path, web, seeds=seeds(22), retry_failed=True, **keywords)
    assert report.pages == 22


async def go_later(seconds: float, folder: Path, web: MemoryWeb, **keywords: Any) -> Report:  # noqa: ANN401
    """Let time pass, and crawl."""
    await trio.sleep(seconds)
    return await go(folder, web, **keywords)


@pytest.mark.parametrize("retry_after", [None, "120", "3600"])
def test_a_wall_clock_that_was_set_back_does_no_harm(retry_after: str | None, tmp_path: Path) -> None:
    """Then robots.txt is asked for again, and a host waits for an hour at most, not for years."""
    web = flat_site("User-agent: *\nCrawl-delay: 20")
    fields = () if retry_after is None else (("Retry-After", retry_after),)
    answers = iter([Reply(status=503, headers=fields)])
    web.add(f"{SITE}1", lambda _hop: next(answers, Reply()))
    first = partial(go_later, 3e8, tmp_path, web, seeds=seeds(3), max_time=30)
    assert trio.run(first, clock=MockClock(autojump_threshold=0)).pending
    # Each clock begins at the same moment.
    number = len(web.requests)
    report = run_virtually(tmp_path, web, seeds=seeds(3), delay=10)
    assert report.pending == 0
    began = web.requests[number]
    assert began.url == ROBOTS
    assert 10 <= began.started <= HOUR
    [host] = report.hosts
    assert host.kept


@virtual
async def test_after_a_kill_hosts_wait_for_their_whole_delay(tmp_path: Path) -> None:
    """Nobody knows what a crawl that was killed asked for at last, so it is taken for just now."""
    web = flat_site()
    await go(tmp_path, web, seeds=seeds(4), max_pages=2, delay=30, robots=False)
    await trio.sleep(1000)
    (tmp_path / "crawl.db.lock").write_text("{}")  # what a process leaves that was killed
    began = trio.current_time()
    await go(tmp_path, web, seeds=seeds(4), delay=30, robots=False)
    assert [exchange.started - began for exchange in web.requests[2:]] == [30, 60]


# Cookies


def cookie_of(hop: Hop) -> str | None:
    """Return the cookies that a request was sent with."""
    return dict(hop.headers).get("Cookie")


@virtual
async def test_cookies_are_kept(tmp_path: Path) -> None:
    """A resumed crawl is the same crawl: it has its cookies, those of the session, and no others."""
    web = MemoryWeb()
    seen: list[str | None] = []

    def page(hop: Hop) -> Reply:
        seen.append(cookie_of(hop))
        fields = (("Set-Cookie", "session=1"), ("Set-Cookie", "short=2; Max-Age=60"))
        return Reply(headers=fields) if len(seen) == 1 else Reply()

    web.otherwise(SITE, page)
    await go(tmp_path, web, seeds=seeds(5), max_pages=2, robots=False, per_host=1)
    assert seen == [None, "session=1; short=2"]
    await trio.sleep(30)
    await go(tmp_path, web, seeds=seeds(5), max_pages=3, robots=False)
    assert seen[-1] == "session=1; short=2"
    await trio.sleep(60)
    given = {"site.test": {"mine": "3", "session": "4"}}
    await go(tmp_path, web, seeds=seeds(5), max_pages=4, robots=False, per_host=1, cookies=given)
    assert seen[-1] == "mine=3; session=4"
    await go(tmp_path, web, seeds=seeds(5), robots=False, cookies=False)
    assert seen[-1] is None


@virtual
async def test_a_cookie_that_is_taken_back_is_not_kept(tmp_path: Path) -> None:
    """What a server takes back is gone from the state, too."""
    web = MemoryWeb()
    web.add(f"{SITE}0", headers=[("Set-Cookie", "a=1")])
    web.add(f"{SITE}1", headers=[("Set-Cookie", "a=; Max-Age=0")])
    await go(tmp_path, web, seeds=seeds(1), robots=False)
    assert select(tmp_path, "SELECT count(*) FROM cookies") == [(1,)]
    await go(tmp_path, web, seeds=seeds(2), robots=False)
    assert select(tmp_path, "SELECT count(*) FROM cookies") == [(0,)]


@virtual
async def test_the_state_is_its_owners_alone(tmp_path: Path) -> None:
    """Since it holds cookies, nobody else may read it, nor what SQLite puts beside it."""
    modes: dict[str, int] = {}
    web = MemoryWeb()

    def page(_hop: Hop) -> Reply:
        for path in tmp_path.glob("crawl.db*"):
            modes[path.name] = stat.S_IMODE(path.stat().st_mode)
        return Reply()

    web.otherwise(SITE, page)
    await go(tmp_path, web, seeds=seeds(2), robots=False)
    assert {modes[name] for name in ("crawl.db", "crawl.db-wal", "crawl.db-shm")} == {0o600}


@virtual
async def test_cookies_that_are_damaged_are_said_to_be(tmp_path: Path) -> None:
    """A state whose cookies can't be read is refused, as any other damage is."""
    await go(tmp_path, small_site(), max_pages=2)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as state, state:
        state.execute("INSERT INTO cookies VALUES ('site.test', '[1]')")
    with pytest.raises(StateError, match="cookies"):
        await go(tmp_path, small_site())
