"""The fetcher that answers from an archive."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, counts, objects_of
from trio.testing import MockClock
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from trio_crawl import RefusedError, Report, Request, UsageError, crawl, fetch_page
from trio_crawl.fetchers import Archive, Curl
from trio_crawl.testing import MemoryWeb, asserts_no_leaks, serving
from trio_crawl.writers import Warc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_crawl import Page


def site(origin: str = SITE) -> MemoryWeb:
    """Return pages of many kinds: coded, repeated, redirected, missing, forbidden, failing."""
    web = MemoryWeb()
    web.robots(origin, "User-agent: *\nDisallow: /secret\nCrawl-delay: 60\n")
    names = ["one", "same", "again", "moved", "far", "packed", "missing", "secret", "loop", "busy", "latin"]
    web.links(origin, [f"/{name}" for name in names], title="start")
    web.links(f"{origin}one", ["/", "/two"], title="one")
    web.add(f"{origin}two", "two")
    web.add(f"{origin}same", "<title>t</title><a href=/one>one</a>")
    web.add(f"{origin}again", "<title>t</title><a href=/one>one</a>")
    web.add(f"{origin}moved", redirect="/target")
    web.add(f"{origin}target", "here")
    web.add(f"{origin}far", redirect="http://elsewhere.test/")
    web.add(f"{origin}packed", "<title>packed</title>" * 50, coding="gzip")
    web.add(f"{origin}loop", redirect="/loop")
    web.add(f"{origin}busy", "busy", status=503, headers=[("Retry-After", "30")])
    web.add(
        f"{origin}latin", "<title>\u00fc</title>".encode("latin-1"), content_type="text/html; charset=latin-1"
    )
    return web


def run(**keywords: Any) -> Report:  # noqa: ANN401 - of crawl()
    """Crawl the site in a run of trio of its own; on a clock that jumps, if from memory."""
    clock = MockClock(autojump_threshold=0) if isinstance(keywords["fetch"], MemoryWeb) else None
    return trio.run(partial(crawl, keywords.pop("seeds", SITE), **keywords), clock=clock)


def record(path: Path, web: MemoryWeb | None = None, **keywords: Any) -> Report:  # noqa: ANN401
    """Crawl the site to an archive."""
    return run(fetch=web or site(), write=keywords.pop("write", path), **keywords)


def test_a_replay_gives_the_same_rows(tmp_path: Path) -> None:
    """Pages, links, failures, times and the report's numbers are those of the crawl that was archived."""
    path = tmp_path / "crawl.warc.gz"
    before = record(path, write=[path, tmp_path / "before.jsonl", tmp_path / "before.tsv"])
    after = run(fetch=path, write=[tmp_path / "after.jsonl", tmp_path / "after.tsv"])
    for suffix in ("jsonl", "tsv"):
        one, two = (
            sorted((tmp_path / f"{name}.{suffix}").read_text().splitlines()) for name in ("before", "after")
        )
        assert one == two
    assert len(objects_of(tmp_path / "after.jsonl")) > 9
    assert counts(before) == counts(after)


def test_a_replay_waits_for_nobody(tmp_path: Path) -> None:
    """Crawl-delay, back-off and Retry-After are those of hosts, and there is none."""
    path = tmp_path / "crawl.warc.gz"
    record(path)
    began = time.monotonic()
    report = run(fetch=str(path), delay=60)
    assert report.retries == 2
    assert time.monotonic() - began < 30


async def test_a_site_over_a_socket_is_replayed_with_the_same_rows(tmp_path: Path) -> None:
    """What libcurl brought from a server comes from the archive, with the server shut down."""
    path = tmp_path / "crawl.warc.gz"
    async with serving(site("http://site.test/"), origin="http://site.test") as url:
        keywords: dict[str, Any] = {"allow_private": True, "delay": 0, "retries": 0, "exclude": "*/busy"}
        write = [path, tmp_path / "before.jsonl", tmp_path / "before.tsv"]
        # Its robots.txt asks for a minute between two pages.
        await crawl(url, fetch=Curl(), write=write, robots=False, **keywords)
    write = [tmp_path / "after.jsonl", tmp_path / "after.tsv"]
    await crawl(url, fetch=Archive(path), write=write, robots=False, **keywords)
    assert rows_in(tmp_path / "before.jsonl") == rows_in(tmp_path / "after.jsonl")
    assert rows_in(tmp_path / "before.tsv") == rows_in(tmp_path / "after.tsv")
    assert len(rows_in(tmp_path / "after.jsonl")) > 9


