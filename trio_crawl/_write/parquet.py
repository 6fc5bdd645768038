"""Parquet: typed columns, in a folder of files that are finished one after the other."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import OutputError, UsageError
from .arrow import packages
from .kinds import Columns, kinds_of
from .shards import Shards
from .shards_audit import audit_folder, check_folder, check_spot
from .spot import Spot
from .target import absolute, checked_path

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from .._model import Json, Outcome
    from ..abc import Environment
    from .kinds import Block, Kind

PART_SIZE: Final = 64 * 1024 * 1024
"""Bytes of rows that make a part: some row groups, written in about a second."""

_MOST: Final = 0.5
"""Seconds that the last part may wait for its thread when the crawl is cancelled."""


@final
class Parquet:
    """Writes Parquet files (``part-00001.parquet`` and so on) in a folder.

    A Parquet file can't be added to. So rows are kept in a file of Arrow's stream format beside the
    parts (``_rows-00001.arrows``) until there are enough of them, or the crawl ends, in
    whichever way; a process that is killed leaves that file, and a crawl with a state goes on
    with it. Readers of such folders (DuckDB with ``*.parquet``, pandas, Spark) pass it over.

    Without a parser of the user's, there is a row for each page and each URL that failed. With one,
    the rows are what it yields, and the fields of the first are the columns. A column
    has one type, that of its first value: bool, 64-bit integer, double, text, bytes, moment
    (of UTC, or without a zone), date, time, or a list of one. A whole number goes into a column of
    doubles. What is nested more deeply is JSON.

    Args:
        path: the folder; its name ends in ``.parquet`` by custom.
        columns: the columns of a user's rows by name, each with ``bool``, ``int``, ``float``, ``str``,
            ``bytes``, ``datetime`` (with a time zone), ``date``, ``time`` or a list such as
            ``list[str]``. None takes them from the first row.
        part_size: bytes of rows, as they are in memory, from which on a part is written.
        overwrite: replace what is there. Without it, a folder that is not empty is an
            `OutputError`; and one with files of somebody else's is in either case.
        sync: wait until each batch is on the disk, so that it survives a loss of power, too.

    Raises:
        UsageError: *path* is no path, or *columns* names a type that there is not.
        MissingExtraError: pyarrow is not installed; ``pip install 'trio-crawl[parquet]'``.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        columns: Mapping[str, object] | None = None,
        part_size: int = PART_SIZE,
        overwrite: bool = False,
        sync: bool = False,
    ) -> None:
        packages()
        self._name = checked_path(path)
        if self._name == "-":
            raise UsageError("Parquet can't go to standard output; name a folder")
        if part_size < 1:
            raise UsageError(f"part_size= is {part_size!r}; it takes a number of bytes, 1 or more")
        self._path = absolute(self._name)
        self._declared = None if columns is None else kinds_of(columns)
        self._part_size = part_size
        self._overwrite = overwrite
        self._sync = sync
        self._columns = Columns(own_rows=False)
        self._rows = 0
        self._shards: Shards | None = None

    def __repr__(self) -> str:
        return f"Parquet({self._name!r}, overwrite={self._overwrite!r}, sync={self._sync!r})"

    def _new_shards(self) -> Shards:
        return Shards(self._path, part_size=self._part_size, sync=self._sync)

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def prompt(self) -> bool:
        """False: rows are gathered."""
        return False

    @property
    def rows(self) -> int:
        """Rows encoded since the output was opened."""
        return self._rows

    def check(self, position: Json = None, /) -> None:
        """Look whether the folder can be written, changing nothing.

        Args:
            position: what the last `write` that counts returned, where a crawl goes on.

        Raises:
            OutputError: the folder is not empty (and is not to be overwritten), or can't be
                written. Where a crawl goes on: a part is gone, or not as it was written.
        """
        spot = Spot.of(position)
        try:
            if spot is None:
                check_folder(self._path, self._new_shards(), overwrite=self._overwrite)
            else:
                check_spot(self._path, self._new_shards(), spot)
        except OSError as error:
            raise OutputError(f"{self._path} can't be read: {error.strerror}") from error

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        """Hold the folder open for the length of one crawl; however it is left, its rows become a part.

        Args:
            environment: what the crawl lends.
            position: what the last `write` that counts returned, where a crawl goes on:
                later rows are cut off, and later parts removed.

        Raises:
            OutputError: the folder can't be opened.
            OSError: the last part can't be written.
            trio.BusyResourceError: another crawl has it open.
        """
        if self._shards is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        self._shards = shards = self._new_shards()
        self._run_in_thread = environment.run_in_thread
        self._limiter = trio.CapacityLimiter(1)
        declared = self._declared if environment.own_rows else None
        self._columns = Columns(own_rows=environment.own_rows, declared=declared)
        self._rows = 0
        spot = Spot.of(position)
        try:
            kinds = await self._run_in_thread(shards.open, self._overwrite, spot, limiter=self._limiter)
            self._resume(kinds)
            try:
                yield
            except BaseException as error:
                # Rows that are no part yet are of no use to a reader; it is a second's work.
                with trio.move_on_after(_MOST, shield=True):
                    try:
                        await self._finish(shards)
                    except OSError as second:
                        error.add_note(f"and the last part of {self._name} was not written: {second}")
                raise
            with trio.CancelScope(shield=True):
                await self._finish(shards)
        finally:
            shards.close()
            self._shards = None

    def _resume(self, kinds: Mapping[str, Kind]) -> None:
        """Go on with the columns that there are.

        Raises:
            OutputError: they are not those that the user names.
        """
        if kinds and self._columns.kinds and dict(kinds) != self._columns.kinds:
            raise OutputError(f"{self._name} was begun with other columns= than these; give it those again")
        self._columns.kinds = dict(kinds) or self._columns.kinds

    async def _finish(self, shards: Shards) -> None:
        await self._run_in_thread(shards.finish, self._columns.settle(), limiter=self._limiter)

    def encode(self, outcome: Outcome, /) -> Block | None:
        """Return the rows of *outcome*, None if it has none.

        Raises:
            RowError: a row that does not go with the columns. Nothing of its page is kept.
        """
        block = self._columns.encode(outcome)
        self._rows += 0 if block is None else len(block.rows)
        return block

    def ending(self) -> None:
        """Return nothing: the last part is written when the output is closed."""

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[Block], /) -> Json:
        """Append *items*, in a thread, and return the spot after them (see `Spot`).

        Raises:
            OSError: they could not be written.
            trio.ClosedResourceError: the output is not open.
        """
        if self._shards is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        # Parts have one schema: what is not known of a column when the first is written is settled then.
        kinds = self._columns.settle() if self._shards.full else dict(self._columns.kinds)
        spot = await self._run_in_thread(self._shards.append, items, kinds, limiter=self._limiter)
        return spot.to_json()

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        """Return how the files differ from what was written, in words; nothing is changed. Blocks.

        Args:
            positions: what `write` returned, by the number of the batch in the state.
            rows: by that number, the rows that the files should have of it; empty if that is not known.
            total: the rows that they should have in all.
            finished: whether nothing may stand behind the last batch.

        Raises:
            OutputError: a file can't be read, or is nothing that the positions are of.
        """
        return audit_folder(self._new_shards(), positions, rows, total, finished=finished)
