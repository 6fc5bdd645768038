"""The asks fetcher: what it sends, what it makes of what comes back, which connections it keeps."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from asks_support import OK, answer, end_after, environment, failing, failure_of, opened, playing

from trio_crawl import Hop, MissingExtraError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl.fetchers import Asks
from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from asks_support import Play

# What comes back


async def test_a_response_says_all_there_is() -> None:
    """Status, body, version, address, and every field as it came: repeated ones, which asks loses, too."""
    sent = (
        b"HTTP/1.1 404 N\xf6\r\nSet-Cookie: a=1\r\nX-Two: 1\r\nX-Empty:\r\nset-cookie: b=2\r\n"
        b"X-Two: \xe9\r\nContent-Length: 3\r\n\r\nno!"
    )
    async with playing(sent) as server, opened() as asks:
        response = await asks.fetch(server.hop("/a?b"))
    assert (response.status, response.body, response.http_version) == (404, b"no!", "1.1")
    assert response.url == f"http://127.0.0.1:{server.port}/a?b"
    assert response.address == "127.0.0.1"
    assert response.elapsed > 0
    assert response.headers.raw == (
        (b"Set-Cookie", b"a=1"),
        (b"X-Two", b"1"),
        (b"X-Empty", b""),
        (b"set-cookie", b"b=2"),
        (b"X-Two", b"\xe9"),
        (b"Content-Length", b"3"),
    )


@pytest.mark.parametrize(
    "field",
    [
        b"Set-Cookie: no value and no name",
        b"Set-Cookie: a=b; =; ;;",
        b"Content-Type: text/html; charset=\xff=no such=thing",
        b"Content-Encoding: such, there, is none",
        b"Location: //[::bad",
        b"Connection: \xe9",
        b"Transfer-Encoding: chunked\r\nConnection: close",
    ],
)
@pytest.mark.parametrize("status", [200, 301, 303, 305, 401, 999])
async def test_fields_that_asks_would_act_on(field: bytes, status: int) -> None:
    """Whatever they hold, they come out as they are, and the content raw."""
    body = b"3\r\nraw\r\n0\r\n\r\n" if b"chunked" in field else b"raw"
    length = b"" if b"chunked" in field else b"Content-Length: 3\r\n"
    response = await answer(b"HTTP/1.1 %d X\r\n%b\r\n%b\r\n%b" % (status, field, length, body))
    assert (response.status, response.body) == (status, b"raw")
    name, _, value = field.partition(b"\r\n")[0].partition(b": ")
    assert response.headers.raw[0] == (name, value)


@pytest.mark.parametrize("status", [301, 304])
async def test_a_redirect_without_a_target(status: int) -> None:
    """A status of this class is a response like another, whatever it lacks."""
    response = await answer(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
    assert (response.status, response.body) == (status, b"")


async def test_chunks_are_joined_and_trailers_left_out() -> None:
    """The transfer coding is removed, and a trailer is no part of the header."""
    chunks = b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Late: 1\r\n\r\n"
    response = await answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert response.body == b"abcde"
    assert response.headers.get("X-Late") is None


@pytest.mark.parametrize(
    "head", [b"HTTP/1.0 200 OK", b"HTTP/1.1 200 OK\r\nConnection: close", b"HTTP/1.1 200"]
)
async def test_a_body_may_end_with_the_connection(head: bytes) -> None:
    """Without a length, the end of the connection is the end of the body; asks alone knows two of these."""
    response = await answer(partial(end_after, head + b"\r\n\r\nall"))
    assert (response.body, response.http_version) == (b"all", head[5:8].decode())


async def test_interim_responses_are_dropped() -> None:
    """Only the final response counts, and only its fields."""
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    response = await answer(interim * 100 + OK)
    assert (response.status, response.body) == (200, b"ok")
    assert response.headers.raw == ((b"Content-Length", b"2"),)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_what_has_no_body_may_tell_of_a_long_one(method: str, status: int) -> None:
    """The Content-Length of such a response is not the length of anything that comes, and no limit is met."""
    sent = b"HTTP/1.1 %d X\r\nContent-Length: 200000\r\n\r\n" % status
    async with playing(sent) as server, opened() as asks:
        for _ in range(2):
            response = await asks.fetch(server.hop(method=method))
            assert (response.status, response.body) == (status, b"")
        assert server.connections == 1


@pytest.mark.parametrize("reads_on", [True, False])
async def test_an_answer_before_the_whole_request(reads_on: bool) -> None:
    """A server that refuses a long body half-way is heard, also if it hangs up on the rest."""
    refusal = b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno"
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]

    async def refuse(stream: trio.SocketStream) -> None:
        await stream.receive_some(100)
        await stream.send_all(refusal)
        await stream.send_eof()
        if reads_on:
            async for _ in stream:
                pass

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, refuse, [listener]))
        async with opened() as asks:
            url, body = f"http://127.0.0.1:{port}/", bytes(2**24)
            hop = Hop(url=url, method="POST", body=body, addresses=("127.0.0.1",))
            response = await asks.fetch(hop)
            assert (response.status, response.body) == (413, b"no")
        nursery.cancel_scope.cancel()


# What is sent


async def test_only_the_given_fields_are_sent() -> None:
    """The fields of the hop, in their order, each as often as it is given, and Host: nothing of asks' own."""
    fields = (("X-B", "1"), ("User-Agent", "me"), ("X-B", "2"), ("X-A", "ü"), ("X-Empty", ""))
    async with playing(OK) as server, opened() as asks:
        await asks.fetch(server.hop(headers=fields))
        await asks.fetch(server.hop())
    lines = server.requests[0].removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert lines == [
        b"GET / HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"X-B: 1",
        b"User-Agent: me",
        b"X-B: 2",
        b"X-A: \xfc",
        b"X-Empty: ",
    ]
    assert server.requests[1] == f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()


