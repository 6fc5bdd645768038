"""Archives of strangers: what is in them comes as warcio reads it, and no record ends a crawl."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zlib
from base64 import b32decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from archive_support import DATE, HTML, MORE, archive, page_of, record, replayed, response
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from trio_crawl import Request, UsageError
from trio_crawl._fetch.archive_facts import plain_digest, unchunked
from trio_crawl._fetch.archive_index import Index

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    from backports import zstd

if TYPE_CHECKING:
    from pathlib import Path

A = "http://a.test/"
B = "http://a.test/b"
C = "http://a.test/c"
LINK = b"<a href=/b>b</a><a href=/c>c</a>"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
PROFILES = "http://netpreserve.org/warc/1.1/revisit/"
SHA1 = ("WARC-Payload-Digest", "sha1:VQVZKQZFYVOZGPKP3YHVOAD7Y6FIZ3TS")


def in_chunks(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


# Revisits


@pytest.mark.parametrize("with_block", [True, False])
@pytest.mark.parametrize("coding", ["chunked", "gzip", "plain"])
@pytest.mark.parametrize("suffix", [".warc", ".warc.gz"])
def test_a_revisit_of_warcio_has_the_body_that_warcio_reads(
    tmp_path: Path, suffix: str, coding: str, with_block: bool
) -> None:
    """The original's, without its framing; with a head of its own, or else the original's."""
    body = b"<title>The body</title>" * 30
    sent = {"chunked": in_chunks(body), "gzip": gzip.compress(body), "plain": body}[coding]
    fields = [("Content-Type", "text/html"), ("X-Of", "original")]
    fields += {"chunked": [("Transfer-Encoding", "chunked")], "gzip": [("Content-Encoding", "gzip")]}.get(
        coding, []
    )
    path = tmp_path / f"x{suffix}"
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=suffix.endswith("gz"), warc_version="1.1")
        head = StatusAndHeaders("200 OK", fields, protocol="HTTP/1.1")
        first = writer.create_warc_record(
            A, "response", payload=io.BytesIO(sent), length=len(sent), http_headers=head
        )
        writer.write_record(first)
        digest, date = (first.rec_headers[name] for name in ("WARC-Payload-Digest", "WARC-Date"))
        own = StatusAndHeaders(
            "203 Other", [("Content-Type", "text/html"), ("X-Of", "revisit")], protocol="HTTP/1.1"
        )
        writer.write_record(
            writer.create_revisit_record(B, digest, A, date, http_headers=own if with_block else None)
        )
    with path.open("rb") as file:
        expected = next(iter(ArchiveIterator(file))).content_stream().read()
    page = page_of(path, B)
    assert page.content == expected == body
    assert (page.status, page.headers.get("X-Of")) == ((203, "revisit") if with_block else (200, "original"))
    assert page.title.count("The body") == 1 if page.title else False


@pytest.mark.parametrize(
    "refers",
    [
        [("WARC-Payload-Digest", SHA1[1].lower())],
        [("WARC-Payload-Digest", "SHA1:" + SHA1[1][5:])],
        [("WARC-Payload-Digest", SHA1[1][5:])],
        [("WARC-Payload-Digest", "SHA-1:" + b32decode(SHA1[1][5:]).hex())],
        [("WARC-Refers-To", f"<urn:x:{A}>")],
        [("WARC-Refers-To-Target-URI", A), ("WARC-Refers-To-Date", DATE)],
        [("WARC-Refers-To-Target-URI", A), ("WARC-Refers-To-Date", "2020-01-02T03:04:05.000000Z")],
        [("WARC-Refers-To-Target-URI", "HTTP://A.test:80")],
        [("WARC-Payload-Digest", "sha1:ANOTHER"), ("WARC-Refers-To", f"<urn:x:{A}>")],
    ],
)
def test_a_revisit_finds_its_original(tmp_path: Path, refers: list[tuple[str, str]]) -> None:
    """By the digest in whichever form, by the record alone, or by the URL, with its date or without."""
    other = response("http://a.test/x", b"another", date="2021-01-01T00:00:00Z")
    original = response(A, b"the body", SHA1)
    path = archive(tmp_path / "x.warc", original, other, record("revisit", B, HTML, *refers))
    assert page_of(path, B).content == b"the body"


@pytest.mark.parametrize("block", [b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", b""])
@pytest.mark.parametrize("url", [A, B])
def test_a_page_that_was_not_modified_is_the_one_before(tmp_path: Path, url: str, block: bytes) -> None:
    """Of its own URL, or of the one that is referred to; the answer is not that nothing changed."""
    fields = [("WARC-Profile", f"{PROFILES}server-not-modified"), ("WARC-Refers-To-Target-URI", A)]
    revisit = record("revisit", url, block, *fields, ("WARC-Refers-To-Date", DATE), id_="r")
    page = page_of(archive(tmp_path / "x.warc.gz", response(A, b"<title>Old</title>"), revisit), url)
    assert (page.status, page.title) == (200, "Old")


def test_revisits_that_go_round_are_a_failure(tmp_path: Path) -> None:
    """Of itself, of each other, and of nothing: each is a failure that says so, and the others are read."""
    revisits = [
        record("revisit", A, HTML, ("WARC-Refers-To", f"<urn:x:{A}>")),
        record("revisit", B, HTML, ("WARC-Refers-To", f"<urn:x:{C}>")),
        record("revisit", C, b"", ("WARC-Refers-To", f"<urn:x:{B}>")),
    ]
    path = archive(tmp_path / "x.warc", *revisits)
    _, report = replayed(path, [A, B, C])
    assert dict(report.failed) == {"protocol": 3}


# Fields, types, dates


@pytest.mark.parametrize(
    ("date", "moment"),
    [
        ("2020", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-03", datetime(2020, 3, 1, tzinfo=UTC)),
        ("2020-03-04", datetime(2020, 3, 4, tzinfo=UTC)),
        ("2020-03-04T05:06Z", datetime(2020, 3, 4, 5, 6, tzinfo=UTC)),
        ("2020-03-04T05:06:07", datetime(2020, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2020-03-04 05:06:07Z", datetime(2020, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("20200304050607", datetime(2020, 3, 4, 5, 6, 7, tzinfo=UTC)),
        ("2020-03-04T05:06:07.123456789Z", datetime(2020, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)),
        ("2020-03-04T05:06:60Z", datetime(2020, 3, 4, 5, 6, 59, tzinfo=UTC)),
        ("2020-03-04T05:06:07+02:00", datetime(2020, 3, 4, 3, 6, 7, tzinfo=UTC)),
        ("2020-03-04t05:06:07-0230", datetime(2020, 3, 4, 7, 36, 7, tzinfo=UTC)),
        ("0001-01-01T00:00:00+23:59", datetime(1900, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-23:59", datetime(9999, 12, 30, tzinfo=UTC)),
        ("123456-01-01T00:00:00Z", datetime(9999, 12, 30, tzinfo=UTC)),
        # What is none is that of the record before.
        ("yesterday", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2020-13-45T99:99:99Z", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (None, datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_a_date_is_read_in_whichever_form(tmp_path: Path, date: str | None, moment: datetime) -> None:
    """Coarse, without a zone, far, or missing: a moment that rows can hold, in UTC."""
    path = archive(tmp_path / "x.warc", response(A), response(B, date=date))
    assert page_of(path, B).fetched_at == moment


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1960", None])
@pytest.mark.parametrize("output", ["x.jsonl", "x.tsv", "x.sqlite", "x.parquet", "again.warc", "mirror/"])
def test_every_output_takes_a_date(tmp_path: Path, output: str, date: str | None) -> None:
    """However far it is, with a long time that the exchange took, and with a state."""
    took = record("metadata", A, b"fetchTimeMs: 1e300\r\n", ("WARC-Concurrent-To", f"<urn:x:{A}>"), id_="m")
    path = archive(tmp_path / "x.warc", response(A, date=date), took)
    target = f"{tmp_path}/{output}"
    _, report = replayed(path, [A], write=target, state=tmp_path / "x.db", max_depth=0)
    assert report.pages == 1


@pytest.mark.parametrize("told", ["nan", "inf", "-1e300", "-5000", "x", ""])
def test_a_time_that_is_none_is_zero(tmp_path: Path, told: str) -> None:
    """What an exchange took is a number of seconds, or not known."""
    block = f"fetchTimeMs: {told}\r\n".encode()
    took = record("metadata", A, block, ("WARC-Concurrent-To", f"<urn:x:{A}>"), id_="m")
    assert page_of(archive(tmp_path / "x.warc", response(A), took), A).elapsed == 0


def test_a_resource_is_a_page(tmp_path: Path) -> None:
    """Of an http URL: with status 200, and the type of the record; of another scheme it is none."""
    page_type = ("Content-Type", "text/html; charset=latin-1")
    one = record("resource", A, "<title>\u00fc</title>".encode("latin-1"), page_type)
    two = record("resource", "file:///etc/passwd", b"x", page_type)
    page = page_of(archive(tmp_path / "x.warc.gz", two, one), A)
    assert (page.status, page.title, page.content_type) == (200, "\u00fc", "text/html")


def test_fields_are_read_in_whichever_form(tmp_path: Path) -> None:
    """Types in upper case, folded fields, brackets around a URL, several records of one exchange."""
    asked = record(
        "REQUEST", "<http://a.test/form>", b"POST /form HTTP/1.1\r\n\r\na=1", id_="q", date=None
    ).replace(b"WARC-Type", b"warc-TYPE")
    fields = [("WARC-Concurrent-To", "<urn:x:m>"), ("WARC-Concurrent-To", "\r\n\t<urn:x:q>")]
    answer = record("Response", "<http://a.test/form>", HTML + b"posted", *fields, id_="r")
    plain = response("http://a.test/form", b"got")
    path = archive(tmp_path / "x.warc", asked, plain, answer)
    assert page_of(path, Request("http://a.test/form", method="POST", body=b"a=1")).content == b"posted"
    assert page_of(path, "http://a.test/form").content == b"got"


@pytest.mark.parametrize(
    ("order", "concurrent"),
    [
        *(("request first", True), ("response first", True), ("far behind", True)),
        *(
            ("request first", False),
            ("response first", False),
        ),  # nothing else says what belongs together
    ],
)
def test_forms_are_told_apart_whoever_wrote_them(tmp_path: Path, order: str, concurrent: bool) -> None:
    """By the records that name each other, wherever they are; else by those that stand together."""
    pairs = []
    for body in (b"a=1", b"a=2"):
        name = body.decode()
        fields = [("WARC-Concurrent-To", f"<urn:x:{name}>")] * concurrent
        head = b"POST /form HTTP/1.1\r\nContent-Type: x\r\n\r\n"
        asked = record("request", f"{A}form", head + body, *fields, id_=f"q{name}")
        pairs.append((asked, response(f"{A}form", b"to " + body, id_=name)))
    if order == "far behind":
        records = [answer for _, answer in pairs] + [response(A)] + [asked for asked, _ in pairs]
    else:
        records = [one for pair in pairs for one in (pair if order == "request first" else pair[::-1])]
    path = archive(tmp_path / "x.warc.gz", *records)
    for body in (b"a=1", b"a=2"):
        assert page_of(path, Request(f"{A}form", method="POST", body=body)).content == b"to " + body


def test_a_large_form_is_known_by_its_digest(tmp_path: Path) -> None:
    """However large: no more than a piece of it is in memory; sent in chunks, it is the same form."""
    body = b"x" * 3_000_000
    head = b"POST /form HTTP/1.1\r\n\r\n"
    asked = record("request", f"{A}form", head + body, ("WARC-Concurrent-To", f"<urn:x:{A}form>"), id_="q")
    small = b"POST /form HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + in_chunks(b"a=1")
    chunked = record("request", f"{A}form", small, ("WARC-Concurrent-To", "<urn:x:r2>"), id_="q2")
    path = archive(
        tmp_path / "x.warc.gz",
        asked,
        response(f"{A}form", b"large"),
        chunked,
        response(f"{A}form", b"small", id_="r2"),
    )
    assert page_of(path, Request(f"{A}form", method="POST", body=body)).content == b"large"
    assert page_of(path, Request(f"{A}form", method="POST", body=b"a=1")).content == b"small"


# Bodies


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"<title>Plain</title>"),
        ("br", b"<title>Plain</title>"),
        ("deflate", b"<title>Plain</title>"),
        ("zstd", b"<title>Plain</title>"),
        ("x-gzip", b"<title>Plain</title>"),
        ("gzip", gzip.compress(b"<title>Plain</title>", mtime=0)),
        ("zstd", zstd.compress(b"<title>Plain</title>")),
        ("deflate", zlib.compress(b"<title>Plain</title>")),
        ("identity, gzip", gzip.compress(b"<title>Plain</title>", mtime=0)),
        ("none", b"<title>Plain</title>"),
    ],
)
def test_a_coding_that_is_named_may_be_removed_already(tmp_path: Path, coding: str, body: bytes) -> None:
    """As crawlers do that store what they understood; what is still coded is decoded."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\n\r\n".encode()
    assert page_of(archive(tmp_path / "x.warc", response(A, body, head=head)), A).title == "Plain"


