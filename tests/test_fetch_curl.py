"""The default fetcher, against real servers on loopback, by both ways of watching sockets."""

from __future__ import annotations

import os
import random
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar, TypeVarTuple

import pycurl  # type: ignore[import-untyped]
import pytest
import trio
import trio.testing
import trustme

from trio_crawl._errors import FetchError, MissingExtraError, UsageError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.curl import Curl
from trio_crawl._fetch.curl_easy import Easy
from trio_crawl._fetch.curl_multi import Engine
from trio_crawl._model import Hop, Response
from trio_crawl.abc import Environment, Guard
from trio_crawl.testing import MemoryWeb, asserts_no_leaks, cancel_at, serving

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
How: TypeAlias = Literal["epoll", "tasks"]
WAYS: list[How] = ["epoll", "tasks"] if sys.platform == "linux" else ["tasks"]
PATIENCE = 60  # seconds: a test that hangs fails, on however busy a machine


@pytest.fixture(params=WAYS)
def watch(request: pytest.FixtureRequest) -> How:
    """Return each way to watch sockets that this system has."""
    way: How = request.param
    return way


async def in_a_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call *function* in a thread."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


@asynccontextmanager
async def opened(
    watch: How = WAYS[0],
    *,
    guard: Guard | None = None,
    concurrency: int = 64,
    **options: Any,  # noqa: ANN401 - those of `Curl`
) -> AsyncIterator[Curl]:
    """Yield a fetcher, open as in a crawl."""
    curl = Curl(watch=watch, **options)
    async with trio.open_nursery() as nursery:
        environment = Environment(
            nursery=nursery,
            guard=guard or AddressGuard(True),
            concurrency=concurrency,
            run_in_thread=in_a_thread,
        )
        with trio.fail_after(PATIENCE):
            async with curl.open(environment):
                yield curl


@dataclass
class Server:
    """A raw server on this machine, and what it was sent."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    host: str = "127.0.0.1"

    def hop(self, path: str = "/", **changes: Any) -> Hop:  # noqa: ANN401
        """Return a request of *path* to this server."""
        return Hop(**{"url": f"http://{self.host}:{self.port}{path}", "max_bytes": 100_000, **changes})


Play: TypeAlias = Callable[[trio.SocketStream], Awaitable[object]]


@asynccontextmanager
async def playing(
    play: Play | bytes,
    *,
    address: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """Yield a server that plays *play*, or sends it, after each request."""
    (listener,) = await trio.open_tcp_listeners(0, host=address)
    server = Server(listener.socket.getsockname()[1], host=f"[{address}]" if ":" in address else address)

    async def talk(plain: trio.SocketStream) -> None:
        stream: Any = plain if tls is None else trio.SSLStream(plain, tls, server_side=True)
        buffered = b""
        async for chunk in stream:
            buffered += chunk
            while b"\r\n\r\n" in buffered:
                head, _, rest = buffered.partition(b"\r\n\r\n")
                length = sum(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"
                )
                if len(rest) < length:
                    break
                server.requests.append(head + b"\r\n\r\n" + rest[:length])
                buffered = rest[length:]
                await (stream.send_all(play) if isinstance(play, bytes) else play(stream))

    async def handle(stream: trio.SocketStream) -> None:
        server.connections += 1
        async with stream:
            try:
                await talk(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # one of the two has hung up

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield server
        nursery.cancel_scope.cancel()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


async def failing(curl: Curl, hop: Hop) -> FetchError:
    """Return the failure that *hop* comes to."""
    with pytest.raises(FetchError) as caught:
        await curl.fetch(hop)
    return caught.value


async def answer(to: bytes | Play, **changes: Any) -> Response:  # noqa: ANN401
    """Return what a server that sends *to* is understood to say."""
    async with playing(to) as server, opened() as curl:
        return await curl.fetch(server.hop(**changes))


async def failure_of(to: bytes | Play, **changes: Any) -> FetchError:  # noqa: ANN401
    """Return the failure that an answer of *to* comes to."""
    async with playing(to) as server, opened() as curl:
        return await failing(curl, server.hop(**changes))


async def end_after(data: bytes, stream: trio.SocketStream) -> None:
    """Send *data* and hang up."""
    await stream.send_all(data)
    await stream.aclose()


# What comes back


async def test_a_response_says_all_there_is(watch: How) -> None:
    """Status, repeated fields, body, version and address are those of the exchange."""
    sent = (
        b"HTTP/1.1 404 No\r\nSet-Cookie: a=1\r\nX-Empty:\r\nset-cookie: b=2\r\nContent-Length: 3\r\n\r\nno!"
    )
    async with playing(sent) as server, opened(watch) as curl:
        response = await curl.fetch(server.hop("/a?b"))
    assert (response.status, response.body, response.http_version) == (404, b"no!", "1.1")
    assert response.url == f"http://127.0.0.1:{server.port}/a?b"
    assert response.address == "127.0.0.1"
    assert response.elapsed > 0
    assert response.headers.raw == (
        (b"Set-Cookie", b"a=1"),
        (b"X-Empty", b""),
        (b"set-cookie", b"b=2"),
        (b"Content-Length", b"3"),
    )


async def test_a_connection_is_kept(watch: How) -> None:
    """Requests one after the other share one connection."""
    async with playing(OK) as server, opened(watch) as curl:
        for _ in range(5):
            assert (await curl.fetch(server.hop())).body == b"ok"
        assert server.connections == 1


async def test_chunks_are_joined_and_trailers_left_out() -> None:
    """The transfer coding is removed, and a trailer is no part of the header."""
    response = await answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Late: 1\r\n\r\n"
    )
    assert response.body == b"abcde"
    assert response.headers.get("X-Late") is None


async def test_a_body_may_end_with_the_connection(watch: How) -> None:
    """Without a length, the end of the connection is the end of the body, as in HTTP/1.0."""
    async with playing(partial(end_after, b"HTTP/1.0 200 OK\r\n\r\nall")) as server, opened(watch) as curl:
        response = await curl.fetch(server.hop())
    assert (response.body, response.http_version) == (b"all", "1.0")


async def test_interim_responses_are_dropped() -> None:
    """Only the final response counts, and only its fields."""
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    response = await answer(interim * 3 + OK)
    assert (response.status, response.body) == (200, b"ok")
    assert response.headers.raw == ((b"Content-Length", b"2"),)


async def test_folded_fields_are_one() -> None:
    """A field that goes on in the next line has one value."""
    response = await answer(b"HTTP/1.1 200 OK\r\nX-Long: a\r\n  b\r\nContent-Length: 0\r\n\r\n")
    assert response.headers.get("X-Long") == "a b"


async def test_the_body_stays_content_coded() -> None:
    """Libcurl decodes nothing, whatever Content-Encoding says."""
    response = await answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nraw")
    assert response.body == b"raw"


async def test_redirects_are_not_followed() -> None:
    """A redirect is a response like another."""
    response = await answer(b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n")
    assert (response.status, response.headers.get("Location")) == (302, "/b")


@pytest.mark.parametrize("status", [204, 304])
async def test_what_has_no_body_may_tell_of_a_long_one(status: int) -> None:
    """The Content-Length of such a response is not the length of anything that comes."""
    response = await answer(b"HTTP/1.1 %d X\r\nContent-Length: 200000\r\n\r\n" % status)
    assert (response.status, response.body) == (status, b"")


# What is sent


async def test_only_the_given_fields_are_sent() -> None:
    """The fields of the hop, in their order, and Host: nothing of libcurl's own."""
    async with playing(OK) as server, opened() as curl:
        await curl.fetch(server.hop(headers=(("X-B", "1"), ("X-A", "ü"), ("X-Empty", ""))))
    lines = server.requests[0].removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert lines == [
        b"GET / HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}".encode(),
        b"X-B: 1",
        b"X-A: \xfc",
        b"X-Empty:",
    ]


