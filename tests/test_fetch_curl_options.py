"""The lasting options of the default fetcher: versions of HTTP against real servers, trust, certificates."""

from __future__ import annotations

import itertools
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pycurl  # type: ignore[import-untyped]
import pytest
import trio
import trio.testing
import trustme
from test_fetch_curl import OK, WAYS, failing, opened, playing, server_side

from trio_crawl._errors import UsageError
from trio_crawl._fetch.curl import Curl
from trio_crawl._fetch.curl_options import Settings, lasting_options, version_option
from trio_crawl._model import Hop
from trio_crawl.testing import asserts_no_leaks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from test_fetch_curl import How

    from trio_crawl._fetch.curl_options import HttpVersion

NAME = "good.test"
PAGE = bytes(range(256)) * 400  # 100 KiB
NEIGHBOURS = 150


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
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority (ca.pem), a server's certificate (cert.pem) and its key (key.pem)."""
    folder = tmp_path_factory.mktemp("tls")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued = authority.issue_cert(NAME)
    issued.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    return folder


def page(port: int, path: str = "/page", **changes: Any) -> Hop:  # noqa: ANN401
    """Return a request of *path* by TLS to the server at *port*."""
    url = f"https://{NAME}:{port}{path}"
    return Hop(**{"url": url, "addresses": ("127.0.0.1",), **changes})


# Servers that speak more than HTTP/1.1

_NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        http2_max_concurrent_streams 256;
        ssl_certificate {tls}/cert.pem;
        ssl_certificate_key {tls}/key.pem;
        root {folder};
        add_header Connection-Number $connection;
        location /page {{ limit_rate 256k; }}
        location /drip {{ limit_rate 100; }}
    }}
}}
"""

_APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    start = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1"), (b"x-a", b"2")]}
    await send(start)
    await send({"type": "http.response.body", "body": b"first ", "more_body": True})
    if scope["path"] == "/hang":
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass
    await send({"type": "http.response.body", "body": b"last"})
"""


