"""The way to an origin: straight, and by proxies that others wrote."""

from __future__ import annotations

import gc
import socket
import ssl
import sys
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trustme
from proxy_support import http_proxy, socks_proxy

from trio_crawl._errors import FetchError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.proxy import parse_proxy
from trio_crawl._fetch.route import Route
from trio_crawl._urls import split

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from trio_crawl._fetch.wire import Wire

ANYWHERE = AddressGuard(allow_private=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return an authority that only its own clients trust."""
    return trustme.CA()


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return the context of a client that trusts *authority*."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """Return the context of a server with a certificate for *names*."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


async def echo(stream: trio.abc.Stream) -> None:
    """Send back what comes."""
    while data := await stream.receive_some(100):
        await stream.send_all(data)


@asynccontextmanager
async def serving(
    play: Callable[[trio.abc.Stream], Awaitable[None]],
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
) -> AsyncIterator[int]:
    """Yield the port of a server that plays *play* on each connection."""
    (listener,) = await trio.open_tcp_listeners(0, host=host)

    async def handle(stream: trio.SocketStream) -> None:
        wrapped = stream if tls is None else trio.SSLStream(stream, tls, server_side=True)
        try:
            await play(wrapped)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client has gone
        finally:
            stream.socket.close()

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@contextmanager
def no_socket_left() -> Iterator[None]:
    """Check that as many sockets are open afterwards as before, without the help of the collector."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("open descriptors are counted in /proc, which this system does not have")
    gc.collect()
    gc.disable()
    before = len(list(descriptors.iterdir()))
    try:
        yield
        assert len(list(descriptors.iterdir())) == before
    finally:
        gc.enable()


async def opened(route: Route, url: str, *addresses: str, guard: AddressGuard = ANYWHERE) -> Wire:
    """Open a connection for *url*, and check that it leads to an echo."""
    with trio.fail_after(20):
        wire = await route.open(split(url), addresses or ("127.0.0.1",), guard)
        try:
            await wire.send(b"hello")
            assert await wire.receive() == b"hello"
        finally:
            wire.close()
    return wire


async def failing(route: Route, url: str, *addresses: str, guard: AddressGuard = ANYWHERE) -> FetchError:
    """Return why no connection for *url* can be had."""
    with no_socket_left(), trio.fail_after(20), pytest.raises(FetchError) as caught:
        await route.open(split(url), addresses or ("127.0.0.1",), guard)
    assert "secret" not in str(caught.value)
    return caught.value


def closed_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_without_a_proxy_it_is_straight() -> None:
    """To the addresses given, whatever the name."""
    async with serving(echo) as port:
        wire = await opened(Route(), f"http://no-such-name.invalid:{port}/")
    assert wire.address == "127.0.0.1"


async def test_tls_is_spoken_where_the_url_says_so(authority: trustme.CA) -> None:
    """With the name of the URL."""
    async with serving(echo, tls=certified(authority, "site.test")) as port:
        await opened(Route(ssl_context=trusting(authority)), f"https://site.test:{port}/")
        failure = await failing(Route(ssl_context=trusting(authority)), f"https://other.test:{port}/")
    assert failure.kind == "tls"


@pytest.mark.parametrize("user_info", ["", "user:secret@"])
async def test_socks_is_given_the_address_that_was_judged(user_info: str) -> None:
    """So the proxy has nothing to resolve, and what was judged is what is connected to."""
    with socks_proxy(*(("user", "secret") if user_info else ())) as proxy:
        async with serving(echo) as port:
            route = Route(parse_proxy(proxy.url("socks5", user_info)))
            wire = await opened(route, f"http://no-such-name.invalid:{port}/")
        assert proxy.wrote(f"connected to 127.0.0.1:{port}")
        assert "no-such-name" not in proxy.written
    assert wire.address == "127.0.0.1"


async def test_socks_is_given_an_ipv6_address(authority: trustme.CA) -> None:
    """As an address, and TLS is spoken through the proxy."""
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    with socks_proxy() as proxy:
        async with serving(echo, tls=certified(authority, "::1"), host="::1") as port:
            route = Route(parse_proxy(proxy.url("socks5")), trusting(authority))
            await opened(route, f"https://[::1]:{port}/", "::1")


async def test_socks_by_name_is_given_the_name(authority: trustme.CA) -> None:
    """It is resolved where the proxy is, and TLS is spoken with the same name."""
    with socks_proxy() as proxy:
        async with serving(echo, tls=certified(authority, "localhost")) as port:
            route = Route(parse_proxy(proxy.url("socks5h")), trusting(authority))
            await opened(route, f"https://localhost:{port}/")
        assert proxy.wrote(f"connected to localhost:{port}")


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.2 is loopback on Linux only")
async def test_socks_is_given_the_next_address() -> None:
    """One that refuses does not cost the page, and if all do, the failure says what was said of each."""
    with socks_proxy() as proxy:
        route = Route(parse_proxy(proxy.url("socks5")))
        async with serving(echo) as port:
            await opened(route, f"http://site.test:{port}/", "127.0.0.2", "127.0.0.1")
        port = closed_port()
        failure = await failing(route, f"http://site.test:{port}/", "127.0.0.2", "127.0.0.1")
    assert failure.kind == "connect"
    assert failure.message == (
        f"proxy 127.0.0.1:{proxy.port}: it can't connect to site.test: "
        f"127.0.0.2 port {port}: connection refused; 127.0.0.1 port {port}: connection refused"
    )


async def test_an_address_that_socks_is_silent_about_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One dead address does not use up the time of a hop; its connection is closed."""
    monkeypatch.setattr("trio_crawl._fetch.route.ATTEMPT", 0.05)
    connections = 0

    async def play(stream: trio.abc.Stream) -> None:
        nonlocal connections
        connections += 1
        await stream.receive_some()
        await stream.send_all(b"\5\0")
        await stream.receive_some()
        if connections == 2:
            await stream.send_all(b"\5\0\0\1\0\0\0\0\0\0")
        await echo(stream)

    with no_socket_left():
        async with serving(play) as port:
            route = Route(parse_proxy(f"socks5://127.0.0.1:{port}"))
            await opened(route, "http://site.test/", "192.0.2.1", "192.0.2.2")
    assert connections == 2


@pytest.mark.parametrize("user_info", ["", "user:secret@"])
async def test_an_http_proxy_bores_a_tunnel_for_tls(authority: trustme.CA, user_info: str) -> None:
    """By name; the certificate is the target's."""
    with http_proxy(*(("user", "secret") if user_info else ())) as proxy:
        async with serving(echo, tls=certified(authority, "localhost")) as port:
            route = Route(parse_proxy(proxy.url("http", user_info)), trusting(authority))
            await opened(route, f"https://localhost:{port}/")
        assert proxy.wrote(f"CONNECT localhost:{port} HTTP/1.1")


async def test_without_tls_an_http_proxy_is_led_to_itself() -> None:
    """It reads each request, and no tunnel is asked for."""
    async with serving(echo) as port:
        await opened(Route(parse_proxy(f"http://127.0.0.1:{port}")), "http://site.test/", "192.0.2.1")


async def test_a_proxy_may_speak_tls(authority: trustme.CA) -> None:
    """Its certificate is for its own name, and in its tunnel TLS is spoken once more."""

    async def tunnel(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        inner = trio.SSLStream(stream, certified(authority, "site.test"), server_side=True)
        await echo(inner)

    async with serving(tunnel, tls=certified(authority, "127.0.0.1")) as port:
        route = Route(parse_proxy(f"https://127.0.0.1:{port}"), trusting(authority))
        await opened(route, "https://site.test/", "192.0.2.1")
        failure = await failing(Route(parse_proxy(f"https://127.0.0.1:{port}")), "https://site.test/")
    assert failure.kind == "connect"
    assert "the certificate of 127.0.0.1 is not trusted" in failure.message


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_the_target_is_judged_and_the_proxy_is_not(scheme: str) -> None:
    """The user named the proxy; the proxy is not asked for what is forbidden."""
    asked = False

    async def play(_: trio.abc.Stream) -> None:
        nonlocal asked
        asked = True

    async with serving(play) as port:
        route = Route(parse_proxy(f"{scheme}://127.0.0.1:{port}"))
        failure = await failing(route, "https://site.test/", "10.0.0.1", guard=AddressGuard())
        assert failure.kind == "blocked_address"
        assert "site.test resolves to 10.0.0.1" in failure.message
        assert not asked
        assert (await failing(route, "https://site.test/", "1.1.1.1", guard=AddressGuard())).kind == "connect"
        assert asked


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "can't be connected to: .*connection refused"),
        ("no-such-name.invalid", "no address for"),
    ],
)
async def test_a_proxy_that_is_not_there_is_a_failure(scheme: str, host: str, why: str) -> None:
    """It is the proxy's, whatever was asked for."""
    port = closed_port()
    failure = await failing(Route(parse_proxy(f"{scheme}://u:secret@{host}:{port}")), "https://site.test/")
    assert failure.kind == "connect"
    assert failure.message.startswith(f"proxy {host}:{port}: ")
    with pytest.raises(FetchError, match=why):
        raise failure


