"""HTTP/1.1 over connections of our own, against servers that do what a test tells them."""

from __future__ import annotations

import gc
import random
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio
import trustme

from trio_crawl._errors import FetchError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.http11 import Http11
from trio_crawl._fetch.idle import MAX_IDLE
from trio_crawl._fetch.route import Route
from trio_crawl._model import Hop

ANYWHERE = AddressGuard(allow_private=True)


class Peer:
    """The server's end of one connection."""

    def __init__(self, stream: trio.abc.Stream, heads: list[bytes]) -> None:
        self.stream = stream
        self.heads = heads
        self.buffered = b""

    async def receive(self) -> bytes:
        """Return the head of the next request, and note it; nothing if there is none."""
        while b"\r\n\r\n" not in self.buffered:
            chunk = await self.stream.receive_some()
            if not chunk:
                return b""
            self.buffered += chunk
        head, _, self.buffered = self.buffered.partition(b"\r\n\r\n")
        self.heads.append(bytes(head))
        return bytes(head)

    async def send(self, text: bytes) -> None:
        """Send *text*, whose line ends are those of Python, as HTTP's."""
        await self.stream.send_all(text.replace(b"\n", b"\r\n"))


Play = Callable[[Peer], Awaitable[None]]


@dataclass
class Server:
    """A listening server, what it was asked, and on how many connections."""

    address: str
    port: int
    heads: list[bytes] = field(default_factory=list)
    connections: int = 0

    def hop(self, path: str = "/", **changes: object) -> Hop:
        """Return a request of *path*, to this server."""
        given = {"url": f"http://site.test:{self.port}{path}", "addresses": (self.address,), **changes}
        return Hop(**given)  # type: ignore[arg-type]


@asynccontextmanager
async def serving(
    play: Play, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Server]:
    """Yield a server that plays *play* on each connection, and closes it after that."""
    (listener,) = await trio.open_tcp_listeners(0, host=host)
    server = Server(host, listener.socket.getsockname()[1])

    async def handle(stream: trio.SocketStream) -> None:
        server.connections += 1
        wrapped: trio.abc.Stream = stream if tls is None else trio.SSLStream(stream, tls, server_side=True)
        try:
            await play(Peer(wrapped, server.heads))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has gone; whether it should have is what the test looks at
        finally:
            stream.socket.close()

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield server
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def opened(context: ssl.SSLContext | None = None) -> AsyncIterator[Http11]:
    """Yield a client, and close its connections."""
    http = Http11(Route(ssl_context=context))
    try:
        yield http
    finally:
        http.close()


def answering(*texts: bytes) -> Play:
    """Return a play that answers each request on a connection with the next of *texts*."""

    async def play(peer: Peer) -> None:
        for text in texts:
            if not await peer.receive():
                return
            await peer.send(text)

    return play


def always(text: bytes) -> Play:
    """Return a play that answers every request with *text*."""

    async def play(peer: Peer) -> None:
        while await peer.receive():
            await peer.send(text)

    return play


@contextmanager
def no_socket_left() -> Iterator[None]:
    """Check that as many sockets are open afterwards as before, without the help of the collector."""
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("open descriptors are counted in /proc, which this system does not have")
    gc.collect()
    gc.disable()
    before = len(list(Path("/proc/self/fd").iterdir()))
    try:
        yield
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    finally:
        gc.enable()


async def failing(http: Http11, hop: Hop, guard: AddressGuard = ANYWHERE) -> FetchError:
    """Return the failure that *hop* comes to."""
    with pytest.raises(FetchError) as caught:
        await http.exchange(hop, guard)
    return caught.value


OK = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"
CHUNKED = b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"


async def test_a_response_is_handed_on_as_it_came() -> None:
    """Status, header fields with their spelling and repetitions, body, version, address and time."""
    play = always(b"HTTP/1.1 404 No\nContent-length: 3\nX-A: 1\nx-a: \xe9\n\n\x00\xff!")
    async with serving(play) as server, opened() as http:
        response = await http.exchange(server.hop("/x"), ANYWHERE)
    assert response.url == f"http://site.test:{server.port}/x"
    assert response.status == 404
    assert response.headers.raw == ((b"Content-length", b"3"), (b"X-A", b"1"), (b"x-a", b"\xe9"))
    assert response.body == b"\x00\xff!"
    assert response.http_version == "1.1"
    assert response.address == "127.0.0.1"
    assert 0.0 < response.elapsed < 30.0


