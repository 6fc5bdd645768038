"""The asks fetcher over TLS: whom it trusts, and who it says it is."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
import trustme
from asks_support import OK, end_after, failing, opened, playing

from trio_crawl import Hop, UsageError
from trio_crawl.fetchers import Asks

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority that nobody trusts yet."""
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    """Return the file of that authority."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    """Return the context of a server whose certificate is for *name*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.mark.parametrize("name", ["good.test", "127.0.0.1"])
async def test_a_trusted_server(authority: trustme.CA, ca: Path, name: str) -> None:
    """A name or an address that the certificate is for is answered, over a connection that is kept."""
    async with playing(OK, tls=server_side(authority, name)) as server, opened(Asks(ca=ca)) as asks:
        for _ in range(3):
            hop = server.hop(url=f"https://{name}:{server.port}/")
            assert (await asks.fetch(hop)).body == b"ok"
        assert server.connections == 1
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(asks.fetch, hop)
        assert server.connections == 2


@pytest.mark.parametrize(("trusted", "name"), [(True, "other.test"), (False, "good.test")])
async def test_a_server_that_is_not_trusted(
    authority: trustme.CA, ca: Path, trusted: bool, name: str
) -> None:
    """A certificate for another name, or of an authority that is not trusted, is refused; nothing is sent."""
    tls = server_side(authority, "good.test")
    async with playing(OK, tls=tls) as server, opened(Asks(ca=ca if trusted else None)) as asks:
        failure = await failing(asks, server.hop(url=f"https://{name}:{server.port}/"))
    assert failure.kind == "tls"
    assert "certificate" in failure.message
    assert server.requests == []


async def test_a_server_that_speaks_no_tls() -> None:
    """What answers a handshake in plain text fails it."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        chatter = partial(end_after, b"220 mail.test ESMTP\r\n")
        await nursery.start(partial(trio.serve_listeners, chatter, [listener]))
        async with opened() as asks:
            hop = Hop(url=f"https://127.0.0.1:{port}/", addresses=("127.0.0.1",))
            assert (await failing(asks, hop)).kind == "tls"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("shown", [True, False])
async def test_a_client_certificate(authority: trustme.CA, ca: Path, tmp_path: Path, shown: bool) -> None:
    """A server that asks for one is shown it, and one that insists on it answers nobody without."""
    certificate = authority.issue_cert("client@crawler.test")
    path = tmp_path / "client.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(path)
    tls = server_side(authority, "good.test")
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    fetcher = Asks(ca=ca, client_cert=path if shown else None)
    async with playing(OK, tls=tls) as server, opened(fetcher) as asks:
        hop = server.hop(url=f"https://good.test:{server.port}/")
        if shown:
            assert (await asks.fetch(hop)).body == b"ok"
            assert repr(asks) == f"Asks(ca={str(ca)!r}, client_cert={str(path)!r})"
        else:
            await failing(asks, hop)
            assert server.requests == []


def test_files_that_are_none(tmp_path: Path) -> None:
    """They are known when the fetcher is made."""
    with pytest.raises(UsageError, match=r"missing\.pem"):
        Asks(ca=tmp_path / "missing.pem")
    with pytest.raises(UsageError, match=r"missing\.pem"):
        Asks(client_cert=tmp_path / "missing.pem")
