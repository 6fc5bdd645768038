"""Parquet files in a folder, read by pandas and DuckDB."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
import trio
from pyarrow import parquet
from write_support import environment, written

from trio_crawl._errors import OutputError, RowError, UsageError
from trio_crawl._write.choose import choose
from trio_crawl.testing._outcomes import failure_of, page_of, pages
from trio_crawl.writers import Parquet

if TYPE_CHECKING:
    from trio_crawl._model import Outcome


def rows(*rows: Any) -> list[list[Outcome]]:  # noqa: ANN401 - what a parser may yield
    return [[page_of("http://a.test/", rows=rows)]]


def table_of(path: Path) -> pa.Table:
    return pa.concat_tables([parquet.read_table(part) for part in sorted(path.glob("*.parquet"))])


@dataclass
class Quote:
    text: str
    tags: list[str]


def test_pages_and_failures_have_typed_columns(tmp_path: Path) -> None:
    """Without a parser a row is a page or a failure, and DuckDB and pandas read the same of it."""
    path = tmp_path / "pages.parquet"
    written(Parquet(path), [pages()])
    found = duckdb.sql(f"SELECT url, status, len(links), error_kind FROM '{path}/*.parquet'").fetchall()  # noqa: S608
    assert found[:3] == [
        ("http://site.test/", 200, 0, None),
        ("http://site.test/one", 200, 9, None),
        ("http://site.test/failed", None, None, "connect"),
    ]
    frame = pd.read_parquet(path)
    assert list(frame["url"]) == [url for url, *_ in found]
    assert str(frame["fetched_at"].dtype) == "datetime64[us, UTC]"
    assert frame["fetched_at"][0] == pd.Timestamp("2026-01-02T03:04:05Z")
    schema = parquet.read_schema(path / "part-00001.parquet")
    assert str(schema.field("bytes").type) == "int64"
    assert str(schema.field("elapsed").type) == "double"
    assert pa.types.is_list(schema.field("links").type)


ROW = {
    "none": None,
    "flag": True,
    "number": -(2**63),
    "part": 1.5,
    "text": "ü \ud800",
    "bytes": b"\x00\xff",
    "moment": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))),
    "naive": datetime(1969, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001 - that is what is meant
    "day": date(1960, 2, 29),
    "time": time(3, 4, 5, 6),
    "span": timedelta(milliseconds=1500),
    "decimal": Decimal("1.50"),
    "list": ["a", None, "b"],
    "days": [date(2026, 1, 2)],
    "nested": {"a": [1, {"b": None}]},
}


def test_values_keep_their_types(tmp_path: Path) -> None:
    """Each kind of value has a type of its own, and comes back as it was."""
    path = tmp_path / "x.parquet"
    written(Parquet(path), rows(ROW, dict.fromkeys(ROW)), own_rows=True)
    back, empty = table_of(path).to_pylist()
    assert back == {
        **ROW,
        "text": "ü \\ud800",
        "span": 1.5,
        "decimal": "1.50",
        "nested": '{"a":[1,{"b":null}]}',
        "moment": datetime(2026, 1, 2, 1, 4, 5, 6, tzinfo=UTC),
    }
    assert set(empty.values()) == {None}


def test_parts_have_one_schema(tmp_path: Path) -> None:
    """What a column holds is settled when the first part is written; where all is None it is text."""
    path = tmp_path / "x.parquet"
    batches = [*rows({"a": None, "b": None}), *rows({"a": None, "b": 1}), *rows({"a": "x", "b": None})]
    positions = written(Parquet(path, part_size=1), batches, own_rows=True)
    names = sorted(part.name for part in path.iterdir())
    assert names == [f"part-0000{number}.parquet" for number in (1, 2, 3)]
    schemas = {str(parquet.read_schema(path / name)) for name in names}
    assert len(schemas) == 1
    assert [str(column.type) for column in parquet.read_schema(path / names[0])] == ["string", "int64"]
    found = duckdb.read_parquet(f"{path}/*.parquet").fetchall()
    assert found == [(None, None), (None, 1), ("x", None)]
    written(Parquet(path, part_size=1), rows({"a": "y", "b": None}), positions[-1], own_rows=True)
    assert table_of(path).num_rows == 4


def test_large_parts_have_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is written in groups, so that neither who writes nor who reads holds all of it."""
    monkeypatch.setattr("trio_crawl._write.shards.GROUP_ROWS", 10)
    path = tmp_path / "x.parquet"
    written(Parquet(path), rows(*({"a": number} for number in range(25))) * 2, own_rows=True)
    metadata = parquet.ParquetFile(path / "part-00001.parquet").metadata
    assert metadata.num_rows == 50
    assert metadata.num_row_groups >= 5
    assert table_of(path)["a"].to_pylist() == [*range(25), *range(25)]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ({"a": 1}, {"a": "x"}, "the field 'a' is of type str, and its column is of type int"),
        ({"a": 1}, {"a": 1.5}, "the field 'a' is of type float, and its column is of type int"),
        ({"a": 1.5}, {"a": 2**60}, "the field 'a' is of type int, and its column is of type float"),
        ({"a": ["x"]}, {"a": [1]}, "the field 'a' is a list of int, and its column is a list of str"),
        ({"a": True}, {"a": 1}, "the field 'a' is of type int"),
        ({"a": 1}, {"b": 1}, "the field 'b' has no column; the columns are a"),
        ({"a": 1}, {"a": 2**63}, "the field 'a' can't be written: it has more than 64 bits"),
        ({"a": 1}, {"a": object()}, "the field 'a' can't be written"),
        ({"a": None}, {"a": time(1, tzinfo=UTC)}, "the field 'a' can't be written"),
    ],
)
def test_rows_that_do_not_go_together(tmp_path: Path, first: object, second: object, why: str) -> None:
    """A row that a column can't hold is named, with its page and the field; nothing is turned silently."""
    with pytest.raises(RowError) as caught:
        written(Parquet(tmp_path / "x.parquet"), rows(first, second), own_rows=True)
    assert str(caught.value).startswith("row 2 of http://a.test/: ")
    assert why in str(caught.value)