async def test_a_request_is_sent_as_it_is_given() -> None:
    """The target byte for byte, without user name and password, with the fields given and no others."""
    target = "/a|b/%7e%2F/[x]?q='1'&r={}^`&"
    async with serving(always(OK)) as server, opened() as http:
        url = f"http://user:secret@site.test:{server.port}{target}"
        await http.exchange(server.hop(url=url, headers=(("X-B", "é"), ("Accept", "*/*"))), ANYWHERE)
    assert server.heads == [
        f"GET {target} HTTP/1.1\r\nHost: site.test:{server.port}\r\nX-B: é\r\nAccept: */*".encode("latin-1")
    ]


async def test_an_empty_query_is_kept() -> None:
    """Neither is a question mark without a query lost, nor one made up."""
    async with serving(always(OK)) as server, opened() as http:
        for path in ("/?", "/", "/a?b?c"):
            await http.exchange(server.hop(path), ANYWHERE)
    assert [head.split()[1] for head in server.heads] == [b"/?", b"/", b"/a?b?c"]


@pytest.mark.parametrize(("body", "length"), [(b"a=1", b"3"), (b"", b"0"), (None, b"0")])
async def test_a_body_is_sent_with_its_length(body: bytes | None, length: bytes) -> None:
    """A POST tells its length, though it be 0 (RFC 9110, section 8.6)."""
    received = b""

    async def play(peer: Peer) -> None:
        nonlocal received
        await peer.receive()
        while len(peer.buffered) < int(length):
            peer.buffered += await peer.stream.receive_some()
        received = peer.buffered
        await peer.send(OK)

    async with serving(play) as server, opened() as http:
        await http.exchange(server.hop(method="POST", body=body), ANYWHERE)
    assert b"\r\nContent-Length: " + length in server.heads[0]
    assert received == (body or b"")


@pytest.mark.parametrize("header", [("X-A", "a\r\nX-B: b"), ("X A", "a"), ("X-A", "€")])
async def test_a_field_that_can_not_be_sent_is_an_error(header: tuple[str, str]) -> None:
    """Nothing slips a second field, or a second request, into the first."""
    async with serving(always(OK)) as server, opened() as http:
        assert (await failing(http, server.hop(headers=(header,)))).kind == "protocol"
        assert server.heads == []
        assert (await http.exchange(server.hop(), ANYWHERE)).body == b"ok"


async def test_a_connection_is_used_again() -> None:
    """Ten requests of one origin make one connection."""
    async with serving(always(OK)) as server, opened() as http:
        for number in range(10):
            assert (await http.exchange(server.hop(f"/{number}"), ANYWHERE)).body == b"ok"
        assert (server.connections, len(server.heads)) == (1, 10)


async def test_requests_at_once_have_a_connection_each() -> None:
    """Nothing queues behind a slow response."""
    arrived = 0
    all_there = trio.Event()

    async def play(peer: Peer) -> None:
        nonlocal arrived
        await peer.receive()
        arrived += 1
        if arrived == 5:
            all_there.set()
        await all_there.wait()
        await peer.send(OK)

    async with serving(play) as server, opened() as http, trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(http.exchange, server.hop(), ANYWHERE)
    assert server.connections == 5


async def test_origins_do_not_share_a_connection() -> None:
    """The same server under two names gets two connections."""
    async with serving(always(OK)) as server, opened() as http:
        await http.exchange(server.hop(), ANYWHERE)
        await http.exchange(server.hop(url=f"http://other.test:{server.port}/"), ANYWHERE)
    assert server.connections == 2


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\nConnection: close\nContent-Length: 2\n\nok",
        b"HTTP/1.0 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\n\nok",
    ],
)
async def test_a_connection_that_ends_is_not_used_again(text: bytes) -> None:
    """Whether the server says so, speaks HTTP/1.0, or ends the body by closing."""
    with no_socket_left():
        async with serving(answering(text)) as server, opened() as http:
            for _ in range(2):
                response = await http.exchange(server.hop(), ANYWHERE)
                assert response.body == b"ok"
            assert server.connections == 2
            assert response.http_version == text[5:8].decode()


