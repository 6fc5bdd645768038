"""The rows of outputs of every format, read as others would read them, up to a position or all."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import parquet

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def rows_in(folder: Path, name: str, position: Any = None) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    """Return the rows of an output, up to a position if there is one.

    Raises:
        ValueError: it is not whole.
    """
    path = folder / name
    if name == "pages.sqlite":
        return _rows_of_database(path, position)
    if name == "pages.parquet":
        return _rows_of_parquet(path, position)
    if name == "part-{n}.csv":
        return _rows_of_parts(folder, position)
    end = None if position is None else position["bytes"]
    data = path.read_bytes()
    assert len(data) >= (end or 0), f"{name} is shorter than its position"
    unpack = {".gz": gzip.decompress, ".zst": zstd.decompress}.get(path.suffix)
    return rows_of(unpack(data[:end]) if unpack and data[:end] else data[:end], name)


def _rows_of_parts(folder: Path, position: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    rows: list[tuple[str, str]] = []
    for number in count(1):
        path = folder / f"part-{number}.csv"
        if not path.exists() or (position is not None and number > position["part"]):
            return rows
        last = position is not None and number == position["part"]
        rows += rows_of(path.read_bytes()[: position["bytes"] if last else None], path.name)
    raise AssertionError


def _rows_of_database(path: Path, position: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    last = {} if position is None else {name: extent[1] for name, extent in position["tables"].items()}
    with tempfile.TemporaryDirectory() as name:
        for file in path.parent.glob(path.name + "*"):
            shutil.copy(file, name)
        with closing(sqlite3.connect(Path(name) / path.name)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            db.row_factory = sqlite3.Row
            tables = {name for (name,) in db.execute("SELECT name FROM trio_crawl_tables")}
            rows: list[tuple[str, str]] = []
            for table, key in (
                ((name, "_id") for name in tables) if tables else (("pages", "id"), ("failures", "id"))
            ):
                end = last.get(table, 0) if position is not None else 2**62
                found = db.execute(f"SELECT * FROM {table} WHERE {key} <= ?", (end,)).fetchall()  # noqa: S608 - ours
                for row in found:
                    told = dict(row)
                    told.pop("_page", None)
                    told.pop("message", None)
                    if table == "pages":
                        links = "SELECT url FROM links WHERE page = ? ORDER BY number"
                        told["links"] = [url for (url,) in db.execute(links, (told["id"],))]
                    del told[key]
                    rows.append(_told(told))
            return rows


def _rows_of_parquet(path: Path, position: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - JSON
    rows: list[dict[str, Any]] = []
    for number in count(1):
        part, spool = path / f"part-{number:05}.parquet", path / f"_rows-{number:05}.arrows"
        end = None if position is None or number < position["part"] else position["rows"]
        if (end is not None and number > position["part"]) or not (part.exists() or spool.exists()):
            break
        if part.exists():
            rows += parquet.read_table(part).to_pylist()[:end]
        elif end is not None:
            with pa.OSFile(str(spool)) as file:
                found: list[dict[str, Any]] = []
                while file.tell() < position["bytes"]:
                    found += pa.ipc.open_stream(file).read_all().to_pylist()
                rows += found[:end]
    told = [{name: value for name, value in row.items() if name != "error_message"} for row in rows]
    return [_told(row) for row in told]


def rows_of(data: bytes, name: str) -> list[tuple[str, str]]:
    """Return the rows of an output, each as the page's URL and all that is the same in each crawl.

    Raises:
        ValueError: it is not whole.
    """
    text = data.decode()
    if not text:
        return []
    if not text.endswith("\n"):
        raise ValueError(f"{name} ends in the middle of a line")
    if ".jsonl" in name:
        return [_told(json.loads(line)) for line in text.splitlines()]
    dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if ".tsv" in name else {}
    table = list(csv.reader(io.StringIO(text, newline=""), strict=True, **dialect))  # type: ignore[arg-type]
    if any(row == table[0] for row in table[1:]) or any(len(row) != len(table[0]) for row in table):
        raise ValueError(f"{name} has its header twice, or rows of another width")
    return [(row[0], "\t".join(row)) for row in table[1:]]


_BY_CHANCE: Final = {"fetched_at", "elapsed", "referrer", "depth", "attempts"}


def _told(row: dict[str, Any]) -> tuple[str, str]:
    # Who linked to a page first, and how deep it is, is the network's chance.
    kept = {name: value for name, value in row.items() if name not in _BY_CHANCE}
    if "error" in kept:
        kept["error"] = kept["error"]["kind"]
    return row["url"], json.dumps(kept, sort_keys=True, default=str)
