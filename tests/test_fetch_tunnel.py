"""CONNECT, against a proxy that says what a test tells it."""

from __future__ import annotations

import pytest
import trio

from trio_crawl._errors import FetchError
from trio_crawl._fetch.proxy import Proxy, parse_proxy
from trio_crawl._fetch.tunnel import bore
from trio_crawl._fetch.wire import Wire

NAMELESS = parse_proxy("http://proxy.test:3128")
USER = parse_proxy("http://user:pw@proxy.test:3128")


async def bored(
    answer: bytes, *, proxy: Proxy = NAMELESS, to: str = "site.test:443", drip: bool = False
) -> tuple[bytes, Wire]:
    """Ask a proxy that answers with *answer*; return what it was told, and the tunnel."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = Wire(ours, None, "")  # type: ignore[arg-type] # its socket is never looked at
    told = b""

    async def play() -> None:
        nonlocal told
        told = bytes(await theirs.receive_some())
        for piece in [bytes([byte]) for byte in answer] if drip else [answer]:
            await theirs.send_all(piece)
        if not answer.endswith(b"\n\r\n"):
            await theirs.send_eof()

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            await bore(wire, proxy, to)
    return told, wire


@pytest.mark.parametrize("drip", [False, True])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n",
        b"HTTP/1.1 299 Odd\r\nContent-Length: 10\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_a_tunnel_is_asked_for(answer: bytes, drip: bool) -> None:
    """Any 2xx opens it; lengths mean nothing there (RFC 9110, section 9.3.6)."""
    told, _ = await bored(answer, drip=drip)
    assert told == b"CONNECT site.test:443 HTTP/1.1\r\nHost: site.test:443\r\n\r\n"


async def test_an_address_is_asked_for_in_brackets() -> None:
    """As in a URL."""
    told, _ = await bored(b"HTTP/1.1 200 OK\r\n\r\n", to="[2001:db8::1]:443")
    assert told.startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")


async def test_credentials_are_told() -> None:
    """Without being asked: a challenge would cost a turn for each connection."""
    told, _ = await bored(b"HTTP/1.1 200 OK\r\n\r\n", proxy=USER)
    assert b"\r\nProxy-Authorization: Basic dXNlcjpwdw==\r\n" in told


@pytest.mark.parametrize(
    ("proxy", "answer", "why"),
    [
        (NAMELESS, b"HTTP/1.1 403 Forbidden\r\n\r\n", "it answered 403 Forbidden to CONNECT site.test:443"),
        (NAMELESS, b"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\n\r\n", "it answered 301 Moved to CONNECT"),
        (NAMELESS, b"HTTP/1.1 407 No\r\n\r\n", r"it wants credentials \(USER:PASSWORD@\): it answered 407"),
        (USER, b"HTTP/1.1 407 No\r\n\r\n", "it wants other credentials than those given: it answered 407"),
        (USER, b"HTTP/1.1 401 No\r\n\r\n", "it wants other credentials than those given: it answered 401"),
        (NAMELESS, b"", "it closed the connection without an answer"),
        (NAMELESS, b"HTTP/1.1 200 OK\r\n", "it closed the connection without an answer"),
        (NAMELESS, b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "illegal status line"),
        (NAMELESS, b"HTTP/1.1 101 X\r\n\r\n", "proxy proxy.test:3128: ."),
        (NAMELESS, b"HTTP/1.1 103 Early\r\n\r\n" * 101, "more than 100 interim responses"),
        (NAMELESS, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "longer than it may be"),
        (NAMELESS, b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03", "it sent more than its answer"),
    ],
)
async def test_a_proxy_that_does_not_serve_is_a_failure(proxy: Proxy, answer: bytes, why: str) -> None:
    """It says which proxy, and what it answered, and nothing secret."""
    with pytest.RaisesGroup(pytest.RaisesExc(FetchError, match=why)) as caught:
        await bored(answer, proxy=proxy)
    (failure,) = caught.value.exceptions
    assert isinstance(failure, FetchError)
    assert failure.kind == "connect"
    assert failure.message.startswith("proxy proxy.test:3128: ")
    assert "pw" not in failure.message