@pytest.mark.parametrize("version", [b"1.2", b"2.0", b"9.9"])
async def test_a_version_that_is_unknown(version: bytes) -> None:
    """It is read as HTTP/1.1, and called so."""
    async with serving(answering(OK.replace(b"1.1", version, 1))) as server, opened() as http:
        response = await http.exchange(server.hop(), ANYWHERE)
    assert (response.http_version, response.body) == ("1.1", b"ok")


async def test_a_version_without_status_lines_is_refused() -> None:
    """HTTP/0.9 has none."""
    async with serving(answering(OK.replace(b"1.1", b"0.9", 1))) as server, opened() as http:
        with pytest.raises(FetchError, match="no status line"):
            await http.exchange(server.hop(), ANYWHERE)


async def test_a_connection_closed_meanwhile_is_noticed() -> None:
    """A server may close an idle connection whenever it likes."""
    async with serving(answering(OK)) as server, opened() as http:
        for _ in range(3):
            assert (await http.exchange(server.hop(), ANYWHERE)).body == b"ok"
            await trio.testing.wait_all_tasks_blocked(0.01)
        assert (server.connections, len(server.heads)) == (3, 3)


async def closing_at_the_second(peer: Peer) -> None:
    """Answer one request, and close at the next: as a server does whose patience ended just then."""
    await peer.receive()
    await peer.send(OK)
    await peer.receive()


async def test_a_request_lost_on_a_kept_connection_is_made_again() -> None:
    """Once, on a new connection, for the server may have closed before it was sent."""
    async with serving(closing_at_the_second) as server, opened() as http:
        await http.exchange(server.hop("/1"), ANYWHERE)
        assert (await http.exchange(server.hop("/2"), ANYWHERE)).body == b"ok"
        assert [head.split()[1] for head in server.heads] == [b"/1", b"/2", b"/2"]


async def test_a_request_with_an_effect_is_not_made_again() -> None:
    """What became of a POST can't be known (RFC 9110, section 9.2.2)."""
    async with serving(closing_at_the_second) as server, opened() as http:
        await http.exchange(server.hop("/1"), ANYWHERE)
        assert (await failing(http, server.hop("/2", method="POST"))).kind == "protocol"
        assert len(server.heads) == 2


async def test_a_request_lost_on_a_new_connection_is_not_made_again() -> None:
    """That is for the crawl to decide, which counts and waits."""
    async with serving(answering(b"")) as server, opened() as http:
        failure = await failing(http, server.hop())
        assert failure.kind == "protocol"
        assert "closed the connection before there was a response" in str(failure)
        assert len(server.heads) == 1


async def test_chunks_are_put_together() -> None:
    """A chunked body comes whole, without extensions and trailers, and the connection stays."""
    text = CHUNKED + b"3;x=1\nabc\n2\nde\n0\nX-Trailer: 1\n\n"
    async with serving(always(text)) as server, opened() as http:
        for _ in range(2):
            assert (await http.exchange(server.hop(), ANYWHERE)).body == b"abcde"
        assert server.connections == 1


async def test_content_codings_are_left_alone() -> None:
    """The body is what came over the wire; decoding is done elsewhere, within bounds."""
    text = b"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4\n\nzip!"
    async with serving(always(text)) as server, opened() as http:
        assert (await http.exchange(server.hop(), ANYWHERE)).body == b"zip!"


@pytest.mark.parametrize("status", [200, 299, 301, 401, 407, 429, 503, 600, 999])
async def test_every_final_status_is_a_response(status: int) -> None:
    """One hop is one exchange: nothing is followed, authenticated or repeated."""
    text = b"HTTP/1.1 %d X\nLocation: /y\nRetry-After: 0\nContent-Length: 0\n\n" % status
    async with serving(always(text)) as server, opened() as http:
        assert (await http.exchange(server.hop(), ANYWHERE)).status == status
        assert len(server.heads) == 1