def test_whole_numbers_go_into_a_column_of_floats(tmp_path: Path) -> None:
    """Alone, and in lists; an empty list goes into any column of lists."""
    path = tmp_path / "x.parquet"
    found = [
        {"a": 1.5, "b": [1.5], "c": []},
        {"a": 2, "b": [], "c": ["x"]},
        {"a": None, "b": [2, None], "c": []},
    ]
    written(Parquet(path), rows(*found), own_rows=True)
    assert table_of(path).to_pylist() == found


def test_columns_may_be_named(tmp_path: Path) -> None:
    """With ``columns`` their types and their order are known before the first row."""
    path = tmp_path / "x.parquet"
    columns = {"price": float, "tags": list[str], "seen": datetime}
    found = rows({"price": 3}, Quote("q", []))
    with pytest.raises(RowError, match="the field 'text' has no column; the columns are price, tags, seen"):
        written(Parquet(path, columns=columns), found, own_rows=True)
    written(Parquet(path, columns=columns), rows({"tags": [], "price": 3}), own_rows=True)
    schema = table_of(path).schema
    assert str(schema.field("price").type) == "double"
    assert schema.names == list(columns)
    with pytest.raises(UsageError, match="columns= has <class 'complex'> for 'a'; it takes bool, int"):
        Parquet(path, columns={"a": complex})


def test_what_a_kill_leaves(tmp_path: Path) -> None:
    """Rows that are no part yet stand beside the parts, passed over by readers; going on finishes them."""
    path = tmp_path / "x.parquet"
    code = (
        "import os, sys, trio; from pathlib import Path; from write_support import environment\n"
        "from trio_crawl.testing._outcomes import pages; from trio_crawl.writers import Parquet\n"
        "import json\n"
        "async def main():\n"
        "    writer = Parquet(sys.argv[1])\n"
        "    async with trio.open_nursery() as nursery, writer.open(environment(nursery)):\n"
        "        position = await writer.write([writer.encode(page) for page in pages()])\n"
        "        print(json.dumps(position), flush=True)\n"
        "        os._exit(9)\n"
        "trio.run(main)\n"
    )
    killed = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    assert killed.returncode == 9, killed.stderr
    assert [file.name for file in path.iterdir()] == ["_rows-00001.arrows"]
    position = json.loads(killed.stdout)
    written(Parquet(path), [[failure_of("http://late.test/")]], position)
    assert [file.name for file in path.iterdir()] == ["part-00001.parquet"]
    assert table_of(path)["url"].to_pylist()[-2:] == ["http://site.test/four", "http://late.test/"]


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    """It is replaced on request; unless it has something that no crawl put there."""
    path = tmp_path / "x.parquet"
    written(Parquet(path), [pages()])
    with pytest.raises(OutputError, match="exists and is not empty"):
        written(Parquet(path), [pages()])
    written(Parquet(path, overwrite=True), [[page_of("http://a.test/")]])
    assert table_of(path).num_rows == 1
    (path / "mine.txt").write_text("precious")
    with pytest.raises(OutputError, match=r"holds what no crawl put there \(mine.txt\)"):
        written(Parquet(path, overwrite=True), [pages()])
    assert (path / "mine.txt").read_text() == "precious"
    (tmp_path / "y.parquet").write_text("a file")
    with pytest.raises(OutputError, match="exists and is not empty"):
        Parquet(tmp_path / "y.parquet").check()


