"""The fetcher on httpx: by itself, and with a client or transport of the user's."""

from __future__ import annotations

import gzip
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import httpx
import pytest
import trio
import trustme
from proxy_support import http_proxy, socks_proxy

from trio_crawl._errors import FetchError, UsageError
from trio_crawl._fetch.addresses import AddressGuard
from trio_crawl._fetch.httpx import Httpx
from trio_crawl._model import Hop
from trio_crawl.abc import Environment, Fetcher
from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping
    from pathlib import Path

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def in_a_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call *function* in a thread."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


@asynccontextmanager
async def in_a_crawl(fetcher: Fetcher, *, allow_private: bool = True) -> AsyncIterator[None]:
    """Open *fetcher* as a crawl does."""
    async with trio.open_nursery() as nursery:
        environment = Environment(
            nursery=nursery,
            guard=AddressGuard(allow_private),
            concurrency=4,
            run_in_thread=in_a_thread,
        )
        async with fetcher.open(environment):
            yield


@dataclass(frozen=True)
class Trust:
    """An authority, and the files of its certificate and of one that it issued."""

    authority: trustme.CA
    ca: Path
    client_cert: Path


@dataclass
class Server:
    """A server on this machine, and the heads of the requests that it got."""

    port: int
    heads: list[str]
    connections: int = 0

    def hop(self, path: str = "/", **changes: Any) -> Hop:  # noqa: ANN401
        """Return a request of *path*, to this server."""
        url = f"http://127.0.0.1:{self.port}{path}"
        return Hop(**{"url": url, "addresses": ("127.0.0.1",), **changes})


@asynccontextmanager
async def serving(answer: bytes, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Yield a server that answers every request with *answer*."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(listener.socket.getsockname()[1], [])

    async def handle(plain: trio.SocketStream) -> None:
        server.connections += 1
        stream = plain if tls is None else trio.SSLStream(plain, tls, server_side=True, https_compatible=True)
        buffered = b""
        try:
            async for chunk in stream:
                buffered += chunk
                while b"\r\n\r\n" in buffered:
                    head, _, buffered = buffered.partition(b"\r\n\r\n")
                    server.heads.append(head.decode("latin-1"))
                    await stream.send_all(answer.replace(b"\n", b"\r\n"))
        except trio.BrokenResourceError:
            pass  # the client has gone
        finally:
            plain.socket.close()

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield server
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def silence() -> AsyncIterator[int]:
    """Yield the port of a server that never says anything."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            while await stream.receive_some():
                pass

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, handle, [listener]))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


OK = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"


async def failing(fetcher: Httpx, hop: Hop) -> FetchError:
    """Return the failure that *hop* comes to."""
    with pytest.raises(FetchError) as caught:
        await fetcher.fetch(hop)
    return caught.value


def mock(handler: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    """Return a transport that answers by *handler*."""
    return httpx.MockTransport(handler)


async def test_without_a_client_it_fetches_by_itself() -> None:
    """It opens connections, to the addresses of the hop, and keeps them."""
    fetcher = Httpx()
    assert (fetcher.opens_connections, fetcher.virtual) == (True, False)
    async with serving(OK) as server, in_a_crawl(fetcher):
        for _ in range(3):
            response = await fetcher.fetch(server.hop())
            assert (response.status, response.body, response.address) == (200, b"ok", "127.0.0.1")
        assert server.connections == 1


async def test_the_guard_of_the_crawl_is_asked() -> None:
    """An address that the crawl refuses is not connected to."""
    fetcher = Httpx()
    async with serving(OK) as server, in_a_crawl(fetcher, allow_private=False):
        assert (await failing(fetcher, server.hop())).kind == "blocked_address"
        assert server.connections == 0


async def test_one_crawl_at_a_time() -> None:
    """A second one is told so; after the first it may have it."""
    fetcher = Httpx()
    async with in_a_crawl(fetcher):
        with pytest.RaisesGroup(trio.BusyResourceError):
            async with in_a_crawl(fetcher):
                pass
    async with in_a_crawl(fetcher):
        pass


async def test_it_has_to_be_open() -> None:
    """Outside a crawl it fetches nothing."""
    with pytest.raises(trio.ClosedResourceError, match="not open"):
        await Httpx().fetch(Hop(url="http://site.test/"))


CLIENTS = pytest.mark.parametrize(
    "wrap", [lambda transport: transport, lambda transport: httpx.AsyncClient(transport=transport)]
)


@CLIENTS
async def test_a_mock_answers(wrap: Callable[[httpx.MockTransport], Any]) -> None:
    """A transport that opens no connection is called in-process, alone or in a client."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(203, headers=[("X-A", "1"), ("x-a", "2")], content=b"body")

    fetcher = Httpx(wrap(mock(handler)))
    assert (fetcher.opens_connections, fetcher.virtual) == (False, True)
    async with in_a_crawl(fetcher):
        hop = Hop(
            url="https://user:pw@site.test:444/a?b=c", method="POST", headers=(("X-B", "1"),), body=b"q"
        )
        response = await fetcher.fetch(hop)
    assert (response.status, response.body, response.address) == (203, b"body", "")
    assert response.url == hop.url
    assert response.headers.get_all("x-a") == ["1", "2"]
    (request,) = asked
    assert (request.method, str(request.url), request.content) == (
        "POST",
        "https://site.test:444/a?b=c",
        b"q",
    )
    assert dict(request.headers) == {"x-b": "1", "host": "site.test:444", "content-length": "1"}


@CLIENTS
async def test_an_application_answers(wrap: Callable[[Any], Any]) -> None:
    """An ASGI application is crawled without a server, by trio's clock."""

    async def application(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401, ARG001
        await trio.lowlevel.checkpoint()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"x-path", scope["path"].encode())]}
        )
        await send({"type": "http.response.body", "body": b"from the application"})

    fetcher = Httpx(wrap(httpx.ASGITransport(application)))
    assert not fetcher.opens_connections
    async with in_a_crawl(fetcher):
        response = await fetcher.fetch(Hop(url="http://app.test/x"))
    assert response.body == b"from the application"
    assert response.headers.get("x-path") == "/x"