@pytest.mark.parametrize("tls", [False, True])
async def test_what_comes_beyond_a_response_is_no_answer_to_the_next(
    authority: trustme.CA, tls: bool
) -> None:
    """A connection on which more came than was asked for is not used again."""
    forged = b"HTTP/1.1 200 OK\nContent-Length: 6\n\nforged"
    context = server_side(authority, "site.test") if tls else None
    async with (
        serving(answering(OK + forged, OK), tls=context) as server,
        opened(client_side(authority)) as http,
    ):
        scheme = "https" if tls else "http"
        for _ in range(2):
            hop = server.hop(url=f"{scheme}://site.test:{server.port}/")
            assert (await http.exchange(hop, ANYWHERE)).body == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"HTTP/1.1 100 Continue\n\n" * 101 + OK, "more than 100 interim responses"),
        (b"HTTP/1.1 200 OK\nX: " + b"x" * 300_000, "the header, or a line between chunks, is longer"),
        (b"HTTP/1.1 200 OK\n" + b"X: y\n" * 100_000, "the header has more than 5,000 lines"),
        (b"HTTP/1.1 103 Early\n\nHTTP/1.1 200 OK\n" + b"a:\n" * 10_000 + b"\n", "more than 5,000 lines"),
        (b"HTTP/1.1 103 Early\na:\n\n" * 90 + b"HTTP/1.1 103 Early\n" + b"a:\n" * 10_000, "than 5,000 lines"),
        (
            (b"HTTP/1.1 103 Early\nX: " + b"x" * 100_000 + b"\n\n") * 5 + OK,
            "the header is larger than 262,144",
        ),
        (CHUNKED + b"2;" + b"x" * 300_000, "the header, or a line between chunks, is longer"),
        (CHUNKED + b"0\n" + b"X: y\n" * 100_000, "the header, or a line between chunks, is longer"),
    ],
)
async def test_a_header_has_an_end(text: bytes, why: str) -> None:
    """Neither it, nor what comes before it, nor what is between chunks and after them, goes on for ever."""

    async def play(peer: Peer) -> None:
        await peer.receive()
        await peer.send(text)
        await peer.receive()

    with no_socket_left():
        async with serving(play) as server, opened() as http:
            failure = await failing(http, server.hop())
            assert failure.kind == "protocol"
            assert why in failure.message


async def test_as_many_fields_as_there_may_be() -> None:
    """And again over the same connection; the lines of a body are none of them."""

    async def play(peer: Peer) -> None:
        while await peer.receive():
            body = b"\n" * 20_000
            head = b"HTTP/1.1 200 OK\nContent-Length: 40000\n" + b"a:\n" * 4_990 + b"\n"
            await peer.send(head + body)

    async with serving(play) as server, opened() as http:
        for _ in range(2):
            answer = await http.exchange(server.hop(), ANYWHERE)
            assert (len(answer.headers.raw), len(answer.body)) == (4_991, 40_000)
        assert server.connections == 1


async def test_a_body_in_tiny_chunks_leaves_others_their_turn() -> None:
    """However many of them come with one read."""
    many = 50_000
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async def play(peer: Peer) -> None:
        await peer.receive()
        await peer.send(CHUNKED + b"1\na\n" * many + b"0\n\n")

    async with serving(play) as server, opened() as http, trio.open_nursery() as nursery:
        nursery.start_soon(others)
        before = turns
        assert len((await http.exchange(server.hop(), ANYWHERE)).body) == many
        assert turns - before >= many / 256
        nursery.cancel_scope.cancel()


async def test_an_answer_before_the_end_of_the_request_counts() -> None:
    """A server may refuse a long request, and hang up, before it has read it."""

    async def play(peer: Peer) -> None:
        await peer.stream.receive_some(10)
        await peer.send(b"HTTP/1.1 413 Too Large\nConnection: close\nContent-Length: 2\n\nno")
        assert isinstance(peer.stream, trio.SocketStream)
        await peer.stream.send_eof()
        while await peer.stream.receive_some():
            pass

    async with serving(play) as server, opened() as http:
        hop = server.hop(method="POST", body=b"x" * 3_000_000)
        assert (await http.exchange(hop, ANYWHERE)).status == 413


