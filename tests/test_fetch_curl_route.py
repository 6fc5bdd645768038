"""How hops come to their servers: what libcurl is told of names, and the ways through proxies."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import trio
import trustme
from proxy_support import http_proxy, socks_proxy
from test_fetch_curl import CLOSING, OK, WAYS, failing, opened, playing, server_side

from trio_crawl._errors import FetchError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.curl_head import target_of
from trio_crawl._fetch.curl_route import Route
from trio_crawl._fetch.proxy import parse_proxy
from trio_crawl._fetch.resolve import Resolver
from trio_crawl._model import Hop
from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from pathlib import Path

    from test_fetch_curl import How, Server

SOCKS = ["socks5", "socks5h"]


@pytest.fixture(params=WAYS)
def watch(request: pytest.FixtureRequest) -> How:
    """Return each way to watch sockets that this system has."""
    way: How = request.param
    return way


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority that nobody trusts yet."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the authority."""
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def plain(server: Server, path: str = "/", host: str = "localhost") -> Hop:
    """Return a request of *path* by the name that a proxy can look up as well."""
    headers = (("User-Agent", "x/1"), ("X-Secret", "s"))
    url = f"http://{host}:{server.port}{path}"
    return Hop(url=url, addresses=("127.0.0.1",), headers=headers)


def secure(server: Server, host: str = "localhost") -> Hop:
    """Return the same with TLS."""
    headers = (("User-Agent", "x/1"), ("X-Secret", "s"))
    return Hop(url=f"https://{host}:{server.port}/", addresses=("127.0.0.1",), headers=headers)


SENT = b"GET %b HTTP/1.1\r\nHost: localhost:%d\r\n%bUser-Agent: x/1\r\nX-Secret: s\r\n\r\n"

# What libcurl is told of names


def test_it_is_told_what_is_new() -> None:
    """Once for as long as it remembers, again where the answer changes, or a transfer has failed."""
    route = Route(AddressGuard(True))
    hop = Hop(url="http://a.test/", addresses=("127.0.0.1", "::1"))
    target = target_of("http://a.test")
    assert route.news(hop, target) == ["+a.test:80:127.0.0.1,[::1]"]
    assert route.news(hop, target) is None
    assert route.news(hop, target_of("https://a.test")) == ["+a.test:443:127.0.0.1,[::1]"]
    other = Hop(url="http://a.test/", addresses=("127.0.0.2",))
    assert route.news(other, target) == ["+a.test:80:127.0.0.2"]
    route.failed(target)
    assert route.news(other, target) == ["+a.test:80:127.0.0.2"]


def test_it_is_told_again_before_it_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """After half of the minute for which libcurl remembers."""
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    route = Route(AddressGuard(True))
    hop = Hop(url="http://a.test/", addresses=("127.0.0.1",))
    assert route.news(hop, target_of("http://a.test")) is not None
    now += 29
    assert route.news(hop, target_of("http://a.test")) is None
    now += 2
    assert route.news(hop, target_of("http://a.test")) is not None


def test_what_shares_connections_is_what_last_answered_so() -> None:
    """An origin that answers in HTTP/1.1 again is none of these any more."""
    route = Route(AddressGuard(True))
    target = target_of("https://a.test")
    assert not route.shares(target)
    route.answered(target, "2")
    assert route.shares(target)
    route.answered(target, "1.1")
    assert not route.shares(target)


async def test_names_are_right_on_every_handle(watch: How) -> None:
    """Handles that were told nothing go by what another one was told."""
    async with playing(CLOSING) as server, opened(watch) as curl:
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(curl.fetch, plain(server, host="no-such-name.test"))
        assert server.connections == 10


# HTTP proxies


@pytest.mark.parametrize("credentials", [False, True])
async def test_an_http_proxy_is_given_the_whole_url(watch: How, credentials: bool) -> None:
    """Escapes as they are; the target sees the fields of the hop, and none that is the proxy's."""
    with http_proxy(*(("me", "secret") if credentials else ())) as proxy:
        url = proxy.url("http", "me:secret@" if credentials else "")
        async with asserts_no_leaks(), playing(OK) as server, opened(watch, proxy=url) as curl:
            for path in ("/a?b", "/a%2fb", "/c"):
                response = await curl.fetch(plain(server, path))
                assert (response.status, response.body) == (200, b"ok")
                assert proxy.wrote(f"GET http://localhost:{server.port}{path} HTTP/1.1")
    assert server.requests[1] == SENT % (b"/a%2fb", server.port, b"Connection: close\r\n")


