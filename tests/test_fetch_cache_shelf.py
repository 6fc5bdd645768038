"""A cache at work: what it asks servers for, what it answers from its file, and what trouble does to it."""

from __future__ import annotations

import gzip
import logging
import os
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
from cache_support import Origin, full_disk, headers, opened
from crawl_support import virtual

from trio_crawl import FetchError, Hop, crawl
from trio_crawl.fetchers import Cache
from trio_crawl.testing import MemoryWeb, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from trio_crawl import Response

URL = "http://site.test/page"


class Visit:
    """A web of one page, and a cache before it."""

    def __init__(self, folder: Path, text: str = "", *, status: int = 200, max_bytes: int = 2**20) -> None:
        self.origin = Origin(text, status=status)
        self.web = MemoryWeb()
        self.web.add(URL, self.origin)
        self.path = folder / "cache.db"
        self.cache = Cache(self.web, path=self.path, max_bytes=max_bytes)

    async def get(self, *fields: tuple[str, str], method: str = "GET", max_bytes: int = 10**6) -> Response:
        return await self.cache.fetch(Hop(url=URL, method=method, headers=fields, max_bytes=max_bytes))

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.cache.used, self.cache.validated, self.cache.asked


@pytest.mark.parametrize(
    ("text", "wait", "expected"),
    [
        ("Cache-Control: max-age=60", 59, "used"),
        ("Cache-Control: max-age=60", 60, "asked"),
        ('Cache-Control: max-age=60\nETag: "x"', 60, "validated"),
        ("Cache-Control: max-age=60\nLast-Modified: Fri, 31 Dec 1999 00:00:00 GMT", 60, "validated"),
        ('Cache-Control: no-cache\nETag: "x"', 0, "validated"),
        ('Cache-Control: no-store\nETag: "x"', 0, "asked"),
        ('Cache-Control: max-age=0, must-revalidate\nETag: "x"', 0, "validated"),
        ("Cache-Control: private, max-age=60", 59, "used"),
        ("Cache-Control: s-maxage=60", 0, "asked"),
        ("Expires: {+60}", 59, "used"),
        ("Expires: {-60}", 0, "asked"),
        ("Expires: 0", 0, "asked"),
        ("Cache-Control: max-age=60\nAge: 50", 11, "asked"),
        ("Cache-Control: max-age=60\nDate: {-50}", 9, "used"),
        ("Last-Modified: Fri, 31 Dec 1999 00:00:00 GMT", 3600, "used"),
        ("Cache-Control: max-age=60\nVary: *", 0, "asked"),
        ("Cache-Control: max-age=60\nVary: Accept", 0, "used"),
        ("", 0, "asked"),
    ],
)
def test_the_second_request(text: str, wait: float, expected: str, tmp_path: Path) -> None:
    """What is fresh makes no request, what is stale is validated if it can be, and the rest is asked for."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, text)
        async with opened(visit.cache):
            first = await visit.get()
            await trio.sleep(wait)
            second = await visit.get()
        assert (first.status, first.body) == (second.status, second.body) == (200, b"one")
        assert visit.counts == {"used": (1, 0, 1), "validated": (0, 1, 1), "asked": (0, 0, 2)}[expected]
        assert len(visit.web.requests) == 2 - visit.cache.used

    scenario()


@virtual
async def _variants(folder: Path) -> None:
    visit = Visit(folder, "Cache-Control: max-age=60\nVary: Accept-Language")
    async with opened(visit.cache):
        for language in ("en", "fr", "en", "fr"):
            await visit.get(("Accept-Language", language))
    assert visit.counts == (2, 0, 2)


def test_variants(tmp_path: Path) -> None:
    """Each variant is asked for once."""
    _variants(tmp_path)


def test_what_is_used_is_what_came(tmp_path: Path) -> None:
    """Content, coding, status and fields are those of the first answer, with an age; no address is told."""

    @virtual
    async def scenario() -> None:
        body = gzip.compress(b"content" * 100, mtime=0)
        fields = (("Content-Encoding", "gzip"), ("X-A", "1"), ("Cache-Control", "max-age=60"), ("x-a", "2"))
        visit = Visit(tmp_path)
        visit.web.add(URL, lambda _: Reply(status=404, headers=fields, body=body))
        async with opened(visit.cache):
            first = await visit.get()
            await trio.sleep(5)
            second = await visit.get()
        assert (second.status, second.body, second.url) == (404, body, URL)
        assert (second.http_version, second.address, second.elapsed) == (first.http_version, "", 0)
        assert second.headers.get_all("x-a") == ["1", "2"]
        assert second.headers.get("age") == "5"
        assert first.headers.get("age") is None

    scenario()


def test_a_validated_response_has_the_new_fields(tmp_path: Path) -> None:
    """After a 304 the stored content is answered with the fields that came, and fresh again."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, 'ETag: "x"\nCache-Control: max-age=60\nX-Version: 1')
        async with opened(visit.cache):
            await visit.get()
            await trio.sleep(60)
            visit.origin.text = 'ETag: "x"\nCache-Control: max-age=90\nX-Version: 2'
            second = await visit.get()
            assert (second.status, second.body) == (200, b"one")
            assert second.headers.get_all("x-version") == ["2"]
            await trio.sleep(89)
            assert (await visit.get()).headers.get("x-version") == "2"
        assert visit.counts == (1, 1, 1)
        assert visit.origin.hops[1].headers == (("If-None-Match", '"x"'),)

    scenario()


