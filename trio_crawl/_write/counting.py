"""The rows of an output counted batch by batch, where its bytes are as they were written."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from .place import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Ends: TypeAlias = "Mapping[int, tuple[Path, Place]]"
"""By the number of each batch, the file that it is in, and where it ends there."""


def miscounted(
    ends: Ends, rows: Mapping[int, int], total: int, count: Callable[[bytes], int], what: str
) -> list[str]:
    """Return in words which batches have not the rows that they should have; and all of them together.

    Args:
        ends: of the batches.
        rows: by the number of the batch, how many it should have; empty if that is not known.
        total: how many there should be in all.
        count: tells how many the bytes of a batch have.
        what: rows are called here.
    """
    problems: list[str] = []
    before: tuple[Path, Place] | None = None
    counted = 0
    for number in sorted(ends):
        path, place = ends[number]
        # A batch that was of other outputs only has the end of the one before it.
        new = ends[number] != before and place != Place()
        before = ends[number]
        found = count(_bytes_of(path, place)) if new else 0
        counted += found
        if rows and found != rows.get(number, 0):
            problems.append(f"batch {number} has {found:,} {what}, and should have {rows.get(number, 0):,}")
    if not problems and counted != total:
        problems.append(f"it has {counted:,} {what}, and its pages in the state {total:,}")
    return problems


def _bytes_of(path: Path, place: Place) -> bytes:
    with path.open("rb") as file:
        file.seek(place.bytes - place.batch)
        return file.read(place.batch)
