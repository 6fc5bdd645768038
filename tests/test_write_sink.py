"""Files of lines with arguments of their own: numbered, compressed, synced, safe for spreadsheets."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from write_support import written

from trio_crawl._errors import OutputError, UsageError
from trio_crawl._write.lines import Lines
from trio_crawl.testing._outcomes import page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_crawl._model import Outcome

HEADER = "source_url\tparsed_url\n"


def batches(count: int) -> list[list[Outcome]]:
    """Return batches of a page with a link each."""
    return [[page_of(f"http://a.test/{number}", [f"http://b.test/{number}"])] for number in range(count)]


def rows(*rows: Any) -> list[list[Outcome]]:  # noqa: ANN401 - what a parser may yield
    return [[page_of("http://a.test/", rows=rows)]]


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """The batch after the one that fills a file begins the next, under a header of its own."""
    written(Lines(tmp_path / "p-{n}.tsv", rotate=len(HEADER) + 1), batches(3))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"p-{number + 1}.tsv": f"{HEADER}http://a.test/{number}\thttp://b.test/{number}\n"
        for number in range(3)
    }


def test_a_file_grows_until_it_is_full(tmp_path: Path) -> None:
    """Below the size there is one file, with one header; that of users' rows is repeated in the next."""
    written(Lines(tmp_path / "p-{n}.tsv"), batches(3))
    assert (tmp_path / "p-1.tsv").read_text().count(HEADER) == 1
    writer = Lines(tmp_path / "r-{n}.csv", rotate=1)
    written(writer, rows({"x": 1, "y": 2}) + rows({"y": 3}), own_rows=True)
    assert (tmp_path / "r-2.csv").read_bytes() == b"x,y\r\n,3\r\n"


def test_going_on_removes_later_files(tmp_path: Path) -> None:
    """What was begun after the position is removed, and its rows are written again, once."""
    writer = Lines(tmp_path / "p-{n}.jsonl", rotate=1)
    positions = written(writer, batches(4))
    assert positions[2] == {**positions[2], "part": 2}  # type: ignore[dict-item] # it is a mapping
    (tmp_path / "p-9.jsonl").write_text("foreign")
    written(Lines(tmp_path / "p-{n}.jsonl", rotate=1), batches(4)[2:], positions[2])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"p-{number}.jsonl" for number in (1, 2, 3, 4, 9)]
    urls = [json.loads((tmp_path / f"p-{number}.jsonl").read_text())["url"] for number in (1, 2, 3, 4)]
    assert urls == [f"http://a.test/{number}" for number in range(4)]


def test_a_foreign_file_in_the_way_is_not_written_over(tmp_path: Path) -> None:
    """A file that somebody else made where the next one should be ends the crawl with an OutputError."""
    writer = Lines(tmp_path / "p-{n}.tsv", rotate=1)
    positions = written(writer, batches(1))
    (tmp_path / "p-3.tsv").write_text("precious")
    with pytest.raises(OutputError, match="p-3.tsv exists and is not empty"):
        written(writer, batches(3), positions[-1])
    assert (tmp_path / "p-3.tsv").read_text() == "precious"


def test_overwriting_a_template_removes_all_its_files(tmp_path: Path) -> None:
    """No file of an earlier crawl stands behind those of the new one."""
    for number in (1, 2, 8):
        (tmp_path / f"p-{number}.tsv").write_text("old")
    written(Lines(tmp_path / "p-{n}.tsv", overwrite=True), batches(1))
    assert [path.name for path in tmp_path.iterdir()] == ["p-1.tsv"]


def test_a_cut_at_the_end_of_a_batch_leaves_a_valid_file(tmp_path: Path) -> None:
    """Up to each position a compressed file is whole: its header and the rows of its batches."""
    path = tmp_path / "x.tsv.gz"
    positions = written(Lines(path), batches(3))
    data = path.read_bytes()
    for number, position in enumerate(positions):
        assert isinstance(position, dict)
        size = position["bytes"]
        assert isinstance(size, int)
        if size:
            assert gzip.decompress(data[:size]).decode().count("\n") == number + 1
    assert data[:2] == b"\x1f\x8b"


