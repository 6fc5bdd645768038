"""The state of a crawl, off the loop: one thread at a time, of a limiter of its own."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, final

import trio

from .._errors import StateError, UsageError
from .._frontier.outside import check_sums
from .._frontier.private import planted
from .._frontier.sqlite import SqliteState
from .._frontier.stored_hosts import StoredHosts
from .._write.same import SQLITE_BESIDE, Thing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from .._frontier.contents import Contents
    from .._frontier.journal import Changes
    from .._frontier.ledger import Ledger
    from .._frontier.memory import MemoryFrontier
    from .._frontier.resumed import Resumed
    from .._lease import Stored, Wanted
    from .._model import Json
    from ..abc import RunInThread, Writer
    from .options import Options
    from .pages import Pages
    from .reading import ReadingMark

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@final
class Durable:
    """Holds the state of one crawl open.

    Args:
        options: of the crawl; `Options.state` is not None.
        writers: its outputs.
        own_rows: whether a parser of the user's makes the rows.
        run_in_thread: how to call what blocks.
        virtual: whether it is called inline, where nothing can be cancelled meanwhile.
    """

    def __init__(
        self,
        options: Options,
        writers: Sequence[Writer[Any]],
        *,
        own_rows: bool,
        run_in_thread: RunInThread,
        virtual: bool,
    ) -> None:
        self._options = options
        self._check_cancelled = _nothing if virtual else trio.from_thread.check_cancelled
        identity = _identity(options, writers, own_rows=own_rows)
        self._state = SqliteState(path_of(options.state), identity, self._check_cancelled)
        self._run_in_thread = run_in_thread
        self._limiter = trio.CapacityLimiter(1)
        self.elapsed = 0.0
        """Seconds that the crawl took before."""

    async def _call(self, function: Callable[[*Ts], T], /, *args: *Ts) -> T:
        return await self._run_in_thread(function, *args, limiter=self._limiter)

    async def open(
        self,
        frontier: MemoryFrontier,
        ledger: Ledger,
        contents: Contents,
        pages: Pages,
        now: datetime,
    ) -> list[Json] | None:
        """Open the state, and set the other parts to what it knows.

        Args:
            frontier: a new one.
            ledger: a new one.
            contents: new ones.
            pages: with the cookies that the user gave.
            now: the present moment.

        Returns:
            The position of each output; None if the crawl is a new one.

        Raises:
            StateError: it can't be gone on with.
        """
        if not await self._call(self._state.open):
            return None
        await self._call(self._reopen, now)
        books = await self._call(self._state.books)
        resumed = await self._call(self._resume, now)
        with self._state.reading():
            check_sums(books, sum(resumed.stored.values()))
            self.elapsed = books.get("elapsed", 0.0)
            ledger.resume(books)
            for _ in frontier.resume(resumed, trio.current_time()):
                await trio.lowlevel.checkpoint()
            contents.resume(resumed.contents)
            pages.resume(resumed.cookies)
        return self._state.positions

    async def keep_mark(self, reading: ReadingMark) -> None:
        """Keep the mark of the page that is read beside the state; say which ones ended it twice."""
        reading.poison = await self._call(self._state.poison)
        reading.mark = self._state.mark

    def _reopen(self, now: datetime) -> None:
        options = self._options
        age = options.recrawl
        self._state.reopen(
            max_depth=options.max_depth,
            max_pages=options.max_pages,
            max_per_host=options.max_per_host,
            traps=options.traps,
            retry_failed=options.retry_failed,
            visited_before=None if age is None else now.timestamp() - age,
        )

    def _resume(self, now: datetime) -> Resumed:
        limited = self._options.max_per_host is not None
        return self._state.resume(self._check_cancelled, now.timestamp(), count_hosts=limited)

    async def load(self, wanted: tuple[Wanted, ...]) -> Mapping[str, Sequence[Stored]]:
        """Return pages that wait, by host."""
        return await self._call(self._state.load, wanted)

    async def url_of(self, number: int) -> str | None:
        """Return the URL that was discovered with a *number*."""
        return await self._call(self._state.url_of, number)

    async def commit(self, changes: Changes, positions: Sequence[Json], books: Mapping[str, Any]) -> None:
        """Take down a batch, all of it or nothing."""
        await self._call(self._state.commit, changes, positions, books)

    def hosts(self) -> StoredHosts:
        """Return how hosts were treated, in all runs; it is read when it is asked for."""
        return StoredHosts(self._state.path)

    async def close(self) -> None:
        """Close the state; not cut short by a cancellation, nor by a deadline.

        It takes milliseconds. A thread that was given up would hold the state, and the next crawl
        would find it in use.
        """
        with trio.CancelScope(shield=True):
            await self._call(self._state.close)


def _nothing() -> None:
    pass


def path_of(state: object) -> Path:
    """Return the path of a state, as `Options.state` names it.

    Raises:
        UsageError: it is none.
        StateError: it is a link that another user made.
    """
    if not isinstance(state, str | os.PathLike) or not os.fspath(state):
        raise UsageError(f"state= is {state!r}; it takes the path of a file, such as 'crawl.db'")
    path = os.fspath(state)
    if not isinstance(path, str) or "\0" in path:
        raise UsageError(f"state= is {state!r}; it takes the path of a file as text")
    if "://" in path:
        raise UsageError(f"state= is {state!r}; it takes the path of a file, and no URL")
    if path == ":memory:" or path.startswith("file:"):
        raise UsageError(
            f"state= is {state!r}, which SQLite has a meaning of its own for; it takes the path of a file, "
            f"and without state= nothing is kept"
        )
    # It is locked beside what it is, whatever leads there, and wherever the current folder is by then.
    reason = planted(Path(path))
    if reason is not None:
        raise StateError(f"{path}: {reason}")
    return Path(os.path.realpath(path))


def state_files(state: object) -> list[Thing]:
    """Return the files of a state, as `Options.state` names it.

    Raises:
        UsageError: it is none.
    """
    if state is None:
        return []
    path = path_of(state)
    beside = (*SQLITE_BESIDE, ".lock", ".page")
    return [Thing(what=f"the state {str(state)!r}", path=path, beside=beside)]


def _identity(options: Options, writers: Sequence[Writer[Any]], *, own_rows: bool) -> dict[str, Json]:
    """Return what has to be the same for a crawl to be the same, by keyword."""
    return {
        "follow": _name(options.follow),
        "include": _names(options.include),
        "exclude": _names(options.exclude),
        "write": [writer.name for writer in writers],
        "parse": "given" if own_rows else None,
    }


def _names(patterns: object) -> list[Json]:
    if isinstance(patterns, str | re.Pattern):
        return [_name(patterns)]
    return [_name(pattern) for pattern in patterns]  # type: ignore[attr-defined] # the scope has looked


def _name(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, re.Pattern):
        return f"re.compile({value.pattern!r}, {value.flags})"
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__qualname__)}"