@pytest.mark.parametrize(
    ("user_info", "wanted"), [("", r"credentials"), ("user:wrong@", "other credentials than those given")]
)
async def test_http_credentials_that_are_wrong_are_a_failure(user_info: str, wanted: str) -> None:
    """The real proxy refuses, and the message says what is wanted."""
    with http_proxy("user", "secret") as proxy:
        route = Route(parse_proxy(proxy.url("http", user_info)))
        failure = await failing(route, "https://localhost:9/")
    assert failure.kind == "connect"
    assert failure.message.startswith(f"proxy 127.0.0.1:{proxy.port}: it wants {wanted}")


@pytest.mark.parametrize(
    ("user_info", "why"),
    [("", "it wants credentials"), ("user:wrong@", "it refuses the user and password given")],
)
async def test_socks_credentials_that_are_wrong_are_a_failure(user_info: str, why: str) -> None:
    """The real proxy refuses, and the message says what is wanted."""
    with socks_proxy("user", "secret") as proxy:
        failure = await failing(Route(parse_proxy(proxy.url("socks5", user_info))), "https://localhost:9/")
    assert failure.kind == "connect"
    assert failure.message.startswith(f"proxy 127.0.0.1:{proxy.port}: {why}")


async def test_a_target_that_an_http_proxy_can_not_reach_is_a_failure() -> None:
    """It says what the proxy answered."""
    with http_proxy() as proxy:
        port = closed_port()
        failure = await failing(Route(parse_proxy(proxy.url("http"))), f"https://localhost:{port}/")
    assert failure.kind == "connect"
    assert f"proxy 127.0.0.1:{proxy.port}: it answered 500" in failure.message
    assert f"to CONNECT localhost:{port}" in failure.message


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_a_proxy_that_breaks_off_is_a_failure(scheme: str) -> None:
    """By resetting the connection while it is asked."""

    async def play(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)
        assert isinstance(stream, trio.SocketStream)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    async with serving(play) as port:
        failure = await failing(Route(parse_proxy(f"{scheme}://127.0.0.1:{port}")), "https://site.test/")
    assert failure.kind == "connect"
    assert failure.message == f"proxy 127.0.0.1:{port}: the connection to it broke"