async def test_interim_responses_are_passed_over() -> None:
    """Early hints come before the response (RFC 8297)."""
    async with serving(always(b"HTTP/1.1 103 Early\nLink: </a>\n\n" + OK)) as server, opened() as http:
        assert (await http.exchange(server.hop(), ANYWHERE)).status == 200


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 204 No Content\nContent-Length: 99999\n\n",
        b"HTTP/1.1 304 Not Modified\nContent-Length: 99999\n\n",
    ],
)
async def test_a_length_without_a_body_is_not_too_large(text: bytes) -> None:
    """HEAD, 204 and 304 may tell the length of what they don't send."""
    async with serving(always(text)) as server, opened() as http:
        assert (await http.exchange(server.hop(max_bytes=10), ANYWHERE)).body == b""
    async with serving(always(text.replace(b"204", b"200"))) as server, opened() as http:
        assert (await http.exchange(server.hop(method="HEAD", max_bytes=10), ANYWHERE)).body == b""


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200 OK\n",
        b"HTTP/1.1 200 OK\nContent-Length: 10\n\nshort",
        CHUNKED + b"5\nshort\n",
        CHUNKED + b"ffffffffffffffffffffff\nshort\n",
        CHUNKED + b"nonsense\n\n",
        b"SSH-2.0-OpenSSH_9.2\n\n",
        b"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\nno colon\n\n",
        b"HTTP/1.1 101 Switching Protocols\nUpgrade: x\nConnection: upgrade\n\n",
        b"HTTP/1.1 1000 Denied\nContent-Length: 0\n\n",
        b"HTTP/1.1 099 Early\nContent-Length: 0\n\n",
        b"HTTP/1.1 20x OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 200 OK\nContent-Length: " + b"9" * 5000 + b"\n\nok",
    ],
)
async def test_what_is_no_whole_response_is_a_failure_of_the_protocol(text: bytes) -> None:
    """Cut short, malformed, without end: one failure, no socket left, and the next request is unharmed."""
    with no_socket_left():
        async with serving(answering(text)) as server, serving(always(OK)) as sound, opened() as http:
            failure = await failing(http, server.hop())
            assert failure.kind == "protocol"
            assert failure.message.startswith("http://site.test:")
            assert (await http.exchange(sound.hop(), ANYWHERE)).body == b"ok"


async def test_a_reset_is_a_failure_of_the_protocol() -> None:
    """The connection was there; it broke in the middle of a response."""

    async def play(peer: Peer) -> None:
        await peer.receive()
        await peer.send(b"HTTP/1.1 200 OK\nContent-Length: 10\n\nshort")
        assert isinstance(peer.stream, trio.SocketStream)
        peer.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with serving(play) as server, opened() as http:
        assert (await failing(http, server.hop())).kind == "protocol"


@pytest.mark.parametrize("chunked", [True, False])
async def test_the_limit_of_a_body_is_exact(chunked: bool) -> None:
    """A body of just `max_bytes` passes, one byte more does not, however it is framed."""
    text = CHUNKED + b"64\n" + b"x" * 100 + b"\n0\n\n" if chunked else b"HTTP/1.1 200 OK\n\n" + b"x" * 100
    async with serving(answering(text)) as server, opened() as http:
        assert len((await http.exchange(server.hop(max_bytes=100), ANYWHERE)).body) == 100
        failure = await failing(http, server.hop(max_bytes=99))
        assert failure.kind == "too_large"
        assert "larger than 99 bytes; a larger max_bytes" in failure.message


async def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    """Its header says enough."""
    async with serving(always(b"HTTP/1.1 200 OK\nContent-Length: 11\n\n")) as server, opened() as http:
        assert (await failing(http, server.hop(max_bytes=10))).kind == "too_large"


@pytest.mark.parametrize("head", [CHUNKED, b"HTTP/1.1 200 OK\n\n"])
async def test_a_body_without_end_is_stopped(head: bytes) -> None:
    """The server finds its connection closed."""
    gone = trio.Event()

    async def play(peer: Peer) -> None:
        await peer.receive()
        await peer.send(head)
        try:
            while True:
                await peer.send(b"1000\n" + b"x" * 4096 + b"\n")
        except trio.BrokenResourceError:
            gone.set()

    with no_socket_left():
        async with serving(play) as server, opened() as http:
            assert (await failing(http, server.hop(max_bytes=100_000))).kind == "too_large"
            with trio.fail_after(10):
                await gone.wait()