def rows_in(path: Path) -> list[str]:
    return sorted(path.read_text(encoding="utf-8").splitlines())


def test_failures_come_again(tmp_path: Path) -> None:
    """A connection that broke, and a host without an address, fail likewise, in the same words."""
    web = MemoryWeb()
    web.links(SITE, ["/broken", "http://nowhere.test/"])
    web.add(f"{SITE}broken", failure="timeout")
    path = tmp_path / "crawl.warc.gz"
    for name, fetch in (("before", web), ("after", path)):
        write: list[object] = [tmp_path / f"{name}.jsonl", *([path] if fetch is web else [])]
        run(fetch=fetch, write=write, follow="any")
    before, after = (rows_in(tmp_path / f"{name}.jsonl") for name in ("before", "after"))
    assert before == after
    assert sorted(json.loads(line)["error"]["kind"] for line in after if "error" in line) == [
        "dns",
        "timeout",
    ]


def test_rotated_files_are_one_archive(tmp_path: Path) -> None:
    """A template stands for all of them, and a revisit in one is resolved by another."""
    template = tmp_path / "crawl-{n}.warc.gz"
    before = run(fetch=site(), write=Warc(template, rotate=1))
    assert len(list(tmp_path.iterdir())) > 3
    assert counts(run(fetch=str(template))) == counts(before)
    files = sorted(tmp_path.iterdir(), key=lambda path: int(path.name[6:-8]))
    assert counts(run(fetch=Archive(*files))) == counts(before)


def test_what_is_not_in_the_archive_is_a_skip(tmp_path: Path) -> None:
    """Of a reason of its own; it is not asked for again."""
    path = tmp_path / "crawl.warc.gz"
    record(path, max_depth=0)
    report = run(fetch=path, write=tmp_path / "pages.jsonl", seeds=[SITE, f"{SITE}new"], exclude="*")
    assert [row["url"] for row in objects_of(tmp_path / "pages.jsonl")] == [SITE]
    assert report.skipped["not_archived"] == 1
    assert report.retries == 0


def test_forms_are_told_apart_by_what_was_sent(tmp_path: Path) -> None:
    """Of two POST requests to one URL, and a GET, each gets its own answer."""
    web = MemoryWeb()
    web.add(f"{SITE}form", lambda hop: f"<title>{hop.method} {(hop.body or b'').decode()}</title>")
    path = tmp_path / "crawl.warc.gz"
    seeds = [
        Request(f"{SITE}form"),
        Request(f"{SITE}form", method="POST", body=b"a=1"),
        Request(f"{SITE}form", method="POST", body=b"a=2"),
        Request(f"{SITE}form", method="HEAD"),
    ]
    run(seeds=seeds, fetch=web, write=path)
    found: list[str | None] = []

    def parse(page: Page) -> Iterator[dict[str, str]]:
        found.append(page.title)
        yield from ()

    run(seeds=seeds, fetch=path, parse=parse)
    assert sorted(map(str, found)) == ["GET", "None", "POST a=1", "POST a=2"]


