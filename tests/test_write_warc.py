"""The writer of archives."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from crawl_support import SITE, virtual
from fastwarc.warc import ArchiveIterator as FastIterator
from trio.testing import MockClock
from warcio.archiveiterator import ArchiveIterator

from trio_crawl import Request, UsageError, crawl
from trio_crawl.testing import MemoryWeb, check_writer
from trio_crawl.writers import Warc

if TYPE_CHECKING:
    from collections.abc import Iterator


def records(path: Path) -> list[Any]:
    """Return the records of an archive, read by warcio, each with its block as ``block``."""
    if not path.exists() or not path.stat().st_size:
        return []
    found = []
    with path.open("rb") as file:
        for record in ArchiveIterator(file, no_record_parse=True):
            record.block = record.raw_stream.read()
            found.append(record)
    return found


def of_kind(path: Path, kind: str) -> list[Any]:
    return [record for record in records(path) if record.rec_type == kind]


def told(record: Any, name: str) -> str:  # noqa: ANN401 - warcio has no types
    value = record.rec_headers.get_header(name)
    assert value is not None, name
    return str(value)


def pages_in(path: Path) -> list[str]:
    """Return the URLs of which the archive says what became of them, in order."""
    return [told(one, "WARC-Target-URI") for one in of_kind(path, "metadata") if b"\noutcome: " in one.block]


def parts(path: Path) -> list[Path]:
    return sorted(path.parent.glob("output-*.warc.gz"), key=lambda one: int(one.stem[7:-5]))


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def check(*paths: Path) -> None:
    """Let warcio check the digests, by its command."""
    program = str(Path(sys.executable).with_name("warcio"))
    found = subprocess.run(  # noqa: S603 - it is installed beside this Python
        [program, "check", *map(str, paths)], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


def site() -> MemoryWeb:
    """Return pages of which two are the same, one redirects, one fails, and one is coded."""
    web = MemoryWeb()
    web.robots(SITE, "User-agent: *\nDisallow: /secret\n")
    web.links(SITE, ["/same", "/again", "/moved", "/broken", "/packed", "/empty", "/secret", "/known"])
    web.add(f"{SITE}same", "the same text")
    web.add(f"{SITE}again", "the same text")
    web.add(f"{SITE}moved", "see the target", redirect="/target", headers=[("X-Umlaut", "\u00fc")])
    web.add(f"{SITE}known", "see the same", redirect="/same")
    web.add(f"{SITE}target", "here")
    web.add(f"{SITE}broken", failure="protocol")
    web.add(f"{SITE}packed", "text " * 100, coding="gzip", headers=[("Transfer-Encoding", "chunked")])
    web.add(f"{SITE}empty", "")
    return web


async def archive(path: Path, web: MemoryWeb | None = None, **keywords: Any) -> None:  # noqa: ANN401 - of crawl()
    await crawl(SITE, fetch=web or site(), write=path, delay=0, retries=0, **keywords)


@virtual
async def test_every_exchange_is_in_the_archive(tmp_path: Path) -> None:
    """robots.txt, redirects to known pages and others, repeated bodies and failures: each has its records."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    kinds: dict[str, list[str]] = {}
    for record in records(path)[1:]:
        kinds.setdefault(record.rec_type, []).append(told(record, "WARC-Target-URI").removeprefix(SITE))
    answered = ["", "again", "empty", "known", "moved", "packed", "robots.txt", "same", "target"]
    assert sorted(kinds["request"]) == answered
    assert sorted(kinds["response"] + kinds["revisit"]) == answered
    assert len(kinds["revisit"]) == 1
    assert sorted(kinds["metadata"]) == sorted([*answered, "broken"])
    assert sorted(pages_in(path)) == [
        f"{SITE}{name}" for name in ("", "again", "broken", "empty", "packed", "same", "target")
    ]


