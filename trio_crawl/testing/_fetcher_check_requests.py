"""The checks of what is sent: method, target, header fields and body are the hop's, once."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import expect, expect_unless
from ._fetcher_check_judge import brief, shown
from ._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from ._fetcher_check_bench import Bench
    from ._fetcher_check_servers import Dialog, Received, Server

# Fields that are about the connection or frame the body: a fetcher's own affair.
_OWN: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "keep-alive"})
_METHODS: Final = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "QUERY",
    "VERSION-CONTROL",
    "get",
)
_TARGETS: Final = (
    "/",
    "/?",
    "/a//b/?",
    "/a;b=c/d%2fe%2F%41%zz",
    "/?q=[1]|{2}^`'&a=%26&b==?/",
    "/%F0%9F%95%B7/%e9?x=%C3%BC+y",
    "/" + "long/" * 1500,
)


async def methods(bench: Bench) -> None:
    """Any method arrives as it is, letter for letter: it is a token, and case matters (RFC 9110, 9.1)."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        for method in _METHODS:
            await fetcher.response(server.hop(method=method), "the server answers any method")
            came = _last(server)
            expect(came.method == method, contract.HOP_METHOD, asked=f"method={method!r}", came=came.method)


async def targets(bench: Bench) -> None:
    """Path and query arrive as they stand in the URL, which the URL standard has made: nothing is escaped."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        for target in _TARGETS:
            await fetcher.response(server.hop(target))
            came = _last(server)
            expect(came.target == target, contract.HOP_URL, asked=shown(target), came=shown(came.target))


async def request_headers(bench: Bench) -> None:
    """The fields of the hop arrive, in their order; besides them only those of the connection and framing."""
    fields = (
        ("User-Agent", "check/1.0"),
        ("X-Zebra", "1"),
        ("Accept", "text/html;q=0.9, */*;q=0.1"),
        ("x-lower", 'quo"ted, "b"'),
        ("X-Latin", "für"),
        ("Cookie", "a=1; b=2"),
        ("Authorization", "Basic dXNlcjpwdw=="),
        ("X-Alpha", "inner  and\ttab"),
    )
    async with playing(_answer) as server, bench.opened() as fetcher:
        for sent in (fields, ()):
            for method, body in (("GET", None), ("POST", b"content")):
                await fetcher.response(server.hop(headers=sent, method=method, body=body))
                came = [(name.lower(), value) for name, value in _last(server).headers]
                rest = [(name, value) for name, value in came if name not in _OWN]
                wanted = [(name.lower(), value) for name, value in sent]
                asked = f"{method} with headers={sent!r}"
                expect(rest == wanted, contract.HOP_HEADERS, asked=asked, came=rest)


async def empty_request_headers(bench: Bench) -> None:
    """A field without a value is sent as such."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        await fetcher.response(server.hop(headers=(("X-Empty", ""), ("Accept", ""))))
        came = (_last(server).get_all("x-empty"), _last(server).get_all("accept"))
        expect(came == ([""], [""]), contract.HOP_HEADERS, asked="X-Empty and Accept, both empty", came=came)


async def repeated_request_headers(bench: Bench) -> None:
    """Fields of one name are all sent, in their order."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        await fetcher.response(server.hop(headers=(("X-Many", "1"), ("X-Other", "2"), ("x-many", "3"))))
        came = [value for name, value in _last(server).headers if name.lower().startswith("x-")]
        expect_unless(
            "repeated_request_headers",
            came == ["1", "2", "3"],
            contract.HOP_HEADERS,
            asked="the fields X-Many: 1, X-Other: 2, x-many: 3",
            came=came,
        )


async def unsendable_headers(bench: Bench) -> None:
    """A field that would begin another one, or can't be encoded, is not sent (RFC 9110, section 5.5)."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        for name, value in (
            ("X-A", "1\r\nX-B: 2"),
            ("X-A", "1\nX-B: 2"),
            ("X A", "1"),
            ("X-A", "\N{SPIDER}"),
        ):
            hop = server.hop(headers=((name, value),))
            await fetcher.failure(hop, "protocol", when="the field can't be sent")
        expect(
            not server.received, contract.HOP_HEADERS, asked="fields that can't be sent", came=server.received
        )


