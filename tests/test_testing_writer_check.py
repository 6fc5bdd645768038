"""The check that every writer goes through; and writers that do not keep what they promise."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any, Literal

import duckdb
import pytest

from trio_crawl.testing import check_writer
from trio_crawl.writers import Files, Lines, Parquet, Sqlite

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from trio_crawl._model import Json, Outcome
    from trio_crawl.abc import Environment


def read_json(path: Path) -> list[object]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def read_table(path: Path, **dialect: Any) -> list[object]:  # noqa: ANN401 - of the csv module
    """Return the rows of a table, after its header, which comes once."""
    text = path.read_bytes().decode() if path.exists() else ""
    rows: list[object] = list(csv.reader(io.StringIO(text, newline=""), **dialect))
    assert not rows or rows[0] not in rows[1:]
    return rows[1:]


def read_tsv(path: Path) -> list[object]:
    return read_table(path, delimiter="\t", quoting=csv.QUOTE_NONE)


@pytest.mark.parametrize(("form", "read"), [("jsonl", read_json), ("csv", read_table), ("tsv", read_tsv)])
def test_lines(tmp_path: Path, form: Literal["tsv", "csv", "jsonl"], read: Any) -> None:  # noqa: ANN401 - a reader
    """Files of lines keep every promise of a writer, in each format."""
    check_writer(lambda path: Lines(path, format=form), read, tmp_path)


def read_compressed(path: Path) -> list[object]:
    """Return the objects of a compressed file of JSON lines."""
    data = path.read_bytes() if path.exists() else b""
    if not data:
        return []
    unpack = gzip.decompress if data.startswith(b"\x1f\x8b") else zstd.decompress
    return [json.loads(line) for line in unpack(data).splitlines()]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.slow
def test_compressed_lines(tmp_path: Path, compression: Literal["gzip", "zstd"]) -> None:
    """Compressed files of lines keep every promise, torn members and frames included."""
    check_writer(lambda path: Lines(path, format="jsonl", compression=compression), read_compressed, tmp_path)


def read_parts(path: Path) -> list[object]:
    """Return the rows of a table in numbered files, each under the same header."""
    tables = [read_tsv(part) for part in sorted(path.parent.glob("part-*.tsv"))]
    return [row for table in tables for row in table]


def test_numbered_lines(tmp_path: Path) -> None:
    """Files that are numbered keep every promise: what a later one has is gone where its batch is."""
    check_writer(lambda path: Lines(path.with_name("part-{n:03}.tsv"), rotate=100), read_parts, tmp_path)


def read_database(path: Path) -> list[object]:
    """Return what is in all tables of a database, as others read it."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        # What counts as a row depends on whose they are, and the check has a folder for each.
        tables = ("rows",) if path.parents[1].name == "rows" else ("pages", "failures")
        links = "(SELECT json_group_array(url) FROM links WHERE links.page = pages.id)"
        more = {"pages": f", {links}"}
        return [
            row
            for name in tables
            if name in names
            for row in db.execute(f"SELECT *{more.get(name, '')} FROM {name} ORDER BY 1")  # noqa: S608 - these
        ]


@pytest.mark.slow
def test_a_database(tmp_path: Path) -> None:
    """A database keeps every promise."""
    check_writer(Sqlite, read_database, tmp_path)


def read_parquet(path: Path) -> list[object]:
    """Return what is in a folder of Parquet files, and no other, as DuckDB reads it."""
    if not list(path.glob("*.parquet")):
        return []
    found = duckdb.read_parquet(f"{path}/*.parquet")
    return list(found.select("COLUMNS(*)::VARCHAR").fetchall())


@pytest.mark.parametrize("part_size", [1, 3000, 64 * 1024 * 1024])
@pytest.mark.slow
def test_parquet(tmp_path: Path, part_size: int) -> None:
    """Parquet files keep every promise, whether each batch is a part, or some, or all."""
    check_writer(lambda path: Parquet(path, part_size=part_size), read_parquet, tmp_path)


def test_a_writer_that_takes_anything_for_a_row(tmp_path: Path) -> None:
    """A mirror takes no notice of what a parser yields; unless it says so, that is a fault."""
    with pytest.raises(AssertionError, match="taken for a row"):
        check_writer(Files, read_mirror, tmp_path)


def read_mirror(path: Path) -> list[object]:
    return [row for row in read_json(path / "files.jsonl") if isinstance(row, dict) and "file" in row]


class Faulty:
    """A writer of JSON lines with a fault."""

    prompt = False

    def __init__(self, path: Path, fault: str) -> None:
        self._lines = Lines(path, format="jsonl")
        self._path = path
        self._fault = fault
        self._held: list[str] = []
        self.name = str(path)

    @property
    def rows(self) -> int:
        return self._lines.rows + (self._fault == "counts wrongly")

    def check(self, position: Json = None, /) -> None:
        if self._fault == "looks at nothing":
            return
        self._lines.check(position)

    @asynccontextmanager
    async def open(self, environment: Environment, position: Json = None, /) -> AsyncIterator[None]:
        if self._fault == "cuts nothing" and position is not None:
            position = {"bytes": self._path.stat().st_size, "batch": 0, "sum": ""}
        async with self._lines.open(environment, position):
            yield
            if self._held:
                await self._lines.write(self._held)

    def encode(self, outcome: Outcome, /) -> str | None:
        return self._lines.encode(outcome)

    def ending(self) -> str | None:
        return '{"the": "end"}\n' if self._fault == "ends with a row" else None

    async def write(self, items: Sequence[str], /) -> Json:
        if self._fault == "holds back":
            self._held += items
            return await self._lines.write(())
        if self._fault == "turns around":
            items = items[::-1]
        return await self._lines.write(items)

    def audit(
        self, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, /, *, finished: bool
    ) -> list[str]:
        found = self._lines.audit(positions, rows, total, finished=finished and self._fault != "sees no end")
        match self._fault:
            case "complains":
                return ["something"]
            case "sees nothing":
                return []
            case "counts no rows":
                return [problem for problem in found if "its pages in the state" not in problem]
            case "repairs":
                self._path.touch()
        return found


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        ("counts wrongly", "rows are counted from the opening"),
        ("looks at nothing", "did not refuse an output that has rows"),
        ("cuts nothing", "rows are not as expected, resumed after batch 0"),
        ("ends with a row", "6 rows counted, others read"),
        ("holds back", "not durable"),
        ("turns around", "depend on how they are batched"),
        ("complains", "finds fault with an output as it was written"),
        ("sees nothing", "does not see an output of which a batch was changed"),
        ("sees no end", "does not see an output with a foreign batch behind the last"),
        ("counts no rows", "does not count rows"),
        ("repairs", "audit changed an output"),
    ],
)
def test_a_faulty_writer_is_found_out(tmp_path: Path, fault: str, complaint: str) -> None:
    """A writer that breaks a promise fails the check, which says which one."""
    with pytest.raises(AssertionError, match=complaint):
        check_writer(lambda path: Faulty(path, fault), read_json, tmp_path)
