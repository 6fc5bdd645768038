"""The public outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trio_crawl import writers

if TYPE_CHECKING:
    from trio_crawl.abc import Writer


def test_what_is_public_is_a_writer() -> None:
    """Everything that the module exports is a writer, known by its methods."""
    assert writers.__all__ == ["Call", "Files", "Lines", "Parquet", "Sqlite", "Warc"]
    made: list[Writer[Any]] = [
        writers.Call(print),
        writers.Files("x/"),
        writers.Lines("x.tsv"),
        writers.Parquet("x.parquet"),
        writers.Sqlite("x.sqlite"),
        writers.Warc("x.warc.gz"),
    ]
    assert [writer.name for writer in made] == ["print", "x/", "x.tsv", "x.parquet", "x.sqlite", "x.warc.gz"]


def test_what_is_written_to_a_file_or_a_folder_has_a_path() -> None:
    """It is that of the file or folder that was named."""
    files = [writers.Files("x").path, writers.Lines("x", format="tsv").path, writers.Parquet("x").path]
    files += [writers.Sqlite("x").path, writers.Warc("x.warc").path.with_suffix("")]
    assert {None if path is None else path.name for path in files} == {"x"}
