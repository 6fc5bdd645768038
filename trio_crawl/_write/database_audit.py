"""A database held against the marks of its batches."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from .._errors import OutputError
from .database_schema import APPLICATION_ID, columns_of, digest, log_of, quoted, require_own
from .mark import Extent, Mark
from .place import CURE
from .views import changed_views

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .._model import Json

_FOUND: Final = 10
"""Damaged places of a database that are listed."""


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database at *path* to be read, as of one moment, leaving nothing beside it.

    Raises:
        OutputError: it is gone, or can't be read.
    """
    log, shared, _ = log_of(path)
    # Without a log, SQLite would put one beside it, to read nothing from.
    how = "&readonly_shm=1" if shared.exists() else ""
    uri = f"{path.absolute().as_uri()}?mode=ro{how if log.exists() else '&immutable=1'}"
    try:
        if not path.is_file():
            raise OutputError(f"{path} is gone, and the state has rows in it; {CURE}")
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
            db.execute("BEGIN")
            yield db
    except sqlite3.Error as error:
        raise OutputError(f"{path} is damaged, or no database ({error}); {CURE}") from error


def check_database(path: Path, mark: Mark) -> None:
    """Look whether the database at *path* is, up to *mark*, as it was written; of its batches, the last.

    Raises:
        OutputError: it is not, or can't be read.
    """
    with _reading(path) as db:
        require_own(db, path, mark)
        if _sum_of(db, mark) != mark.sum:
            raise OutputError(f"{path} was changed: its last rows are not those that were written; {CURE}")


def is_blank(path: Path) -> bool:
    """Return whether *path* is a database in which nothing was written yet, as a kill may leave it."""
    try:
        with _reading(path) as db:
            if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return True
            (application,) = db.execute("PRAGMA application_id").fetchone()
            return (
                application == APPLICATION_ID and not db.execute("SELECT batch FROM trio_crawl").fetchone()[0]
            )
    except OutputError:
        return False


def audit_database(
    path: Path, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, *, finished: bool
) -> list[str]:
    """Return how the database at *path* differs from what was written.

    Args:
        path: the file.
        positions: what `write` returned, by the number of the batch in the state.
        rows: by that number, the rows that it should have of it; empty if that is not known.
        total: the rows that it should have in all.
        finished: whether nothing may stand behind the last batch.

    Raises:
        OutputError: the database can't be read, or is not what the positions are of.
    """
    marks = {number: mark for number in sorted(positions) if (mark := Mark.of(positions[number]))}
    if not marks:
        return []
    last = marks[max(marks)]
    with _reading(path) as db:
        require_own(db, path, last)
        problems = [f"the database: {found}" for found in _damage(db)]
        found = sum(_batches(db, marks, rows, problems))
        problems += changed_views(db)
        if finished:
            problems += _foreign(db, last)
    if not problems and found != total:
        problems.append(f"it has {found:,} rows, and its pages in the state {total:,}")
    return problems


def _batches(
    db: sqlite3.Connection, marks: Mapping[int, Mark], rows: Mapping[int, int], problems: list[str]
) -> Iterator[int]:
    """Yield the rows of each batch; add to *problems* what is wrong with it."""
    before: Mark | None = None
    for number, mark in marks.items():
        if before is None or mark.batch != before.batch:
            if mark.batch != (0 if before is None else before.batch) + 1 and mark.batch:
                problems.append(f"batch {number} does not follow the one before it: the state lacks a batch")
            if _sum_of(db, mark) != mark.sum:
                problems.append(f"the rows of batch {number} are not those that were written")
            if rows and rows.get(number, 0) != mark.rows():
                said = rows.get(number, 0)
                problems.append(
                    f"batch {number} has {mark.rows():,} rows, and its pages in the state {said:,}"
                )
            yield mark.rows()
        before = mark


def _damage(db: sqlite3.Connection) -> Iterator[str]:
    for (found,) in db.execute(f"PRAGMA integrity_check({_FOUND})"):
        if found != "ok":
            yield found


def _foreign(db: sqlite3.Connection, last: Mark) -> Iterator[str]:
    """Yield what stands behind the last batch."""
    names = {name for (name,) in db.execute("SELECT name FROM trio_crawl_tables")}
    for name in sorted({*last.tables, *names}):
        end = last.tables[name].last if name in last.tables else 0
        key = _key(name)
        (count,) = db.execute(f"SELECT count(*) FROM {quoted(name)} WHERE {key} > ?", (end,)).fetchone()  # noqa: S608 - quoted
        if count:
            yield f"the table {name} has {count:,} foreign rows: it should end with {key} {end:,}"
    end = last.tables["pages"].last
    (count,) = db.execute("SELECT count(*) FROM links WHERE page > ?", (end,)).fetchone()
    if count:
        yield f"the table links has {count:,} foreign rows: it should end with page {end:,}"


def _key(name: str) -> str:
    return "id" if name in {"pages", "failures"} else "_id"


def _sum_of(db: sqlite3.Connection, mark: Mark) -> str:
    """Return the checksum of the rows of a batch as they are now."""
    if not mark.batch:
        return ""
    summed = digest()
    for name in sorted(mark.tables):
        extent = mark.tables[name]
        count = None if name in {"pages", "failures"} else 2 + extent.columns
        columns = ", ".join(map(quoted, columns_of(db, name)[:count])) or "*"
        _add(db, f"SELECT {columns} FROM {quoted(name)}", _key(name), extent, summed)  # noqa: S608 - quoted
    _add(db, "SELECT page, number, url FROM links", "page", mark.tables["pages"], summed)
    return summed.hexdigest()


def _add(db: sqlite3.Connection, query: str, key: str, extent: Extent, summed: hashlib.blake2b) -> None:
    order = f"{key}, number" if key == "page" else key
    # Of the first batch nothing may stand before its rows.
    begin = extent.before or -(2**63)
    for row in db.execute(f"{query} WHERE {key} > ? AND {key} <= ? ORDER BY {order}", (begin, extent.last)):
        summed.update(repr(row).encode())
