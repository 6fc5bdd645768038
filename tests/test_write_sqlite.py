"""A SQLite database of what a crawl found."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
import pydantic
import pytest
from write_support import written

from trio_crawl._errors import OutputError, RowError, UsageError
from trio_crawl._write.choose import choose
from trio_crawl.testing._outcomes import failure_of, page_of, pages
from trio_crawl.writers import Sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trio_crawl._model import Json, Outcome


def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Query a database as others would."""
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def rows(*rows: Any) -> list[list[Outcome]]:  # noqa: ANN401 - what a parser may yield
    return [[page_of("http://a.test/", ["http://b.test/"], rows=rows)]]


@dataclass
class Quote:
    text: str
    said: date


@attrs.define
class Author:
    name: str


class Tag(msgspec.Struct):
    name: str


class Price(pydantic.BaseModel):
    amount: float
    seen: datetime


Point = namedtuple("Point", "x y")  # noqa: PYI024 - the kind without types


def test_pages_links_and_failures_can_be_queried(tmp_path: Path) -> None:
    """Each has its table, and the view of links says what a TSV file does."""
    path = tmp_path / "x.sqlite"
    written(Sqlite(path), [pages()])
    assert ask(path, "SELECT url, status, title, bytes > 0, fetched_at, elapsed FROM pages LIMIT 1") == [
        ("http://site.test/", 200, "http://site.test/: ✓", 1, "2026-01-02T03:04:05.000Z", 0.25)
    ]
    assert ask(path, "SELECT count(*) FROM pages") == [(5,)]
    assert ask(path, "SELECT parsed_url FROM found WHERE source_url = 'http://site.test/two'") == [
        ("http://site.test/",),
        ("http://other.test/%C3%BC",),
    ]
    assert ask(path, "SELECT url, kind, message, attempts FROM failures") == [
        ("http://site.test/failed", "connect", "refused: ✗", 3)
    ]
    plan = ask(path, "EXPLAIN QUERY PLAN SELECT page FROM links WHERE url = 'http://site.test/'")
    assert "INDEX links_url" in plan[0][3]


def test_each_class_has_a_table_of_its_own(tmp_path: Path) -> None:
    """Dicts are in ``rows``, objects of each kind in the table of their class; all know their page."""
    path = tmp_path / "x.sqlite"
    found = rows(
        {"a": 1},
        Quote("q", date(2026, 1, 2)),
        Author("Ann"),
        Tag("t"),
        Price(amount=1.5, seen=datetime(2026, 1, 2, tzinfo=UTC)),
        Point(1, 2),
        {"b": [1, {"c": None}], "A": b"\x00"},
    )
    written(Sqlite(path), found, own_rows=True)
    assert ask(path, "SELECT a, b, _page FROM rows") == [(1, None, 1), (b"\x00", '[1,{"c":null}]', 1)]
    assert ask(path, "SELECT text, said FROM Quote") == [("q", "2026-01-02")]
    assert ask(path, "SELECT name FROM Author UNION ALL SELECT name FROM tag") == [("Ann",), ("t",)]
    assert ask(path, "SELECT amount, seen FROM Price") == [(1.5, "2026-01-02T00:00:00+00:00")]
    assert ask(path, "SELECT x, y FROM Point JOIN pages ON pages.id = _page") == [(1, 2)]


def test_columns_are_added_as_they_come(tmp_path: Path) -> None:
    """A later batch may bring fields that the earlier rows lack, also where a crawl goes on."""
    path = tmp_path / "x.sqlite"
    positions = written(Sqlite(path), [*rows({"a": 1}), *rows({"b": 2})], own_rows=True)
    written(Sqlite(path), rows({"c": 3, "B": 4}), positions[1], own_rows=True)
    assert ask(path, "SELECT a, b, c FROM rows") == [(1, None, None), (None, 4, 3)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"n": 2**63}, "the field 'n' can't be written: it has more than 64 bits"),
        ({"n": float("nan")}, "the field 'n' can't be written: SQLite has no NaN"),
        ({"n": 1, "N": 2}, "the field 'n' has a twin"),
        ({"_page": 1}, "the field '_page' is a column that each table has"),
        ({"a\0": 1}, "is no name of a column"),
        ({f"c{number}": 1 for number in range(1999)}, "1,998 at most"),
        ({}, "it has no fields"),
    ],
)
def test_what_a_table_can_not_hold_is_named(tmp_path: Path, row: object, why: str) -> None:
    """The error names the row, the page and the field."""
    with pytest.raises(RowError) as caught:
        written(Sqlite(tmp_path / "x.sqlite"), rows({"a": 1}, row), own_rows=True)
    assert str(caught.value).startswith("row 2 of http://a.test/: ")
    assert why in str(caught.value)


def test_a_class_that_is_called_as_a_table_of_ours_is_refused(tmp_path: Path) -> None:
    """Its rows would mix with pages."""
    pages_class = attrs.make_class("Pages", ["a"])
    with pytest.raises(RowError, match="row 1 of .*: the class Pages can't name a table"):
        written(Sqlite(tmp_path / "x.sqlite"), rows(pages_class(1)), own_rows=True)


