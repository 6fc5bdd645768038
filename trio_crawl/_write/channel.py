"""Rows sent to a memory channel, one at a time."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, final

import trio

from .._errors import OutputError
from .rows import Rows, require_row

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from .._model import Json, Outcome
    from ..abc import Environment

_Batch: TypeAlias = tuple[Any, ...]


class ConsumerLeft(Exception):  # noqa: N818 - no error: it never leaves the crawl
    """Nobody takes what an output is given: the crawl ends, and what was not taken is pending."""


@final
class Channel:
    """Sends one row at a time, in order; a row is what a function would be called with.

    The channel is the crawl's from its opening on, and is closed when the output is, so
    that ``async for row in receive_channel`` ends with the crawl, however that ends. (Give a
    ``clone()`` where others send as well.) A channel that is full slows the crawl. A receiver that
    closes its end ends the crawl, as leaving the block of `open_crawl` does.

    Args:
        channel: the end to send to.
    """

    def __init__(self, channel: trio.MemorySendChannel[Any]) -> None:
        self._channel = channel
        self._source = Rows()
        self._rows = 0
        self._sent = 0
        self._open = False

    def __repr__(self) -> str:
        return f"Channel({self._channel!r})"

    @property
    def name(self) -> str:
        """What it is."""
        return "memory channel"

    @property
    def prompt(self) -> bool:
        """True: a row is wanted as soon as it is there."""
        return True

    @property
    def rows(self) -> int:
        """Rows encoded since the output was opened."""
        return self._rows

    def check(self, _position: Json = None, /) -> None:
        """Look whether the channel is open, at both ends.

        Raises:
            OutputError: it is not.
        """
        try:
            self._channel.clone().close()
        except trio.ClosedResourceError:
            raise OutputError("the channel given by write= is closed already; give a new one") from None
        if not self._channel.statistics().open_receive_channels:
            raise OutputError("the channel given by write= has no receiver any more; give a new one")

    @asynccontextmanager
    async def open(self, environment: Environment, _position: Json = None, /) -> AsyncIterator[None]:
        """Begin to count anew; the channel is closed in the end.

        Raises:
            trio.BusyResourceError: another crawl has it open.
        """
        if self._open:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._open = True
        self._source = Rows(parsed=environment.own_rows)
        self._rows = self._sent = 0
        try:
            with self._channel:
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
        """Return nothing: the channel is closed."""

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[_Batch], /) -> Json:
        """Send each row, and return ``{"rows": n}``, those that were sent.

        Raises:
            ConsumerLeft: the receivers closed their end.
            trio.ClosedResourceError: the output is not open, or somebody else closed the channel.
        """
        if not self._open:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        for rows in items:
            for row in rows:
                try:
                    await self._channel.send(row)
                except trio.BrokenResourceError:
                    raise ConsumerLeft from None
                self._sent += 1
        return {"rows": self._sent}

    def audit(
        self, _positions: Mapping[int, Json], _rows: Mapping[int, int], _total: int, /, *, finished: bool
    ) -> list[str]:
        """Say that there is nothing to look at.

        Raises:
            OutputError: always.
        """
        del finished
        raise OutputError("what went through a memory channel can't be read again")