async def test_the_path_is_sent_as_it_is() -> None:
    """Nothing in it is quoted or unquoted; what stands before the host is not sent at all."""
    async with playing(OK) as server, opened() as asks:
        await asks.fetch(server.hop("/a/%2e%41%zz/b|c^d;e//f?{g}&[h];i?"))
        hop = server.hop()
        await asks.fetch(server.hop(url=hop.url.replace("//", "//me:secret@") + "p@q"))
    assert server.requests[0].startswith(b"GET /a/%2e%41%zz/b|c^d;e//f?{g}&[h];i? HTTP/1.1\r\n")
    assert server.requests[1].startswith(b"GET /p@q HTTP/1.1\r\n")
    assert b"uthorization" not in server.requests[1]


@pytest.mark.parametrize(
    ("method", "body", "framing"),
    [
        ("POST", b"a\0b", b"\r\nContent-Length: 3\r\n\r\na\0b"),
        ("POST", None, b"\r\nContent-Length: 0\r\n\r\n"),
        ("PUT", b"x", b"\r\nContent-Length: 1\r\n\r\nx"),
        ("DELETE", None, b"\r\n\r\n"),
        ("GET", b"q", b"\r\nContent-Length: 1\r\n\r\nq"),
        ("SEARCH", b"", b"\r\n\r\n"),
    ],
)
async def test_other_methods(method: str, body: bytes | None, framing: bytes) -> None:
    """Method and body arrive as they were given."""
    async with playing(OK) as server, opened() as asks:
        assert (await asks.fetch(server.hop(method=method, body=body))).body == b"ok"
    assert server.requests[0].startswith(f"{method} / HTTP/1.1\r\n".encode())
    assert server.requests[0].endswith(framing)
    assert b"Content-Type" not in server.requests[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("X", "a\r\nY: b"),)},
        {"headers": (("X Y", "a"),)},
        {"headers": (("X", "\u20ac"),)},
        {"headers": (("Host", "other.test"),)},
        {"method": "GET / HTTP/1.1\r\nX: y\r\n"},
        {"method": "G\u20acT"},
        {"url": "http://127.0.0.1:%d/\u20ac"},
    ],
)
async def test_what_cannot_be_sent_is_not(changes: dict[str, Any]) -> None:
    """A field, method or URL that would break the request is a failure, and nothing is sent."""
    async with playing(OK) as server, opened() as asks:
        if "url" in changes:
            changes = {"url": changes["url"] % server.port}
        assert (await failing(asks, server.hop(**changes))).kind == "protocol"
        assert (await asks.fetch(server.hop())).body == b"ok"
    assert len(server.requests) == 1


