"""The checks of the race for a kept connection: the server closes it while a request is on its way."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from .._model import Response
from . import _fetcher_check_contract as contract
from ._fetcher_check_connections import seen
from ._fetcher_check_contract import expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from ._fetcher_check_bench import Bench
    from ._fetcher_check_servers import Dialog

_STALE: Final = "the server closes the kept connection as the request arrives"


async def stale_connections(bench: Bench) -> None:
    """A server that closes a kept connection as the request arrives is asked again, on a new one."""
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        async with playing(_close_on_second) as server, bench.opened() as fetcher:
            await fetcher.response(server.hop("/first"))
            await fetcher.response(server.hop("/second", method=method), _STALE)
            came = seen(server)
            expect(
                came == [(1, "/first"), (1, "/second"), (2, "/second")],
                contract.STALE,
                asked=_STALE,
                came=came,
            )


async def stale_connections_once(bench: Bench) -> None:
    """It is asked again once for each connection that was kept, at most, and then on a new one."""
    first, both_there = trio.Event(), trio.Event()

    async def play(dialog: Dialog) -> None:
        if dialog.received.target == "/second":
            await dialog.hang_up()
            return
        if dialog.received.connection == 1:
            first.set()
        else:
            both_there.set()
        await both_there.wait()
        await dialog.send(ok())

    async with playing(play) as server, bench.opened() as fetcher:
        async with trio.open_nursery() as nursery:  # two at once, so that two connections are kept
            nursery.start_soon(fetcher.response, server.hop("/first"))
            await first.wait()
            nursery.start_soon(fetcher.response, server.hop("/first"))
        await fetcher.failure(server.hop("/second"), "protocol", when="the server closes at each request")
        came = seen(server)[2:]
        *earlier, last = [connection for connection, _ in came]
        # On each kept one (1 and 2) at most once, and what a new one comes to is the outcome.
        expect(
            sorted(earlier) in ([1], [2], [1, 2]) and last not in {1, 2},
            contract.STALE,
            asked="GET /second",
            came=came,
        )


async def stale_connections_of_others(bench: Bench) -> None:
    """What may have had an effect is not sent again: POST and PATCH fail (RFC 9110, section 9.2.2)."""
    for method in ("POST", "PATCH"):
        async with playing(_close_on_second) as server, bench.opened() as fetcher:
            await fetcher.response(server.hop("/first"))
            hop = server.hop("/second", method=method, body=b"pay")
            came = await fetcher.attempt(hop, _STALE)
            sent = [received for received in server.received if received.target == "/second"]
            expect(
                len(sent) == 1,
                contract.STALE,
                asked=f"{method}; {_STALE}",
                came=f"{seen(server)}; {brief(came)}",
            )
            expect(
                not isinstance(came, Response) and came.kind == "protocol",
                contract.KIND,
                asked=f"{method}; {_STALE}",
                came=brief(came),
            )


async def stale_after_a_beginning(bench: Bench) -> None:
    """Once a response has begun, its request is not made again."""

    async def play(dialog: Dialog) -> None:
        await dialog.send(ok() if dialog.received.number == 1 else b"HTTP/1.1 200 OK\r\nContent-Le")
        if dialog.received.number > 1:
            await dialog.hang_up()

    async with playing(play) as server, bench.opened() as fetcher:
        await fetcher.response(server.hop("/first"))
        await fetcher.failure(server.hop("/second"), "protocol", when="the head of the reply breaks off")
        came = seen(server)
        expect(
            came == [(1, "/first"), (1, "/second")], contract.STALE, asked="a head that breaks off", came=came
        )


async def _close_on_second(dialog: Dialog) -> None:
    if dialog.received.number > 1:
        await dialog.hang_up()
    else:
        await dialog.send(ok(b"" if dialog.received.method == "HEAD" else b"ok"))


CHECKS: Final = (
    stale_connections,
    stale_connections_once,
    stale_connections_of_others,
    stale_after_a_beginning,
)
