"""A folder of Parquet files held against the spots of its batches."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .._errors import OutputError
from .place import CURE
from .spot import Spot, checksum
from .target import check_file, occupied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from .._model import Json
    from .kinds import Row
    from .shards import Shards


def check_folder(folder: Path, shards: Shards, *, overwrite: bool) -> None:
    """Look whether a new crawl can write to *folder*.

    Raises:
        OutputError: it can't, or it holds something and is not to be overwritten; or something
            that this library did not put there.
    """
    if not folder.is_dir():
        check_file(folder, overwrite=overwrite)
        return
    found = set(folder.iterdir())
    if found and not overwrite:
        raise OutputError(occupied(folder))
    if foreign := found - set(shards.ours()):
        raise OutputError(
            f"{folder} holds what no crawl put there ({min(foreign).name}); name another folder"
        )


def check_spot(folder: Path, shards: Shards, spot: Spot) -> None:
    """Look whether *folder* is, up to *spot*, as it was written; of its batches, the last.

    Raises:
        OutputError: it is not, or can't be read.
    """
    for number in range(1, spot.part):
        if not shards.part(number).is_file():
            raise OutputError(f"{shards.part(number)} is gone, and the state has rows in it; {CURE}")
    if not spot.rows:
        return
    if not shards.part(spot.part).is_file() and not shards.spool(spot.part).is_file():
        raise OutputError(f"{shards.part(spot.part)} is gone, and the state has rows in it; {CURE}")
    rows = list(islice(shards.rows_in(spot.part, spot.rows - spot.batch), spot.batch))
    if len(rows) < spot.batch:
        raise OutputError(f"{folder} has fewer rows than were written; {CURE}")
    if checksum(rows) != spot.sum:
        raise OutputError(f"{folder} was changed: its last rows are not those that were written; {CURE}")


def audit_folder(
    shards: Shards, positions: Mapping[int, Json], rows: Mapping[int, int], total: int, *, finished: bool
) -> list[str]:
    """Return how the files differ from what was written.

    Args:
        shards: the files.
        positions: what `write` returned, by the number of the batch in the state.
        rows: by that number, the rows that they should have of it; empty if that is not known.
        total: the rows that they should have in all.
        finished: whether nothing may stand behind the last batch.

    Raises:
        OutputError: a file can't be read, or is nothing that the positions are of.
    """
    by_part: dict[int, dict[int, Spot]] = {}
    last = Spot()
    for number in sorted(positions):
        spot = Spot.of(positions[number]) or Spot()
        if (spot.part, spot.rows) != (last.part, last.rows):
            by_part.setdefault(spot.part, {})[number] = spot
        last = spot
    problems: list[str] = []
    found = 0
    for part, spots in by_part.items():
        found += sum(spot.batch for spot in spots.values())
        whole = finished or part != last.part
        problems += [
            f"part {part}: {problem}" for problem in _audit_part(shards, part, spots, rows, whole=whole)
        ]
    if finished:
        paths = sorted(path.name for path, number in shards.ours().items() if number > last.part)
        problems += [f"{name} is foreign" for name in paths]
    if not problems and found != total:
        problems.append(f"it has {found:,} rows, and its pages in the state {total:,}")
    return problems


def _audit_part(
    shards: Shards, part: int, spots: Mapping[int, Spot], rows: Mapping[int, int], *, whole: bool
) -> Iterator[str]:
    if not shards.part(part).is_file() and not shards.spool(part).is_file():
        yield "it is gone"
        return
    stream: Iterator[Row] = shards.rows_in(part)
    end = 0
    for number, spot in spots.items():
        if spot.rows - spot.batch != end:
            yield f"batch {number} does not follow the one before it: the state lacks a batch"
        if checksum(list(islice(stream, spot.batch))) != spot.sum:
            yield f"the rows of batch {number} are not those that were written"
        if rows and rows.get(number, 0) != spot.batch:
            said = rows.get(number, 0)
            yield f"batch {number} has {spot.batch:,} rows, and its pages in the state {said:,}"
        end = spot.rows
    if whole and (behind := sum(1 for _ in stream)):
        yield f"{behind:,} rows are foreign: it should end after {end:,}"