async def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy is."""
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert (await answer(OK)).body == b"ok"


# Where to


async def test_the_addresses_of_the_hop_are_connected_to() -> None:
    """The name is not looked up, and an address that refuses is passed over."""
    async with playing(OK) as server, opened() as asks:
        url = f"http://no-such-name.test:{server.port}/"
        for _ in range(2):
            response = await asks.fetch(server.hop(url=url, addresses=("127.0.0.9", "127.0.0.1")))
            assert response.address == "127.0.0.1"
        assert server.connections == 1
    assert f"Host: no-such-name.test:{server.port}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize(
    ("addresses", "kind"), [((), "dns"), (("127.0.0.9",), "connect"), (("127.0.0.9", "::1"), "connect")]
)
async def test_no_address_that_answers(addresses: tuple[str, ...], kind: str) -> None:
    """Without one there is no response, whatever the name would resolve to."""
    async with playing(OK) as server, opened() as asks:
        url = f"http://localhost:{server.port}/"
        assert (await failing(asks, server.hop(url=url, addresses=addresses))).kind == kind
    assert server.connections == 0


async def test_ipv6() -> None:
    """Its address is connected to, and Host has it in brackets."""
    async with playing(OK, address="::1") as server, opened() as asks:
        response = await asks.fetch(server.hop())
    assert (response.body, response.address) == (b"ok", "::1")
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]


async def test_a_refused_address_is_not_connected_to() -> None:
    """The guard is asked where the socket is opened, and its reason is the message."""
    guard = AddressGuard(False)
    async with playing(OK) as server, opened(guard=guard) as asks:
        hop = server.hop(url=f"http://name.test:{server.port}/")
        failure = await failing(asks, hop)
    assert failure.kind == "blocked_address"
    assert failure.message == f"{hop.url}: {guard.refusal('name.test', server.port, '127.0.0.1')}"
    assert server.connections == 0


async def test_what_the_guard_raises_comes_out() -> None:
    """An exception of the guard's is nobody's failure."""

    class Broken:
        def refusal(self, host: str, port: int, address: str) -> str | None:
            raise ZeroDivisionError(host, port, address)

    async with playing(OK) as server, opened(guard=Broken()) as asks:
        with pytest.raises(ZeroDivisionError):
            await asks.fetch(server.hop())


# Limits, and what is no HTTP


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(100_001),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a1\r\n" + bytes(100_001),
    ],
)
async def test_a_body_beyond_the_limit(head: bytes) -> None:
    """One that is announced, one that just comes, and one in chunks; none has to end for it."""
    failure = await failure_of(head)
    assert failure.kind == "too_large"
    assert "max_bytes" in failure.message


async def test_a_body_of_the_limit_passes() -> None:
    """As many bytes as are allowed are allowed, one more is not, and a limit of 0 is one."""
    sent = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)
    async with playing(sent) as server, opened() as asks:
        assert len((await asks.fetch(server.hop(max_bytes=70_000))).body) == 70_000
        assert (await failing(asks, server.hop(max_bytes=69_999))).kind == "too_large"
        assert (await failing(asks, server.hop(max_bytes=0))).kind == "too_large"


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        (b"X-A: " + b"a" * 8000 + b"\r\n", "larger than 262,144 bytes"),
        (b"A: b\r\n", "more than 5,000 lines"),
        (b"\r\nHTTP/1.1 103 Early\r\nX: " + b"a" * 9000 + b"\r\n", "larger than 262,144 bytes"),
        (b"\r\nHTTP/1.1 103 Early\r\nA: b\r\n", "more than 100 interim responses"),
    ],
)
async def test_a_header_without_end(unit: bytes, message: str) -> None:
    """Long fields, many fields, and interim responses for ever all come to an end."""

    async def endless(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 103 Early\r\n")
        while True:
            await stream.send_all(unit * 20)

    failure = await failure_of(endless)
    assert failure.kind == "protocol"
    assert message in failure.message


async def test_a_large_header_that_ends() -> None:
    """What browsers take, so do we, though asks' own bound is less than a tenth of it."""
    fields = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 1000) for number in range(200))
    response = await answer(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nok")
    assert len(response.headers) == 201


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"<html>no head</html>",
        b"<html>no head, and lines</html>\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxyz",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n",
        b"HTTP/1.1 101 Over\r\nUpgrade: h2c\r\n\r\nabc",
        b"HTTP/1.1 1 OK\r\n\r\n",
        b"HTTP/1.1 9999 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_what_is_no_whole_response(sent: bytes) -> None:
    """What ends too early, contradicts itself, or is no HTTP/1, is a failure of the protocol."""
    assert (await failure_of(partial(end_after, sent))).kind == "protocol"


async def test_a_server_that_goes_over_to_another_protocol() -> None:
    """Though the request offers it, that is no response."""
    fields = (("Upgrade", "h2c"), ("Connection", "upgrade"))
    failure = await failure_of(b"HTTP/1.1 101 Over\r\nUpgrade: h2c\r\n\r\nabc", headers=fields)
    assert failure.kind == "protocol"
    assert "another protocol" in failure.message


async def test_a_connection_that_breaks() -> None:
    """A reset in the middle of a body is a failure of the protocol."""

    async def reset(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
        await trio.testing.wait_all_tasks_blocked(0.01)
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await stream.aclose()

    failure = await failure_of(reset)
    assert failure.kind == "protocol"
    assert "the connection broke" in failure.message


# Connections that are kept


async def test_a_connection_is_kept() -> None:
    """Requests one after the other share one connection; those at the same time don't."""
    async with playing(OK) as server, opened() as asks:
        for _ in range(5):
            await asks.fetch(server.hop())
        assert server.connections == 1
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(asks.fetch, server.hop())
        assert server.connections == 3


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    ],
)
async def test_a_connection_that_is_not_kept(sent: bytes) -> None:
    """Where the server says so, speaks an old version, or sends more than it was asked for."""
    async with playing(sent) as server, opened() as asks:
        for _ in range(3):
            assert (await asks.fetch(server.hop())).body == b"ok"
        assert server.connections == 3


