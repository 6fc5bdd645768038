"""Which changes of the frontier the state has by now, for those who wait for it."""

from __future__ import annotations

from contextvars import ContextVar
from math import inf
from typing import final

import trio

_WRITING: ContextVar[Commits | None] = ContextVar("trio_crawl_writing", default=None)


@final
class Commits:
    """Counts what is cut off from a journal and what of it is committed, both in the same order."""

    def __init__(self) -> None:
        self._cut = 0
        self._committed = 0
        self._closed = False
        self._lent_until = inf
        self._news = trio.Event()

    def writing(self) -> None:
        """Note that what runs in this task, and in those it starts, is what commits wait for."""
        _WRITING.set(self)

    def cut(self) -> None:
        """Note that changes were cut off from the journal, to be committed."""
        self._cut += 1

    def committed(self) -> None:
        """Note that the earliest that were cut off, and not yet committed, are now."""
        self._committed += 1
        self._tell()

    def lent(self, until: float) -> None:
        """Note that somebody else has what is committed next, who may be the one that waits: for so long."""
        self._lent_until = until
        self._tell()

    def given_back(self) -> None:
        """Note that they have taken it."""
        self._lent_until = inf

    def close(self) -> None:
        """Note that nothing more will be committed."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def wait(self, *, gathered: bool) -> bool:
        """Wait until what has changed so far is committed; return whether it is.

        At once, with False, in a task that commits wait for; and where somebody else keeps them waiting,
        when that is over for which that may be.

        Args:
            gathered: whether there are changes that are not cut off yet.
        """
        if _WRITING.get() is self:
            return False
        last = self._cut + gathered
        while self._committed < last and not self._closed:
            with trio.move_on_at(self._lent_until):
                await self._news.wait()
            if trio.current_time() >= self._lent_until:
                break
        return self._committed >= last
