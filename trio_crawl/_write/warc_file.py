"""The files of an archive: one, or numbered ones, to which whole records are appended. It blocks."""

from __future__ import annotations

import io
import os
import re
import zlib
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any, Final, cast, final

import trio

from .._errors import OutputError, UsageError
from .place import Place
from .target import absolute, hold_open, require_free
from .warc_records import warcinfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .._holds import Hold
    from .._model import Json

SUFFIXES: Final = (".warc.gz", ".warc")

_LEVEL: Final = 6
_GZIP: Final = 31  # of zlib: a window of 32 KiB, in a header and trailer of gzip


@final
class Template:
    """The names of the files of an archive.

    Args:
        name: a path. With ``{n}`` in the file's name it stands for files that are
            numbered from 1 on.

    Raises:
        UsageError: ``{n}`` stands elsewhere, or more than once.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._path = absolute(name)
        self.numbered: bool = "{n}" in self._path.name
        if name.count("{n}") > 1 or ("{n}" in name and not self.numbered):
            raise UsageError(
                f"{name}: {{n}} numbers the files of one folder; give it once, in the file's name"
            )

    @property
    def around(self) -> tuple[str, str]:
        """What stands before and behind the number of a file."""
        before, _, behind = self._path.name.partition("{n}")
        return before, behind

    def found_paths(self) -> list[Path]:
        """Return the files that there are; none, where there is no such folder."""
        return [self.path(number) for number in self.found()] if self._path.parent.is_dir() else []

    def path(self, number: int) -> Path:
        """Return the path of one of the files."""
        return self._path.with_name(self._path.name.replace("{n}", str(number)))

    def found(self) -> list[int]:
        """Return the numbers of the files that there are, in order; 1 is that of a single one.

        Raises:
            OutputError: the folder can't be read.
        """
        if not self.numbered:
            return [1] if self._path.exists() else []
        before, _, behind = self._path.name.partition("{n}")
        pattern = re.compile(f"{re.escape(before)}([1-9][0-9]*){re.escape(behind)}")
        try:
            names = [path.name for path in self._path.parent.iterdir()]
        except OSError as error:
            raise OutputError(f"{self._path.parent} can't be read: {error.strerror}") from error
        return sorted(int(found[1]) for name in names if (found := pattern.fullmatch(name)))


def part_and_place(position: Json) -> tuple[int, Place] | None:
    """Return which file a position is in, and where; None for None.

    Raises:
        OutputError: it is no position in an archive.
    """
    if position is None:
        return None
    said = cast("Mapping[str, Any]", position)
    part = said.get("file") if isinstance(said, dict) else None
    if not isinstance(part, int) or part < 1:
        raise OutputError(f"{position!r} is no position in an archive: the state is damaged, or not its own")
    place = Place.of({name: value for name, value in said.items() if name != "file"})
    return part, place or Place()


def check(template: Template, position: Json, *, overwrite: bool) -> None:
    """Look whether the archive can be written, from *position* on if there is one; change nothing.

    Raises:
        OutputError: it can't, or what is up to *position* is not what was written.
    """
    at = part_and_place(position)
    if at is not None:
        part, place = at
        place.check(template.path(part))
        gone = [path for path in map(template.path, range(1, part)) if not path.is_file()]
        if gone:
            raise OutputError(f"{gone[0]} is gone, and the state has records in it; put it back")
        return
    first = template.path(1)
    if not first.parent.is_dir():
        raise OutputError(f"{first} can't be created: there is no folder {first.parent}; create it first")
    if not os.access(first.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{first} can't be created: the folder {first.parent} is not writable")
    for path in map(template.path, template.found()):
        if path.is_dir():
            raise OutputError(f"{path} is a folder; name a file in it")
        if path.stat().st_size and not overwrite:
            raise OutputError(_occupied(path))
        if not os.access(path, os.W_OK):
            raise OutputError(f"{path} can't be written: its permissions, or its file system's, forbid it")


@final
class ArchiveFile:
    """Appends records, each a gzip member of its own if they are to be compressed (annex D.2).

    Args:
        template: names the files.
        rotate: bytes from which on a numbered file is full.
        compress: whether records are compressed.
    """

    def __init__(self, template: Template, *, rotate: int, compress: bool) -> None:
        self._template = template
        self._rotate = rotate
        self._compress = compress
        self._raw: io.FileIO | None = None
        self._hold: Hold | None = None
        self._first: tuple[io.FileIO, Hold] | None = None
        self._part = 1
        self._place = Place()

    @property
    def position(self) -> Json:
        """The end of what was written."""
        return {"file": self._part, **cast("dict[str, Json]", self._place.to_json())}

    def open(self, overwrite: bool, position: Json) -> None:  # noqa: FBT001 - a thread's function takes no keywords
        """Open it at *position*, and cut off what is behind; or at its beginning, if there is none."""
        at = part_and_place(position)
        found = set(self._template.found())
        if at is None:
            stale = found - {1} if overwrite else set()
        else:
            self._part, self._place = at
            # Those that follow without a gap are of this crawl.
            stale = set(takewhile(found.__contains__, count(self._part + 1)))
        # All is held, or seen to be free, before anything of it is changed.
        if self._part > 1:
            self._first = self._held(1, "r")
        path = self._template.path(self._part)
        self._raw, self._hold = self._held(self._part, "r+" if self._place.bytes else "a")
        require_free(map(self._template.path, sorted(stale)))
        if at is not None:
            self._place.check(path)
        elif not overwrite:
            self._require_empty(self._raw, path)
        self._raw.truncate(self._place.bytes)
        self._raw.seek(self._place.bytes)
        # The last one goes first, so that a crawl that is killed here leaves no gap before others of them.
        for number in sorted(stale, reverse=True):
            self._unlink(number)

    def _unlink(self, number: int) -> None:
        path = self._template.path(number)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path} can't be removed: {error.strerror}") from error

    def _held(self, number: int, mode: str) -> tuple[io.FileIO, Hold]:
        path = self._template.path(number)
        raw = self._opened(path, mode)
        try:
            return raw, hold_open(raw.fileno(), path)
        except BaseException:
            raw.close()
            raise

    @staticmethod
    def _require_empty(raw: io.FileIO, path: Path) -> None:
        if os.fstat(raw.fileno()).st_size:
            raise OutputError(_occupied(path))

    @staticmethod
    def _opened(path: Path, mode: str) -> io.FileIO:
        try:
            return io.FileIO(path, mode)
        except OSError as error:
            raise OutputError(f"{path} can't be opened: {error.strerror}") from error

    def append(self, records: Sequence[bytes], date: str) -> Json:
        """Write *records*, and return the position after them.

        Args:
            records: whole ones.
            date: of the first of them, which a file that begins with it has, too.

        Raises:
            OSError: they could not be written. A note says what the file holds now.
        """
        if not records:
            return self.position
        if self._raw is None:
            raise trio.ClosedResourceError(f"{self._template.name} is not open")
        if self._hold is not None:
            self._hold.require()
        if self._template.numbered and self._place.bytes >= self._rotate:
            if self._part == 1 and self._hold is not None:
                self._first, self._raw, self._hold = (self._raw, self._hold), None, None
            self._close_part()
            self._part, self._place = self._part + 1, Place()
            self._raw, self._hold = self._held(self._part, "a")
            self._require_empty(self._raw, self._template.path(self._part))
        first = [] if self._place.bytes else [warcinfo(self._template.path(self._part).name, date).data]
        data = b"".join([self._packed(record) for record in (*first, *records)])
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._raw.write(rest) :]
        except OSError as error:
            error.add_note(f"while writing {self._template.path(self._part)}: {self._cut_back(self._raw)}")
            raise
        self._place = self._place.after(data, ())
        return self.position

    def _packed(self, record: bytes) -> bytes:
        if not self._compress:
            return record
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        return packer.compress(record) + packer.flush()

    def _cut_back(self, raw: io.FileIO) -> str:
        try:
            raw.truncate(self._place.bytes)
            raw.seek(self._place.bytes)
        except OSError as error:
            return f"a part of a batch may stand after its first {self._place.bytes} bytes ({error.strerror})"
        return f"it was cut back to {self._place.bytes} bytes, which end with a whole record"

    def close(self) -> None:
        """Close the file if it is open; where that fails, its descriptor is gone all the same."""
        first, self._first = self._first, None
        try:
            self._close_part()
        finally:
            if first is not None:
                first[1].release()
                first[0].close()

    def _close_part(self) -> None:
        raw, self._raw = self._raw, None
        hold, self._hold = self._hold, None
        if hold is not None:
            hold.release()
        if raw is not None:
            raw.close()

    def paths(self) -> list[Path]:
        """Return the files that have records, the newest one first."""
        return [self._template.path(number) for number in range(self._part, 0, -1)]


READABLE: Final = (*SUFFIXES, ".warc.zst")
"""Suffixes of archives that are read, though not all are written."""


def archive_files(name: object) -> list[Path]:
    """Return the files that *name* stands for: itself, or with ``{n}`` in it all that are numbered so.

    Raises:
        UsageError: there is none, or the suffix is another.
    """
    if not isinstance(name, str) or not name.lower().endswith(READABLE):
        raise UsageError(f"{name!r} is no path of an archive; its suffix is {' or '.join(READABLE)}")
    template = Template(name)
    paths = [template.path(number) for number in template.found()]
    if not paths:
        raise UsageError(f"there is no archive {name}")
    return paths


def _occupied(path: Path) -> str:
    return f"{path} exists and is not empty; pass overwrite=True to replace it, or name another file"