def test_a_numbered_file_may_be_compressed(tmp_path: Path) -> None:
    """Each part begins with a header inside its first member; its size is counted as it is on the disk."""
    written(Lines(tmp_path / "p-{n}.csv.gz", rotate=60), batches(4))
    first = gzip.decompress((tmp_path / "p-1.csv.gz").read_bytes())
    second = gzip.decompress((tmp_path / "p-2.csv.gz").read_bytes())
    assert first.startswith(b"source_url,parsed_url\r\n")
    assert second.startswith(b"source_url,parsed_url\r\n")


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r", "\n"])
@pytest.mark.parametrize("form", ["tsv", "csv"])
def test_a_cell_that_would_be_a_formula(tmp_path: Path, form: str, lead: str) -> None:
    """On request it begins with an apostrophe, in the header too; numbers stay as they are."""
    row = {"text": f"{lead}1+2", "number": -3, "plain": "a=b", f"{lead}name": None}
    path = tmp_path / f"x.{form}"
    written(Lines(path, safe_cells=True), rows(row), own_rows=True)
    text = path.read_bytes().decode()
    if form == "tsv":
        header, cells = [line.split("\t") for line in text.splitlines()]
        shown = lead.replace("\t", r"\t").replace("\r", r"\r").replace("\n", r"\n")
    else:
        header, cells = csv.reader(text.splitlines(keepends=True))
        shown = lead
    assert cells == [f"'{shown}1+2", "-3", "a=b", ""]
    assert header[3] == f"'{shown}name"


def test_without_the_request_a_cell_is_what_it_is(tmp_path: Path) -> None:
    """By itself nothing is changed."""
    written(Lines(tmp_path / "x.csv"), rows({"text": "=1+2"}), own_rows=True)
    assert (tmp_path / "x.csv").read_text().splitlines() == ["text", "=1+2"]


def test_a_synced_file_is_on_the_disk_after_each_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``sync`` the system is asked to make each batch durable, and the names of new files."""
    asked: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        asked.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    written(Lines(tmp_path / "p-{n}.tsv", rotate=1), batches(2))
    assert asked == []
    written(Lines(tmp_path / "q-{n}.tsv", rotate=1, sync=True), batches(2))
    assert asked == [tmp_path.name, "q-1.tsv", tmp_path.name, "q-2.tsv"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"path": "x.tsv", "rotate": 5}, "rotate= needs a name for each file, such as 'pages-{n}.jsonl'"),
        ({"path": "x-{n}.tsv", "rotate": 0}, "rotate= is 0"),
        ({"path": "-", "compression": "gzip"}, "pipe it through gzip"),
        ({"path": "x.jsonl", "safe_cells": True}, "JSON has no cells"),
        ({"path": "x.jsonl", "compression": "lzma"}, "there is no compression 'lzma'"),
    ],
)
def test_arguments_that_do_not_go_together(arguments: dict[str, Any], why: str) -> None:
    """They are refused when the writer is made."""
    with pytest.raises(UsageError) as caught:
        Lines(**arguments)
    assert why in str(caught.value)


def test_damage_in_numbered_and_compressed_files_is_found(tmp_path: Path) -> None:
    """An audit reads every part, unpacked, and names the file."""
    writer = Lines(tmp_path / "p-{n}.csv.gz", rotate=1)
    positions = written(writer, batches(3))

    def audit(total: int = 3) -> Sequence[str]:
        counts = {1: 1, 2: 1, 3: 1}
        return writer.audit(dict(enumerate(positions)), counts, total, finished=True)

    assert audit() == []
    assert audit(4) == ["it has 3 rows, and its pages in the state 4"]
    path = tmp_path / "p-2.csv.gz"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert [problem.split(":")[0] for problem in audit()] == ["p-2.csv.gz"]
    path.unlink()
    assert "p-2.csv.gz: it is gone" in audit()[0]
    path.write_bytes(data)
    (tmp_path / "p-4.csv.gz").write_bytes(data)
    assert audit() == ["p-4.csv.gz is foreign: p-3.csv.gz should be the last"]
