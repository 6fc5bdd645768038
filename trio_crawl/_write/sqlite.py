"""A SQLite database: pages, links, failures, and the rows of a user's parser, ready to be queried."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import UsageError
from .database import Database
from .database_audit import audit_database, check_database, is_blank
from .mark import Mark
from .tables import Tables
from .target import absolute, check_file, checked_path
from .views import Views

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from .._model import Json, Outcome
    from ..abc import Environment
    from .tables import Entry


_CLOSING: Final = 5.0
"""Seconds that it may wait for its thread, which is free by then."""


@final
class Sqlite:
    """Writes to a SQLite database, each batch in a transaction of its own.

    The tables ``pages``, ``links`` and ``failures`` hold what was found, and the view
    ``found`` the links as a TSV file has them. What a parser of the user's yields
    goes to further tables: mappings to ``rows``, objects to a table of their class's name. Columns
    are added as they come; ``_page`` is the page's ``id``. Tables, views and indices of
    your own are left alone; so add them as you like.

    Args:
        path: the file.
        overwrite: replace the file. Without it, a file that is not empty is an `OutputError`.
        key: by the name of a table, the column that tells its rows apart, as in
            ``{"Product": "sku"}``: the view ``latest_Product`` has of each key the row that was
            written last; rows without a key are each their own. It is made anew each time that the
            database is opened.
        sync: wait until each batch is on the disk (``synchronous=FULL``), so that it survives
            a loss of power, too, and not the process's end alone. The database is whole in either case.

    Raises:
        UsageError: *path* is no path, or *key* can't be right.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        sync: bool = False,
        key: Mapping[str, str] | None = None,
    ) -> None:
        self._views = Views(key or {})
        self._name = checked_path(path)
        if self._name == "-":
            raise UsageError("a database can't go to standard output; name a file")
        if self._name == ":memory:":
            raise UsageError("a database in memory would be gone with the crawl; name a file")
        self._path = absolute(self._name)
        self._overwrite = overwrite
        self._sync = sync
        self._tables = Tables(own_rows=False)
        self._rows = 0
        self._database: Database | None = None

    def __repr__(self) -> str:
        return f"Sqlite({self._name!r}, overwrite={self._overwrite!r}, sync={self._sync!r})"

    @property
    def name(self) -> str:
        """The path as it was given."""
        return self._name

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def prompt(self) -> bool:
        """False: rows are gathered to transactions."""
        return False

    @property
    def rows(self) -> int:
        """Rows encoded since the output was opened: those of the user's parser, or pages and failures."""
        return self._rows

    def check(self, position: Json = None, /) -> None:
        """Look whether the database can be opened, changing nothing.

        Args:
            position: what the last `write` that counts returned, where a crawl goes on.

        Raises:
            OutputError: the file is not empty (and is not to be overwritten), is a folder, or
                can't be written. Where a crawl goes on: it is gone, another one, or not as it was written.
        """
        mark = Mark.of(position)
        check_file(self._path, overwrite=self._overwrite or mark is not None or is_blank(self._path))
        if mark is not None:
            check_database(self._path, mark)

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        """Hold the database open for the length of one crawl; it is closed however it is left.

        Args:
            environment: what the crawl lends.
            position: what the last `write` that counts returned, where a crawl goes on:
                later batches are taken back.

        Raises:
            OutputError: the database can't be opened.
            trio.BusyResourceError: another crawl has it open.
        """
        if self._database is not None:
            raise trio.BusyResourceError(f"{self!r} serves a crawl already; make one for each crawl")
        own_rows = environment.own_rows
        self._database = database = Database(
            self._path, sync=self._sync, own_rows=own_rows, views=self._views
        )
        self._run_in_thread = environment.run_in_thread
        self._limiter = trio.CapacityLimiter(1)
        self._tables = Tables(own_rows=own_rows)
        self._rows = 0
        mark = Mark.of(position)
        try:
            columns = await self._run_in_thread(self._open, database, mark, limiter=self._limiter)
            self._tables.resume(columns)
            yield
        finally:
            # However it is left, and off the loop: its log is brought into it, some batches at most.
            with trio.move_on_after(_CLOSING, shield=True):
                await self._run_in_thread(database.close, limiter=self._limiter)
            self._database = None

    def _open(self, database: Database, mark: Mark | None) -> Mapping[str, Sequence[str]]:
        return database.open(self._overwrite or is_blank(self._path), mark)

    def encode(self, outcome: Outcome, /) -> Entry:
        """Return what the tables hold of *outcome*.

        Raises:
            RowError: a row that they can't hold. Nothing of its page is kept.
        """
        entry, rows = self._tables.encode(outcome)
        self._rows += rows
        return entry

    def ending(self) -> None:
        """Return nothing: the database is whole after each batch."""

    @trio.lowlevel.enable_ki_protection
    async def write(self, items: Sequence[Entry], /) -> Json:
        """Add *items* in one transaction, in a thread, and return the mark after them (see `Mark`).

        Raises:
            sqlite3.Error: they could not be added (the disk is full). Nothing of them was.
            trio.ClosedResourceError: the output is not open.
        """
        if self._database is None:
            raise trio.ClosedResourceError(f"{self!r} is not open")
        mark = await self._run_in_thread(self._database.append, items, limiter=self._limiter)
        return mark.to_json()

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        """Return how the database differs from what was written, in words; nothing is changed. Blocks.

        Args:
            positions: what `write` returned, by the number of the batch in the state.
            rows: by that number, the rows that the database should have of it; empty if that is not known.
            total: the rows that it should have in all.
            finished: whether nothing may stand behind the last batch.

        Raises:
            OutputError: the database can't be read, or is not what the positions are of.
        """
        return audit_database(self._path, positions, rows, total, finished=finished)