@pytest.mark.parametrize(
    "body",
    [
        b"4\r\ntext\r\n0\r\n\r\n",
        b"4;name=value\r\ntext\r\n3\r\nabc\r\n0\r\n\r\n",
        b"4\r\ntext\r\n",
        b"ffff\r\ntext",
        b"not in chunks",
        b"",
        b"4\r\ntext\r\nzz\r\nrest",
        b"fffffffffffffffffffffff\r\nx",
    ],
)
def test_chunks_are_read_as_warcio_reads_them(body: bytes) -> None:
    """Also those that are cut, wrong, or none at all."""
    data = record("response", A, CHUNKED + body)
    assert unchunked(body) == next(iter(ArchiveIterator(io.BytesIO(data)))).content_stream().read()


@pytest.mark.parametrize("suffix", [".warc", ".warc.gz"])
def test_segments_are_one_page(tmp_path: Path, suffix: str) -> None:
    """A record in several parts, which may be in several files, is whole again, its framing removed."""
    block = CHUNKED + in_chunks(b"<title>In parts</title>")
    parts = [block[:70], block[70:90], block[90:]]
    first = record("response", A, parts[0], ("WARC-Segment-Number", "1"), id_="s")
    others = [
        record(
            "continuation",
            A,
            part,
            ("WARC-Segment-Number", str(number)),
            ("WARC-Segment-Origin-ID", "<urn:x:s>"),
            *([("WARC-Segment-Total-Length", str(len(block)))] if number == 3 else []),
            id_=f"s{number}",
        )
        for number, part in ((3, parts[2]), (2, parts[1]))
    ]
    archive(tmp_path / f"x-1{suffix}", first)
    archive(tmp_path / f"x-2{suffix}", *others)
    page = page_of(str(tmp_path / f"x-{{n}}{suffix}"), A)
    assert (page.title, page.truncated) == ("In parts", False)
    archive(tmp_path / f"x-2{suffix}", others[0])
    assert page_of(str(tmp_path / f"x-{{n}}{suffix}"), A).truncated