@CLIENTS
async def test_one_hop_is_one_exchange(wrap: Callable[[httpx.MockTransport], Any]) -> None:
    """Redirects, challenges and codings come out as they are."""
    packed = gzip.compress(b"text")

    def handler(request: httpx.Request) -> httpx.Response:
        headers = {"Location": "/elsewhere", "WWW-Authenticate": "Basic", "Content-Encoding": "gzip"}
        return httpx.Response(int(request.url.path[1:]), headers=headers, content=packed)

    fetcher = Httpx(wrap(mock(handler)))
    async with in_a_crawl(fetcher):
        for status in (301, 401, 503):
            response = await fetcher.fetch(Hop(url=f"http://site.test/{status}"))
            assert (response.status, response.body) == (status, packed)


async def test_of_a_client_only_the_connections_are_used() -> None:
    """Its headers, cookies and authentication would go to every site of the crawl."""
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "a=b"})

    client = httpx.AsyncClient(
        transport=mock(handler),
        headers={"X-Key": "secret"},
        cookies={"c": "d"},
        auth=("user", "pw"),
        follow_redirects=True,
    )
    fetcher = Httpx(client)
    async with in_a_crawl(fetcher):
        for _ in range(2):
            await fetcher.fetch(Hop(url="http://site.test/"))
    assert [dict(request.headers) for request in asked] == [{"host": "site.test"}] * 2
    assert not client.is_closed
    await client.aclose()


@CLIENTS
async def test_the_body_of_a_client_is_bounded(wrap: Callable[[httpx.MockTransport], Any]) -> None:
    """Announced or not, and though it never ends."""

    class Endless(httpx.AsyncByteStream):
        def __init__(self) -> None:
            self.closed = False

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                await trio.lowlevel.checkpoint()
                yield b"x" * 1000

        async def aclose(self) -> None:
            self.closed = True

    stream = Endless()
    answers = {
        "/announced": lambda: httpx.Response(200, content=b"x" * 101),
        "/endless": lambda: httpx.Response(200, stream=stream),
        "/fits": lambda: httpx.Response(200, content=b"x" * 100),
    }
    fetcher = Httpx(wrap(mock(lambda request: answers[request.url.path]())))
    async with in_a_crawl(fetcher):
        assert (await failing(fetcher, Hop(url="http://a.test/announced", max_bytes=100))).kind == "too_large"
        assert (await failing(fetcher, Hop(url="http://a.test/endless", max_bytes=100))).kind == "too_large"
        assert len((await fetcher.fetch(Hop(url="http://a.test/fits", max_bytes=100))).body) == 100
    assert stream.closed


