"""The way out: outcomes are gathered to batches, and one task brings them to every output."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol, final

import trio

from .._callbacks import call_async
from .._frontier.journal import Changes, Step
from .._lease import Unchanged
from .._write.batch import BATCH_AGE, Batch, Gatherer
from .._write.choose import patience_with
from .commits import Commits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._frontier.journal import Journal
    from .._frontier.ledger import Ledger
    from .._lease import Before, Kept
    from .._model import Exchange, Json, Outcome, Skip
    from .._write.batch import Encoded
    from ..abc import Environment, Writer


MOST_CHANGES: Final = 20_000
"""URLs of which a commit tells, and those of one page: it takes some tenths of a second."""

MOST_BYTES: Final = 8 * 2**20
"""Bytes of their URLs, with which it does as well: a site may have long ones."""


class Commit(Protocol):
    """Takes down a batch in the state."""

    async def __call__(
        self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any], /
    ) -> None:
        """Make it durable, all of it or nothing."""


@final
class Outlet:
    """Holds the outputs open, and hands them batch after batch through a channel of one.

    While the writer is busy with a batch, the next one is gathered; when that is
    full, the loop waits, and so a slow output slows the fetching.

    Args:
        writers: the outputs, in the order in which each batch is written.
        ledger: the books that a batch is entered in when every output has it.
        most: outcomes that a batch may have.
        journal: what the state is to be told with each batch; None if there is no state.
    """

    wake: Callable[[], None]
    """Called when there is room for a batch; set by who makes the loop."""

    committed: Callable[[Changes], None]
    """Called with what the state has now; set likewise, where there is one."""

    commit: Commit
    """How to tell the state; set likewise."""

    def __init__(
        self, writers: Sequence[Writer[Any]], ledger: Ledger, *, most: int, journal: Journal | None = None
    ) -> None:
        self._journal = journal
        self.step = Step() if journal is None else journal.step
        """In which an outcome is gathered, and entered in the frontier: it is committed as a whole."""
        self.positions: list[Json] = [None] * len(writers)
        self.resumed = False
        self._writers = writers
        self._ledger = ledger
        self._prompt = any(writer.prompt for writer in writers)
        self._gatherer = Gatherer(writers, most=most)
        self._outgoing: Batch | None = None
        self._send, self._batches = trio.open_memory_channel[Batch](1)
        self._commits = Commits()
        self._doing: tuple[str, float] | None = None
        self.unwritten = 0
        self.written_at = 0.0
        """When the last batch was in every output."""
        self.opened = trio.Event()
        self.done = trio.Event()

    @property
    def full(self) -> bool:
        """Whether nothing may be added before `pass_on`."""
        # A commit is bounded, too: millions may be skipped, or found, of which no output knows.
        if self._gatherer.full or self._journal is None:
            return self._gatherer.full
        changes = self._journal.changes
        return changes.size >= MOST_CHANGES or changes.url_bytes >= MOST_BYTES

    @property
    def refused(self) -> bool:
        """Whether an output has refused an outcome, after which nothing may be added."""
        return self._gatherer.refused

    @property
    def due(self) -> float | None:
        """The moment at which `pass_on` is to be called at the latest, None if nothing is gathered."""
        batch = self._gatherer.batch
        return None if batch is None or self._outgoing is not None else batch.since + BATCH_AGE

    def encode(self, outcome: Outcome) -> Encoded:
        """Return what the outputs keep of *outcome*.

        Raises:
            RowError: an output can't hold a row of it.
        """
        return self._gatherer.encode(outcome)

    def add(self, encoded: Encoded, now: float) -> tuple[int, ...]:
        """Gather an outcome, and return the rows that each output has of it."""
        self.unwritten += 1
        return self._gatherer.add(encoded, now)

    @property
    def wants_exchanges(self) -> bool:
        """Whether an output keeps what went over the wire."""
        return self._gatherer.wants_exchanges

    def add_aside(self, exchanges: Sequence[Exchange], now: float) -> None:
        """Gather exchanges that no outcome has."""
        self._gatherer.add_aside(exchanges, now)

    def add_skips(self, skips: Sequence[Skip], now: float) -> None:
        """Gather URLs that are not asked for, for who wants to hear of them."""
        self._gatherer.add_skips(skips, now)

    def rowless(self, outcome: Unchanged | Kept, was: Before | None, now: float) -> tuple[int, ...]:
        """Gather that a page's visit has no row: it has not changed, or stays what it *was*."""
        self.unwritten += 1
        if isinstance(outcome, Unchanged) or was is None:
            return self._gatherer.unchanged(now)
        return self._gatherer.rowless(was.status, now, unchanged=was.unchanged)

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
                if not self.full:
                    return  # the writer wakes the loop when it takes one
                await self._send_waiting(self._outgoing)
            except trio.BrokenResourceError:
                await _until_cancelled()
            self._outgoing = None

    def _take_due(self, *, idle: bool) -> bool:
        """Close the gathered batch if it is time; return whether there is one to hand over."""
        if self._journal is not None and self._journal.changes:
            self._gatherer.begin(trio.current_time())
        batch = self._gatherer.batch
        if self._outgoing is None and batch is not None:
            old = trio.current_time() >= batch.since + BATCH_AGE
            if self._prompt or idle or old or self.full:
                self._close()
        return self._outgoing is not None

    def _close(self) -> None:
        """Close what is gathered: rows, and what the state is told with them."""
        self._outgoing = self._gatherer.close()
        if self._journal is not None and self.step.torn:
            # Who can say what of it is whole? It is pending in the state, and is done once more.
            self._outgoing = None
        if self._outgoing is not None and self._journal is not None:
            self._outgoing.changes = changes = self._journal.cut()
            self._commits.cut()
            changes.books = self._ledger.to_json()

    async def _send_waiting(self, batch: Batch) -> None:
        try:
            await self._send.send(batch)
        except trio.BrokenResourceError:
            await _until_cancelled()

    async def finish(self, *, whole: bool) -> None:
        """Hand over what is gathered, and wait until every output has it and is closed.

        May be called again after a cancellation, and goes on where that left it.

        Args:
            whole: whether the crawl has ended by itself, so that outputs get their endings.
        """
        now = trio.current_time()
        if whole:
            self._gatherer.end(now)
        if self._journal is not None and self._journal.unsaved:
            self._gatherer.begin(now)
        await self.hand_over()
        self._send.close()
        await self.done.wait()

    async def hand_over(self) -> None:
        """Hand over what is gathered; at once, if the writer has ended.

        It did so by an error that is reported, or since its consumer left.
        """
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                if self._outgoing is None:
                    self._close()
                if self._outgoing is None:
                    break
                await self._send.send(self._outgoing)
                self._outgoing = None

    async def write(self, environments: Sequence[Environment]) -> None:
        """Open the outputs, write batches until there are no more, and close the outputs.

        Raises:
            ConsumerLeft: nobody takes the pages of a stream, or the rows of a channel.
            Exception: what an output raised.
        """
        self._commits.writing()
        with self._batches:
            async with AsyncExitStack() as outputs:
                for writer, position, environment in zip(
                    self._writers, self.positions, environments, strict=True
                ):
                    await outputs.enter_async_context(writer.open(environment, position))
                if self._journal is not None and not self.resumed:
                    await self._begin()
                self.opened.set()
                async for batch in self._batches:
                    self.wake()
                    await self._write(batch)

    async def _begin(self) -> None:
        """Tell the state that these outputs are its own, from their beginning on."""
        self.positions = [await writer.write(()) for writer in self._writers]
        await self.commit(Changes(), self.positions, self._ledger.to_json())

    async def _write(self, batch: Batch) -> None:
        """Bring *batch* to every output, and then to the state, whose commit makes it count."""
        for place, (writer, items) in enumerate(zip(self._writers, batch.items, strict=True)):
            if items:
                self._begun(f"with {writer.name}")
                self.positions[place] = await self._hand(writer, items)
        changes = batch.changes
        if changes is not None:
            self._begun("with the state")
            books = {**changes.books, **self._ledger.written(batch)}
            await self.commit(changes, self.positions, books)
            self._commits.committed()
        self._doing = None
        self.written_at = trio.current_time()
        self.unwritten -= batch.outcomes
        self._ledger.commit(batch)
        if changes is not None:
            self.committed(changes)
            self.wake()

    async def _hand(self, writer: Writer[Any], items: Sequence[Any]) -> Json:
        """Bring items to an output, and say so where a commit waits for somebody else meanwhile."""
        patience = patience_with(writer)
        if patience is None:
            return await writer.write(items)
        self._commits.lent(trio.current_time() + patience)
        try:
            return await call_async(writer.write, items)
        finally:
            self._commits.given_back()

    def _begun(self, what: str) -> None:
        self._doing = (what, trio.current_time())

    def explain(self) -> list[str]:
        """Return in words what is waited for."""
        lines = [f"{self.unwritten:,} outcomes are to be written"] if self.unwritten else []
        if self._doing is not None:
            what, since = self._doing
            lines.append(f"a batch has been {what} for {trio.current_time() - since:.1f} s")
        return lines

    async def saved(self) -> bool:
        """Wait until the state has what has changed so far; return whether it has.

        At once, if there is no state, and in an output's own task, for which it would wait.
        """
        return self._journal is not None and await self._commits.wait(gathered=bool(self._journal.changes))

    def close(self) -> None:
        """Close both ends of the channel, whatever state it is in."""
        self._commits.close()
        self._send.close()
        self._batches.close()


async def _until_cancelled() -> None:
    """Wait for the cancellation that follows from the end of the writer; it has been reported."""
    await trio.sleep_forever()
