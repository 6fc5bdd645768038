"""Answers that servers should not give, and some that look as if they should not; written by hand.

Each is a name, the bytes, what the server does then, and what it has to come to. They
stand by theme, as the sections of RFC 9112 do.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import brotli  # type: ignore[import-untyped]

Then: TypeAlias = Literal["fin", "rst", "hold"]


class Answer(NamedTuple):
    """What a server sends after it has read a request.

    Args:
        name: says what is odd about it.
        data: the bytes.
        then: whether it closes the connection, resets it, or keeps it.
        expected: ``error``; ``either``, where clients differ for good reasons; or the content of the page.
        status: of the page.
    """

    name: str
    data: bytes
    then: Then = "fin"
    expected: bytes | Literal["error", "either"] = "error"
    status: int = 200

    def steps(self) -> list[list[Any]]:
        """Return what `http_cases` plays."""
        end: list[Any] = ["hold", 30] if self.then == "hold" else [self.then]
        return [["send", base64.b64encode(self.data).decode()], end]


OK: Final = b"HTTP/1.1 200 OK\r\n"
TWO: Final = b"Content-Length: 2\r\n\r\nok"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVIL: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
LAST: Final = b"0\r\n\r\n"

_LINES: Final[list[tuple[bytes, Any]]] = [
    (b"HTTP/1.0 200 OK", b"ok"),
    (b"HTTP/1.1 200", b"ok"),
    (b"HTTP/1.1 200 ", b"ok"),
    (b"HTTP/1.1 200 \xff\xfe\xe9", b"ok"),
    (b"HTTP/1.1 200 a\tb", b"ok"),
    (b"HTTP/1.1  200 OK", "either"),
    (b"HTTP/1.1 200  OK", b"ok"),
    (b"HTTP/1.1\t200 OK", "either"),
    (b"HTTP/1.2 200 OK", "either"),
    (b"HTTP/1.9 200 OK", "either"),
    (b"HTTP/2.0 200 OK", "either"),
    (b"HTTP/2 200 OK", "either"),
    (b"HTTP/3 200 OK", "either"),
    (b"HTTP/0.9 200 OK", "error"),
    (b"HTTP/10.1 200 OK", "error"),
    (b"HTTP/1.10 200 OK", "error"),
    (b"HTTP/1 200 OK", "either"),
    (b"HTTP/1. 200 OK", "error"),
    (b"HTTP/1.x 200 OK", "error"),
    (b"HTTP/.1 200 OK", "error"),
    (b"HTTP/ 200 OK", "error"),
    (b"HTTP 200 OK", "error"),
    (b"http/1.1 200 OK", "error"),
    (b"Http/1.1 200 OK", "error"),
    (b"HTTPS/1.1 200 OK", "error"),
    (b"ICY 200 OK", "error"),
    (b"RTSP/1.0 200 OK", "error"),
    (b"HTTP/1.1200 OK", "error"),
    (b"HTTP/1.1", "error"),
    (b"HTTP/1.1 ", "error"),
    (b"HTTP/1.1 OK", "error"),
    (b"HTTP/1.1 abc OK", "error"),
    (b"HTTP/1.1 20 OK", "error"),
    (b"HTTP/1.1 2 OK", "error"),
    (b"HTTP/1.1 99 OK", "error"),
    (b"HTTP/1.1 099 OK", "error"),
    (b"HTTP/1.1 000 OK", "error"),
    (b"HTTP/1.1 0200 OK", "error"),
    (b"HTTP/1.1 1000 OK", "error"),
    (b"HTTP/1.1 2000000000000000000000 OK", "error"),
    (b"HTTP/1.1 2e2 OK", "error"),
    (b"HTTP/1.1 -200 OK", "error"),
    (b"HTTP/1.1 +200 OK", "error"),
    (b"HTTP/1.1 0x200 OK", "error"),
    (b"HTTP/1.1 200.5 OK", "error"),
    (b"HTTP/1.1 200OK", "error"),
    (b"HTTP/1.1 \xef\xbc\x92\xef\xbc\x90\xef\xbc\x90 OK", "error"),  # digits of full width
    (b"HTTP/1.1 200\0OK", "error"),
    (b" HTTP/1.1 200 OK", "error"),
    (b"\r\nHTTP/1.1 200 OK", "either"),
    (b"junk\r\nHTTP/1.1 200 OK", "error"),
    (b"\0HTTP/1.1 200 OK", "error"),
    (b"\xef\xbb\xbfHTTP/1.1 200 OK", "error"),
    (b"HTTP/1.1 200 OK" + b"x" * 20_000, "either"),
]
STATUS_LINES: Final = [
    Answer(f"status line {line[:40]!r}", line + b"\r\n" + TWO, expected=expected) for line, expected in _LINES
] + [
    *(
        Answer(f"status {status}", b"HTTP/1.1 %d X\r\n" % status + TWO, "hold", b"ok", status)
        for status in (200, 206, 226, 299, 400, 404, 418, 451, 499, 500, 599, 600, 700, 999)
    ),
    *(Answer(f"status {status} alone", b"HTTP/1.1 %d X\r\n\r\n" % status) for status in (100, 102, 103, 199)),
    *(
        Answer(f"status {status} alone, held", b"HTTP/1.1 %d X\r\n\r\n" % status, "hold")
        for status in (100, 103)
    ),
    Answer("HTTP/0.9", b"<p>hello"),
    Answer("HTTP/0.9, held", b"<p>hello", "hold"),
    Answer("HTTP/0.9, lines", b"<p>hello\r\n\r\n<p>world"),
    Answer("nothing", b""),
    Answer("nothing, reset", b"", "rst"),
    Answer("a blank line", b"\r\n\r\n"),
    Answer("an SSH server", b"SSH-2.0-OpenSSH_9.2\r\n", "hold"),
    Answer("an SMTP server", b"220 mail.test ESMTP\r\n500 what?\r\n"),
    Answer("a TLS server", b"\x15\x03\x03\x00\x02\x02\x0a"),
    Answer("an HTTP/2 server", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff"),
    Answer("an echo server", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
]

_FIELDS: Final[list[tuple[str, bytes, Any]]] = [
    ("empty value", b"X:\r\n", b"ok"),
    ("white space around", b"X: \t a \t \r\n", b"ok"),
    ("no space", b"X:a\r\n", b"ok"),
    ("bytes beyond ASCII in the value", b"X: \xc3\xa9\xe9\xff\r\n", b"ok"),
    ("folded", b"X: a\r\n b\r\n", b"ok"),
    ("folded by a tab", b"X: a\r\n\tb\r\n", b"ok"),
    ("folded to nothing", b"X: a\r\n \r\n", "either"),
    ("first line folded", b" X: a\r\n", "either"),
    ("white space before the colon", b"X : a\r\n", "either"),
    ("tab before the colon", b"X\t: a\r\n", "either"),
    ("white space in the name", b"X Y: a\r\n", "either"),
    ("bytes beyond ASCII in the name", b"X\xe9: a\r\n", "either"),
    ("no colon", b"no colon here\r\n", "either"),
    ("no name", b": a\r\n", "either"),
    ("a colon alone", b":\r\n", "either"),
    ("NUL in the value", b"X: a\0b\r\n", "error"),
    ("NUL in the name", b"X\0Y: a\r\n", "error"),
    ("CR in the value", b"X: a\rb\r\n", "either"),
    ("CR CR LF", b"X: a\r\r\n", "either"),
    ("control characters in the value", b"X: a\x01\x08\x1b\x7f\r\n", "either"),
    ("vertical tab in the name", b"X\x0b: a\r\n", "either"),
    ("brackets in the name", b"(X): a\r\n", "either"),
    ("LF alone", b"X: a\nY: b\n", b"ok"),
    ("long value", b"X: " + b"a" * 60_000 + b"\r\n", b"ok"),
    ("too long value", b"X: " + b"a" * 400_000 + b"\r\n", "error"),
    ("100 fields", b"X: a\r\n" * 100, b"ok"),
    ("20,000 fields", b"X: a\r\n" * 20_000, "either"),
    ("too many fields", b"X: a\r\n" * 100_000, "error"),
]
FIELDS: Final = [
    Answer(f"field: {name}", OK + fields + TWO, "hold", expected) for name, fields, expected in _FIELDS
] + [
    Answer("LF alone in the whole head", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "hold", b"ok"),
    Answer("CR alone in the whole head", b"HTTP/1.1 200 OK\rContent-Length: 2\r\rok"),
    Answer("CR LF LF", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok", "hold", b"ok"),
    Answer("LF CR LF", b"HTTP/1.1 200 OK\nContent-Length: 2\n\r\nok", "hold", b"ok"),
    Answer("no field at all", b"HTTP/1.1 200 OK\r\n\r\nok", "fin", b"ok"),
    Answer("keep-alive by a liar", OK + b"Connection: keep-alive\r\n" + TWO, "fin", b"ok"),
    Answer("close by a liar", OK + b"Connection: close\r\n" + TWO, "hold", b"ok"),
]

_LENGTHS: Final[list[tuple[bytes, Any]]] = [
    (b"Content-Length: 5", b"hello"),
    (b"content-LENGTH:5", b"hello"),
    (b"Content-Length:   5  ", b"hello"),
    (b"Content-Length: 00005", b"hello"),
    (b"Content-Length: 5\r\nContent-Length: 5", b"hello"),
    (b"Content-Length: 5, 5", "either"),
    (b"Content-Length: 5\r\nContent-Length: 6", "error"),
    (b"Content-Length: 6\r\nContent-Length: 5", "error"),
    (b"Content-Length: 5, 6", "error"),
    (b"Content-Length: -5", "error"),
    (b"Content-Length: +5", "error"),
    (b"Content-Length: 0x5", "error"),
    (b"Content-Length: 5.0", "error"),
    (b"Content-Length: 5e0", "error"),
    (b"Content-Length: 5 5", "error"),
    (b"Content-Length: 5_0", "error"),
    (b"Content-Length: 5;", "either"),
    (b"Content-Length: five", "error"),
    (b"Content-Length: \xef\xbc\x95", "error"),  # a digit of full width
    (b"Content-Length: \xb2", "error"),
    (b"Content-Length:", "either"),
    (b"Content-Length: ,", "either"),
    (b"Content-Length: 5,", "either"),
    (b"Content-Length: 6", "error"),
    (b"Content-Length: 99999999", "error"),
    (b"Content-Length: 9223372036854775807", "error"),
    (b"Content-Length: 9223372036854775808", "error"),
    (b"Content-Length: 18446744073709551621", "error"),  # 2**64 + 5
    (b"Content-Length: " + b"9" * 100, "error"),
    (b"Content-Length: " + b"9" * 5000, "error"),
]
LENGTHS: Final = [
    Answer(f"length {field[:60]!r}", OK + field + b"\r\n\r\nhello", expected=expected)
    for field, expected in _LENGTHS
]

_CODED: Final[list[tuple[bytes, Any]]] = [
    (b"Transfer-Encoding: chunked", b"hello"),
    (b"Transfer-encoding:CHUNKED", b"hello"),
    (b"Transfer-Encoding:  chunked  ", b"hello"),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 3", "either"),
    (b"Content-Length: 3\r\nTransfer-Encoding: chunked", "either"),
    (b"Transfer-Encoding: chunked\r\nContent-Length: 15", "either"),
    (b"Transfer-Encoding: chunked\r\nContent-Length: -1", "either"),
    (b"Transfer-Encoding: chunked, chunked", "either"),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "either"),
    (b"Transfer-Encoding: identity, chunked", "either"),
    (b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "either"),
    (b"Transfer-Encoding: chunked, identity", "either"),
    (b"Transfer-Encoding: gzip, chunked", "either"),
    (b"Transfer-Encoding: xchunked", "either"),
    (b"Transfer-Encoding: chunked;q=1", "either"),
    (b'Transfer-Encoding: "chunked"', "either"),
    (b"Transfer-Encoding: chun\r\n ked", "either"),
    (b"Transfer-Encoding: ,chunked,", "either"),
    (b"Transfer-Encoding:\x0bchunked", "either"),
    (b"Transfer-Encoding : chunked", "either"),
]
TRANSFER_CODINGS: Final = [
    Answer(f"coding {field[:60]!r}", OK + field + b"\r\n\r\n5\r\nhello\r\n" + LAST, expected=expected)
    for field, expected in _CODED
] + [
    Answer(
        "chunks in HTTP/1.0", CHUNKED.replace(b"1.1", b"1.0") + b"5\r\nhello\r\n" + LAST, expected="either"
    ),
    Answer("identity", OK + b"Transfer-Encoding: identity\r\n\r\nhello", expected="either"),
    Answer("identity and a length", OK + b"Transfer-Encoding: identity\r\n" + TWO, expected="either"),
    Answer("empty coding and a length", OK + b"Transfer-Encoding:\r\n" + TWO, expected="either"),
    Answer(
        "a body in gzip, in chunks",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n19\r\n" + gzip.compress(b"hello") + b"\r\n" + LAST,
        expected="either",
    ),
]

_CHUNKS: Final[list[tuple[str, bytes, Any]]] = [
    ("two", b"2\r\nhe\r\n3\r\nllo\r\n" + LAST, b"hello"),
    ("upper case", b"A\r\nhellohello\r\n" + LAST, b"hellohello"),
    ("lower case", b"a\r\nhellohello\r\n" + LAST, b"hellohello"),
    ("leading zeros", b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    ("a thousand leading zeros", b"0" * 1000 + b"5\r\nhello\r\n" + LAST, "either"),
    ("extension", b"5;a=b\r\nhello\r\n0;c\r\n\r\n", b"hello"),
    ("quoted extension", b'5;a="b;c"\r\nhello\r\n' + LAST, b"hello"),
    ("space before an extension", b"5 ;a=b\r\nhello\r\n" + LAST, "either"),
    ("space after the size", b"5  \r\nhello\r\n" + LAST, "either"),
    ("space before the size", b" 5\r\nhello\r\n" + LAST, "either"),
    ("a long extension", b"5;" + b"x" * 10_000 + b"\r\nhello\r\n" + LAST, "either"),
    ("an extension with CR", b"5;a\rb\r\nhello\r\n" + LAST, "either"),
    ("an extension with NUL", b"5;a\0b\r\nhello\r\n" + LAST, "either"),
    ("LF alone after the size", b"5\nhello\r\n0\n\n", "either"),
    ("LF alone after the data", b"5\r\nhello\n" + LAST, "either"),
    ("trailer", b"5\r\nhello\r\n0\r\nX: a\r\nY: b\r\n\r\n", b"hello"),
    ("trailer with a length", b"5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n", b"hello"),
    ("trailer that is none", b"5\r\nhello\r\n0\r\nno colon\r\n\r\n", "either"),
    ("too long trailer", b"5\r\nhello\r\n0\r\nX: " + b"a" * 400_000 + b"\r\n\r\n", "either"),
    ("bytes behind the last", b"5\r\nhello\r\n" + LAST + b"garbage", b"hello"),
    ("hexadecimal prefix", b"0x5\r\nhello\r\n" + LAST, "error"),
    ("sign", b"+5\r\nhello\r\n" + LAST, "error"),
    ("minus", b"-5\r\nhello\r\n" + LAST, "error"),
    ("letter", b"g\r\nhello\r\n" + LAST, "error"),
    ("letter behind the size", b"5g\r\nhello\r\n" + LAST, "error"),
    ("underscore", b"0_5\r\nhello\r\n" + LAST, "error"),
    ("no size", b"\r\nhello\r\n" + LAST, "error"),
    ("only an extension", b";a\r\nhello\r\n" + LAST, "error"),
    ("NUL in the size", b"5\0\r\nhello\r\n" + LAST, "error"),
    ("too much data", b"5\r\nhello!\r\n" + LAST, "error"),
    ("too little data", b"5\r\nhell\r\n" + LAST, "error"),
    ("no end of line after the data", b"5\r\nhello" + LAST, "error"),
    ("no last chunk", b"5\r\nhello\r\n", "error"),
    ("no chunk at all", b"", "error"),
    ("no blank line", b"5\r\nhello\r\n0\r\n", "either"),
    ("a size beyond 64 bits that wraps", b"10000000000000005\r\nhello\r\n" + LAST, "error"),
    ("a size of 64 bits", b"ffffffffffffffff\r\nhello\r\n" + LAST, "error"),
    ("a size of 63 bits", b"7fffffffffffffff\r\nhello\r\n" + LAST, "error"),
    ("a plain body", b"hello", "error"),
]
CHUNKS: Final = [
    Answer(f"chunks: {name}", CHUNKED + chunks, expected=expected) for name, chunks, expected in _CHUNKS
]

# What stands behind a complete response belongs to no request: it must not answer the next one.
SURPLUS: Final = [
    Answer("behind a length", OK + TWO + b"garbage", "hold", b"ok"),
    Answer("a response behind a length", OK + TWO + EVIL, "hold", b"ok"),
    Answer("a response behind chunks", CHUNKED + b"2\r\nok\r\n" + LAST + EVIL, "hold", b"ok"),
    Answer("a response behind nothing", OK + b"Content-Length: 0\r\n\r\n" + EVIL, "hold", b""),
    Answer("a body with 204", b"HTTP/1.1 204 X\r\nContent-Length: 4\r\n\r\nevil", "hold", b"", 204),
    Answer("a response behind 204", b"HTTP/1.1 204 X\r\n\r\n" + EVIL, "hold", b"", 204),
    Answer(
        "chunks with 204", b"HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST, "hold", b"", 204
    ),
    Answer("a body with 304", b"HTTP/1.1 304 X\r\nContent-Length: 4\r\n\r\nevil", "hold", b"", 304),
    Answer("a response behind 304", b"HTTP/1.1 304 X\r\n\r\n" + EVIL, "hold", b"", 304),
    Answer("a body with 205", b"HTTP/1.1 205 X\r\nContent-Length: 2\r\n\r\nok", "hold", "either", 205),
]

INTERIM: Final = [
    Answer("100", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + TWO, "hold", b"ok"),
    Answer(
        "103 with fields",
        b"HTTP/1.1 103 Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n" + OK + TWO,
        "hold",
        b"ok",
    ),
    Answer("ten", b"HTTP/1.1 102 Processing\r\n\r\n" * 10 + OK + TWO, "hold", b"ok"),
    Answer("199", b"HTTP/1.1 199 X\r\n\r\n" + OK + TWO, "hold", "either"),
    Answer("a thousand", b"HTTP/1.1 103 X\r\n\r\n" * 1000 + OK + TWO, "hold"),
    Answer("100, and the end", b"HTTP/1.1 100 Continue\r\n\r\n"),
    Answer("100, and half a head", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le"),
    Answer("101", b"HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "hold"),
    Answer("101, and a response", b"HTTP/1.1 101 X\r\n\r\n" + OK + TWO, "hold", "either"),
    Answer("100 with the final head broken", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 abc\r\n\r\n"),
]

_WHOLE: Final = [
    OK + b"X: a\r\nContent-Length: 5\r\n\r\nhello",
    CHUNKED + b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: a\r\n\r\n",
]
# A chunked body whose last chunk is there has no more content to lose: clients differ there.
_CONTENT_ENDS: Final = [len(_WHOLE[0]), _WHOLE[1].index(b"0\r\nT")]
CUT: Final = [
    Answer(f"cut at {place} of {which}", whole[:place], "rst" if place % 5 == 0 else "fin")
    for which, (whole, end) in enumerate(zip(_WHOLE, _CONTENT_ENDS, strict=True))
    for place in range(end)
] + [
    Answer("without a length, reset", b"HTTP/1.1 200 OK\r\n\r\nhello", "rst"),
    Answer("without a length, HTTP/1.0, reset", b"HTTP/1.0 200 OK\r\n\r\nhello", "rst"),
    Answer("a length, held", OK + b"Content-Length: 50\r\n\r\nhello", "hold"),
    Answer("chunks, held", CHUNKED + b"5\r\nhello\r\n", "hold"),
    Answer("half a head, held", OK + b"Content-", "hold"),
]


def _coded(name: str, coding: bytes, body: bytes, expected: Any = "error") -> Answer:  # noqa: ANN401
    fields = b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding, len(body))
    return Answer(f"content coding: {name}", OK + fields + body, "hold", expected)


_GZIP: Final = gzip.compress(b"hello")
CONTENT_CODINGS: Final = [
    _coded("gzip", b"gzip", _GZIP, b"hello"),
    _coded("x-gzip", b"X-GZIP", _GZIP, b"hello"),
    _coded("deflate", b"deflate", zlib.compress(b"hello"), b"hello"),
    _coded("bare deflate", b"deflate", zlib.compress(b"hello")[2:-4], b"hello"),
    _coded("br", b"br", brotli.compress(b"hello"), b"hello"),
    _coded("br in gzip", b"br, gzip", gzip.compress(brotli.compress(b"hello")), b"hello"),
    _coded("two fields", b"br\r\nContent-Encoding: gzip", gzip.compress(brotli.compress(b"hello")), b"hello"),
    _coded("unknown", b"foo", b"hello", b"hello"),
    _coded("identity", b"identity", b"hello", b"hello"),
    _coded("gzip of nothing", b"gzip", b"", b""),
    _coded("gzip with padding", b"gzip", _GZIP + bytes(9), b"hello"),
    _coded("gzip that is none", b"gzip", b"hello"),
    _coded("br that is none", b"br", b"<p>hello"),
    _coded("deflate that is none", b"deflate", b"<p>hello"),
    _coded("zstd that is none", b"zstd", b"<p>hello"),
    _coded("six in a row", b", ".join([b"gzip"] * 6), _GZIP),
    *(_coded(f"gzip cut at {place}", b"gzip", _GZIP[:place]) for place in range(1, len(_GZIP))),
    Answer("gzip cut by the end", OK + b"Content-Encoding: gzip\r\n\r\n" + _GZIP[:-9]),
]

HEAD: Final = [
    Answer("a length", OK + b"Content-Length: 100000000\r\n\r\n", "hold", b""),
    Answer("chunks", CHUNKED, "hold", b""),
    Answer("a coding", OK + b"Content-Encoding: gzip\r\nContent-Length: 30\r\n\r\n", "hold", b""),
    Answer("nothing", OK + b"\r\n", "hold", b""),
    Answer("a body", OK + TWO, "hold", b""),
    Answer("a response behind it", OK + b"Content-Length: 4\r\n\r\n" + EVIL, "hold", b""),
    Answer("no end of the head", OK + b"Content-Length: 4\r\n"),
]

ANSWERS: Final = [
    *STATUS_LINES, *FIELDS, *LENGTHS, *TRANSFER_CODINGS, *CHUNKS, *SURPLUS, *INTERIM, *CUT, *CONTENT_CODINGS,
]  # fmt: skip
