"""The checks of what comes back: status, header fields, bodies of every framing and coding."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

import base64
import gzip
import random
import zlib
from typing import TYPE_CHECKING, Final

from .._fetch.decode import ACCEPT_ENCODING, decode_body
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import broken, expect, expect_unless
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._model import Hop
    from ._fetcher_check_bench import Asker, Bench
    from ._fetcher_check_servers import Dialog

_STATUSES: Final = (
    *(200, 201, 202, 203, 206, 207, 208, 226, 299, 300, 301, 302, 303, 305, 307, 308, 399),
    *(400, 401, 403, 404, 405, 407, 408, 410, 412, 413, 416, 417, 418, 421, 425, 426, 429, 451, 499),
    *(500, 501, 502, 503, 504, 511, 520, 599, 600, 666, 700, 799, 800, 899, 900, 998, 999),
)
_TEXT: Final = b"Content that a coding makes smaller, smaller and smaller. " * 8
_CODED: Final = {
    "gzip": gzip.compress(_TEXT, mtime=0),
    "x-gzip": gzip.compress(_TEXT, mtime=0),
    "deflate": zlib.compress(_TEXT),
    "br": base64.b64decode("G88B4I2UqeNbgoSNlctbFzKIKJQFD9n6S5YkiXEpdLn/BTbTiToUcSjk"),
    "zstd": bytes.fromhex("28b52ffd 60 d000 810e00") + _TEXT,  # RFC 8878: a frame of one raw block
    "identity": _TEXT,
    "none": _TEXT,
}
_RAW_DEFLATE: Final = zlib.compress(_TEXT, wbits=-zlib.MAX_WBITS)


async def statuses(bench: Bench) -> None:
    """Any status from 200 to 999 is a response, the unassigned ones included."""

    async def play(dialog: Dialog) -> None:
        await dialog.send(ok(status=dialog.received.target[1:].encode() + b" Whatever"))

    async with playing(play) as server, bench.opened() as fetcher:
        for status in _STATUSES:
            hop = server.hop(f"/{status}")
            response = await fetcher.response(hop, f"the status line says {status}")
            expect(
                (response.status, response.body) == (status, b"ok"),
                contract.STATUS,
                asked=f"GET {hop.url}, with the status line 'HTTP/1.1 {status} Whatever' and the body 'ok'",
                came=brief(response),
            )


async def empty_reasons(bench: Bench) -> None:
    """A status line needs no reason, nor the space before it."""
    async with bench.opened() as fetcher:
        for line in (b"404 ", b"404", "404 Weg, für immer".encode("latin-1")):
            async with playing(ok(status=line)) as server:
                response = await fetcher.response(server.hop(), f"the status line ends with {line!r}")
                expect(response.status == 404, contract.STATUS, asked=line, came=brief(response))  # noqa: PLR2004 - as said


async def header_fields(bench: Bench) -> None:
    """The fields of a response come in their order, byte for byte but for the white space around values."""
    sent = [
        (b"X-Zebra", b"1"),
        (b"x-empty", b""),
        (b"X-Latin", "für".encode("latin-1")),
        (b"X-Bytes", bytes(range(0x80, 0x100))),
        (b"X-Comma", b'a, "b, c", d'),
        (b"X-Colon", b"a:b: c"),
        (b"!#$%&'*+-.^_`|~", b"token"),
        (b"Content-Type", b"text/html;charset=utf-8"),
        (b"X-Alpha", b"inner  and\ttab"),
    ]
    lines = [name + b": \t" + value + b" \t" for name, value in sent]
    async with playing(ok(b"", *lines)) as server, bench.opened() as fetcher:
        response = await fetcher.response(server.hop())
    wanted = [(name.lower(), value) for name, value in sent]
    came = [(name.lower(), value) for name, value in response.headers.raw]
    expect(came[: len(wanted)] == wanted, contract.ORDER, asked=f"a reply with the fields {sent}", came=came)


async def repeated_headers(bench: Bench) -> None:
    """Fields of one name are all there, in their order among the others."""
    sent = [
        (b"Via", b"1.1 a"),
        (b"X-Other", b"o"),
        (b"via", b"1.1 b"),
        (b"Via", b"1.1 a"),
        (b"Link", b"</a>"),
    ]
    reply = ok(b"", *(name + b": " + value for name, value in sent))
    async with playing(reply) as server, bench.opened() as fetcher:
        response = await fetcher.response(server.hop())
    wanted = [(name.lower(), value) for name, value in sent]
    came = [(name.lower(), value) for name, value in response.headers.raw]
    expect_unless(
        "repeated_headers",
        came[: len(wanted)] == wanted,
        contract.ORDER,
        asked=f"a reply with the fields {sent}",
        came=came,
    )


async def repeated_set_cookie(bench: Bench) -> None:
    """Of ``Set-Cookie``, which can't be joined, every field is there."""
    reply = ok(b"", b"Set-Cookie: a=1", b"set-cookie: b=2; Path=/", b"SET-COOKIE: a=3")
    async with playing(reply) as server, bench.opened() as fetcher:
        response = await fetcher.response(server.hop())
    came = response.headers.get_all("set-cookie")
    expect(came == ["a=1", "b=2; Path=/", "a=3"], contract.ORDER, asked=reply, came=came)


