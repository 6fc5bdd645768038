"""The public outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_crawl import writers

if TYPE_CHECKING:
    from trio_crawl.abc import Writer


def test_what_is_public_is_a_writer() -> None:
    """Everything that the module exports is a writer, known by its methods."""
    assert writers.__all__ == ["Lines", "Parquet", "Sqlite"]
    writer: Writer[str] = writers.Lines("x.tsv")
    assert writer.name == "x.tsv"