@virtual
async def test_an_archive_begins_with_what_it_is(tmp_path: Path) -> None:
    """The first record is a warcinfo, which names the software, the file and the format."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    first = records(path)[0]
    assert first.rec_type == "warcinfo"
    assert told(first, "WARC-Filename") == "crawl.warc.gz"
    assert b"software: trio-crawl/" in first.block
    assert b"format: WARC File Format 1.1" in first.block


@virtual
async def test_a_repeated_body_is_a_revisit_of_the_first(tmp_path: Path) -> None:
    """A revisit has the head alone, the same payload digest, and says which record it repeats."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    (revisit,) = of_kind(path, "revisit")
    (original,) = [
        one
        for one in of_kind(path, "response")
        if told(one, "WARC-Record-ID") == told(revisit, "WARC-Refers-To")
    ]
    assert revisit.block.endswith(b"\r\n\r\n")
    assert told(revisit, "WARC-Profile").endswith("/warc/1.1/revisit/identical-payload-digest")
    assert told(revisit, "WARC-Payload-Digest") == told(original, "WARC-Payload-Digest")
    assert told(revisit, "WARC-Refers-To-Target-URI") == told(original, "WARC-Target-URI")
    assert told(revisit, "WARC-Refers-To-Date") == told(original, "WARC-Date")


@virtual
async def test_bodies_are_content_coded_and_without_transfer_coding(tmp_path: Path) -> None:
    """A body in gzip stays so, and what said that it came in chunks is renamed."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    (packed,) = [one for one in of_kind(path, "response") if told(one, "WARC-Target-URI").endswith("packed")]
    head, _, body = packed.block.partition(b"\r\n\r\n")
    assert gzip.decompress(body) == b"text " * 100
    assert b"Content-Encoding: gzip" in head
    assert b"\r\nX-Crawler-Transfer-Encoding: chunked" in head
    assert b"\r\nTransfer-Encoding" not in head


@virtual
async def test_header_fields_are_as_they_came(tmp_path: Path) -> None:
    """A field that is not ASCII has the bytes that were sent."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    (moved,) = [one for one in of_kind(path, "response") if told(one, "WARC-Target-URI").endswith("moved")]
    assert moved.block.startswith(b"HTTP/1.1 302 Found\r\n")
    assert b"\r\nX-Umlaut: \xfc\r\n" in moved.block