@CLIENTS
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("no"), "connect"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ReadError(""), "protocol"),
    ],
)
async def test_the_exceptions_of_a_client_are_failures(
    wrap: Callable[[httpx.MockTransport], Any], error: httpx.HTTPError, kind: str
) -> None:
    """What httpx raises for the network's sake is translated."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise error

    fetcher = Httpx(wrap(mock(handler)))
    async with in_a_crawl(fetcher):
        failure = await failing(fetcher, Hop(url="http://site.test/"))
    assert failure.kind == kind
    assert failure.__cause__ is error


async def test_a_mistake_in_a_mock_comes_out() -> None:
    """It is the user's, not the network's."""

    def handler(_: httpx.Request) -> httpx.Response:
        raise ZeroDivisionError

    fetcher = Httpx(mock(handler))
    with pytest.RaisesGroup(ZeroDivisionError):
        async with in_a_crawl(fetcher):
            await fetcher.fetch(Hop(url="http://site.test/"))


async def test_a_url_that_httpx_can_not_read_is_a_failure() -> None:
    """Its idea of a URL is narrower than a browser's."""
    fetcher = Httpx(mock(lambda _: httpx.Response(200)))
    async with in_a_crawl(fetcher):
        assert (await failing(fetcher, Hop(url="http://xn--a.test/" + "x" * 70_000))).kind == "protocol"


@pytest.mark.parametrize("make", [httpx.AsyncHTTPTransport, httpx.AsyncClient])
async def test_a_client_with_sockets_opens_connections(make: Callable[..., Any]) -> None:
    """It is sent through, stays usable, and tells the address that answered."""
    client = make(trust_env=False)
    fetcher = Httpx(client)
    assert (fetcher.opens_connections, fetcher.virtual) == (True, False)
    async with client, serving(OK) as server:
        for _ in range(2):
            async with in_a_crawl(fetcher):
                response = await fetcher.fetch(server.hop())
                assert (response.status, response.body, response.address) == (200, b"ok", "127.0.0.1")
                assert response.http_version == "1.1"
        assert server.connections == 1


async def test_a_client_without_end_is_left_in_order() -> None:
    """Stopped at the limit, its connection is closed and its next request goes through."""
    head = b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        serving(head + b"400\n" + b"x" * 1024 + b"\n") as endless,
        serving(OK) as sound,
    ):
        fetcher = Httpx(client)
        async with in_a_crawl(fetcher):
            for _ in range(3):
                assert (await failing(fetcher, endless.hop(max_bytes=1000))).kind == "too_large"
                assert (await fetcher.fetch(sound.hop())).body == b"ok"


async def test_whether_a_client_opens_connections_can_be_told() -> None:
    """A transport of one's own may be either; by default it is judged."""

    class Own(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, text=request.url.host)

    assert Httpx(Own()).opens_connections
    assert Httpx(httpx.AsyncClient(transport=Own())).opens_connections
    fetcher = Httpx(Own(), opens_connections=False)
    assert not fetcher.opens_connections
    async with in_a_crawl(fetcher):
        assert (await fetcher.fetch(Hop(url="http://own.test/"))).body == b"own.test"


def test_a_client_that_mounts_a_real_transport_opens_connections() -> None:
    """One mock among its transports does not make it harmless."""
    transport = mock(lambda _: httpx.Response(200))
    client = httpx.AsyncClient(transport=transport, mounts={"http://real.test": httpx.AsyncHTTPTransport()})
    assert Httpx(client).opens_connections
    assert not Httpx(
        httpx.AsyncClient(transport=transport, mounts={"http://no.test": None})
    ).opens_connections


