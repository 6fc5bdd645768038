"""The checks of connections: kept ones and stale ones, and to which address they go."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .._model import Response
from . import _fetcher_check_contract as contract
from ._fetcher_check_bench import RecordingGuard
from ._fetcher_check_contract import expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import LOOPBACK, LOOPBACK_6, nobody_listening, ok, playing

if TYPE_CHECKING:
    from ._fetcher_check_bench import Bench
    from ._fetcher_check_servers import Dialog, Server

_NAME: Final = "name.check.test"  # RFC 6761, section 6.2: no resolver knows it


async def kept_connections(bench: Bench) -> None:
    """Requests to one origin, one after the other, take the same connection."""
    async with playing(ok()) as server, bench.opened() as fetcher:
        for method in ("GET", "GET", "POST", "GET"):
            await fetcher.response(server.hop(host=_NAME, method=method))
        expect(server.connections == 1, contract.KEPT, asked="four requests in a row", came=seen(server))


async def ended_connections(bench: Bench) -> None:
    """What a server ends, by HTTP/1.0 or ``Connection: close``, is not used again; nor is that an error."""
    replies = {
        "/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "/close": ok(b"ok", b"Connection: close"),
    }

    async def play(dialog: Dialog) -> None:
        await dialog.send(
            replies[dialog.received.target]
        )  # and leaves it open, so that nothing but this tells

    async with playing(play) as server, bench.opened() as fetcher:
        for target in ("/1.0", "/close", "/1.0"):
            await fetcher.response(server.hop(target), f"the reply is {replies[target]!r}")
        expect(server.connections == 3, contract.KEPT, asked=list(replies.values()), came=seen(server))  # noqa: PLR2004 - as many as requests


async def closed_while_idle(bench: Bench) -> None:
    """A kept connection that was closed meanwhile is not used, by a request that can't be repeated either."""
    hung_up = trio.Event()

    async def play(dialog: Dialog) -> None:
        await dialog.send(ok())
        if dialog.received.connection == 1:
            await dialog.hang_up()
            hung_up.set()

    async with playing(play) as server, bench.opened() as fetcher:
        await fetcher.response(server.hop())
        await hung_up.wait()
        hop = server.hop(method="POST", body=b"once")
        response = await fetcher.response(hop, "the kept connection was closed before")
        expect(
            response.body == b"ok",
            contract.KEPT,
            asked="POST after the server closed",
            came=brief(response),
        )


async def fresh_connections(bench: Bench) -> None:
    """On a new connection nothing is tried again: that is the crawl's to decide."""

    async def play(dialog: Dialog) -> None:
        await dialog.hang_up()

    async with playing(play) as server, bench.opened() as fetcher:
        await fetcher.failure(
            server.hop(), "protocol", when="the server closes the connection without a reply"
        )
        expect(len(server.received) == 1, contract.ONE_HOP, asked="one hop", came=seen(server))


async def unasked_replies(bench: Bench) -> None:
    """Bytes beyond a response, a whole response even, are not given to the next request."""
    extra = ok(b"smuggled", b"X-Smuggled: 1")

    async def play(dialog: Dialog) -> None:
        first = dialog.received.target == "/first"
        await dialog.send(ok(b"first") + extra if first else ok(b"second"))

    async with playing(play) as server, bench.opened() as fetcher:
        for method in ("GET", "HEAD"):
            # Either an error or the response is right: the bytes beyond belong to nobody.
            await fetcher.attempt(
                server.hop("/first", method=method), "another response follows the response"
            )
            came = await fetcher.attempt(server.hop("/second"), "a response too many came before")
            expect(
                isinstance(came, Response) and came.body == b"second",
                contract.UNASKED,
                asked=f"{method} /first, whose reply is followed by another one, and then /second",
                came=brief(came),
            )


async def ipv6(bench: Bench) -> None:
    """An IPv6 address is connected to, be it the URL's host or the address of a name."""
    async with playing(ok(), address=LOOPBACK_6) as server, bench.opened() as fetcher:
        for host in ("[::1]", _NAME):
            response = await fetcher.response(server.hop(host=host))
            expect(
                response.address == LOOPBACK_6,
                contract.ADDRESS,
                asked=f"a hop to {host}",
                came=response.address,
            )
            came = server.received[-1].get_all("host")
            expect(
                came == [f"{host}:{server.port}"],
                contract.HOP_URL,
                asked=f"a hop to {host}",
                came=f"Host: {came}",
            )