@virtual
async def test_a_failure_says_why_there_is_no_response(tmp_path: Path) -> None:
    """A URL that failed has a metadata record, of which hop and of which kind it was."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    (broken,) = [one for one in of_kind(path, "metadata") if told(one, "WARC-Target-URI").endswith("broken")]
    lines = broken.block.decode().splitlines()
    assert lines[0].startswith("failure: protocol: ")
    assert f"via: {SITE}" in lines
    assert "hopsFromSeed: L" in lines
    assert lines[-1].startswith("outcome: failed: protocol: ")


@virtual
async def test_a_host_without_an_address_is_in_the_archive(tmp_path: Path) -> None:
    """A seed whose host is not known has its failure, and so has the robots.txt that was looked for."""
    path = tmp_path / "crawl.warc.gz"
    await crawl("http://nowhere.test/", fetch=MemoryWeb(), write=path, delay=0, retries=0)
    found = [(told(one, "WARC-Target-URI"), one.block.split(b":")[1]) for one in of_kind(path, "metadata")]
    assert sorted(found) == [("http://nowhere.test/", b" dns"), ("http://nowhere.test/robots.txt", b" dns")]


@virtual
async def test_retries_are_in_the_archive(tmp_path: Path) -> None:
    """Each of the requests for a page that answers with an error has its response."""
    web = MemoryWeb()
    web.add(SITE, "busy", status=503)
    path = tmp_path / "crawl.warc.gz"
    await crawl(SITE, fetch=web, write=path, delay=0, retries=2)
    asked = [told(one, "WARC-Target-URI") for one in of_kind(path, "request")]
    assert asked.count(SITE) == 3
    assert pages_in(path) == [SITE]


@virtual
async def test_sitemaps_are_in_the_archive(tmp_path: Path) -> None:
    """What is read and is no page, and a probe for pages that do not exist, are exchanges like others."""
    web = MemoryWeb()
    web.robots(SITE, f"Sitemap: {SITE}map.xml\nSitemap: {SITE}none.xml\n")
    web.add(f"{SITE}map.xml", f"<urlset><url><loc>{SITE}only</loc></url></urlset>", content_type="text/xml")
    web.links(SITE, [f"/{number}" for number in range(30)])
    path = tmp_path / "crawl.warc.gz"
    await archive(path, web, sitemaps=True)
    asked = {told(one, "WARC-Target-URI") for one in of_kind(path, "request")}
    assert asked == {exchange.url for exchange in web.requests}
    assert {f"{SITE}map.xml", f"{SITE}none.xml", f"{SITE}only"} <= asked
    assert not {f"{SITE}map.xml", f"{SITE}none.xml"} & set(pages_in(path))


@virtual
async def test_a_large_response_on_the_way_is_not_held(tmp_path: Path) -> None:
    """A redirect with a large body is written once, though its page comes later."""
    web = MemoryWeb()
    web.add(SITE, "x" * 100_000, status=302, redirect="/target")
    web.add(f"{SITE}target", "here")
    path = tmp_path / "crawl.warc.gz"
    await archive(path, web)
    kinds = Counter(told(one, "WARC-Target-URI") for one in of_kind(path, "response"))
    assert kinds == {f"{SITE}robots.txt": 1, SITE: 1, f"{SITE}target": 1}
    assert pages_in(path) == [f"{SITE}target"]


@virtual
async def test_requests_are_as_sent_but_for_secrets(tmp_path: Path) -> None:
    """Method, target, host, fields and body are there; credentials and cookies only if asked for."""
    for secrets in (False, True):
        web = MemoryWeb()
        web.add(f"{SITE}form?a=1", "taken")
        path = tmp_path / f"{secrets}.warc"
        await crawl(
            Request(f"{SITE}form?a=1", method="POST", body=b"name=value", headers=(("X-Own", "1"),)),
            fetch=web,
            write=Warc(path, secrets=secrets),
            auth={SITE: ("user", "password")},
            cookies={"site.test": {"session": "3f9a"}},
            delay=0,
        )
        (posted,) = [
            one for one in of_kind(path, "request") if not told(one, "WARC-Target-URI").endswith(".txt")
        ]
        head, _, body = posted.block.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[:2] == [b"POST /form?a=1 HTTP/1.1", b"Host: site.test"]
        assert b"X-Own: 1" in lines
        assert b"Content-Length: 10" in lines
        assert body == b"name=value"
        assert (b"Cookie: session=3f9a" in lines) is secrets
        assert any(line.startswith(b"Authorization: Basic ") for line in lines) is secrets


@virtual
async def test_other_tools_read_it(tmp_path: Path) -> None:
    """The check of warcio finds nothing wrong, and fastwarc reads the same records, digests verified."""
    packed, plain = tmp_path / "crawl.warc.gz", tmp_path / "crawl.warc"
    await archive(packed)
    await archive(plain)
    check(packed, plain)
    for path in (packed, plain):
        with path.open("rb") as file:
            found = [
                (record.headers["WARC-Type"], record.record_id, record.verify_block_digest())
                for record in FastIterator(file, parse_http=False)
            ]
        ids = [told(one, "WARC-Record-ID") for one in records(path)]
        assert [(id_, good) for _, id_, good in found] == [(id_, True) for id_ in ids]
        assert {kind for kind, _, _ in found} == {"warcinfo", "request", "response", "revisit", "metadata"}


@virtual
async def test_each_record_is_a_gzip_member(tmp_path: Path) -> None:
    """What stands at the offset of a record can be read alone."""
    path = tmp_path / "crawl.warc.gz"
    await archive(path)
    data = path.read_bytes()
    offsets = []
    with path.open("rb") as file:
        iterator = ArchiveIterator(file)
        offsets = [iterator.get_record_offset() for _ in iterator]
    assert len(offsets) == len(set(offsets))
    for offset in offsets:
        (first, *_) = ArchiveIterator(io.BytesIO(data[offset:]))
        assert told(first, "WARC-Type")


@virtual
async def test_large_archives_are_rotated(tmp_path: Path) -> None:
    """A file that is full is followed by another; each begins with a warcinfo, and is checked by itself."""
    await crawl(SITE, fetch=site(), write=Warc(tmp_path / "crawl-{n}.warc.gz", rotate=1), delay=2, retries=0)
    paths = files_in(tmp_path)
    assert len(paths) > 4
    assert paths[0].name == "crawl-1.warc.gz"
    check(*paths)
    for path in paths:
        assert [one.rec_type for one in records(path)].count("warcinfo") == 1
        assert told(records(path)[0], "WARC-Filename") == path.name
    assert sorted(url for path in paths for url in pages_in(path)) == sorted(
        f"{SITE}{name}" for name in ("", "again", "broken", "empty", "packed", "same", "target")
    )


def test_two_crawls_on_a_virtual_clock_write_the_same_bytes(tmp_path: Path) -> None:
    """Neither ids nor dates depend on chance."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        go = partial(archive, tmp_path / name / "crawl.warc.gz")
        trio.run(go, clock=MockClock(autojump_threshold=0))
    one, two = (sorted(records(tmp_path / name / "crawl.warc.gz"), key=by_id) for name in ("one", "two"))
    assert [record.block for record in one] == [record.block for record in two]