def test_what_was_changed_is_refused_and_found(tmp_path: Path) -> None:
    """A part that is gone, shorter or other than it was written is refused, and named by an audit."""
    path = tmp_path / "x.parquet"
    batches: list[list[Outcome]] = [[page_of(f"http://{name}.test/")] for name in "abc"]
    positions = written(Parquet(path, part_size=1), batches)

    def audit() -> list[str]:
        counts = {1: 1, 2: 1, 3: 1}
        return Parquet(path).audit(dict(enumerate(positions)), counts, 3, finished=True)

    assert audit() == []
    third, second = path / "part-00003.parquet", path / "part-00002.parquet"
    whole = third.read_bytes()
    second_whole = second.read_bytes()
    for data, words in ((second_whole, "was changed"), (whole[:-9], "can't be read"), (b"", "can't be read")):
        third.write_bytes(data)
        with pytest.raises(OutputError, match=words):
            Parquet(path).check(positions[-1])
    third.write_bytes(second_whole)
    assert audit() == ["part 3: the rows of batch 3 are not those that were written"]
    third.unlink()
    with pytest.raises(OutputError, match="part-00003.parquet is gone"):
        Parquet(path).check(positions[-1])
    assert audit() == ["part 3: it is gone"]
    third.write_bytes(whole)
    second.unlink()
    with pytest.raises(OutputError, match="part-00002.parquet is gone"):
        Parquet(path).check(positions[-1])
    second.write_bytes(second_whole)
    (path / "part-00004.parquet").write_bytes(whole)
    assert audit() == ["part-00004.parquet is foreign"]


def test_its_suffix_and_its_arguments() -> None:
    """A path that ends in ``.parquet`` is one; standard output and parts of nothing can't be."""
    (writer,) = choose("x.parquet", overwrite=True)
    assert isinstance(writer, Parquet)
    assert (writer.name, writer.prompt, writer.rows) == ("x.parquet", False, 0)
    with pytest.raises(UsageError, match="can't go to standard output"):
        Parquet("-")
    with pytest.raises(UsageError, match="part_size= is 0"):
        Parquet("x.parquet", part_size=0)
    with pytest.raises(OutputError, match="is no position in Parquet files"):
        Parquet("x.parquet").check({"bytes": 3})


def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path) -> None:
    """The package is needed when such a writer is made, and not before."""
    (tmp_path / "pyarrow.py").write_text("raise ImportError('gone')")
    code = "import trio_crawl.writers as w\ntry: w.Parquet('x.parquet')\nexcept ImportError as e: print(e)"
    found = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{code}"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "pip install 'trio-crawl[parquet]'" in found.stdout


def test_a_cancelled_crawl_leaves_parts(tmp_path: Path) -> None:
    """Whether it is cancelled or fails: the rows that were written are a part, without a state as well."""

    async def crawl(name: str, how: str) -> None:
        writer = Parquet(tmp_path / name)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery, writer.open(environment(nursery)):
                await writer.write([block for outcome in pages() if (block := writer.encode(outcome))])
                if how == "cancelled in it":
                    scope.cancel(reason="a test")
                    await trio.lowlevel.checkpoint()
                elif how == "cancelled at its end":
                    scope.cancel(reason="a test")
                elif how == "fails":
                    raise ValueError("a bug")

    for number, how in enumerate(("cancelled in it", "cancelled at its end", "fails")):
        name = f"{number}.parquet"
        if how == "fails":
            with pytest.RaisesGroup(ValueError):
                trio.run(crawl, name, how)
        else:
            trio.run(crawl, name, how)
        assert [file.name for file in (tmp_path / name).iterdir()] == ["part-00001.parquet"]
        assert table_of(tmp_path / name).num_rows == 6