@pytest.fixture(scope="module")
def http2(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run nginx with HTTP/2 over TLS, which takes for ever to send /drip; give its port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("nginx is not installed: the package nginx-light of Debian brings it")
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    (folder / "page").write_bytes(PAGE)
    (folder / "drip").write_bytes(PAGE)
    (folder / "index.html").write_bytes(b"index")
    with ExitStack() as running:
        for _ in range(5):
            port = _free_port()
            configuration = folder / "nginx.conf"
            configuration.write_text(_NGINX.format(folder=folder, port=port, tls=files))
            command = [program, "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
            if running.enter_context(_listening(command, folder, port)):
                break
        yield port


@pytest.fixture(scope="module")
def http3(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run hypercorn with HTTP/2 over TLS, and HTTP/3 at the same port over UDP; give the port."""
    if find_spec("hypercorn") is None or find_spec("aioquic") is None:
        pytest.skip("there is no server of HTTP/3: pip install 'hypercorn[h3]' brings one")
    folder = tmp_path_factory.mktemp("hypercorn")
    (folder / "application.py").write_text(_APPLICATION, encoding="utf-8")
    with ExitStack() as running:
        for _ in range(5):
            port = _free_port()
            place = f"127.0.0.1:{port}"
            command = [sys.executable, "-m", "hypercorn", "--bind", place, "--quic-bind", place]
            command += ["--certfile", f"{files}/cert.pem", "--keyfile", f"{files}/key.pem", "application:app"]
            if running.enter_context(_listening(command, folder, port)):
                break
        yield port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _listening(command: list[str], folder: Path, port: int) -> Iterator[bool]:
    """Run *command* in *folder* while the block lasts; say whether it listens at *port*, or has ended."""
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - our own arguments
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield _wait_for(process, port)
        finally:
            process.terminate()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> bool:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    return False


async def test_the_server_chooses_http2(watch: How, http2: int, files: Path) -> None:
    """Over TLS HTTP/2 is offered, and requests one after the other share a connection."""
    async with asserts_no_leaks(), opened(watch, ca=files / "ca.pem") as curl:
        first = await curl.fetch(page(http2))
        second = await curl.fetch(page(http2))
    assert (first.http_version, first.status, first.body) == ("2", 200, PAGE)
    assert first.headers.get("Connection-Number") == second.headers.get("Connection-Number")


async def test_http11_where_it_is_asked_for(watch: How, http2: int, files: Path) -> None:
    """Then HTTP/2 is not offered."""
    async with opened(watch, ca=files / "ca.pem", http_version="1.1") as curl:
        assert (await curl.fetch(page(http2, "/"))).http_version == "1.1"


async def test_http2_alone(watch: How, http2: int, files: Path, authority: trustme.CA) -> None:
    """A server that has it answers; one that hasn't gets no request, whether it negotiates or not."""
    negotiating = server_side(authority, NAME)
    negotiating.set_alpn_protocols(["http/1.1"])
    silent = server_side(authority, NAME)
    async with opened(watch, ca=files / "ca.pem", http_version="2") as curl:
        assert (await curl.fetch(page(http2, "/"))).http_version == "2"
        for tls in (negotiating, silent):
            async with playing(OK, tls=tls) as server:
                assert (await failing(curl, page(server.port))).kind in {"tls", "protocol"}
                assert not any(request.startswith(b"GET") for request in server.requests)


@pytest.mark.parametrize("version", ["auto", "1.1", "2", "3"])
async def test_without_tls_it_is_http11(version: str) -> None:
    """Nothing is negotiated there, and nothing supposed."""
    async with playing(OK) as server, opened(http_version=version) as curl:
        assert (await curl.fetch(server.hop())).http_version == "1.1"
    assert server.requests == [f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode()]


@pytest.mark.parametrize("by_tls", [False, True])
async def test_no_request_waits_for_another(
    watch: How, authority: trustme.CA, files: Path, by_tls: bool
) -> None:
    """Where connections can't be shared, each request has its own at once: the server waits for them all."""
    together = 5
    everybody = trio.Event()

    async def play(stream: trio.SocketStream) -> None:
        if server.connections == together:
            everybody.set()
        await everybody.wait()
        await stream.send_all(OK)

    tls = server_side(authority, NAME) if by_tls else None
    async with playing(play, tls=tls) as server, opened(watch, ca=files / "ca.pem") as curl:
        async with trio.open_nursery() as nursery:
            for _ in range(together):
                nursery.start_soon(curl.fetch, page(server.port) if by_tls else server.hop())
        assert server.connections == together


async def test_neighbours_on_a_connection_are_undisturbed(watch: How, http2: int, files: Path) -> None:
    """Of 180 requests on one connection 30 are cancelled within a body, and 150 come to their end."""
    connections: set[str | None] = set()
    leaving = [trio.CancelScope() for _ in range(NEIGHBOURS // 5)]
    left = iter(leaving)

    async with asserts_no_leaks(), opened(watch, ca=files / "ca.pem", concurrency=256) as curl:

        async def stay(number: int) -> None:
            response = await curl.fetch(page(http2, f"/page?{number}"))
            assert response.body == PAGE
            connections.add(response.headers.get("Connection-Number"))
            for scope in itertools.islice(left, 1):
                scope.cancel(reason="as a test")

        async def leave(scope: trio.CancelScope) -> None:
            with scope:
                await curl.fetch(page(http2, "/drip"))

        await curl.fetch(page(http2, "/"))
        async with trio.open_nursery() as nursery:
            for number in range(NEIGHBOURS):
                nursery.start_soon(stay, number)
                if number % 5 == 0:
                    nursery.start_soon(leave, leaving[number // 5])
        await curl.fetch(page(http2, "/"))
    assert all(scope.cancelled_caught for scope in leaving)
    assert len(connections) == 1


@dataclass
class Relay:
    """Passes bytes on to a port of this machine; a connection made while it stalls comes to nothing."""

    to: int
    port: int = 0
    stalls: bool = False
    stalled: trio.Event = field(default_factory=trio.Event)
    connections: list[trio.CancelScope] = field(default_factory=list)

    async def handle(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        async with stream, await trio.open_tcp_stream("127.0.0.1", self.to) as server:
            with trio.CancelScope() as scope:
                self.connections.append(scope)
                if self.stalls:
                    self.stalled.set()
                    await trio.sleep_forever()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self.copy, stream, server, scope)
                    nursery.start_soon(self.copy, server, stream, scope)

    async def copy(self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
        """Copy in one direction, until either side ends."""
        try:
            async for chunk in source:
                await sink.send_all(chunk)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel(reason="one side has ended")


@asynccontextmanager
async def relaying(to: int) -> AsyncIterator[Relay]:
    """Run a relay to the port *to*."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    relay = Relay(to, listener.socket.getsockname()[1])
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_listeners, relay.handle, [listener]))
        yield relay
        nursery.cancel_scope.cancel(reason="the test is over")


async def test_requests_wait_for_a_connection_that_they_can_share(
    watch: How, http2: int, files: Path
) -> None:
    """Where one of HTTP/2 was had before, there is one connection again after it has ended."""
    async with asserts_no_leaks(), relaying(http2) as relay, opened(watch, ca=files / "ca.pem") as curl:
        await curl.fetch(page(relay.port, "/"))
        relay.connections[0].cancel(reason="as a test")
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(curl.fetch, page(relay.port, "/"))
        assert len(relay.connections) == 2


async def test_who_makes_the_connection_may_be_cancelled(watch: How, http2: int, files: Path) -> None:
    """Those that wait for it go on without."""
    async with asserts_no_leaks(), relaying(http2) as relay, opened(watch, ca=files / "ca.pem") as curl:
        await curl.fetch(page(relay.port, "/"))
        relay.connections[0].cancel(reason="as a test")
        await trio.testing.wait_all_tasks_blocked()
        relay.stalls = True
        maker = trio.CancelScope()
        versions: list[str] = []

        async def leave() -> None:
            with maker:
                await curl.fetch(page(relay.port, "/"))

        async def stay() -> None:
            versions.append((await curl.fetch(page(relay.port, "/"))).http_version)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(leave)
            await relay.stalled.wait()
            for _ in range(5):
                nursery.start_soon(stay)
            await trio.testing.wait_all_tasks_blocked()
            relay.stalls = False
            maker.cancel(reason="as a test")
        assert versions == ["2"] * 5
        assert maker.cancelled_caught
        assert len(relay.connections) == 3


async def test_http3(watch: How, http3: int, files: Path) -> None:
    """It is spoken where it is asked for; repeated fields and all parts of the body come."""
    async with asserts_no_leaks():
        async with opened(watch, ca=files / "ca.pem", http_version="3") as curl:
            for _ in range(3):
                response = await curl.fetch(page(http3))
                assert (response.http_version, response.status, response.body) == ("3", 200, b"first last")
                assert response.headers.get_all("x-a") == ["1", "2"]
                assert response.address == "127.0.0.1"
        async with opened(watch, ca=files / "ca.pem") as curl:
            assert (await curl.fetch(page(http3))).http_version == "2"


async def test_neighbours_in_http3_are_undisturbed(watch: How, http3: int, files: Path) -> None:
    """Streams that are cancelled leave those beside them, and those after them, as they were."""
    bodies: list[bytes] = []
    async with asserts_no_leaks(), opened(watch, ca=files / "ca.pem", http_version="3") as curl:

        async def stay() -> None:
            bodies.append((await curl.fetch(page(http3))).body)

        async def leave() -> None:
            with trio.move_on_after(0.1) as scope:
                await curl.fetch(page(http3, "/hang"))
            assert scope.cancelled_caught

        for _ in range(2):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(stay)
                    nursery.start_soon(leave)
    assert bodies == [b"first last"] * 40


async def test_http3_where_there_is_none(http2: int, files: Path) -> None:
    """Then it is what the server speaks."""
    async with opened(ca=files / "ca.pem", http_version="3") as curl:
        assert (await curl.fetch(page(http2, "/"))).http_version == "2"


async def test_the_guard_judges_http3_too(http3: int, files: Path) -> None:
    """No datagram goes to an address that is refused."""

    class Strict:
        def refusal(self, host: str, port: int, address: str) -> str | None:
            return f"{address} is refused for {host}:{port}"

    async with opened(ca=files / "ca.pem", http_version="3", guard=Strict()) as curl:
        failure = await failing(curl, page(http3))
    assert (failure.kind, failure.message) == (
        "blocked_address",
        f"127.0.0.1 is refused for {NAME}:{http3}",
    )


# Trust


async def test_ca_replaces_the_known_authorities(
    watch: How, authority: trustme.CA, files: Path, tmp_path: Path
) -> None:
    """Those in the file are trusted, and no others."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    async with playing(OK, tls=server_side(authority, NAME)) as server:
        async with opened(watch, ca=files / "ca.pem") as curl:
            assert (await curl.fetch(page(server.port))).body == b"ok"
        for ca in (None, tmp_path / "other.pem"):
            async with opened(watch, ca=ca) as curl:
                assert (await failing(curl, page(server.port))).kind == "tls"


@pytest.mark.parametrize("form", ["one file", "two files", "with a password"])
async def test_a_client_certificate_is_shown(
    authority: trustme.CA, files: Path, tmp_path: Path, form: str
) -> None:
    """The server sees who asks; without one it refuses."""
    context = server_side(authority, NAME)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    async with playing(tell_peer, tls=context) as server:
        async with opened(
            ca=files / "ca.pem", client_cert=client_certificate(authority, tmp_path, form)
        ) as curl:
            assert (await curl.fetch(page(server.port))).body == b"client.test"
        async with opened(ca=files / "ca.pem") as curl:
            assert (await failing(curl, page(server.port))).kind in {"tls", "protocol"}


def client_certificate(authority: trustme.CA, folder: Path, form: str) -> Any:  # noqa: ANN401 - what `Curl` takes
    """Return a certificate of client.test, as ``client_cert=`` takes it."""
    issued = authority.issue_cert("client.test")
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    if form == "one file":
        return folder / "both.pem"
    if form == "two files":
        return str(folder / "cert.pem"), folder / "key.pem"
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - trustme brings it

    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (folder / "encrypted.pem").write_bytes(encrypted)
    return folder / "cert.pem", folder / "encrypted.pem", "secret"


async def tell_peer(stream: Any) -> None:  # noqa: ANN401 - an SSLStream, whose generic is of no use here
    """Answer with the name in the client's certificate."""
    names = dict(stream.getpeercert()["subjectAltName"])
    body = str(names["DNS"]).encode()
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


# Making one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http_version": "1.0"}, '"auto", "1.1", "2" or "3"'),
        ({"http_version": 2}, "as a str; got 2"),
        ({"http_version": "3", "proxy": "http://127.0.0.1:1"}, "UDP"),
        ({"proxy": "127.0.0.1:1"}, "proxy takes"),
        ({"ca": "no-such.pem"}, "no-such.pem"),
        ({"client_cert": "no-such.pem"}, "no-such.pem"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], message: str) -> None:
    """The message says which, and what can be, before anything is fetched."""
    with pytest.raises(UsageError, match=message):
        Curl(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"http_version": "2"}, 'built without HTTP/2; use "auto"'),
        ({"http_version": "3"}, 'built without HTTP/3; use "auto"'),
        ({"proxy": "https://proxy.test:443"}, "built without TLS to proxies"),
    ],
)
def test_what_libcurl_lacks_cannot_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    """Where it was built without a feature, that is said when the fetcher is made."""
    version = list(pycurl.version_info())
    version[4] = 0
    monkeypatch.setattr("pycurl.version_info", lambda: tuple(version))
    with pytest.raises(UsageError, match=message):
        Curl(**options)
    Curl()


def test_the_repr_has_what_was_given_and_no_secret(files: Path) -> None:
    """Passwords are left out."""
    curl = Curl(http_version="1.1", proxy="socks5://me:secret@proxy.test:1080", ca=files / "ca.pem")
    text = (
        f"Curl(http_version='1.1', proxy=Proxy('socks5://…@proxy.test:1080'), ca={str(files / 'ca.pem')!r})"
    )
    assert repr(curl) == text


def test_options_are_set_once() -> None:
    """No option is listed twice, and none that depends on the hop is."""
    options = [option for option, _ in lasting_options(Settings())]
    assert len(set(options)) == len(options)
    assert not {pycurl.URL, pycurl.HTTP_VERSION, pycurl.PIPEWAIT, pycurl.RESOLVE}.intersection(options)


def test_without_tls_there_is_one_version() -> None:
    """Whatever is asked for."""
    versions: tuple[HttpVersion, ...] = ("auto", "1.1", "2", "3")
    assert {version_option(version, tls=False) for version in versions} == {pycurl.CURL_HTTP_VERSION_1_1}
    assert len({version_option(version, tls=True) for version in versions}) == len(versions)
