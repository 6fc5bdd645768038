"""The wall clock of a web in memory: all moments of a crawl are its own, and it can be set forward."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, asked, objects_of, virtual
from trio.testing import MockClock

from trio_crawl import UsageError, crawl
from trio_crawl.fetchers import Cache
from trio_crawl.testing import MemoryWeb

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 11, 28, 12, tzinfo=UTC)


def site(web: MemoryWeb) -> MemoryWeb:
    web.add(SITE, "<a href=/a>a</a>", headers=[("ETag", '"1"')], delay=2)
    web.add(f"{SITE}a", "a", delay=1)
    return web


@virtual
async def test_all_moments_of_a_crawl_are_of_the_web(tmp_path: Path) -> None:
    """``now=`` is where time begins; it passes as trio's clock does, in rows as well."""
    web = site(MemoryWeb(now=START))
    assert web.now == START
    await trio.sleep(100)
    assert web.now == START + timedelta(seconds=100)
    await crawl(SITE, fetch=web, write=tmp_path / "rows.jsonl", robots=False)
    assert [row["fetched_at"] for row in objects_of(tmp_path / "rows.jsonl")] == [
        "2026-11-28T12:01:42.000Z",
        "2026-11-28T12:01:43.000Z",
    ]
    for now in (datetime(2026, 1, 1), "2026", None):  # noqa: DTZ001 - that is the matter
        with pytest.raises(UsageError, match="now= is"):
            MemoryWeb(now=now)  # type: ignore[arg-type]
    for seconds in (-1, True, "1", float("inf")):
        with pytest.raises(UsageError, match="pass_time"):
            web.pass_time(seconds)  # type: ignore[arg-type]


@virtual
async def test_time_that_passes_between_two_crawls(tmp_path: Path) -> None:
    """Pages come of age, so that ``recrawl=`` visits them again, and not before."""
    web = site(MemoryWeb(now=START))
    again = partial(crawl, SITE, fetch=web, state=tmp_path / "state.db", recrawl=3600, robots=False)
    assert (await again()).pages == 2
    web.requests.clear()
    before = len(web.requests)
    web.pass_time(3000)
    await again()
    assert len(web.requests) == before
    web.pass_time(3000)
    await again()
    assert asked(web)[before:] == [SITE, f"{SITE}a"]
    assert web.now - START > timedelta(seconds=6000)


def test_each_run_of_trio_begins_at_the_same_moment(tmp_path: Path) -> None:
    """Or as much later as time was let pass; so what is told is the same each time."""

    def once(name: str) -> list[Any]:
        folder = tmp_path / name
        folder.mkdir()
        web = site(MemoryWeb(now=START.astimezone(timezone(timedelta(hours=2)))))
        keywords: dict[str, Any] = {"write": folder / "rows.jsonl", "state": folder / "state.db"}
        again = partial(crawl, SITE, fetch=web, recrawl=60, robots=False, **keywords)
        for _ in range(3):
            trio.run(again, clock=MockClock(autojump_threshold=0))
            web.pass_time(3600)
        assert web.now == START + timedelta(hours=3)
        return objects_of(folder / "rows.jsonl")

    rows = once("a")
    assert rows == once("b")
    assert [row["fetched_at"][11:-1] for row in rows] == [
        *("12:00:02.000", "12:00:03.000"),
        *("13:00:01.500", "13:00:02.000"),
        *("14:00:01.500", "14:00:02.000"),
    ]
    web = MemoryWeb(now=START)
    web.add(SITE, "page")
    trio.run(
        partial(crawl, SITE, fetch=web, write=tmp_path / "real.jsonl", robots=False)
    )  # by the real clock
    [row] = objects_of(tmp_path / "real.jsonl")
    assert row["fetched_at"].startswith("2026-11-28T12:")


@virtual
async def test_a_cache_keeps_the_webs_time(tmp_path: Path) -> None:
    """What it stored is as old as the web says."""
    web = MemoryWeb(now=START)
    web.add(SITE, "page", headers=[("Cache-Control", "max-age=600")])
    again = partial(crawl, SITE, robots=False, traps=False)
    for seconds, requests in ((0, 1), (300, 1), (400, 2)):
        web.pass_time(seconds)
        await again(fetch=Cache(web, path=tmp_path / "cache.db"))
        assert len(web.requests) == requests


def test_the_plugin_imports_nothing_before_a_fixture_is_used(tmp_path: Path) -> None:
    """Its fixtures give a web, and a clock that pytest-trio runs the test by."""
    (tmp_path / "test_mine.py").write_text(
        "import sys\n\n"
        "def test_nothing_is_imported():\n"
        "    assert not [name for name in sys.modules if name.partition('.')[0] == 'trio_crawl']\n\n"
        "async def test_with_both(web, crawl_clock):\n"
        "    import trio, trio_crawl\n"
        "    web.add('https://a.test/', 'page', delay=3600)\n"
        "    report = await trio_crawl.crawl('https://a.test/', fetch=web, timeout=9000)\n"
        "    assert report.pages == 1\n"
        "    assert trio.current_time() >= 3600\n\n"
        "def test_the_clock_alone(crawl_clock):\n"
        "    import trio\n"
        "    trio.run(trio.sleep, 3600, clock=crawl_clock)\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "pytest_trio_crawl", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
    )
    assert "3 passed" in ended.stdout, ended.stdout + ended.stderr
