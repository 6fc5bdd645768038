"""Views of a database that have of each key the row that was written last; all of it blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, final

from .._errors import OutputError, UsageError
from .database_schema import columns_of, quoted
from .tables import OWN_TABLES, fold

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PREFIX: Final = "latest_"

_BOOK: Final = "trio_crawl_views"
"""The views that were made, each as SQL says it, so that they are told from those of the user's own."""


@final
class Views:
    """Makes them, as far as their tables and columns are there.

    Args:
        keys: by the name of a table, the column of its key.

    Raises:
        UsageError: *keys* is no such mapping.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        if not isinstance(keys, Mapping) or not all(
            isinstance(name, str) and name for item in keys.items() for name in item
        ):
            raise UsageError(
                f"key= is {keys!r}; it takes the column by the table, as in {{'Product': 'sku'}}"
            )
        for name in keys:
            if fold(name) in OWN_TABLES:
                raise UsageError(
                    f"key= names the table {name!r}, whose rows are of pages; it is for rows of yours"
                )
        self._keys = {fold(name): key for name, key in keys.items()}

    def renew(self, db: sqlite3.Connection, path: Path, tables: Iterable[str]) -> None:
        """Make them anew; those of an earlier opening are gone then.

        Raises:
            OutputError: something of the user's has the name of one.
        """
        db.execute(
            f"CREATE TABLE IF NOT EXISTS {_BOOK} (name TEXT PRIMARY KEY, sql TEXT NOT NULL) WITHOUT ROWID"
        )
        for (name,) in db.execute(f"SELECT name FROM {_BOOK}").fetchall():  # noqa: S608 - a name of ours
            db.execute(f"DROP VIEW IF EXISTS {quoted(name)}")
        db.execute(f"DELETE FROM {_BOOK}")  # noqa: S608 - likewise
        for table in tables:
            self.make(db, path, table)

    def make(self, db: sqlite3.Connection, path: Path, table: str) -> None:
        """Make the view of *table*, if it is wanted, its column is there, and the view is not."""
        key = self._keys.get(fold(table))
        if key is None or fold(key) not in map(fold, columns_of(db, table)):
            return
        name = PREFIX + table
        known = db.execute(f"SELECT 1 FROM {_BOOK} WHERE name = ?", (name,)).fetchone()  # noqa: S608 - ours
        if known is not None:
            return
        if db.execute("SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (name,)).fetchone():
            raise OutputError(f"{path} has something called {name} already; rename it, or leave key= out")
        its, column = quoted(table), quoted(key)
        if db.execute(f"SELECT 1 FROM {its} LIMIT 1").fetchone() is None:  # noqa: S608 - quoted
            # Of a table that has rows already it would take its time, which nobody asked for.
            db.execute(
                f"CREATE INDEX IF NOT EXISTS {quoted(f'trio_crawl_key_{table}')} ON {its} ({column}, _id)"
            )
        # Rows are numbered as they are written: by batch, and within it in order.
        sql = (
            f"CREATE VIEW {quoted(name)} AS SELECT * FROM {its} AS this WHERE {column} IS NULL OR NOT EXISTS "  # noqa: S608
            f"(SELECT 1 FROM {its} AS later WHERE later.{column} = this.{column} AND later._id > this._id)"
        )
        db.execute(sql)
        db.execute(f"INSERT INTO {_BOOK} VALUES (?, ?)", (name, sql))  # noqa: S608 - ours


def changed_views(db: sqlite3.Connection) -> Iterator[str]:
    """Yield which of the views that were made are gone, or others now."""
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (_BOOK,)).fetchone():
        return  # an earlier version wrote it
    for name, sql in db.execute(f"SELECT name, sql FROM {_BOOK}").fetchall():  # noqa: S608 - a name of ours
        found = db.execute(
            "SELECT sql FROM sqlite_schema WHERE type = 'view' AND name = ?", (name,)
        ).fetchone()
        if found is None:
            yield f"the view {name} is gone"
        elif found[0] != sql:
            yield f"the view {name} is not the one that was made"