async def test_user_names_and_passwords_are_not_sent() -> None:
    """What a URL holds before its host makes no authentication."""
    async with playing(OK) as server, opened() as curl:
        hop = server.hop()
        hop = server.hop("/", url=hop.url.replace("//", "//me:secret@") + "p@q")
        assert (await curl.fetch(hop)).url == hop.url
    assert server.requests[0].startswith(b"GET /p@q HTTP/1.1\r\n")
    assert b"uthorization" not in server.requests[0]


@pytest.mark.parametrize("status", [401, 407])
async def test_a_challenge_is_not_answered(status: int) -> None:
    """A URL may hold a user name and a password: the crawl says in a field what is to be sent."""
    challenge = b"HTTP/1.1 %d No\r\nWWW-Authenticate: Basic\r\nProxy-Authenticate: Basic\r\n" % status
    async with playing(challenge + b"Content-Length: 2\r\n\r\nno") as server, opened() as curl:
        url = server.hop().url.replace("//", "//me:secret@")
        for headers in ((), (("Authorization", "Basic eDp5"),)):
            assert (await curl.fetch(server.hop(url=url, headers=headers))).status == status
    first, second = server.requests
    assert b"uthorization" not in first
    assert first.startswith(b"GET / HTTP/1.1\r\n")
    assert second.count(b"uthorization") == 1
    assert b"Authorization: Basic eDp5\r\n" in second


async def test_the_path_is_sent_as_it_is() -> None:
    """Dots and what libcurl would escape stay: the URL standard has had its say."""
    async with playing(OK) as server, opened() as curl:
        await curl.fetch(server.hop("/a/%2e%2e/b|c^d//e?{f}&[g]"))
        await curl.fetch(server.hop("/b"))
    assert server.requests[1].startswith(b"GET /b HTTP/1.1\r\n")
    assert server.requests[0].startswith(b"GET /a/%2e%2e/b|c^d//e?{f}&[g] HTTP/1.1\r\n")