@pytest.mark.parametrize("reason", ["length", "time", "disconnect", "unspecified"])
def test_what_was_cut_off_is_marked(tmp_path: Path, reason: str) -> None:
    """On the page; what there is of its coding is undone."""
    body = gzip.compress(b"<title>Cut</title>" + bytes(range(256)) * 100)[:-40]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n"
    cut = response(A, body, ("WARC-Truncated", reason), head=head)
    page = page_of(archive(tmp_path / "x.warc.gz", cut, response(B)), A)
    assert (page.title, page.truncated) == ("Cut", True)
    assert not page_of(tmp_path / "x.warc.gz", B).truncated


def test_an_archive_in_zstd_is_read(tmp_path: Path) -> None:
    """Each record a frame, with a dictionary in a frame before them, compressed or not, or without one."""
    records = [response(A, LINK), response(B, b"<title>B</title>"), response(C, b"<title>C</title>" * 1000)]
    archive(tmp_path / "plain.warc.zst", *records)
    samples = [response(f"{A}{number}", b"<title>Some page</title>") for number in range(2000)]
    dictionary = zstd.train_dict(samples, 4000)
    for packed in (True, False):
        data = zstd.compress(dictionary.dict_content) if packed else dictionary.dict_content
        frames = [b"\x5d\x2a\x4d\x18", len(data).to_bytes(4, "little"), data]
        frames += [zstd.compress(one, zstd_dict=dictionary) for one in records]
        (tmp_path / f"{packed}.warc.zst").write_bytes(b"".join(frames))
    for name in ("plain", "True", "False"):
        pages, report = replayed(tmp_path / f"{name}.warc.zst", [A])
        assert [page.title for page in pages] == [None, "B", "C"]
        assert report.bad_records == 0


