"""The checks of many fetches at once, cancelled and not."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final

import trio

from . import _fetcher_check_contract as contract
from ._fetcher_check_bench import CONCURRENCY
from ._fetcher_check_contract import expect
from ._fetcher_check_judge import brief
from ._fetcher_check_servers import ok, playing

if TYPE_CHECKING:
    from .._model import Hop
    from ._fetcher_check_bench import Asker, Bench
    from ._fetcher_check_servers import Dialog

_NAME: Final = "many.check.test"
_MANY: Final = 1000
_LONGEST: Final = 0.02  # seconds until one of the many is cancelled: about as long as they take
_LATER: Final = 0.005  # seconds that some replies take
_TO_THE_END: Final = 0.25  # how many of the many are not cancelled
_WAYS: Final = ("now", "now", "later", "chunks", "close", "never")


async def concurrent_fetches(bench: Bench) -> None:
    """As many fetches as a crawl makes at once are under way at once, each with its own response."""
    everyone = trio.Event()

    async def play(dialog: Dialog) -> None:
        if len(dialog.server.received) == CONCURRENCY:
            everyone.set()
        await everyone.wait()
        await dialog.send(ok(dialog.received.target.encode()))

    async with playing(play) as server, bench.opened() as fetcher, trio.open_nursery() as nursery:
        for number in range(CONCURRENCY):
            hop = server.hop(f"/{number}")
            nursery.start_soon(_expect_own, fetcher, hop, f"{CONCURRENCY} are answered when all are there")


async def concurrent_cancellations(bench: Bench) -> None:
    """Of fetches that are under way at once, cancelling half leaves the others undisturbed."""
    everyone = trio.Event()
    halved = trio.Event()

    async def play(dialog: Dialog) -> None:
        if len(dialog.server.received) == CONCURRENCY:
            everyone.set()
        await halved.wait()
        await dialog.send(ok(dialog.received.target.encode()))

    said = "others are cancelled meanwhile"
    async with playing(play) as server, bench.opened() as fetcher, trio.open_nursery() as nursery:
        async with trio.open_nursery() as doomed:
            for number in range(0, CONCURRENCY, 2):
                nursery.start_soon(_expect_own, fetcher, server.hop(f"/{number}"), said)
                doomed.start_soon(_expect_own, fetcher, server.hop(f"/{number + 1}"), said)
            await everyone.wait()
            doomed.cancel_scope.cancel(reason="the check is about that")
        halved.set()


async def a_thousand_fetches(bench: Bench) -> None:
    """Of 1,000 fetches cancelled at random, those that aren't get their own response, and nothing is left."""
    chance = random.Random(1000)  # noqa: S311 - a seeded one, so that a failure can be had again
    turns = trio.Semaphore(CONCURRENCY)

    async def fetch(hop: Hop, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await _expect_own(fetcher, hop, "others are cancelled at random")
        turns.release()

    async with (
        playing(_play_anything) as plain,
        playing(_play_anything, tls=bench.authority.good(_NAME)) as secured,
        bench.opened() as fetcher,
    ):
        async with trio.open_nursery() as nursery:
            for number in range(_MANY):
                server = chance.choice((plain, plain, plain, secured))
                way = chance.choice(_WAYS)
                seconds = chance.uniform(0, _LONGEST)
                if way != "never" and chance.random() < _TO_THE_END:
                    seconds = math.inf
                await turns.acquire()
                nursery.start_soon(fetch, server.hop(f"/{way}/{number}", host=_NAME), seconds)
        for server in (plain, secured):
            await _expect_own(fetcher, server.hop("/now/last", host=_NAME), "1,000 were cancelled at random")
        await fetcher.unharmed("1,000 fetches that were cancelled at random")


async def _play_anything(dialog: Dialog) -> None:
    """Answer in the way that the path names."""
    target = dialog.received.target
    body = target.encode()
    match target.split("/")[1]:
        case "now":
            await dialog.send(ok(body))
        case "later":
            await trio.sleep(_LATER)
            await dialog.send(ok(body))
        case "chunks":
            await dialog.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n" + body[:1])
            await trio.sleep(_LATER)
            await dialog.send(b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 1, body[1:]))
        case "close":
            await dialog.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
            await dialog.hang_up()
        case _:
            await dialog.until_gone()


async def _expect_own(fetcher: Asker, hop: Hop, when: str) -> None:
    response = await fetcher.response(hop, when)
    expect(
        hop.url.endswith(response.body.decode("latin-1")) and response.body,
        contract.CANCELLING,
        asked=f"GET {hop.url}, whose reply is its path ({when})",
        came=brief(response),
    )


CHECKS: Final = (concurrent_fetches, concurrent_cancellations, a_thousand_fetches)