async def names_are_not_resolved(bench: Bench) -> None:
    """The addresses of the hop are connected to, whatever the name is; without any there is a failure."""
    async with playing(ok()) as server, bench.opened() as fetcher:
        for name in (_NAME, "localhost", "with_underscore.check.test", "a" * 63 + ".check.test"):
            response = await fetcher.response(server.hop(host=name), "the address of the name is given")
            expect(
                response.body == b"ok", contract.HOP_ADDRESSES, asked=f"a hop to {name}", came=brief(response)
            )
        before = len(server.received)
        for name in ("localhost", _NAME):
            # Another port: libcurl keeps what it was told, for an origin, for a minute.
            async with playing(ok()) as other:
                hop = other.hop(host=name, addresses=())
                await fetcher.failure(hop, "dns", when="no address is given")
                hop = other.hop(host=name, addresses=(LOOPBACK_6,))
                await fetcher.failure(hop, "connect", when="nobody listens at the one address that is given")
                expect(
                    not other.connections,
                    contract.NO_LOOKUP,
                    asked=f"{hop.url} of ::1 only",
                    came=seen(other),
                )
        expect(len(server.received) == before, contract.NO_LOOKUP, asked="other ports", came=seen(server))


async def dead_addresses(bench: Bench) -> None:
    """Where the first address refuses, the next one is connected to; where all do, there is a failure."""
    async with playing(ok()) as server, bench.opened() as fetcher:
        hop = server.hop(host=_NAME, addresses=(LOOPBACK_6, LOOPBACK))
        response = await fetcher.response(hop, "nobody listens at the first address")
        expect(response.address == LOOPBACK, contract.ADDRESS, asked=hop.addresses, came=response.address)
    with nobody_listening() as port:
        async with bench.opened() as fetcher:
            hop = server.hop(url=f"http://{_NAME}:{port}/", addresses=(LOOPBACK_6, LOOPBACK))
            await fetcher.failure(hop, "connect", when="nobody listens at any of the addresses")


async def guarded_addresses(bench: Bench) -> None:
    """An address that the guard refuses is not connected to, and the failure says what the guard says."""
    guard = RecordingGuard(LOOPBACK)
    async with playing(ok()) as server, bench.opened(guard=guard) as fetcher:
        for hop in (server.hop(host=_NAME), server.hop(), server.hop(host=_NAME, method="POST")):
            failure = await fetcher.failure(hop, "blocked_address", when="the guard refuses its address")
            expect(
                "guard of this check" in failure.message, contract.GUARD, asked=hop.url, came=failure.message
            )
        expect(not server.connections, contract.GUARD, asked="refused addresses", came=seen(server))
        wanted = [(_NAME, server.port, LOOPBACK), (LOOPBACK, server.port, LOOPBACK)]
        expect(
            set(guard.asked) == set(wanted), contract.GUARD, asked=f"to ask for {wanted}", came=guard.asked
        )


async def partly_guarded_addresses(bench: Bench) -> None:
    """Of several addresses those are connected to that the guard lets pass."""
    guard = RecordingGuard(LOOPBACK_6)
    async with playing(ok()) as server, bench.opened(guard=guard) as fetcher:
        hop = server.hop(host=_NAME, addresses=(LOOPBACK_6, LOOPBACK))
        response = await fetcher.response(hop, "the guard refuses the first of its addresses")
        expect(response.address == LOOPBACK, contract.ADDRESS, asked=hop.addresses, came=response.address)
        asked = (_NAME, server.port, LOOPBACK)
        expect(asked in guard.asked, contract.GUARD, asked=f"to ask for {asked}", came=guard.asked)


def seen(server: Server) -> list[tuple[int, str]]:
    """Return, for each request that came in, the number of its connection, and what it asked for."""
    return [(received.connection, received.target) for received in server.received]


CHECKS: Final = (
    kept_connections,
    ended_connections,
    closed_while_idle,
    fresh_connections,
    unasked_replies,
    ipv6,
    names_are_not_resolved,
    dead_addresses,
    guarded_addresses,
    partly_guarded_addresses,
)
