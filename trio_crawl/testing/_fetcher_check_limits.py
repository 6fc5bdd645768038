"""The checks of sizes: what is too large is given up in time, and what just fits is not."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Final

from .._errors import FetchError
from .._fetch.decode import decode_body
from .._model import Response
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import broken, expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import MAX_SENT, ok, playing

if TYPE_CHECKING:
    from ._fetcher_check_bench import Bench
    from ._fetcher_check_servers import Dialog, Play

_LIMIT: Final = 10_000
_CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_UNTIL_CLOSE: Final = b"HTTP/1.1 200 OK\r\n\r\n"


async def exact_sizes(bench: Bench) -> None:
    """A body of ``max_bytes`` fits, one of a byte more doesn't, however it is framed."""

    async def play(dialog: Dialog) -> None:
        framing, size = dialog.received.target[1:].split("/")
        body = b"x" * int(size)
        if framing == "length":
            await dialog.send(ok(body))
        elif framing == "chunks":
            await dialog.send(_CHUNKED + b"%x\r\n%b\r\n1\r\nx\r\n0\r\n\r\n" % (len(body) - 1, body[1:]))
        else:
            await dialog.send(_UNTIL_CLOSE + body)
            await dialog.hang_up()

    async with playing(play) as server, bench.opened() as fetcher:
        for framing in ("length", "chunks", "close"):
            said = f"a body of max_bytes, framed by {framing}"
            response = await fetcher.response(server.hop(f"/{framing}/{_LIMIT}", max_bytes=_LIMIT), said)
            expect(
                len(response.body) == _LIMIT, contract.BODY, asked=said, came=f"{len(response.body):,} bytes"
            )
            hop = server.hop(f"/{framing}/{_LIMIT + 1}", max_bytes=_LIMIT)
            await fetcher.failure(hop, "too_large", when=f"one byte more than max_bytes, framed by {framing}")
        await fetcher.unharmed("bodies that were too large")


async def limits_of_each_hop(bench: Bench) -> None:
    """The limit is each hop's own, and limits no hop after it."""
    async with playing(ok(b"x" * 100)) as server, bench.opened() as fetcher:
        for _ in range(2):
            await fetcher.failure(server.hop(max_bytes=99), "too_large", when="100 bytes for a limit of 99")
            await fetcher.response(server.hop(max_bytes=100), "100 bytes for a limit of 100")
            await fetcher.failure(
                server.hop(method="POST", max_bytes=10), "too_large", when="100 bytes for 10"
            )
        await fetcher.failure(server.hop(max_bytes=0), "too_large", when="100 bytes for a limit of 0")


async def declared_sizes(bench: Bench) -> None:
    """A length that is declared and too large is given up at the head; one of thousands of digits, too."""
    async with bench.opened() as fetcher:
        for length, kinds in (
            (b"10001", ("too_large",)),
            (b"9" * 18, ("too_large",)),
            (b"9" * 5000, _EITHER),
        ):
            reply = b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n"
            async with playing(reply) as server:  # which sends no byte of it, and stays
                said = f"a Content-Length of {len(length)} digits, and nothing after the head"
                await fetcher.failure(server.hop(max_bytes=_LIMIT), *kinds, when=said)
        await fetcher.unharmed("lengths that were too large")


async def endless_bodies(bench: Bench) -> None:
    """A body without end is given up at the limit, and its connection closed."""

    async def play(dialog: Dialog) -> None:
        chunked = dialog.received.target == "/chunks"
        await dialog.send(_CHUNKED if chunked else _UNTIL_CLOSE)
        await dialog.send_until_gone(b"400\r\n" + b"x" * 0x400 + b"\r\n" if chunked else b"x" * 0x400)
        ended.append(dialog.received.target)
        await dialog.hang_up()

    ended: list[str] = []
    async with playing(play) as server, bench.opened() as fetcher:
        for target in ("/chunks", "/close"):
            hop = server.hop(target, max_bytes=_LIMIT)
            await fetcher.failure(hop, "too_large", when="the body does not end")
            await fetcher.unharmed("a body without end")
            expect(
                not ended,
                contract.HOP_MAX_BYTES,
                asked=f"a body without end and max_bytes={_LIMIT:,}",
                came=f"{MAX_SENT:,} bytes could be sent of it: {ended}",
            )


async def sizes_before_decoding(bench: Bench) -> None:
    """The limit is for what comes over the wire; what that unfolds to, the crawl bounds."""
    bomb = gzip.compress(bytes(_LIMIT * 100), mtime=0)
    async with playing(ok(bomb, b"Content-Encoding: gzip")) as server, bench.opened() as fetcher:
        said = f"{len(bomb):,} bytes of gzip that unfold to {_LIMIT * 100:,}"
        response = await fetcher.response(server.hop(max_bytes=_LIMIT), said)
        expect(response.body == bomb, contract.BODY, asked=said, came=f"{len(response.body):,} bytes")
        try:
            decode_body(response.body, "gzip", _LIMIT)
        except FetchError as error:
            expect(error.kind == "too_large", contract.KIND, asked=said, came=brief(error))
        else:
            raise broken(contract.HOP_MAX_BYTES, asked=f"to decode {said}", came="no FetchError")
        hop = server.hop(max_bytes=len(bomb) - 1)
        await fetcher.failure(hop, "too_large", when=f"{said}, which is a byte more than max_bytes")


async def endless_heads(bench: Bench) -> None:
    """A head that does not end is given up: many fields, one field, a status line, or interim responses."""
    begun = b"HTTP/1.1 200 OK\r\nX-Begun: "
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    await _expect_end(bench, b"HTTP/1.1 200 OK\r\n", b"X-Field: value\r\n", "header fields without end")
    await _expect_end(bench, begun, b"x" * 100, "a header field without end")
    await _expect_end(bench, b"HTTP/1.1 200 ", b"x" * 100, "a reason phrase without end")
    await _expect_end(bench, b"", interim, "interim responses without end")


async def endless_trailers(bench: Bench) -> None:
    """So are trailers that do not end."""
    await _expect_end(bench, _CHUNKED + b"1\r\nx\r\n0\r\n", b"X-Trailer: value\r\n", "trailers without end")


async def _expect_end(bench: Bench, begin: bytes, again: bytes, what: str) -> None:
    """Assert that a reply of *begin*, and *again* without end, is given up as no HTTP."""
    ended: list[bool] = []

    async def play(dialog: Dialog) -> None:
        await dialog.send(begin)
        await dialog.send_until_gone(again)
        ended.append(True)
        await dialog.hang_up()

    player: Play = play
    async with playing(player) as server, bench.opened() as fetcher:
        came = await fetcher.attempt(server.hop(), what)
        expect(
            not ended and not isinstance(came, Response) and came.kind in _EITHER,
            contract.KIND,
            asked=f"{what}; a FetchError of kind 'protocol' before {MAX_SENT:,} bytes of that",
            came=brief(came) + (", when the server gave up" if ended else ""),
        )
        await fetcher.unharmed(what)


_EITHER: Final = ("protocol", "too_large")

CHECKS: Final = (
    exact_sizes,
    limits_of_each_hop,
    declared_sizes,
    endless_bodies,
    sizes_before_decoding,
    endless_heads,
    endless_trailers,
)