@pytest.mark.parametrize("credentials", [False, True])
async def test_through_an_http_proxy_tls_is_the_targets(
    watch: How, authority: trustme.CA, ca: Path, credentials: bool
) -> None:
    """The proxy sees host and port; the tunnel is kept."""
    with http_proxy(*(("me", "secret") if credentials else ())) as proxy:
        url = proxy.url("http", "me:secret@" if credentials else "")
        tls = server_side(authority, "localhost")
        async with playing(OK, tls=tls) as server, opened(watch, proxy=url, ca=ca) as curl:
            for _ in range(3):
                response = await curl.fetch(secure(server))
                assert (response.status, response.http_version, response.body) == (200, "1.1", b"ok")
                assert response.headers.raw == ((b"Content-Length", b"2"),)
        assert server.connections == 1
        assert server.requests == [SENT % (b"/", server.port, b"")] * 3
        assert proxy.written.count(f"CONNECT localhost:{server.port} HTTP/1.1") == 1


async def test_a_tunnel_is_asked_for_without_a_word_more() -> None:
    """Neither fields of the hop, nor libcurl's own, are told to the proxy."""
    refusal = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    async with playing(refusal) as proxy, opened(proxy=f"http://u:p%40@127.0.0.1:{proxy.port}") as curl:
        failure = await failing(curl, Hop(url="https://a.test/", addresses=("127.0.0.1",)))
    assert failure.kind == "connect"
    assert failure.message == (
        f"https://a.test/: proxy 127.0.0.1:{proxy.port}: it refused to connect, with status 403"
    )
    assert proxy.requests == [
        b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nProxy-Authorization: Basic dTpwQA==\r\n\r\n"
    ]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("user_info", "said"), [("", "it wants credentials"), ("a:b@", "it does not accept the credentials")]
)
async def test_a_proxy_that_wants_other_credentials(scheme: str, user_info: str, said: str) -> None:
    """It is no page, with a tunnel or without; the message has no password."""
    refusal = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno"
    async with (
        playing(refusal) as proxy,
        opened(proxy=f"http://{user_info}127.0.0.1:{proxy.port}") as curl,
    ):
        url = f"{scheme}://a.test/"
        failure = await failing(curl, Hop(url=url, addresses=("127.0.0.1",)))
    assert failure.kind == "connect"
    assert failure.message == f"{url}: proxy 127.0.0.1:{proxy.port}: {said} (status 407)"


async def test_a_407_of_a_server_is_its_answer() -> None:
    """Where there is no proxy, or only one that passes bytes on."""
    answer = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    async with playing(answer) as server:
        async with opened() as curl:
            assert (await curl.fetch(plain(server))).status == 407
        with socks_proxy() as proxy:
            async with opened(proxy=proxy.url("socks5")) as curl:
                assert (await curl.fetch(plain(server))).status == 407


async def test_a_proxy_that_speaks_tls(watch: How, authority: trustme.CA, ca: Path) -> None:
    """Its certificate is verified with the same authorities, and for its name."""
    for name, works in (("127.0.0.1", True), ("other.test", False)):
        async with playing(OK, tls=server_side(authority, name)) as proxy:
            url = f"https://127.0.0.1:{proxy.port}"
            async with opened(watch, proxy=url, ca=ca) as curl:
                hop = Hop(url="http://a.test/", addresses=("127.0.0.1",))
                if works:
                    assert (await curl.fetch(hop)).body == b"ok"
                else:
                    failure = await failing(curl, hop)
                    assert failure.kind == "connect"
                    assert failure.message.startswith(f"http://a.test/: proxy 127.0.0.1:{proxy.port}: ")
    assert proxy.requests == []


async def test_a_bad_certificate_behind_a_proxy_is_the_targets(authority: trustme.CA) -> None:
    """It is of kind `tls`, and the proxy is not named."""
    with http_proxy() as proxy:
        tls = server_side(authority, "localhost")
        async with playing(OK, tls=tls) as server, opened(proxy=proxy.url("http")) as curl:
            failure = await failing(curl, secure(server))
    assert failure.kind == "tls"
    assert "proxy" not in failure.message


# SOCKS