def by_id(record: Any) -> str:  # noqa: ANN401 - warcio has no types
    return told(record, "WARC-Record-ID")


def test_it_keeps_what_writers_promise(tmp_path: Path) -> None:
    """One file: resumed from each position, after a kill and a cancellation, each page is there once."""
    check_writer(
        lambda path: Warc(path.with_suffix(".warc.gz")),
        lambda path: pages_in(path.with_suffix(".warc.gz")),
        tmp_path,
        of_users=False,
    )


def test_rotated_files_keep_what_writers_promise(tmp_path: Path) -> None:
    """Numbered files: the same, and those behind the position are removed."""
    check_writer(
        lambda path: Warc(path.with_name("output-{n}.warc.gz"), rotate=2000),
        lambda path: [url for one in parts(path) for url in pages_in(one)],
        tmp_path,
        of_users=False,
    )


def resumed(folder: Path) -> Iterator[Path]:
    """Yield the archive of a crawl that was stopped after some pages and gone on with, again and again."""
    path = folder / "crawl.warc.gz"
    for most in (2, 4, 100):
        go = partial(archive, path, state=folder / "crawl.db", max_pages=most)
        trio.run(go, clock=MockClock(autojump_threshold=0))
        yield path


def test_bodies_are_known_after_a_resume(tmp_path: Path) -> None:
    """What is written in a later run is a revisit of what an earlier one wrote."""
    web = MemoryWeb()
    for number in range(4):
        web.links(f"{SITE}{number or ''}", [f"/{number + 1}"] if number < 3 else [], title="same")
        web.add(f"{SITE}{number or ''}", f"<a href=/{number // 9 + 1}>to 1</a>")
    web.links(SITE, ["/1", "/2", "/3"])
    path = tmp_path / "crawl.warc.gz"
    for most in (2, 100):
        go = partial(archive, path, web, state=tmp_path / "crawl.db", max_pages=most)
        trio.run(go, clock=MockClock(autojump_threshold=0))
    pages = [one for one in records(path) if told(one, "WARC-Type") in {"response", "revisit"}]
    kinds = [one.rec_type for one in pages if not told(one, "WARC-Target-URI").endswith(".txt")]
    assert kinds == ["response", "response", "revisit", "revisit"]
    check(path)


def test_a_resumed_archive_has_each_page_once(tmp_path: Path) -> None:
    """However often the crawl is stopped, each page's response is in the archive once."""
    for path in resumed(tmp_path):
        check(path)
    urls = Counter(pages_in(path))
    assert set(urls.values()) == {1}
    assert len(urls) == 7


@pytest.mark.parametrize(
    "name", ["crawl.gz", "crawl.warc.zst", "{n}/crawl.warc.gz", "{n}{n}.warc.gz", "a\0.warc"]
)
def test_paths_that_are_none_are_refused(name: str) -> None:
    """The suffix says that it is an archive, and a number stands in the file's name, once."""
    with pytest.raises(UsageError):
        Warc(name)


def test_a_file_that_never_fills_is_refused() -> None:
    """A size of nothing would make no sense."""
    with pytest.raises(UsageError, match="rotate"):
        Warc("crawl-{n}.warc.gz", rotate=0)


def test_a_numbered_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    """Any part that holds something is in the way, unless it is to be replaced."""
    (tmp_path / "crawl-3.warc.gz").write_bytes(b"something")
    with pytest.raises(UsageError, match="crawl-3.warc.gz exists"):
        Warc(tmp_path / "crawl-{n}.warc.gz").check()
    Warc(tmp_path / "crawl-{n}.warc.gz", overwrite=True).check()
