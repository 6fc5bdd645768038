"""Rows handed to an async function, one at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import pytest
import trio
from document_support import titled

from trio_crawl._errors import OutputError, RowError, UsageError
from trio_crawl._model import Failure, Headers, Page, Parsed, Request
from trio_crawl._write.function import Function
from trio_crawl._write.rows import page_row
from trio_crawl.abc import Environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from trio_crawl._model import Outcome
    from trio_crawl.abc import Writer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class AllowAll:
    """A guard that refuses no address."""

    def refusal(self, _host: str, _port: int, _address: str) -> str | None:
        return None


async def in_thread(
    function: Callable[[*Ts], T], /, *args: *Ts, limiter: trio.CapacityLimiter | None = None
) -> T:
    """Call what blocks in a thread, as a crawl does."""
    return await trio.to_thread.run_sync(function, *args, limiter=limiter)


def environment(nursery: trio.Nursery) -> Environment:
    return Environment(nursery=nursery, guard=AllowAll(), concurrency=1, run_in_thread=in_thread)


def parsed(rows: tuple[Any, ...] | None = None) -> Parsed:
    page = Page(
        id="1",
        request=Request("http://site.test/"),
        url="http://site.test/",
        final_url="http://site.test/",
        status=200,
        headers=Headers(),
        content=b"",
        depth=0,
        referrer=None,
        attempts=1,
        fetched_at=datetime(2026, 1, 2, tzinfo=UTC),
        elapsed=0.0,
        http_version="1.1",
        address="",
        _document=titled(),
    )
    return Parsed(page=page, links=(), rows=rows)


def a_failure() -> Failure:
    return Failure(
        id="2",
        request=Request("http://gone.test/"),
        url="http://gone.test/",
        kind="dns",
        message="no such host",
        depth=1,
        referrer=None,
        attempts=0,
    )


async def write_in(nursery: trio.Nursery, writer: Writer[Any], *outcomes: Outcome) -> object:
    """Write *outcomes* as one batch, and return the position."""
    writer.check()
    async with writer.open(environment(nursery)):
        return await writer.write([item for item in map(writer.encode, outcomes) if item is not None])


class Basket:
    """Keeps the rows it is called with."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    async def __call__(self, row: object) -> None:
        await trio.lowlevel.checkpoint()
        self.rows.append(row)

    async def put(self, row: object, /, *, mark: str = "") -> None:
        self.rows.append((mark, row) if mark else row)


async def test_rows_come_one_at_a_time_and_in_order(nursery: trio.Nursery) -> None:
    """The function is called with each row of each page, unchanged, one call after another."""
    first, second = {"n": 1}, {"n": 2}
    basket = Basket()
    position = await write_in(
        nursery, Function(basket), parsed((first, second)), parsed(()), parsed(({"n": 3},))
    )
    assert position == {"rows": 3}
    assert basket.rows == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert basket.rows[0] is first


async def test_without_a_parser_pages_and_failures_come(nursery: trio.Nursery) -> None:
    """Without a parser of the user's, a row is what a line of JSON would say of the page."""
    basket = Basket()
    await write_in(nursery, Function(basket), parsed(), a_failure())
    assert basket.rows == [page_row(parsed()), page_row(a_failure())]


async def test_with_a_parser_failures_are_no_rows(nursery: trio.Nursery) -> None:
    """With a parser of the user's only what it yields is a row."""
    basket = Basket()
    writer = Function(basket)
    await write_in(nursery, writer, parsed(({"n": 1},)), a_failure())
    assert basket.rows == [{"n": 1}]
    assert writer.rows == 1


def test_what_is_no_row_is_refused() -> None:
    """What no file could hold as a row is refused for a function, too."""
    writer = Function(Basket())
    with pytest.raises(RowError, match=r"row 2 of http://site\.test/: parse yielded a str"):
        writer.encode(parsed(({"n": 1}, "http://b/")))
    assert writer.rows == 0


async def test_what_the_function_raises_comes_out(nursery: trio.Nursery) -> None:
    """An exception of the function's comes out as itself, and no further row is handed to it."""
    seen = []

    async def refuse(row: object) -> None:
        seen.append(row)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_in(nursery, Function(refuse), parsed(({"n": 1}, {"n": 2})))
    assert seen == [{"n": 1}]


async def test_a_cancelled_call_is_the_last(nursery: trio.Nursery) -> None:
    """Cancelled in a call, no further row is handed over, and the writer is free for another crawl."""
    seen = []

    async def wait(row: object) -> None:
        seen.append(row)
        await trio.sleep_forever()

    writer = Function(wait)
    with trio.CancelScope() as scope:
        scope.cancel()
        await write_in(nursery, writer, parsed(({"n": 1}, {"n": 2})))
    assert seen == [{"n": 1}]
    assert scope.cancelled_caught
    async with writer.open(environment(nursery)):
        assert writer.rows == 0


async def test_a_second_crawl_at_once_is_refused(nursery: trio.Nursery) -> None:
    """An open writer can't be opened again, and one that is not open can't be written to."""
    writer = Function(Basket())
    with pytest.raises(trio.ClosedResourceError):
        await writer.write([])
    async with writer.open(environment(nursery)):
        with pytest.raises(trio.BusyResourceError):
            async with writer.open(environment(nursery)):
                pytest.fail("it was opened")


async def test_every_kind_of_async_function_is_taken(nursery: trio.Nursery) -> None:
    """Bound methods, partials of them, objects with an async call and a channel's send are functions."""
    basket = Basket()
    send, receive = trio.open_memory_channel[Any](1)
    functions: list[tuple[Callable[[Any], Awaitable[object]], str]] = [
        (basket.put, "Basket.put"),
        (partial(basket.put, mark="m"), "Basket.put"),
        (partial(partial(basket)), "Basket"),
        (basket, "Basket"),
        (send.send, "MemorySendChannel.send"),
    ]
    with send, receive:
        for function, name in functions:
            writer = Function(function)
            assert (writer.name, writer.prompt) == (name, True)
            await write_in(nursery, writer, parsed(({"n": 1},)))
        assert receive.receive_nowait() == {"n": 1}
    assert basket.rows == [{"n": 1}, ("m", {"n": 1}), {"n": 1}, {"n": 1}]


def plain(_row: object) -> None:
    """Take a row, but not async."""


async def yielding(_row: object) -> AsyncIterator[int]:
    """Take a row, and yield."""
    yield 1


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (plain, r"plain is not async; declare it `async def`"),
        (partial(plain), r"plain is not async"),
        (print, r"print is not async"),
        (yielding, r"yielding yields"),
        (Basket, r"is no function; write= takes an instance"),
        (5, r"5 is no function"),
    ],
)
def test_what_is_not_async_is_refused(function: Callable[[object], Awaitable[object]], why: str) -> None:
    """A function that can't be awaited is a UsageError that says how to declare it."""
    with pytest.raises(UsageError, match=why):
        Function(function)


def test_nothing_can_be_audited() -> None:
    """What a function was called with is gone, and an audit says so."""

    async def keep(_row: object) -> None: ...

    with pytest.raises(OutputError, match="can't be read again"):
        Function(keep).audit({}, {}, 0, finished=True)