async def test_head_has_no_body(watch: How) -> None:
    """The answer to HEAD tells a length, greater than the limit even, and brings nothing."""
    sent = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"
    async with playing(sent) as server, opened(watch) as curl:
        response = await curl.fetch(server.hop(method="HEAD"))
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "body", "framing"),
    [
        ("POST", b"a\0b", b"\r\nContent-Length: 3\r\n\r\na\0b"),
        ("POST", None, b"\r\nContent-Length: 0\r\n\r\n"),
        ("PUT", b"x", b"\r\nContent-Length: 1\r\n\r\nx"),
        ("DELETE", None, b"\r\n\r\n"),
        ("VERSION-CONTROL", None, b"\r\n\r\n"),
        ("GET", b"q", b"\r\nContent-Length: 1\r\n\r\nq"),
    ],
)
async def test_other_methods(method: str, body: bytes | None, framing: bytes) -> None:
    """Method and body arrive as they were given, and the next GET is a plain one."""
    async with playing(OK) as server, opened() as curl:
        assert (await curl.fetch(server.hop(method=method, body=body))).body == b"ok"
        await curl.fetch(server.hop())
    first, second = server.requests
    assert first.startswith(f"{method} / HTTP/1.1\r\n".encode())
    assert first.endswith(framing)
    assert b"Content-Type" not in first
    assert b"Expect" not in first
    assert second == f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": (("X", "a\r\nY: b"),)},
        {"headers": (("X Y", "a"),)},
        {"headers": (("X", "\u20ac"),)},
        {"method": "GET / HTTP/1.1\r\nX: y\r\n"},
        {"url": "http://127.0.0.1/\u20ac"},
    ],
)
async def test_what_cannot_be_sent_is_not(changes: dict[str, Any]) -> None:
    """A field, method or URL that would break the request is a failure, and nothing is sent."""
    async with playing(OK) as server, opened() as curl:
        assert (await failing(curl, server.hop(**changes))).kind == "protocol"
        assert (await curl.fetch(server.hop())).body == b"ok"
    assert len(server.requests) == 1


async def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a proxy nor a .netrc is."""
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    (tmp_path / ".netrc").write_text("default login me password secret\n", encoding="ascii")
    monkeypatch.setenv("HOME", str(tmp_path))
    async with playing(OK) as server, opened() as curl:
        assert (await curl.fetch(server.hop())).body == b"ok"
    assert b"uthorization" not in server.requests[0]


# Where to


@pytest.mark.parametrize("name", ["no-such-name.test", "no-such-name.test.", "localhost", "a_b.test"])
async def test_the_addresses_of_the_hop_are_connected_to(name: str) -> None:
    """The name is not looked up, on a kept connection or a new one."""
    async with playing(OK) as server, opened() as curl:
        hop = server.hop(url=f"http://{name}:{server.port}/", addresses=("127.0.0.1",))
        assert (await curl.fetch(hop)).address == "127.0.0.1"
        assert (await curl.fetch(hop)).address == "127.0.0.1"
    assert f"Host: {name}:{server.port}\r\n".encode() in server.requests[0]


async def test_a_later_answer_replaces_the_earlier_one() -> None:
    """Each hop goes to its own addresses, though libcurl remembers those before."""
    async with playing(CLOSING) as server, opened() as curl:
        url = f"http://name.test:{server.port}/"
        assert (await failing(curl, server.hop(url=url, addresses=("127.0.0.9",)))).kind == "connect"
        assert (await curl.fetch(server.hop(url=url, addresses=("127.0.0.1",)))).status == 200
        assert (await failing(curl, server.hop(url=url, addresses=("127.0.0.9",)))).kind == "connect"


async def test_the_second_address_is_tried() -> None:
    """An address that refuses is passed over."""
    async with playing(OK) as server, opened() as curl:
        url = f"http://two.test:{server.port}/"
        response = await curl.fetch(server.hop(url=url, addresses=("127.0.0.9", "127.0.0.1")))
    assert response.address == "127.0.0.1"


async def test_a_name_without_addresses_fails() -> None:
    """It is not looked up behind the crawl's back."""
    async with opened() as curl:
        failure = await failing(curl, Hop(url="http://localhost/"))
    assert failure.kind == "dns"


@pytest.mark.parametrize("by_name", [False, True])
async def test_ipv6(watch: How, by_name: bool) -> None:
    """An IPv6 address is connected to, as a literal in the URL and as an address of a name."""
    async with playing(OK, address="::1") as server, opened(watch) as curl:
        url = f"http://six.test:{server.port}/" if by_name else server.hop().url
        response = await curl.fetch(server.hop(url=url, addresses=("::1",)))
    assert (response.body, response.address) == (b"ok", "::1")