def test_it_is_one_file_that_others_may_read_meanwhile(tmp_path: Path) -> None:
    """Closed, nothing is beside it; a reader of a database that is written sees whole batches."""
    path = tmp_path / "x.sqlite"
    positions = written(Sqlite(path), [pages()])
    assert [file.name for file in tmp_path.iterdir()] == ["x.sqlite"]
    assert ask(path, "PRAGMA journal_mode") == [("delete",)]
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM pages").fetchone()
        with pytest.raises(OutputError, match="can't be opened: database is locked"):
            # Someone who holds a lock from before the log was there keeps it from being made.
            written(Sqlite(path), [pages()], positions[-1])
        reader.execute("COMMIT")
    written(Sqlite(path), [pages()], positions[-1])
    assert ask(path, "SELECT count(*) FROM pages") == [(10,)]


def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    """One with tables in it is not written to, unless it is to be replaced."""
    path = tmp_path / "x.sqlite"
    ask(path, "CREATE TABLE precious (a)")
    with pytest.raises(OutputError, match="exists and is not empty"):
        written(Sqlite(path), [pages()])
    assert ask(path, "SELECT name FROM sqlite_schema") == [("precious",)]
    written(Sqlite(path, overwrite=True), [pages()])
    assert ask(path, "SELECT count(*) FROM pages") == [(5,)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pages SET title = 'x' WHERE id = 5",
        "DELETE FROM failures",
        "DELETE FROM links WHERE page = 3 AND number = 2",
        "INSERT INTO links VALUES (4, 7, 'http://x/')",
        "UPDATE trio_crawl SET run = 'x'",
        "UPDATE trio_crawl SET batch = 0",
    ],
)
def test_a_changed_last_batch_is_refused(tmp_path: Path, change: str) -> None:
    """A crawl does not go on with a database whose last rows are not those that it wrote."""
    path = tmp_path / "x.sqlite"
    positions = written(Sqlite(path), [pages()])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    with pytest.raises(OutputError, match="was changed|is not the database|has 0 batches"):
        Sqlite(path).check(positions[-1])


@pytest.mark.parametrize("size", [0, 100, 5000])
def test_a_cut_database_is_refused(tmp_path: Path, size: int) -> None:
    """So is one that is not whole."""
    path = tmp_path / "x.sqlite"
    positions = written(Sqlite(path), [pages()])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(OutputError):
        Sqlite(path).check(positions[-1])


def test_what_users_add_is_left_alone(tmp_path: Path) -> None:
    """A view, an index, a table and a column of the user's own outlive a crawl that goes on."""
    path = tmp_path / "x.sqlite"
    positions = written(Sqlite(path), rows({"a": 1}), own_rows=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE mine (b)")
        db.execute("CREATE VIEW seen AS SELECT a FROM rows")
        db.execute("ALTER TABLE rows ADD COLUMN note")
        db.execute("UPDATE rows SET note = 'kept'")
    written(Sqlite(path), rows({"a": 2}), positions[-1], own_rows=True)
    assert ask(path, "SELECT a, note FROM rows") == [(1, "kept"), (2, None)]
    assert ask(path, "SELECT a FROM seen") == [(1,), (2,)]


def audit(path: Path, positions: Sequence[Json], counts: Sequence[int]) -> list[str]:
    known = dict(enumerate(counts, 1))
    return Sqlite(path).audit(dict(enumerate(positions)), known, sum(counts), finished=True)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE pages SET title = 'x' WHERE id = 1", "the rows of batch 1 are not"),
        ("DELETE FROM links WHERE page = 2", "the rows of batch 2 are not"),
        (
            "INSERT INTO pages SELECT 99, url, url, 1, 1, '', '', '', '', 1, '', 1, 1 FROM pages LIMIT 1",
            "foreign",
        ),
        ("INSERT INTO links VALUES (99, 1, 'x')", "links has 1 foreign rows"),
    ],
)
def test_an_audit_finds_every_change(tmp_path: Path, change: str, found: str) -> None:
    """Rows that were changed, are missing or foreign are found in any batch, with its number."""
    path = tmp_path / "x.sqlite"
    batches: list[list[Outcome]] = [
        [page_of("http://a.test/")],
        [page_of("http://b.test/", ["http://c.test/"])],
    ]
    positions = written(Sqlite(path), [*batches, [failure_of("http://d.test/")]])
    assert audit(path, positions, [1, 1, 1]) == []
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    assert any(found in problem for problem in audit(path, positions, [1, 1, 1]))


def test_synced_or_not(tmp_path: Path) -> None:
    """``sync`` makes each commit wait for the disk."""
    for sync, level in ((False, 1), (True, 2)):
        path = tmp_path / f"{sync}.sqlite"
        database = Sqlite(path, sync=sync)
        assert f"sync={sync}" in repr(database)
        from trio_crawl._write.database import Database  # noqa: PLC0415 - what it says to SQLite

        opened = Database(path, sync=sync, own_rows=False)
        opened.open(False, None)
        assert opened._db is not None  # noqa: SLF001 - SQLite tells this to its connection alone
        assert opened._db.execute("PRAGMA synchronous").fetchone() == (level,)  # noqa: SLF001
        opened.close()


def test_its_suffix_and_its_arguments() -> None:
    """A path that ends in ``.sqlite`` is one; standard output can't be."""
    (writer,) = choose("x.SQLITE", overwrite=True)
    assert isinstance(writer, Sqlite)
    assert (writer.name, writer.prompt, writer.rows) == ("x.SQLITE", False, 0)
    with pytest.raises(UsageError, match="can't go to standard output"):
        Sqlite("-")
    with pytest.raises(OutputError, match="is no position in a database"):
        Sqlite("x.sqlite").check({"bytes": 3})
    with pytest.raises(UsageError, match="twice"):
        choose(["x.sqlite", "./x.sqlite"])
