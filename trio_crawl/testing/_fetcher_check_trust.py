"""The checks of TLS: whom a fetcher trusts, and what it says to those it doesn't."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio

from .._model import Response
from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import LOOPBACK, LOOPBACK_6, Server, listening, ok, playing

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from ._fetcher_check_bench import Bench

_NAME: Final = "tls.check.test"


async def trusted_certificates(bench: Bench) -> None:
    """A server with a certificate for its host, of a trusted authority, is talked to, and kept."""
    context = bench.authority.good(_NAME)
    named = _names_asked_for(context)
    async with playing(ok(b"secret"), tls=context) as server, bench.opened() as fetcher:
        for method in ("GET", "GET", "POST"):
            response = await fetcher.response(
                server.hop(host=_NAME, method=method), "its certificate is good"
            )
            expect(
                response.body == b"secret", contract.BODY, asked=f"{method} over TLS", came=brief(response)
            )
        expect(
            server.connections == 1, contract.KEPT, asked="three requests in a row", came=server.connections
        )
        expect(
            named == [_NAME], contract.HOP_URL, asked=f"TLS with {_NAME} (RFC 6066, section 3)", came=named
        )


async def certificates_for_addresses(bench: Bench) -> None:
    """Where the URL has an address, the certificate has to be for that; an address is no server name."""
    context = bench.authority.good(LOOPBACK, LOOPBACK_6)
    named = _names_asked_for(context)
    async with playing(ok(b"secret"), tls=context) as server, bench.opened() as fetcher:
        response = await fetcher.response(server.hop(), "its certificate is for the address")
        expect(response.body == b"secret", contract.BODY, asked="an address over TLS", came=brief(response))
        expect(
            named == [None], contract.HOP_URL, asked="TLS with an address (RFC 6066, section 3)", came=named
        )
    await _expect_refused(
        bench, bench.authority.good(_NAME), LOOPBACK, "a name, where an address is asked for"
    )


async def trailing_dots(bench: Bench) -> None:
    """A host with a dot at its end is the same to TLS as without (RFC 6066, section 3)."""
    context = bench.authority.good(_NAME)
    named = _names_asked_for(context)
    async with playing(ok(b"secret"), tls=context) as server, bench.opened() as fetcher:
        said = "its certificate is for the name without the dot"
        response = await fetcher.response(server.hop(host=_NAME + "."), said)
        expect(response.body == b"secret", contract.BODY, asked=said, came=brief(response))
        expect(named == [_NAME], contract.HOP_URL, asked=f"TLS with {_NAME}.", came=named)


async def expired_certificates(bench: Bench) -> None:
    """A certificate that was valid until yesterday is none."""
    await _expect_refused(bench, bench.authority.expired(_NAME), _NAME, "a certificate that has expired")


async def wrong_hosts(bench: Bench) -> None:
    """A certificate for another host is none, be it the parent, a sibling, or one that begins alike."""
    for names in (("check.test",), ("other.check.test",), (_NAME + ".example",), ("*.tls.check.test",)):
        await _expect_refused(bench, bench.authority.good(*names), _NAME, f"a certificate for {names[0]}")


async def strange_authorities(bench: Bench) -> None:
    """A certificate of an authority that is not trusted is none."""
    await _expect_refused(
        bench, bench.authority.strange(_NAME), _NAME, "a certificate of an unknown authority"
    )


async def self_signed_certificates(bench: Bench) -> None:
    """A certificate that only vouches for itself is none."""
    context = bench.authority.self_signed(_NAME, bench.folder)
    await _expect_refused(bench, context, _NAME, "a self-signed certificate")


async def failed_handshakes(bench: Bench) -> None:
    """A server that speaks no TLS, or hangs up on it, is a failure, and of the right kind."""

    async def plain(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(ok(b"in the clear"))
        await stream.receive_some()

    async def mute(stream: trio.SocketStream) -> None:
        await stream.receive_some()

    async with bench.opened() as fetcher:
        async with _secured(plain) as server:
            await fetcher.failure(
                server.hop(host=_NAME), "tls", when="the server answers TLS with plain HTTP"
            )
        async with _secured(mute) as server:
            await fetcher.failure(
                server.hop(host=_NAME), "tls", "connect", when="the server hangs up in the handshake"
            )
        await fetcher.unharmed("failed handshakes")


@asynccontextmanager
async def _secured(handle: object) -> AsyncIterator[Server]:
    """Yield a server that is taken for one of https and does *handle* instead."""

    async def accept(stream: trio.SocketStream) -> None:
        try:
            await handle(stream)  # type: ignore[operator]
        except trio.BrokenResourceError:
            return  # the client has hung up

    async with listening(accept) as port:
        yield Server(scheme="https", address=LOOPBACK, port=port)


def _names_asked_for(context: ssl.SSLContext) -> list[str | None]:
    """Return a list that gets the server name of each handshake, None where there was none."""
    names: list[str | None] = []

    def note(_connection: object, name: str | None, _context: object) -> None:
        names.append(name)

    context.sni_callback = note
    return names


async def _expect_refused(bench: Bench, context: ssl.SSLContext, host: str, what: str) -> None:
    """Assert that a server with *what*, which is in *context*, gets no request."""
    async with playing(ok(b"secret"), tls=context) as server, bench.opened() as fetcher:
        for _ in range(2):  # a session that could be resumed makes no difference
            came = await fetcher.attempt(server.hop(host=host), what)
            expect(
                not isinstance(came, Response) and came.kind == "tls" and not server.received,
                contract.TRUST,
                asked=f"https://{host}:{server.port}/, which shows {what}",
                came=f"{brief(came)}; the server got {len(server.received)} requests",
            )
        await fetcher.unharmed(what)


CHECKS: Final = (
    trusted_certificates,
    certificates_for_addresses,
    trailing_dots,
    expired_certificates,
    wrong_hosts,
    strange_authorities,
    self_signed_certificates,
    failed_handshakes,
)