async def host_fields(bench: Bench) -> None:
    """``Host`` is sent once, and is the URL's host and port (RFC 9110, section 7.2)."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        for name in ("host.check.test", "127.0.0.1", "xn--bcher-kva.check.test", "dot.check.test."):
            await fetcher.response(server.hop(host=name))
            wanted, came = [f"{name}:{server.port}"], _last(server).get_all("host")
            expect(came == wanted, contract.HOP_URL, asked=f"a hop to http://{wanted[0]}/", came=came)


async def request_bodies(bench: Bench) -> None:
    """The body arrives whole and as it is, with any method, be it none, empty, or a megabyte of any bytes."""
    large = random.Random(11).randbytes(1_000_003)  # noqa: S311 - any bytes
    async with playing(_answer) as server, bench.opened() as fetcher:
        for method in ("POST", "PUT", "PATCH", "DELETE", "GET", "OPTIONS"):
            for body in (None, b"", b"\0\r\n\r\nGET / HTTP/1.1\r\n\r\n", large):
                await fetcher.response(server.hop(method=method, body=body), "the server reads the body")
                came = _last(server)
                expect(
                    (came.method, came.body) == (method, body or b""),
                    contract.HOP_BODY,
                    asked=f"{method} with {'no body' if body is None else f'a body of {len(body):,} bytes'}",
                    came=f"{came.method} with {len(came.body):,} bytes: {shown(came.body)}",
                )


async def one_hop(bench: Bench) -> None:
    """A redirect, a challenge, a request to wait and a cookie are responses, and have no effect."""
    replies = {
        "/redirect": ok(b"r", b"Location: /elsewhere", status=b"302 Found"),
        "/refresh": ok(b"f", b"Refresh: 0; url=/elsewhere", b"Set-Cookie: session=1"),
        "/challenge": ok(b"c", b'WWW-Authenticate: Basic realm="r"', status=b"401 Unauthorized"),
        "/wait": ok(b"w", b"Retry-After: 0", status=b"503 Service Unavailable"),
        "/later": ok(b"l", status=b"408 Request Timeout"),
    }

    async def play(dialog: Dialog) -> None:
        await dialog.send(replies.get(dialog.received.target, ok(b"elsewhere")))

    async with playing(play) as server, bench.opened() as fetcher:
        for target, reply in replies.items():
            response = await fetcher.response(server.hop(target), f"the reply is {reply!r}")
            expect(response.body == reply[-1:], contract.ONE_HOP, asked=reply, came=brief(response))
        came = [received.target for received in server.received]
        expect(came == list(replies), contract.ONE_HOP, asked=f"hops to {list(replies)}", came=came)
        sent = [name for received in server.received for name, _ in received.headers]
        expect(
            not {"cookie", "authorization"} & {name.lower() for name in sent},
            contract.ONE_HOP,
            asked="hops without a Cookie and an Authorization, after a Set-Cookie and a challenge",
            came=sent,
        )


async def user_information(bench: Bench) -> None:
    """User name and password of a URL are not sent: a hop's fields are all there is."""
    async with playing(_answer) as server, bench.opened() as fetcher:
        hop = server.hop(host="user:pass%20word@127.0.0.1")
        await fetcher.response(hop)
        names = {name.lower() for name, _ in _last(server).headers}
        came = (_last(server).get_all("host"), sorted(names - _OWN))
        expect(
            came == ([f"127.0.0.1:{server.port}"], []),
            contract.HOP_HEADERS,
            asked=f"a hop to {hop.url}",
            came=came,
        )


async def _answer(dialog: Dialog) -> None:
    await dialog.send(ok(b"" if dialog.received.method == "HEAD" else b"ok"))


def _last(server: Server) -> Received:
    """Return the last request that came in.

    Raises:
        AssertionError: there is none that could be read.
    """
    expect(
        server.received and not server.complaints,
        contract.FINAL,
        asked="a hop to a server that reads HTTP/1.1",
        came=f"requests that can't be read: {server.complaints}",
    )
    return server.received[-1]


CHECKS: Final = (
    methods,
    targets,
    request_headers,
    empty_request_headers,
    repeated_request_headers,
    unsendable_headers,
    host_fields,
    request_bodies,
    one_hop,
    user_information,
)
