"""A folder of Parquet files: finished parts, and a file of the rows that came since; all of it blocks.

A Parquet file can't be added to. So rows are appended to a *spool*, batch by batch, each
a stream in Arrow's format that stands for itself; and when there are enough of them, or
the crawl ends, the spool becomes a part. The last part that counts may have to lose rows
when a crawl goes on: then it is written anew, and the next one begins.
"""

from __future__ import annotations

import io
import os
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, final

import trio

from .._errors import OutputError
from .arrow import ArrowRows, packages
from .slices import check_cancelled
from .spot import Spot
from .target import hold_folder, occupied, require_free, sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from .._holds import Hold
    from .kinds import Block, Kind, Row

GROUP_ROWS: Final = 100_000
"""Rows of a row group, at most; readers take one as the unit of parallel work."""
GROUP_BYTES: Final = 16 * 1024 * 1024
"""Bytes of rows, in memory, after which a row group ends before that."""

_NUMBER: Final = re.compile(r"(?:part-(\d{5,})\.parquet|_rows-(\d{5,})\.arrows|_part-\d{5,}\.tmp)")


@final
class Shards:
    """The files in one folder.

    Args:
        folder: where they are.
        part_size: bytes of a spool from which on it becomes a part.
        sync: whether a batch survives a loss of power once it is written.
    """

    def __init__(self, folder: Path, *, part_size: int, sync: bool) -> None:
        self._folder = folder
        self._part_size = part_size
        self._sync = sync
        self._arrow, self._parquet = packages()
        self._format = ArrowRows()
        self._spool: io.FileIO | None = None
        self._hold: Hold | None = None
        self._spot = Spot()
        self._opened = False

    def part(self, number: int) -> Path:
        """Return the path of a finished part."""
        return self._folder / f"part-{number:05}.parquet"

    def spool(self, number: int) -> Path:
        """Return the path of the rows that become that part."""
        return self._folder / f"_rows-{number:05}.arrows"

    def _draft(self, number: int) -> Path:
        return self._folder / f"_part-{number:05}.tmp"

    def ours(self) -> dict[Path, int]:
        """Return the files in the folder that are named as ours, with their numbers; 0 for drafts."""
        if not self._folder.is_dir():
            return {}
        found = ((path, _NUMBER.fullmatch(path.name)) for path in self._folder.iterdir())
        return {path: int(match[1] or match[2] or 0) for path, match in found if match}

    def parts(self) -> list[Path]:
        """Return the finished parts, in order."""
        return sorted(path for path in self.ours() if path.suffix == ".parquet")

    # Written

    def open(self, overwrite: bool, spot: Spot | None) -> Mapping[str, Kind]:  # noqa: FBT001 - a thread's function takes no keywords
        """Open the folder at *spot*, and remove what is behind; or anew, if there is no spot.

        Returns:
            The columns that there are.

        Raises:
            OutputError: it can't be opened.
        """
        try:
            if spot is None and not overwrite and self._is_occupied():
                # It appeared after the check.
                raise OutputError(occupied(self._folder))
            if not self._folder.is_dir():
                require_free([self._folder])
                self._folder.unlink(missing_ok=True)
                self._folder.mkdir()
            self._hold = hold_folder(self._folder)
            if spot is None and not overwrite and self._is_occupied():
                raise OutputError(occupied(self._folder))
            self._spot = self._cut_back(spot or Spot())
        except OSError as error:
            raise OutputError(f"{self._folder} can't be opened: {error.strerror}") from error
        if self._sync:
            sync_folder(self._folder.parent)
        self._opened = True
        parts = self.parts()
        return self._format.kinds_in(self._parquet.read_schema(parts[-1])) if parts else self._spot.kinds

    def _is_occupied(self) -> bool:
        if self._folder.is_dir():
            return any(self._folder.iterdir())
        return self._folder.exists() and self._folder.stat().st_size > 0

    @property
    def full(self) -> bool:
        """Whether the next batch makes a part of those before it."""
        return self._spot.bytes >= self._part_size

    def append(self, blocks: Sequence[Block], kinds: Mapping[str, Kind]) -> Spot:
        """Add the rows of *blocks*, and return the spot after them.

        Args:
            blocks: the rows of each outcome.
            kinds: the columns. Where it is `full`, they are those of all parts from now on.

        Raises:
            OSError: they could not be written. The spool was cut back.
        """
        rows = [row for block in blocks for row in block.rows]
        if not rows:
            return self._spot
        if not self._opened:
            raise trio.ClosedResourceError("the output is not open")
        if self._hold is not None:
            self._hold.require()
        if self.full:
            self.finish(kinds)
        data = self._format.stream_of(rows, kinds)
        if self._spool is None:
            self._spool = io.FileIO(self.spool(self._spot.part), "a")
            if self._sync:
                sync_folder(self._folder)
        try:
            _write_all(self._spool, data)
            if self._sync:
                os.fsync(self._spool.fileno())
        except OSError as error:
            error.add_note(f"while writing {self.spool(self._spot.part)}: it was cut back to its last batch")
            self._spool.truncate(self._spot.bytes)
            raise
        self._spot = self._spot.after(rows, len(data), kinds)
        return self._spot

    def finish(self, kinds: Mapping[str, Kind]) -> None:
        """Make a part of the spool, if it has rows; the next batch begins another."""
        if self._hold is not None and self._hold.foreign:
            return  # a child that was forked meanwhile
        self._close_spool()
        number = self._spot.part
        if not self._opened or not self._spot.rows:
            return
        self._write_part(number, self._tables(self.spool(number), kinds))
        self.spool(number).unlink()
        self._spot = self._spot.in_next_part()

    def close(self) -> None:
        """Close what is open; the rows stay where they are."""
        hold, self._hold = self._hold, None
        try:
            self._close_spool()
        finally:
            if hold is not None:
                hold.close()

    def _close_spool(self) -> None:
        spool, self._spool = self._spool, None
        if spool is not None:
            spool.close()

    def _cut_back(self, spot: Spot) -> Spot:
        """Remove what is behind *spot*, and return where writing goes on."""
        part, spool = self.part(spot.part), self.spool(spot.part)
        if part.exists() and spot.rows:
            self._shorten(spot)
            spool.unlink(missing_ok=True)
            spot = spot.in_next_part()
        elif spot.rows:
            os.truncate(spool, spot.bytes)
        for path, number in self.ours().items():
            if (
                number > spot.part
                or not number
                or (number == spot.part and not (spot.rows and path == spool))
            ):
                path.unlink()
        return spot

    def _shorten(self, spot: Spot) -> None:
        """Leave the first rows of a part."""
        with closing(self._parquet.ParquetFile(self.part(spot.part))) as file:
            if file.metadata.num_rows != spot.rows:
                batches = file.iter_batches(use_threads=False)
                self._write_part(spot.part, _first(batches, spot.rows, self._arrow))

    def _write_part(self, number: int, tables: Iterator[Any]) -> None:
        draft = self._draft(number)
        try:
            with io.FileIO(draft, "w") as file:
                first = next(tables)
                with self._parquet.ParquetWriter(file, first.schema, compression="zstd") as writer:
                    writer.write_table(first, row_group_size=GROUP_ROWS)
                    for table in tables:
                        writer.write_table(table, row_group_size=GROUP_ROWS)
                if self._sync:
                    os.fsync(file.fileno())
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError):
                error.add_note(f"while writing {self.part(number)}; its rows are in {self.spool(number)}")
            raise
        draft.replace(self.part(number))
        if self._sync:
            sync_folder(self._folder)

    # Read

    def rows_in(self, number: int, start: int = 0) -> Iterator[Row]:
        """Yield the rows of a part, finished or not, from row *start* on; of those before none is made.

        Raises:
            OutputError: it can't be read.
        """
        try:
            for table in self._batches_in(number):
                check_cancelled()
                skipped = min(start, table.num_rows)
                start -= skipped
                if skipped < table.num_rows:
                    yield from self._format.rows_of(table.slice(skipped))
        except (OSError, self._arrow.ArrowException) as error:
            raise OutputError(f"part {number} of {self._folder} can't be read: {error}") from error

    def _batches_in(self, number: int) -> Iterator[Any]:
        if not self.part(number).exists():
            yield from self._format.batches(self.spool(number))
            return
        with closing(self._parquet.ParquetFile(self.part(number))) as file:
            yield from file.iter_batches(use_threads=False)

    def _tables(self, spool: Path, kinds: Mapping[str, Kind]) -> Iterator[Any]:
        """Yield the rows of a spool in tables of the size of a row group, in the types of *kinds*."""
        schema = self._format.schema(kinds)
        gathered: list[Any] = []
        rows = size = 0
        for batch in self._format.batches(spool):
            gathered.append(batch.cast(schema))
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                yield self._arrow.concat_tables(gathered)
                gathered, rows, size = [], 0, 0
        if gathered:
            yield self._arrow.concat_tables(gathered)


def _write_all(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _first(batches: Iterator[Any], count: int, arrow: Any) -> Iterator[Any]:  # noqa: ANN401 - likewise
    for batch in batches:
        check_cancelled()
        if count <= 0:
            return
        yield arrow.Table.from_batches([batch]).slice(0, count)
        count -= batch.num_rows
