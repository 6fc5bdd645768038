"""The cache as the fetcher of a crawl: one after another, in threads, cancelled, and refused."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import trio
from cache_support import Origin, opened
from crawl_support import asked, objects_of, virtual
from trio.testing import MockClock

from trio_crawl import FetchError, Hop, Report, UsageError, crawl, fetch_page
from trio_crawl._fetch.cache_store import Store
from trio_crawl.fetchers import Cache, Curl, Httpx
from trio_crawl.testing import MemoryWeb, asserts_no_leaks, cancel_at, cancel_everywhere, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

HOME = "http://site.test/"
FRESH = "Cache-Control: max-age=600"
STALE = 'Cache-Control: max-age=1\nETag: "{}"'
SEED = 20261121


def site(pages: int = 6) -> MemoryWeb:
    """Return a web whose home leads to pages that are fresh for long, stale soon, and never stored."""
    web = MemoryWeb()
    kinds = (FRESH, STALE, "Cache-Control: no-store")
    links = "".join(f"<a href=/{number}>x</a>" for number in range(pages))
    web.add(HOME, Origin(FRESH, body=links))
    web.robots(HOME, "User-agent: *\nAllow: /")
    for number in range(pages):
        web.add(f"{HOME}{number}", Origin(kinds[number % 3].format(number), body=f"<title>{number}</title>"))
    return web


async def visit(web: object, path: Path, **options: Any) -> tuple[Cache, Report]:  # noqa: ANN401
    cache = Cache(web, path=path)
    report = await crawl(HOME, fetch=cache, delay=0.1, **options)
    return cache, report


def test_the_second_crawl_asks_for_what_is_not_fresh(tmp_path: Path) -> None:
    """It validates what is stale, asks for what was not stored, and has the same pages."""

    @virtual
    async def scenario() -> None:
        web = site()
        paths = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
        cache, report = await visit(web, tmp_path / "cache.db", write=paths[0])
        assert (cache.used, cache.validated, cache.asked, report.pages) == (0, 0, 8, 7)
        before = len(web.requests)
        await trio.sleep(5)
        cache, report = await visit(web, tmp_path / "cache.db", write=paths[1])
        assert (cache.used, cache.validated, cache.asked, report.pages) == (3, 2, 3, 7)
        assert {exchange.url: exchange.outcome for exchange in web.requests[before:]} == {
            f"{HOME}robots.txt": 200,
            f"{HOME}1": 304,
            f"{HOME}4": 304,
            f"{HOME}2": 200,
            f"{HOME}5": 200,
        }
        titles = [sorted((row["url"], row["title"]) for row in objects_of(path)) for path in paths]
        assert titles[0] == titles[1]

    scenario()


def test_a_redirect_is_stored(tmp_path: Path) -> None:
    """It is followed from the cache as it was from the server."""

    @virtual
    async def scenario() -> None:
        web = MemoryWeb()
        web.add(HOME, status=301, redirect="/new", headers=[("Cache-Control", "max-age=60")])
        web.add(f"{HOME}new", "new", headers=[("Cache-Control", "max-age=60")])
        for _ in range(2):
            page = await fetch_page(HOME, fetch=Cache(web, path=tmp_path / "cache.db"), robots=False)
            assert (page.final_url, page.redirects, page.text()) == (f"{HOME}new", (HOME,), "new")
        assert asked(web) == [HOME, f"{HOME}new"]

    scenario()


def test_content_is_decoded_from_the_cache(tmp_path: Path) -> None:
    """It is stored as it came, and the page is the same."""

    @virtual
    async def scenario() -> None:
        web = MemoryWeb()
        fields = [("Cache-Control", "max-age=60"), ("Vary", "Accept-Encoding")]
        web.add(HOME, "<title>Größe</title>", coding="gzip", headers=fields)
        for _ in range(2):
            page = await fetch_page(HOME, fetch=Cache(web, path=tmp_path / "cache.db"), robots=False)
            assert page.title == "Größe"
        assert asked(web) == [HOME]

    scenario()


def intact(path: Path) -> int:
    """Return how many responses are in a cache that opens and is whole; 0 if there is none yet."""
    if not path.exists():
        return 0
    store = Store(path, 2**30)
    store.open()
    store.close()
    with sqlite3.connect(path) as file:
        [count] = file.execute("SELECT count(*) FROM responses").fetchone()
    file.close()
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    return int(count)


@pytest.mark.parametrize("full", [False, True])
def test_cancelled_at_any_step(full: bool, tmp_path: Path) -> None:
    """The file is whole, and nothing is left beside it or running, whether it was empty or full before."""
    path = tmp_path / "cache.db"

    async def make() -> Report:
        if not full:
            path.unlink(missing_ok=True)
        cache, report = await visit(site(3), path)
        if full:
            assert cache.used >= 1
        return report

    def check(_step: int, report: object) -> None:
        count = intact(path)
        assert count == 3 if full or report else count <= 3

    if full:
        trio.run(visit, site(3), path, clock=MockClock(autojump_threshold=0))
    cancel_everywhere(make, check=check, stride=2 if full else 1)


@asynccontextmanager
async def over_a_socket() -> AsyncIterator[tuple[MemoryWeb, str]]:
    web = site()
    async with serving(web, origin=HOME) as base_url:
        yield web, f"{base_url}/"


@pytest.mark.parametrize("fetch", [Curl, Httpx], ids=["curl", "httpx"])
async def test_over_real_connections(fetch: Callable[[], object], tmp_path: Path) -> None:
    """With threads and sockets: the second crawl asks only for what it has to, and nothing is left."""
    async with asserts_no_leaks(), over_a_socket() as (web, url):
        options: dict[str, Any] = {"allow_private": True, "delay": 0.0, "per_host": 8}
        for number in (0, 1):
            cache = Cache(fetch(), path=tmp_path / "cache.db")
            before = len(web.requests)
            report = await crawl(url, fetch=cache, **options)
            assert report.pages == 7
            assert len(web.requests) - before == cache.asked + cache.validated
            # Stale after a second: whether they are used or validated is a question of speed.
            assert (cache.used + cache.validated, cache.asked) == (5 * number, 8 - 5 * number)


def test_cancelled_at_some_times_over_real_connections(tmp_path: Path) -> None:
    """With threads and sockets, too, the file is whole after a cancellation, and nothing is left."""
    path = tmp_path / "cache.db"

    async def make() -> Report:
        async with over_a_socket() as (_, url):
            cache = Cache(Httpx(), path=path)
            return await crawl(url, fetch=cache, allow_private=True, delay=0.0, per_host=4)

    chance = random.Random(SEED)  # noqa: S311 - times, not secrets
    seconds = [chance.uniform(0, 0.1) for _ in range(12)]
    cancel_at(make, seconds, check=lambda _, __: intact(path))


def test_a_client_of_httpx(tmp_path: Path) -> None:
    """What `fetch=` takes may be in the cache, such as a transport that answers by itself."""

    @virtual
    async def scenario() -> None:
        calls: list[str] = []

        def handler(request: httpx.Request) -> httpx.Response:
            calls.append(str(request.url))
            return httpx.Response(200, text="hello", headers={"Cache-Control": "max-age=60"})

        for _ in range(2):
            cache = Cache(httpx.MockTransport(handler), path=tmp_path / "cache.db")
            assert (cache.virtual, cache.opens_connections) == (True, False)
            page = await fetch_page(HOME, fetch=cache, robots=False)
            assert page.text() == "hello"
        assert calls == [HOME]

    scenario()


def test_it_tells_what_it_is(tmp_path: Path) -> None:
    """It opens connections, and knows real time, as the fetcher in it does; its repr has its numbers."""
    curl, web = Curl(), MemoryWeb()
    around_curl, around_web = Cache(curl, path=tmp_path / "c.db"), Cache(web, path=tmp_path / "c.db")
    assert (around_curl.opens_connections, around_curl.virtual) == (True, False)
    assert (around_web.opens_connections, around_web.virtual) == (False, True)
    assert (
        repr(around_curl) == f"<Cache(Curl(), path={str(tmp_path / 'c.db')!r}): 0 used, 0 validated, 0 asked>"
    )
    assert repr(Cache(path="x")) == "<Cache(Curl(), path='x'): 0 used, 0 validated, 0 asked>"
    assert not (tmp_path / "c.db").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": ""}, "path names the cache's file, as in path='cache.db'; got ''"),
        ({"path": None}, "path names the cache's file, as in path='cache.db'; got None"),
        ({"path": "x", "max_bytes": 0}, "max_bytes is the size of the cache in bytes, at least 1; got 0"),
        ({"path": "x", "max_bytes": "1 GB"}, "max_bytes is the size of the cache in bytes, at least 1"),
        ({"path": "x", "fetch": "wget"}, "fetch takes"),
        ({"path": "x", "fetch": MemoryWeb}, "fetch takes"),
    ],
)
def test_arguments_that_can_t_be_right(options: dict[str, Any], message: str) -> None:
    """They are refused as it is made."""
    with pytest.raises(UsageError) as caught:
        Cache(**options)
    assert str(caught.value).startswith(message)


def test_a_damaged_file_ends_the_crawl_before_it_begins(tmp_path: Path) -> None:
    """The error comes out of the crawl as itself, and nothing was asked for."""

    @virtual
    async def scenario() -> None:
        path = tmp_path / "cache.db"
        path.write_text("something else " * 100)
        web = site()
        with pytest.raises(UsageError, match="this is no cache but another file; name another one"):
            await visit(web, path)
        assert web.requests == []

    scenario()


def test_one_crawl_at_a_time(tmp_path: Path) -> None:
    """A second one meanwhile is refused, by the cache as by what is in it; afterwards it may serve again."""

    @virtual
    async def scenario() -> None:
        web = site()
        cache = Cache(web, path=tmp_path / "cache.db")
        async with opened(cache):
            with pytest.raises(trio.BusyResourceError, match="this Cache serves another crawl"):
                await cache.open(None).__aenter__()  # type: ignore[arg-type] # it is not looked at
            with pytest.raises(trio.BusyResourceError, match="MemoryWeb"):
                await crawl(HOME, fetch=Cache(web, path=tmp_path / "other.db"))
            await cache.fetch(Hop(url=HOME))
        async with opened(cache):
            await cache.fetch(Hop(url=HOME))
        assert (cache.used, cache.asked) == (1, 1)

    scenario()


def test_it_has_to_be_open(tmp_path: Path) -> None:
    """Before and after, a fetch is refused."""

    @virtual
    async def scenario() -> None:
        cache = Cache(site(), path=tmp_path / "cache.db")
        for _ in range(2):
            with pytest.raises(trio.ClosedResourceError, match="this Cache is not open"):
                await cache.fetch(Hop(url=HOME))
            async with opened(cache):
                with pytest.raises(FetchError):
                    await cache.fetch(Hop(url="http://none.test/"))

    scenario()


def test_without_hishel_it_says_what_to_install() -> None:
    """The error names the command; the module can be imported all the same."""
    code = """
import sys
sys.modules["hishel"] = None
from trio_crawl import MissingExtraError
from trio_crawl.fetchers import Cache
try:
    Cache(path="x")
except MissingExtraError as error:
    print(error)
"""
    found = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert "pip install 'trio-crawl[cache]'" in found.stdout
