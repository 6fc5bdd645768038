"""Blocks of records, read as they came over the wire."""

from __future__ import annotations

import pytest

from trio_crawl._fetch.archive_record import opened_head


@pytest.mark.parametrize(
    ("block", "fields", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nA: 1\r\nB:2\r\n\r\ntext", [(b"A", b"1"), (b"B", b"2")], b"text"),
        (b"HTTP/1.1 200 OK\nA: 1\n\ntext", [(b"A", b"1")], b"text"),
        (b"HTTP/1.1 200 OK\r\nA: 1\r\n  more\r\n\r\n", [(b"A", b"1 more")], b""),
        (b"HTTP/1.1 200 OK\r\nno field\r\n\r\n\r\n\r\n", [], b"\r\n\r\n"),
        (b"HTTP/1.1 200 OK", [], b""),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n",
            [(b"Transfer-Encoding", b"chunked")],
            b"text",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot in chunks",
            [(b"Transfer-Encoding", b"chunked")],
            b"not in chunks",
        ),
    ],
)
def test_a_block_is_fields_and_a_body(block: bytes, fields: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Whichever line breaks there are; folded fields are one, and a transfer coding is removed."""
    assert opened_head(block) == (fields, body)