# Records that are bad


@pytest.mark.parametrize("suffix", MORE)
@pytest.mark.parametrize("length", ["", "x", -5, 10_000, 20, 0, "99999999999999999999", "+4", "1_0"])
def test_a_bad_length_costs_its_record(tmp_path: Path, suffix: str, length: object) -> None:
    """And no other; the report says how many are bad, and where."""
    bad = response(B, b"<p>" + b"y" * 500, length=length)
    path = archive(tmp_path / f"x{suffix}", response(A, LINK), bad, response(C, b"<title>C</title>"))
    pages, report = replayed(path, [A])
    assert [page.url for page in pages] == [A, C]
    assert dict(report.skipped) == {"not_archived": 1}
    offset = len(MORE[suffix](response(A, LINK)))
    assert report.bad_records == 1
    assert f"{path} at {offset:,}: " in report.bad_places[0]
    assert "bad records" in str(report)


@pytest.mark.parametrize("suffix", [".warc.gz", ".warc.zst"])
def test_damaged_bytes_cost_their_record(tmp_path: Path, suffix: str) -> None:
    """In the middle of a member: the next one is found again."""
    path = archive(
        tmp_path / f"x{suffix}", response(A, LINK), response(B, bytes(range(256)) * 9), response(C)
    )
    data = bytearray(path.read_bytes())
    at = len(MORE[suffix](response(A, LINK)))
    data[at + 30 : at + 60] = b"\xff" * 30
    path.write_bytes(data)
    pages, report = replayed(path, [A])
    assert [page.url for page in pages] == [A, C]
    assert report.bad_records == 1