@pytest.mark.parametrize(
    "client", [httpx.Client(), httpx.HTTPTransport(), "httpx", object(), httpx.AsyncClient], ids=type
)
def test_only_asynchronous_clients_are_taken(client: Any) -> None:  # noqa: ANN401
    """The message says what is."""
    with pytest.raises(UsageError, match="Httpx takes an AsyncClient or an asynchronous transport"):
        Httpx(client)


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Return an authority of its own, and the files that a user would name."""
    folder = tmp_path_factory.mktemp("trust")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(str(folder / "me.pem"))
    return Trust(authority, folder / "ca.pem", folder / "me.pem")


@pytest.mark.parametrize("name", ["proxy", "ca", "client_cert", "ssl_context"])
def test_a_client_has_to_be_given_its_options_itself(trust: Trust, name: str) -> None:
    """None of them would do anything here, so none is silently ignored."""
    own: dict[str, Any] = {
        "proxy": "http://proxy.test:3128",
        "ca": trust.ca,
        "client_cert": trust.client_cert,
        "ssl_context": ssl.create_default_context(),
    }
    with pytest.raises(UsageError, match=f"{name} is for connections of Httpx's own; a client has to be"):
        Httpx(mock(lambda _: httpx.Response(200)), **{name: own[name]})


def test_arguments_that_contradict_each_other_are_errors(trust: Trust) -> None:
    """Neither is silently ignored."""
    with pytest.raises(UsageError, match="opens_connections"):
        Httpx(opens_connections=False)
    with pytest.raises(UsageError, match="ssl_context says .*, and so does ca: give one"):
        Httpx(ca=trust.ca, ssl_context=ssl.create_default_context())
    with pytest.raises(UsageError, match="ssl_context says .*, and so does client_cert: give one"):
        Httpx(client_cert=trust.client_cert, ssl_context=ssl.create_default_context())


def test_options_that_can_not_be_are_errors() -> None:
    """Before the first request."""
    with pytest.raises(UsageError, match="proxy takes"):
        Httpx(proxy="proxy.test:3128")
    with pytest.raises(UsageError, match="ca: '/no/such.pem' can't be read"):
        Httpx(ca="/no/such.pem")
    with pytest.raises(UsageError, match="client_cert: '/no/such.pem' can't be read"):
        Httpx(client_cert="/no/such.pem")


async def test_a_client_that_is_closed_is_an_error() -> None:
    """Where the fetcher is made, and where the crawl begins."""
    client = httpx.AsyncClient()
    fetcher = Httpx(client)
    await client.aclose()
    with pytest.raises(UsageError, match="is closed"):
        Httpx(client)
    with pytest.RaisesGroup(pytest.RaisesExc(UsageError, match="is closed")):
        async with in_a_crawl(fetcher):
            pass


async def test_a_fetch_in_flight_ends_with_the_crawl(trust: Trust) -> None:
    """In whatever phase; it is told so, and no socket is left. So it is with a client."""

    async def fetch(fetcher: Httpx, hop: Hop) -> None:
        with pytest.raises(trio.ClosedResourceError, match="closed while it fetched"):
            await fetcher.fetch(hop)

    async def forever(_: httpx.Request) -> httpx.Response:
        await trio.sleep_forever()
        raise AssertionError

    async with silence() as port, asserts_no_leaks(), trio.open_nursery() as nursery:
        for fetcher in (Httpx(ca=trust.ca), Httpx(httpx.MockTransport(forever))):
            async with in_a_crawl(fetcher):
                for scheme in ("http", "https"):
                    hop = Hop(url=f"{scheme}://site.test:{port}/", addresses=("127.0.0.1",))
                    nursery.start_soon(fetch, fetcher, hop)
                await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_ca_and_a_client_certificate_are_used(trust: Trust) -> None:
    """The server is trusted by the one, and asks for the other."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(trust.ca))
    context.verify_mode = ssl.CERT_REQUIRED
    trust.authority.issue_cert("site.test").configure_cert(context)
    async with serving(OK, tls=context) as server:
        hop = server.hop(url=f"https://site.test:{server.port}/")
        fetcher = Httpx(ca=trust.ca, client_cert=str(trust.client_cert))
        async with in_a_crawl(fetcher):
            assert (await fetcher.fetch(hop)).body == b"ok"
        fetcher = Httpx(ca=str(trust.ca))
        async with in_a_crawl(fetcher):
            assert (await failing(fetcher, hop)).kind in {"tls", "protocol"}
        fetcher = Httpx(client_cert=trust.client_cert)
        async with in_a_crawl(fetcher):
            assert (await failing(fetcher, hop)).kind == "tls"


