"""Rows counted batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trio_crawl._write.counting import miscounted
from trio_crawl._write.place import Place

if TYPE_CHECKING:
    from pathlib import Path


def lines(data: bytes) -> int:
    return data.count(b"\n")


@pytest.mark.parametrize(
    ("rows", "total", "problems"),
    [
        ({1: 2, 2: 0, 3: 1}, 3, []),
        ({}, 3, []),
        ({1: 2, 2: 0, 3: 2}, 4, ["batch 3 has 1 lines, and should have 2"]),
        ({1: 2, 2: 1, 3: 1}, 4, ["batch 2 has 0 lines, and should have 1"]),
        ({}, 4, ["it has 3 lines, and its pages in the state 4"]),
    ],
)
def test_batches_are_counted(tmp_path: Path, rows: dict[int, int], total: int, problems: list[str]) -> None:
    """Each by itself, where that is known, and all together; one of other outputs has none."""
    path = tmp_path / "x"
    path.write_bytes(b"a\nb\nc\n")
    first, last = Place(bytes=4, batch=4), Place(bytes=6, batch=2)
    ends = {1: (path, first), 2: (path, first), 3: (path, last)}
    assert miscounted(ends, rows, total, lines, "lines") == problems


def test_a_place_where_nothing_was_written_has_nothing(tmp_path: Path) -> None:
    """The file need not be there."""
    assert miscounted({1: (tmp_path / "none", Place())}, {1: 0}, 0, lines, "lines") == []