@pytest.mark.parametrize(
    ("scheme", "answers"),
    [
        ("https", [None]),
        ("http", [None]),
        ("socks5h", [None]),
        ("socks5h", [b"\5\0", None]),
        ("socks5h", [b"\5\2", None]),
        ("http", [b"HTTP/1.1 200 OK\r\n\r\n", None]),
        ("socks5", [b"\5\0", b"\5\0\0\1\0\0\0\0\0\0", None]),
    ],
    ids=["TLS to it", "CONNECT", "greeting", "request", "password", "TLS in a tunnel", "TLS by SOCKS"],
)
async def test_cancelling_in_each_phase_leaves_nothing(scheme: str, answers: list[bytes | None]) -> None:
    """Wherever a proxy falls silent, the socket is closed at once."""
    reached = trio.Event()

    async def play(stream: trio.abc.Stream) -> None:
        for answer in answers:
            await stream.receive_some()
            if answer is not None:
                await stream.send_all(answer)
        reached.set()
        await trio.sleep_forever()

    with no_socket_left(), trio.fail_after(20):
        async with serving(play) as port, trio.open_nursery() as nursery:
            route = Route(parse_proxy(f"{scheme}://user:pw@127.0.0.1:{port}"))
            nursery.start_soon(route.open, split("https://site.test/"), ("192.0.2.1",), ANYWHERE)
            await reached.wait()
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