@pytest.mark.parametrize("user_info", ["", "user:secret@"])
async def test_an_http_proxy_is_asked_for_the_whole_url(user_info: str) -> None:
    """The target sees its own fields, and none that is the proxy's."""
    with http_proxy(*(("user", "secret") if user_info else ())) as proxy:
        async with serving(OK) as server:
            fetcher = Httpx(proxy=proxy.url("http", user_info))
            url = f"http://localhost:{server.port}/a|b?c=%7e"
            async with in_a_crawl(fetcher):
                response = await fetcher.fetch(server.hop(url=url, headers=(("X-A", "é"),)))
            assert (response.status, response.body, response.address) == (200, b"ok", "127.0.0.1")
            assert response.url == url
        assert proxy.wrote(f"GET {url} HTTP/1.1")
    (head,) = server.heads
    assert head.startswith("GET /a|b?c=%7e HTTP/1.")
    assert f"Host: localhost:{server.port}" in head
    assert "X-A: é" in head
    assert "roxy" not in head


async def test_a_proxy_that_wants_other_credentials_is_a_failure() -> None:
    """A 407 of a proxy is no page; it says which proxy, and what it wants."""
    with http_proxy("user", "secret") as proxy:
        async with serving(OK) as server:
            fetcher = Httpx(proxy=proxy.url("http"))
            async with in_a_crawl(fetcher):
                failure = await failing(fetcher, server.hop(url=f"http://localhost:{server.port}/"))
    assert failure.kind == "connect"
    assert failure.message == (
        f"http://localhost:{server.port}/: proxy 127.0.0.1:{proxy.port}: "
        "it wants credentials (USER:PASSWORD@): it answered 407"
    )
    assert server.connections == 0


async def test_a_407_that_came_through_a_tunnel_is_the_servers_answer() -> None:
    """What a SOCKS proxy passes on is not of its own saying."""
    refusal = b"HTTP/1.1 407 No\nContent-Length: 0\n\n"
    with socks_proxy() as proxy:
        async with serving(refusal) as server:
            fetcher = Httpx(proxy=proxy.url("socks5"))
            async with in_a_crawl(fetcher):
                assert (await fetcher.fetch(server.hop())).status == 407


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
@pytest.mark.parametrize("tls", [False, True])
async def test_connections_through_a_proxy_are_kept_by_origin(trust: Trust, scheme: str, tls: bool) -> None:
    """A tunnel leads to one origin, and no request of another is sent through it."""
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trust.authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    with http_proxy() if scheme == "http" else socks_proxy() as proxy:
        async with serving(OK, tls=context) as server, serving(OK, tls=context) as other:
            fetcher = Httpx(proxy=proxy.url(scheme), ca=trust.ca)
            async with in_a_crawl(fetcher):
                for host in ("localhost", "localhost", "127.0.0.1"):
                    for target in (server, other):
                        url = f"http{'s' * tls}://{host}:{target.port}/{target.port}"
                        assert (await fetcher.fetch(target.hop(url=url))).body == b"ok"
            kept = tls or scheme != "http"  # tinyproxy closes after each request that it reads itself
            for target in (server, other):
                assert target.connections == (2 if kept else 3)
                assert all(head.startswith(f"GET /{target.port} HTTP/1.") for head in target.heads)


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
async def test_what_is_asked_of_a_proxy_is_judged(scheme: str) -> None:
    """By the guard of the crawl; the address of the proxy is not."""
    with http_proxy() if scheme == "http" else socks_proxy() as proxy:
        async with serving(OK) as server:
            fetcher = Httpx(proxy=proxy.url(scheme))
            async with in_a_crawl(fetcher, allow_private=False):
                assert (await failing(fetcher, server.hop())).kind == "blocked_address"
            assert server.connections == 0


def test_it_shows_what_it_fetches_with() -> None:
    """Its `repr` can be read in a log."""
    transport = mock(lambda _: httpx.Response(200))
    assert repr(Httpx()) == "Httpx()"
    assert repr(Httpx(transport)) == f"Httpx({transport!r})"
    assert (
        repr(Httpx(proxy="http://user:secret@proxy.test:1")) == "Httpx(proxy=Proxy('http://…@proxy.test:1'))"
    )
