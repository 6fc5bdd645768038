"""A SQLite database of what a crawl found, in whole batches; all of it blocks.

While it is written it has a write-ahead log, so that others can read it meanwhile;
closed, it is one file.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Final, final

import trio

from .._errors import OutputError
from .database_schema import (
    APPLICATION_ID,
    SCHEMA,
    VERSION,
    columns_of,
    digest,
    log_of,
    quoted,
    require_own,
)
from .mark import Extent, Mark
from .tables import OWN_TABLES, fold
from .target import hold_path, occupied
from .views import Views

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .._holds import Hold
    from .tables import Entry, Stored

_OTHERS: Final[list[sqlite3.Connection | None]] = []
"""Connections of the process that this one was forked from: SQLite must not even close them here."""

_BUSY: Final = 2.0
"""Seconds that a lock of another program's is waited for: less than a crawl's grace."""


class _Table:
    """A table of rows, and how far it is written."""

    def __init__(self, name: str, columns: Iterable[str], last: int) -> None:
        self.name = name
        self.columns: dict[str, None] = dict.fromkeys(map(fold, columns))
        self.last = self.before = last
        self.pending: list[tuple[Stored, ...]] = []


@final
class Database:
    """Appends batches to a database.

    Args:
        path: the file.
        sync: whether a batch survives a loss of power once it is written.
        own_rows: whether a parser of the user's makes the rows.
        views: which there are to be; none by default.
    """

    def __init__(self, path: Path, *, sync: bool, own_rows: bool, views: Views | None = None) -> None:
        self._views = views or Views({})
        self._path = path
        self._sync = sync
        self._own_rows = own_rows
        self._db: sqlite3.Connection | None = None
        self._hold: Hold | None = None
        self._tables: dict[str, _Table] = {}
        self._mark = Mark(run="", batch=0, sum="", own_rows=own_rows, tables={})

    def open(self, overwrite: bool, mark: Mark | None) -> Mapping[str, Sequence[str]]:  # noqa: FBT001 - a thread's function takes no keywords
        """Open it at *mark*, and take back later batches; or make it, if there is no mark.

        Returns:
            The columns of each table of a user's rows.

        Raises:
            OutputError: it can't be opened.
        """
        self._hold = hold_path(self._path, os.O_RDWR | os.O_CREAT)
        if mark is None:
            self._clear(self._hold.descriptor, overwrite=overwrite)
        try:
            self._db = db = sqlite3.connect(
                self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(f"PRAGMA synchronous = {'FULL' if self._sync else 'NORMAL'}")
            with self._transaction(db):
                run = self._create(db) if mark is None else self._cut_back(db, mark)
                self._learn(db)
                own = [table.name for table in self._tables.values() if table.name not in OWN_TABLES]
                self._views.renew(db, self._path, own)
        except sqlite3.Error as error:
            raise OutputError(f"{self._path} can't be opened: {error}") from error
        self._mark = mark or Mark(run=run, batch=0, sum="", own_rows=self._own_rows, tables=self._extents())
        return {table.name: list(table.columns) for table in self._tables.values()}

    def append(self, entries: Sequence[Entry]) -> Mark:
        """Add *entries* in one transaction, and return the mark after them.

        Raises:
            sqlite3.Error: they could not be added; nothing of them was.
        """
        if not entries:
            return self._mark
        if self._db is None or self._hold is None:
            raise trio.ClosedResourceError("the output is not open")
        self._hold.require()
        before = self._tables.copy()
        for table in self._tables.values():
            table.before = table.last
        try:
            with self._transaction(self._db):
                summed = self._insert(self._db, entries)
                self._db.execute("UPDATE trio_crawl SET batch = batch + 1")
        except sqlite3.Error as error:
            error.add_note(f"while writing {self._path}: its last batch was taken back")
            self._tables = before
            for table in before.values():
                table.last = table.before
            raise
        finally:
            for table in self._tables.values():
                table.pending.clear()
        mark = self._mark
        self._mark = Mark(
            run=mark.run, batch=mark.batch + 1, sum=summed, own_rows=mark.own_rows, tables=self._extents()
        )
        return self._mark

    def close(self) -> None:
        """Close it; what is left is one file, unless another program reads it at this moment."""
        db, self._db = self._db, None
        hold, self._hold = self._hold, None
        if hold is not None and hold.foreign:
            _OTHERS.append(db)
            return
        try:
            if db is not None:
                self._close(db)
        finally:
            # Not before: to close any descriptor of the file ends SQLite's own locks on it.
            if hold is not None:
                hold.close()

    @staticmethod
    def _close(db: sqlite3.Connection) -> None:
        with closing(db):
            try:
                db.execute("PRAGMA journal_mode = DELETE")
            except sqlite3.OperationalError:
                # Somebody reads it: the log stays, and is a part of the database as before.
                return

    @staticmethod
    @contextmanager
    def _transaction(db: sqlite3.Connection) -> Iterator[None]:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _clear(self, descriptor: int, *, overwrite: bool) -> None:
        """Empty the file, which stays the one that is held."""
        if not overwrite and os.fstat(descriptor).st_size:
            # It appeared after the check.
            raise OutputError(occupied(self._path))
        for path in log_of(self._path):
            path.unlink(missing_ok=True)
        os.ftruncate(descriptor, 0)

    @staticmethod
    def _create(db: sqlite3.Connection) -> str:
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {VERSION}")
        for statement in SCHEMA.split(";")[:-1]:
            db.execute(statement)
        run = token_hex(8)
        db.execute("INSERT INTO trio_crawl VALUES (?, 0)", (run,))
        return run

    def _cut_back(self, db: sqlite3.Connection, mark: Mark) -> str:
        """Take back the batches after *mark*. Columns and tables that they added stay, without a value."""
        require_own(db, self._path, mark)
        db.execute("DELETE FROM links WHERE page > ?", (mark.tables["pages"].last,))
        for name in ("pages", "failures"):
            db.execute(f"DELETE FROM {name} WHERE id > ?", (mark.tables[name].last,))  # noqa: S608 - a name of ours
        for (name,) in db.execute("SELECT name FROM trio_crawl_tables").fetchall():
            last = mark.tables[name].last if name in mark.tables else 0
            db.execute(f"DELETE FROM {quoted(name)} WHERE _id > ?", (last,))  # noqa: S608 - quoted
        db.execute("UPDATE trio_crawl SET batch = ?", (mark.batch,))
        return mark.run

    def _learn(self, db: sqlite3.Connection) -> None:
        """Note how far each table is written."""
        for name in ("pages", "failures"):
            (last,) = db.execute(f"SELECT max(id) FROM {name}").fetchone()  # noqa: S608 - a name of ours
            self._tables[name] = _Table(name, (), last or 0)
        for (name,) in db.execute("SELECT name FROM trio_crawl_tables").fetchall():
            (last,) = db.execute(f"SELECT max(_id) FROM {quoted(name)}").fetchone()  # noqa: S608 - quoted
            self._tables[fold(name)] = _Table(name, columns_of(db, name)[2:], last or 0)

    def _extents(self) -> dict[str, Extent]:
        return {
            table.name: Extent(table.before, table.last, len(table.columns))
            for table in self._tables.values()
        }

    def _insert(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> str:
        """Insert *entries*, and return their checksum."""
        pages, failures = self._tables["pages"], self._tables["failures"]
        links: list[tuple[Stored, ...]] = []
        places = self._widen(db, entries)
        for entry in entries:
            if entry.page is not None:
                pages.last += 1
                pages.pending.append((pages.last, *entry.page))
                links += [(pages.last, number, url) for number, url in enumerate(entry.links, 1)]
            if entry.failure is not None:
                failures.last += 1
                failures.pending.append((failures.last, *entry.failure))
            for name, names, values in entry.rows:
                table, order = places[name, names]
                table.last += 1
                cells = values if order is None else [None if at is None else values[at] for at in order]
                table.pending.append((table.last, pages.last, *cells))
        summed = digest()
        for table in sorted(self._tables.values(), key=_name):
            _insert_rows(db, table.name, table.pending, summed)
        _insert_rows(db, "links", links, summed)
        return summed.hexdigest()

    def _widen(
        self, db: sqlite3.Connection, entries: Sequence[Entry]
    ) -> dict[tuple[str, tuple[str, ...]], tuple[_Table, list[int | None] | None]]:
        """Make the tables and columns that *entries* need.

        Returns:
            By the name of a table and the fields of a row, the table, and of each of its columns
            which of the fields it is; None where they are the same.
        """
        shapes = dict.fromkeys((name, names) for entry in entries for name, names, _ in entry.rows)
        for name, names in shapes:
            table = self._tables.get(fold(name))
            if table is None:
                self._tables[fold(name)] = _made(db, name, names)
            elif any(fold(column) not in table.columns for column in names):
                self._tables[fold(name)] = _widened(db, table, names)
            self._views.make(db, self._path, name if table is None else table.name)
        return {(name, names): _order(self._tables[fold(name)], names) for name, names in shapes}


def _name(table: _Table) -> str:
    return table.name


def _made(db: sqlite3.Connection, name: str, columns: Sequence[str]) -> _Table:
    fields = "".join(f", {quoted(column)}" for column in columns)
    page = "_page INTEGER NOT NULL REFERENCES pages (id)"
    db.execute(f"CREATE TABLE {quoted(name)} (_id INTEGER PRIMARY KEY, {page}{fields})")
    db.execute(f"CREATE INDEX {quoted('trio_crawl_' + name)} ON {quoted(name)} (_page)")
    db.execute("INSERT INTO trio_crawl_tables VALUES (?)", (name,))
    return _Table(name, columns, 0)


def _order(table: _Table, names: Sequence[str]) -> tuple[_Table, list[int | None] | None]:
    places = {fold(name): place for place, name in enumerate(names)}
    order = [places.get(column) for column in table.columns]
    return table, None if order == list(range(len(names))) else order


def _widened(db: sqlite3.Connection, table: _Table, row: Iterable[str]) -> _Table:
    added = [column for column in row if fold(column) not in table.columns]
    for column in added:
        db.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(column)}")
    return _Table(table.name, [*table.columns, *added], table.last)


def _insert_rows(
    db: sqlite3.Connection, name: str, rows: Sequence[tuple[Stored, ...]], summed: hashlib.blake2b
) -> None:
    if rows:
        places = ", ".join("?" * len(rows[0]))
        db.executemany(f"INSERT INTO {quoted(name)} VALUES ({places})", rows)  # noqa: S608 - quoted
        summed.update("".join(map(repr, rows)).encode())