async def folded_headers(bench: Bench) -> None:
    """A field that goes on in the next line is one, with a space between (RFC 9112, section 5.2)."""
    reply = ok(b"", b"X-Folded: one", b"  two", b"\tthree", b"X-After: four")
    async with playing(reply) as server, bench.opened() as fetcher:
        response = await fetcher.response(server.hop())
    came = ((response.headers.get("x-folded") or "").split(), response.headers.get("x-after"))
    expect(came == (["one", "two", "three"], "four"), contract.FIELDS, asked=reply, came=came)


async def bodies(bench: Bench) -> None:
    """A body with a length comes as it is, be it empty, of one byte, or a megabyte of any bytes."""
    async with bench.opened() as fetcher:
        for body in (b"", b"\0", b"\r\n\r\n", random.Random(7).randbytes(1_000_003)):  # noqa: S311 - any bytes
            async with playing(ok(body)) as server:
                response = await fetcher.response(server.hop(), f"a body of {len(body):,} bytes")
                _expect_body(response.body, body, f"a body of {len(body):,} bytes with a Content-Length")


async def chunked_bodies(bench: Bench) -> None:
    """Chunks are joined, extensions and trailers are no part of the body or of the header."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\nX-Early: 1\r\n\r\n"
    chunks = b'3\r\nabc\r\n00A;name=value;other="a b"\r\n0123456789\r\n1\r\n!\r\n0;last\r\nX-Late: 2\r\n\r\n'
    whole = b"abc0123456789!"

    async def in_one(dialog: Dialog) -> None:
        await dialog.send(head + chunks)

    async def in_bytes(dialog: Dialog) -> None:
        for start in range(len(head + chunks)):
            await dialog.send((head + chunks)[start : start + 1])

    async with bench.opened() as fetcher:
        for play in (in_one, in_bytes):
            async with playing(play) as server:
                for _ in range(2):  # the second one shows that all of the first was read
                    response = await fetcher.response(server.hop(), "chunks, extensions and a trailer")
                    _expect_body(response.body, whole, f"chunks: {chunks!r}")
                    expect(
                        response.headers.get("x-early") == "1" and response.headers.get("x-late") is None,
                        contract.FIELDS,
                        asked="a trailer X-Late, which is no field of the header (RFC 9110, section 6.5)",
                        came=list(response.headers),
                    )


async def bodies_without_length(bench: Bench) -> None:
    """A body without length or chunks ends with the connection (RFC 9112, section 6.3)."""
    body = b"all there is " * 10_000

    async def play(dialog: Dialog) -> None:
        await dialog.send(dialog.received.target[1:].encode() + b" 200 OK\r\nX-Any: 1\r\n\r\n" + body)
        await dialog.hang_up()

    async with playing(play) as server, bench.opened() as fetcher:
        for version in ("HTTP/1.0", "HTTP/1.1"):
            hop = server.hop(f"/{version}")
            response = await fetcher.response(hop, f"{version}, no length: the end of the connection ends it")
            _expect_body(
                response.body, body, f"{version} without a length, and the connection closed in order"
            )
            expect(
                f"HTTP/{response.http_version}" == version,
                contract.VERSION,
                asked=f"a reply of {version}",
                came=response.http_version,
            )


async def codings(bench: Bench) -> None:
    """Content of every coding comes through untouched, and what the crawl can undo, it undoes."""
    known = ACCEPT_ENCODING.split(", ")
    replies = [*_CODED.items(), ("deflate", _RAW_DEFLATE), ("gzip, br", b"not even coded")]

    async def play(dialog: Dialog) -> None:
        coding, body = replies[int(dialog.received.target[1:])]
        await dialog.send(ok(body, b"Content-Encoding: " + coding.encode(), b"Vary: Accept-Encoding"))

    async with playing(play) as server, bench.opened() as fetcher:
        for number, (coding, body) in enumerate(replies):
            response = await fetcher.response(server.hop(f"/{number}"), f"Content-Encoding: {coding}")
            _expect_body(response.body, body, f"a body with Content-Encoding: {coding}")
            declared = response.headers.get("content-encoding")
            expect(declared == coding, contract.FIELDS, asked=f"Content-Encoding: {coding}", came=declared)
            if coding in known:
                _expect_body(
                    decode_body(response.body, declared, 10_000), _TEXT, f"{coding}, undone by the crawl"
                )


async def replies_without_body(bench: Bench) -> None:
    """HEAD, 204 and 304 have no body, whatever length they tell (RFC 9112, section 6.3)."""
    lengths: Sequence[bytes] = (b"Content-Length: 1000", b"Transfer-Encoding: chunked", b"X-No: length")
    cases = [
        ("HEAD", b"200 OK"),
        ("HEAD", b"404 Not Found"),
        ("GET", b"304 Not Modified"),
        ("GET", b"204 No"),
    ]

    async def play(dialog: Dialog) -> None:
        if dialog.received.target == "/next":
            await dialog.send(ok(b"next"))
            return
        case, length = map(int, dialog.received.target[1:].split("/"))
        await dialog.send(b"HTTP/1.1 " + cases[case][1] + b"\r\n" + lengths[length] + b"\r\n\r\n")

    async with playing(play) as server, bench.opened() as fetcher:
        for case, (method, line) in enumerate(cases):
            for number, length in enumerate(lengths):
                hop = server.hop(f"/{case}/{number}", method=method, max_bytes=100)
                said = f"{line.decode()} with {length.decode()} and no body"
                await _expect_none(fetcher, hop, int(line[:3]), said)
                response = await fetcher.response(server.hop("/next"), f"after {said}")
                _expect_body(response.body, b"next", f"the next request after {method} and {said}")


async def interim_responses(bench: Bench) -> None:
    """Responses of 1xx before the final one are dropped, with their fields."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\n"
    interim += b"HTTP/1.1 199 Whatever\r\nX-Early: 1\r\n\r\n"
    async with playing(interim + ok(b"final", b"X-Final: 1")) as server, bench.opened() as fetcher:
        for _ in range(2):
            response = await fetcher.response(server.hop(), "three interim responses before the final one")
            names = [name.lower() for name, _ in response.headers]
            expect(
                (response.status, response.body, names) == (200, b"final", ["x-final", "content-length"]),
                contract.FINAL,
                asked=interim,
                came=brief(response),
            )


def _expect_body(came: bytes, wanted: bytes, asked: str) -> None:
    if came != wanted:
        raise broken(
            contract.BODY,
            asked=f"{asked}; wanted are {len(wanted):,} bytes, {wanted[:60]!r}...",
            came=f"{len(came):,} bytes, {came[:60]!r}...",
        )


async def _expect_none(fetcher: Asker, hop: Hop, status: int, said: str) -> None:
    response = await fetcher.response(hop, said)
    expect(
        (response.status, response.body) == (status, b""), contract.FINAL, asked=said, came=brief(response)
    )


CHECKS: Final = (
    statuses,
    empty_reasons,
    header_fields,
    repeated_headers,
    repeated_set_cookie,
    folded_headers,
    bodies,
    chunked_bodies,
    bodies_without_length,
    codings,
    replies_without_body,
    interim_responses,
)
