"""Rows handed to an async function, one at a time."""

from __future__ import annotations

import inspect
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, final

import trio

from .._callbacks import call_async
from .._errors import OutputError, UsageError
from .rows import Rows, require_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from .._model import Json, Outcome
    from ..abc import Environment, Sink

_Batch: TypeAlias = tuple[Any, ...]


@final
class Function:
    """Calls an async function with one row at a time, in order.

    A row is what the user's parser yielded, as it yielded it. Without such a
    parser it is a `dict` with what a line of JSON would say of the page, or of
    the URL that failed. The crawl waits for each call, so a slow function slows
    it; what the function raises ends the crawl.

    Args:
        function: an ``async def`` function, a bound method or `functools.partial`
            of one, or an object whose ``__call__`` is one.

    Raises:
        UsageError: *function* is not async.
    """

    def __init__(self, function: Sink) -> None:
        self._function = function
        self._name = _checked_name(function)
        self._source = Rows()
        self._rows = 0
        self._calls = 0
        self._open = False

    def __repr__(self) -> str:
        return f"Function({self._name})"

    @property
    def name(self) -> str:
        """The function's name."""
        return self._name

    @property
    def prompt(self) -> bool:
        """True: a row is wanted as soon as it is there."""
        return True

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
        if self._open:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._open = True
        self._source = Rows(parsed=environment.own_rows)
        self._rows = self._calls = 0
        try:
            yield
        finally:
            self._open = False

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
        """Call the function with each row, and return ``{"rows": n}``, the calls that returned.

        Raises:
            trio.ClosedResourceError: the output is not open.
        """
        if not self._open:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        for rows in items:
            for row in rows:
                await call_async(self._function, row)
                self._calls += 1
        return {"rows": self._calls}

    def audit(
        self, _positions: Mapping[int, Json], _rows: Mapping[int, int], _total: int, /, *, finished: bool
    ) -> list[str]:
        """Say that there is nothing to look at.

        Raises:
            OutputError: always.
        """
        del finished
        raise OutputError(f"what {self._name} was called with can't be read again")


def _checked_name(function: object) -> str:
    """Return what to call *function*.

    Raises:
        UsageError: calling it would not give something to await.
    """
    inner = function
    while isinstance(inner, partial):
        inner = inner.func
    name: str = getattr(inner, "__qualname__", type(inner).__qualname__)
    if inspect.isclass(inner) or not callable(inner):
        raise UsageError(f"{function!r} is no function; write= takes an instance, or an async function")
    called: Callable[..., Any] = inner if inspect.isroutine(inner) else type(inner).__call__
    if inspect.isasyncgenfunction(called):
        raise UsageError(f"{name} yields; an output takes rows and yields none: leave `yield` out of it")
    if not inspect.iscoroutinefunction(called):
        raise UsageError(
            f"{name} is not async; declare it `async def`, or give writers.Call({name}), "
            f"which calls it in a thread, with lists of rows"
        )
    return name
