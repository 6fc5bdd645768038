"""The pages of a crawl as an async iterable; to the crawl it is one more output."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias, final

import trio

from .._errors import OutputError
from .._model import Failure, Page, Parsed
from .._write.channel import ConsumerLeft

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from .._model import Json, Outcome, Report, Skip
    from ..abc import Environment
    from .control import Control

_Items: TypeAlias = tuple[Any, ...]


@final
class Stream:
    """The pages of a crawl, in the order of parsing, while it goes on.

    With a ``parse`` of the user's it gives what that yields. Asking for the next
    item acknowledges the one before, and so does leaving the block without an
    exception; what was not acknowledged counts as pending.

    Attributes:
        control: of the crawl that goes on.
        skips: whether it gives each `Skip`.
        told: whether the consumer was given the error that the crawl ended with.
    """

    control: Control

    def __init__(self, *, failures: bool, skips: bool) -> None:
        self._failures = failures
        self.skips = skips
        self._send, self._receive = trio.open_memory_channel[Any](0)
        self._taken = trio.Event()
        self._holds = False
        self._asking = False
        self._left = False
        self._ended = trio.Event()
        self._error: BaseException | None = None
        self._report: Report | None = None
        self.told = False

    def __repr__(self) -> str:
        return f"<Stream of pages, {'ended' if self._ended.is_set() else 'going on'}>"

    @property
    def report(self) -> Report:
        """What the crawl came to; there after the block.

        Raises:
            RuntimeError: the crawl goes on, or ended with an exception.
        """
        if self._report is None:
            raise RuntimeError("there is no report yet: the crawl goes on until its block is left")
        return self._report

    def __aiter__(self) -> Stream:
        return self

    @trio.lowlevel.enable_ki_protection
    async def __anext__(self) -> Any:  # noqa: ANN401 - a Page, or whatever the user's parser yields
        """Return the next item.

        Raises:
            StopAsyncIteration: the crawl has ended.
            trio.BusyResourceError: another task asks already.
        """
        if self._asking:
            raise trio.BusyResourceError("another task iterates over these pages; share them by a channel")
        self._asking = True
        try:
            self._acknowledge()
            with suppress(trio.EndOfChannel):
                item = await self._receive.receive()
                self._holds = True
                return item
            await self._ended.wait()
            if self._error is not None:
                self.told = True
                raise self._error
            raise StopAsyncIteration
        finally:
            self._asking = False

    def _acknowledge(self) -> None:
        if self._holds:
            self._holds = False
            self._taken.set()

    # For the crawl

    def leave(self, *, acknowledge: bool) -> None:
        """Note that the consumer is gone; with what it held, or without."""
        if acknowledge:
            self._acknowledge()
        self._left = True
        self._taken.set()
        self._receive.close()

    def end(self, report: Report | None, error: BaseException | None) -> None:
        """Note what the crawl came to."""
        self._report, self._error = report, error
        self._send.close()
        self._ended.set()

    # As a `Writer`

    name = "the stream"
    prompt = True
    rows = 0

    def check(self, _position: Json = None, /) -> None:
        """Do nothing: it can always be opened."""

    @asynccontextmanager
    async def open(self, _environment: Environment, _position: Json = None, /) -> AsyncIterator[None]:
        """Hold the sending end; when it is left, the consumer comes to the end."""
        with self._send:
            yield

    def encode(self, outcome: Outcome, /) -> _Items | None:
        """Return what the consumer is given of *outcome*."""
        match outcome:
            case Failure():
                return (outcome,) if self._failures else None
            case Parsed(rows=None):
                return (outcome.page,)
            case Parsed():
                return outcome.rows or None

    def encode_skips(self, skips: Sequence[Skip], /) -> _Items | None:
        """Return what the consumer is given of *skips*."""
        return tuple(skips) if self.skips else None

    def ending(self) -> None:
        """Return nothing: the consumer sees that the pages end."""

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[_Items], /) -> Json:
        """Hand each item over, and wait until it is acknowledged.

        Raises:
            ConsumerLeft: the consumer left before.
        """
        for batch in items:
            for item in batch:
                self._taken = trio.Event()
                try:
                    await self._send.send(item)
                except trio.BrokenResourceError:
                    raise ConsumerLeft from None
                await self._taken.wait()
                if self._holds:
                    raise ConsumerLeft
        return None

    def audit(
        self, _positions: Mapping[int, Json], _rows: Mapping[int, int], _total: int, /, *, finished: bool
    ) -> list[str]:
        """Say that there is nothing to look at.

        Raises:
            OutputError: always.
        """
        del finished
        raise OutputError("what a stream gave can't be read again")


StreamItem: TypeAlias = Page | Failure
"""What a stream gives where the user has no parser."""