@pytest.mark.parametrize("scheme", SOCKS)
@pytest.mark.parametrize("credentials", [False, True])
async def test_a_socks_proxy(
    watch: How, authority: trustme.CA, ca: Path, scheme: str, credentials: bool
) -> None:
    """The one kind is given an address, the other the name; connections are kept."""
    with socks_proxy(*(("me", "s:ecret") if credentials else ())) as proxy:
        url = proxy.url(scheme, "me:s%3Aecret@" if credentials else "")
        tls = server_side(authority, "localhost")
        async with (
            asserts_no_leaks(),
            playing(OK) as server,
            playing(OK, tls=tls) as safe,
            opened(watch, proxy=url, ca=ca) as curl,
        ):
            for _ in range(2):
                assert (await curl.fetch(plain(server, "/a%2fb"))).body == b"ok"
                assert (await curl.fetch(secure(safe))).body == b"ok"
        assert (server.connections, safe.connections) == (1, 1)
        given = "127.0.0.1" if scheme == "socks5" else "localhost"
        assert proxy.wrote(f"connected to {given}:{server.port}")
    assert server.requests == [SENT % (b"/a%2fb", server.port, b"")] * 2


async def test_a_socks_proxy_is_given_one_address_after_the_other(watch: How) -> None:
    """The name is not looked up by anyone; an address that it can't connect to is passed over."""
    with socks_proxy() as proxy:
        async with playing(OK) as server, opened(watch, proxy=proxy.url("socks5")) as curl:
            url = f"http://no-such-name.test:{server.port}/"
            hop = Hop(url=url, addresses=("127.0.0.9", "127.0.0.8", "127.0.0.1"))
            assert (await curl.fetch(hop)).body == b"ok"
            failure = await failing(curl, Hop(url=url, addresses=("127.0.0.9", "127.0.0.8")))
    assert failure.kind == "connect"
    assert failure.message.startswith(f"{url}: proxy 127.0.0.1:{proxy.port}: ")


async def test_a_socks_proxy_is_given_no_refused_address(watch: How) -> None:
    """Of several, those that the guard lets pass."""

    class Picky:
        def refusal(self, host: str, port: int, address: str) -> str | None:
            return f"not {address} for {host}:{port}" if address == "127.0.0.9" else None

    with socks_proxy() as proxy:
        async with playing(OK) as server, opened(watch, guard=Picky(), proxy=proxy.url("socks5")) as curl:
            url = f"http://a.test:{server.port}/"
            assert (await curl.fetch(Hop(url=url, addresses=("127.0.0.9", "127.0.0.1")))).body == b"ok"
            failure = await failing(curl, Hop(url=url, addresses=("127.0.0.9",)))
    assert (failure.kind, failure.message) == ("blocked_address", f"not 127.0.0.9 for a.test:{server.port}")


@pytest.mark.parametrize("scheme", SOCKS)
@pytest.mark.parametrize("user_info", ["", "me:wrong@"])
async def test_a_socks_proxy_that_wants_other_credentials(scheme: str, user_info: str) -> None:
    """It says so, in libcurl's words."""
    with socks_proxy("me", "secret") as proxy:
        async with playing(OK) as server, opened(proxy=proxy.url(scheme, user_info)) as curl:
            failure = await failing(curl, plain(server))
    assert failure.kind == "connect"
    assert f"proxy 127.0.0.1:{proxy.port}: " in failure.message
    assert server.connections == 0


# Any proxy


@pytest.mark.parametrize("scheme", ["http", *SOCKS])
@pytest.mark.parametrize("host", ["a.test", "127.0.0.1"])
async def test_what_is_asked_of_a_proxy_is_judged(scheme: str, host: str) -> None:
    """By the guard of the crawl, though no socket is opened to it; the proxy's own address is not."""
    async with playing(OK) as proxy:
        guard = AddressGuard(False)
        async with opened(guard=guard, proxy=f"{scheme}://127.0.0.1:{proxy.port}") as curl:
            failure = await failing(curl, Hop(url=f"http://{host}/", addresses=("127.0.0.1",)))
            assert (failure.kind, failure.message) == (
                "blocked_address",
                guard.refusal(host, 80, "127.0.0.1"),
            )
            nowhere = await failing(curl, Hop(url="http://b.test/"))
            assert nowhere.kind == "dns"
        assert proxy.connections == 0


