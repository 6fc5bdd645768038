"""The checks of a fetcher's life: open, closed, open again, and no word to another one."""

# ruff: noqa: D401 - a check is like a test: its docstring is the statement that it checks

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

import trio

from . import _fetcher_check_contract as contract
from ._fetcher_check_contract import broken, expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from .._model import Response
    from ..abc import Fetcher
    from ._fetcher_check_bench import Bench
    from ._fetcher_check_servers import Dialog, Server


async def properties(bench: Bench) -> None:
    """It says that it opens connections, and that its time is not trio's clock alone."""
    fetcher = bench.make()
    said = "a fetcher that these checks are for, over real sockets"
    expect(fetcher.opens_connections is True, contract.CONNECTS, asked=said, came=fetcher.opens_connections)
    expect(fetcher.virtual is False, contract.VIRTUAL, asked=said, came=fetcher.virtual)


async def opened_twice(bench: Bench) -> None:
    """A second crawl gets `trio.BusyResourceError`, and the first one goes on."""
    fetcher = bench.make()
    async with playing(ok()) as server, bench.environment() as other, bench.opened(fetcher) as asker:
        await asker.response(server.hop())
        asked = "to open a fetcher that is open"
        try:
            async with fetcher.open(other):
                pass
        except trio.BusyResourceError as error:
            expect(str(error), contract.BUSY, asked=f"{asked}; the error says what to do", came=repr(error))
        except Exception as error:
            raise broken(contract.BUSY, asked=asked, came=repr(error)) from error
        else:
            raise broken(contract.BUSY, asked=asked, came="no error")
        await asker.response(server.hop(), "a second crawl tried to open the fetcher")


async def not_open(bench: Bench) -> None:
    """Before it is opened, and after it was closed, it fetches nothing."""
    fetcher = bench.make()
    async with playing(ok()) as server:
        await _expect_closed(fetcher, server, "before it was opened")
        async with bench.opened(fetcher) as asker:
            await asker.response(server.hop())
        seen = len(server.received)
        await _expect_closed(fetcher, server, "after it was closed")
        expect(len(server.received) == seen, contract.CLOSED, asked="a closed fetcher", came=server.received)


async def opened_again(bench: Bench) -> None:
    """After one crawl it serves the next, with connections of its own."""
    fetcher = bench.make()
    async with playing(ok()) as server:
        for crawl in (1, 2, 3):
            async with bench.opened(fetcher) as asker:
                for _ in range(2):
                    await asker.response(server.hop(), f"in crawl {crawl}")
        came = [received.connection for received in server.received]
        expect(
            came == [1, 1, 2, 2, 3, 3],
            contract.ONE_CRAWL,
            asked="two requests in each of 3 crawls",
            came=came,
        )


async def opened_again_after_an_error(bench: Bench) -> None:
    """So it does after a crawl that ended with an exception, or was cancelled."""
    fetcher = bench.make()
    async with playing(ok()) as server:
        with trio.CancelScope() as scope:
            async with bench.opened(fetcher) as asker:
                await asker.response(server.hop())
                scope.cancel(reason="the check is about that")
                await trio.lowlevel.checkpoint()
        try:
            async with bench.opened(fetcher) as asker:
                await asker.response(server.hop(), "the crawl before was cancelled")
                _end_the_crawl()
        except* _EndOfCrawlError:
            pass
        async with bench.opened(fetcher) as asker:
            await asker.response(server.hop(), "the crawl before ended with an exception")
        came = [received.connection for received in server.received]
        expect(came == [1, 2, 3], contract.ONE_CRAWL, asked="a request in each of 3 crawls", came=came)


async def closed_in_flight(bench: Bench) -> None:
    """When its block is left, fetches in flight end, and say that it was closed."""
    fetcher = bench.make()
    came: list[Response | BaseException] = []

    async def fetch(server: Server) -> None:
        try:
            came.append(await fetcher.fetch(server.hop()))
        except Exception as error:  # noqa: BLE001 - whatever it is, the check looks at it
            came.append(error)
        finally:
            arrived.set()

    async def play(dialog: Dialog) -> None:
        arrived.set()
        await dialog.until_gone()
        gone.set()

    arrived, gone = trio.Event(), trio.Event()
    async with playing(play) as server, trio.open_nursery() as crawl:
        async with bench.opened(fetcher):
            crawl.start_soon(fetch, server)
            await arrived.wait()
        await bench.expect_soon(gone, "the end of the connection of a fetch whose fetcher was closed")
    expect(
        isinstance(came[0], trio.ClosedResourceError),
        contract.CLOSED,
        asked="to close a fetcher while it waits for a response",
        came=repr(came[0]),
    )


async def two_fetchers(bench: Bench) -> None:
    """Two of a kind know nothing of each other: closing one leaves the other's fetches alone."""
    arrived, closed = trio.Event(), trio.Event()

    async def play(dialog: Dialog) -> None:
        if dialog.received.target == "/waits":
            arrived.set()
            await closed.wait()
        await dialog.send(ok(dialog.received.target.encode()))

    async with playing(play) as server, bench.opened() as first:

        async def waits() -> None:
            response = await first.response(server.hop("/waits"), "another fetcher is closed meanwhile")
            expect(response.body == b"/waits", contract.ONE_CRAWL, asked="/waits", came=brief(response))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits)
            await arrived.wait()
            async with bench.opened() as second:
                await second.response(server.hop("/other"), "another fetcher waits for its response")
            closed.set()


class _EndOfCrawlError(Exception):
    """What a crawl may end with."""


def _end_the_crawl() -> NoReturn:
    raise _EndOfCrawlError


async def _expect_closed(fetcher: Fetcher, server: Server, when: str) -> None:
    asked = f"to fetch {when}"
    try:
        response = await fetcher.fetch(server.hop())
    except trio.ClosedResourceError:
        return
    except Exception as error:
        raise broken(contract.CLOSED, asked=asked, came=repr(error)) from error
    raise broken(contract.CLOSED, asked=asked, came=brief(response))


CHECKS: Final = (
    properties,
    opened_twice,
    not_open,
    opened_again,
    opened_again_after_an_error,
    closed_in_flight,
    two_fetchers,
)