async def test_what_nobody_asked_for_is_not_an_answer() -> None:
    """What comes in over an idle connection is not taken for the response to the next request."""

    async def more(stream: trio.SocketStream) -> None:
        await stream.send_all(OK)
        await trio.sleep(0.02)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    async with playing(more) as server, opened() as asks:
        for number in range(3):
            assert (await asks.fetch(server.hop())).body == b"ok"
            assert server.connections == number + 1
            await trio.sleep(0.1)


async def test_a_kept_connection_that_the_server_has_closed() -> None:
    """The next fetch makes a new one, however often it happens."""
    async with playing(partial(end_after, OK)) as server, opened() as asks:
        for _ in range(10):
            assert (await asks.fetch(server.hop(method="POST", body=b"x"))).body == b"ok"
            await trio.sleep(0.01)
        assert server.connections == 10


def closing_on_the_second(how: bytes) -> Play:
    """Return a server's play that answers the first request of a connection, and the next with *how*."""
    served: set[int] = set()

    async def play(stream: trio.SocketStream) -> None:
        if id(stream) in served:
            await end_after(how, stream)
        else:
            served.add(id(stream))
            streams.append(stream)  # so that no other gets its id
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    streams: list[trio.SocketStream] = []
    return play


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_a_server_that_hangs_up_on_the_next_request(method: str) -> None:
    """What can be repeated is made once more, on a new connection."""
    async with playing(closing_on_the_second(b"")) as server, opened() as asks:
        for number in range(5):
            assert (await asks.fetch(server.hop(method=method))).status == 200
            assert server.connections == number + 1
        assert len(server.requests) == 9