def test_a_changed_page_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    """A full answer to a validation is the answer, and what is stored from then on."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, 'ETag: "x"\nCache-Control: max-age=60')
        async with opened(visit.cache):
            await visit.get()
            await trio.sleep(60)
            visit.origin.text, visit.origin.body = 'ETag: "y"\nCache-Control: max-age=60', "two"
            assert (await visit.get()).body == b"two"
            assert (await visit.get()).body == b"two"
        assert visit.counts == (1, 0, 2)

    scenario()


def test_a_304_about_something_else(tmp_path: Path) -> None:
    """The server is asked once more, without conditions, and its full answer is the one."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, 'ETag: "x"\nCache-Control: max-age=60')
        async with opened(visit.cache):
            await visit.get()
            await trio.sleep(60)

            def confused(hop: Hop) -> Reply:
                if any(name == "If-None-Match" for name, _ in hop.headers):
                    return Reply(status=304, headers=(("ETag", '"other"'),))
                return Reply(body="two")

            visit.web.add(URL, confused)
            answer = await visit.get()
        assert (answer.status, answer.body) == (200, b"two")
        assert visit.counts == (0, 0, 2)
        assert len(visit.web.requests) == 3

    scenario()


@pytest.mark.parametrize(
    ("method", "status", "again"),
    [("POST", 200, True), ("DELETE", 204, True), ("POST", 500, False), ("OPTIONS", 200, False)],
)
def test_an_unsafe_request_makes_the_stored_invalid(
    method: str, status: int, again: bool, tmp_path: Path
) -> None:
    """After it succeeded, the page is asked for anew."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            await visit.get()
            visit.origin.status = status
            await visit.get(method=method)
            visit.origin.status = 200
            await visit.get()
        assert visit.cache.used == (0 if again else 1)

    scenario()


class Last:
    """A fetcher whose caller is cancelled as soon as an answer to POST is there."""

    opens_connections = False
    virtual = True

    def __init__(self, web: MemoryWeb) -> None:
        self.web = web
        self.open = web.open
        self.scope = trio.CancelScope()

    async def fetch(self, hop: Hop, /) -> Response:
        response = await self.web.fetch(hop)
        if hop.method == "POST":
            self.scope.cancel(reason="the answer is there")
        return response


def test_an_unsafe_request_that_is_cancelled_too_late(tmp_path: Path) -> None:
    """Once the server has answered it, what is stored is deleted, cancelled or not."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        last = Last(visit.web)
        visit.cache = Cache(last, path=visit.path)
        async with opened(visit.cache):
            await visit.get()
            with last.scope:
                await visit.get(method="POST")
                await trio.lowlevel.checkpoint()
            assert last.scope.cancelled_caught
        visit.cache = Cache(visit.web, path=visit.path)
        async with opened(visit.cache):
            await visit.get()
        assert visit.counts == (0, 0, 1)

    scenario()