async def test_a_refused_connection_is_a_failure_that_names_the_address() -> None:
    """A person can look for what should be listening there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        port = taken.getsockname()[1]
        async with opened() as http:
            hop = Hop(url=f"http://site.test:{port}/", addresses=("127.0.0.1",))
            failure = await failing(http, hop)
    assert failure.kind == "connect"
    assert f"site.test can't be connected to: 127.0.0.1 port {port}: connection refused" in failure.message


async def test_addresses_that_are_not_permitted_are_not_connected_to() -> None:
    """The guard has the last word, where the socket is opened."""
    async with serving(always(OK)) as server, opened() as http:
        failure = await failing(http, server.hop(), AddressGuard())
        assert failure.kind == "blocked_address"
        assert failure.message.startswith(
            f"{server.hop().url}: site.test resolves to 127.0.0.1, a loopback address;"
        )
        assert server.connections == 0


async def test_names_are_not_resolved_here() -> None:
    """The hop's addresses are connected to, whatever its host is."""
    async with serving(always(OK)) as server, opened() as http:
        hop = server.hop(url=f"http://no-such-name.invalid:{server.port}/")
        assert (await http.exchange(hop, ANYWHERE)).body == b"ok"
        assert f"Host: no-such-name.invalid:{server.port}".encode() in server.heads[0]


@pytest.mark.skipif(sys.platform == "win32", reason="it takes two seconds to be refused there")
async def test_the_next_address_is_tried() -> None:
    """An address that refuses, or that the guard refuses, does not cost the page."""
    async with serving(always(OK)) as server, opened() as http:
        hop = server.hop(addresses=("127.0.0.2", "127.0.0.1"))
        assert (await http.exchange(hop, ANYWHERE)).address == "127.0.0.1"
        guard = AddressGuard(["127.0.0.0/8"])
        hop = server.hop(url=f"http://b.test:{server.port}/", addresses=("10.0.0.1", "127.0.0.1"))
        assert (await http.exchange(hop, guard)).address == "127.0.0.1"


async def test_an_ipv6_address_is_connected_to() -> None:
    """With its brackets in Host, and without them elsewhere."""
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    async with serving(always(OK), host="::1") as server, opened() as http:
        response = await http.exchange(server.hop(url=f"http://[::1]:{server.port}/"), ANYWHERE)
        assert response.address == "::1"
        assert f"Host: [::1]:{server.port}".encode() in server.heads[0]


async def test_a_hop_without_addresses_is_a_failure() -> None:
    """There is nothing to connect to."""
    async with opened() as http:
        assert (await failing(http, Hop(url="http://site.test/"))).kind == "dns"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return an authority that only its own clients trust."""
    return trustme.CA()


def server_side(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return the context of a server with a certificate for *names*."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


def client_side(authority: trustme.CA) -> ssl.SSLContext:
    """Return the context of a client that trusts *authority*."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("host", "name", "sni"),
    [
        ("site.test", "site.test", "site.test"),
        ("site.test.", "site.test", "site.test"),
        ("127.0.0.1", "127.0.0.1", None),
        ("xn--bcher-kva.test", "xn--bcher-kva.test", "xn--bcher-kva.test"),
    ],
)
async def test_tls_is_spoken_with_the_name_of_the_url(
    authority: trustme.CA, host: str, name: str, sni: str | None
) -> None:
    """The certificate has to be for the URL's host, which is also what the server is told."""
    context = server_side(authority, name)
    told: list[str | None] = []
    context.sni_callback = lambda _, server_name, __: told.append(server_name)
    async with serving(always(OK), tls=context) as server, opened(client_side(authority)) as http:
        hop = server.hop(url=f"https://{host}:{server.port}/")
        for _ in range(2):
            assert (await http.exchange(hop, ANYWHERE)).body == b"ok"
        assert told == [sni]
        assert server.connections == 1


async def test_a_certificate_that_is_not_trusted_is_a_failure(authority: trustme.CA) -> None:
    """By default only the public authorities are trusted; no request is sent to others."""
    with no_socket_left():
        async with serving(always(OK), tls=server_side(authority, "site.test")) as server, opened() as http:
            failure = await failing(http, server.hop(url=f"https://site.test:{server.port}/"))
            assert failure.kind == "tls"
            assert (
                "the certificate of site.test is not trusted: unable to get local issuer" in failure.message
            )
            assert server.heads == []


async def test_a_certificate_for_another_host_is_a_failure(authority: trustme.CA) -> None:
    """A trusted certificate is not one for every host."""
    async with (
        serving(always(OK), tls=server_side(authority, "other.test")) as server,
        opened(client_side(authority)) as http,
    ):
        failure = await failing(http, server.hop(url=f"https://site.test:{server.port}/"))
        assert failure.kind == "tls"
        assert "not valid for 'site.test'" in failure.message