@pytest.mark.parametrize(("method", "how"), [("POST", b""), ("PATCH", b""), ("GET", b"HTTP/1.1 2")])
async def test_a_request_that_is_not_repeated(method: str, how: bytes) -> None:
    """What can't be is not, nor what was answered in part."""
    async with playing(closing_on_the_second(how)) as server, opened() as asks:
        await asks.fetch(server.hop())
        assert (await failing(asks, server.hop(method=method))).kind == "protocol"
        assert len(server.requests) == 2


async def test_a_server_that_hangs_up_on_the_first_request() -> None:
    """A new connection is given one chance."""
    async with playing(partial(end_after, b"")) as server, opened() as asks:
        assert (await failing(asks, server.hop())).kind == "protocol"
        assert server.connections == 1


async def test_idle_connections_have_a_bound() -> None:
    """Of those to many origins the longest unused are closed."""
    async with playing(OK) as server, opened() as asks:
        for number in range(120):
            await asks.fetch(server.hop(url=f"http://host{number}.test:{server.port}/"))
        assert server.connections == 120
        assert server.most_open <= 102  # one more while it is in use, and one that is just closing
        await asks.fetch(server.hop(url=f"http://host119.test:{server.port}/"))
        assert server.connections == 120
        await asks.fetch(server.hop(url=f"http://host0.test:{server.port}/"))
        assert server.connections == 121


# Opening and closing


async def test_one_crawl_at_a_time() -> None:
    """A second one is told so; after the first it may have it."""
    asks = Asks()
    async with trio.open_nursery() as nursery:
        async with asks.open(environment(nursery)):
            with pytest.raises(trio.BusyResourceError, match="this Asks"):
                async with asks.open(environment(nursery)):
                    pass
        async with playing(OK) as server, asks.open(environment(nursery)):
            assert (await asks.fetch(server.hop())).body == b"ok"


async def test_it_has_to_be_open() -> None:
    """Outside a crawl it fetches nothing."""
    with pytest.raises(trio.ClosedResourceError, match="not open"):
        await Asks().fetch(Hop(url="http://127.0.0.1/"))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_closing_ends_what_is_in_flight(scheme: str) -> None:
    """A fetch that outlives its crawl, or a handshake that does, ends and is told so; nothing is left."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"{scheme}://127.0.0.1:{listener.socket.getsockname()[1]}/"
    told = 0

    async def expect(asks: Asks) -> None:
        nonlocal told
        with pytest.raises(trio.ClosedResourceError, match="this Asks was closed"):
            await asks.fetch(Hop(url=url, addresses=("127.0.0.1",)))
        told += 1

    async with listener, asserts_no_leaks(), trio.open_nursery() as nursery:
        async with opened() as asks:
            for _ in range(3):
                nursery.start_soon(expect, asks)  # noqa: ASYNC111 - it is closed on purpose
            await trio.testing.wait_all_tasks_blocked(0.05)
        assert told == 3


def test_trio_is_left_as_it_is() -> None:
    """To fetch by asks changes nothing in trio, and no function of anyio is called."""
    program = """
import sys, trio
from trio_crawl import fetch_page
from trio_crawl.testing import MemoryWeb, serving

async def main():
    web = MemoryWeb()
    web.add("http://site.test/", "a page")
    async with serving(web, origin="http://site.test") as base:
        page = await fetch_page(base + "/", fetch="asks", allow_private=True)
    assert page.content == b"a page"
    assert "anyio._backends._trio" not in sys.modules
    assert not hasattr(trio, "MultiError")

assert not [name for name in sys.modules if name.partition(".")[0] in ("asks", "anyio")]
trio.run(main)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)  # noqa: S603


def test_what_it_says_of_itself() -> None:
    """It opens connections, and lives in real time."""
    asks = Asks()
    assert (asks.opens_connections, asks.virtual, repr(asks)) == (True, False, "Asks()")


def test_without_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and what does without."""
    monkeypatch.setitem(sys.modules, "asks.request_object", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trio-crawl\[asks\]'.* fetch='curl'"):
        Asks()