async def test_the_proxy_is_reached_where_the_guard_would_not_let_pass() -> None:
    """The user named it."""
    guard = AddressGuard(False)
    async with playing(OK) as proxy, opened(guard=guard, proxy=f"http://localhost:{proxy.port}") as curl:
        hop = Hop(url="http://a.test/", addresses=("93.184.215.14",))
        assert (await curl.fetch(hop)).body == b"ok"
    assert proxy.requests == [b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"]


@pytest.mark.parametrize("scheme", ["http", "https", *SOCKS])
async def test_a_proxy_that_is_not_there(scheme: str) -> None:
    """Neither at its address nor by its name."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    hop = Hop(url="https://a.test/", addresses=("127.0.0.1",))
    for place in (f"127.0.0.1:{port}", "no-such-name.invalid:1"):
        async with opened(proxy=f"{scheme}://{place}") as curl:
            failure = await failing(curl, hop)
        assert failure.kind == "connect"
        assert failure.message.startswith(f"https://a.test/: proxy {place}: ")


async def test_a_proxy_that_hangs_up() -> None:
    """Before the tunnel is there, that is its fault."""

    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with playing(hang_up) as proxy, opened(proxy=f"http://127.0.0.1:{proxy.port}") as curl:
        failure = await failing(curl, Hop(url="https://a.test/", addresses=("127.0.0.1",)))
    assert failure.kind == "connect"
    assert failure.message.startswith(f"https://a.test/: proxy 127.0.0.1:{proxy.port}: ")


async def test_a_proxy_named_in_the_environment_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither do the hosts that are excepted from it there."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "*")
    async with playing(OK) as proxy, opened(proxy=f"http://127.0.0.1:{proxy.port}") as curl:
        assert (await curl.fetch(Hop(url="http://a.test/", addresses=("127.0.0.1",)))).body == b"ok"


async def test_cancelled_on_the_way_through_a_proxy_nothing_is_left(watch: How) -> None:
    """Neither while it is looked up, nor while it is silent."""

    async def silent(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    hop = Hop(url="https://a.test/", addresses=("127.0.0.1",))
    async with asserts_no_leaks(), playing(silent) as proxy:
        for place in (f"http://localhost:{proxy.port}", f"socks5://127.0.0.1:{proxy.port}"):
            async with opened(watch, proxy=place) as curl:
                for seconds in (0, 0.001, 0.02):
                    with trio.move_on_after(seconds) as scope:
                        await curl.fetch(hop)
                    assert scope.cancelled_caught


async def test_only_the_addresses_of_the_proxy_are_connected_to() -> None:
    """Whatever else libcurl might come up with is refused, by the addresses of the time the hop began."""
    asked: list[str] = []

    def look_up(host: str) -> list[str]:
        asked.append(host)
        return ["192.0.2.1", "::1"]

    proxy = parse_proxy("http://proxy.test:3128")
    route = Route(AddressGuard(True), proxy, Resolver(look_up=look_up))
    hop = Hop(url="http://a.test/", addresses=("127.0.0.1",))
    for _ in range(2):
        await route.look_up(hop, proxy)
    target = target_of("http://a.test")
    assert asked == ["proxy.test"]
    assert route.proxy_lines(hop, target, proxy) == (["+proxy.test:3128:192.0.2.1,[::1]"], [])
    assert route.refusal(target, "192.0.2.1", route.through) is None
    assert "proxy.test:3128" in str(route.refusal(target, "127.0.0.1", route.through))


def test_a_socks_proxy_is_told_an_address_by_connect_to() -> None:
    """An entry for the name would be forgotten after a minute."""
    proxy = parse_proxy("socks5://127.0.0.1:1080")
    route = Route(AddressGuard(True), proxy)
    hop = Hop(url="http://a.test/", addresses=("::1", "127.0.0.1"))
    attempts = route.attempts(hop, proxy)
    assert attempts == [("::1",), ("127.0.0.1",)]
    assert route.proxy_lines(hop, target_of("http://a.test"), proxy)[1] == ["a.test:80:[::1]:80"]
    literal = Hop(url="http://127.0.0.1:81/")
    assert route.attempts(literal, proxy) == [("127.0.0.1",)]
    assert route.proxy_lines(literal, target_of("http://127.0.0.1:81"), proxy)[1] == []
    with pytest.raises(FetchError, match="no address is known"):
        route.attempts(Hop(url="http://b.test/"), proxy)