async def test_a_server_without_tls_is_a_failure(authority: trustme.CA) -> None:
    """As is one that says something else, and one that closes in the middle."""

    async def refuse(peer: Peer) -> None:
        await peer.stream.receive_some()
        await peer.send(b"HTTP/1.1 400 Bad Request\n\n")

    async def leave(peer: Peer) -> None:
        await peer.stream.receive_some()

    with no_socket_left():
        for play, kinds in ((refuse, {"tls"}), (leave, {"tls", "connect"})):
            async with serving(play) as server, opened(client_side(authority)) as http:
                failure = await failing(http, server.hop(url=f"https://site.test:{server.port}/"))
                assert failure.kind in kinds


async def test_closing_closes_what_is_idle() -> None:
    """Nothing is left open, and the client can be used anew."""
    with no_socket_left():
        async with serving(always(OK)) as server, opened() as http:
            for _ in range(2):
                await http.exchange(server.hop(), ANYWHERE)
                http.close()
            assert server.connections == 2


async def test_closing_does_not_disturb_what_is_in_use() -> None:
    """Its connection is closed when its response is there."""
    asked, answer = trio.Event(), trio.Event()

    async def play(peer: Peer) -> None:
        await peer.receive()
        asked.set()
        await answer.wait()
        await peer.send(OK)
        await peer.receive()

    with no_socket_left():
        async with serving(play) as server:
            http = Http11(Route())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(http.exchange, server.hop(), ANYWHERE)
                await asked.wait()
                http.close()
                answer.set()


async def test_the_number_of_idle_connections_is_bounded() -> None:
    """Beyond it, the connection of the origin that was not used for longest is closed."""
    with no_socket_left():
        async with serving(always(OK)) as server, opened() as http:
            for number in range(MAX_IDLE + 1):
                await http.exchange(server.hop(url=f"http://{number}.test:{server.port}/"), ANYWHERE)
            assert server.connections == MAX_IDLE + 1
            await http.exchange(server.hop(url=f"http://1.test:{server.port}/"), ANYWHERE)
            assert server.connections == MAX_IDLE + 1
            await http.exchange(server.hop(url=f"http://0.test:{server.port}/"), ANYWHERE)
            assert server.connections == MAX_IDLE + 2


@pytest.mark.parametrize("moment", ["handshake", "response", "body"])
async def test_cancelling_leaves_nothing(authority: trustme.CA, moment: str) -> None:
    """In the TLS handshake, before the response, and in its body: no socket stays, no warning comes."""
    reached = trio.Event()

    async def play(peer: Peer) -> None:
        if moment == "handshake":
            assert isinstance(peer.stream, trio.SocketStream)
            await peer.stream.receive_some()
        else:
            await peer.receive()
        if moment == "body":
            await peer.send(b"HTTP/1.1 200 OK\nContent-Length: 10\n\nhalf")
        reached.set()
        await trio.sleep_forever()

    tls = None if moment == "handshake" else server_side(authority, "site.test")
    with no_socket_left():
        async with serving(play, tls=tls) as server, opened(client_side(authority)) as http:
            async with trio.open_nursery() as nursery:
                hop = server.hop(url=f"https://site.test:{server.port}/")
                nursery.start_soon(http.exchange, hop, ANYWHERE)
                await reached.wait()
                await trio.testing.wait_all_tasks_blocked(0.01)
                nursery.cancel_scope.cancel()
            server.heads.clear()


@pytest.mark.parametrize("seed", range(4))
async def test_cancelling_at_any_time_leaves_nothing(authority: trustme.CA, seed: int) -> None:
    """Cancelled at chance moments, requests leave no socket, and the ones after them go through."""
    chance = random.Random(seed)  # noqa: S311

    async def play(peer: Peer) -> None:
        while await peer.receive():
            await peer.send(CHUNKED + b"3\nabc\n")
            await trio.sleep(0.0005)
            await peer.send(b"3\ndef\n0\n\n")

    with no_socket_left():
        async with (
            serving(play, tls=server_side(authority, "site.test")) as server,
            opened(client_side(authority)) as http,
        ):
            hop = server.hop(url=f"https://site.test:{server.port}/")
            cancelled = 0
            for _ in range(60):
                with trio.move_on_after(chance.uniform(0.0, 0.006)) as scope:
                    assert (await http.exchange(hop, ANYWHERE)).body == b"abcdef"
                cancelled += scope.cancelled_caught
            assert cancelled > 0
            assert (await http.exchange(hop, ANYWHERE)).body == b"abcdef"
