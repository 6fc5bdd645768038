"""Exchanges as records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from trio_crawl import Headers, Hop, Response
from trio_crawl._write.warc_records import (
    Original,
    began,
    date_of,
    digest,
    metadata,
    request,
    response,
    warcinfo,
)
from trio_crawl.abc import Exchange
from trio_crawl.testing._outcomes import failure_of

URL = "http://site.test/a?b=1"
DATE = "2026-01-02T03:04:05.000000Z"


def parts(data: bytes) -> tuple[list[str], bytes]:
    """Return the fields of a record, and its block."""
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    length = next(int(line.split(": ")[1]) for line in lines if line.startswith("Content-Length: "))
    assert rest[length:] == b"\r\n\r\n"
    return lines, rest[:length]


def test_a_date_is_in_utc_to_the_microsecond() -> None:
    """Whatever the zone; an exchange's is when it began."""
    moment = datetime(2026, 1, 2, 5, 4, 5, 6, tzinfo=timezone(timedelta(hours=2)))
    assert date_of(moment) == "2026-01-02T03:04:05.000006Z"
    answer = Response(url=URL, status=200, elapsed=1.5)
    exchange = Exchange(hop=Hop(url=URL), response=answer, ended=datetime(2026, 1, 2, tzinfo=UTC))
    assert began(exchange) == "2026-01-01T23:59:58.500000Z"


def test_a_digest_is_as_other_tools_write_it() -> None:
    """SHA-1 in base 32, labelled; that of nothing is well known."""
    assert digest(b"") == "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ"


def test_a_file_begins_with_what_it_is() -> None:
    """The version of the format, a type, an id, a date, a length and a digest."""
    lines, block = parts(warcinfo("x.warc.gz", DATE).data)
    assert lines[:2] == ["WARC/1.1", "WARC-Type: warcinfo"]
    assert f"WARC-Date: {DATE}" in lines
    assert "WARC-Filename: x.warc.gz" in lines
    assert f"WARC-Block-Digest: {digest(block)}" in lines
    assert block.startswith(b"software: trio-crawl/")


@pytest.mark.parametrize(
    ("version", "protocol", "line"),
    [
        ("1.0", "http/1.0", b"HTTP/1.0 200 OK"),
        ("1.1", "http/1.1", b"HTTP/1.1 200 OK"),
        ("2", "h2", b"HTTP/1.1 200 OK"),
        ("3", "h3", b"HTTP/1.1 200 OK"),
    ],
)
def test_every_version_of_http_reads_as_the_first(version: str, protocol: str, line: bytes) -> None:
    """The record is HTTP/1.1, and tells the protocol that it was."""
    answer = Response(url=URL, status=200, body=b"text", http_version=version, address="192.0.2.1")
    lines, block = parts(response(answer, DATE, digest(b"text"), asked="<a>", original=None).data)
    assert block.split(b"\r\n")[0] == line
    assert f"WARC-Protocol: {protocol}" in lines
    assert "WARC-IP-Address: 192.0.2.1" in lines
    assert f"WARC-Payload-Digest: {digest(b'text')}" in lines
    assert "Content-Type: application/http; msgtype=response" in lines
    assert block.endswith(b"\r\n\r\ntext")


def test_a_field_does_not_break_a_head() -> None:
    """Line breaks in a value, and a status without a phrase, leave a head that can be read."""
    fields = Headers(((b"X-Folded", b"a\r\n b"), (b"Transfer-Encoding", b"chunked")))
    answer = Response(url=URL, status=799, headers=fields)
    _, block = parts(response(answer, DATE, digest(b""), asked="<a>", original=None).data)
    assert block == (b"HTTP/1.1 799 \r\nX-Folded: a   b\r\nX-Crawler-Transfer-Encoding: chunked\r\n\r\n")


def test_a_revisit_says_what_it_repeats() -> None:
    """The head alone, and which record has the body."""
    original = Original(id="<urn:uuid:1>", url="http://site.test/first", date=DATE)
    answer = Response(url=URL, status=200, body=b"text")
    lines, block = parts(response(answer, DATE, digest(b"text"), asked="<a>", original=original).data)
    assert "WARC-Type: revisit" in lines
    assert "WARC-Refers-To: <urn:uuid:1>" in lines
    assert "WARC-Refers-To-Target-URI: http://site.test/first" in lines
    assert f"WARC-Refers-To-Date: {DATE}" in lines
    assert block == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_request_is_as_sent() -> None:
    """Its line, its host, its fields without those that are secret, and its body."""
    fields = (("Accept", "*/*"), ("Authorization", "Basic x"), ("COOKIE", "a=1"))
    hop = Hop(url=URL, method="PUT", headers=fields, body=b"body")
    lines, block = parts(request(hop, DATE, "", secrets=False).data)
    assert block == b"PUT /a?b=1 HTTP/1.1\r\nHost: site.test\r\nAccept: */*\r\nContent-Length: 4\r\n\r\nbody"
    assert f"WARC-Target-URI: {URL}" in lines
    _, block = parts(request(hop, DATE, "", secrets=True).data)
    assert b"Authorization: Basic x\r\nCOOKIE: a=1\r\n" in block


def test_what_else_is_known_has_a_line_each() -> None:
    """Whatever a message holds, it is one line."""
    exchange = Exchange(
        hop=Hop(url=URL, method="POST"),
        kind="timeout",
        message="no answer\r\noutcome: forged",
        ended=datetime(2026, 1, 2, tzinfo=UTC),
    )
    _, block = parts(metadata(exchange, DATE, None, failure_of(URL)).data)
    assert block.decode().splitlines() == [
        "method: POST",
        "failure: timeout: no answer outcome: forged",
        f"page: {URL}",
        "via: http://site.test/",
        "hopsFromSeed: L",
        "outcome: failed: connect: refused: \u2717",
    ]


def test_ids_are_those_of_what_is_written() -> None:
    """The same exchange has the same ids, and another one others."""
    hop = Hop(url=URL)
    assert request(hop, DATE, "", secrets=False) == request(hop, DATE, "", secrets=False)
    other = request(hop, "2026-01-02T03:04:06.000000Z", "", secrets=False)
    assert request(hop, DATE, "", secrets=False).id != other.id