async def test_nobody_answers() -> None:
    """A port where nobody listens is a failure to connect."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with opened() as curl:
        failure = await failing(curl, Hop(url=f"http://127.0.0.1:{port}/"))
    assert failure.kind == "connect"
    assert str(port) in failure.message


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost.test"])
async def test_a_refused_address_is_not_connected_to(watch: How, host: str) -> None:
    """The guard has the last word, and its reason is the message."""
    async with playing(OK) as server, opened(watch, guard=AddressGuard(False)) as curl:
        hop = server.hop(url=f"http://{host}:{server.port}/", addresses=("127.0.0.1",))
        failure = await failing(curl, hop)
    assert failure.kind == "blocked_address"
    assert failure.message == AddressGuard(False).refusal(host, server.port, "127.0.0.1")
    assert server.connections == 0


async def test_the_guard_sees_the_address_that_is_connected_to() -> None:
    """It is asked with host, port and address, once a connection."""
    asked: list[tuple[str, int, str]] = []

    class Listening:
        def refusal(self, host: str, port: int, address: str) -> str | None:
            asked.append((host, port, address))
            return None

    async with playing(OK) as server, opened(guard=Listening()) as curl:
        hop = server.hop(url=f"http://a.test:{server.port}/", addresses=("127.0.0.1",))
        await curl.fetch(hop)
        await curl.fetch(hop)
    assert asked == [("a.test", server.port, "127.0.0.1")]


async def test_of_several_addresses_only_the_refused_are_passed_over() -> None:
    """One that may be connected to is, after one that may not."""

    class Picky:
        def refusal(self, host: str, port: int, address: str) -> str | None:
            return f"not {host}:{port}" if address == "127.0.0.9" else None

    async with playing(OK) as server, opened(guard=Picky()) as curl:
        hop = server.hop(url=f"http://a.test:{server.port}/", addresses=("127.0.0.9", "127.0.0.1"))
        assert (await curl.fetch(hop)).address == "127.0.0.1"


async def test_no_child_process_inherits_a_connection() -> None:
    """The descriptors of libcurl's sockets are closed where another program is run."""
    async with playing(OK) as server, opened() as curl:
        await curl.fetch(server.hop())
        fds = [int(name) for name in os.listdir("/dev/fd") if is_socket(int(name))]  # noqa: PTH208
        assert [fd for fd in fds if os.get_inheritable(fd)] == []


def is_socket(descriptor: int) -> bool:
    """Tell whether *descriptor* is one of a socket."""
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


# TLS


@pytest.fixture
def authority() -> trustme.CA:
    """Return a certificate authority that nobody trusts yet."""
    return trustme.CA()


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return the context of a server whose certificate is for *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("case", [(True, "good.test"), (True, "other.test"), (False, "good.test")])
async def test_certificates_are_verified(
    watch: How, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: tuple[bool, str]
) -> None:
    """A response comes from a server only whose certificate is trusted and for its name."""
    trusted, name = case
    if trusted:
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        monkeypatch.setattr("certifi.where", lambda: str(tmp_path / "ca.pem"))
    async with playing(OK, tls=server_side(authority, "good.test")) as server, opened(watch) as curl:
        hop = server.hop(url=f"https://{name}:{server.port}/", addresses=("127.0.0.1",))
        if trusted and name == "good.test":
            assert (await curl.fetch(hop)).body == b"ok"
            assert (await curl.fetch(hop)).body == b"ok"
            assert server.connections == 1
        else:
            failure = await failing(curl, hop)
            assert failure.kind == "tls"
            assert "certificate" in failure.message
            assert server.requests == []


async def test_a_server_that_speaks_no_tls() -> None:
    """What answers a handshake in plain text fails it."""

    async def chatter(stream: trio.SocketStream) -> None:
        await end_after(b"220 mail.test ESMTP\r\n", stream)

    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, chatter, [listener]))
        async with opened() as curl:
            assert (await failing(curl, Hop(url=f"https://127.0.0.1:{port}/"))).kind == "tls"
        nursery.cancel_scope.cancel()


# Limits, and what is no HTTP


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0000099999999999\r\n\r\n",
    ],
)
async def test_a_declared_length_beyond_the_limit_fails_early(head: bytes) -> None:
    """No byte of the body has to come for it."""
    failure = await failure_of(head)
    assert failure.kind == "too_large"
    assert "max_bytes" in failure.message


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
async def test_an_endless_body_fails(watch: How, head: bytes) -> None:
    """A body that says no length is counted, and the connection ended."""

    async def endless(stream: trio.SocketStream) -> None:
        await stream.send_all(head)
        while True:
            await stream.send_all(b"2000\r\n" + bytes(0x2000) + b"\r\n")

    async with playing(endless) as server, opened(watch) as curl:
        failure = await failing(curl, server.hop())
    assert failure.kind == "too_large"
    assert "max_bytes" in failure.message


async def test_a_body_of_the_limit_passes() -> None:
    """As many bytes as are allowed are allowed; one less allowed, and it fails."""
    sent = b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + bytes(70_000)
    async with playing(sent) as server, opened() as curl:
        assert len((await curl.fetch(server.hop(max_bytes=70_000))).body) == 70_000
        assert (await failing(curl, server.hop(max_bytes=69_999))).kind == "too_large"
        assert len((await curl.fetch(server.hop(max_bytes=70_001))).body) == 70_000