def test_a_head_is_stored_for_itself(tmp_path: Path) -> None:
    """It answers no GET, nor a GET it; but one that tells of another page ends the use of that."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, 'ETag: "x"\nCache-Control: max-age=60')
        async with opened(visit.cache):
            for method in ("HEAD", "GET", "HEAD", "GET"):
                answer = await visit.get(method=method)
                assert answer.body == (b"" if method == "HEAD" else b"one")
            assert visit.counts == (2, 0, 2)
            visit.origin.text = 'ETag: "y"\nCache-Control: max-age=60'
            await visit.get(("Cache-Control", "no-cache"), method="HEAD")
            await visit.get()
        assert visit.counts == (2, 0, 4)

    scenario()


@pytest.mark.parametrize("field", ["Range", "If-None-Match"])
def test_parts_and_conditions_go_by(field: str, tmp_path: Path) -> None:
    """What asks for a part, or with conditions of its own, is neither answered nor stored."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            for _ in range(2):
                await visit.get((field, "bytes=0-1"))
            await visit.get()
            await visit.get((field, "bytes=0-1"))
        assert visit.counts == (0, 0, 4)

    scenario()


def test_only_if_cached(tmp_path: Path) -> None:
    """Where a request would be needed, the answer is 504, and nothing is asked."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            assert (await visit.get(("Cache-Control", "only-if-cached"))).status == 504
            assert visit.web.requests == []
            await visit.get()
            assert (await visit.get(("Cache-Control", "only-if-cached"))).status == 200

    scenario()


@pytest.mark.parametrize("text", ["Cache-Control: max-age=60", 'ETag: "x"'])
def test_what_is_larger_than_the_hop_takes(text: str, tmp_path: Path) -> None:
    """It is too large from the cache as it would be from the server, validated or not; it stays stored."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, text)
        async with opened(visit.cache):
            await visit.get()
            with pytest.raises(FetchError, match=f"{URL}: the body is larger than 2 bytes") as caught:
                await visit.get(max_bytes=2)
            assert caught.value.kind == "too_large"
            assert (await visit.get(max_bytes=3)).body == b"one"
        assert visit.counts[2] == 1

    scenario()


def test_two_fetches_of_one_url(tmp_path: Path) -> None:
    """Both ask, both are answered, and one response is stored."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(visit.get)
                nursery.start_soon(visit.get)
            assert (await visit.get()).body == b"one"
        with sqlite3.connect(visit.path) as file:
            assert file.execute("SELECT count(*) FROM responses").fetchone() == (1,)
        file.close()

    scenario()


def test_a_failure_is_the_fetchers(tmp_path: Path) -> None:
    """What the fetcher raises comes out, also where a stale response is there: it may not be used."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, 'ETag: "x"\nCache-Control: max-age=60')
        async with opened(visit.cache):
            await visit.get()
            await trio.sleep(60)
            visit.web.add(URL, failure="timeout")
            with pytest.raises(FetchError) as caught:
                await visit.get()
            assert caught.value.kind == "timeout"
            visit.web.add(URL, visit.origin)
            await visit.get()
        assert visit.counts == (0, 1, 2)

    scenario()


def test_a_file_that_fails_costs_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that can't be read or written any more is logged once, and everything is asked for."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            await visit.get()
            with sqlite3.connect(visit.path) as other:
                other.execute("DROP TABLE responses")
            other.close()
            for _ in range(3):
                assert (await visit.get()).body == b"one"
        assert visit.counts == (0, 0, 4)

    with caplog.at_level(logging.WARNING, "trio_crawl"):
        scenario()
    [record] = caplog.records
    assert record.getMessage() == (
        f"cache {tmp_path / 'cache.db'}: it can't be used: no such table: responses; "
        "the crawl goes on, and asks servers instead"
    )


def test_a_full_disk_costs_no_page(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What finds no room is answered and not stored, which is logged once; with room again it is stored."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60", max_bytes=2**30)
        visit.origin.body = "x" * 500_000
        async with opened(visit.cache):
            with full_disk(200_000):
                for _ in range(3):
                    assert len((await visit.get()).body) == 500_000
            assert visit.counts == (0, 0, 3)
            await visit.get()
            await visit.get()
        assert visit.counts == (1, 0, 4)

    with caplog.at_level(logging.WARNING, "trio_crawl"):
        scenario()
    [record] = caplog.records
    assert record.getMessage().endswith("; the crawl goes on, and asks servers instead")