@pytest.mark.parametrize("suffix", MORE)
def test_what_is_no_record_is_passed_over(tmp_path: Path, suffix: str) -> None:
    """Between records, and behind them; the record before is whole."""
    pack = MORE[suffix]
    good = [pack(response(url, LINK)) for url in (A, B, C)]
    path = tmp_path / f"x{suffix}"
    path.write_bytes(good[0] + b"garbage\r\n" * 9 + good[1] + pack(b"WARC/x\r\n\r\n") + good[2] + b"junk")
    pages, report = replayed(path, [A])
    assert [page.url for page in pages] == [A, B, C]
    assert report.bad_records >= 2


def test_a_record_within_a_body_is_none(tmp_path: Path) -> None:
    """Where lengths are right nobody looks into bodies: a server can't put words into others' mouths."""
    forged = response(B, b"<title>Forged</title>")
    path = archive(tmp_path / "x.warc", response(A, LINK + b"\r\n\r\n" + forged), response(C))
    pages, report = replayed(path, [A])
    assert [page.url for page in pages] == [A, C]
    assert report.bad_records == 0


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(response(A) + response(B), mtime=0),
        b"WARC",
        b"WARC/1.0\r\n" * 2000,
        bytes(range(256)) * 40,
        zstd.compress(b"no record"),
        b"\x5d\x2a\x4d\x18\x10\x00\x00\x00" + b"\x28\xb5\x2f\xfd" * 4,
    ],
)
def test_what_has_no_record_is_no_archive(tmp_path: Path, data: bytes) -> None:
    """It is told so before the first request; but where it ends in the first record, that is all there is."""
    path = tmp_path / "x.warc.gz"
    path.write_bytes(data)
    if data == b"WARC":
        assert replayed(path, [A])[1].bad_records == 1
        return
    with pytest.raises(UsageError, match="is no archive"):
        replayed(path, [A])