async def test_no_byte_allowed() -> None:
    """A limit of 0 is a limit."""
    assert (await failure_of(OK, max_bytes=0)).kind == "too_large"


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"",
        b"<html>no head</html>",
        b"HTTP/1.1 200 OK\r\nX: " + bytes(5) + b"\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n",
        b"HTTP/1.1 1 OK\r\n\r\n",
        b"HTTP/1.1 9999 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_what_is_no_whole_response_fails(sent: bytes) -> None:
    """What ends too early, or is no HTTP, is a failure of the protocol."""
    assert (await failure_of(partial(end_after, sent))).kind == "protocol"


async def test_a_status_of_no_class_is_accepted() -> None:
    """999 is met in the wild, and browsers show its page."""
    assert (await answer(b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n")).status == 999


@pytest.mark.parametrize(
    "unit", [b"X-A: " + b"a" * 8000 + b"\r\n", b"A: b\r\n", b"\r\nHTTP/1.1 103 Early\r\nLink: </a>\r\n"]
)
async def test_a_header_without_end_fails(watch: How, unit: bytes) -> None:
    """Long fields, many fields, and interim responses for ever all come to an end."""

    async def endless(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 103 Early\r\n")
        while True:
            await stream.send_all(unit * 20)

    async with playing(endless) as server, opened(watch) as curl:
        assert (await failing(curl, server.hop())).kind == "protocol"


async def test_too_much_of_a_header_fails() -> None:
    """So does a header above 256 KiB, and a response after more than 100 interim ones."""
    large = b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"a" * 4096 + b"\r\n") * 65 + b"Content-Length: 0\r\n\r\n"
    assert "larger" in (await failure_of(large)).message
    assert "interim" in (await failure_of(b"HTTP/1.1 102 Wait\r\n\r\n" * 101 + OK)).message
    assert (await answer(b"HTTP/1.1 102 Wait\r\n\r\n" * 100 + OK)).body == b"ok"


async def test_no_failure_spoils_the_next_fetch(watch: How) -> None:
    """The same handle fetches well after it failed, as often as it is tried."""
    ways = (OK, b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"nonsense\r\n\r\n")
    turn = iter(range(1000))

    async def play(stream: trio.SocketStream) -> None:
        await stream.send_all(ways[next(turn) % 3])

    outcomes: list[str] = []
    async with playing(play) as server, opened(watch) as curl:
        for _ in range(12):
            try:
                outcomes.append((await curl.fetch(server.hop())).body.decode())
            except FetchError as error:
                outcomes.append(error.kind)
    assert outcomes == ["ok", "too_large", "protocol"] * 4


# Exceptions in callbacks, and the engine


class OwnError(Exception):
    """What a test raises."""


async def test_what_the_guard_raises_comes_out(watch: How, capfd: pytest.CaptureFixture[str]) -> None:
    """An exception of the guard is that of the fetch which asked it, and of no other."""

    class Broken:
        def refusal(self, host: str, port: int, address: str) -> str | None:  # noqa: ARG002
            if host == "bad.test":
                raise OwnError(host)
            return None

    async with playing(OK) as server, opened(watch, guard=Broken()) as curl:
        bad = server.hop(url=f"http://bad.test:{server.port}/", addresses=("127.0.0.1",))
        for _ in range(2):
            with pytest.raises(OwnError, match=r"bad\.test"):
                await curl.fetch(bad)
            assert (await curl.fetch(server.hop())).body == b"ok"
    assert capfd.readouterr().err == ""


async def test_what_the_callback_of_new_sockets_raises_comes_out(
    watch: How, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception while a new socket is looked at is raised by its fetch alone, and no socket is lost."""

    def fail(_self: object, _descriptor: int) -> None:
        if failing_now:
            raise OwnError

    name = "EpollWatch" if watch == "epoll" else "TaskWatch"
    monkeypatch.setattr(f"trio_crawl._fetch.curl_watch.{name}.opened", fail)
    async with asserts_no_leaks(), playing(OK) as server, opened(watch) as curl:
        failing_now = True
        for _ in range(2):
            with pytest.raises(OwnError):
                await curl.fetch(server.hop())
        failing_now = False
        assert (await curl.fetch(server.hop())).body == b"ok"
    assert capfd.readouterr().err == ""


async def test_what_the_socket_callback_raises_comes_out(
    watch: How, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception while a socket is registered is raised by the fetches in flight, and not by the next."""

    def fail(_self: object, _descriptor: int, _what: int) -> None:
        raise OwnError

    name = "EpollWatch" if watch == "epoll" else "TaskWatch"
    async with asserts_no_leaks(), playing(CLOSING) as server, opened(watch) as curl:
        for _ in range(2):
            with monkeypatch.context() as patch:
                patch.setattr(f"trio_crawl._fetch.curl_watch.{name}._register", fail)
                with pytest.raises(OwnError):
                    await curl.fetch(server.hop())
            assert (await curl.fetch(server.hop())).body == b"ok"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("option", [pycurl.HEADERFUNCTION, pycurl.WRITEFUNCTION])
async def test_when_memory_runs_out_it_is_said(
    watch: How, option: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What gathers head and body fails for want of memory and nothing else."""

    class Full(list[bytes]):
        def append(self, _item: bytes, /) -> None:
            raise MemoryError

    def prepare(self: Easy, hop: Hop, *, again: bool) -> None:
        original(self, hop, again=again)
        self.curl.setopt(option, Full().append)

    original = Easy.prepare
    async with asserts_no_leaks(), playing(OK) as server, opened(watch) as curl:
        with monkeypatch.context() as patch:
            patch.setattr(Easy, "prepare", prepare)
            with pytest.raises(MemoryError):
                await curl.fetch(server.hop(method="POST"))
        assert (await curl.fetch(server.hop())).body == b"ok"


async def test_what_the_timer_callback_cannot_keep_ends_every_fetch(watch: How) -> None:
    """It is a list's, too; where it fails, libcurl does, and every fetch is told instead of left hanging."""
    async with playing(OK) as server, opened(watch) as curl:
        assert (await curl.fetch(server.hop())).body == b"ok"
        engine = curl._engine  # noqa: SLF001 - nothing else can make it fail
        assert engine is not None
        engine._multi.setopt(pycurl.M_TIMERFUNCTION, lambda _milliseconds: -1)  # noqa: SLF001
        with pytest.raises(pycurl.error):
            await curl.fetch(server.hop())
        with pytest.raises(trio.BrokenResourceError):
            await curl.fetch(server.hop())


async def test_when_the_pump_fails_every_fetch_gets_the_error(
    watch: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those in flight get it as it is, later ones as the reason of theirs."""
    release = trio.Event()

    async def fail(_self: object) -> None:
        await release.wait()
        raise OwnError

    name = "EpollWatch" if watch == "epoll" else "TaskWatch"
    monkeypatch.setattr(f"trio_crawl._fetch.curl_watch.{name}.run", fail)
    silent = trio.Event()

    async def play(_stream: trio.SocketStream) -> None:
        silent.set()
        await trio.sleep_forever()

    async def expect(curl: Curl, hop: Hop) -> None:
        with pytest.raises(OwnError):
            await curl.fetch(hop)

    async with playing(play) as server, opened(watch) as curl:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(expect, curl, server.hop())
            await trio.testing.wait_all_tasks_blocked()
            release.set()
        with pytest.raises(trio.BrokenResourceError) as caught:
            await curl.fetch(server.hop())
        assert isinstance(caught.value.__cause__, OwnError)


async def test_libcurl_itself_fails(watch: How, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the multi interface is the fetch's, and nothing is left behind."""

    def refuse(self: Easy, hop: Hop, *, again: bool) -> None:
        prepare(self, hop, again=again)
        other.add_handle(self.curl)  # the multi handle of the fetcher can't take it any more

    prepare = Easy.prepare
    other = pycurl.CurlMulti()
    monkeypatch.setattr(Easy, "prepare", refuse)
    async with playing(OK) as server, opened(watch) as curl:
        with pytest.raises(pycurl.error):
            await curl.fetch(server.hop())
    other.close()


# Cancelling, closing


async def test_many_at_once(watch: How) -> None:
    """Two hundred fetches share the loop, and each gets its own answer."""
    web = MemoryWeb()
    for number in range(200):
        web.add(f"http://site.test/{number}", f"page {number}", delay=0.01 * (number % 7))
    got: dict[int, bytes] = {}
    async with serving(web, origin="http://site.test") as base, opened(watch) as curl:

        async def fetch(number: int) -> None:
            got[number] = (await curl.fetch(Hop(url=f"{base.rstrip('/')}/{number}"))).body

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(fetch, number)
    assert got == {number: f"page {number}".encode() for number in range(200)}


async def test_a_cancelled_fetch_ends_at_once_and_disturbs_no_other(watch: How) -> None:
    """Its connection is closed, its neighbours and successors get their answers."""
    go = trio.Event()

    async def play(stream: trio.SocketStream) -> None:
        await go.wait()
        await stream.send_all(OK)

    async with playing(play) as server, opened(watch) as curl:
        bodies: list[bytes] = []

        async def fetch() -> None:
            bodies.append((await curl.fetch(server.hop())).body)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(fetch)
            await trio.testing.wait_all_tasks_blocked()
            with trio.CancelScope() as scope:
                scope.cancel()
                await curl.fetch(server.hop())
            assert scope.cancelled_caught
            with trio.move_on_after(0.05):
                await curl.fetch(server.hop())
            go.set()
        await fetch()
    assert bodies == [b"ok"] * 4


async def slow_crawl(watch: How) -> None:
    """Fetch for about a quarter of a second, from a server that is slow in every way."""

    async def play(stream: trio.SocketStream) -> None:
        await trio.sleep(0.01)
        for part in (OK[:10], OK[10:30], OK[30:]):
            await stream.send_all(part)
            await trio.sleep(0.01)

    async with playing(play) as server, opened(watch) as curl:

        async def work(seed: int) -> None:
            for number in range(6):
                with trio.move_on_after(0.02 if (number + seed) % 3 == 0 else PATIENCE):
                    assert (await curl.fetch(server.hop(f"/{number}"))).body == b"ok"

        async with trio.open_nursery() as nursery:
            for seed in range(8):
                nursery.start_soon(work, seed)


def test_cancelling_at_any_moment_leaves_nothing(watch: How) -> None:
    """No descriptor and no task is left, whenever the whole is cancelled."""
    seeded = random.Random(20261121)  # noqa: S311 - moments, no secrets
    times = [seeded.uniform(0, 0.25) for _ in range(25)]
    assert cancel_at(partial(slow_crawl, watch), times) > 0


async def test_a_thousand_fetches_cancelled_at_random(watch: How) -> None:
    """Of sockets, tasks and descriptors nothing is left, and what was not cancelled came to its end."""
    seeded = random.Random(20261121)  # noqa: S311 - moments, no secrets
    bodies: list[bytes] = []
    cancelled = 0

    async def play(stream: trio.SocketStream) -> None:
        await trio.sleep(seeded.uniform(0, 0.01))
        await stream.send_all(OK[:50])
        await trio.sleep(seeded.uniform(0, 0.01))
        await stream.send_all(OK[50:])

    async with asserts_no_leaks(), playing(play) as server, opened(watch) as curl:

        async def work() -> None:
            nonlocal cancelled
            for _ in range(25):
                with trio.move_on_after(seeded.uniform(0, 0.04)) as scope:
                    bodies.append((await curl.fetch(server.hop())).body)
                cancelled += scope.cancelled_caught

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(work)
        bodies.append((await curl.fetch(server.hop())).body)
    assert set(bodies) == {b"ok"}
    assert len(bodies) + cancelled == 1001
    assert cancelled > 0


async def test_a_kept_connection_found_closed_is_replaced(watch: How) -> None:
    """Though many find theirs so at once."""
    together = 10

    async def play(stream: trio.SocketStream) -> None:
        await stream.send_all(OK)
        if server.connections <= together:
            await trio.sleep(0.01)  # until it looks idle
            await stream.aclose()

    async with playing(play) as server, opened(watch) as curl:
        for _ in range(2):
            async with trio.open_nursery() as nursery:
                for _ in range(together):
                    nursery.start_soon(curl.fetch, server.hop())
            await trio.sleep(0.02)


@pytest.mark.parametrize(("method", "times"), [("POST", 1), ("PATCH", 1), ("PUT", 2), ("GET", 2)])
async def test_what_is_made_twice_may_be(watch: How, method: str, times: int) -> None:
    """A request that the server answers by closing a kept connection is made again only if that is safe."""

    async def play(stream: trio.SocketStream) -> None:
        if len(server.requests) in {1, times + 2}:
            await stream.send_all(OK)
        else:
            await stream.aclose()

    async with playing(play) as server, opened(watch) as curl:
        await curl.fetch(server.hop())
        failure = await failing(curl, server.hop(method=method, body=None if method == "GET" else b"pay"))
        assert failure.kind == "protocol"
        assert (await curl.fetch(server.hop(method="POST"))).body == b"ok"
    server.requests.pop()
    assert [request.split()[0].decode() for request in server.requests] == ["GET", *[method] * times]


@pytest.mark.parametrize("by_tls", [False, True])
async def test_a_post_finds_a_connection_closed_before_it(
    watch: How, by_tls: bool, authority: trustme.CA, tmp_path: Path
) -> None:
    """Nothing was sent then, so it is made on a new one, and the server sees it once."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = server_side(authority, "good.test") if by_tls else None

    async def play(stream: trio.abc.Stream) -> None:
        await stream.send_all(OK)
        if server.connections < 3:
            await stream.aclose()

    async with playing(play, tls=tls) as server, opened(watch, ca=tmp_path / "ca.pem") as curl:
        url = f"{'https' if by_tls else 'http'}://good.test:{server.port}/"
        for _ in range(3):
            hop = server.hop(url=url, addresses=("127.0.0.1",), method="POST", body=b"pay")
            assert (await curl.fetch(hop)).body == b"ok"
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert len(server.requests) == server.connections == 3


async def test_what_is_raised_before_a_request_comes_out(
    watch: How, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """An exception of the callback that looks at the connection is that of its fetch."""

    def fail(_self: object, _address: str, _port: int) -> bool:
        raise OwnError

    async with asserts_no_leaks(), playing(OK) as server, opened(watch) as curl:
        with monkeypatch.context() as patch:
            patch.setattr("trio_crawl._fetch.curl_socket.Sockets.hung_up", fail)
            with pytest.raises(OwnError):
                await curl.fetch(server.hop(method="POST"))
        assert (await curl.fetch(server.hop(method="POST"))).body == b"ok"
    assert capfd.readouterr().err == ""


async def test_closing_ends_what_is_in_flight(watch: How) -> None:
    """A fetch that outlives its crawl is told so, and no descriptor is left."""

    async def play(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async def expect(curl: Curl, hop: Hop) -> None:
        with pytest.raises(trio.ClosedResourceError):
            await curl.fetch(hop)

    async with (
        asserts_no_leaks(),
        playing(play) as server,
        trio.open_nursery() as nursery,
        opened(watch) as curl,
    ):
        for _ in range(3):
            nursery.start_soon(expect, curl, server.hop())  # noqa: ASYNC111 - it is closed on purpose
        await trio.testing.wait_all_tasks_blocked()


async def test_a_cancelled_nursery_ends_what_is_in_flight(watch: How) -> None:
    """When the crawl's service nursery is cancelled, no fetch hangs."""

    async def play(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    curl = Curl(watch=watch)
    async with playing(play) as server, trio.open_nursery() as service:
        environment = Environment(
            nursery=service, guard=AddressGuard(True), concurrency=4, run_in_thread=in_a_thread
        )
        with trio.CancelScope(shield=True):
            async with curl.open(environment), trio.open_nursery() as nursery:

                async def expect() -> None:
                    with pytest.raises(trio.ClosedResourceError):
                        await curl.fetch(server.hop())

                nursery.start_soon(expect)
                await trio.testing.wait_all_tasks_blocked()
                service.cancel_scope.cancel()


async def test_idle_connections_are_closed_with_the_fetcher(watch: How) -> None:
    """Leaving the block closes kept connections too, and what the fetcher holds besides."""
    async with asserts_no_leaks(), playing(OK) as server, opened(watch) as curl:
        for _ in range(3):
            await curl.fetch(server.hop())


async def test_a_kept_connection_that_the_server_closes(watch: How) -> None:
    """The next fetch makes a new one, however often it happens."""

    async def play(stream: trio.SocketStream) -> None:
        await stream.send_all(OK)
        await stream.aclose()

    async with playing(play) as server, opened(watch) as curl:
        for _ in range(10):
            assert (await curl.fetch(server.hop())).body == b"ok"
            await trio.sleep(0.002)
        assert server.connections == 10


async def test_descriptors_that_are_used_again(watch: How) -> None:
    """A number that stands for a new socket is watched as a new one."""
    async with playing(CLOSING) as server, playing(OK) as keeping, opened(watch) as curl:

        async def work(target: Server) -> None:
            for _ in range(30):
                assert (await curl.fetch(target.hop())).body == b"ok"

        async with trio.open_nursery() as nursery:
            for target in (server, keeping) * 4:
                nursery.start_soon(work, target)


async def test_one_crawl_at_a_time() -> None:
    """A second one is told so; after the first it may have it."""
    curl = Curl()
    async with trio.open_nursery() as nursery:
        environment = Environment(
            nursery=nursery, guard=AddressGuard(True), concurrency=4, run_in_thread=in_a_thread
        )
        async with curl.open(environment):
            with pytest.raises(trio.BusyResourceError):
                async with curl.open(environment):
                    pass
        async with curl.open(environment):
            pass


async def test_it_has_to_be_open() -> None:
    """Outside a crawl it fetches nothing."""
    with pytest.raises(trio.ClosedResourceError, match="not open"):
        await Curl().fetch(Hop(url="http://127.0.0.1/"))


async def test_a_closed_nursery(watch: How) -> None:
    """Opened in a nursery that has ended, it raises, holds nothing, and can be opened again."""
    async with trio.open_nursery() as nursery:
        pass
    environment = Environment(
        nursery=nursery, guard=AddressGuard(True), concurrency=4, run_in_thread=in_a_thread
    )
    async with asserts_no_leaks():
        curl = Curl(watch=watch)
        with pytest.raises(RuntimeError):
            async with curl.open(environment):
                pass
    async with playing(OK) as server, opened(watch) as other:
        assert (await other.fetch(server.hop())).body == b"ok"


# Making one


def test_what_it_says_of_itself() -> None:
    """It opens connections, lives in real time, and shows how it was made."""
    curl = Curl()
    assert (curl.opens_connections, curl.virtual) == (True, False)
    assert repr(curl) == "Curl()"
    assert repr(Curl(watch="tasks")) == "Curl(watch='tasks')"


def test_a_watch_that_is_none() -> None:
    """The message names those there are."""
    with pytest.raises(UsageError, match=r'"auto", "epoll" or "tasks"; got \'select\''):
        Curl(watch="select")  # type: ignore[arg-type]


def test_epoll_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no epoll, it can't be asked for, and is not the default."""
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UsageError, match="Linux"):
        Curl(watch="epoll")
    Curl()


def test_without_pycurl(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and what does without."""
    monkeypatch.setitem(sys.modules, "pycurl", None)
    with pytest.raises(MissingExtraError, match=r"pip install pycurl, or fetch='httpx'"):
        Curl()


def test_with_an_old_libcurl(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that does not bound headers is refused."""
    monkeypatch.setattr("pycurl.version_info", lambda: (11, "7.88.1", 0x075801))
    with pytest.raises(MissingExtraError, match=r"7\.88\.1"):
        Curl()


def test_the_engine_is_imported_late() -> None:
    """It is the module that needs pycurl, and `Curl` does not hold it at import."""
    assert "Engine" not in vars(sys.modules[Curl.__module__])
    assert Engine.__module__ == "trio_crawl._fetch.curl_multi"
