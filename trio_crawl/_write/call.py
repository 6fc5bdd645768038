"""Rows handed to a function, many at once: to one that blocks, in a thread."""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

import trio

from .._callbacks import call, call_async
from .._errors import OutputError, UsageError
from .rows import Rows, require_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

    from .._model import Json, Outcome
    from ..abc import Environment

_Batch: TypeAlias = tuple[Any, ...]

MOST: Final = 500
"""Rows of one call: enough that a hop to a thread, or a transaction, costs a row nothing to speak of."""


@final
class Call:
    """Calls a function with lists of rows: to insert them into a database, for example.

    A row is what the user's parser yielded, as it yielded it; without such a parser a `dict`
    as in a line of JSON. The rows of a page are never split, and are handed over before the
    commit that holds their page: at least once, like those of any function. They are gathered
    as those of a file are, and come sooner when the crawl has nothing else to do.

    What the function raises ends the crawl. A crawl that is cancelled waits for a call that is
    under way, at most ``grace`` seconds; then a thread is left to itself, and may still be at
    work when the crawl has returned.

    Args:
        function: called with a list of rows; an async one is awaited.
        batch: rows of one call, 1 or more; of a page that has more, all of them.
        thread: call it in a thread, one call at a time. False calls it on the event loop, which a
            function that blocks holds up. An async one runs there in any case.

    Raises:
        UsageError: an argument is none of these.
    """

    prompt: Final = False

    def __init__(
        self, function: Callable[[list[Any]], object], *, batch: int = MOST, thread: bool = True
    ) -> None:
        if not callable(function) or inspect.isclass(function):
            raise UsageError(
                f"{function!r} is no function; Call takes one that is called with a list of rows"
            )
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise UsageError(f"batch= is {batch!r}; it takes a whole number, 1 or more")
        if not isinstance(thread, bool):
            raise UsageError(f"thread= is {thread!r}; it takes True or False")
        self._function = function
        self._most = batch
        self._thread = thread
        self._source = Rows()
        self._rows = 0
        self._handed = 0
        self._environment: Environment | None = None

    def __repr__(self) -> str:
        return f"Call({self.name}, batch={self._most}, thread={self._thread})"

    @property
    def name(self) -> str:
        """The function's name."""
        inner: Any = self._function
        while isinstance(inner, partial):
            inner = inner.func
        name: str = getattr(inner, "__qualname__", type(inner).__qualname__)
        return name

    @property
    def rows(self) -> int:
        """Rows encoded since the output was opened."""
        return self._rows

    def check(self, _position: Json = None, /) -> None:
        """Do nothing: a function can always be called."""

    @asynccontextmanager
    async def open(self, environment: Environment, _position: Json = None, /) -> AsyncIterator[None]:
        """Begin to count anew.

        Raises:
            trio.BusyResourceError: another crawl has it open.
        """
        if self._environment is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._environment = environment
        self._source = Rows(parsed=environment.own_rows)
        self._rows = self._handed = 0
        self._limiter = trio.CapacityLimiter(1)
        try:
            yield
        finally:
            self._environment = None

    def encode(self, outcome: Outcome, /) -> _Batch | None:
        """Return the rows of *outcome*, None if it has none.

        Raises:
            RowError: what the parser yielded is no row.
        """
        rows = self._source.of(outcome)
        for place, row in rows:
            require_row(row, place=place)
        self._rows += len(rows)
        return tuple(row for _, row in rows) or None

    def ending(self) -> None:
        """Return nothing: a function is not told that no more comes."""

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[_Batch], /) -> Json:
        """Call the function until it has had all *items*; return ``{"rows": n}``, those handed over.

        Raises:
            trio.ClosedResourceError: the output is not open.
        """
        if self._environment is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        for rows in _calls(items, self._most):
            await self._call(self._environment, rows)
            self._handed += len(rows)
        return {"rows": self._handed}

    async def _call(self, environment: Environment, rows: list[Any]) -> None:
        if self._thread and not _is_async(self._function):
            run = environment.run_or_leave or environment.run_in_thread
            await run(call, self._function, rows, limiter=self._limiter)  # which may be inline
            return
        await call_async(_called, self._function, rows)

    def audit(
        self, _positions: Mapping[int, Json], _rows: Mapping[int, int], _total: int, /, *, finished: bool
    ) -> list[str]:
        """Say that there is nothing to look at.

        Raises:
            OutputError: always.
        """
        del finished
        raise OutputError(f"what {self.name} was called with can't be read again")


def _calls(items: Sequence[_Batch], most: int) -> Iterator[list[Any]]:
    """Yield the rows of the calls: up to so many, but those of one page together."""
    rows: list[Any] = []
    for page in items:
        if rows and len(rows) + len(page) > most:
            yield rows
            rows = []
        rows += page
    if rows:
        yield rows


@trio.lowlevel.disable_ki_protection
async def _called(function: Callable[[list[Any]], object], rows: list[Any]) -> None:
    result = function(rows)
    if inspect.isawaitable(result):
        await result


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004 - the method itself is looked at
    )