def test_what_can_t_be_deleted_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If a page that became invalid can't be taken out of the file, this crawl does not use it."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            await visit.get()
            with sqlite3.connect(visit.path) as other:
                other.execute(
                    "CREATE TRIGGER kept BEFORE DELETE ON responses BEGIN SELECT RAISE(ABORT, 'kept'); END"
                )
            other.close()
            await visit.get(method="POST")
            visit.origin.body = "two"
            assert (await visit.get()).body == b"two"

    with caplog.at_level(logging.WARNING, "trio_crawl"):
        scenario()
    assert len(caplog.records) == 1


def test_what_the_bound_excludes_is_answered(tmp_path: Path) -> None:
    """A response that is larger than the whole cache is passed on, and not stored."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60", max_bytes=1000)
        visit.origin.body = os.urandom(600).hex()
        async with opened(visit.cache):
            for _ in range(2):
                assert len((await visit.get()).body) == 1200
        assert visit.counts == (0, 0, 2)

    scenario()


async def test_without_a_mock_clock_it_is_the_real_time(tmp_path: Path) -> None:
    """Trio's own clock starts anywhere in each run, so the ages in the file go by the wall clock."""
    visit = Visit(tmp_path, "Cache-Control: max-age=60")
    async with opened(visit.cache):
        await visit.get()
    with sqlite3.connect(visit.path) as file:
        [received] = file.execute("SELECT received FROM responses").fetchone()
    file.close()
    assert received > 1_600_000_000


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Cache-Control: max-age=60\nSet-Cookie: sid=secret\nset-cookie2: b=2", (1, 0, 1)),
        ('Cache-Control: no-cache\nETag: "x"\nSet-Cookie: sid=secret', (0, 1, 1)),
    ],
)
def test_what_is_stored_or_validated_sets_no_cookie(
    text: str, counts: tuple[int, int, int], tmp_path: Path
) -> None:
    """Only the server's own answer does; the file has none of it, for whoever uses it next."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, text)
        async with opened(visit.cache):
            first, second = await visit.get(), await visit.get()
        assert first.headers.get("Set-Cookie") == "sid=secret"
        assert second.headers.get("Set-Cookie") is second.headers.get("Set-Cookie2") is None
        assert second.body == first.body
        assert visit.counts == counts

    scenario()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert files
    assert b"secret" not in files


def test_a_file_that_has_cookies_sets_none(tmp_path: Path) -> None:
    """One that was written before, or by somebody else."""

    @virtual
    async def scenario() -> None:
        visit = Visit(tmp_path, "Cache-Control: max-age=60")
        async with opened(visit.cache):
            first = await visit.get()
            shelf = visit.cache._shelf  # noqa: SLF001 - to write what it does not write itself
            assert shelf is not None
            (stored,) = shelf._store.find(URL, "GET", headers(""), 10**6)  # noqa: SLF001
            said = replace(stored, headers=headers("Cache-Control: max-age=60\nSet-Cookie: sid=x"))
            shelf._store.change((), said)  # noqa: SLF001
            second = await visit.get()
        assert visit.counts == (1, 0, 1)
        assert (second.body, second.headers.get("Set-Cookie")) == (first.body, None)

    scenario()


async def test_a_cache_gives_no_session_on(tmp_path: Path, autojump_clock: object) -> None:  # noqa: ARG001
    """Of two crawls that share a file, the second sends no cookie that the first was given."""
    asked: list[tuple[str, ...]] = []

    def second_page(hop: Hop) -> Reply:
        asked.append(tuple(value for name, value in hop.headers if name == "Cookie"))
        return Reply(body="x", headers=(("Cache-Control", "no-store"),))

    web = MemoryWeb()
    fields = [("Cache-Control", "max-age=1000"), ("Set-Cookie", "sid=first")]
    web.add("http://a.test/", "<a href=/2>x</a>", headers=fields)
    web.add("http://a.test/2", second_page)
    for _ in range(2):
        await crawl("http://a.test/", fetch=Cache(web, path=tmp_path / "cache.db"), robots=False, delay=0)
    assert asked == [("sid=first",), ()]