def bomb(head: bytes, fill: bytes, size: int = 32 * 1024 * 1024) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(head + fill * (size // len(fill))) + packer.compress(b"\r\n\r\n") + packer.flush()


@pytest.mark.parametrize(
    "packed",
    [
        bomb(
            record("metadata", A, b"", ("WARC-Concurrent-To", "<urn:x:q>"), length=1 << 40)[:-4], b"a" * 4096
        ),
        bomb(record("metadata", A, b"", length=32 << 20)[:-4], b"a: b\r\n" * 4096),
        bomb(record("request", A, b"", length=32 << 20)[:-4], b"POST " * 4096),
        bomb(record("response", B, b"", length=32 << 20)[:-4], b"HTTP/1.1 200 OK\r\n"),
        bomb(b"WARC/1.1\r\nX-Long: ", b"a" * 4096),
        bomb(b"WARC/1.1\r\n", b"a: b\r\n" * 4096),
        bomb(b"WARC/1.1", b" " * 4096),
        bomb(b"\r\n", b"\r\n" * 4096),
    ],
)
def test_what_unfolds_takes_no_memory(tmp_path: Path, packed: bytes) -> None:
    """Neither in a block, nor in a line, nor in lines: pieces of it are read."""
    path = tmp_path / "x.warc.gz"
    path.write_bytes(gzip.compress(response(A)) + packed + gzip.compress(response(C)))
    index = Index([path])
    tracemalloc.start()
    try:
        for _ in index.build():
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        index.close()
    assert peak < 8 * 1024 * 1024
    assert [page.url for page in replayed(path, [A, C], max_bytes=1000)[0]] == [A, C]


@pytest.mark.parametrize("status", [b"000", b"100", b"199", b"x", b""])
def test_a_status_that_is_none_is_a_failure(tmp_path: Path, status: bytes) -> None:
    """Of that page, and the crawl goes on."""
    head = b"HTTP/1.1 " + status + b" OK\r\n\r\n"
    _, report = replayed(archive(tmp_path / "x.warc", response(A, head=head), response(B)), [A, B])
    assert (dict(report.failed), report.pages) == ({"protocol": 1}, 1)


def test_nothing_of_a_record_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither by us nor by a library: a URL may hold what a terminal obeys."""
    odd = response(f"{A} \x1b]0;pwned\x07\x1b[2J")
    path = archive(tmp_path / "x.warc", response(A, b"x", ("WARC-IP-Address", "\x1b]0;pwned\x07")), odd)
    page = page_of(path, A)
    assert page.address == ""
    assert "pwned" not in "".join(capfd.readouterr())


# What is not there


def test_what_is_not_there_says_nothing_of_its_host(tmp_path: Path) -> None:
    """However much is missing: it is skipped, without a second request, and what is there is read."""
    links = b"".join(b"<a href=/absent%d>x</a>" % number for number in range(40))
    path = archive(tmp_path / "x.warc.gz", response(A, links + LINK), response(B), response(C))
    again = tmp_path / "again.warc.gz"
    _, report = replayed(path, [A], write=[tmp_path / "x.jsonl", again], state=tmp_path / "x.db")
    assert (report.pages, dict(report.skipped), report.retries) == (3, {"not_archived": 40}, 0)
    assert not report.failed
    assert replayed(again, [A])[1].skipped == {"not_archived": 40}


def test_what_was_not_there_is_asked_for_again(tmp_path: Path) -> None:
    """With ``retry_failed``, from an archive that has it."""
    path = archive(tmp_path / "x.warc.gz", response(A, LINK))
    keywords: dict[str, Any] = {"write": tmp_path / "x.jsonl", "state": tmp_path / "x.db"}
    assert replayed(path, [A], **keywords)[1].skipped == {"not_archived": 2}
    archive(tmp_path / "y.warc.gz", response(B), response(C))
    report = replayed(tmp_path / "y.warc.gz", [A], retry_failed=True, **keywords)[1]
    assert (report.pages, dict(report.skipped)) == (3, {})


def test_a_host_that_failed_is_not_given_up(tmp_path: Path) -> None:
    """What was recorded of it, twenty times 500, says nothing of what else the archive has."""
    links = b"".join(b"<a href=/%d>x</a>" % number for number in range(20)) + LINK
    head = b"HTTP/1.1 500 Oops\r\n\r\n"
    failing = [response(f"{A}{number}", head=head) for number in range(20)]
    path = archive(tmp_path / "x.warc.gz", response(A, links), *failing, response(B), response(C))
    _, report = replayed(path, [A])
    assert (report.pages, dict(report.skipped)) == (23, {})


def test_a_miss_is_counted_in_the_report_as_json(tmp_path: Path) -> None:
    """Of the command line's report."""
    report = replayed(archive(tmp_path / "x.warc", response(A, LINK)), [A])[1]
    assert json.dumps(dict(report.skipped)) == '{"not_archived": 2}'
    assert "not_archived: 2" in str(report)


@pytest.mark.parametrize(
    ("one", "two"),
    [("sha1:abc", "SHA1:ABC"), ("abc", "sha1:ABC"), ("sha-256:ab", "sha256:AB"), (" md5:x ", "md5:X")],
)
def test_digests_are_compared_without_case(one: str, two: str) -> None:
    """A digest without a name is a SHA-1."""
    assert plain_digest(one) == plain_digest(two)
    assert plain_digest("") is plain_digest(None) is None