def test_a_replayed_response_is_as_it_came(tmp_path: Path) -> None:
    """Fields, version, address, time and what it took are those of the exchange."""
    web = MemoryWeb()
    fields = [
        ("X-Umlaut", "\u00fc"),
        ("Transfer-Encoding", "chunked"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
    ]
    web.add(SITE, "text", headers=fields, delay=2.5)
    path = tmp_path / "crawl.warc.gz"
    pages: list[Page] = []

    def parse(page: Page) -> Iterator[dict[str, str]]:
        pages.append(page)
        yield from ()

    run(fetch=web, parse=parse, write=path)
    run(fetch=path, parse=parse)
    one, two = pages
    assert one.headers == two.headers
    assert (one.fetched_at, one.elapsed) == (two.fetched_at, two.elapsed)
    assert two.elapsed == 2.5
    assert (one.content, one.http_version, one.address) == (two.content, two.http_version, two.address)


def foreign(path: Path, *, packed: bool = True, request_first: bool = False) -> None:
    """Write an archive as another tool would: chunked bodies, and requests after their responses."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=packed, warc_version="1.0")
        writer.write_record(writer.create_warcinfo_record(path.name, {"software": "another"}))
        for method, body in (("GET", b"<title>got</title>"), ("POST", b"<title>posted</title>")):
            head = StatusAndHeaders(
                "200 OK",
                [("Content-Type", "text/html"), ("Transfer-Encoding", "chunked")],
                protocol="HTTP/1.1",
            )
            chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            response = writer.create_warc_record(
                "HTTP://site.test",
                "response",
                payload=io.BytesIO(chunked),
                length=len(chunked),
                http_headers=head,
            )
            sent = b"a=1" * (method == "POST")
            asked = StatusAndHeaders(f"{method} / HTTP/1.1", [("Host", "site.test")], is_http_request=True)
            request = writer.create_warc_record(
                "HTTP://site.test",
                "request",
                payload=io.BytesIO(sent),
                length=len(sent),
                http_headers=asked,
            )
            if request_first:
                response.rec_headers.add_header("WARC-Concurrent-To", request.rec_headers["WARC-Record-ID"])
                writer.write_record(request)
                writer.write_record(response)
            else:
                writer.write_request_response_pair(request, response)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("request_first", [True, False])
def test_archives_of_other_tools_are_read(tmp_path: Path, packed: bool, request_first: bool) -> None:
    """Compressed or not, with chunked bodies, in either order of records, and URLs that are not normal."""
    path = tmp_path / ("other.warc.gz" if packed else "other.warc")
    foreign(path, packed=packed, request_first=request_first)

    def parse(page: Page) -> Iterator[dict[str, str | None]]:
        yield {"title": page.title}

    seeds = ["http://site.test/", Request("http://site.test/", method="POST", body=b"a=1")]
    run(seeds=seeds, fetch=path, parse=parse, write=tmp_path / "titles.jsonl", robots=False)
    assert sorted(row["title"] for row in objects_of(tmp_path / "titles.jsonl")) == ["got", "posted"]


async def test_an_archive_of_wget_is_read(tmp_path: Path) -> None:
    """What wget fetched and archived is crawled again, with the server shut down."""
    program = shutil.which("wget")
    if program is None:
        pytest.skip("wget is not installed: the package of Debian by that name brings it")
    async with serving(site("http://site.test/"), origin="http://site.test") as url:
        command = [program, "-q", "-r", "-l", "3", "-e", "robots=off", "--warc-file=wget", f"{url}/"]
        # Its status tells of the pages that are missing.
        await trio.run_process(command, cwd=tmp_path, check=False)
    path = tmp_path / "wget.warc.gz"
    report = await crawl(f"{url}/", fetch=path, write=tmp_path / "pages.jsonl", robots=False)
    assert counts(report)[2:] == ({"redirects": 1}, {"scope": 1}, 0)
    titles = {row["url"].removeprefix(url): row.get("title") for row in objects_of(tmp_path / "pages.jsonl")}
    assert titles.items() >= {"/": "start", "/one": "one", "/again": "t", "/latin": "\u00fc"}.items()


def test_an_answer_that_nothing_changed_does_not_hide_the_page(tmp_path: Path) -> None:
    """Where a page was asked for again and answered by 304, its earlier answer is replayed."""
    path = tmp_path / "visits.warc.gz"
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True, warc_version="1.1")
        for status, body in (("200 OK", b"<title>got</title>"), ("304 Not Modified", b"")):
            head = StatusAndHeaders(status, [("Content-Type", "text/html")], protocol="HTTP/1.1")
            writer.write_record(
                writer.create_warc_record(
                    SITE, "response", payload=io.BytesIO(body), length=len(body), http_headers=head
                )
            )
    run(fetch=path, robots=False, write=tmp_path / "pages.jsonl")
    (row,) = objects_of(tmp_path / "pages.jsonl")
    assert (row["status"], row["title"]) == (200, "got")


def test_an_archive_without_robots_forbids_nothing(tmp_path: Path) -> None:
    """Where robots.txt was not archived, it is as where there is none: nobody is asked for the pages."""
    path = tmp_path / "other.warc.gz"
    foreign(path)
    run(seeds="http://site.test/", fetch=path, write=tmp_path / "pages.jsonl")
    (row,) = objects_of(tmp_path / "pages.jsonl")
    assert row["title"] == "got"


def test_an_archive_that_is_cut_short_is_used_up_to_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last record of a crawl that was killed is left out, and the log says so."""
    path = tmp_path / "crawl.warc.gz"
    record(path, max_depth=0)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    report = run(fetch=path)
    assert sum(report.failed.values()) + report.pages + sum(report.skipped.values()) == 1
    assert "is cut short: its last record" in caplog.text


def test_a_damaged_record_is_a_failure(tmp_path: Path) -> None:
    """Bytes that can't be read cost their page, and not the crawl."""
    path = tmp_path / "crawl.warc"
    record(path, max_depth=0)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\r\n\r\nHTTP/1.1 200", b"\r\n\r\nGARBAGE! 200"))
    run(fetch=path, write=tmp_path / "pages.jsonl", robots=False)
    (row,) = objects_of(tmp_path / "pages.jsonl")
    assert row["error"]["kind"] == "protocol"
    assert "no response of HTTP" in row["error"]["message"]


def test_a_revisit_of_nothing_is_a_failure(tmp_path: Path) -> None:
    """Where the body that it repeats is in no file, the page fails, and says so."""
    template = tmp_path / "crawl-{n}.warc.gz"
    web = MemoryWeb()
    web.links(SITE, ["/again"])
    web.links(f"{SITE}again", ["/again"])
    run(fetch=web, write=Warc(template, rotate=1), robots=False)
    last = max(tmp_path.iterdir())
    run(seeds=f"{SITE}again", fetch=last, write=tmp_path / "pages.jsonl", robots=False)
    (row,) = objects_of(tmp_path / "pages.jsonl")
    assert row["error"]["kind"] == "protocol"
    assert "says that its body was there before" in row["error"]["message"]


def test_a_large_body_is_a_failure(tmp_path: Path) -> None:
    """Limits hold for what comes from an archive."""
    path = tmp_path / "crawl.warc.gz"
    web = MemoryWeb()
    web.add(SITE, "x" * 2_000_000)
    record(path, web)
    for most in (1000, 1_900_000):
        report = run(fetch=path, max_bytes=most)
        assert dict(report.failed) == {"too_large": 1}


async def test_one_page_is_fetched_from_an_archive(tmp_path: Path) -> None:
    """fetch_page takes an archive as a crawl does."""
    path = tmp_path / "other.warc.gz"
    foreign(path)
    page = await fetch_page("http://site.test/", fetch=path, robots=False)
    assert page.title == "got"
    with pytest.raises(RefusedError, match="is not in the archive") as caught:
        await fetch_page("http://site.test/other", fetch=path, robots=False)
    assert caught.value.reason == "not_archived"


@pytest.mark.parametrize("name", ["none.warc.gz", "none-{n}.warc.gz"])
def test_an_archive_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    """Before the first request, by its name."""
    with pytest.raises(UsageError, match="there is no archive .*none"):
        Archive(tmp_path / name)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    """Another suffix, nothing at all, another kind of file, and a gzip of all records in one."""
    with pytest.raises(UsageError, match="suffix"):
        Archive("crawl.har")
    with pytest.raises(UsageError, match="at least one"):
        Archive()
    path = tmp_path / "crawl.warc.gz"
    for data in (b"something else\r\n\r\n", gzip.compress(_two_records(tmp_path / "plain.warc"))):
        path.write_bytes(data)
        with pytest.raises(UsageError, match="is no archive"):
            run(fetch=path)


def _two_records(path: Path) -> bytes:
    record(path, max_depth=0)
    return path.read_bytes()


async def test_it_serves_one_crawl_at_a_time(tmp_path: Path) -> None:
    """A second crawl is told so, and one that is not open fetches nothing."""
    path = tmp_path / "other.warc.gz"
    foreign(path)
    archive = Archive(path)
    with pytest.raises(trio.BusyResourceError):

        async def parse(_page: Page) -> None:
            await crawl("http://site.test/", fetch=archive, robots=False)

        await crawl("http://site.test/", fetch=archive, parse=parse, parse_errors="raise", robots=False)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """The index has no name: beside the archive there is nothing, during a replay and after it."""
    path = tmp_path / "crawl.warc.gz"
    record(path)
    seen: list[list[str]] = []

    def parse(_page: Page) -> Iterator[dict[str, str]]:
        seen.append([one.name for one in tmp_path.iterdir()])
        yield from ()

    run(fetch=path, parse=parse)
    assert seen
    assert all(names == ["crawl.warc.gz"] for names in seen)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.05, 0.1, 0.2, 0.4])
async def test_a_replay_that_is_cancelled_leaves_nothing(tmp_path: Path, seconds: float) -> None:
    """Neither while it is indexed nor while it answers: no task, thread or descriptor."""
    path = tmp_path / "other.warc.gz"
    foreign(path)
    with path.open("ab") as file:
        file.write(path.read_bytes() * 200)
    async with asserts_no_leaks():
        with trio.move_on_after(seconds):
            await crawl("http://site.test/", fetch=path, write=tmp_path / "pages.jsonl", robots=False)
