"""The way out: outcomes are gathered to batches, and one task brings them to every output."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, final

import trio

from .._write.batch import BATCH_AGE, Batch, Gatherer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._frontier.ledger import Ledger
    from .._model import Outcome
    from ..abc import Environment, Writer


@final
class Outlet:
    """Holds the outputs open, and hands them batch after batch through a channel of one.

    While the writer is busy with a batch, the next one is gathered; when that is
    full, the loop waits, and so a slow output slows the fetching.

    Args:
        writers: the outputs, in the order in which each batch is written.
        ledger: the books that a batch is entered in when every output has it.
        most: outcomes that a batch may have.
    """

    wake: Callable[[], None]
    """Called when there is room for a batch; set by who makes the loop."""

    def __init__(self, writers: Sequence[Writer[Any]], ledger: Ledger, *, most: int) -> None:
        self._writers = writers
        self._ledger = ledger
        self._prompt = any(writer.prompt for writer in writers)
        self._gatherer = Gatherer(writers, most=most)
        self._outgoing: Batch | None = None
        self._send, self._batches = trio.open_memory_channel[Batch](1)
        self.unwritten = 0
        self.opened = trio.Event()
        self.done = trio.Event()

    @property
    def full(self) -> bool:
        """Whether nothing may be added before `pass_on`."""
        return self._gatherer.full

    @property
    def due(self) -> float | None:
        """The moment at which `pass_on` is to be called at the latest, None if nothing is gathered."""
        batch = self._gatherer.batch
        return None if batch is None or self._outgoing is not None else batch.since + BATCH_AGE

    def add(self, outcome: Outcome, now: float) -> None:
        """Gather *outcome*.

        Raises:
            RowError: an output can't hold a row of it.
        """
        self.unwritten += 1
        self._gatherer.add(outcome, now)

    async def pass_on(self, *, idle: bool) -> None:
        """Hand the batch to the writer, if it is time; wait for the writer only if the batch is full.

        Args:
            idle: whether nothing more can be started now, so that rows need not wait for others.
        """
        # Again after one is sent: the next one may be full as well, and nothing may be added to it then.
        while self._take_due(idle=idle):
            assert self._outgoing is not None  # noqa: S101 - that is what is due
            try:
                self._send.send_nowait(self._outgoing)
            except trio.WouldBlock:
                if not self._gatherer.full:
                    return  # the writer wakes the loop when it takes one
                await self._send_waiting(self._outgoing)
            except trio.BrokenResourceError:
                await _until_cancelled()
            self._outgoing = None

    def _take_due(self, *, idle: bool) -> bool:
        """Close the gathered batch if it is time; return whether there is one to hand over."""
        batch = self._gatherer.batch
        if self._outgoing is None and batch is not None:
            old = trio.current_time() >= batch.since + BATCH_AGE
            if self._prompt or idle or old or self._gatherer.full:
                self._outgoing = self._gatherer.close()
        return self._outgoing is not None

    async def _send_waiting(self, batch: Batch) -> None:
        try:
            await self._send.send(batch)
        except trio.BrokenResourceError:
            await _until_cancelled()

    async def finish(self) -> None:
        """Hand over what is gathered, and wait until every output has it and is closed.

        May be called again after a cancellation, and goes on where that left it.
        """
        try:
            while True:
                if self._outgoing is None:
                    self._outgoing = self._gatherer.close()
                if self._outgoing is None:
                    break
                await self._send.send(self._outgoing)
                self._outgoing = None
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the writer has ended before, by an error that is reported, or since its consumer left
        self._send.close()
        await self.done.wait()

    async def write(self, environment: Environment) -> None:
        """Open the outputs, write batches until there are no more, and close the outputs.

        Raises:
            ConsumerLeft: nobody takes the pages of a stream.
            Exception: what an output raised.
        """
        with self._batches:
            async with AsyncExitStack() as outputs:
                for writer in self._writers:
                    await outputs.enter_async_context(writer.open(environment))
                self.opened.set()
                async for batch in self._batches:
                    self.wake()
                    for writer, items in zip(self._writers, batch.items, strict=True):
                        if items:
                            await writer.write(items)
                    self.unwritten -= batch.outcomes
                    self._ledger.commit(batch)

    def close(self) -> None:
        """Close both ends of the channel, whatever state it is in."""
        self._send.close()
        self._batches.close()


async def _until_cancelled() -> None:
    """Wait for the cancellation that follows from the end of the writer; it has been reported."""
    await trio.sleep_forever()
