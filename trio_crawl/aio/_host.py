"""What a crawl calls in asyncio: async parsers and functions of the caller's, and sources of seeds."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Mapping
from contextlib import aclosing, nullcontext
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, final

import outcome
import trio

from .._parse.user import is_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from contextlib import AbstractAsyncContextManager
    from contextvars import Context

    from .._model import Page

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_CLOSING_SECONDS: Final = 5
"""After these a source of seeds that does not end is cancelled once more."""


@final
class Host:
    """The asyncio loop that a crawl is a guest of, as the crawl sees it.

    Args:
        loop: in this thread.
        context: the context variables that what is called sees; each call has a copy.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, context: Context) -> None:
        self._loop = loop
        self._context = context

    async def call(self, function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Call an async function of asyncio's from trio, as a task; cancelled, cancel it and wait for it.

        Raises:
            RuntimeError: it was cancelled, and not by the crawl.
            BaseException: what the function raised.
        """
        caller = trio.lowlevel.current_task()
        raise_cancel: Callable[[], object] | None = None

        async def call() -> T:
            return await function(*args)

        task = self._loop.create_task(call(), context=self._context.copy())
        task.add_done_callback(lambda _: trio.lowlevel.reschedule(caller))

        def abort(raise_cancelled: Callable[[], object]) -> trio.lowlevel.Abort:
            nonlocal raise_cancel
            raise_cancel = raise_cancelled
            task.cancel("the crawl was cancelled")
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)
        if task.cancelled():
            if raise_cancel is not None:
                raise_cancel()
            raise RuntimeError(f"{_name(function)} was cancelled, and not by the crawl")
        return task.result()

    # The arguments of a crawl

    def keywords(self, keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keywords of a crawl, with what is async of them called in asyncio."""
        adapted = dict(keywords)
        if adapted.get("parse_in") != "process":
            adapted["parse"] = self._parsers(adapted.get("parse"))
        adapted["write"] = self._outputs(adapted.get("write"))
        return adapted

    def seeds(self, seeds: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
        """Return *seeds* as something that trio can read."""
        if isinstance(seeds, asyncio.Queue):
            return self._from_queue(seeds)
        if isinstance(seeds, AsyncIterable) and not isinstance(seeds, trio.abc.AsyncResource):
            return self._from_iterable(seeds)
        return seeds

    def _parsers(self, parse: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
        if isinstance(parse, Mapping):
            return {label: self._parser(function) for label, function in parse.items()}
        return self._parser(parse)

    def _parser(self, parse: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
        if not callable(parse):
            return parse

        @wraps(parse)
        def call(page: Page) -> object:
            if _is_declared_async(parse):
                # Called by its task alone: one that is cancelled before it begins would leave a coroutine.
                return _Promised(partial(self.call, parse, page))
            result = parse(page)
            if inspect.iscoroutine(result) or not is_async(result):
                return result
            return _Promised(partial(self.call, _collect, result))

        return call

    def _outputs(self, write: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
        if isinstance(write, list | tuple):
            return [self._output(output) for output in write]
        return self._output(write)

    def _output(self, output: Any) -> Any:  # noqa: ANN401 - whatever the caller gave
        if not _is_declared_async(output):
            return output

        @wraps(output)
        async def call(row: object) -> None:
            await self.call(output, row)

        return call

    async def _from_queue(self, queue: asyncio.Queue[Any]) -> AsyncIterator[Any]:
        ended = getattr(asyncio, "QueueShutDown", ())  # since Python 3.13
        while True:
            try:
                seed = await self.call(queue.get)
            except ended:
                return
            if seed is not None:
                yield seed  # it is in the frontier when the next one is asked for
            queue.task_done()
            if seed is None:
                return

    async def _from_iterable(self, source: AsyncIterable[Any]) -> AsyncIterator[Any]:
        """Read *source* by one task from beginning to end, as its time-outs and task groups need it."""
        items: asyncio.Queue[outcome.Outcome[Any]] = asyncio.Queue(1)
        task = self._loop.create_task(_pump(source, items), context=self._context.copy())
        try:
            while True:
                item = await self.call(items.get)
                if isinstance(item, outcome.Error) and isinstance(item.error, StopAsyncIteration):
                    return
                yield item.unwrap()
        finally:
            with trio.move_on_after(_CLOSING_SECONDS, shield=True):
                task.cancel("the crawl needs no more seeds")
                await self.call(partial(asyncio.wait, [task]))
            if not task.cancelled():
                task.result()


async def _pump(source: AsyncIterable[Any], items: asyncio.Queue[outcome.Outcome[Any]]) -> None:
    """Put what *source* gives into *items*, at last the error that it ended with."""
    try:
        async with _closing(source):
            async for item in source:
                await items.put(outcome.Value(item))
    except Exception as error:  # noqa: BLE001 - raised by who reads
        await items.put(outcome.Error(error))
    except asyncio.CancelledError:  # noqa: ASYNC103 - its own, which is an error of the source
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        own = RuntimeError("the source of seeds raised asyncio.CancelledError")
        await items.put(outcome.Error(own))  # noqa: ASYNC102 - nobody cancels this task but its reader
    else:
        await items.put(outcome.Error(StopAsyncIteration()))


def _closing(source: AsyncIterable[Any]) -> AbstractAsyncContextManager[object]:
    return aclosing(source) if isinstance(source, AsyncGenerator) else nullcontext()


async def _collect(result: Awaitable[Any] | AsyncIterable[Any]) -> object:
    """Return what an async parser returns, or all that it yields."""
    if isinstance(result, Awaitable):
        return await result
    async with _closing(result):
        return [item async for item in result]


@final
class _Promised:
    """What an async parser will have found: not a coroutine, which could be left without being awaited."""

    def __init__(self, get: Callable[[], Awaitable[object]]) -> None:
        self._get = get

    def __await__(self) -> Generator[Any, Any, object]:
        return self._get().__await__()


def _is_declared_async(function: object) -> bool:
    while isinstance(function, partial):
        function = function.func
    called = function if inspect.isroutine(function) else getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(called) and not isinstance(function, type)


def _name(function: object) -> str:
    return getattr(function, "__qualname__", None) or repr(function)
