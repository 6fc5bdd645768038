"""The loopback server speaks HTTP/1.1 as clients expect it, whatever they do to it."""

from __future__ import annotations

import random
import socket
import struct
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import trio

from trio_crawl._errors import UsageError
from trio_crawl.testing import (
    MemoryWeb,
    Reply,
    asserts_no_leaks,
    cancel_at,
    serve,
    serving,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from trio_crawl.abc import Environment, Hop, Response

SITE = "http://site.test"


def _site() -> MemoryWeb:
    web = MemoryWeb()
    web.add(f"{SITE}/", "<a href=/a>a</a>")
    web.add(f"{SITE}/a?q=1", b"\x00\xff", content_type="application/octet-stream", headers=[("X-A", "1")])
    web.add(f"{SITE}/moved", redirect="/a?q=1")
    web.add(f"{SITE}/large", b"x" * 3_000_000)
    web.add(f"{SITE}/slow", "slow", delay=60)
    web.add(f"{SITE}/broken", failure="protocol")
    web.add(f"{SITE}/echo", _echo)
    web.add(f"{SITE}/empty", status=204)
    web.add(f"{SITE}/odd", status=299)
    return web


def _echo(hop: Hop) -> Reply:
    fields = "".join(f"{name}: {value}\n" for name, value in hop.headers)
    return Reply(body=f"{hop.method} {hop.url}\n{fields}\n".encode() + (hop.body or b""))


async def _raw(base_url: str, request: bytes) -> bytes:
    """Send *request* as it is, and return everything until the server closes."""
    async with await _connect(base_url) as stream:
        await stream.send_all(request)
        received = bytearray()
        with trio.fail_after(5):
            async for data in stream:
                received += data
    return bytes(received)


async def _connect(base_url: str) -> trio.SocketStream:
    host, _, port = base_url.removeprefix("http://").rpartition(":")
    return await trio.open_tcp_stream(host, int(port))


async def test_pages_redirects_and_missing_pages() -> None:
    """Each path is looked up under the origin: page, fields, status and body go out as they are."""
    async with serving(_site(), origin=SITE) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        home = await client.get("/")
        assert (home.status_code, home.text) == (200, "<a href=/a>a</a>")
        assert home.headers["content-type"] == "text/html; charset=utf-8"
        assert "date" in home.headers
        data = await client.get("/a?q=1")
        assert (data.content, data.headers["x-a"]) == (b"\x00\xff", "1")
        moved = await client.get("/moved")
        assert (moved.status_code, moved.headers["location"]) == (302, "/a?q=1")
        assert (await client.get("/none")).status_code == 404
        assert (await client.get("/empty")).status_code == 204
        assert (await client.get("/odd")).status_code == 299
        assert len((await client.get("/large")).content) == 3_000_000


async def test_the_base_url_is_on_loopback() -> None:
    """The base URL names the address and the port, and ends without a slash."""
    async with serving(_site(), origin=SITE) as base_url:
        host, _, port = base_url.rpartition(":")
        assert host == "http://127.0.0.1"
        assert int(port) > 0


async def test_ipv6_stands_in_brackets() -> None:
    """On an IPv6 address the base URL is a valid one."""
    try:
        async with serving(_site(), origin=SITE, host="::1") as base_url:
            assert base_url.startswith("http://[::1]:")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")


async def test_any_host_gets_the_same_site() -> None:
    """What Host the client names makes no difference."""
    async with serving(_site(), origin=SITE) as base_url:
        answer = await _raw(base_url, b"GET / HTTP/1.1\r\nHost: elsewhere.test\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_the_absolute_form_of_a_target() -> None:
    """A request as to a proxy gets the page of its path, not of its host."""
    request = b"GET http://elsewhere.test/a?q=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with serving(_site(), origin=SITE) as base_url:
        assert (await _raw(base_url, request)).endswith(b"\r\n\r\n\x00\xff")


async def test_a_target_with_two_slashes_stays_on_the_origin() -> None:
    """A path that begins with two slashes names no other host."""
    web = _site()
    async with serving(web, origin=SITE) as base_url:
        await _raw(base_url, b"GET //other.test/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert web.requests[0].url == f"{SITE}//other.test/"


async def test_method_fields_and_body_arrive() -> None:
    """The handler sees method, fields and body; the fields of the connection are left out."""
    async with serving(_site(), origin=SITE) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        answer = await client.post("/echo", content=b"data", headers={"X-Mine": "yes"})
        head, _, body = answer.text.partition("\n\n")
        assert head.startswith(f"POST {SITE}/echo\n")
        assert "X-Mine: yes" in head
        assert not any(name in head.lower() for name in ("host:", "connection:", "content-length:"))
        assert body == "data"
        chunked = await client.put("/echo", content=_chunks())
        assert chunked.text.endswith("\n\nonetwo")


async def _chunks() -> AsyncIterator[bytes]:
    yield b"one"
    await trio.lowlevel.checkpoint()
    yield b"two"


async def test_a_client_that_waits_for_100() -> None:
    """A client that waits for leave to send its body gets it."""
    async with serving(_site(), origin=SITE) as base_url, await _connect(base_url) as stream:
        await stream.send_all(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            b"Connection: close\r\nExpect: 100-continue\r\n\r\n"
        )
        with trio.fail_after(5):
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
            await stream.send_all(b"data")
            answer = b"".join([data async for data in stream])
    assert answer.endswith(b"\n\ndata")


async def test_head_has_the_length_but_no_body() -> None:
    """HEAD is answered with the fields of the page alone, and the connection goes on."""
    async with serving(_site(), origin=SITE) as base_url, httpx.AsyncClient(base_url=base_url) as client:
        answer = await client.head("/large")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-length"] == "3000000"
        assert (await client.get("/")).status_code == 200


async def test_a_connection_is_kept_alive() -> None:
    """Requests one after the other, and those sent ahead, are answered on one connection in order."""
    async with serving(_site(), origin=SITE) as base_url:
        one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        two = b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await _raw(base_url, one + one + two)
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.index(b"HTTP/1.1 404") > answer.rindex(b"HTTP/1.1 200 OK")


async def test_http_1_0_is_closed_after_the_answer() -> None:
    """A client of HTTP/1.0 gets its answer, and the end of the connection."""
    async with serving(_site(), origin=SITE) as base_url:
        answer = await _raw(base_url, b"GET / HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"<a href=/a>a</a>")


async def test_a_failure_closes_without_an_answer() -> None:
    """A page that fails has no response, here neither."""
    async with serving(_site(), origin=SITE) as base_url:
        assert await _raw(base_url, b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n") == b""


@pytest.mark.parametrize(
    "request_head",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA" + b"a" * 200_000],
)
async def test_nonsense_is_refused(request_head: bytes) -> None:
    """What is no HTTP, or has no end, is answered with a client error, and the server goes on."""
    async with serving(_site(), origin=SITE) as base_url:
        assert (await _raw(base_url, request_head)).startswith(b"HTTP/1.1 4")
        assert (await _raw(base_url, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_a_body_that_is_too_large_is_refused() -> None:
    """A request whose body passes the bound is answered with 413."""
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 12000000\r\n\r\n"
    async with serving(_site(), origin=SITE) as base_url:
        answer = await _raw(base_url, head + b"x" * 12_000_000)
    assert answer.startswith(b"HTTP/1.1 413 ")


class _Endless:
    """A fetcher that is not done before it is cancelled, and says when it began and when it ended."""

    opens_connections = False
    virtual = False

    def __init__(self) -> None:
        self.began = trio.Event()
        self.ended = trio.Event()

    def open(self, _environment: Environment, /) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def fetch(self, _hop: Hop, /) -> Response:
        self.began.set()
        try:
            await trio.sleep_forever()
        finally:
            self.ended.set()


@pytest.mark.parametrize("reset", [False, True])
async def test_a_client_that_hangs_up_ends_its_own_request(reset: bool) -> None:
    """A client that leaves while its page is slow cancels that fetch at once; any fetcher will do."""
    site = _Endless()
    async with serving(site, origin=SITE) as base_url:
        stream = await _connect(base_url)
        await stream.send_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(5):
            await site.began.wait()
            if reset:
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()
            await site.ended.wait()
        assert (await _raw(base_url, b"nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_hangs_up_in_the_middle_of_a_body() -> None:
    """Neither a request nor an answer that breaks off disturbs the server."""
    async with serving(_site(), origin=SITE) as base_url:
        for part in (b"GET / HT", b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"):
            async with await _connect(base_url) as stream:
                await stream.send_all(part)
        async with await _connect(base_url) as stream:
            await stream.send_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            await stream.receive_some(100)
        assert (await _raw(base_url, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_many_clients_at_once() -> None:
    """More clients than connections are allowed are all served, one after the other."""
    web = _site()
    answers: list[bytes] = []

    async def client(base_url: str) -> None:
        answers.append(await _raw(base_url, b"GET / HTTP/1.0\r\n\r\n"))

    async with serving(web, origin=SITE) as base_url:
        streams = [await _connect(base_url) for _ in range(255)]
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(client, base_url)
        for stream in streams:
            await stream.aclose()
    assert len(answers) == 20
    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


async def test_leaving_the_block_closes_everything() -> None:
    """Connections that are idle, and ones that wait for a slow page, are closed with the block."""
    async with asserts_no_leaks():
        async with serving(_site(), origin=SITE) as base_url:
            idle, waiting = await _connect(base_url), await _connect(base_url)
            await waiting.send_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await trio.sleep(0.01)
        for stream in (idle, waiting):
            await stream.aclose()
    with pytest.raises(OSError, match="connect"):
        await _connect(base_url)


async def test_an_exception_of_the_block_comes_out_as_it_is() -> None:
    """What the block raises is not wrapped in a group, and a group of its own is not unwrapped."""
    for error in (ValueError("mine"), ExceptionGroup("mine", [ValueError()]), KeyError("k")):
        with pytest.raises(type(error)) as caught:
            async with serving(_site(), origin=SITE):
                raise error
        assert caught.value is error
        assert caught.value.__context__ is None


async def test_a_bug_in_a_handler_ends_the_server() -> None:
    """An exception of a handler's is not hidden behind a status: it ends the block."""
    web = MemoryWeb()

    def broken(_hop: Hop) -> str:
        raise ZeroDivisionError

    web.add(f"{SITE}/", broken)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with serving(web, origin=SITE) as base_url:
            await _raw(base_url, b"GET / HTTP/1.0\r\n\r\n")
            await trio.sleep_forever()


async def test_serve_is_started_in_a_nursery() -> None:
    """`nursery.start` returns the base URL once connections are accepted; cancelling ends it."""
    async with trio.open_nursery() as nursery:
        base_url = await nursery.start(partial(serve, _site(), origin=f"{SITE}/whatever"))
        assert (await _raw(base_url, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200")
        nursery.cancel_scope.cancel()


async def test_an_origin_that_is_no_url_is_refused() -> None:
    """An origin without a scheme is a UsageError that says what to write."""
    with pytest.raises(UsageError, match=r"https://site\.test"):
        await serve(_site(), origin="site.test")


async def test_a_port_that_is_taken() -> None:
    """A port that can't be listened on is the system's own error."""
    async with serving(_site(), origin=SITE) as base_url:
        with pytest.raises(OSError, match="in use"):
            async with serving(_site(), origin=SITE, port=int(base_url.rpartition(":")[2])):
                pass


def test_cancelled_at_any_time_it_leaves_nothing() -> None:
    """Cancelled at any moment with clients under way, the server leaves no socket and no task."""

    async def run() -> None:
        async with (
            serving(_site(), origin=SITE) as base_url,
            trio.open_nursery() as nursery,
        ):
            for path in ("/", "/large", "/slow", "/broken"):
                request = f"GET {path} HTTP/1.0\r\n\r\n".encode()
                nursery.start_soon(_raw, base_url, request)
            await trio.sleep(1)

    seeded = random.Random(7)  # noqa: S311 - repeatable, not secret
    assert cancel_at(run, [seeded.uniform(0, 0.02) for _ in range(40)]) == 40
